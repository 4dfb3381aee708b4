//! The open block: what is in it, what still fits.

use super::schedule::OpenTime;
use crate::{admission::Payload, config::BlockConfig, mempool::Mempool, pool::PoolTx};
use alloy::primitives::Bytes;
use assay_execution::{
    BlockBuilder, BlockError, BlockInput, L2Tx, Outcome, PushError, Receipt, Recovered, TxRejected, data_size,
};
use assay_node::{Chain, PendingBlock, PreconfReceipt, StateError, StateView};
use assay_primitives::QueueEntry;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Gas of the smallest transaction: with less left, a block is full.
const TX_GAS_MIN: u64 = 21_000;
/// Bytes of the smallest transaction.
const TX_BYTES_MIN: usize = 100;

/// A block in the making.
pub(super) struct OpenBlock {
    pub(super) builder: BlockBuilder<StateView>,
    /// What it was made from so far; the seal executes this again.
    pub(super) input: BlockInput,
    bytes: usize,
    logs: u64,
}

/// What one segment added.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) forced: Vec<QueueEntry>,
    pub(super) txs: Vec<Bytes>,
    /// Receipts that somebody waits for.
    pub(super) awaited: Vec<PreconfReceipt>,
}

impl Segment {
    pub(super) fn is_empty(&self) -> bool {
        self.forced.is_empty() && self.txs.is_empty()
    }
}

impl OpenBlock {
    /// Opens the block after the head.
    pub(super) fn new(
        chain: &Chain,
        timestamp: u64,
        data_price: u64,
    ) -> Result<Self, BlockError<StateError>> {
        let parent = chain.latest();
        let input = BlockInput { timestamp, data_price, queue: Vec::new(), txs: Vec::new() };
        let view = chain.state_at(parent.number()).map_err(BlockError::Database)?;
        let builder = BlockBuilder::open(chain.config(), &parent.header, input.attributes(), view)?;
        Ok(Self { builder, input, bytes: 0, logs: 0 })
    }

    pub(super) fn number(&self) -> u64 {
        self.builder.header().number
    }

    pub(super) fn time(&self, config: &BlockConfig, bytes_max: usize) -> OpenTime {
        let full = self.builder.gas_left() < TX_GAS_MIN
            || self.bytes + TX_BYTES_MIN > bytes_max
            || self.input.txs.len() >= config.block_txs_max;
        OpenTime { timestamp: self.input.timestamp, full }
    }

    /// Opens the block with forced entries: as many of `entries` as half of the gas allows.
    pub(super) fn push_forced(
        &mut self,
        entries: impl IntoIterator<Item = QueueEntry>,
    ) -> Result<Segment, BlockError<StateError>> {
        let mut segment = Segment::default();
        let mut gas = self.builder.header().gas_limit / 2;
        for entry in entries {
            let Some(left) = gas.checked_sub(entry.gas_limit) else { break };
            gas = left;
            let result = self.builder.push_forced(&entry)?;
            if let Outcome::Refused(reason) = &result.outcome {
                tracing::info!(index = entry.index, %reason, "forced entry could not start");
            }
            self.logs += result.receipt.logs.len() as u64;
            self.input.queue.push(entry.clone());
            segment.forced.push(entry);
        }
        Ok(segment)
    }

    /// Takes the best transactions of the pool until the segment is long enough.
    pub(super) fn fill(
        &mut self,
        mempool: &Mempool,
        config: &BlockConfig,
        bytes_max: usize,
    ) -> Result<Segment, BlockError<StateError>> {
        let mut segment = Segment::default();
        let end = Instant::now() + Duration::from_millis(config.segment_ms);
        while segment.txs.len() < config.segment_txs_max
            && self.input.txs.len() < config.block_txs_max
            && Instant::now() < end
        {
            let Some(tx) = mempool.with_pool(|pool| pool.best().cloned()) else { break };
            if self.bytes + tx.size > bytes_max {
                mempool.with_pool(|pool| pool.skip(tx.sender));
                continue;
            }
            match self.builder.push(&tx.payload) {
                Ok(result) => {
                    mempool.with_pool(|pool| pool.included(tx.sender, tx.nonce, &tx.hash));
                    self.include(&tx, result.receipt, mempool, &mut segment);
                }
                Err(PushError::Rejected(reason)) => refuse(mempool, &tx, &reason),
                Err(PushError::Block(error)) => return Err(error),
            }
        }
        Ok(segment)
    }

    /// Executes a transaction that is in the log already.
    pub(super) fn replay(&mut self, tx: &Recovered) -> Result<(), PushError<StateError>> {
        let result = self.builder.push(tx)?;
        self.logs += result.receipt.logs.len() as u64;
        self.bytes += tx.raw.len();
        self.input.txs.push(tx.raw.clone());
        Ok(())
    }

    fn include(&mut self, tx: &PoolTx<Payload>, receipt: Receipt, mempool: &Mempool, segment: &mut Segment) {
        let log_index = self.logs;
        self.logs += receipt.logs.len() as u64;
        self.bytes += tx.size;
        self.input.txs.push(tx.payload.raw.clone());
        segment.txs.push(tx.payload.raw.clone());
        if mempool.is_awaited(&tx.hash) {
            segment.awaited.push(PreconfReceipt {
                tx: tx.payload.clone(),
                receipt,
                block_number: self.number(),
                timestamp: self.input.timestamp,
                index: self.builder.txs().len() as u64 - 1,
                log_index,
            });
        }
    }

    /// The block so far, for readers of `pending`. O(block).
    pub(super) fn pending(&self) -> PendingBlock {
        PendingBlock {
            header: self.builder.header().clone(),
            txs: self.builder.txs().to_vec(),
            receipts: self.builder.receipts().to_vec(),
            changes: self.builder.state().changes(),
        }
    }

    /// The transactions of the pool that are in it, to be put back when it is given up.
    pub(super) fn payloads(&self) -> Vec<Payload> {
        self.builder.txs()[self.input.queue.len()..].iter().cloned().map(Arc::new).collect()
    }
}

/// The transaction cannot be in this block: find out what that says about its sender.
fn refuse(mempool: &Mempool, tx: &PoolTx<Payload>, reason: &TxRejected) {
    metrics::counter!("assay_builder_refused_total").increment(1);
    tracing::debug!(hash = %tx.hash, %reason, "transaction refused by the builder");
    mempool.with_pool(|pool| match reason {
        TxRejected::BlockGas { .. } | TxRejected::FeeCapTooLow { .. } => pool.skip(tx.sender),
        TxRejected::NonceTooLow { state, .. } | TxRejected::NonceTooHigh { state, .. } => {
            pool.set_nonce(tx.sender, *state);
        }
        _ => pool.reject(&tx.hash),
    });
}

/// The block's transactions decoded from their bytes again, with the signers found at admission.
///
/// Recovery depends on nothing but the bytes, so it is not repeated; decoding is, so that what is published is what
/// the bytes say.
pub(super) fn decode_again(txs: &[Recovered]) -> Vec<Result<Recovered, assay_execution::TxError>> {
    let decode = |known: &Recovered| {
        let tx = L2Tx::decode_2718(&known.raw)?;
        Ok(Recovered {
            tx,
            sender: known.sender,
            hash: alloy::primitives::keccak256(&known.raw),
            size: data_size(&known.raw),
            raw: known.raw.clone(),
            authorities: known.authorities.clone(),
        })
    };
    txs.iter().map(decode).collect()
}
