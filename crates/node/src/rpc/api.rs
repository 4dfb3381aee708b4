//! The methods, with their parameters.

use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::rpc::types::state::StateOverride;
use alloy::rpc::types::{
    AccessListResult, BlockId, BlockNumberOrTag, BlockOverrides, EIP1186AccountProofResponse, FeeHistory,
    Index, TransactionRequest,
};
use jsonrpsee::core::{RpcResult, SubscriptionResult};
use jsonrpsee::proc_macros::rpc;
use serde_json::Value;

use super::filters::Changes;
use super::params::{CountParam, FilterParams, SlotParam};
use super::types::{LogJson, ReceiptJson, TxJson};
use crate::head::{Heads, SyncState};

/// `web3_*` and `net_*`.
#[rpc(server)]
pub(crate) trait NodeApi {
    #[method(name = "web3_clientVersion")]
    fn client_version(&self) -> RpcResult<String>;
    #[method(name = "web3_sha3")]
    fn sha3(&self, data: Bytes) -> RpcResult<B256>;
    #[method(name = "net_version")]
    fn net_version(&self) -> RpcResult<String>;
    #[method(name = "net_listening")]
    fn listening(&self) -> RpcResult<bool>;
    #[method(name = "net_peerCount")]
    fn peer_count(&self) -> RpcResult<U64>;
}

/// `eth_*` without filters and subscriptions.
#[rpc(server, namespace = "eth")]
pub(crate) trait EthApi {
    #[method(name = "chainId")]
    fn chain_id(&self) -> RpcResult<U64>;
    #[method(name = "blockNumber")]
    fn block_number(&self) -> RpcResult<U64>;
    #[method(name = "syncing")]
    fn syncing(&self) -> RpcResult<Value>;
    #[method(name = "accounts")]
    fn accounts(&self) -> RpcResult<Vec<Address>>;
    #[method(name = "gasPrice")]
    fn gas_price(&self) -> RpcResult<U256>;
    #[method(name = "maxPriorityFeePerGas")]
    fn max_priority_fee(&self) -> RpcResult<U256>;
    #[method(name = "blobBaseFee")]
    fn blob_base_fee(&self) -> RpcResult<U256>;
    #[method(name = "feeHistory")]
    async fn fee_history(
        &self,
        count: CountParam,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory>;

    #[method(name = "getBalance")]
    async fn balance(&self, address: Address, block: Option<BlockId>) -> RpcResult<U256>;
    #[method(name = "getCode")]
    async fn code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes>;
    #[method(name = "getStorageAt")]
    async fn storage_at(&self, address: Address, slot: SlotParam, block: Option<BlockId>) -> RpcResult<B256>;
    #[method(name = "getTransactionCount")]
    async fn transaction_count(&self, address: Address, block: Option<BlockId>) -> RpcResult<U64>;
    #[method(name = "getProof")]
    async fn proof(
        &self,
        address: Address,
        slots: Vec<SlotParam>,
        block: Option<BlockId>,
    ) -> RpcResult<EIP1186AccountProofResponse>;

    #[method(name = "getBlockByNumber")]
    async fn block_by_number(&self, number: BlockNumberOrTag, full: Option<bool>) -> RpcResult<Value>;
    #[method(name = "getBlockByHash")]
    async fn block_by_hash(&self, hash: B256, full: Option<bool>) -> RpcResult<Value>;
    #[method(name = "getHeaderByNumber")]
    async fn header_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Value>;
    #[method(name = "getHeaderByHash")]
    async fn header_by_hash(&self, hash: B256) -> RpcResult<Value>;
    #[method(name = "getBlockReceipts")]
    async fn block_receipts(&self, block: BlockId) -> RpcResult<Option<Vec<ReceiptJson>>>;
    #[method(name = "getBlockTransactionCountByNumber")]
    async fn tx_count_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Option<U64>>;
    #[method(name = "getBlockTransactionCountByHash")]
    async fn tx_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>>;
    #[method(name = "getUncleCountByBlockNumber")]
    async fn uncle_count_by_number(&self, number: BlockNumberOrTag) -> RpcResult<Option<U64>>;
    #[method(name = "getUncleCountByBlockHash")]
    async fn uncle_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>>;
    #[method(name = "getUncleByBlockNumberAndIndex")]
    fn uncle_by_number(&self, number: BlockNumberOrTag, index: Index) -> RpcResult<Option<Value>>;
    #[method(name = "getUncleByBlockHashAndIndex")]
    fn uncle_by_hash(&self, hash: B256, index: Index) -> RpcResult<Option<Value>>;

    #[method(name = "getTransactionByHash")]
    async fn tx(&self, hash: B256) -> RpcResult<Option<TxJson>>;
    #[method(name = "getTransactionByBlockNumberAndIndex")]
    async fn tx_by_number(&self, number: BlockNumberOrTag, index: Index) -> RpcResult<Option<TxJson>>;
    #[method(name = "getTransactionByBlockHashAndIndex")]
    async fn tx_by_block_hash(&self, hash: B256, index: Index) -> RpcResult<Option<TxJson>>;
    #[method(name = "getRawTransactionByHash")]
    async fn raw_tx(&self, hash: B256) -> RpcResult<Option<Bytes>>;
    #[method(name = "getTransactionReceipt")]
    async fn receipt(&self, hash: B256) -> RpcResult<Option<ReceiptJson>>;

    #[method(name = "call")]
    async fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<Bytes>;
    #[method(name = "estimateGas")]
    async fn estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<Box<BlockOverrides>>,
    ) -> RpcResult<U64>;
    #[method(name = "createAccessList")]
    async fn create_access_list(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state: Option<StateOverride>,
    ) -> RpcResult<AccessListResult>;

    #[method(name = "sendRawTransaction")]
    async fn send_raw(&self, raw: Bytes) -> RpcResult<B256>;
    #[method(name = "sendRawTransactionSync")]
    async fn send_raw_sync(&self, raw: Bytes, timeout_ms: Option<CountParam>) -> RpcResult<ReceiptJson>;

    #[method(name = "getLogs")]
    async fn logs(&self, filter: FilterParams) -> RpcResult<Vec<LogJson>>;
    #[method(name = "newFilter")]
    async fn new_filter(&self, filter: FilterParams) -> RpcResult<String>;
    #[method(name = "newBlockFilter")]
    fn new_block_filter(&self) -> RpcResult<String>;
    #[method(name = "newPendingTransactionFilter")]
    fn new_pending_filter(&self, full: Option<bool>) -> RpcResult<String>;
    #[method(name = "getFilterChanges")]
    async fn filter_changes(&self, id: String) -> RpcResult<Changes>;
    #[method(name = "getFilterLogs")]
    async fn filter_logs(&self, id: String) -> RpcResult<Vec<LogJson>>;
    #[method(name = "uninstallFilter")]
    fn uninstall_filter(&self, id: String) -> RpcResult<bool>;

    #[subscription(name = "subscribe" => "subscription", unsubscribe = "unsubscribe", item = Value)]
    async fn subscribe(&self, kind: String, params: Option<Value>) -> SubscriptionResult;
}

/// `txpool_*`.
#[rpc(server, namespace = "txpool")]
pub(crate) trait TxPoolApi {
    #[method(name = "status")]
    fn status(&self) -> RpcResult<Value>;
    #[method(name = "content")]
    fn content(&self) -> RpcResult<Value>;
    #[method(name = "contentFrom")]
    fn content_from(&self, address: Address) -> RpcResult<Value>;
    #[method(name = "inspect")]
    fn inspect(&self) -> RpcResult<Value>;
}

/// `assay_*`.
#[rpc(server, namespace = "assay")]
pub(crate) trait AssayApi {
    /// Unsafe, safe and finalized heads.
    #[method(name = "heads")]
    fn heads(&self) -> RpcResult<Heads>;
    /// Protocol parameters with their hash, and the genesis hash.
    #[method(name = "config")]
    fn config(&self) -> RpcResult<Value>;
    /// How far derivation from L1 is.
    #[method(name = "syncStatus")]
    fn sync_status(&self) -> RpcResult<SyncState>;
    /// The batch that a block came from.
    #[method(name = "batchOfBlock")]
    async fn batch_of_block(&self, number: BlockNumberOrTag) -> RpcResult<Value>;
    /// The source hash of the deposit at this place of the forced queue.
    #[method(name = "depositSourceHash")]
    fn deposit_source_hash(&self, queue_index: U64) -> RpcResult<B256>;
    /// Wei for a byte of transaction data.
    #[method(name = "dataPrice")]
    fn data_price(&self) -> RpcResult<U256>;
}
