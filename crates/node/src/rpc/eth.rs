//! `eth_*`.

use std::sync::Arc;
use std::time::Duration;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::rpc::types::state::StateOverride;
use alloy::rpc::types::{
    AccessListResult, BlockOverrides, EIP1186AccountProofResponse, EIP1186StorageProof, FeeHistory, Index,
    TransactionRequest,
};
use alloy::serde::JsonStorageKey;
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait};
use serde_json::{Value, json};

use super::api::EthApiServer;
use super::call::CallState;
use super::error::RpcError;
use super::filters::{Changes, Watch};
use super::params::{CountParam, FilterParams, SlotParam};
use super::types::{Detail, LogJson, Place, ReceiptJson, TxJson, block_json, header_json, pending_json};
use super::{Context, Found, Server, fees, subscribe};
use crate::chain::LogFilter;
use crate::pool::PreconfReceipt;

/// Blocks of one `eth_getLogs`.
const LOG_BLOCKS_MAX: u64 = 100_000;
/// Logs of one answer.
const LOGS_MAX: u32 = 20_000;
/// Slots of one `eth_getProof`.
const PROOF_SLOTS_MAX: usize = 1_024;
/// `eth_sendRawTransactionSync` waits this long unless told otherwise.
const SYNC_TIMEOUT: Duration = Duration::from_secs(20);
const SYNC_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// A receipt before the seal: block hash zero.
pub(super) fn preconf_json(preconf: &PreconfReceipt) -> ReceiptJson {
    let place = Place {
        block_hash: B256::ZERO,
        block_number: preconf.block_number,
        index: preconf.index,
        base_fee: None,
    };
    ReceiptJson::new(&preconf.tx, &preconf.receipt, place, preconf.timestamp, preconf.log_index)
        .preconfirmed()
}

fn to_json(value: impl serde::Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::Internal(error.to_string()))
}

fn block_value(found: Option<Found>, detail: Detail) -> Result<Value, RpcError> {
    match found {
        None => Ok(Value::Null),
        Some(Found::Sealed(block)) => to_json(block_json(&block, detail)),
        Some(Found::Pending(pending)) => Ok(pending_json(&pending, detail)),
    }
}

impl Context {
    /// The range of a filter, checked.
    async fn log_range(&self, params: &FilterParams) -> Result<LogFilter, RpcError> {
        let mut filter = params.conditions()?;
        filter.limit = LOGS_MAX + 1;
        if let Some(hash) = params.block_hash {
            if params.from_block.is_some() || params.to_block.is_some() {
                let message = "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other";
                return Err(RpcError::InvalidParams(message.into()));
            }
            let block =
                self.sealed_by_hash(hash).await?.ok_or_else(|| RpcError::Server("unknown block".into()))?;
            (filter.from, filter.to) = (block.number(), block.number());
            return Ok(filter);
        }
        let head = self.chain.heads().latest.number;
        filter.from = self.number(params.from_block.unwrap_or_default());
        filter.to = self.number(params.to_block.unwrap_or_default());
        if filter.from > filter.to {
            return Err(RpcError::InvalidParams("invalid block range params".into()));
        }
        filter.to = filter.to.min(head);
        if filter.to.saturating_sub(filter.from) > LOG_BLOCKS_MAX {
            return Err(RpcError::Limit(format!("query exceeds max block range {LOG_BLOCKS_MAX}")));
        }
        Ok(filter)
    }

    async fn query_logs(&self, params: &FilterParams) -> Result<Vec<LogJson>, RpcError> {
        let filter = self.log_range(params).await?;
        if filter.from > filter.to {
            return Ok(Vec::new());
        }
        let rows = self.chain.logs(&filter).await?;
        if rows.len() > LOGS_MAX as usize {
            let last = rows.last().map_or(filter.to, |row| row.block.saturating_sub(1)).max(filter.from);
            let retry = format!("retry with the range {}-{last}", filter.from);
            return Err(RpcError::Limit(format!("query exceeds max results {LOGS_MAX}, {retry}")));
        }
        let mut out = Vec::with_capacity(rows.len());
        let mut header: Option<(u64, B256, u64)> = None;
        for row in rows {
            let known = header.take().filter(|(number, ..)| *number == row.block);
            let (number, hash, timestamp) = match known {
                Some(known) => known,
                None => {
                    // Gone between the two reads: a reorganisation dropped it, and so do we.
                    let Some(found) = self.chain.header_by_number(row.block).await? else { continue };
                    (row.block, found.hash(), found.timestamp)
                }
            };
            header = Some((number, hash, timestamp));
            out.push(LogJson::new(row, hash, timestamp));
        }
        Ok(out)
    }

    async fn call_state(
        &self,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<Box<BlockOverrides>>,
    ) -> Result<CallState, RpcError> {
        let (found, view) = self.state(block).await?;
        CallState::new(self.chain.config(), view, found.header(), state, overrides)
    }

    fn proof(
        &self,
        address: Address,
        slots: &[SlotParam],
        block: u64,
    ) -> Result<EIP1186AccountProofResponse, RpcError> {
        if slots.len() > PROOF_SLOTS_MAX {
            return Err(RpcError::InvalidParams(format!("too many slots: at most {PROOF_SLOTS_MAX}")));
        }
        let keys: Vec<U256> = slots.iter().map(|slot| slot.slot).collect();
        let proof = self.chain.proof(block, address, &keys)?;
        let storage = proof.storage.into_iter().zip(slots).map(|(entry, slot)| EIP1186StorageProof {
            key: if slot.word {
                JsonStorageKey::Hash(entry.key.into())
            } else {
                JsonStorageKey::Number(entry.key)
            },
            value: entry.value,
            proof: entry.proof,
        });
        Ok(EIP1186AccountProofResponse {
            address,
            balance: proof.account.balance,
            code_hash: proof.account.code_hash,
            nonce: proof.account.nonce,
            storage_hash: proof.account.storage_root,
            account_proof: proof.proof,
            storage_proof: storage.collect(),
        })
    }

    async fn tx_at(&self, found: Option<Found>, index: Index) -> Result<Option<TxJson>, RpcError> {
        Ok(match found {
            Some(Found::Sealed(block)) => TxJson::in_block(&block, index.0),
            Some(Found::Pending(pending)) => pending.txs.get(index.0).map(|tx| TxJson::new(tx, None)),
            None => None,
        })
    }
}

fn tx_count(found: Option<Found>) -> Option<U64> {
    found.map(|found| match found {
        Found::Sealed(block) => U64::from(block.txs.len()),
        Found::Pending(pending) => U64::from(pending.txs.len()),
    })
}

#[async_trait]
impl EthApiServer for Server {
    fn chain_id(&self) -> RpcResult<U64> {
        Ok(U64::from(self.0.chain.config().l2_chain_id))
    }

    fn block_number(&self) -> RpcResult<U64> {
        Ok(U64::from(self.0.chain.heads().latest.number))
    }

    fn syncing(&self) -> RpcResult<Value> {
        let status = self.0.sync.borrow().clone();
        if !status.syncing {
            return Ok(Value::Bool(false));
        }
        let latest = U64::from(self.0.chain.heads().latest.number);
        // The highest L2 block is not known before it is derived; the L1 numbers say how far that is.
        Ok(json!({
            "startingBlock": U64::ZERO,
            "currentBlock": latest,
            "highestBlock": latest,
            "l1Derived": U64::from(status.l1_derived),
            "l1Head": U64::from(status.l1_head),
        }))
    }

    fn accounts(&self) -> RpcResult<Vec<Address>> {
        Ok(Vec::new())
    }

    fn gas_price(&self) -> RpcResult<U256> {
        Ok(U256::from(fees::base_fee(&self.0.chain)) + fees::suggest_tip(&self.0.chain))
    }

    fn max_priority_fee(&self) -> RpcResult<U256> {
        Ok(fees::suggest_tip(&self.0.chain))
    }

    fn blob_base_fee(&self) -> RpcResult<U256> {
        Ok(U256::from(1))
    }

    async fn fee_history(
        &self,
        count: CountParam,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory> {
        let (number, head) = (self.0.number(newest), self.0.chain.heads().latest.number);
        if number > head {
            let message = format!("request beyond head block: requested {number}, head {head}");
            return Err(RpcError::Server(message).into());
        }
        Ok(fees::fee_history(&self.0.chain, count.0, number, percentiles.as_deref()).await?)
    }

    async fn balance(&self, address: Address, block: Option<BlockId>) -> RpcResult<U256> {
        let (_, view) = self.0.state(block).await?;
        Ok(view.account(address).map_err(RpcError::from)?.map_or(U256::ZERO, |account| account.balance))
    }

    async fn code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes> {
        let (_, view) = self.0.state(block).await?;
        Ok(view.code_at(address).map_err(RpcError::from)?.original_bytes())
    }

    async fn storage_at(&self, address: Address, slot: SlotParam, block: Option<BlockId>) -> RpcResult<B256> {
        let (_, view) = self.0.state(block).await?;
        Ok(view.storage(address, slot.slot).map_err(RpcError::from)?.into())
    }

    async fn transaction_count(&self, address: Address, block: Option<BlockId>) -> RpcResult<U64> {
        if block == Some(BlockId::pending())
            && let Some(nonce) = self.0.pool.pending_nonce(address)
        {
            return Ok(U64::from(nonce));
        }
        let view = match block {
            Some(block) if block.is_pending() => self.0.chain.pending_state(),
            other => self.0.state(other).await?.1,
        };
        Ok(U64::from(view.account(address).map_err(RpcError::from)?.map_or(0, |account| account.nonce)))
    }

    async fn proof(
        &self,
        address: Address,
        slots: Vec<SlotParam>,
        block: Option<BlockId>,
    ) -> RpcResult<EIP1186AccountProofResponse> {
        let (found, _) =
            self.0.state(block.map(|id| if id.is_pending() { BlockId::latest() } else { id })).await?;
        let number = found.header().number;
        let context = self.0.clone();
        Ok(self.0.compute(move || context.proof(address, &slots, number)).await?)
    }

    async fn block_by_number(&self, number: BlockNumberOrTag, full: Option<bool>) -> RpcResult<Value> {
        Ok(block_value(self.0.find_number(number).await?, full.unwrap_or_default().into())?)
    }

    async fn block_by_hash(&self, hash: B256, full: Option<bool>) -> RpcResult<Value> {
        let found = self.0.sealed_by_hash(hash).await?.map(Found::Sealed);
        Ok(block_value(found, full.unwrap_or_default().into())?)
    }

    async fn header_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Value> {
        let Some(found) = self.0.find_number(number).await? else { return Ok(Value::Null) };
        let hash = match &found {
            Found::Sealed(block) => block.hash(),
            Found::Pending(_) => B256::ZERO,
        };
        Ok(to_json(header_json(found.header(), hash, None))?)
    }

    async fn header_by_hash(&self, hash: B256) -> RpcResult<Value> {
        let Some(block) = self.0.sealed_by_hash(hash).await? else { return Ok(Value::Null) };
        Ok(to_json(header_json(block.header.inner(), block.hash(), None))?)
    }

    async fn block_receipts(&self, block: BlockId) -> RpcResult<Option<Vec<ReceiptJson>>> {
        Ok(match self.0.find(block).await? {
            Some(Found::Sealed(block)) => Some(ReceiptJson::of_block(&block)),
            _ => None,
        })
    }

    async fn tx_count_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Option<U64>> {
        Ok(tx_count(self.0.find_number(number).await?))
    }

    async fn tx_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>> {
        Ok(tx_count(self.0.sealed_by_hash(hash).await?.map(Found::Sealed)))
    }

    async fn uncle_count_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Option<U64>> {
        Ok(self.0.find_number(number).await?.map(|_| U64::ZERO))
    }

    async fn uncle_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>> {
        Ok(self.0.sealed_by_hash(hash).await?.map(|_| U64::ZERO))
    }

    fn uncle_by_number(&self, _number: BlockNumberOrTag, _index: Index) -> RpcResult<Option<Value>> {
        Ok(None)
    }

    fn uncle_by_hash(&self, _hash: B256, _index: Index) -> RpcResult<Option<Value>> {
        Ok(None)
    }

    async fn tx(&self, hash: B256) -> RpcResult<Option<TxJson>> {
        if let Some((block, index)) = self.0.chain.transaction(hash).await.map_err(RpcError::from)? {
            return Ok(TxJson::in_block(&block, index));
        }
        if let Some(tx) = self.0.pool.transaction(hash) {
            return Ok(Some(TxJson::new(&tx, None)));
        }
        let pending = self.0.chain.pending();
        let waiting = pending.as_ref().and_then(|pending| pending.txs.iter().find(|tx| tx.hash == hash));
        Ok(waiting.map(|tx| TxJson::new(tx, None)))
    }

    async fn tx_by_number(&self, number: BlockNumberOrTag, index: Index) -> RpcResult<Option<TxJson>> {
        let found = self.0.find_number(number).await?;
        Ok(self.0.tx_at(found, index).await?)
    }

    async fn tx_by_block_hash(&self, hash: B256, index: Index) -> RpcResult<Option<TxJson>> {
        let found = self.0.sealed_by_hash(hash).await?.map(Found::Sealed);
        Ok(self.0.tx_at(found, index).await?)
    }

    async fn raw_tx(&self, hash: B256) -> RpcResult<Option<Bytes>> {
        if let Some((block, index)) = self.0.chain.transaction(hash).await.map_err(RpcError::from)? {
            return Ok(block.txs.get(index).map(|tx| tx.raw.clone()));
        }
        Ok(self.0.pool.transaction(hash).map(|tx| tx.raw.clone()))
    }

    async fn receipt(&self, hash: B256) -> RpcResult<Option<ReceiptJson>> {
        let found = self.0.chain.transaction(hash).await.map_err(RpcError::from)?;
        Ok(found.and_then(|(block, index)| ReceiptJson::in_block(&block, index)))
    }

    async fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<Bytes> {
        let state = self.0.call_state(block, state, overrides).await?;
        Ok(self.0.compute(move || state.call(request)).await?)
    }

    async fn estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<U64> {
        let block = block.or(Some(BlockId::pending()));
        let state = self.0.call_state(block, state, overrides).await?;
        Ok(U64::from(self.0.compute(move || state.estimate(request)).await?))
    }

    async fn create_access_list(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
    ) -> RpcResult<AccessListResult> {
        let state = self.0.call_state(block, state, None).await?;
        Ok(self.0.compute(move || state.access_list(request)).await?)
    }

    async fn send_raw(&self, raw: Bytes) -> RpcResult<B256> {
        Ok(self.0.pool.submit(raw).await.map_err(RpcError::from)?)
    }

    async fn send_raw_sync(&self, raw: Bytes, timeout_ms: Option<CountParam>) -> RpcResult<ReceiptJson> {
        let asked = timeout_ms.map_or(SYNC_TIMEOUT, |ms| Duration::from_millis(ms.0));
        let receipt =
            self.0.pool.submit_sync(raw, asked.min(SYNC_TIMEOUT_MAX)).await.map_err(RpcError::from)?;
        Ok(preconf_json(&receipt))
    }

    async fn logs(&self, filter: FilterParams) -> RpcResult<Vec<LogJson>> {
        Ok(self.0.query_logs(&filter).await?)
    }

    async fn new_filter(&self, params: FilterParams) -> RpcResult<String> {
        let mut filter = params.conditions()?;
        if let Some(BlockNumberOrTag::Number(number)) = params.from_block {
            filter.from = number;
        }
        if let Some(BlockNumberOrTag::Number(number)) = params.to_block {
            filter.to = number;
        }
        let events = self.0.chain.subscribe();
        Ok(self.0.filters.add(Watch::Logs { filter, params: Box::new(params), events })?)
    }

    fn new_block_filter(&self) -> RpcResult<String> {
        Ok(self.0.filters.add(Watch::Blocks { events: self.0.chain.subscribe() })?)
    }

    fn new_pending_filter(&self, full: Option<bool>) -> RpcResult<String> {
        let watch = Watch::Pending { full: full.unwrap_or_default(), txs: self.0.pool.subscribe() };
        Ok(self.0.filters.add(watch)?)
    }

    async fn filter_changes(&self, id: String) -> RpcResult<Changes> {
        Ok(self.0.filters.changes(&id)?)
    }

    async fn filter_logs(&self, id: String) -> RpcResult<Vec<LogJson>> {
        let params = self.0.filters.log_params(&id)?;
        Ok(self.0.query_logs(&params).await?)
    }

    fn uninstall_filter(&self, id: String) -> RpcResult<bool> {
        Ok(self.0.filters.remove(&id))
    }

    async fn subscribe(
        &self,
        pending: PendingSubscriptionSink,
        kind: String,
        params: Option<Value>,
    ) -> SubscriptionResult {
        subscribe::run(Arc::clone(&self.0), pending, kind, params).await
    }
}
