//! `txpool_*`, `assay_*`, `web3_*`, `net_*`.

use alloy::consensus::Transaction as _;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, Bytes, U64, U256, keccak256};
use assay_execution::DepositTx;
use assay_primitives::predeploys;
use jsonrpsee::core::{RpcResult, async_trait};
use serde_json::{Map, Value, json};

use super::Server;
use super::api::{AssayApiServer, NodeApiServer, TxPoolApiServer};
use super::error::RpcError;
use super::types::TxJson;
use crate::chain::ChainError;
use crate::head::{Heads, SyncState};
use crate::pool::PoolSide;

impl NodeApiServer for Server {
    fn client_version(&self) -> RpcResult<String> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Ok(format!("assay/v{}/{os}-{arch}/rust", env!("CARGO_PKG_VERSION")))
    }

    fn sha3(&self, data: Bytes) -> RpcResult<B256> {
        Ok(keccak256(data))
    }

    fn net_version(&self) -> RpcResult<String> {
        Ok(self.0.chain.config().l2_chain_id.to_string())
    }

    fn listening(&self) -> RpcResult<bool> {
        Ok(true)
    }

    fn peer_count(&self) -> RpcResult<U64> {
        Ok(U64::ZERO)
    }
}

impl TxPoolApiServer for Server {
    fn status(&self) -> RpcResult<Value> {
        let status = self.0.pool.status();
        Ok(json!({"pending": U64::from(status.pending), "queued": U64::from(status.queued)}))
    }

    fn content(&self) -> RpcResult<Value> {
        let content = self.0.pool.content(None);
        Ok(json!({"pending": side(&content.pending, full), "queued": side(&content.queued, full)}))
    }

    fn content_from(&self, address: Address) -> RpcResult<Value> {
        let content = self.0.pool.content(Some(address));
        let own =
            |part: &PoolSide| side(part, full).get(address.to_string()).cloned().unwrap_or_else(|| json!({}));
        Ok(json!({"pending": own(&content.pending), "queued": own(&content.queued)}))
    }

    fn inspect(&self) -> RpcResult<Value> {
        let content = self.0.pool.content(None);
        Ok(json!({"pending": side(&content.pending, summary), "queued": side(&content.queued, summary)}))
    }
}

fn side(part: &PoolSide, show: impl Fn(&assay_execution::Recovered) -> Value) -> Value {
    let senders = part.iter().map(|(sender, txs)| {
        let txs: Map<String, Value> = txs.iter().map(|(nonce, tx)| (nonce.to_string(), show(tx))).collect();
        (sender.to_string(), Value::Object(txs))
    });
    Value::Object(senders.collect())
}

fn full(tx: &assay_execution::Recovered) -> Value {
    serde_json::to_value(TxJson::new(tx, None)).unwrap_or_default()
}

fn summary(tx: &assay_execution::Recovered) -> Value {
    let to = tx.tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string());
    let (value, gas, price) = (tx.tx.value(), tx.tx.gas_limit(), tx.tx.max_fee_per_gas());
    Value::String(format!("{to}: {value} wei + {gas} gas × {price} wei"))
}

#[async_trait]
impl AssayApiServer for Server {
    fn heads(&self) -> RpcResult<Heads> {
        Ok(self.0.chain.heads())
    }

    fn config(&self) -> RpcResult<Value> {
        let chain = &self.0.chain;
        Ok(json!({
            "genesis": chain.genesis().hash(),
            "configHash": chain.config().hash(),
            "protocol": &**chain.config(),
        }))
    }

    fn sync_status(&self) -> RpcResult<SyncState> {
        Ok(self.0.sync.borrow().clone())
    }

    async fn batch_of_block(&self, number: BlockNumberOrTag) -> RpcResult<Value> {
        let Some(index) = self.0.chain.index() else { return Ok(Value::Null) };
        let row = index
            .batch_of_block(self.0.number(number))
            .await
            .map_err(|e| RpcError::from(ChainError::from(e)))?;
        Ok(row.map_or(Value::Null, |batch| {
            json!({
                "inboxIndex": U64::from(batch.inbox_index),
                "kind": match batch.kind { 1 => "blobs", 2 => "calldata", _ => "forced" },
                "l1Block": U64::from(batch.l1_block),
                "l1BlockHash": batch.l1_hash,
                "l1Transaction": batch.l1_tx,
                "queueFrom": U64::from(batch.queue_from),
                "queueTo": U64::from(batch.queue_to),
                "firstBlock": U64::from(batch.l2_first),
                "lastBlock": U64::from(batch.l2_last),
                "bytes": U64::from(batch.bytes),
            })
        }))
    }

    fn deposit_source_hash(&self, queue_index: U64) -> RpcResult<B256> {
        Ok(DepositTx::source_hash(queue_index.to()))
    }

    fn data_price(&self) -> RpcResult<U256> {
        let price = self.0.chain.pending_state().storage(predeploys::DATA_FEE, U256::ZERO);
        Ok(price.map_err(RpcError::from)?)
    }
}
