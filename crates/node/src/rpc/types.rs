//! The JSON shapes of blocks, transactions, receipts and logs.

use alloy::consensus::{Header, Transaction as _, Typed2718 as _};
use alloy::eips::eip2930::AccessList;
use alloy::eips::eip7702::SignedAuthorization;
use alloy::primitives::{Address, B256, Bloom, Bytes, U64, U256};
use alloy::rlp::Encodable;
use alloy::rpc::types::{Block as RpcBlock, BlockTransactions, Header as RpcHeader};
use assay_execution::{L2Tx, Receipt, Recovered};
use assay_storage::LogRow;
use serde::Serialize;

use crate::block::{Block, PendingBlock};

/// Where a transaction was included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) block_hash: B256,
    pub(crate) block_number: u64,
    pub(crate) index: u64,
    pub(crate) base_fee: Option<u64>,
}

/// A transaction as `eth_getTransactionByHash` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TxJson {
    block_hash: Option<B256>,
    block_number: Option<U64>,
    transaction_index: Option<U64>,
    from: Address,
    to: Option<Address>,
    hash: B256,
    nonce: U64,
    gas: U64,
    value: U256,
    input: Bytes,
    #[serde(rename = "type")]
    tx_type: U64,
    gas_price: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_fee_per_gas: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_priority_fee_per_gas: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_list: Option<AccessList>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_list: Option<Vec<SignedAuthorization>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<U64>,
    v: U64,
    r: U256,
    s: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    y_parity: Option<U64>,
    #[serde(flatten)]
    deposit: Option<DepositJson>,
}

/// What a deposit has beside, named as in the OP Stack.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DepositJson {
    source_hash: B256,
    mint: U256,
    is_system_tx: bool,
}

impl TxJson {
    pub(crate) fn new(recovered: &Recovered, place: Option<Place>) -> Self {
        let tx = &recovered.tx;
        let dynamic = tx.is_dynamic_fee();
        // A waiting transaction shows its cap, an included one what it paid.
        let base_fee = place.and_then(|place| place.base_fee);
        let (v, r, s, y_parity) = signature(tx);
        Self {
            block_hash: place.map(|place| place.block_hash),
            block_number: place.map(|place| U64::from(place.block_number)),
            transaction_index: place.map(|place| U64::from(place.index)),
            from: recovered.sender,
            to: tx.to(),
            hash: recovered.hash,
            nonce: U64::from(tx.nonce()),
            gas: U64::from(tx.gas_limit()),
            value: tx.value(),
            input: tx.input().clone(),
            tx_type: U64::from(tx.ty()),
            gas_price: U256::from(tx.effective_gas_price(base_fee)),
            max_fee_per_gas: dynamic.then(|| U256::from(tx.max_fee_per_gas())),
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas().filter(|_| dynamic).map(U256::from),
            access_list: tx.access_list().cloned(),
            authorization_list: tx.authorization_list().map(<[SignedAuthorization]>::to_vec),
            chain_id: tx.chain_id().map(U64::from),
            v,
            r,
            s,
            y_parity,
            deposit: tx.as_deposit().map(|deposit| DepositJson {
                source_hash: deposit.source_hash,
                mint: deposit.mint,
                is_system_tx: deposit.is_system,
            }),
        }
    }

    pub(crate) fn in_block(block: &Block, index: usize) -> Option<Self> {
        let place = Place {
            block_hash: block.hash(),
            block_number: block.number(),
            index: index as u64,
            base_fee: block.header.base_fee_per_gas,
        };
        block.txs.get(index).map(|tx| Self::new(tx, Some(place)))
    }
}

fn signature(tx: &L2Tx) -> (U64, U256, U256, Option<U64>) {
    let Some(signature) = tx.signature() else { return (U64::ZERO, U256::ZERO, U256::ZERO, None) };
    let parity = u64::from(signature.v());
    match (tx, tx.chain_id()) {
        (L2Tx::Legacy(_), Some(chain)) => {
            (U64::from(chain * 2 + 35 + parity), signature.r(), signature.s(), None)
        }
        (L2Tx::Legacy(_), None) => (U64::from(27 + parity), signature.r(), signature.s(), None),
        _ => (U64::from(parity), signature.r(), signature.s(), Some(U64::from(parity))),
    }
}

/// A log as `eth_getLogs` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogJson {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: B256,
    block_number: U64,
    block_timestamp: U64,
    transaction_hash: B256,
    transaction_index: U64,
    log_index: U64,
    removed: bool,
}

impl LogJson {
    pub(crate) fn new(row: LogRow, block_hash: B256, timestamp: u64) -> Self {
        Self {
            address: row.address,
            topics: row.topics,
            data: row.data,
            block_hash,
            block_number: U64::from(row.block),
            block_timestamp: U64::from(timestamp),
            transaction_hash: row.tx_hash,
            transaction_index: U64::from(row.tx_index),
            log_index: U64::from(row.index),
            removed: false,
        }
    }

    pub(crate) const fn removed(mut self) -> Self {
        self.removed = true;
        self
    }
}

/// A receipt as `eth_getTransactionReceipt` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptJson {
    transaction_hash: B256,
    transaction_index: U64,
    block_hash: B256,
    block_number: U64,
    from: Address,
    to: Option<Address>,
    cumulative_gas_used: U64,
    gas_used: U64,
    contract_address: Option<Address>,
    logs: Vec<LogJson>,
    logs_bloom: Bloom,
    status: U64,
    #[serde(rename = "type")]
    tx_type: U64,
    effective_gas_price: U256,
    /// Data fee in wei, named as in the OP Stack.
    l1_fee: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    preconfirmed: Option<bool>,
}

impl ReceiptJson {
    pub(crate) fn new(
        tx: &Recovered,
        receipt: &Receipt,
        place: Place,
        timestamp: u64,
        log_index: u64,
    ) -> Self {
        let logs = receipt.logs.iter().zip(log_index..).map(|(log, index)| {
            let row = LogRow {
                block: place.block_number,
                index,
                tx_index: place.index,
                tx_hash: tx.hash,
                address: log.address,
                topics: log.topics().to_vec(),
                data: log.data.data.clone(),
            };
            LogJson::new(row, place.block_hash, timestamp)
        });
        Self {
            transaction_hash: tx.hash,
            transaction_index: U64::from(place.index),
            block_hash: place.block_hash,
            block_number: U64::from(place.block_number),
            from: tx.sender,
            to: tx.tx.to(),
            cumulative_gas_used: U64::from(receipt.cumulative_gas_used),
            gas_used: U64::from(receipt.gas_used),
            contract_address: receipt.contract_address,
            logs: logs.collect(),
            logs_bloom: receipt.bloom,
            status: U64::from(u64::from(receipt.success)),
            tx_type: U64::from(receipt.tx_type),
            effective_gas_price: U256::from(receipt.effective_gas_price),
            l1_fee: receipt.l1_fee,
            preconfirmed: None,
        }
    }

    pub(crate) const fn preconfirmed(mut self) -> Self {
        self.preconfirmed = Some(true);
        self
    }

    pub(crate) fn in_block(block: &Block, index: usize) -> Option<Self> {
        let place = Place {
            block_hash: block.hash(),
            block_number: block.number(),
            index: index as u64,
            base_fee: block.header.base_fee_per_gas,
        };
        let (tx, receipt) = (block.txs.get(index)?, block.receipts.get(index)?);
        Some(Self::new(tx, receipt, place, block.header.timestamp, block.log_index(index)))
    }

    /// All receipts of a block.
    pub(crate) fn of_block(block: &Block) -> Vec<Self> {
        (0..block.txs.len()).filter_map(|index| Self::in_block(block, index)).collect()
    }
}

/// Whether a block is shown with whole transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Hashes,
    Full,
}

impl From<bool> for Detail {
    fn from(full: bool) -> Self {
        if full { Self::Full } else { Self::Hashes }
    }
}

/// A block as `eth_getBlockByNumber` shows it.
pub(crate) fn block_json(block: &Block, detail: Detail) -> RpcBlock<TxJson> {
    let transactions = match detail {
        Detail::Hashes => BlockTransactions::Hashes(block.txs.iter().map(|tx| tx.hash).collect()),
        Detail::Full => BlockTransactions::Full(
            (0..block.txs.len()).filter_map(|index| TxJson::in_block(block, index)).collect(),
        ),
    };
    RpcBlock {
        header: header_json(block.header.inner(), block.hash(), Some(size(block.header.inner(), &block.txs))),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Default::default()),
    }
}

/// The open block: no hash, nonce or miner yet, as geth shows it.
pub(crate) fn pending_json(pending: &PendingBlock, detail: Detail) -> serde_json::Value {
    let place = |index: usize| Place {
        block_hash: B256::ZERO,
        block_number: pending.header.number,
        index: index as u64,
        base_fee: pending.header.base_fee_per_gas,
    };
    let transactions = match detail {
        Detail::Hashes => BlockTransactions::Hashes(pending.txs.iter().map(|tx| tx.hash).collect()),
        Detail::Full => {
            let txs = pending.txs.iter().enumerate().map(|(index, tx)| TxJson::new(tx, Some(place(index))));
            BlockTransactions::Full(txs.collect())
        }
    };
    let block = RpcBlock {
        header: header_json(&pending.header, B256::ZERO, Some(size(&pending.header, &pending.txs))),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Default::default()),
    };
    let mut json = serde_json::to_value(block).unwrap_or_default();
    for field in ["hash", "nonce", "miner"] {
        json[field] = serde_json::Value::Null;
    }
    json
}

/// A header as `newHeads` shows it.
pub(crate) fn header_json(header: &Header, hash: B256, size: Option<U256>) -> RpcHeader {
    RpcHeader { hash, inner: header.clone(), total_difficulty: None, size }
}

/// Length of the block's RLP.
fn size(header: &Header, txs: &[Recovered]) -> U256 {
    let tx_len = |tx: &Recovered| {
        // Typed transactions are byte strings in the list, legacy ones are lists themselves.
        if tx.tx.ty() == 0 { tx.raw.len() } else { tx.raw.length() }
    };
    let list = |payload: usize| payload + alloy::rlp::length_of_length(payload);
    let txs = list(txs.iter().map(tx_len).sum());
    U256::from(list(header.length() + txs + 2))
}
