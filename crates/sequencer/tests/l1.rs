//! The sequencer on a real L1: deposits in, batches out, and a verifier that knows nothing but L1.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    sol_types::SolCall,
};
use assay_bindings::Portal;
use assay_execution::{Genesis, GenesisAccount};
use assay_l1::{DeployParams, Deployment, L1Client, TxConfig, TxDraft, TxManager, deploy};
use assay_node::{
    BlockRef, Chain, ChainOptions, CheckpointFile, Driver, DriverConfig, DriverMode, DriverView,
    NoCheckpoint, NoGate, TxPool, genesis,
};
use assay_primitives::ChainConfig;
use assay_sequencer::{
    BatchData, Posting, Sequencer, SequencerConfig, SequencerDeps, SequencerError, SequencerHandle,
    SystemClock,
};
use assay_storage::Journal;
use assay_testkit::{Anvil, AnvilOptions, FUNDS, Load};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(120);

struct World {
    anvil: Anvil,
    deployment: Deployment,
    genesis: Genesis,
    hash: B256,
    _files: TempDir,
}

struct Node {
    chain: Chain,
    handle: SequencerHandle,
    view: watch::Receiver<DriverView>,
    cancel: CancellationToken,
    driver: JoinHandle<Result<(), assay_node::DriverError>>,
    sequencer: JoinHandle<Result<(), SequencerError>>,
}

fn quick() -> TxConfig {
    TxConfig { poll: Duration::from_millis(50), ..TxConfig::default() }
}

async fn world(load: &Load) -> World {
    let anvil = Anvil::start_with(&AnvilOptions { block_secs: Some(1), ..Default::default() }).unwrap();
    let mut genesis = genesis(ChainConfig::dev());
    for address in load.addresses() {
        genesis.alloc.insert(address, GenesisAccount { balance: U256::from(FUNDS), ..Default::default() });
    }
    let hash = genesis.build().unwrap().0.hash();
    let files = TempDir::new().unwrap();
    let deployer = TxManager::connect(&anvil.url(), anvil.wallet(0), quick()).await.unwrap();
    let params = DeployParams {
        config: genesis.config.clone(),
        genesis_hash: hash,
        sequencer: anvil.key(1).address(),
        operator: anvil.key(2).address(),
    };
    let deployment = deploy(&deployer, &params, &files.path().join("deploy.json")).await.unwrap();
    World { anvil, deployment, genesis, hash, _files: files }
}

impl World {
    fn l1(&self) -> L1Client {
        L1Client::new(&self.anvil.url(), None, self.deployment.inbox).unwrap()
    }

    async fn driver_config(&self, mode: DriverMode) -> DriverConfig {
        let origin = self.l1().block(self.deployment.start_block - 1).await.unwrap().unwrap();
        DriverConfig { mode, origin, poll: Duration::from_millis(100) }
    }

    async fn sequencer(&self, dir: &Path, data: BatchData) -> Node {
        let opened = Chain::open(ChainOptions::at(dir), &self.genesis, Some(self.hash)).await.unwrap();
        let chain = opened.chain;
        let mut config = SequencerConfig::default();
        if data == BatchData::Calldata {
            config = config.with_calldata();
        }
        config.batcher.interval_secs = 2;
        config.batcher.poll_ms = 100;
        let deps = SequencerDeps {
            chain: chain.clone(),
            open_block: opened.open_block,
            clock: Arc::new(SystemClock),
        };
        let (sequencer, handle) = Sequencer::new(config, deps).await.unwrap();
        let driver_config = self.driver_config(DriverMode::Compare).await;
        let checkpoints = CheckpointFile::in_dir(dir);
        let gate = Arc::new(handle.clone());
        let (driver, view) =
            Driver::new(driver_config, chain.clone(), self.l1(), checkpoints, gate).await.unwrap();
        let manager = TxManager::connect(&self.anvil.url(), self.anvil.wallet(1), quick()).await.unwrap();
        let url = format!("sqlite:{}", dir.join("journal.sqlite").display());
        let journal = Journal::open(&url).await.unwrap();
        let cancel = CancellationToken::new();
        let posting = Posting { manager, inbox: self.deployment.inbox, journal };
        Node {
            sequencer: tokio::spawn(sequencer.run(view.clone(), Some(posting), cancel.clone())),
            driver: tokio::spawn(driver.run(cancel.clone())),
            chain,
            handle,
            view,
            cancel,
        }
    }

    /// A chain that was derived from L1 alone, up to `tip` at least.
    async fn verify(&self, tip: BlockRef) -> Chain {
        let chain = Chain::open(ChainOptions::memory(), &self.genesis, Some(self.hash)).await.unwrap().chain;
        let config = self.driver_config(DriverMode::Follow).await;
        let (mut driver, _view) =
            Driver::new(config, chain.clone(), self.l1(), NoCheckpoint, Arc::new(NoGate)).await.unwrap();
        let all = async {
            while chain.latest().number() < tip.number {
                driver.catch_up().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("L1 has all blocks");
        chain
    }

    async fn deposit(&self, to: Address, wei: u64) {
        let user = TxManager::connect(&self.anvil.url(), self.anvil.wallet(3), quick()).await.unwrap();
        let gas_limit = 100_000;
        let portal = Portal::new(self.deployment.portal, self.anvil.provider());
        let fee = portal.depositFee(gas_limit).call().await.unwrap();
        let call = Portal::depositTransactionCall {
            to,
            value: U256::from(wei),
            gasLimit: gas_limit,
            isCreation: false,
            data: Bytes::new(),
        };
        let value = fee + U256::from(wei);
        let draft = TxDraft {
            to: TxKind::Call(self.deployment.portal),
            value,
            data: call.abi_encode().into(),
            blobs: vec![],
        };
        user.send(&draft, vec![], &mut Vec::new()).await.unwrap();
    }
}

impl Node {
    async fn transfer(&self, load: &mut Load) -> u64 {
        let receipt = self.handle.mempool.submit_sync(load.transfer(), PATIENCE).await.unwrap();
        assert!(receipt.receipt.success);
        receipt.block_number
    }

    /// Waits until L1 has the block.
    async fn safe(&mut self, number: u64) {
        let reached = self.view.wait_for(|view| view.position.l2.number >= number);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("the batch lands").expect("the driver runs");
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.sequencer.await.unwrap().unwrap();
        self.driver.await.unwrap().unwrap();
        self.chain.close().await.unwrap();
    }
}

async fn assert_same(ours: &Chain, theirs: &Chain, to: u64) {
    for number in 0..=to {
        let (a, b) =
            (ours.block_by_number(number).await.unwrap(), theirs.block_by_number(number).await.unwrap());
        let (a, b) = (a.expect("ours"), b.expect("theirs"));
        assert_eq!((a.hash(), &a.receipts), (b.hash(), &b.receipts), "block {number}");
    }
}

async fn deposits_transfers_and_restarts(data: BatchData) {
    let mut load = Load::new(&ChainConfig::dev(), 11, 5);
    let world = world(&load).await;
    let dir = TempDir::new().unwrap();
    let user = Address::repeat_byte(0x77);
    let mut node = world.sequencer(dir.path(), data).await;
    world.deposit(user, 12_345).await;
    let mut last = 0;
    for _ in 0..20 {
        last = node.transfer(&mut load).await;
    }
    node.safe(last).await;
    let has_deposit =
        || node.chain.latest_state().account(user).unwrap().is_some_and(|a| a.balance == U256::from(12_345));
    while !has_deposit() {
        node.view.changed().await.unwrap();
    }
    // stop with a block open, and go on
    node.transfer(&mut load).await;
    node.stop().await;
    let mut node = world.sequencer(dir.path(), data).await;
    for _ in 0..5 {
        last = node.transfer(&mut load).await;
    }
    node.safe(last).await;
    let tip = node.view.borrow().position.l2;
    let verifier = world.verify(tip).await;
    assert_same(&node.chain, &verifier, tip.number).await;
    let sent: usize =
        (1..=tip.number).map(|n| verifier.recent_block(n).map_or(0, |b| b.txs.len() - b.forced.len())).sum();
    assert_eq!(sent, 26, "every transfer once");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_transfers_and_a_restart_by_blobs() {
    deposits_transfers_and_restarts(BatchData::Blobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposits_transfers_and_a_restart_by_calldata() {
    deposits_transfers_and_restarts(BatchData::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_again_what_an_l1_reorganisation_drops() {
    let mut load = Load::new(&ChainConfig::dev(), 12, 3);
    let world = world(&load).await;
    let dir = TempDir::new().unwrap();
    let mut node = world.sequencer(dir.path(), BatchData::Blobs).await;
    let first = node.transfer(&mut load).await;
    node.safe(first).await;
    let before = node.chain.block_by_number(first).await.unwrap().unwrap().hash();
    // the newest block goes, most likely with the batch; anvil calls the one before the last final
    world.anvil.reorg(1).await.unwrap();
    let last = node.transfer(&mut load).await;
    node.safe(last).await;
    let tip = node.view.borrow().position.l2;
    let verifier = world.verify(tip).await;
    assert_same(&node.chain, &verifier, tip.number).await;
    assert_eq!(
        verifier.block_by_number(first).await.unwrap().unwrap().hash(),
        before,
        "re-posted, the blocks are the same"
    );
    node.stop().await;
}
