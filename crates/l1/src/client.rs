//! Reading L1: heads, the Inbox's state, its entries with their payloads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::{
    consensus::{BlockHeader, Transaction},
    eips::{BlockId, BlockNumberOrTag},
    network::{Ethereum, TransactionResponse},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{Block, Filter, Log},
    sol_types::{SolCall, SolEvent},
    transports::{RpcError, TransportErrorKind, http::reqwest},
};
use assay_bindings::Inbox;
use assay_primitives::{BatchKind, InboxEntry, QueueEntry, QueueKind, blob_data_hash, page_root};

use crate::{BeaconApi, BlobSource, InboxSetup, InboxState, Included, L1Block, L1Error, L1Heads, L1Segment};

/// Longest wait for one answer of L1.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A reader of one Inbox on one L1. Cheap to clone.
#[derive(Clone)]
pub struct L1Client {
    provider: DynProvider<Ethereum>,
    endpoint: String,
    inbox: Address,
    blobs: Arc<dyn BlobSource>,
}

impl std::fmt::Debug for L1Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("L1Client").field("endpoint", &self.endpoint).field("inbox", &self.inbox).finish()
    }
}

/// An alloy provider over HTTP with a time limit, and the name errors call it by (host and port).
pub(crate) fn http_provider(url: &reqwest::Url) -> Result<(DynProvider<Ethereum>, String), L1Error> {
    let endpoint = endpoint(url);
    let client = reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .build()
        .map_err(|e| L1Error::Unreachable { endpoint: endpoint.clone(), reason: e.to_string() })?;
    let provider =
        ProviderBuilder::new().disable_recommended_fillers().connect_reqwest(client, url.clone()).erased();
    Ok((provider, endpoint))
}

/// Host and port of a URL.
pub(crate) fn endpoint(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl L1Client {
    /// A client of the Inbox at `inbox`; blobs come from the beacon API at `beacon`, or at the same URL.
    /// Does not connect yet.
    pub fn new(rpc: &reqwest::Url, beacon: Option<&reqwest::Url>, inbox: Address) -> Result<Self, L1Error> {
        let (provider, endpoint) = http_provider(rpc)?;
        let blobs = Arc::new(BeaconApi::new(beacon.unwrap_or(rpc).clone())?);
        Ok(Self { provider, endpoint, inbox, blobs })
    }

    /// The same client with another source of blobs, such as an archive in front of the beacon API.
    pub fn with_blobs(self, blobs: Arc<dyn BlobSource>) -> Self {
        Self { blobs, ..self }
    }

    /// Where blobs come from.
    pub fn blobs(&self) -> &Arc<dyn BlobSource> {
        &self.blobs
    }

    /// The provider under the client, for calls that have no method here.
    pub fn provider(&self) -> &DynProvider<Ethereum> {
        &self.provider
    }

    /// The Inbox's address.
    pub fn inbox(&self) -> Address {
        self.inbox
    }

    /// L1's chain id.
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.provider.get_chain_id().await.map_err(|e| self.error(e))
    }

    /// Checks that this is chain `chain_id` and has an Inbox, and returns what that was built with.
    pub async fn check(&self, chain_id: u64) -> Result<InboxSetup, L1Error> {
        let found = self.chain_id().await?;
        if found != chain_id {
            return Err(L1Error::WrongChain { expected: chain_id, found });
        }
        let code = self.provider.get_code_at(self.inbox).await.map_err(|e| self.error(e))?;
        if code.is_empty() {
            return Err(L1Error::NoInbox { address: self.inbox });
        }
        let at = BlockId::latest();
        Ok(InboxSetup {
            portal: self.view(Inbox::portalCall {}, at).await?,
            config_hash: self.view(Inbox::configHashCall {}, at).await?,
            genesis_hash: self.view(Inbox::genesisHashCall {}, at).await?,
            force_delay_secs: self.view(Inbox::forceDelayCall {}, at).await?,
            start_block: self.view(Inbox::startBlockCall {}, at).await?,
        })
    }

    /// The block with this number on L1's current chain; `None` when it is not there yet.
    pub async fn block(&self, number: u64) -> Result<Option<L1Block>, L1Error> {
        self.block_at(BlockNumberOrTag::Number(number)).await
    }

    /// Whether L1's current chain has block `number` with this hash.
    pub async fn is_canonical(&self, number: u64, hash: B256) -> Result<bool, L1Error> {
        Ok(self.block(number).await?.is_some_and(|block| block.hash == hash))
    }

    /// L1's heads. A young chain without a safe or finalized block has its genesis there.
    pub async fn heads(&self) -> Result<L1Heads, L1Error> {
        let latest =
            self.block_at(BlockNumberOrTag::Latest).await?.ok_or(L1Error::MissingBlock { number: 0 })?;
        let genesis = || async { self.block(0).await?.ok_or(L1Error::MissingBlock { number: 0 }) };
        let safe = match self.block_at(BlockNumberOrTag::Safe).await? {
            Some(block) => block,
            None => genesis().await?,
        };
        let finalized = match self.block_at(BlockNumberOrTag::Finalized).await? {
            Some(block) => block,
            None => genesis().await?,
        };
        Ok(L1Heads { latest, safe, finalized })
    }

    /// The Inbox's counters at L1's newest block.
    pub async fn inbox_state(&self) -> Result<InboxState, L1Error> {
        let block =
            self.block_at(BlockNumberOrTag::Latest).await?.ok_or(L1Error::MissingBlock { number: 0 })?;
        let at = BlockId::hash(block.hash);
        let batch_count = self.view(Inbox::batchCountCall {}, at).await?;
        Ok(InboxState {
            block,
            batch_count,
            batch_root: self.view(Inbox::batchRootAtCall { count: U256::from(batch_count) }, at).await?,
            queue_count: self.view(Inbox::queueCountCall {}, at).await?,
            queue_consumed: self.view(Inbox::queueConsumedCall {}, at).await?,
            sequencer: self.view(Inbox::sequencerCall {}, at).await?,
            last_beacon: self.view(Inbox::lastBeaconCall {}, at).await?,
        })
    }

    /// Everything the Inbox appended in the L1 blocks `from..=to`, payloads included.
    ///
    /// `parent` is the hash of block `from - 1` as the caller knows it. `Reorganised` when L1 is no longer
    /// on that chain, or changes while it is read; the caller goes back to a block that
    /// [`is_canonical`](Self::is_canonical). Cost: one request for the range and a few for each entry.
    pub async fn read(&self, from: u64, to: u64, parent: B256) -> Result<L1Segment, L1Error> {
        let last = self.known_block(to).await?;
        let first = if from == to { last } else { self.known_block(from).await? };
        if first.parent_hash != parent {
            return Err(L1Error::Reorganised {
                number: from.saturating_sub(1),
                expected: parent,
                found: first.parent_hash,
            });
        }
        let filter = Filter::new()
            .address(self.inbox)
            .event_signature(vec![Inbox::BatchPosted::SIGNATURE_HASH, Inbox::QueueEntryAdded::SIGNATURE_HASH])
            .from_block(from)
            .to_block(to);
        let logs = self.provider.get_logs(&filter).await.map_err(|e| self.error(e))?;
        let mut segment = L1Segment { first, last, queue: vec![], batches: vec![] };
        let mut blocks = BTreeMap::from([(from, first), (to, last)]);
        for log in &logs {
            self.append(log, &mut blocks, &mut segment).await?;
        }
        // The same last block before and after: the logs are those of its chain.
        let again = self.known_block(to).await?;
        if again.hash != last.hash {
            return Err(L1Error::Reorganised { number: to, expected: last.hash, found: again.hash });
        }
        Ok(segment)
    }

    async fn append(
        &self,
        log: &Log,
        blocks: &mut BTreeMap<u64, L1Block>,
        segment: &mut L1Segment,
    ) -> Result<(), L1Error> {
        let (Some(number), Some(hash), Some(tx_hash)) =
            (log.block_number, log.block_hash, log.transaction_hash)
        else {
            return Err(malformed("a log without its block or transaction"));
        };
        let block = match blocks.get(&number) {
            Some(block) => *block,
            None => *blocks.entry(number).or_insert(self.known_block(number).await?),
        };
        if block.hash != hash {
            return Err(L1Error::Reorganised { number, expected: hash, found: block.hash });
        }
        if log.topic0() == Some(&Inbox::QueueEntryAdded::SIGNATURE_HASH) {
            let (entry, root) = queue_entry(log, &block)?;
            segment.queue.push(Included { entry, block, tx_hash, root });
        } else {
            let (mut entry, root, hashes) = batch(log, &block)?;
            entry.payload = self.payload(&entry, &block, tx_hash, &hashes).await?;
            segment.batches.push(Included { entry, block, tx_hash, root });
        }
        Ok(())
    }

    /// The bytes that a batch committed to, checked against the commitment.
    async fn payload(
        &self,
        entry: &InboxEntry,
        block: &L1Block,
        tx_hash: B256,
        hashes: &[B256],
    ) -> Result<Bytes, L1Error> {
        let mismatch =
            |found| L1Error::PayloadMismatch { index: entry.index, expected: entry.data_hash, found };
        match entry.kind {
            BatchKind::Forced => Ok(Bytes::new()),
            BatchKind::Blobs => {
                let found = blob_data_hash(hashes);
                if found != entry.data_hash {
                    return Err(mismatch(found));
                }
                let blobs = self.blobs.blobs(block, hashes).await?;
                Ok(blobs.concat().into())
            }
            BatchKind::Calldata => {
                let tx = self
                    .provider
                    .get_transaction_by_hash(tx_hash)
                    .await
                    .map_err(|e| self.error(e))?
                    .ok_or_else(|| malformed("a log's transaction is not there"))?;
                if tx.to() != Some(self.inbox) {
                    return Err(malformed("a calldata batch that was not sent to the Inbox itself"));
                }
                let call = Inbox::postBatchCalldataCall::abi_decode(tx.input())
                    .map_err(|e| malformed(&format!("transaction {}: {e}", tx.tx_hash())))?;
                let found = page_root(&call.payload);
                if found != entry.data_hash {
                    return Err(mismatch(found));
                }
                Ok(call.payload)
            }
        }
    }

    /// Calls a view of the Inbox.
    pub(crate) async fn view<C: SolCall>(&self, call: C, at: BlockId) -> Result<C::Return, L1Error> {
        let request =
            alloy::rpc::types::TransactionRequest::default().to(self.inbox).input(call.abi_encode().into());
        let data = self.provider.call(request).block(at).await.map_err(|e| self.error(e))?;
        C::abi_decode_returns(&data)
            .map_err(|e| malformed(&format!("{} of the Inbox returned {data}: {e}", C::SIGNATURE)))
    }

    async fn known_block(&self, number: u64) -> Result<L1Block, L1Error> {
        self.block(number).await?.ok_or(L1Error::MissingBlock { number })
    }

    async fn block_at(&self, number: BlockNumberOrTag) -> Result<Option<L1Block>, L1Error> {
        match self.provider.get_block_by_number(number).await {
            Ok(block) => Ok(block.map(|block| summary(&block))),
            // Some nodes refuse the safe and finalized tags before there are such blocks.
            Err(RpcError::ErrorResp(_)) if number.is_safe() || number.is_finalized() => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    fn error(&self, error: RpcError<TransportErrorKind>) -> L1Error {
        L1Error::from_rpc(&self.endpoint, error)
    }
}

fn summary(block: &Block) -> L1Block {
    L1Block {
        number: block.header.number(),
        hash: block.header.hash,
        parent_hash: block.header.parent_hash(),
        time: block.header.timestamp(),
    }
}

fn malformed(reason: &str) -> L1Error {
    L1Error::Malformed { reason: reason.to_owned() }
}

fn queue_entry(log: &Log, block: &L1Block) -> Result<(QueueEntry, B256), L1Error> {
    let event = Inbox::QueueEntryAdded::decode_log(&log.inner)
        .map_err(|e| malformed(&format!("QueueEntryAdded: {e}")))?
        .data;
    let kind = QueueKind::parse(event.kind).ok_or_else(|| malformed("a queue entry of no known kind"))?;
    let entry = QueueEntry {
        kind,
        index: event.index,
        l1_block: block.number,
        l1_time: block.time,
        from: event.from,
        mint: event.mint,
        value: event.value,
        gas_limit: event.gasLimit,
        is_creation: event.isCreation,
        to: event.to,
        data: event.data,
    };
    Ok((entry, event.newRoot))
}

fn batch(log: &Log, block: &L1Block) -> Result<(InboxEntry, B256, Vec<B256>), L1Error> {
    let event =
        Inbox::BatchPosted::decode_log(&log.inner).map_err(|e| malformed(&format!("BatchPosted: {e}")))?.data;
    let kind = BatchKind::parse(event.kind).ok_or_else(|| malformed("a batch of no known kind"))?;
    let entry = InboxEntry {
        kind,
        index: event.index,
        l1_block: block.number,
        l1_time: block.time,
        queue_from: event.queueFrom,
        queue_to: event.queueTo,
        queue_root: event.queueRoot,
        data_hash: event.dataHash,
        payload: Bytes::new(),
    };
    Ok((entry, event.newRoot, event.versionedHashes))
}
