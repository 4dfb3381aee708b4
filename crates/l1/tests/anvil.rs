//! The adapter against a real anvil.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256},
    providers::Provider,
    sol_types::{SolCall, SolError},
};
use assay_bindings::{Inbox, Portal};
use assay_l1::{
    BatchPayload, BatchPost, DeployError, DeployParams, Deployment, L1Client, L1Error, Severity, SignedTx,
    TxConfig, TxDraft, TxError, TxManager, deploy, versioned_hash,
};
use assay_primitives::{BatchKind, ChainConfig, MerkleTree32, QueueKind, page_root, predeploys, record_call};
use assay_testkit::{Anvil, AnvilOptions};

fn quick() -> TxConfig {
    TxConfig { poll: Duration::from_millis(20), send_attempts: 2, ..TxConfig::default() }
}

fn params() -> DeployParams {
    DeployParams {
        config: ChainConfig::dev(),
        genesis_hash: keccak256("genesis"),
        sequencer: address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"), // key 1
        operator: address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    }
}

struct World {
    anvil: Anvil,
    deployment: Deployment,
    client: L1Client,
    sequencer: TxManager,
    _files: tempfile::TempDir,
}

async fn world() -> World {
    world_on(Anvil::start().unwrap()).await
}

async fn world_on(anvil: Anvil) -> World {
    let files = tempfile::tempdir().unwrap();
    let deployer = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let deployment = deploy(&deployer, &params(), &files.path().join("deploy.json")).await.unwrap();
    let client = L1Client::new(&anvil.url(), None, deployment.inbox).unwrap();
    let sequencer = TxManager::connect(&anvil.url(), anvil.wallet(1), quick()).await.unwrap();
    World { anvil, deployment, client, sequencer, _files: files }
}

impl World {
    async fn post(&self, queue_to: u64, payload: BatchPayload) -> Result<(), TxError> {
        let draft = self.batch(queue_to, payload).await;
        self.sequencer.send(&draft, vec![], &mut Vec::new()).await.map(|_| ())
    }

    async fn batch(&self, queue_to: u64, payload: BatchPayload) -> TxDraft {
        let state = self.client.inbox_state().await.unwrap();
        let reader = Inbox::new(self.deployment.inbox, self.anvil.provider());
        let queue_root = reader.queueRootAt(U256::from(queue_to)).call().await.unwrap();
        BatchPost {
            expected_index: state.batch_count,
            expected_root: state.batch_root,
            queue_to,
            queue_root,
            payload,
        }
        .draft(self.deployment.inbox)
    }

    /// Sends `wei` plus the fee through the Portal from key 3.
    async fn deposit(&self, to: Address, wei: u64, data: &[u8]) {
        let user = TxManager::connect(&self.anvil.url(), self.anvil.wallet(3), quick()).await.unwrap();
        let gas_limit = 100_000;
        let portal = Portal::new(self.deployment.portal, self.anvil.provider());
        let fee = portal.depositFee(gas_limit).call().await.unwrap();
        let call = Portal::depositTransactionCall {
            to,
            value: U256::from(wei),
            gasLimit: gas_limit,
            isCreation: false,
            data: Bytes::copy_from_slice(data),
        };
        let draft = TxDraft {
            to: TxKind::Call(self.deployment.portal),
            // The base fee may fall until inclusion: the rest is minted, so send exactly this block's.
            value: fee + U256::from(wei),
            data: call.abi_encode().into(),
            blobs: vec![],
        };
        user.send(&draft, vec![], &mut Vec::new()).await.unwrap();
    }

    async fn read_all(&self) -> Result<assay_l1::L1Segment, L1Error> {
        let first = self.client.block(self.deployment.start_block).await?.unwrap();
        let last = self.client.heads().await?.latest;
        self.client.read(first.number, last.number, first.parent_hash).await
    }
}

fn blob(seed: u8) -> Bytes {
    // The top byte of each field element stays zero.
    let byte =
        |i: usize| if i.is_multiple_of(32) { 0 } else { seed.wrapping_add(u8::try_from(i % 251).unwrap()) };
    (0..131_072).map(byte).collect()
}

#[tokio::test]
async fn queue_calldata_and_beacon_agree_with_the_contract() {
    let world = world().await;
    let to = address!("0x00000000000000000000000000000000000000aa");
    world.deposit(to, 5, b"hello").await;
    world.anvil.mine(40, 1).await.unwrap();
    let number = world.client.heads().await.unwrap().latest.number / 32 * 32;
    let user = TxManager::connect(&world.anvil.url(), world.anvil.wallet(3), quick()).await.unwrap();
    let beacon = TxDraft {
        to: TxKind::Call(world.deployment.inbox),
        value: U256::from(10u64.pow(18)),
        data: Inbox::recordBeaconCall { number }.abi_encode().into(),
        blobs: vec![],
    };
    user.send(&beacon, vec![], &mut Vec::new()).await.unwrap();
    let payload = Bytes::from(vec![7u8; 9000]);
    world.post(1, BatchPayload::Calldata(payload.clone())).await.unwrap();

    let segment = world.read_all().await.unwrap();
    let mut queue = MerkleTree32::default();
    for item in &segment.queue {
        queue.append(item.entry.leaf()).unwrap();
        assert_eq!(queue.root(), item.root);
    }
    let user = world.anvil.key(3).address();
    let [deposit, beacon] = &segment.queue[..] else { panic!("{:?}", segment.queue) };
    assert_eq!(deposit.entry.kind, QueueKind::Transaction);
    assert_eq!((deposit.entry.from, deposit.entry.to), (user, to));
    assert_eq!((deposit.entry.mint, deposit.entry.value), (U256::from(5), U256::from(5)));
    assert_eq!(deposit.entry.data, Bytes::from_static(b"hello"));
    assert_eq!(beacon.entry.kind, QueueKind::Beacon);
    assert_eq!(beacon.entry.from, predeploys::SYSTEM_ADDRESS);
    let hash = world.client.block(number).await.unwrap().unwrap().hash;
    assert_eq!(beacon.entry.data, record_call(number, hash));

    let batch = &segment.batches[0].entry;
    assert_eq!((batch.kind, batch.queue_from, batch.queue_to), (BatchKind::Calldata, 0, 1));
    assert_eq!((&batch.payload, batch.data_hash), (&payload, page_root(&payload)));
    let state = world.client.inbox_state().await.unwrap();
    assert_eq!((state.queue_count, state.queue_consumed, state.batch_count), (2, 1, 1));
    assert_eq!(state.last_beacon, number);
}

#[tokio::test]
async fn anyone_forces_what_waited_too_long() {
    let world = world().await;
    world.deposit(Address::ZERO, 1, b"").await;
    let anyone = TxManager::connect(&world.anvil.url(), world.anvil.wallet(4), quick()).await.unwrap();
    let force = TxDraft {
        to: TxKind::Call(world.deployment.inbox),
        data: Inbox::forceBatchCall {}.abi_encode().into(),
        ..TxDraft::default()
    };
    let early = anyone.send(&force, vec![], &mut Vec::new()).await.unwrap_err();
    let TxError::WouldRevert { revert, .. } = early else { panic!("{early}") };
    assert!(Inbox::NothingDue::abi_decode(&revert).is_ok());

    world.anvil.advance(ChainConfig::dev().force_delay_secs + 1).await.unwrap();
    anyone.send(&force, vec![], &mut Vec::new()).await.unwrap();
    let segment = world.read_all().await.unwrap();
    let batch = &segment.batches[0].entry;
    assert_eq!((batch.kind, batch.queue_to, batch.payload.len()), (BatchKind::Forced, 1, 0));
    assert!(batch.payload_matches());
}

/// One test, because an anvil takes seconds to get ready for its first blob.
#[tokio::test]
async fn blobs_are_read_back_and_posted_again_after_a_reorganisation() {
    let world = world().await;
    world.anvil.mine(3, 1).await.unwrap();
    let blobs = vec![blob(1), blob(2)];
    let draft = world.batch(0, BatchPayload::Blobs(blobs.clone())).await;
    world.sequencer.send(&draft, vec![], &mut Vec::new()).await.unwrap();
    let before = world.read_all().await.unwrap();
    let [batch] = &before.batches[..] else { panic!("{} batches", before.batches.len()) };
    assert_eq!((batch.entry.kind, batch.entry.index), (BatchKind::Blobs, 0));
    assert_eq!(batch.entry.payload, Bytes::from(blobs.concat()));
    assert!(batch.entry.payload_matches());
    let mut tree = MerkleTree32::default();
    tree.append(batch.entry.leaf()).unwrap();
    assert_eq!(tree.root(), batch.root);
    assert_eq!(world.client.inbox_state().await.unwrap().batch_root, batch.root);

    world.anvil.reorg(2).await.unwrap();
    world.anvil.mine(1, 1).await.unwrap();
    let next = before.last.number + 1;
    let error = world.client.read(next, next, before.last.hash).await.unwrap_err();
    assert!(matches!(error, L1Error::Reorganised { number, .. } if number == before.last.number), "{error}");
    assert_eq!(error.severity(), Severity::Reset);
    assert!(!world.client.is_canonical(before.last.number, before.last.hash).await.unwrap());
    assert!(world.client.is_canonical(before.first.number, before.first.hash).await.unwrap());
    assert_eq!(world.client.inbox_state().await.unwrap().batch_count, 0);

    // The same call on the same parent, from the bytes on.
    world.sequencer.send(&draft, vec![], &mut Vec::new()).await.unwrap();
    let after = world.read_all().await.unwrap();
    assert_eq!(after.batches[0].entry.payload, batch.entry.payload);
}

#[tokio::test]
async fn a_batch_on_a_stale_parent_is_not_sent() {
    let world = world().await;
    let stale = world.batch(0, BatchPayload::Calldata(Bytes::from_static(b"a"))).await;
    world.post(0, BatchPayload::Calldata(Bytes::from_static(b"b"))).await.unwrap();
    let mut journal = Vec::new();
    let error = world.sequencer.send(&stale, vec![], &mut journal).await.unwrap_err();
    let TxError::WouldRevert { revert, .. } = error else { panic!("{error}") };
    let reason = Inbox::StaleParent::abi_decode(&revert).unwrap();
    assert_eq!((reason.expectedIndex, reason.foundIndex), (0, 1));
    assert!(journal.is_empty());
}

#[tokio::test]
async fn fees_rise_on_the_same_nonce_until_it_is_included() {
    // A block an hour: nothing is mined unless the test does it.
    let anvil = Anvil::start_with(&AnvilOptions { block_secs: Some(3600), ..Default::default() }).unwrap();
    let config = TxConfig { resubmit_after: Duration::from_millis(60), ..quick() };
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), config).await.unwrap();
    let draft = TxDraft { to: TxKind::Call(Address::ZERO), value: U256::from(1), ..TxDraft::default() };
    let mut journal: Vec<SignedTx> = Vec::new();
    let receipt = {
        let send = manager.send(&draft, vec![], &mut journal);
        tokio::pin!(send);
        loop {
            tokio::select! {
                done = &mut send => break done.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(400)) => anvil.mine(1, 1).await.unwrap(),
            }
        }
    };
    assert!(journal.len() >= 2, "{}", journal.len());
    assert!(journal.iter().all(|tx| tx.nonce == 0));
    for pair in journal.windows(2) {
        assert!(pair[1].fees.max_fee_per_gas * 10 >= pair[0].fees.max_fee_per_gas * 11);
    }
    assert!(journal.iter().any(|tx| tx.hash == receipt.transaction_hash));
    // Sending it again, as after a crash, finds what was included.
    let again = manager.send(&draft, journal.clone(), &mut Vec::new()).await.unwrap();
    assert_eq!(again.transaction_hash, receipt.transaction_hash);
    assert_eq!(manager.next_nonce().await.unwrap(), 1);
}

#[tokio::test]
async fn a_nonce_that_another_took_is_said() {
    let anvil = Anvil::start().unwrap();
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let draft = TxDraft { to: TxKind::Call(Address::ZERO), value: U256::from(1), ..TxDraft::default() };
    let mut journal = Vec::new();
    manager.send(&draft, vec![], &mut journal).await.unwrap();
    // A journal from another chain: the same nonce, bytes that were never included here.
    let other = Anvil::start().unwrap();
    let elsewhere = TxManager::connect(&other.url(), other.wallet(0), quick()).await.unwrap();
    let mut foreign: Vec<SignedTx> = Vec::new();
    let draft = TxDraft { value: U256::from(2), ..draft };
    elsewhere.send(&draft, vec![], &mut foreign).await.unwrap();
    let error = manager.send(&draft, foreign.clone(), &mut Vec::new()).await.unwrap_err();
    assert!(matches!(error, TxError::NonceTaken { nonce: 0, hash } if hash == foreign[0].hash), "{error}");
}

#[tokio::test]
async fn an_l1_that_is_down_is_a_clear_error() {
    let world = world().await;
    let draft = world.batch(0, BatchPayload::Calldata(Bytes::from_static(b"x"))).await;
    let mut journal: Vec<SignedTx> = Vec::new();
    world.sequencer.send(&draft, vec![], &mut journal).await.unwrap();
    let World { anvil, client, sequencer, .. } = world;
    let endpoint = format!("127.0.0.1:{}", anvil.port());
    drop(anvil);
    let error = client.heads().await.unwrap_err();
    assert!(error.to_string().contains(&format!("L1 at {endpoint} does not answer")), "{error}");
    assert!(!error.to_string().contains("http://"), "{error}");
    assert_eq!(error.severity(), Severity::Retry);
    // A known transaction is sent again, and nobody can tell whether it arrived.
    let error = sequencer.send(&draft, journal.clone(), &mut Vec::new()).await.unwrap_err();
    assert!(matches!(error, TxError::Ambiguous { hash, .. } if hash == journal[0].hash), "{error}");
    // A new one is not signed at all.
    let mut empty = Vec::new();
    let error = sequencer.send(&draft, vec![], &mut empty).await.unwrap_err();
    assert!(matches!(error, TxError::L1(L1Error::Unreachable { .. })), "{error}");
    assert!(empty.is_empty());
}

#[tokio::test]
async fn a_wrong_chain_or_address_is_fatal() {
    let world = world().await;
    let setup = world.client.check(31337).await.unwrap();
    assert_eq!(setup.config_hash, ChainConfig::dev().hash());
    assert_eq!(setup.genesis_hash, params().genesis_hash);
    assert_eq!(setup.portal, world.deployment.portal);
    assert_eq!(setup.start_block, world.deployment.start_block);
    let error = world.client.check(1).await.unwrap_err();
    assert!(matches!(error, L1Error::WrongChain { expected: 1, found: 31337 }), "{error}");
    assert_eq!(error.severity(), Severity::Fatal);
    let nobody = Address::repeat_byte(9);
    let error = L1Client::new(&world.anvil.url(), None, nobody).unwrap().check(31337).await.unwrap_err();
    assert!(matches!(error, L1Error::NoInbox { address } if address == nobody), "{error}");
}

#[tokio::test]
async fn a_deployment_goes_on_from_any_point() {
    let files = tempfile::tempdir().unwrap();
    // What a whole run leaves behind, to cut short below.
    let anvil = Anvil::start().unwrap();
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let path = files.path().join("whole.json");
    let whole = deploy(&manager, &params(), &path).await.unwrap();
    assert_eq!(deploy(&manager, &params(), &path).await.unwrap(), whole);
    let journal: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();

    // Cut before anything was signed, after the first was signed, after it was sent, and so on.
    for (inbox_signed, inbox_sent, portal_signed, portal_sent) in [
        (false, false, false, false),
        (true, false, false, false),
        (true, true, false, false),
        (true, true, true, false),
        (true, true, true, true),
    ] {
        let anvil = Anvil::start().unwrap();
        let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
        let mut cut = journal.clone();
        for (name, signed, sent) in
            [("inbox", inbox_signed, inbox_sent), ("portal", portal_signed, portal_sent)]
        {
            if sent {
                let raw: Bytes = serde_json::from_value(cut[name]["sent"][0]["raw"].clone()).unwrap();
                let pending = anvil.provider().send_raw_transaction(&raw).await.unwrap();
                pending.get_receipt().await.unwrap();
            }
            if !signed {
                cut[name]["sent"] = serde_json::json!([]);
            }
        }
        let path = files.path().join("cut.json");
        std::fs::write(&path, cut.to_string()).unwrap();
        let done = deploy(&manager, &params(), &path).await.unwrap();
        assert_eq!((done.inbox, done.portal), (whole.inbox, whole.portal));
        assert_eq!(manager.next_nonce().await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_journal_of_another_deployment_is_refused() {
    let files = tempfile::tempdir().unwrap();
    let anvil = Anvil::start().unwrap();
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let path = files.path().join("deploy.json");
    deploy(&manager, &params(), &path).await.unwrap();
    let other = DeployParams { genesis_hash: keccak256("another"), ..params() };
    let error = deploy(&manager, &other, &path).await.unwrap_err();
    assert!(matches!(error, DeployError::OtherDeployment { what: "a parameter", .. }), "{error}");
    let mut chain = params();
    chain.config.l1_chain_id = 5;
    let error = deploy(&manager, &chain, &path).await.unwrap_err();
    assert!(matches!(error, DeployError::WrongChain { expected: 5, found: 31337 }), "{error}");
}

#[tokio::test]
async fn a_nonce_used_meanwhile_stops_the_deployment() {
    let files = tempfile::tempdir().unwrap();
    let anvil = Anvil::start().unwrap();
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let path = files.path().join("deploy.json");
    deploy(&manager, &params(), &path).await.unwrap();
    let mut cut: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for name in ["inbox", "portal"] {
        cut[name]["sent"] = serde_json::json!([]);
    }
    std::fs::write(&path, cut.to_string()).unwrap();
    let anvil = Anvil::start().unwrap();
    let manager = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let spend = TxDraft { to: TxKind::Call(Address::ZERO), ..TxDraft::default() };
    manager.send(&spend, vec![], &mut Vec::new()).await.unwrap();
    let error = deploy(&manager, &params(), &path).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the deployer's nonce is 1, the addresses need 0"), "{text}");
}

#[test]
fn a_versioned_hash_starts_with_its_version() {
    let hash: B256 = versioned_hash(&blob(1)).unwrap();
    assert_eq!(hash[0], 1);
    let mut bad = vec![0; 131_072];
    bad[0] = 0xff; // above the field's modulus
    assert_eq!(versioned_hash(&bad), None);
    assert_eq!(versioned_hash(&[0; 100]), None);
}
