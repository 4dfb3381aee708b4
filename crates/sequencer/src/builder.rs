//! Builds blocks on a thread of its own: opens them, fills them segment by segment, seals them.
//!
//! The thread never waits for the disk: a second one syncs the log and tells everybody (see `commit`).
//! It is the only writer of the chain, except while somebody holds its turn ([`Command::Pause`]).

mod commit;
mod open;
mod schedule;
#[cfg(test)]
mod tests;

use crate::{
    admission::Payload,
    clock::{Alarm, Clock},
    config::BlockConfig,
    feed::Feed,
    forced::ForcedQueue,
    mempool::Mempool,
    pool::BlockFees,
};
use alloy::primitives::{B256, U256};
use assay_execution::{BlockError, ExecutedBlock, PushError, Receipt, execute_recovered, next_base_fee};
use assay_node::{Block, Chain, ChainError, Logged, OpenBlock as Unfinished, StateError, recover_all};
use assay_primitives::predeploys;
use assay_storage::{LogError, Position, Record};
use commit::Commit;
use open::{OpenBlock, Segment};
use schedule::Next;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Longest sleep of the builder: it looks at the clock again after that.
const SLEEP_MAX: Duration = Duration::from_millis(250);
/// Pending blocks are shown so rarely that it takes this fraction of the time.
const PENDING_SHARE: u32 = 10;
/// Receipts of dropped blocks that are remembered, to report those that change.
const LOST_MAX: usize = 100_000;

/// Why the builder stopped. Nothing after the last sealed block has reached feed or batcher.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// The block log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The open block cannot go on.
    #[error("executing block: {0}")]
    Block(#[from] BlockError<StateError>),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Executing the block again from its bytes gives something else: a bug in the builder or in execution.
    #[error("block {number} executed again differs in its {part}")]
    SealMismatch {
        /// Number of the block.
        number: u64,
        /// What differs.
        part: &'static str,
    },
    /// The log's open block does not execute as it did before the restart.
    #[error("transaction {index} of the open block {number} in the log cannot be executed again: {reason}")]
    Replay {
        /// Number of the block.
        number: u64,
        /// Place of the transaction.
        index: usize,
        /// Why.
        reason: String,
    },
    /// The thread that syncs the log is gone; its own error says why.
    #[error("the commit thread stopped")]
    CommitStopped,
    /// A thread panicked.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}

/// What the builder is told.
pub(crate) enum Command {
    /// Give up the open block, say so through `ready`, and write nothing until `resume` answers with the blocks that
    /// were dropped meanwhile (newest first), or hangs up.
    Pause {
        /// Told when the chain is free.
        ready: oneshot::Sender<()>,
        /// Answers when the turn is given back.
        resume: std::sync::mpsc::Receiver<Vec<Arc<Block>>>,
    },
    /// Stop after the segment that is being executed. The open block stays in the log.
    Stop,
}

/// What others may change while the builder runs.
#[derive(Debug)]
pub(crate) struct Controls {
    /// Price per byte that blocks should propose, in wei; 0 keeps the present one.
    pub(crate) data_price: AtomicU64,
    /// Most bytes of transactions in one block.
    pub(crate) block_bytes_max: AtomicUsize,
}

impl Controls {
    pub(crate) fn new(config: &BlockConfig) -> Self {
        Self { data_price: AtomicU64::new(0), block_bytes_max: AtomicUsize::new(config.block_bytes_max) }
    }
}

pub(crate) struct Builder {
    pub(crate) config: BlockConfig,
    pub(crate) chain: Chain,
    pub(crate) mempool: Mempool,
    pub(crate) forced: Arc<ForcedQueue>,
    pub(crate) feed: Feed,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) controls: Arc<Controls>,
}

/// Where the builder begins.
pub(crate) struct Start {
    pub(crate) commands: Receiver<Command>,
    /// First queue entry that the chain has not consumed.
    pub(crate) queue_next: u64,
    /// Block that was open at the last stop.
    pub(crate) unfinished: Option<Unfinished>,
    /// Blocks that others rolled back since, newest first.
    pub(crate) dropped: Vec<Arc<Block>>,
}

impl Builder {
    /// Runs until told to stop. Blocks the thread.
    pub(crate) fn run(self, start: Start) -> Result<(), BuilderError> {
        let (sender, receiver) = sync_channel(self.config.segments_in_flight_max);
        let (chain, mempool, feed) = (self.chain.clone(), self.mempool.clone(), self.feed.clone());
        let committer = std::thread::Builder::new()
            .name("commit".into())
            .spawn(move || commit::run(&receiver, &chain, &mempool, &feed))
            .map_err(|error| BuilderError::Log(error.into()))?;
        let result = Running::start(self, sender, start).and_then(|mut running| running.run());
        // the sender is gone by now, so the committer ends after what it has
        match (result, committer.join()) {
            (_, Err(_)) => Err(BuilderError::Panicked("commit")),
            (Ok(()) | Err(BuilderError::CommitStopped), Ok(committed)) => committed,
            (Err(error), Ok(_)) => Err(error),
        }
    }
}

struct Running {
    deps: Builder,
    commands: Receiver<Command>,
    queue_next: u64,
    commits: SyncSender<Commit>,
    open: Option<OpenBlock>,
    /// Whether the open block's `Open` record is in the log.
    logged_open: bool,
    /// Whether readers of `pending` have not seen the last segment.
    pending_stale: bool,
    pending_not_before: Instant,
    /// What transactions of dropped blocks did there.
    lost: HashMap<B256, Receipt>,
    /// Stands in for positions of the log on a chain without one.
    records: Position,
}

impl Running {
    fn start(deps: Builder, commits: SyncSender<Commit>, start: Start) -> Result<Self, BuilderError> {
        let Start { commands, queue_next, unfinished, dropped } = start;
        let mut running = Self {
            deps,
            commands,
            queue_next,
            commits,
            open: None,
            logged_open: false,
            pending_stale: false,
            pending_not_before: Instant::now(),
            lost: HashMap::new(),
            records: 0,
        };
        let head = running.deps.chain.latest().hash();
        let mut unsealed = Vec::new();
        if let Some(unfinished) = unfinished {
            if unfinished.parent == head {
                running.replay(&unfinished)?;
            } else {
                tracing::warn!(
                    number = unfinished.number,
                    "the chain has moved: the open block of the log is void"
                );
                let txs = recover_all(&unfinished.input().txs, running.deps.chain.config());
                unsealed.extend(txs.into_iter().flatten().map(|tx| (Arc::new(tx), None)));
            }
        }
        if dropped.is_empty() && unsealed.is_empty() {
            running.new_head()?;
        } else {
            running.resequence(dropped, unsealed)?;
        }
        Ok(running)
    }

    fn run(&mut self) -> Result<(), BuilderError> {
        loop {
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Stop => return Ok(()),
                    Command::Pause { ready, resume } => self.pause(ready, &resume)?,
                }
            }
            self.step()?;
        }
    }

    fn step(&mut self) -> Result<(), BuilderError> {
        let now_ms = self.deps.clock.now_ms();
        let bytes_max = self.deps.controls.block_bytes_max.load(Ordering::Relaxed);
        let open = self.open.as_ref().map(|open| open.time(&self.deps.config, bytes_max));
        let parent_time = self.deps.chain.latest().header.timestamp;
        match schedule::next(&self.deps.config, now_ms, parent_time, open, self.has_work()) {
            Next::Open { timestamp } => self.open(timestamp),
            Next::Run => self.run_segment(bytes_max),
            Next::Seal => self.seal(),
            Next::Wait { until_ms } => {
                if self.pending_stale {
                    return self.show_pending();
                }
                let wait = Duration::from_millis(until_ms.saturating_sub(now_ms));
                self.deps.alarm.wait(wait.min(SLEEP_MAX));
                Ok(())
            }
        }
    }

    fn has_work(&self) -> bool {
        let forced = || self.open.is_none() && self.deps.forced.is_due(self.queue_next);
        self.deps.mempool.with_pool(|pool| pool.best().is_some()) || forced()
    }

    fn open(&mut self, timestamp: u64) -> Result<(), BuilderError> {
        let mut open = OpenBlock::new(&self.deps.chain, timestamp, self.proposed_price()?)?;
        let segment = open.push_forced(self.deps.forced.due(self.queue_next))?;
        self.open = Some(open);
        self.logged_open = false;
        self.publish(segment)
    }

    /// What the block proposes: what L1 asks now, else what it is.
    fn proposed_price(&self) -> Result<u64, BuilderError> {
        match self.deps.controls.data_price.load(Ordering::Relaxed) {
            0 => Ok(self.data_price()?.saturating_to()),
            price => Ok(price),
        }
    }

    fn data_price(&self) -> Result<U256, StateError> {
        self.deps.chain.latest_state().storage(predeploys::DATA_FEE, U256::ZERO)
    }

    fn run_segment(&mut self, bytes_max: usize) -> Result<(), BuilderError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let started = Instant::now();
        let segment = open.fill(&self.deps.mempool, &self.deps.config, bytes_max)?;
        metrics::histogram!("assay_segment_seconds").record(started.elapsed().as_secs_f64());
        metrics::histogram!("assay_segment_txs").record(segment.txs.len() as f64);
        self.report_changes(segment.txs.len());
        self.publish(segment)
    }

    /// Puts a segment into the log and hands it to the committer.
    fn publish(&mut self, segment: Segment) -> Result<(), BuilderError> {
        if segment.is_empty() {
            return Ok(());
        }
        let mut records = self.open_record();
        records.push(Record::Segment { forced: segment.forced, txs: segment.txs });
        let records = self.append(records)?;
        self.pending_stale = true;
        let pending = match Instant::now() >= self.pending_not_before {
            true => self.pending_block(),
            false => None,
        };
        self.commit(Commit { position: self.position(), records, receipts: segment.awaited, pending })
    }

    fn show_pending(&mut self) -> Result<(), BuilderError> {
        let pending = self.pending_block();
        self.pending_stale = false;
        self.commit(Commit { position: self.position(), records: Vec::new(), receipts: Vec::new(), pending })
    }

    fn pending_block(&mut self) -> Option<Arc<assay_node::PendingBlock>> {
        let started = Instant::now();
        let pending = self.open.as_ref().map(|open| Arc::new(open.pending()));
        self.pending_not_before = Instant::now() + started.elapsed() * PENDING_SHARE;
        self.pending_stale = false;
        pending
    }

    /// The open block's first record, unless the log has it.
    fn open_record(&mut self) -> Vec<Record> {
        let Some(open) = self.open.as_ref().filter(|_| !self.logged_open) else { return Vec::new() };
        self.logged_open = true;
        let header = open.builder.header();
        vec![Record::Open {
            number: header.number,
            timestamp: header.timestamp,
            data_price: open.input.data_price,
            parent: header.parent_hash,
        }]
    }

    fn append(&mut self, records: Vec<Record>) -> Result<Vec<(Position, Record)>, BuilderError> {
        let mut ends = Vec::with_capacity(records.len());
        for record in records {
            let end = match self.deps.chain.log() {
                Some(log) => log.append(&record)?,
                None => {
                    self.records += 1;
                    self.records
                }
            };
            ends.push((end, record));
        }
        Ok(ends)
    }

    fn position(&self) -> Position {
        self.deps.chain.log().map_or(self.records, |log| log.end())
    }

    fn commit(&self, commit: Commit) -> Result<(), BuilderError> {
        self.commits.send(commit).map_err(|_| BuilderError::CommitStopped)
    }

    /// Executes the block again from its bytes on clean state, and makes it the head if nothing differs.
    fn seal(&mut self) -> Result<(), BuilderError> {
        let opening = self.open_record();
        let Some(open) = self.open.take() else { return Ok(()) };
        let started = Instant::now();
        let parent = self.deps.chain.latest();
        let txs = open::decode_again(&open.builder.txs()[open.input.queue.len()..]);
        let view = self.deps.chain.state_at(parent.number())?;
        let again = execute_recovered(self.deps.chain.config(), &parent.header, &open.input, txs, view)?;
        let built = open.builder.seal()?;
        if let Some(part) = difference(&built, &again) {
            return Err(BuilderError::SealMismatch { number: built.header.number, part });
        }
        let mut records = self.append(opening)?;
        self.queue_next += open.input.queue.len() as u64;
        let block = self.deps.chain.append(again, &open.input, Logged::Segments)?;
        let seal =
            Record::Seal { number: block.number(), hash: block.hash(), state_root: block.header.state_root };
        let end = match self.deps.chain.log() {
            Some(log) => log.end(),
            None => self.append(Vec::new()).map(|_| {
                self.records += 1;
                self.records
            })?,
        };
        records.push((end, seal));
        self.pending_stale = false;
        self.commit(Commit { position: end, records, receipts: Vec::new(), pending: None })?;
        metrics::histogram!("assay_seal_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("assay_block_txs_total").increment(block.txs.len() as u64);
        metrics::gauge!("assay_head_unsafe").set(block.number() as f64);
        tracing::debug!(number = block.number(), hash = %block.hash(), txs = block.txs.len(), "sealed");
        self.new_head()
    }

    /// The pool learns what the next block charges.
    fn new_head(&mut self) -> Result<(), BuilderError> {
        let head = self.deps.chain.latest();
        let base_fee = u128::from(next_base_fee(self.deps.chain.config(), &head.header));
        let fees = BlockFees { base_fee, data_price: self.data_price()?.saturating_to() };
        let now_secs = self.deps.clock.now_ms() / 1000;
        self.refresh_stalled()?;
        let stats = self.deps.mempool.with_pool(|pool| {
            pool.start_block(fees, now_secs);
            pool.stats()
        });
        metrics::gauge!("assay_pool_pending").set(stats.pending as f64);
        metrics::gauge!("assay_pool_queued").set(stats.queued as f64);
        metrics::gauge!("assay_pool_bytes").set(stats.bytes as f64);
        Ok(())
    }

    /// Deposits, authorisations and late views can leave the pool with a nonce that is too low.
    fn refresh_stalled(&self) -> Result<(), BuilderError> {
        let state = self.deps.chain.pending_state();
        let stalled: Vec<_> = self.deps.mempool.with_pool(|pool| pool.stalled().collect());
        for sender in stalled {
            let nonce = state.account(sender)?.unwrap_or_default().nonce;
            self.deps.mempool.with_pool(|pool| pool.set_nonce(sender, nonce));
        }
        Ok(())
    }

    /// Executes the open block of the log again; it goes on where it stopped.
    fn replay(&mut self, unfinished: &Unfinished) -> Result<(), BuilderError> {
        let number = unfinished.number;
        let input = unfinished.input();
        let mut open = OpenBlock::new(&self.deps.chain, input.timestamp, input.data_price)?;
        let forced = input.queue.len();
        if open.push_forced(input.queue)?.forced.len() != forced {
            let reason = "forced entries need more than half of the gas".into();
            return Err(BuilderError::Replay { number, index: 0, reason });
        }
        let recovered = recover_all(&input.txs, self.deps.chain.config());
        for (index, tx) in recovered.into_iter().enumerate() {
            let failed = |reason: String| BuilderError::Replay { number, index: forced + index, reason };
            let tx = tx.map_err(|error| failed(error.to_string()))?;
            match open.replay(&tx) {
                Ok(()) => {}
                Err(PushError::Rejected(reason)) => return Err(failed(reason.to_string())),
                Err(PushError::Block(error)) => return Err(error.into()),
            }
        }
        tracing::info!(number, txs = input.txs.len(), forced, "went on with the open block of the log");
        // it is durable, and admission must see it before the first step
        self.deps.chain.set_pending(Arc::new(open.pending()));
        self.open = Some(open);
        self.logged_open = true;
        Ok(())
    }

    /// Lets somebody else write; then sequences again what was lost meanwhile.
    fn pause(
        &mut self,
        ready: oneshot::Sender<()>,
        resume: &Receiver<Vec<Arc<Block>>>,
    ) -> Result<(), BuilderError> {
        let unsealed = self.open.take().map(|open| {
            let receipts = open.builder.receipts()[open.input.queue.len()..].to_vec();
            open.payloads().into_iter().zip(receipts.into_iter().map(Some)).collect::<Vec<_>>()
        });
        self.pending_stale = false;
        let before = self.deps.chain.latest();
        if ready.send(()).is_err() {
            // whoever asked is gone; the block that was open is built again from the pool
            return self.resequence(Vec::new(), unsealed.unwrap_or_default());
        }
        let dropped = resume.recv().unwrap_or_default();
        let after = self.deps.chain.latest();
        tracing::info!(
            before = before.number(),
            after = after.number(),
            dropped = dropped.len(),
            "somebody else wrote the chain"
        );
        self.resequence(dropped, unsealed.unwrap_or_default())
    }

    /// Puts the transactions of dropped blocks (newest first) and of the given-up open block back into the pool.
    fn resequence(
        &mut self,
        dropped: Vec<Arc<Block>>,
        unsealed: Vec<(Payload, Option<Receipt>)>,
    ) -> Result<(), BuilderError> {
        self.queue_next = self.deps.forced.next_after(&self.deps.chain, self.queue_next, &dropped);
        let state = self.deps.chain.latest_state();
        let senders: Vec<_> = self.deps.mempool.with_pool(|pool| pool.senders().collect());
        for sender in senders {
            let nonce = state.account(sender)?.unwrap_or_default().nonce;
            self.deps.mempool.with_pool(|pool| pool.set_nonce(sender, nonce));
        }
        self.new_head()?;
        let sealed = dropped.iter().rev().flat_map(|block| {
            let own = block.forced.len();
            block.txs[own..]
                .iter()
                .cloned()
                .map(Arc::new)
                .zip(block.receipts[own..].iter().cloned().map(Some))
        });
        let again: Vec<(Payload, Option<Receipt>)> = sealed.chain(unsealed).collect();
        self.lost.clear();
        let included = self.included_since(dropped.last().map_or(u64::MAX, |block| block.number()));
        let total = again.len();
        let kept = again.into_iter().filter(|(tx, receipt)| {
            let kept = self.deps.mempool.put_back([tx.clone()]) == 1;
            if !kept && !included.contains(&tx.hash) {
                tracing::warn!(hash = %tx.hash, "a preconfirmed transaction is not valid on the new chain");
            }
            if let Some(receipt) = receipt.as_ref().filter(|_| self.lost.len() < LOST_MAX) {
                self.lost.insert(tx.hash, receipt.clone());
            }
            kept
        });
        let kept = kept.count();
        if total > 0 {
            tracing::info!(total, kept, "transactions sequenced again");
        }
        Ok(())
    }

    /// Transactions in blocks from `number` on.
    fn included_since(&self, number: u64) -> HashSet<B256> {
        let blocks =
            (number..=self.deps.chain.latest().number()).filter_map(|n| self.deps.chain.recent_block(n));
        blocks.flat_map(|block| block.txs.iter().map(|tx| tx.hash).collect::<Vec<_>>()).collect()
    }

    /// Reports preconfirmed transactions that do something else in their new block.
    fn report_changes(&mut self, count: usize) {
        if self.lost.is_empty() {
            return;
        }
        let Some(open) = &self.open else { return };
        let from = open.builder.txs().len() - count;
        for (tx, receipt) in open.builder.txs()[from..].iter().zip(&open.builder.receipts()[from..]) {
            let Some(before) = self.lost.remove(&tx.hash) else { continue };
            if (before.success, &before.logs, before.gas_used)
                != (receipt.success, &receipt.logs, receipt.gas_used)
            {
                metrics::counter!("assay_preconfirmations_changed_total").increment(1);
                tracing::warn!(
                    hash = %tx.hash, block = open.number(), before = before.success, after = receipt.success,
                    "the result of a preconfirmed transaction changed"
                );
            }
        }
    }
}

/// The first part in which two executions of a block differ.
fn difference(built: &ExecutedBlock, again: &ExecutedBlock) -> Option<&'static str> {
    let same_txs = built.txs.len() == again.txs.len()
        && built.txs.iter().zip(&again.txs).all(|(a, b)| (a.hash, a.sender) == (b.hash, b.sender));
    [
        (!again.skipped.is_empty(), "skipped transactions"),
        (!same_txs, "transactions"),
        (built.receipts != again.receipts, "receipts"),
        (built.header != again.header, "header"),
        (built.changes != again.changes, "state"),
    ]
    .into_iter()
    .find_map(|(differs, part)| differs.then_some(part))
}
