//! The driver's actor: reads L1, executes, rolls back, saves; [`DriverState`] says what.

use alloy::primitives::B256;
use assay_l1::{Included, L1Block, L1Error, Severity};
use assay_primitives::QueueEntry;
use assay_storage::BatchRow;
use futures::future::BoxFuture;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Action, Applied, CheckpointStore, DriverError, DriverMode, DriverState, Event, L1Source, Point, Work,
};
use crate::{
    block::Block,
    chain::Chain,
    head::{BlockRef, SyncState},
};

/// Longest wait after failures, in polls.
const BACKOFF_MAX: u32 = 16;
/// How often L1 may change under one look at it before the driver waits.
const REORGANISATIONS_MAX: u32 = 8;

/// How the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverConfig {
    /// What happens to local blocks when L1 takes batches back.
    pub mode: DriverMode,
    /// The L1 block before the Inbox's.
    pub origin: L1Block,
    /// Time between looks at L1's heads.
    pub poll: Duration,
}

/// What the driver tells others, always the newest.
#[derive(Clone, Debug)]
pub struct DriverView {
    /// Progress.
    pub sync: SyncState,
    /// Newest L1 block seen.
    pub l1_head: L1Block,
    /// Position of derivation: inbox and queue counters with their roots, last derived L2 block.
    pub position: Point,
    /// Queue entries on L1 that no derived batch consumed, in order.
    pub queue: Arc<[Included<QueueEntry>]>,
}

/// Stops whoever else writes to the chain while the driver does: the sequencer's builder.
pub trait Gate: Send + Sync + 'static {
    /// Returns when nobody else writes to the chain any more.
    fn pause(&self) -> BoxFuture<'_, ()>;

    /// Others may write again. `dropped` are the blocks that L1 contradicts, newest first: their transactions, and those of blocks
    /// built on them, are not in the chain any more.
    fn resume(&self, dropped: Vec<Arc<Block>>);
}

/// Nobody else writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGate;

impl Gate for NoGate {
    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn resume(&self, _dropped: Vec<Arc<Block>>) {}
}

/// Derives the chain from L1. One task owns it.
pub struct Driver<L, C> {
    state: DriverState,
    poll: Duration,
    chain: Chain,
    l1: L,
    checkpoints: C,
    gate: Arc<dyn Gate>,
    view: watch::Sender<DriverView>,
    problem: String,
}

impl<L, C> std::fmt::Debug for Driver<L, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<L: L1Source, C: CheckpointStore> Driver<L, C> {
    /// A driver that goes on from the last checkpoint whose block `chain` has, and what it tells.
    pub async fn new(
        config: DriverConfig,
        chain: Chain,
        l1: L,
        checkpoints: C,
        gate: Arc<dyn Gate>,
    ) -> Result<(Self, watch::Receiver<DriverView>), DriverError> {
        let genesis = chain.genesis();
        let origin = Point::origin(config.origin, genesis.block_ref(), genesis.header.timestamp);
        let checkpoint = checkpoints.load()?;
        let mut known = Vec::new();
        for point in checkpoint.iter().flat_map(|checkpoint| &checkpoint.points) {
            let header = chain.header_by_number(point.l2.number).await?;
            if header.is_some_and(|header| header.hash() == point.l2.hash) {
                known.push(point.l2);
            }
        }
        let cfg = chain.config().clone();
        let state = DriverState::new(cfg, config.mode, origin, checkpoint, |block| known.contains(block));
        let position = *state.position();
        let view = DriverView {
            sync: SyncState { syncing: true, ..SyncState::default() },
            l1_head: position.l1,
            position,
            queue: Arc::new([]),
        };
        let (view, receiver) = watch::channel(view);
        let mut driver =
            Self { state, poll: config.poll, chain, l1, checkpoints, gate, view, problem: String::new() };
        for action in driver.state.start() {
            driver.perform(action).await?;
        }
        driver.publish();
        Ok((driver, receiver))
    }

    /// Follows L1 until cancelled. Errors only when going on makes no sense; an L1 that is down is waited for.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), DriverError> {
        let mut failures = 0u32;
        loop {
            let work = self.catch_up();
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                done = work => done?,
            }
            failures = if self.problem.is_empty() { 0 } else { failures.saturating_add(1) };
            let wait = self.poll * 2u32.saturating_pow(failures).min(BACKOFF_MAX);
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks at L1's heads once and does everything that follows from them.
    pub async fn catch_up(&mut self) -> Result<(), DriverError> {
        self.problem.clear();
        let mut events = VecDeque::new();
        match self.l1.heads().await {
            Ok(heads) => events.push_back(Event::Heads { latest: heads.latest, finalized: heads.finalized }),
            Err(error) => {
                self.note(error)?;
            }
        }
        let mut reorganisations = 0;
        while let Some(mut event) = events.pop_front() {
            reorganisations += u32::from(matches!(event, Event::Reorganised));
            if reorganisations > REORGANISATIONS_MAX {
                self.problem = "L1 changes whenever it is read".into();
                event = Event::Failed;
            }
            for action in self.state.step(event) {
                events.extend(self.perform(action).await?);
            }
            self.publish();
        }
        self.publish();
        Ok(())
    }

    /// What the driver tells, now.
    pub fn view(&self) -> DriverView {
        self.view.borrow().clone()
    }

    fn publish(&self) {
        let position = *self.state.position();
        let l1_head = *self.state.latest();
        let behind = position.l1.number < l1_head.number;
        let sync = SyncState {
            l1_head: l1_head.number,
            l1_derived: position.l1.number,
            inbox_next: position.inbox_next,
            inbox_len: position.inbox_next,
            queue_next: position.queue_next,
            syncing: behind || !self.state.is_idle(),
            problem: self.problem.clone(),
        };
        metrics::gauge!("assay_driver_l1_derived").set(position.l1.number as f64);
        metrics::gauge!("assay_driver_inbox_next").set(position.inbox_next as f64);
        let queue = self.state.pending_queue().cloned().collect();
        self.view.send_replace(DriverView { sync, l1_head, position, queue });
    }

    /// Does one thing; some give the next event.
    async fn perform(&mut self, action: Action) -> Result<Option<Event>, DriverError> {
        match action {
            Action::Read { from, to, parent } => match self.l1.read(from, to, parent).await {
                Ok(segment) => Ok(Some(Event::Segment(Box::new(segment)))),
                Err(error) if error.severity() == Severity::Reset => Ok(Some(Event::Reorganised)),
                Err(error) => self.note(error).map(Some),
            },
            Action::Check { number, hash } => match self.l1.is_canonical(number, hash).await {
                Ok(is_canonical) => Ok(Some(Event::Checked { is_canonical })),
                Err(error) => self.note(error).map(Some),
            },
            Action::Apply(work) => self.apply(*work).await.map(|applied| Some(Event::Applied(applied))),
            Action::Rewind { to, drop_blocks } => self.rewind(&to, drop_blocks).await.map(|()| None),
            Action::SetHeads { safe, finalized } => {
                self.chain.set_heads(safe, finalized);
                Ok(None)
            }
            Action::Save => self.checkpoints.save(&self.state.checkpoint()).map(|()| None),
            Action::Report(problem) => {
                tracing::warn!(%problem, "L1 contradicts itself");
                self.problem = problem.to_string();
                Ok(None)
            }
            Action::FinalityBroken { number, hash } => Err(DriverError::FinalityBroken { number, hash }),
            Action::OriginGone { number, hash } => Err(DriverError::OriginGone { number, hash }),
        }
    }

    /// Remembers why L1 did not answer; an error that waiting does not cure is returned.
    fn note(&mut self, error: L1Error) -> Result<Event, DriverError> {
        if error.severity() == Severity::Fatal {
            return Err(error.into());
        }
        tracing::warn!(%error, "L1");
        self.problem = error.to_string();
        Ok(Event::Failed)
    }

    async fn rewind(&self, to: &Point, drop_blocks: bool) -> Result<(), DriverError> {
        tracing::info!(l1 = to.l1.number, l2 = to.l2.number, "going back to an earlier L1 block");
        metrics::counter!("assay_driver_rewinds").increment(1);
        if let Some(index) = self.chain.index() {
            index.truncate_batches(to.inbox_next).await.map_err(crate::ChainError::from)?;
        }
        if drop_blocks && self.chain.heads().latest.number > to.l2.number {
            self.gate.pause().await;
            let dropped = self.chain.rollback_to(to.l2.number).await;
            self.gate.resume(dropped?);
        }
        Ok(())
    }

    /// Makes the chain have the blocks of `work`: finds those that are there, executes the others.
    async fn apply(&self, work: Work) -> Result<Applied, DriverError> {
        if let Some(fault) = &work.fault {
            tracing::warn!(batch = work.batch.entry.index, %fault, "bad batch: only its forced entries count");
            metrics::counter!("assay_driver_bad_batches").increment(1);
        }
        let mut at = Applied { tip: work.parent, time: work.parent_time };
        let mut inputs = work.blocks.iter();
        while let Some(input) = inputs.as_slice().first() {
            let Some(block) = self.local(at.tip).await?.filter(|block| block.is_input(input)) else { break };
            at = Applied { tip: block.block_ref(), time: block.header.timestamp };
            inputs.next();
        }
        if !inputs.as_slice().is_empty() {
            self.gate.pause().await;
            let result = self.execute(at, inputs.as_slice()).await;
            let (dropped, result) = match result {
                Ok((applied, dropped)) => (dropped, Ok(applied)),
                Err(error) => (vec![], Err(error)),
            };
            self.gate.resume(dropped);
            at = result?;
        }
        self.record(&work, at).await?;
        Ok(at)
    }

    /// The local block after `parent`.
    async fn local(&self, parent: BlockRef) -> Result<Option<Arc<Block>>, DriverError> {
        let block = self.chain.block_by_number(parent.number + 1).await?;
        Ok(block.filter(|block| block.header.parent_hash == parent.hash))
    }

    /// Executes `inputs` after `at`, in place of whatever the chain has there. Returns what was dropped, newest first.
    async fn execute(
        &self,
        mut at: Applied,
        inputs: &[assay_execution::BlockInput],
    ) -> Result<(Applied, Vec<Arc<Block>>), DriverError> {
        let mut dropped = Vec::new();
        for input in inputs {
            if let Some(block) = self.local(at.tip).await?.filter(|block| block.is_input(input)) {
                at = Applied { tip: block.block_ref(), time: block.header.timestamp };
                continue;
            }
            if self.chain.heads().latest.number > at.tip.number {
                tracing::warn!(to = at.tip.number, "L1 says another block: dropping local ones");
                metrics::counter!("assay_driver_divergences").increment(1);
                dropped.extend(self.chain.rollback_to(at.tip.number).await?);
            }
            let head = self.chain.heads().latest;
            if head != at.tip {
                let (number, parent) = (at.tip.number + 1, at.tip.hash);
                return Err(crate::ChainError::NotOnHead { number, parent, head }.into());
            }
            let (chain, input) = (self.chain.clone(), input.clone());
            let block = tokio::task::spawn_blocking(move || chain.extend(&input)).await??;
            at = Applied { tip: block.block_ref(), time: block.header.timestamp };
        }
        Ok((at, dropped))
    }

    /// Writes the batch into the index, for those who ask where a block came from.
    async fn record(&self, work: &Work, at: Applied) -> Result<(), DriverError> {
        let Some(index) = self.chain.index() else { return Ok(()) };
        let entry = &work.batch.entry;
        let row = BatchRow {
            inbox_index: entry.index,
            kind: entry.kind as u8,
            l1_block: work.batch.block.number,
            l1_hash: work.batch.block.hash,
            l1_tx: work.batch.tx_hash,
            queue_from: entry.queue_from,
            queue_to: entry.queue_to,
            l2_first: work.parent.number + 1,
            l2_last: at.tip.number,
            bytes: work.payload_bytes,
        };
        index.put_batches(&[row]).await.map_err(crate::ChainError::from)?;
        Ok(())
    }
}

impl DriverView {
    /// Root of the queue's tree with `count` entries, which a batch that consumes up to there names; `None` if L1 has not
    /// shown as many, or they are consumed already.
    pub fn queue_root(&self, count: u64) -> Option<B256> {
        match count.checked_sub(self.position.queue_next)? {
            0 => Some(self.position.queue_root),
            pending => self.queue.get(pending as usize - 1).map(|included| included.root),
        }
    }
}
