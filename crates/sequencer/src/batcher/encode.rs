//! From sealed blocks to the transaction's payload, read back and compared before anybody sees it.

use crate::config::BatchData;
use alloy::primitives::Bytes;
use assay_execution::{
    Batch, BatchBlock, BatchError, BlobError, BlockInput, Cursor, blobs_encode, derive_explained,
};
use assay_l1::BatchPayload;
use assay_node::{Block, Point};
use assay_primitives::{BatchKind, ChainConfig, InboxEntry, QueueEntry, limits, page_root};
use std::sync::Arc;

/// Why blocks are no batch that could be posted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// A limit is exceeded: fewer blocks may fit.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The payload does not fit the blobs of one transaction: fewer blocks may fit.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The payload does not fit a calldata batch: fewer blocks may fit.
    #[error("{found} bytes of calldata exceed the limit of {limit}")]
    Calldata {
        /// The limit.
        limit: usize,
        /// Bytes of the payload.
        found: usize,
    },
    /// What was encoded derives to something else: a bug, and nothing is posted.
    #[error("the batch would derive to other blocks: {0}")]
    Differs(String),
}

/// A payload and how long it was before it was put into blobs.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) payload: BatchPayload,
    pub(crate) bytes: usize,
    pub(crate) queue_to: u64,
}

/// Encodes `blocks`, which follow `position`, and checks that they derive to themselves.
pub(crate) fn encode(
    chain: &ChainConfig,
    position: &Point,
    blocks: &[Arc<Block>],
    data: BatchData,
    level: u8,
    l1_time: u64,
) -> Result<Encoded, EncodeError> {
    let inputs: Vec<BlockInput> = blocks.iter().map(|block| block.input()).collect();
    let batch = Batch {
        parent_number: position.l2.number,
        parent_hash: position.l2.hash,
        blocks: inputs.iter().map(batch_block).collect(),
    };
    let bytes = batch.encode(chain.l2_chain_id, level)?;
    let len = bytes.len();
    let (kind, payload, raw) = match data {
        BatchData::Blobs => {
            let blobs = blobs_encode(&bytes)?;
            let raw: Bytes = blobs.concat().into();
            (BatchKind::Blobs, BatchPayload::Blobs(blobs.into_iter().map(Bytes::from).collect()), raw)
        }
        BatchData::Calldata => {
            if len > limits::BATCH_CALLDATA_BYTES_MAX {
                return Err(EncodeError::Calldata { limit: limits::BATCH_CALLDATA_BYTES_MAX, found: len });
            }
            let raw = Bytes::from(bytes);
            (BatchKind::Calldata, BatchPayload::Calldata(raw.clone()), raw)
        }
    };
    let queue: Vec<QueueEntry> = inputs.iter().flat_map(|input| input.queue.iter().cloned()).collect();
    let queue_to = position.queue_next + queue.len() as u64;
    let entry = InboxEntry {
        kind,
        index: position.inbox_next,
        l1_block: position.l1.number + 1,
        l1_time,
        queue_from: position.queue_next,
        queue_to,
        queue_root: Default::default(),
        data_hash: if kind == BatchKind::Calldata { page_root(&raw) } else { Default::default() },
        payload: raw,
    };
    compare(chain, position, &entry, &queue, &inputs)?;
    Ok(Encoded { payload, bytes: len, queue_to })
}

fn batch_block(input: &BlockInput) -> BatchBlock {
    BatchBlock {
        timestamp: input.timestamp,
        data_price: input.data_price,
        queue_count: input.queue.len() as u64,
        txs: input.txs.clone(),
    }
}

fn compare(
    chain: &ChainConfig,
    position: &Point,
    entry: &InboxEntry,
    queue: &[QueueEntry],
    expected: &[BlockInput],
) -> Result<(), EncodeError> {
    let cursor = Cursor {
        parent_number: position.l2.number,
        parent_hash: position.l2.hash,
        parent_time: position.l2_time,
        queue_next: position.queue_next,
    };
    let derived = derive_explained(chain, &cursor, entry, queue);
    if let Some(fault) = derived.fault {
        return Err(EncodeError::Differs(fault.to_string()));
    }
    if derived.lost_txs > 0 || derived.blocks.len() != expected.len() {
        let lost = format!("{} transactions lost, {} blocks", derived.lost_txs, derived.blocks.len());
        return Err(EncodeError::Differs(lost));
    }
    match derived.blocks.iter().zip(expected).position(|(found, expected)| found != expected) {
        Some(at) => Err(EncodeError::Differs(format!("block {at} of the batch"))),
        None => Ok(()),
    }
}
