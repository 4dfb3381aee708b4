//! Load for a node under test, and the size of what it posts. Prints one line of JSON.
//!
//! `node_load run URL KEY SENDERS TXS` funds `SENDERS` accounts from `KEY`, signs `TXS` transfers, then measures from the
//! first byte sent (JSON-RPC batches of 100) until the last receipt is readable.
//! `node_load latency URL KEY TXS PER_SECOND` sends unbatched `eth_sendRawTransactionSync` at a fixed rate.
//! `node_load bytes` encodes batches of transfers, ERC-20 transfers and market calls.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    transports::http::reqwest::Client,
};
use assay_execution::{Batch, BatchBlock};
use assay_primitives::predeploys;
use assay_testkit::{Key, Tx};
use eyre::{OptionExt, Result, ensure, eyre};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Calls of one JSON-RPC batch.
const BATCH: usize = 100;
/// HTTP connections, each with its own senders.
const CONNECTIONS: usize = 4;
/// What each sender gets for each of its transactions, in wei: five times what one can cost.
const FUNDS_PER_TX: u64 = 1_000_000_000_000_000;
/// Longest wait for receipts.
const PATIENCE: Duration = Duration::from_secs(300);
const SEED: u64 = 7;

#[derive(Clone)]
struct Node {
    client: Client,
    url: String,
}

impl Node {
    fn new(url: &str) -> Self {
        Self { client: Client::new(), url: url.to_owned() }
    }

    async fn post(&self, body: String) -> Result<Value> {
        let request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        Ok(serde_json::from_str(&request.send().await?.text().await?)?)
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let mut answer = self
            .post(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
            .await?;
        match answer["error"].take() {
            Value::Null => Ok(answer["result"].take()),
            error => Err(eyre!("{method}: {error}")),
        }
    }

    async fn number(&self, method: &str, params: Value) -> Result<u64> {
        let value = self.call(method, params).await?;
        let text = value.as_str().ok_or_eyre("not a number")?;
        Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
    }

    /// One JSON-RPC batch of `method` with one parameter each; fails if one of them does.
    async fn batch(&self, body: String, size: usize) -> Result<Vec<Value>> {
        let answer = self.post(body).await?;
        let Value::Array(answers) = answer else { return Err(eyre!("not a batch: {answer}")) };
        ensure!(answers.len() == size, "{} answers to {size} calls", answers.len());
        if let Some(failed) = answers.iter().find(|answer| !answer["error"].is_null()) {
            return Err(eyre!("{}", failed["error"]));
        }
        Ok(answers)
    }

    async fn wait_for_receipts(&self, hashes: &[B256]) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut left = hashes.to_vec();
        while !left.is_empty() {
            ensure!(Instant::now() < until, "{} receipts are missing", left.len());
            let some: Vec<B256> = left.iter().rev().take(BATCH).copied().collect();
            let calls = some.iter().map(|hash| format!("\"{hash}\"")).collect::<Vec<_>>();
            let answers = self.batch(batch_body("eth_getTransactionReceipt", &calls), some.len()).await?;
            let there = answers.iter().filter(|answer| answer["result"].is_object()).count();
            if there == some.len() {
                left.truncate(left.len() - some.len());
            } else {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}

fn batch_body(method: &str, params: &[String]) -> String {
    let calls = params.iter().enumerate().map(|(id, param)| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[{param}]}}"#)
    });
    format!("[{}]", calls.collect::<Vec<_>>().join(","))
}

fn hash(raw: &Bytes) -> B256 {
    keccak256(raw)
}

/// Sends signed transactions in order, in batches.
async fn send_all(node: &Node, raw: &[Bytes]) -> Result<()> {
    for part in raw.chunks(BATCH) {
        let params: Vec<String> = part.iter().map(|raw| format!("\"{raw}\"")).collect();
        node.batch(batch_body("eth_sendRawTransaction", &params), part.len()).await?;
    }
    Ok(())
}

async fn fund(node: &Node, chain_id: u64, rich: &Key, senders: &[Key], txs_each: usize) -> Result<()> {
    let funds = FUNDS_PER_TX * txs_each as u64;
    let first = node.number("eth_getTransactionCount", json!([rich.address, "pending"])).await?;
    let raw: Vec<Bytes> = (first..)
        .zip(senders)
        .map(|(nonce, sender)| Tx::transfer(chain_id, nonce, sender.address, funds).sign(rich))
        .collect();
    send_all(node, &raw).await?;
    let last: Vec<B256> = raw.last().map(hash).into_iter().collect();
    node.wait_for_receipts(&last).await
}

async fn run(url: &str, key: &str, senders: usize, txs: usize) -> Result<Value> {
    let node = Node::new(url);
    let chain_id = node.number("eth_chainId", json!([])).await?;
    let keys: Vec<Key> = (0..senders as u64).map(|n| Key::from_seed((SEED << 32) | n)).collect();
    fund(&node, chain_id, &Key::from_bytes(key.parse()?), &keys, txs.div_ceil(senders)).await?;

    let mut rng = StdRng::seed_from_u64(SEED);
    let mut queues: Vec<Vec<Bytes>> = vec![Vec::new(); CONNECTIONS];
    let mut last = vec![B256::ZERO; senders];
    for n in 0..txs {
        let (sender, nonce) = (n % senders, (n / senders) as u64);
        let to = Address::from(rng.random::<[u8; 20]>());
        let value = rng.random_range(1..1_000_000_000);
        let tip = rng.random_range(1..2_000_000_000);
        let raw = Tx { max_tip: tip, ..Tx::transfer(chain_id, nonce, to, value) }.sign(&keys[sender]);
        last[sender] = hash(&raw);
        queues[sender % CONNECTIONS].push(raw);
    }
    last.retain(|hash| !hash.is_zero());

    let started = Instant::now();
    let sending = queues.into_iter().map(|queue| {
        let node = node.clone();
        tokio::spawn(async move { send_all(&node, &queue).await })
    });
    for sent in sending.collect::<Vec<_>>() {
        sent.await??;
    }
    let submitted = started.elapsed().as_secs_f64();
    node.wait_for_receipts(&last).await?;
    let done = started.elapsed().as_secs_f64();
    Ok(json!({
        "txs": txs,
        "submitted_per_second": txs as f64 / submitted,
        "transfers_per_second": txs as f64 / done,
        "seconds": done,
    }))
}

async fn latency(url: &str, key: &str, txs: usize, per_second: f64) -> Result<Value> {
    let node = Arc::new(Node::new(url));
    let chain_id = node.number("eth_chainId", json!([])).await?;
    let keys: Vec<Key> = (0..txs as u64).map(|n| Key::from_seed(((SEED + 1) << 32) | n)).collect();
    fund(&node, chain_id, &Key::from_bytes(key.parse()?), &keys, 1).await?;
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    let mut waiting = Vec::new();
    for key in &keys {
        let raw = Tx::transfer(chain_id, 0, Address::repeat_byte(1), 1).sign(key);
        tick.tick().await;
        let node = node.clone();
        waiting.push(tokio::spawn(async move {
            let started = Instant::now();
            let receipt = node.call("eth_sendRawTransactionSync", json!([raw])).await?;
            ensure!(receipt["status"] == "0x1", "{receipt}");
            Ok::<f64, eyre::Report>(started.elapsed().as_secs_f64() * 1000.0)
        }));
    }
    let mut times = Vec::new();
    for answer in waiting {
        times.push(answer.await??);
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    Ok(json!({"txs": txs, "receipt_ms_p50": at(50), "receipt_ms_p99": at(99)}))
}

/// Bytes on L1 for each transaction, in batches of `TXS` from 1,000 senders.
fn bytes() -> Result<Value> {
    const TXS: usize = 5_000;
    const CHAIN_ID: u64 = 42_330;
    let keys: Vec<Key> = (0..1_000).map(|n| Key::from_seed((SEED << 32) | n)).collect();
    let mut rng = StdRng::seed_from_u64(SEED);
    let token = Address::repeat_byte(0x70);
    let mut measure = |kind: &str| -> Result<f64> {
        let mut txs = Vec::new();
        for n in 0..TXS {
            let nonce = (n / keys.len()) as u64 + rng.random_range(0..50);
            let to = Address::from(rng.random::<[u8; 20]>());
            let value = rng.random_range(1..1_000_000_000_000_000_000u64);
            let tx = match kind {
                "transfer" => Tx::transfer(CHAIN_ID, nonce, to, value),
                "erc20" => {
                    let input =
                        [&keccak256("transfer(address,uint256)")[..4], &[0; 12], &to[..], &word(value)[..]]
                            .concat();
                    Tx::call(CHAIN_ID, nonce, token, input, 65_000)
                }
                _ => {
                    // commit(uint256 job, bytes32 commitment)
                    let commitment: [u8; 32] = rng.random();
                    let job = word(rng.random_range(1..100_000));
                    let input = [&keccak256("commit(uint256,bytes32)")[..4], &job[..], &commitment].concat();
                    Tx::call(CHAIN_ID, nonce, predeploys::MARKET, input, 150_000)
                }
            };
            let tip = rng.random_range(1..20u128) * 100_000_000;
            txs.push(Tx { max_tip: tip, ..tx }.sign(&keys[n % keys.len()]));
        }
        let block = |txs: &[Bytes], timestamp| BatchBlock {
            timestamp,
            data_price: 0,
            queue_count: 0,
            txs: txs.to_vec(),
        };
        let blocks = (1_760_000_000..).zip(txs.chunks(1_000)).map(|(time, txs)| block(txs, time)).collect();
        let batch = Batch { parent_number: 1, parent_hash: B256::ZERO, blocks };
        Ok(batch.encode(CHAIN_ID, 10)?.len() as f64 / TXS as f64)
    };
    Ok(json!({
        "bytes_per_transfer": measure("transfer")?,
        "bytes_per_erc20_transfer": measure("erc20")?,
        "bytes_per_market_call": measure("market")?,
    }))
}

fn word(value: u64) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let figures = match args.as_slice() {
        ["run", url, key, senders, txs] => run(url, key, senders.parse()?, txs.parse()?).await?,
        ["latency", url, key, txs, rate] => latency(url, key, txs.parse()?, rate.parse()?).await?,
        ["bytes"] => bytes()?,
        _ => {
            return Err(eyre!(
                "usage: node_load run URL KEY SENDERS TXS | latency URL KEY TXS PER_SECOND | bytes"
            ));
        }
    };
    println!("{figures}");
    Ok(())
}
