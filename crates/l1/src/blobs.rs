//! Blobs: fetched from a beacon API, checked against their KZG commitments, packed for sending.

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use alloy::{
    eips::{
        eip4844::{AsCkzg, BYTES_PER_BLOB, Blob, c_kzg, kzg_to_versioned_hash},
        eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
    },
    primitives::{B256, Bytes, hex},
    transports::http::reqwest,
};
use futures::future::BoxFuture;
use serde::Deserialize;

use crate::{L1Block, L1Error, client::endpoint};

/// Longest wait for the blobs of one block.
const BLOBS_TIMEOUT: Duration = Duration::from_secs(60);

/// The trusted setup without precomputed tables. Alloy's default builds tables that make cell proofs
/// about three times as fast, but take some 100 MB and seconds of every start.
fn kzg() -> &'static c_kzg::KzgSettings {
    c_kzg::ethereum_kzg_settings(0)
}

/// Where blobs come from. A blob is [`Bytes`] of 131,072 bytes: too large to be moved on stacks.
pub trait BlobSource: Send + Sync {
    /// The blobs of `block` with these versioned hashes, in this order, each checked against its
    /// hash. All or an error.
    fn blobs<'a>(
        &'a self,
        block: &'a L1Block,
        versioned_hashes: &'a [B256],
    ) -> BoxFuture<'a, Result<Vec<Bytes>, L1Error>>;
}

/// The hash that a transaction names a blob by (EIP-4844); `None` for bytes that are no blob, by length
/// or because a word is no field element. About 40 ms.
pub fn versioned_hash(blob: &[u8]) -> Option<B256> {
    let blob: &Blob = blob.try_into().ok()?;
    let commitment = kzg().blob_to_kzg_commitment(blob.as_ckzg()).ok()?;
    Some(kzg_to_versioned_hash(commitment.as_slice()))
}

/// Commitments and cell proofs of a blob transaction as L1 takes them since Osaka (EIP-7594). Slow:
/// about 0.3 s of one core for each blob, on a thread of its own.
pub(crate) async fn sidecar(blobs: Vec<Bytes>) -> Result<BlobTransactionSidecarVariant, String> {
    tokio::task::spawn_blocking(move || {
        let mut whole: Vec<Blob> = Vec::with_capacity(blobs.len());
        for blob in &blobs {
            let blob: &Blob = blob[..].try_into().map_err(|_| format!("a blob of {} bytes", blob.len()))?;
            // Copies from heap to heap: a few blobs by value fill a thread's stack.
            whole.extend_from_slice(std::slice::from_ref(blob));
        }
        BlobTransactionSidecarEip7594::try_from_blobs_with_settings(whole, kzg()).map_err(|e| e.to_string())
    })
    .await
    .map_err(|e| e.to_string())?
    .map(BlobTransactionSidecarVariant::Eip7594)
}

/// A beacon node's `/eth/v1/beacon/blobs`, or anvil's.
#[derive(Debug)]
pub struct BeaconApi {
    client: reqwest::Client,
    url: reqwest::Url,
    slots: OnceLock<Slots>,
}

/// How a slot follows from an execution block.
#[derive(Clone, Copy, Debug)]
enum Slots {
    /// Anvil has no beacon chain: the slot is the block number.
    BlockNumber,
    /// Slots have a fixed length.
    Timed { genesis_time: u64, secs_per_slot: u64 },
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    secs_per_slot: String,
}

impl BeaconApi {
    /// A client of the beacon API at `url`. Does not connect yet.
    pub fn new(url: reqwest::Url) -> Result<Self, L1Error> {
        let client = reqwest::Client::builder().timeout(BLOBS_TIMEOUT).build().map_err(|e| {
            L1Error::Unreachable { endpoint: endpoint(&url), reason: e.without_url().to_string() }
        })?;
        Ok(Self { client, url, slots: OnceLock::new() })
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response, L1Error> {
        let base = self.url.as_str().trim_end_matches('/');
        self.client.get(format!("{base}/eth/v1/{path}")).send().await.map_err(|e| L1Error::Unreachable {
            endpoint: endpoint(&self.url),
            reason: e.without_url().to_string(),
        })
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, L1Error> {
        let response = self.get(path).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(L1Error::Malformed {
                reason: format!("the beacon API answered {path} with {status}"),
            });
        }
        response
            .json::<Envelope<T>>()
            .await
            .map(|envelope| envelope.data)
            .map_err(|e| L1Error::Malformed { reason: format!("{path}: {}", e.without_url()) })
    }

    async fn slots(&self) -> Result<Slots, L1Error> {
        if let Some(slots) = self.slots.get() {
            return Ok(*slots);
        }
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| L1Error::Malformed { reason: format!("{text} is no number") })
        };
        let slots = if self.get("config/spec").await?.status() == reqwest::StatusCode::NOT_FOUND {
            Slots::BlockNumber
        } else {
            let genesis: Genesis = self.json("beacon/genesis").await?;
            let spec: Spec = self.json("config/spec").await?;
            Slots::Timed {
                genesis_time: number(&genesis.genesis_time)?,
                secs_per_slot: number(&spec.secs_per_slot)?.max(1),
            }
        };
        Ok(*self.slots.get_or_init(|| slots))
    }

    async fn fetch(&self, block: &L1Block, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        let slot = match self.slots().await? {
            Slots::BlockNumber => block.number,
            Slots::Timed { genesis_time, secs_per_slot } => {
                block.time.saturating_sub(genesis_time) / secs_per_slot
            }
        };
        let names: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        let path = format!("beacon/blobs/{slot}?versioned_hashes={}", names.join(","));
        let texts: Vec<String> = self.json(&path).await.map_err(|error| match error {
            L1Error::Malformed { reason } => unavailable(block, hashes.first(), reason),
            other => other,
        })?;
        let blobs = texts.iter().map(|text| parse_blob(text)).collect::<Result<Vec<_>, _>>()?;
        let hashes = hashes.to_vec();
        let block = *block;
        tokio::task::spawn_blocking(move || in_order(&block, &hashes, blobs))
            .await
            .map_err(|e| L1Error::Malformed { reason: e.to_string() })?
    }
}

impl BlobSource for BeaconApi {
    fn blobs<'a>(
        &'a self,
        block: &'a L1Block,
        versioned_hashes: &'a [B256],
    ) -> BoxFuture<'a, Result<Vec<Bytes>, L1Error>> {
        Box::pin(self.fetch(block, versioned_hashes))
    }
}

fn parse_blob(text: &str) -> Result<Bytes, L1Error> {
    let bytes = hex::decode(text).map_err(|e| L1Error::Malformed { reason: format!("a blob: {e}") })?;
    if bytes.len() != BYTES_PER_BLOB {
        return Err(L1Error::Malformed { reason: format!("a blob of {} bytes", bytes.len()) });
    }
    Ok(bytes.into())
}

/// Finds each hash among `blobs`, which may be in any order and may hold others.
fn in_order(block: &L1Block, hashes: &[B256], blobs: Vec<Bytes>) -> Result<Vec<Bytes>, L1Error> {
    let by_hash: HashMap<B256, Bytes> =
        blobs.into_iter().filter_map(|blob| Some((versioned_hash(&blob)?, blob))).collect();
    hashes
        .iter()
        .map(|hash| {
            by_hash
                .get(hash)
                .cloned()
                .ok_or_else(|| unavailable(block, Some(hash), "the beacon API did not return it".to_owned()))
        })
        .collect()
}

fn unavailable(block: &L1Block, hash: Option<&B256>, reason: String) -> L1Error {
    L1Error::BlobUnavailable {
        block: block.number,
        versioned_hash: hash.copied().unwrap_or_default(),
        reason,
    }
}
