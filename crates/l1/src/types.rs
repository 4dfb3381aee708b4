//! What L1 tells: blocks, heads, the Inbox's state and contents.

use alloy::primitives::{Address, B256};
use assay_primitives::{InboxEntry, QueueEntry};
use serde::{Deserialize, Serialize};

/// An L1 block as much as we need of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct L1Block {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Timestamp in seconds.
    pub time: u64,
}

/// L1's own heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Heads {
    /// Newest block.
    pub latest: L1Block,
    /// Newest block that will probably stay.
    pub safe: L1Block,
    /// Newest block that stays for good.
    pub finalized: L1Block,
}

/// Something the Inbox appended, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included<T> {
    /// The entry.
    pub entry: T,
    /// L1 block that includes it.
    pub block: L1Block,
    /// Transaction that did it.
    pub tx_hash: B256,
    /// Root of its tree with this entry as the last leaf.
    pub root: B256,
}

/// The Inbox's contents of a range of L1 blocks, consistent with the chain that ends in `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Segment {
    /// First block read; its parent is the one that the caller named.
    pub first: L1Block,
    /// Last block read.
    pub last: L1Block,
    /// Queue entries in order.
    pub queue: Vec<Included<QueueEntry>>,
    /// Batches in order, with payloads.
    pub batches: Vec<Included<InboxEntry>>,
}

/// The Inbox's counters at one L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxState {
    /// The block that this is the state of.
    pub block: L1Block,
    /// Number of batches.
    pub batch_count: u64,
    /// Root of the batch tree.
    pub batch_root: B256,
    /// Number of queue entries.
    pub queue_count: u64,
    /// Number of queue entries that batches consumed.
    pub queue_consumed: u64,
    /// The hot key.
    pub sequencer: Address,
    /// Number of the newest L1 block sent to the Beacon; 0 before the first.
    pub last_beacon: u64,
}

/// What the Inbox was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxSetup {
    /// The Portal.
    pub portal: Address,
    /// Hash of the protocol parameters.
    pub config_hash: B256,
    /// Hash of L2's block 0.
    pub genesis_hash: B256,
    /// Seconds until anyone may include a queue entry.
    pub force_delay_secs: u64,
    /// L1 block of the Inbox's creation.
    pub start_block: u64,
}
