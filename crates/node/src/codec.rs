//! Blocks as rows of the index.

use alloy::consensus::Header;
use alloy::primitives::{Address, Bytes, Log, U256, logs_bloom};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use assay_execution::{L2Tx, Receipt, Recovered, SealedHeader, data_size};
use assay_storage::{BlockRow, LogRow, Record, TxRow};

use crate::block::Block;

/// A row of the index does not hold what the node wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row of block {number} in the index is damaged: {reason}")]
pub struct DamagedRow {
    /// Block of the row.
    pub number: u64,
    /// What is wrong.
    pub reason: String,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ReceiptRow {
    tx_type: u8,
    success: bool,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
    gas_used: u64,
    effective_gas_price: u128,
    l1_fee: U256,
    /// Twenty bytes, or none.
    contract_address: Bytes,
}

fn encode_receipt(receipt: &Receipt) -> Bytes {
    let row = ReceiptRow {
        tx_type: receipt.tx_type,
        success: receipt.success,
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: receipt.logs.clone(),
        gas_used: receipt.gas_used,
        effective_gas_price: receipt.effective_gas_price,
        l1_fee: receipt.l1_fee,
        contract_address: receipt
            .contract_address
            .map(|address| Bytes::copy_from_slice(&address[..]))
            .unwrap_or_default(),
    };
    alloy_rlp::encode(row).into()
}

fn decode_receipt(mut bytes: &[u8]) -> Result<Receipt, String> {
    let row = ReceiptRow::decode(&mut bytes).map_err(|error| format!("receipt: {error}"))?;
    let contract_address = match row.contract_address.len() {
        0 => None,
        20 => Some(Address::from_slice(&row.contract_address)),
        len => return Err(format!("contract address of {len} bytes")),
    };
    Ok(Receipt {
        tx_type: row.tx_type,
        success: row.success,
        cumulative_gas_used: row.cumulative_gas_used,
        bloom: logs_bloom(&row.logs),
        logs: row.logs,
        gas_used: row.gas_used,
        effective_gas_price: row.effective_gas_price,
        l1_fee: row.l1_fee,
        contract_address,
    })
}

/// The block as rows.
pub(crate) fn encode_block(block: &Block) -> BlockRow {
    let number = block.number();
    let mut extra = block.data_price.to_le_bytes().to_vec();
    Record::Segment { forced: block.forced.clone(), txs: Vec::new() }.encode(&mut extra);
    let mut txs = Vec::with_capacity(block.txs.len());
    let mut logs = Vec::new();
    for (index, (tx, receipt)) in block.txs.iter().zip(&block.receipts).enumerate() {
        txs.push(TxRow {
            hash: tx.hash,
            block: number,
            index: index as u64,
            sender: tx.sender,
            raw: tx.raw.clone(),
            receipt: encode_receipt(receipt),
        });
        for log in &receipt.logs {
            logs.push(LogRow {
                block: number,
                index: logs.len() as u64,
                tx_index: index as u64,
                tx_hash: tx.hash,
                address: log.address,
                topics: log.topics().to_vec(),
                data: log.data.data.clone(),
            });
        }
    }
    let mut header = Vec::new();
    block.header.inner().encode(&mut header);
    BlockRow { number, hash: block.hash(), header: header.into(), extra: extra.into(), txs, logs }
}

/// The header in a row.
pub(crate) fn decode_header(row: &BlockRow) -> Result<SealedHeader, DamagedRow> {
    let damaged = |reason: String| DamagedRow { number: row.number, reason };
    let header =
        Header::decode(&mut row.header.as_ref()).map_err(|error| damaged(format!("header: {error}")))?;
    let header = SealedHeader::new(header);
    if header.hash() != row.hash || header.number != row.number {
        return Err(damaged(format!("header hashes to {}, not {}", header.hash(), row.hash)));
    }
    Ok(header)
}

/// One transaction of a row. Authorisations are not recovered again: nobody executes it.
pub(crate) fn decode_tx(row: &TxRow) -> Result<(Recovered, Receipt), DamagedRow> {
    let damaged = |reason: String| DamagedRow { number: row.block, reason };
    let tx = L2Tx::decode_2718(&row.raw).map_err(|error| damaged(error.to_string()))?;
    let receipt = decode_receipt(&row.receipt).map_err(damaged)?;
    let recovered = Recovered {
        tx,
        sender: row.sender,
        hash: row.hash,
        size: data_size(&row.raw),
        raw: row.raw.clone(),
        authorities: Vec::new(),
    };
    Ok((recovered, receipt))
}

/// The block in a row.
pub(crate) fn decode_block(row: &BlockRow) -> Result<Block, DamagedRow> {
    let damaged = |reason: &str| DamagedRow { number: row.number, reason: reason.to_owned() };
    let header = decode_header(row)?;
    let (price, segment) = row.extra.split_first_chunk::<8>().ok_or_else(|| damaged("short extra"))?;
    let forced = match Record::decode(segment) {
        Ok(Record::Segment { forced, .. }) => forced,
        _ => return Err(damaged("extra holds no segment")),
    };
    let (txs, receipts) = row.txs.iter().map(decode_tx).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let block = Block { header, txs, receipts, data_price: u64::from_le_bytes(*price), forced };
    if block.forced.len() > block.txs.len() {
        return Err(damaged("fewer transactions than forced entries"));
    }
    Ok(block)
}
