//! Blocks as the node keeps them.

use alloy::consensus::Header;
use alloy::primitives::{B256, Bytes};
use assay_execution::{BlockInput, Receipt, Recovered, SealedHeader, StateChanges};
use assay_primitives::QueueEntry;

use crate::head::BlockRef;

/// A sealed block with everything that anybody asks of it.
#[derive(Clone, Debug)]
pub struct Block {
    /// The header and its hash.
    pub header: SealedHeader,
    /// Transactions in order; deposits first.
    pub txs: Vec<Recovered>,
    /// One receipt for each transaction.
    pub receipts: Vec<Receipt>,
    /// Data price that the block proposed, in wei a byte.
    pub data_price: u64,
    /// Entries of the forced queue that it opened with.
    pub forced: Vec<QueueEntry>,
}

impl Block {
    /// What derivation gives for this block, and what a batch says of it.
    pub fn input(&self) -> BlockInput {
        BlockInput {
            timestamp: self.header.timestamp,
            data_price: self.data_price,
            queue: self.forced.clone(),
            txs: self.txs[self.forced.len()..].iter().map(|tx| tx.raw.clone()).collect(),
        }
    }

    /// Whether executing `input` on the same parent gives this block, without executing it. `false` also when it
    /// would, but some of its transactions are skipped.
    pub fn is_input(&self, input: &BlockInput) -> bool {
        self.header.timestamp == input.timestamp
            && self.data_price == input.data_price
            && self.forced == input.queue
            && self.txs[self.forced.len()..].iter().map(|tx| &tx.raw).eq(&input.txs)
    }

    /// The block's number.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The block's hash.
    pub fn hash(&self) -> B256 {
        self.header.hash()
    }

    /// Number and hash.
    pub fn block_ref(&self) -> BlockRef {
        BlockRef { number: self.number(), hash: self.hash() }
    }

    /// Place among the block's logs of the first log of transaction `index`.
    pub fn log_index(&self, index: usize) -> u64 {
        self.receipts[..index].iter().map(|receipt| receipt.logs.len() as u64).sum()
    }

    /// Bytes in memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        let logs =
            |receipt: &Receipt| receipt.logs.iter().map(|log| 160 + log.data.data.len()).sum::<usize>();
        1_024
            + self.forced.iter().map(|entry| 256 + entry.data.len()).sum::<usize>()
            + self.txs.iter().map(|tx| 512 + 2 * tx.raw.len()).sum::<usize>()
            + self.receipts.iter().map(|receipt| 384 + logs(receipt)).sum::<usize>()
    }
}

/// The open block after its last durable segment.
#[derive(Clone, Debug)]
pub struct PendingBlock {
    /// The header so far; roots are zero.
    pub header: Header,
    /// Transactions so far.
    pub txs: Vec<Recovered>,
    /// Receipts so far.
    pub receipts: Vec<Receipt>,
    /// Difference between the state so far and the head's.
    pub changes: StateChanges,
}

/// A block that was open when the process stopped: its durable segments, to be executed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBlock {
    /// Its number.
    pub number: u64,
    /// Hash of its parent, the head.
    pub parent: B256,
    /// Its timestamp in seconds.
    pub timestamp: u64,
    /// Data price that it proposes.
    pub data_price: u64,
    /// Forced entries and transactions of all segments, in order.
    pub segments: Vec<Segment>,
}

/// One durable segment of an open block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Forced entries.
    pub forced: Vec<QueueEntry>,
    /// Raw transactions.
    pub txs: Vec<Bytes>,
}

impl OpenBlock {
    /// The block as derivation would give it.
    pub fn input(&self) -> BlockInput {
        BlockInput {
            timestamp: self.timestamp,
            data_price: self.data_price,
            queue: self.segments.iter().flat_map(|segment| segment.forced.iter().cloned()).collect(),
            txs: self.segments.iter().flat_map(|segment| segment.txs.iter().cloned()).collect(),
        }
    }
}
