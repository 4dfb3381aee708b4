//! Posts sealed blocks to L1, and gives those up that L1 would no longer take.
//!
//! [`state`] decides from what the driver derived; this file looks, encodes, sends and waits. One batch is on its way at a
//! time. Its signed bytes are on disk before they leave, so a crash repeats them and never signs others instead.

mod encode;
mod outbox;
mod state;

use crate::{
    builder::Controls,
    clock::Clock,
    config::{BatchData, BatcherConfig, BlockConfig},
    turns::{BuilderGone, Turns},
};
use alloy::{primitives::B256, providers::Provider, rpc::types::TransactionReceipt};
use assay_l1::{BatchPost, TxError, TxManager};
use assay_node::{Block, Chain, ChainError, DriverView};
use assay_primitives::limits;
use assay_storage::Journal;
use encode::EncodeError;
use futures::future::BoxFuture;
use outbox::Outgoing;
use state::{BatcherState, Decision, Idle, InboxView, SafeView, Unposted};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Looks at L1's blob price once in so many polls.
const PRICE_EVERY: u32 = 10;
/// Share of the usual block that is built while the backlog is too large.
const THROTTLE_SHARE: usize = 8;

/// Why the batcher stopped.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// The chain cannot be read or rolled back.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The builder is gone.
    #[error(transparent)]
    Builder(#[from] BuilderGone),
    /// The journal cannot be read: what is on its way is unknown.
    #[error("journal of batches: {0}")]
    Journal(String),
    /// Blocks do not survive encoding: a bug. Nothing wrong was posted.
    #[error("blocks {from}..={to} cannot be posted: {reason}")]
    Encoding {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// Why.
        reason: String,
    },
}

/// What the batcher works with.
pub(crate) struct Batcher {
    pub(crate) config: BatcherConfig,
    pub(crate) block: BlockConfig,
    pub(crate) chain: Chain,
    pub(crate) view: watch::Receiver<DriverView>,
    pub(crate) manager: Arc<TxManager>,
    pub(crate) inbox: alloy::primitives::Address,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) turns: Turns,
    pub(crate) controls: Arc<Controls>,
}

type Sending = BoxFuture<'static, (Outgoing, Result<TransactionReceipt, TxError>)>;

struct Running {
    deps: Batcher,
    state: BatcherState,
    unposted: VecDeque<(Unposted, B256)>,
    sending: Option<Sending>,
    idle: Option<Idle>,
    polls: u32,
}

impl Batcher {
    /// Posts until cancelled. What is on its way then is in the journal.
    pub(crate) async fn run(self, cancel: CancellationToken) -> Result<(), BatcherError> {
        let state = BatcherState::new(self.config.clone(), self.chain.config());
        let unfinished = Outgoing::unfinished(&self.journal).await.map_err(BatcherError::Journal)?;
        let mut running =
            Running { deps: self, state, unposted: VecDeque::new(), sending: None, idle: None, polls: 0 };
        if let Some(outgoing) = unfinished {
            tracing::info!("a batch was on its way when the process stopped: sending it again");
            running.send(outgoing);
        }
        let mut tick = tokio::time::interval(Duration::from_millis(running.deps.config.poll_ms));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                (outgoing, result) = sent(&mut running.sending) => running.finish(outgoing, result).await?,
                _ = tick.tick() => running.poll().await?,
            }
        }
    }
}

/// The end of the batch on its way; never, if there is none.
async fn sent(sending: &mut Option<Sending>) -> (Outgoing, Result<TransactionReceipt, TxError>) {
    match sending {
        Some(future) => {
            let done = future.await;
            *sending = None;
            done
        }
        None => std::future::pending().await,
    }
}

impl Running {
    async fn poll(&mut self) -> Result<(), BatcherError> {
        if self.polls.is_multiple_of(PRICE_EVERY) {
            self.follow_price().await;
        }
        self.polls = self.polls.wrapping_add(1);
        let view = self.deps.view.borrow_and_update().clone();
        self.refresh(&view).await?;
        if let Some(from) = self.stale_queue(&view) {
            tracing::warn!(from, "L1 took back queue entries that blocks consumed");
            return self.resequence(from).await;
        }
        let known = view.sync.problem.is_empty().then_some(InboxView {
            l1_block: view.l1_head.number,
            l1_time: view.l1_head.time,
            count: view.position.inbox_next,
            root: view.position.inbox_root,
        });
        let derived = !view.sync.syncing && view.position.l1.number == view.l1_head.number;
        // one less than what L1 may have: not derived yet
        let count = if derived { view.position.inbox_next } else { u64::MAX };
        let safe = SafeView { count, number: view.position.l2.number, hash: view.position.l2.hash };
        let unposted: Vec<Unposted> = self.unposted.iter().map(|(block, _)| *block).collect();
        let now_ms = self.deps.clock.now_ms();
        match self.state.decide(now_ms, known, safe, &unposted, false) {
            Decision::Idle(idle) => {
                self.note(idle);
                Ok(())
            }
            Decision::Resequence { from } => self.resequence(from).await,
            Decision::Post { from, to, level, .. } => self.post(&view, from, to, level).await,
        }
    }

    fn note(&mut self, idle: Idle) {
        if self.idle.replace(idle) == Some(idle) {
            return;
        }
        match idle {
            Idle::L1Down => tracing::warn!("L1 does not answer: batches wait"),
            Idle::Backoff | Idle::Deriving | Idle::InFlight | Idle::Empty | Idle::Young => {
                tracing::debug!(?idle, "no batch now");
            }
        }
    }

    /// Brings the list of unposted blocks in line with the chain.
    async fn refresh(&mut self, view: &DriverView) -> Result<(), BatcherError> {
        let chain = &self.deps.chain;
        let safe = view.position.l2.number;
        while self.unposted.front().is_some_and(|(block, _)| block.number <= safe) {
            self.unposted.pop_front();
        }
        if self.unposted.front().is_some_and(|(block, _)| block.number != safe + 1) {
            self.unposted.clear();
        }
        while let Some((last, hash)) = self.unposted.back() {
            let now = chain.header_by_number(last.number).await?;
            if now.is_some_and(|header| header.hash() == *hash) {
                break;
            }
            self.unposted.pop_back();
        }
        let mut next = self.unposted.back().map_or(safe, |(block, _)| block.number) + 1;
        while let Some(block) = chain.block_by_number(next).await? {
            self.unposted.push_back((summary(&block), block.hash()));
            next += 1;
        }
        let backlog: usize = self.unposted.iter().map(|(block, _)| block.bytes).sum();
        metrics::gauge!("assay_batcher_backlog_bytes").set(backlog as f64);
        metrics::gauge!("assay_batcher_backlog_blocks").set(self.unposted.len() as f64);
        let usual = self.deps.block.block_bytes_max;
        let throttled = backlog >= self.deps.config.backlog_bytes_throttle;
        let bytes = if throttled { usual / THROTTLE_SHARE } else { usual };
        let before = self.deps.controls.block_bytes_max.swap(bytes, Ordering::Relaxed);
        if before != bytes {
            tracing::warn!(backlog, block_bytes_max = bytes, "size of blocks follows the backlog on L1");
        }
        Ok(())
    }

    /// The first unposted block whose forced entries are not on L1 any more.
    fn stale_queue(&self, view: &DriverView) -> Option<u64> {
        let base = view.position.queue_next;
        if view.sync.syncing || !view.sync.problem.is_empty() {
            return None;
        }
        let is_there = |entry: &assay_primitives::QueueEntry| {
            let at = entry.index.checked_sub(base).and_then(|at| view.queue.get(at as usize));
            at.is_some_and(|included| included.entry == *entry)
        };
        let blocks = self.unposted.iter().filter_map(|(block, _)| self.deps.chain.recent_block(block.number));
        blocks.filter(|block| !block.forced.iter().all(is_there)).map(|block| block.number()).next()
    }

    async fn resequence(&mut self, from: u64) -> Result<(), BatcherError> {
        tracing::warn!(
            from,
            "rolling back blocks that L1 will not take; their transactions are sequenced again"
        );
        metrics::counter!("assay_batcher_resequenced_total").increment(1);
        let turn = self.deps.turns.take().await?;
        match self.deps.chain.rollback_to(from.saturating_sub(1)).await {
            Ok(dropped) => {
                turn.give_back(dropped);
                self.unposted.retain(|(block, _)| block.number < from);
                Ok(())
            }
            Err(error) => {
                turn.give_back(Vec::new());
                Err(error.into())
            }
        }
    }

    async fn post(&mut self, view: &DriverView, from: u64, to: u64, level: u32) -> Result<(), BatcherError> {
        let mut blocks: Vec<Arc<Block>> = Vec::new();
        for number in from..=to {
            let Some(block) = self.deps.chain.block_by_number(number).await? else { return Ok(()) };
            blocks.push(block);
        }
        let follows = blocks.first().is_some_and(|first| first.header.parent_hash == view.position.l2.hash);
        if !follows {
            // the chain or the driver moved on since the view
            return Ok(());
        }
        let (chain, position, data) = (self.deps.chain.clone(), view.position, self.deps.config.data);
        let l1_time = view.l1_head.time.max(self.deps.clock.now_ms() / 1000);
        let level = u8::try_from(level).unwrap_or(u8::MAX);
        let raw: usize = blocks.iter().map(|block| summary(block).bytes).sum();
        let encoding = tokio::task::spawn_blocking(move || {
            encode::encode(chain.config(), &position, &blocks, data, level, l1_time)
        });
        let failed = |reason: String| BatcherError::Encoding { from, to, reason };
        let encoded = match encoding.await.map_err(|error| failed(error.to_string()))? {
            Ok(encoded) => encoded,
            Err(error @ EncodeError::Differs(_)) => return Err(failed(error.to_string())),
            Err(error) if from == to => return Err(failed(error.to_string())),
            Err(error) => {
                tracing::debug!(%error, "fewer blocks in a batch");
                self.state.on_too_large();
                return Ok(());
            }
        };
        self.state.on_encoded(raw, encoded.bytes);
        let Some(queue_root) = view.queue_root(encoded.queue_to) else { return Ok(()) };
        let post = BatchPost {
            expected_index: view.position.inbox_next,
            expected_root: view.position.inbox_root,
            queue_to: encoded.queue_to,
            queue_root,
            payload: encoded.payload,
        };
        tracing::info!(
            index = post.expected_index,
            from,
            to,
            bytes = encoded.bytes,
            raw,
            level,
            "posting a batch"
        );
        metrics::counter!("assay_batcher_bytes_total").increment(encoded.bytes as u64);
        let index = post.expected_index;
        let draft = post.draft(self.deps.inbox);
        let outgoing = Outgoing::new(self.deps.journal.clone(), index, &draft);
        self.send(outgoing);
        Ok(())
    }

    fn send(&mut self, mut outgoing: Outgoing) {
        let manager = self.deps.manager.clone();
        self.state.on_sent();
        self.idle = None;
        self.sending = Some(Box::pin(async move {
            let (draft, known) = (outgoing.draft(), outgoing.known());
            let result = manager.send(&draft, known, &mut outgoing).await;
            (outgoing, result)
        }));
    }

    async fn finish(
        &mut self,
        outgoing: Outgoing,
        result: Result<TransactionReceipt, TxError>,
    ) -> Result<(), BatcherError> {
        let now_ms = self.deps.clock.now_ms();
        let over = match result {
            Ok(receipt) => {
                let block = receipt.block_number.unwrap_or_default();
                tracing::info!(l1_block = block, tx = %receipt.transaction_hash, "batch posted");
                metrics::counter!("assay_batcher_posted_total").increment(1);
                self.state.on_included(block);
                true
            }
            // whatever L1 has instead, the driver will show it
            Err(error @ (TxError::Reverted { .. } | TxError::NonceTaken { .. })) => {
                tracing::warn!(%error, "batch not taken");
                metrics::counter!("assay_batcher_reverted_total").increment(1);
                self.state.on_reverted();
                self.state.on_failed(now_ms);
                true
            }
            Err(error) if outgoing.may_be_on_l1(&error) => {
                tracing::warn!(%error, "sending the same bytes again");
                metrics::counter!("assay_batcher_failures_total").increment(1);
                let pause = Duration::from_millis(self.state.on_failed(now_ms));
                tokio::time::sleep(pause).await;
                self.send(outgoing);
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, "batch not sent");
                metrics::counter!("assay_batcher_failures_total").increment(1);
                self.state.on_failed(now_ms);
                // nothing of it left, or L1 said no to the only bytes that did
                true
            }
        };
        if over {
            outgoing.done().await.map_err(|error| BatcherError::Journal(error.to_string()))?;
        }
        Ok(())
    }

    /// Lets the data price aim at what L1 asks. An L1 that does not answer leaves it.
    async fn follow_price(&mut self) {
        let provider = self.deps.manager.provider();
        let wei_per_byte = match self.deps.config.data {
            // a blob costs the same gas however full it is
            BatchData::Blobs => provider.get_blob_base_fee().await.ok().map(|fee| {
                fee.saturating_mul(limits::BLOB_BYTES as u128) / limits::BLOB_PAYLOAD_BYTES as u128
            }),
            // EIP-7623's floor for a byte that is not zero
            BatchData::Calldata => provider.get_gas_price().await.ok().map(|fee| fee.saturating_mul(40)),
        };
        let Some(wei) = wei_per_byte else { return };
        let price = wei.saturating_mul(u128::from(self.deps.block.data_price_percent)) / 100;
        let price = u64::try_from(price).unwrap_or(u64::MAX).max(1);
        self.deps.controls.data_price.store(price, Ordering::Relaxed);
        metrics::gauge!("assay_data_price_target_wei").set(price as f64);
    }
}

fn summary(block: &Block) -> Unposted {
    let own = &block.txs[block.forced.len()..];
    Unposted {
        number: block.number(),
        timestamp: block.header.timestamp,
        bytes: own.iter().map(|tx| tx.raw.len()).sum(),
        txs: own.len(),
    }
}
