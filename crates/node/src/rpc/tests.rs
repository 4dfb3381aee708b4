use std::time::Duration;

use alloy::consensus::Transaction as _;
use alloy::consensus::transaction::SignerRecoverable;
use alloy::network::{AnyRpcBlock, AnyTransactionReceipt, ReceiptResponse, TransactionResponse};
use alloy::primitives::{Address, B256, Bytes, TxKind, U64, U256, address};
use alloy::rpc::types::{
    AccessListResult, EIP1186AccountProofResponse, FeeHistory, Filter, Header, Log, TransactionRequest,
};
use assay_execution::{Recovered, recover};
use futures::future::BoxFuture;
use jsonrpsee::core::EmptyServerParams;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::*;
use crate::block::PendingBlock;
use crate::chain::{ChainOptions, Logged};
use crate::pool::{PoolContent, PoolError, PoolStatus, SyncError};
use crate::testing::{EMITTER, input, inputs, signer, test_genesis, transfer, tx};

/// A pool that keeps what it gets and never executes it.
struct Kept {
    txs: Mutex<Vec<Arc<Recovered>>>,
    news: broadcast::Sender<Arc<Recovered>>,
    config: Arc<assay_primitives::ChainConfig>,
}

impl TxPool for Kept {
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, PoolError>> {
        Box::pin(async move {
            let tx = Arc::new(recover(&raw, &self.config)?);
            let mut txs = self.txs.lock();
            if txs.iter().any(|known| known.hash == tx.hash) {
                return Err(PoolError::AlreadyKnown);
            }
            txs.push(tx.clone());
            let _ = self.news.send(tx.clone());
            Ok(tx.hash)
        })
    }

    fn submit_sync(&self, raw: Bytes, timeout: Duration) -> BoxFuture<'_, Result<PreconfReceipt, SyncError>> {
        Box::pin(async move {
            let hash = self.submit(raw).await?;
            Err(SyncError::Timeout { hash, timeout })
        })
    }

    fn pending_nonce(&self, sender: Address) -> Option<u64> {
        let txs = self.txs.lock();
        txs.iter().filter(|tx| tx.sender == sender).map(|tx| tx.tx.nonce() + 1).max()
    }

    fn transaction(&self, hash: B256) -> Option<Arc<Recovered>> {
        self.txs.lock().iter().find(|tx| tx.hash == hash).cloned()
    }

    fn status(&self) -> PoolStatus {
        PoolStatus { pending: self.txs.lock().len() as u64, queued: 0 }
    }

    fn content(&self, sender: Option<Address>) -> PoolContent {
        let mut content = PoolContent::default();
        for tx in self.txs.lock().iter().filter(|tx| sender.is_none_or(|sender| sender == tx.sender)) {
            content.pending.entry(tx.sender).or_default().insert(tx.tx.nonce(), tx.clone());
        }
        content
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Recovered>> {
        self.news.subscribe()
    }
}

struct Fixture {
    chain: Chain,
    methods: Methods,
}

impl Fixture {
    async fn new(blocks: u64) -> Self {
        let chain = Chain::open(ChainOptions::memory(), &test_genesis(), None).await.unwrap().chain;
        for input in inputs(blocks) {
            chain.extend(&input).unwrap();
        }
        let config = chain.config().clone();
        let pool = Arc::new(Kept { txs: Mutex::default(), news: broadcast::channel(16).0, config });
        let methods = rpc_methods(chain.clone(), pool, watch::channel(SyncState::default()).1).unwrap();
        Self { chain, methods }
    }

    async fn raw(&self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let (answer, _) = self.methods.raw_json_request(&request, 8).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    }

    async fn get<T: DeserializeOwned>(&self, method: &str, params: Value) -> T {
        let answer = self.raw(method, params).await;
        let result = answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone();
        serde_json::from_value(result.clone()).unwrap_or_else(|error| panic!("{method}: {error}: {result}"))
    }

    async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.raw(method, params).await;
        let error = &answer["error"];
        assert!(error.is_object(), "{method} succeeded: {answer}");
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn constants_are_hex_and_right() {
    let node = Fixture::new(2).await;
    let id = node.chain.config().l2_chain_id;
    assert_eq!(node.get::<U64>("eth_chainId", json!([])).await, U64::from(id));
    assert_eq!(node.get::<String>("net_version", json!([])).await, id.to_string());
    assert_eq!(node.get::<String>("eth_blockNumber", json!([])).await, "0x2");
    assert_eq!(node.get::<Value>("eth_syncing", json!([])).await, json!(false));
    assert!(node.get::<Vec<Address>>("eth_accounts", json!([])).await.is_empty());
    assert!(node.get::<String>("web3_clientVersion", json!([])).await.starts_with("assay/"));
    let hash = node.get::<B256>("web3_sha3", json!(["0x"])).await;
    assert_eq!(hash, alloy::primitives::KECCAK256_EMPTY);
    assert!(node.get::<U256>("eth_gasPrice", json!([])).await > U256::ZERO);
    assert_eq!(node.get::<Value>("assay_heads", json!([])).await["unsafe"]["number"], 2);
    let config = node.get::<Value>("assay_config", json!([])).await;
    assert_eq!(config["genesis"], json!(node.chain.genesis().hash()));
    assert_eq!(config["configHash"], json!(node.chain.config().hash()));
}

#[tokio::test]
async fn blocks_read_back_as_alloys_types() {
    let node = Fixture::new(3).await;
    for number in 0..=3u64 {
        let block = node.chain.recent_block(number).unwrap();
        let tag = format!("{number:#x}");
        let full: AnyRpcBlock = node.get("eth_getBlockByNumber", json!([tag, true])).await;
        assert_eq!(full.header.hash, block.hash());
        // A client that recomputes the hash from the fields gets the same.
        let header: Header = node.get("eth_getHeaderByNumber", json!([tag])).await;
        assert_eq!(header.inner.hash_slow(), block.hash());
        assert_eq!(full.transactions.len(), block.txs.len());
        for (shown, tx) in full.transactions.txns().zip(&block.txs) {
            assert_eq!((shown.tx_hash(), shown.from(), shown.nonce()), (tx.hash, tx.sender, tx.tx.nonce()));
        }
        let by_hash: Value = node.get("eth_getBlockByHash", json!([block.hash(), false])).await;
        assert_eq!(by_hash["transactions"], json!(block.txs.iter().map(|tx| tx.hash).collect::<Vec<_>>()));
        assert_eq!(by_hash["uncles"], json!([]));
        assert_eq!(by_hash["withdrawals"], json!([]));
        let count = U64::from(block.txs.len());
        assert_eq!(node.get::<U64>("eth_getBlockTransactionCountByNumber", json!([tag])).await, count);
        assert_eq!(node.get::<U64>("eth_getBlockTransactionCountByHash", json!([block.hash()])).await, count);
        assert_eq!(node.get::<U64>("eth_getUncleCountByBlockNumber", json!([tag])).await, U64::ZERO);
    }
    let size: U256 = serde_json::from_value(
        node.get::<Value>("eth_getBlockByNumber", json!(["0x1", false])).await["size"].clone(),
    )
    .unwrap();
    let block = node.chain.recent_block(1).unwrap();
    let body: usize = block.txs.iter().map(|tx| tx.raw.len()).sum();
    assert!(size > U256::from(body) && size < U256::from(body + 1_000));
    for tag in ["earliest", "latest", "safe", "finalized", "pending"] {
        assert!(node.get::<Value>("eth_getBlockByNumber", json!([tag, false])).await.is_object(), "{tag}");
    }
    assert_eq!(node.get::<Value>("eth_getBlockByNumber", json!(["0x99", false])).await, Value::Null);
    assert_eq!(node.get::<Value>("eth_getBlockByHash", json!([B256::ZERO, false])).await, Value::Null);
    assert_eq!(node.get::<Value>("eth_getBlockTransactionCountByNumber", json!(["0x99"])).await, Value::Null);
}

#[tokio::test]
async fn transactions_and_receipts_read_back_as_alloys_types() {
    let node = Fixture::new(3).await;
    let block = node.chain.recent_block(3).unwrap();
    assert!(block.txs[0].tx.as_deposit().is_some());
    let receipts: Vec<AnyTransactionReceipt> = node.get("eth_getBlockReceipts", json!(["0x3"])).await;
    assert_eq!(receipts.len(), 3);
    let mut logs = 0;
    for (index, (tx, receipt)) in block.txs.iter().zip(&block.receipts).enumerate() {
        let shown: AnyTransactionReceipt = node.get("eth_getTransactionReceipt", json!([tx.hash])).await;
        assert_eq!(shown.transaction_hash(), tx.hash);
        assert_eq!(shown.transaction_index(), Some(index as u64));
        assert_eq!(shown.gas_used(), receipt.gas_used);
        assert_eq!(shown.status(), receipt.success);
        let value: Value = node.get("eth_getTransactionReceipt", json!([tx.hash])).await;
        assert_eq!(value["l1Fee"], json!(receipt.l1_fee));
        assert!(value.get("preconfirmed").is_none());
        for log in value["logs"].as_array().unwrap() {
            assert_eq!(log["logIndex"], json!(U64::from(logs)));
            logs += 1;
        }
        for (method, params) in [
            ("eth_getTransactionByHash", json!([tx.hash])),
            ("eth_getTransactionByBlockNumberAndIndex", json!(["0x3", U64::from(index)])),
            ("eth_getTransactionByBlockHashAndIndex", json!([block.hash(), U64::from(index)])),
        ] {
            let shown: Value = node.get(method, params).await;
            assert_eq!(shown["hash"], json!(tx.hash), "{method}");
            assert_eq!(shown["blockHash"], json!(block.hash()));
        }
        assert_eq!(node.get::<Bytes>("eth_getRawTransactionByHash", json!([tx.hash])).await, tx.raw);
    }
    // Signed ones parse into typed envelopes that hash to the same.
    let shown: alloy::rpc::types::Transaction =
        node.get("eth_getTransactionByHash", json!([block.txs[1].hash])).await;
    assert_eq!(*shown.inner.tx_hash(), block.txs[1].hash);
    assert_eq!(shown.inner.inner().recover_signer().unwrap(), signer().address());
    let deposit: Value = node.get("eth_getTransactionByHash", json!([block.txs[0].hash])).await;
    assert_eq!(deposit["type"], "0x7e");
    assert_eq!(deposit["sourceHash"], node.get::<Value>("assay_depositSourceHash", json!(["0x3"])).await);
    assert_eq!(node.get::<Value>("eth_getTransactionByHash", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.get::<Value>("eth_getTransactionReceipt", json!([B256::ZERO])).await, Value::Null);
}

#[tokio::test]
async fn state_is_read_at_any_kept_block() {
    let node = Fixture::new(3).await;
    let sender = signer().address();
    for (tag, nonce) in [("earliest", 0), ("0x1", 2), ("0x2", 4), ("latest", 6), ("pending", 6)] {
        assert_eq!(node.get::<U64>("eth_getTransactionCount", json!([sender, tag])).await, U64::from(nonce));
    }
    let hash = node.chain.recent_block(1).unwrap().hash();
    let by_hash = json!({"blockHash": hash, "requireCanonical": true});
    assert_eq!(node.get::<U64>("eth_getTransactionCount", json!([sender, by_hash])).await, U64::from(2));
    let word = |number: u64| B256::from(U256::from(number));
    assert_eq!(node.get::<B256>("eth_getStorageAt", json!([EMITTER, "0x1", "0x2"])).await, word(2));
    assert_eq!(node.get::<B256>("eth_getStorageAt", json!([EMITTER, word(1), "latest"])).await, word(3));
    assert!(!node.get::<Bytes>("eth_getCode", json!([EMITTER, "latest"])).await.is_empty());
    assert!(node.get::<Bytes>("eth_getCode", json!([sender])).await.is_empty());
    let to = Address::repeat_byte(2);
    assert_eq!(node.get::<U256>("eth_getBalance", json!([to, "0x1"])).await, U256::ZERO);
    assert_eq!(node.get::<U256>("eth_getBalance", json!([to, "0x2"])).await, U256::from(1_000));
    assert_eq!(node.error("eth_getBalance", json!([to, "0x99"])).await, (-32000, "header not found".into()));
    let (code, _) = node.error("eth_getBalance", json!(["0x12", "latest"])).await;
    assert_eq!(code, -32602);
    assert_eq!(node.error("eth_getBalance", json!([])).await.0, -32602);
}

#[tokio::test]
async fn calls_run_and_revert_like_geths() {
    let node = Fixture::new(1).await;
    let word = B256::from(U256::from(77));
    let call = json!({"from": signer().address(), "to": EMITTER, "data": word});
    assert_eq!(node.get::<B256>("eth_call", json!([call, "latest"])).await, word);
    assert_eq!(node.get::<B256>("eth_call", json!([call])).await, word);
    let empty = json!({"to": EMITTER});
    let answer = node.raw("eth_call", json!([empty, "latest"])).await;
    assert_eq!(answer["error"]["code"], 3);
    assert_eq!(answer["error"]["message"], "execution reverted: no");
    assert!(answer["error"]["data"].as_str().unwrap().starts_with("0x08c379a0"));
    assert_eq!(node.error("eth_estimateGas", json!([empty])).await, (3, "execution reverted: no".into()));

    // Overrides: code, storage, balance, block.
    let to = address!("0x00000000000000000000000000000000000000aa");
    let sload = json!({to.to_string(): {"code": "0x60015460005260206000f3", "stateDiff": {B256::from(U256::from(1)).to_string(): word}}});
    assert_eq!(node.get::<B256>("eth_call", json!([{"to": to}, "latest", sload])).await, word);
    let number = json!({to.to_string(): {"code": "0x4360005260206000f3"}});
    let at: B256 = node.get("eth_call", json!([{"to": to}, "latest", number, {"number": "0x500"}])).await;
    assert_eq!(at, B256::from(U256::from(0x500)));
    let poor = address!("0x00000000000000000000000000000000000000bb");
    let (code, message) =
        node.error("eth_call", json!([{"from": poor, "to": to, "value": "0x1"}, "latest"])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds for gas * price + value"), "{message}");
    let rich = json!({poor.to_string(): {"balance": "0x1"}});
    assert_eq!(
        node.get::<Bytes>("eth_call", json!([{"from": poor, "to": to, "value": "0x1"}, "latest", rich]))
            .await,
        Bytes::new()
    );
    let (code, message) =
        node.error("eth_call", json!([{"to": to, "data": "0x01", "input": "0x02"}, "latest"])).await;
    assert_eq!((code, message.as_str()), (-32602, r#"both "data" and "input" are set and not equal"#));
}

#[tokio::test]
async fn estimates_are_enough_and_tight() {
    let node = Fixture::new(1).await;
    let sender = signer().address();
    let plain = json!({"from": sender, "to": Address::repeat_byte(3), "value": "0x1"});
    assert_eq!(node.get::<U64>("eth_estimateGas", json!([plain])).await, U64::from(21_000));
    let data = B256::from(U256::from(5));
    let gas: U64 = node.get("eth_estimateGas", json!([{"from": sender, "to": EMITTER, "data": data}])).await;
    let raw = tx(2, TxKind::Call(EMITTER), 0, data.to_vec());
    let block = node.chain.extend(&input(2, vec![raw])).unwrap();
    let used = block.receipts[0].gas_used;
    assert!(gas.to::<u64>() >= used && gas.to::<u64>() < used + used / 10, "{gas} for {used}");

    let (code, message) = node
        .error("eth_estimateGas", json!([{"from": sender, "to": EMITTER, "data": data, "gas": "0x55f0"}]))
        .await;
    assert_eq!((code, message.as_str()), (-32000, "gas required exceeds allowance (22000)"));
    let poor =
        json!({"from": Address::repeat_byte(0xCC), "to": EMITTER, "value": "0x1", "gasPrice": "0x3b9aca00"});
    assert_eq!(
        node.error("eth_estimateGas", json!([poor])).await,
        (-32000, "insufficient funds for transfer".into())
    );
    // Initcode that deploys nothing.
    let create: U64 = node.get("eth_estimateGas", json!([{"from": sender, "data": "0x00"}])).await;
    assert!(create.to::<u64>() >= 53_000);
}

#[tokio::test]
async fn access_lists_name_what_is_touched() {
    let node = Fixture::new(1).await;
    let request =
        json!([{"from": signer().address(), "to": EMITTER, "data": B256::from(U256::from(5))}, "latest"]);
    let list: AccessListResult = node.get("eth_createAccessList", request).await;
    assert_eq!(list.access_list.0.len(), 1);
    assert_eq!(list.access_list.0[0].address, EMITTER);
    assert_eq!(list.access_list.0[0].storage_keys, [B256::from(U256::from(1))]);
    assert!(list.error.is_none() && list.gas_used > U256::from(21_000));
    let reverted: AccessListResult = node.get("eth_createAccessList", json!([{"to": EMITTER}])).await;
    assert_eq!(reverted.error.as_deref(), Some("execution reverted: no"));
}

#[tokio::test]
async fn proofs_read_back_as_alloys_type() {
    let node = Fixture::new(2).await;
    let proof: EIP1186AccountProofResponse = node.get("eth_getProof", json!([EMITTER, ["0x1"], "0x1"])).await;
    assert_eq!(proof.storage_proof[0].value, U256::from(1));
    assert!(!proof.account_proof.is_empty() && !proof.storage_proof[0].proof.is_empty());
    let many = vec!["0x1"; 2_000];
    assert_eq!(node.error("eth_getProof", json!([EMITTER, many, "latest"])).await.0, -32602);
}

#[tokio::test]
async fn fee_history_covers_the_next_block() {
    let node = Fixture::new(5).await;
    let history: FeeHistory = node.get("eth_feeHistory", json!(["0x3", "latest", [0.0, 50.0, 100.0]])).await;
    assert_eq!(history.oldest_block, 3);
    assert_eq!((history.base_fee_per_gas.len(), history.gas_used_ratio.len()), (4, 3));
    assert_eq!(history.reward.unwrap(), vec![vec![1_000_000; 3]; 3]);
    let long: FeeHistory = node.get("eth_feeHistory", json!([1_000, "latest", null])).await;
    assert_eq!((long.oldest_block, long.gas_used_ratio.len()), (0, 6));
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "0x99", []])).await.0, -32000);
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "latest", [50.0, 20.0]])).await.0, -32000);
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "latest", [101.0]])).await.0, -32000);
}

#[tokio::test]
async fn logs_match_alloys_filter() {
    let node = Fixture::new(6).await;
    let filter = |filter: &Filter| serde_json::to_value(filter).unwrap();
    let all: Vec<Log> =
        node.get("eth_getLogs", json!([filter(&Filter::new().from_block(0).address(EMITTER))])).await;
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|log| !log.removed && log.block_hash.is_some() && log.block_timestamp.is_some()));
    let topic = B256::from(U256::from(4));
    let one: Vec<Log> =
        node.get("eth_getLogs", json!([filter(&Filter::new().from_block(0).event_signature(topic))])).await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].block_number, Some(4));
    let hash = node.chain.recent_block(2).unwrap().hash();
    let in_block: Vec<Log> = node.get("eth_getLogs", json!([{"blockHash": hash}])).await;
    assert_eq!(in_block.len(), 1);
    let two: Vec<Log> = node.get("eth_getLogs", json!([{"fromBlock": "0x0", "topics": [null, null]}])).await;
    assert!(two.is_empty(), "the event has one topic");
    assert_eq!(node.error("eth_getLogs", json!([{"blockHash": B256::ZERO}])).await.0, -32000);
    assert_eq!(node.error("eth_getLogs", json!([{"fromBlock": "0x5", "toBlock": "0x1"}])).await.0, -32602);
    assert_eq!(node.error("eth_getLogs", json!([{"blockHash": hash, "fromBlock": "0x1"}])).await.0, -32602);
}

#[tokio::test]
async fn filters_report_news_once() {
    let node = Fixture::new(2).await;
    let blocks: String = node.get("eth_newBlockFilter", json!([])).await;
    let logs: String = node.get("eth_newFilter", json!([{"address": EMITTER}])).await;
    let pending: String = node.get("eth_newPendingTransactionFilter", json!([])).await;
    let raw = tx(4, TxKind::Call(EMITTER), 0, B256::ZERO.to_vec());
    let hash: B256 = node.get("eth_sendRawTransaction", json!([raw])).await;
    let block = node.chain.extend(&input(3, vec![raw])).unwrap();
    assert_eq!(node.get::<Vec<B256>>("eth_getFilterChanges", json!([blocks])).await, [block.hash()]);
    assert_eq!(node.get::<Vec<Log>>("eth_getFilterChanges", json!([logs])).await.len(), 1);
    assert_eq!(node.get::<Vec<B256>>("eth_getFilterChanges", json!([pending])).await, [hash]);
    assert!(node.get::<Vec<B256>>("eth_getFilterChanges", json!([blocks])).await.is_empty());
    node.chain.rollback_to(2).await.unwrap();
    let removed: Vec<Log> = node.get("eth_getFilterChanges", json!([logs])).await;
    assert!(removed.len() == 1 && removed[0].removed);
    assert_eq!(node.get::<Vec<Log>>("eth_getFilterLogs", json!([logs])).await.len(), 1);
    assert!(node.get::<bool>("eth_uninstallFilter", json!([logs])).await);
    assert!(!node.get::<bool>("eth_uninstallFilter", json!([logs])).await);
    assert_eq!(node.error("eth_getFilterChanges", json!([logs])).await, (-32000, "filter not found".into()));
}

#[tokio::test]
async fn sending_answers_with_geths_errors() {
    let node = Fixture::new(1).await;
    let raw = transfer(2, 1);
    let hash: B256 = node.get("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(node.error("eth_sendRawTransaction", json!([raw])).await, (-32000, "already known".into()));
    let shown: Value = node.get("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(shown["blockNumber"], Value::Null);
    assert_eq!(node.get::<Value>("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    let sender = signer().address();
    assert_eq!(node.get::<U64>("eth_getTransactionCount", json!([sender, "pending"])).await, U64::from(3));
    assert_eq!(node.get::<U64>("eth_getTransactionCount", json!([sender, "latest"])).await, U64::from(2));
    assert_eq!(
        node.get::<Value>("txpool_status", json!([])).await,
        json!({"pending": "0x1", "queued": "0x0"})
    );
    let content: Value = node.get("txpool_content", json!([])).await;
    assert_eq!(content["pending"][sender.to_string()]["2"]["hash"], json!(hash));
    assert!(
        node.get::<Value>("txpool_inspect", json!([])).await["pending"][sender.to_string()]["2"].is_string()
    );

    assert_eq!(node.error("eth_sendRawTransaction", json!(["0x"])).await.0, -32000);
    assert_eq!(node.error("eth_sendRawTransaction", json!(["0x02c0"])).await.0, -32000);
    assert_eq!(node.error("eth_sendRawTransaction", json!(["nonsense"])).await.0, -32602);
    let answer = node.raw("eth_sendRawTransactionSync", json!([transfer(3, 1), 5])).await;
    assert_eq!(answer["error"]["code"], 4, "EIP-7966: {answer}");
    assert!(answer["error"]["data"].is_string());
}

#[tokio::test]
async fn the_open_block_is_pending() {
    let node = Fixture::new(1).await;
    let next = input(2, vec![transfer(2, 1)]);
    let executed = node.chain.execute(&next).unwrap();
    node.chain.set_pending(Arc::new(PendingBlock {
        header: executed.header.clone(),
        txs: executed.txs.clone(),
        receipts: executed.receipts.clone(),
        changes: executed.changes.clone(),
    }));
    let sender = signer().address();
    assert_eq!(node.get::<U64>("eth_getTransactionCount", json!([sender, "pending"])).await, U64::from(3));
    let block: Value = node.get("eth_getBlockByNumber", json!(["pending", true])).await;
    assert_eq!((&block["number"], &block["hash"]), (&json!("0x2"), &Value::Null));
    assert_eq!(block["transactions"].as_array().unwrap().len(), 1);
    node.chain.append(executed, &next, Logged::Nothing).unwrap();
    assert!(node.chain.pending().is_none());
    let block: Value = node.get("eth_getBlockByNumber", json!(["pending", true])).await;
    assert_eq!(block["hash"], json!(node.chain.latest().hash()));
}

#[tokio::test]
async fn subscriptions_follow_the_chain() {
    let node = Fixture::new(1).await;
    let mut heads = node.methods.subscribe("eth_subscribe", ["newHeads"], 8).await.unwrap();
    let params = [json!("logs"), json!({"address": EMITTER})];
    let mut logs = node.methods.subscribe("eth_subscribe", params, 8).await.unwrap();
    let mut pending = node.methods.subscribe("eth_subscribe", ["newPendingTransactions"], 8).await.unwrap();
    let raw = tx(2, TxKind::Call(EMITTER), 0, B256::ZERO.to_vec());
    let hash: B256 = node.get("eth_sendRawTransaction", json!([raw])).await;
    let block = node.chain.extend(&input(2, vec![raw])).unwrap();
    assert_eq!(heads.next::<Header>().await.unwrap().unwrap().0.hash, block.hash());
    assert_eq!(logs.next::<Log>().await.unwrap().unwrap().0.transaction_hash, Some(hash));
    assert_eq!(pending.next::<B256>().await.unwrap().unwrap().0, hash);
    node.chain.rollback_to(1).await.unwrap();
    assert!(logs.next::<Log>().await.unwrap().unwrap().0.removed);
    assert!(node.methods.subscribe("eth_subscribe", ["nonsense"], 8).await.is_err());
    assert!(node.methods.subscribe("eth_subscribe", EmptyServerParams::new(), 8).await.is_err());
}

#[tokio::test]
async fn what_a_typed_client_asks_is_understood() {
    let node = Fixture::new(1).await;
    let request = TransactionRequest::default()
        .from(signer().address())
        .to(EMITTER)
        .input(Bytes::from(B256::ZERO.to_vec()).into())
        .max_fee_per_gas(2_000_000_000)
        .max_priority_fee_per_gas(1);
    let value = serde_json::to_value(request).unwrap();
    assert_eq!(node.get::<B256>("eth_call", json!([value, "latest"])).await, B256::ZERO);
    assert!(node.get::<U64>("eth_estimateGas", json!([value])).await > U64::from(21_000));
}
