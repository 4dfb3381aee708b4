//! Derivation: from one entry of the inbox to the blocks that it makes. Pure and total (PROTOCOL, section 3).

#[cfg(test)]
mod tests;

use crate::{
    BlockInput,
    batch::{Batch, BatchBlock, BatchError},
    blob::{BlobError, blobs_decode},
};
use alloc::{borrow::Cow, vec::Vec};
use alloy_primitives::B256;
use assay_primitives::{BatchKind, ChainConfig, InboxEntry, QueueEntry};

/// Where the derived chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Number of the last derived block.
    pub parent_number: u64,
    /// Its hash.
    pub parent_hash: B256,
    /// Its time in seconds.
    pub parent_time: u64,
    /// The first queue entry that no batch has consumed.
    pub queue_next: u64,
}

/// What an inbox entry derives to, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The blocks in order; the first one follows the cursor.
    pub blocks: Vec<BlockInput>,
    /// What is wrong with the batch; its blocks are then those of the forced entries alone.
    pub fault: Option<BatchFault>,
    /// Transactions of a good batch that damage took away.
    pub lost_txs: usize,
}

/// Why a posted batch derives to nothing but its forced entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchFault {
    /// The blobs are not ours.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The envelope is damaged.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Built on another block.
    #[error("built on block {found} ({found_hash}), expected {expected} ({expected_hash})")]
    Parent {
        /// The last derived block.
        expected: u64,
        /// Its hash.
        expected_hash: B256,
        /// The parent that the batch names.
        found: u64,
        /// The parent hash that it names.
        found_hash: B256,
    },
    /// A block that is not later than the one before.
    #[error("block time {found} does not rise above {parent}")]
    TimeNotRising {
        /// Time of the block before.
        parent: u64,
        /// Time of the block.
        found: u64,
    },
    /// A block too far from its L1 block.
    #[error("block time {found} lies outside of {min}..={max}")]
    TimeOutOfRange {
        /// Earliest time.
        min: u64,
        /// Latest time.
        max: u64,
        /// Time of the block.
        found: u64,
    },
    /// The blocks consume another number of queue entries than the batch.
    #[error("blocks consume {found} queue entries, the batch {expected}")]
    QueueCount {
        /// Entries that the batch consumes.
        expected: u64,
        /// Entries that its blocks name.
        found: u64,
    },
    /// Forced entries that leave less than half of a block to others.
    #[error("forced entries of a block need {found} gas, at most {max} are allowed")]
    ForcedGas {
        /// Half of the gas limit.
        max: u64,
        /// Sum of the entries' gas limits.
        found: u64,
    },
}

/// The blocks of an inbox entry. See [`derive_explained`].
pub fn derive(
    cfg: &ChainConfig,
    cursor: &Cursor,
    entry: &InboxEntry,
    queue: &[QueueEntry],
) -> Vec<BlockInput> {
    derive_explained(cfg, cursor, entry, queue).blocks
}

/// The blocks of an inbox entry, with the reason if they are forced blocks only.
///
/// Total: any payload derives. Precondition: `queue` holds exactly the entries `entry.queue_from..entry.queue_to`, whose leaves the
/// caller has checked, and `queue_from` is the cursor's `queue_next`; only its length and contents are used.
///
/// A good batch's blocks do not depend on the L1 block that includes it, so it may be posted again after a reorganisation.
pub fn derive_explained(
    cfg: &ChainConfig,
    cursor: &Cursor,
    entry: &InboxEntry,
    queue: &[QueueEntry],
) -> Derivation {
    debug_assert_eq!(entry.queue_from, cursor.queue_next);
    debug_assert_eq!(entry.queue_from + queue.len() as u64, entry.queue_to);
    match read(cfg, cursor, entry, queue) {
        Ok(Some((batch, lost_txs))) => {
            Derivation { blocks: batch_blocks(batch, queue), fault: None, lost_txs }
        }
        Ok(None) => Derivation { blocks: forced_blocks(cfg, cursor, entry, queue), fault: None, lost_txs: 0 },
        Err(fault) => {
            Derivation { blocks: forced_blocks(cfg, cursor, entry, queue), fault: Some(fault), lost_txs: 0 }
        }
    }
}

/// The entry's batch if all rules hold for it; `None` for a forced batch, which has none.
fn read(
    cfg: &ChainConfig,
    cursor: &Cursor,
    entry: &InboxEntry,
    queue: &[QueueEntry],
) -> Result<Option<(Batch, usize)>, BatchFault> {
    let payload = match entry.kind {
        BatchKind::Forced => return Ok(None),
        BatchKind::Calldata => Cow::Borrowed(&entry.payload[..]),
        BatchKind::Blobs => Cow::Owned(blobs_decode(&entry.payload)?),
    };
    let decoded = Batch::decode(&payload, cfg.l2_chain_id)?;
    let batch = decoded.batch;
    if (batch.parent_number, batch.parent_hash) != (cursor.parent_number, cursor.parent_hash) {
        return Err(BatchFault::Parent {
            expected: cursor.parent_number,
            expected_hash: cursor.parent_hash,
            found: batch.parent_number,
            found_hash: batch.parent_hash,
        });
    }
    check_times(cfg, cursor.parent_time, entry.l1_time, &batch.blocks)?;
    check_queue(cfg, &batch.blocks, queue)?;
    Ok(Some((batch, decoded.lost_txs)))
}

fn check_times(
    cfg: &ChainConfig,
    parent_time: u64,
    l1_time: u64,
    blocks: &[BatchBlock],
) -> Result<(), BatchFault> {
    let min = l1_time.saturating_sub(cfg.max_lag_secs);
    let max = l1_time.saturating_add(cfg.max_drift_secs);
    let mut parent = parent_time;
    for block in blocks {
        let found = block.timestamp;
        if found <= parent {
            return Err(BatchFault::TimeNotRising { parent, found });
        }
        if !(min..=max).contains(&found) {
            return Err(BatchFault::TimeOutOfRange { min, max, found });
        }
        parent = found;
    }
    Ok(())
}

fn check_queue(cfg: &ChainConfig, blocks: &[BatchBlock], queue: &[QueueEntry]) -> Result<(), BatchFault> {
    let expected = queue.len() as u64;
    let found = blocks.iter().fold(0u64, |sum, block| sum.saturating_add(block.queue_count));
    if found != expected {
        return Err(BatchFault::QueueCount { expected, found });
    }
    let max = forced_gas_per_block(cfg);
    let mut queue = queue.iter();
    for block in blocks {
        // The counts sum to the queue's length, so each fits.
        let entries = queue.by_ref().take(block.queue_count as usize);
        let found = entries.fold(0u64, |sum, entry| sum.saturating_add(entry.gas_limit));
        if found > max {
            return Err(BatchFault::ForcedGas { max, found });
        }
    }
    Ok(())
}

/// Most forced gas of one block.
fn forced_gas_per_block(cfg: &ChainConfig) -> u64 {
    cfg.block_gas_limit / 2
}

fn batch_blocks(batch: Batch, queue: &[QueueEntry]) -> Vec<BlockInput> {
    let mut queue = queue.iter().cloned();
    batch
        .blocks
        .into_iter()
        .map(|block| BlockInput {
            timestamp: block.timestamp,
            data_price: block.data_price,
            queue: queue.by_ref().take(block.queue_count as usize).collect(),
            txs: block.txs,
        })
        .collect()
}

/// Blocks of forced entries alone: as few as their gas allows, at L1 time or as soon after their parent as possible.
fn forced_blocks(
    cfg: &ChainConfig,
    cursor: &Cursor,
    entry: &InboxEntry,
    queue: &[QueueEntry],
) -> Vec<BlockInput> {
    let max = forced_gas_per_block(cfg);
    let mut blocks: Vec<BlockInput> = Vec::new();
    let (mut time, mut gas) = (cursor.parent_time, 0u64);
    for queued in queue {
        let sum = gas.saturating_add(queued.gas_limit);
        match blocks.last_mut() {
            Some(block) if sum <= max => {
                block.queue.push(queued.clone());
                gas = sum;
            }
            _ => {
                time = time.saturating_add(1).max(entry.l1_time);
                gas = queued.gas_limit;
                blocks.push(BlockInput {
                    timestamp: time,
                    data_price: 0,
                    queue: [queued.clone()].into(),
                    txs: Vec::new(),
                });
            }
        }
    }
    blocks
}
