//! A verifier against a real L1.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::{Provider, ProviderBuilder},
    sol_types::SolCall,
    transports::http::reqwest::Url,
};
use assay_bindings::{Inbox, Portal};
use assay_execution::{Batch, BatchBlock, BlockInput, blobs_encode};
use assay_l1::{
    BatchPayload, BatchPost, BlobSource, DeployParams, Deployment, L1Block, L1Client, L1Error, TxConfig,
    TxDraft, TxManager, deploy, versioned_hash,
};
use assay_node::{ChainError, FeedEvent, FeedMessage};
use assay_primitives::ChainConfig;
use assay_testkit::Anvil;
use futures::{SinkExt, StreamExt, future::BoxFuture};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Message, handshake};
use tokio_util::sync::CancellationToken;

use crate::{
    BLOB_RETENTION_SECS, Deps, SettingError, Verifier, VerifierConfig, VerifierError, VerifierHandle,
    archive::BlobArchive,
};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(120);

fn quick() -> TxConfig {
    TxConfig { poll: Duration::from_millis(20), send_attempts: 2, ..TxConfig::default() }
}

struct World {
    anvil: Anvil,
    deployment: Deployment,
    l1: L1Client,
    files: tempfile::TempDir,
}

async fn world() -> World {
    let genesis_hash = assay_node::genesis(ChainConfig::dev()).build().unwrap().0.hash();
    world_with(genesis_hash).await
}

async fn world_with(genesis_hash: B256) -> World {
    let (anvil, files) = (Anvil::start().unwrap(), tempfile::tempdir().unwrap());
    let deployer = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let params = DeployParams {
        config: ChainConfig::dev(),
        genesis_hash,
        sequencer: anvil.key(1).address(),
        operator: anvil.key(2).address(),
    };
    let deployment = deploy(&deployer, &params, &files.path().join("deploy.json")).await.unwrap();
    let l1 = L1Client::new(&anvil.url(), None, deployment.inbox).unwrap();
    World { anvil, deployment, l1, files }
}

impl World {
    fn config(&self, name: &str) -> VerifierConfig {
        VerifierConfig {
            chain: ChainConfig::dev(),
            l1_url: self.anvil.url(),
            beacon_url: None,
            feed_url: None,
            inbox: self.deployment.inbox,
            data_dir: self.files.path().join(name),
            index_url: None,
            rpc_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            cors_origins: vec![],
            poll: Duration::from_millis(20),
            blob_retention_secs: BLOB_RETENTION_SECS,
        }
    }

    /// Deposits `wei` for key 3's own account on L2.
    async fn deposit(&self, wei: u64) -> Address {
        let user = TxManager::connect(&self.anvil.url(), self.anvil.wallet(3), quick()).await.unwrap();
        let portal = Portal::new(self.deployment.portal, self.anvil.provider());
        let fee = portal.depositFee(100_000).call().await.unwrap();
        let call = Portal::depositTransactionCall {
            to: user.sender(),
            value: U256::ZERO,
            gasLimit: 100_000,
            isCreation: false,
            data: Bytes::new(),
        };
        let draft = TxDraft {
            to: TxKind::Call(self.deployment.portal),
            value: fee + U256::from(wei),
            data: call.abi_encode().into(),
            blobs: vec![],
        };
        user.send(&draft, vec![], &mut Vec::new()).await.unwrap();
        user.sender()
    }

    /// Posts `payload` as the next batch, consuming the queue up to `queue_to`.
    async fn post(&self, queue_to: u64, payload: BatchPayload) {
        let state = self.l1.inbox_state().await.unwrap();
        let reader = Inbox::new(self.deployment.inbox, self.anvil.provider());
        let queue_root = reader.queueRootAt(U256::from(queue_to)).call().await.unwrap();
        let post = BatchPost {
            expected_index: state.batch_count,
            expected_root: state.batch_root,
            queue_to,
            queue_root,
            payload,
        };
        let sequencer = TxManager::connect(&self.anvil.url(), self.anvil.wallet(1), quick()).await.unwrap();
        sequencer.send(&post.draft(self.deployment.inbox), vec![], &mut Vec::new()).await.unwrap();
    }

    async fn force(&self) {
        self.anvil.advance(ChainConfig::dev().force_delay_secs + 1).await.unwrap();
        let anyone = TxManager::connect(&self.anvil.url(), self.anvil.wallet(4), quick()).await.unwrap();
        let draft = TxDraft {
            to: TxKind::Call(self.deployment.inbox),
            data: Inbox::forceBatchCall {}.abi_encode().into(),
            ..TxDraft::default()
        };
        anyone.send(&draft, vec![], &mut Vec::new()).await.unwrap();
    }

    /// One block after genesis that opens with `queue_count` entries.
    async fn first_batch(&self, queue_count: u64) -> Vec<u8> {
        let genesis = assay_node::genesis(ChainConfig::dev()).build().unwrap().0;
        let timestamp = self.l1.heads().await.unwrap().latest.time;
        let block = BatchBlock { timestamp, queue_count, ..BatchBlock::default() };
        let batch = Batch { parent_number: 0, parent_hash: genesis.hash(), blocks: vec![block] };
        batch.encode(ChainConfig::dev().l2_chain_id, 5).unwrap()
    }
}

struct Running {
    handle: VerifierHandle,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), VerifierError>>,
}

async fn start(config: VerifierConfig) -> Running {
    let (verifier, handle) = Verifier::new(config, Deps::default()).await.unwrap();
    let cancel = CancellationToken::new();
    let task = tokio::spawn(verifier.run(cancel.clone()));
    Running { handle, cancel, task }
}

impl Running {
    /// Waits until derivation has taken `batches` and nothing is left to do.
    async fn derived(&self, batches: u64) {
        self.until(|view| view.position.inbox_next == batches && !view.sync.syncing).await;
    }

    async fn until(&self, good: impl Fn(&assay_node::DriverView) -> bool) {
        let mut view = self.handle.view();
        let waited = tokio::time::timeout(PATIENCE, view.wait_for(|view| good(view))).await;
        assert!(waited.is_ok(), "still {:?}", self.handle.view().borrow().sync);
    }

    fn balance(&self, account: Address) -> U256 {
        let account = self.handle.chain().latest_state().account(account).unwrap();
        account.map_or(U256::ZERO, |account| account.balance)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.handle.rpc_address());
        let response = alloy::transports::http::reqwest::get(url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn derives_serves_and_derives_the_same_again() {
    let world = world().await;
    let user = world.deposit(7).await;
    let payload = world.first_batch(1).await;
    world
        .post(1, BatchPayload::Blobs(blobs_encode(&payload).unwrap().into_iter().map(Bytes::from).collect()))
        .await;

    let first = start(world.config("first")).await;
    first.derived(1).await;
    assert_eq!(first.balance(user), U256::from(7));
    let heads = first.handle.chain().heads();
    assert_eq!((heads.latest.number, heads.safe), (1, heads.latest));

    let rpc = ProviderBuilder::new()
        .disable_recommended_fillers()
        .connect_http(format!("http://{}", first.handle.rpc_address()).parse().unwrap());
    assert_eq!(rpc.get_block_number().await.unwrap(), 1);
    assert_eq!(rpc.get_balance(user).await.unwrap(), U256::from(7));
    let refused = rpc.send_raw_transaction(&[0x02]).await.unwrap_err();
    assert!(refused.to_string().contains("read-only") || refused.is_error_resp(), "{refused}");
    assert_eq!(first.get("/readyz").await.0, 200);

    // The blob is kept.
    let kept: Vec<_> = std::fs::read_dir(world.files.path().join("first/blobs")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    first.stop().await;

    // From nothing, and from what the first one left.
    for name in ["second", "first"] {
        let again = start(world.config(name)).await;
        again.derived(1).await;
        assert_eq!(again.handle.chain().heads(), heads);
        again.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_entries_come_without_a_sequencer_and_go_with_a_reorganisation() {
    let world = world().await;
    let user = world.deposit(9).await;
    let verifier = start(world.config("verifier")).await;
    // A batch that is nothing but noise consumes nothing and changes nothing.
    world.post(0, BatchPayload::Calldata(Bytes::from(vec![0xa5; 3000]))).await;
    world.force().await;
    verifier.derived(2).await;
    assert_eq!(verifier.balance(user), U256::from(9));
    assert_eq!(verifier.handle.chain().heads().latest.number, 1);

    world.anvil.reorg(1).await.unwrap();
    world.anvil.mine(1, 1).await.unwrap();
    verifier.derived(1).await;
    assert_eq!(verifier.handle.chain().heads().latest.number, 0);
    assert_eq!(verifier.balance(user), U256::ZERO);
    verifier.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_serving_while_l1_is_down_and_says_so() {
    let world = world().await;
    world.deposit(1).await;
    world.force().await;
    let verifier = start(world.config("verifier")).await;
    verifier.derived(1).await;
    let World { anvil, files: _files, .. } = world;
    drop(anvil);
    verifier.until(|view| view.sync.problem.contains("does not answer")).await;
    assert_eq!(verifier.get("/healthz").await.0, 200);
    assert_eq!(verifier.handle.chain().heads().latest.number, 1);
    let (status, reason) = tokio::time::timeout(PATIENCE, async {
        loop {
            match verifier.get("/readyz").await {
                (200, _) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(status, 503);
    assert!(reason.contains("does not answer"), "{reason}");
    verifier.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_an_l1_of_another_chain() {
    let world = world().await;
    let open = |config| async { Verifier::new(config, Deps::default()).await.map(|_| ()).unwrap_err() };

    let mut config = world.config("a");
    config.chain.force_delay_secs += 60;
    let error = open(config).await;
    assert!(matches!(error, VerifierError::WrongConfig { .. }), "{error}");

    let mut config = world.config("b");
    config.chain.l1_chain_id = 5;
    let error = open(config).await;
    assert!(matches!(error, VerifierError::L1(L1Error::WrongChain { expected: 5, .. })), "{error}");

    let config = VerifierConfig { inbox: Address::repeat_byte(1), ..world.config("c") };
    let error = open(config).await;
    assert!(matches!(error, VerifierError::L1(L1Error::NoInbox { .. })), "{error}");

    let config = VerifierConfig { l1_url: "http://127.0.0.1:1".parse().unwrap(), ..world.config("d") };
    let error = open(config).await;
    assert!(error.to_string().contains("L1 at 127.0.0.1:1 does not answer"), "{error}");

    let config = VerifierConfig { blob_retention_secs: 1, ..world.config("e") };
    let error = open(config).await;
    assert!(
        matches!(error, VerifierError::Setting(SettingError::RetentionTooShort { found: 1, .. })),
        "{error}"
    );

    let other = world_with(B256::repeat_byte(3)).await;
    let error = open(other.config("f")).await;
    assert!(matches!(error, VerifierError::Chain(ChainError::WrongGenesis { .. })), "{error}");
}

/// A feed that says the `events` which a listener has not heard, and then nothing more.
async fn feed_of(events: Vec<FeedEvent>) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut heard = 0;
            #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
            let note = |request: &handshake::server::Request, answer| {
                let from = request.uri().query().and_then(|query| query.strip_prefix("from="));
                heard = from.map_or(0, |from| from.parse().unwrap());
                Ok(answer)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
            for (seq, event) in (1..).zip(events.clone()).skip(heard) {
                let text = serde_json::to_string(&FeedMessage { seq, event }).unwrap();
                socket.send(Message::text(text)).await.unwrap();
            }
            tokio::spawn(async move { while socket.next().await.is_some() {} });
        }
    });
    format!("http://{address}").parse().unwrap()
}

fn told(input: &BlockInput, parent: B256, hash: B256) -> Vec<FeedEvent> {
    vec![
        FeedEvent::Open { number: 1, timestamp: input.timestamp, data_price: input.data_price, parent },
        FeedEvent::Segment { forced: vec![], txs: input.txs.clone() },
        FeedEvent::Seal { number: 1, hash, state_root: B256::ZERO },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_gives_unsafe_blocks_and_l1_has_the_last_word() {
    let world = world().await;
    let other = start(world.config("other")).await;
    let genesis = other.handle.chain().genesis().header.clone();
    let input = BlockInput { timestamp: genesis.timestamp + 1, data_price: 1, queue: vec![], txs: vec![] };
    let block = {
        let (chain, input) = (other.handle.chain().clone(), input.clone());
        tokio::task::spawn_blocking(move || chain.extend(&input)).await.unwrap().unwrap()
    };
    other.stop().await;

    // Each false block ends a connection; the next one goes on behind it. A false block, one that cannot be executed, a rollback below the safe head, then the true one.
    let timeless = BlockInput { timestamp: 0, ..input.clone() };
    let mut events = told(&input, genesis.hash(), B256::repeat_byte(9));
    events.extend(told(&timeless, genesis.hash(), B256::repeat_byte(9)));
    events.push(FeedEvent::Rollback { to: 0, hash: B256::repeat_byte(7) });
    events.extend(told(&input, genesis.hash(), block.hash()));
    let feed_url = Some(feed_of(events).await);
    let verifier = start(VerifierConfig { feed_url, ..world.config("fed") }).await;
    let mut events = verifier.handle.chain().subscribe();
    tokio::time::timeout(PATIENCE, async {
        while verifier.handle.chain().heads().latest.hash != block.hash() {
            events.recv().await.unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(verifier.handle.chain().heads().safe.number, 0);

    // L1 says another block 1.
    let payload = world.first_batch(0).await;
    world.post(0, BatchPayload::Calldata(payload.into())).await;
    verifier.derived(1).await;
    let heads = verifier.handle.chain().heads();
    assert_eq!((heads.latest.number, heads.latest), (1, heads.safe));
    assert_ne!(heads.latest.hash, block.hash());
    verifier.stop().await;
}

/// Gives one blob and counts how often it is asked.
struct OneBlob(Bytes, AtomicUsize);

impl BlobSource for OneBlob {
    fn blobs<'a>(
        &'a self,
        _block: &'a L1Block,
        hashes: &'a [B256],
    ) -> BoxFuture<'a, Result<Vec<Bytes>, L1Error>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let blobs = hashes.iter().map(|_| self.0.clone()).collect();
        Box::pin(std::future::ready(Ok(blobs)))
    }
}

fn only_file(dir: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[tokio::test]
async fn the_archive_remembers_repairs_and_forgets() {
    let files = tempfile::tempdir().unwrap();
    let source = Arc::new(OneBlob(Bytes::from(vec![0; 131_072]), AtomicUsize::new(0)));
    let hash = versioned_hash(&source.0).unwrap();
    let block = L1Block { number: 5, hash: B256::ZERO, parent_hash: B256::ZERO, time: 1000 };
    let archive = BlobArchive::open(files.path().join("blobs"), source.clone()).unwrap();
    let asked = || source.1.load(Ordering::Relaxed);

    for _ in 0..2 {
        assert_eq!(archive.blobs(&block, &[hash]).await.unwrap(), vec![source.0.clone()]);
        assert_eq!(asked(), 1);
    }
    // A damaged copy is fetched again and replaced.
    let path = only_file(&files.path().join("blobs"));
    std::fs::write(&path, b"rot").unwrap();
    assert_eq!(archive.blobs(&block, &[hash]).await.unwrap(), vec![source.0.clone()]);
    assert_eq!(asked(), 2);
    assert_eq!(std::fs::read(&path).unwrap(), source.0);

    let dir = files.path().join("blobs");
    assert_eq!(BlobArchive::expire(&dir, 1100, 100).unwrap(), 0);
    assert_eq!(BlobArchive::expire(&dir, 1101, 100).unwrap(), 1);
    archive.blobs(&block, &[hash]).await.unwrap();
    assert_eq!(asked(), 3);
}
