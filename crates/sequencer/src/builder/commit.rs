//! Group commit: segments wait together for one sync, then everybody is told.

use super::BuilderError;
use crate::{feed::Feed, mempool::Mempool};
use assay_node::{Chain, PendingBlock, PreconfReceipt};
use assay_storage::{Position, Record};
use std::sync::{Arc, mpsc::Receiver};

/// Something to publish once the log is durable up to `position`.
#[derive(Debug)]
pub(super) struct Commit {
    /// End of the last of `records` in the log.
    pub(super) position: Position,
    /// For the feed, with their ends in the log.
    pub(super) records: Vec<(Position, Record)>,
    /// For those who wait.
    pub(super) receipts: Vec<PreconfReceipt>,
    /// For readers of `pending`.
    pub(super) pending: Option<Arc<PendingBlock>>,
}

/// Runs until the builder hangs up. Commits that queue up behind a sync share the next one.
pub(super) fn run(
    commits: &Receiver<Commit>,
    chain: &Chain,
    mempool: &Mempool,
    feed: &Feed,
) -> Result<(), BuilderError> {
    while let Ok(first) = commits.recv() {
        let batch: Vec<Commit> = std::iter::once(first).chain(commits.try_iter()).collect();
        if let (Some(log), Some(last)) = (chain.log(), batch.last()) {
            let started = std::time::Instant::now();
            log.commit(last.position)?;
            metrics::histogram!("assay_log_sync_seconds").record(started.elapsed().as_secs_f64());
            metrics::histogram!("assay_log_sync_segments").record(batch.len() as f64);
        }
        let pending = batch.iter().rev().find_map(|commit| commit.pending.clone());
        if let Some(pending) = pending {
            chain.set_pending(pending);
        }
        for commit in batch {
            feed.publish(&commit.records);
            mempool.confirm(commit.receipts);
        }
    }
    Ok(())
}
