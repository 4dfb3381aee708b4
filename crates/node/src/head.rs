//! Heads, and what happens to them.

use std::sync::Arc;

use alloy::primitives::B256;

use crate::block::Block;

/// Number and hash of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Which head of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// Newest block of the sequencer's feed; without a feed the same as `Safe`.
    Unsafe,
    /// Newest block derived from L1.
    Safe,
    /// Newest block derived from final L1 blocks.
    Finalized,
}

/// All heads at one moment; `finalized <= safe <= unsafe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Heads {
    /// See [`Head::Unsafe`].
    #[serde(rename = "unsafe")]
    pub latest: BlockRef,
    /// See [`Head::Safe`].
    pub safe: BlockRef,
    /// See [`Head::Finalized`].
    pub finalized: BlockRef,
}

impl Heads {
    /// The head asked for.
    pub const fn get(&self, head: Head) -> BlockRef {
        match head {
            Head::Unsafe => self.latest,
            Head::Safe => self.safe,
            Head::Finalized => self.finalized,
        }
    }
}

/// How far a node is with L1, for `assay_syncStatus` and `eth_syncing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// Newest L1 block that was seen.
    pub l1_head: u64,
    /// L1 block up to which the inbox was read.
    pub l1_derived: u64,
    /// Next inbox entry to derive.
    pub inbox_next: u64,
    /// Inbox entries on L1.
    pub inbox_len: u64,
    /// Next queue entry to consume.
    pub queue_next: u64,
    /// Whether the node is still catching up with L1.
    pub syncing: bool,
    /// Why it makes no progress; empty when it does.
    pub problem: String,
}

/// Something happened to the chain. Events come in order; a slow reader may miss some and is told so.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block was appended to the unsafe head.
    NewHead(Arc<Block>),
    /// Blocks were dropped, newest first; the head is now `to`.
    Rollback {
        /// The new head.
        to: BlockRef,
        /// What was dropped and is known in memory.
        dropped: Vec<Arc<Block>>,
    },
    /// Safe or finalized head moved.
    Heads(Heads),
}
