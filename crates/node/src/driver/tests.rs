//! The driver over a simulated L1: what it derives equals a fresh derivation, whatever L1 does in between.

use super::*;
use crate::{
    block::Block,
    chain::{Chain, ChainOptions},
    head::BlockRef,
};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use assay_execution::{Batch, BatchBlock};
use assay_l1::{Included, L1Block, L1Error, L1Heads, L1Segment};
use assay_primitives::{BatchKind, ChainConfig, InboxEntry, MerkleTree32, QueueEntry, QueueKind};
use assay_testkit::{Key, Tx, bare_genesis};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

const GENESIS_TIME: u64 = 1_760_000_000;
const ORIGIN: u64 = 100;

/// One L1 block and what its transactions put into the Inbox.
#[derive(Clone)]
struct SimBlock {
    block: L1Block,
    queue: Vec<Included<QueueEntry>>,
    batches: Vec<Included<InboxEntry>>,
}

/// An L1 in memory that can be reorganised.
#[derive(Default)]
struct Sim {
    blocks: Vec<SimBlock>,
    /// Makes the blocks of another branch different.
    salt: u64,
    finalized: u64,
}

#[derive(Clone)]
struct SimL1(Arc<Mutex<Sim>>);

enum Put {
    Deposit { gas_limit: u64 },
    Batch { kind: BatchKind, payload: Vec<u8>, queue_to: u64 },
}

impl Sim {
    fn new() -> Self {
        let block = L1Block {
            number: ORIGIN,
            hash: B256::repeat_byte(1),
            parent_hash: B256::ZERO,
            time: GENESIS_TIME,
        };
        let origin = SimBlock { block, queue: vec![], batches: vec![] };
        Self { blocks: vec![origin], salt: 0, finalized: ORIGIN }
    }

    fn head(&self) -> L1Block {
        self.blocks[self.blocks.len() - 1].block
    }

    fn queue(&self) -> impl Iterator<Item = &Included<QueueEntry>> {
        self.blocks.iter().flat_map(|block| &block.queue)
    }

    fn batches(&self) -> impl Iterator<Item = &Included<InboxEntry>> {
        self.blocks.iter().flat_map(|block| &block.batches)
    }

    fn consumed(&self) -> u64 {
        self.batches().last().map_or(0, |batch| batch.entry.queue_to)
    }

    fn queue_root(&self, count: u64) -> B256 {
        let mut tree = MerkleTree32::default();
        self.queue().take(count as usize).for_each(|queued| tree.append(queued.entry.leaf()).unwrap());
        tree.root()
    }

    fn mine(&mut self, puts: Vec<Put>) {
        let parent = self.head();
        let (number, time) = (parent.number + 1, parent.time + 12);
        let hash = keccak256([parent.hash.as_slice(), &self.salt.to_be_bytes()].concat());
        let block = L1Block { number, hash, parent_hash: parent.hash, time };
        self.blocks.push(SimBlock { block, queue: vec![], batches: vec![] });
        for put in puts {
            match put {
                Put::Deposit { gas_limit } => self.put_deposit(block, gas_limit),
                Put::Batch { kind, payload, queue_to } => self.put_batch(block, kind, payload, queue_to),
            }
        }
    }

    fn put_deposit(&mut self, block: L1Block, gas_limit: u64) {
        let index = self.queue().count() as u64;
        let entry = QueueEntry {
            kind: QueueKind::Transaction,
            index,
            l1_block: block.number,
            l1_time: block.time,
            from: Address::repeat_byte(index as u8),
            mint: U256::from(1_000 + index + self.salt),
            value: U256::from(7),
            gas_limit,
            is_creation: false,
            to: Address::repeat_byte(0xdd),
            data: Bytes::new(),
        };
        let included = Included { entry, block, tx_hash: B256::ZERO, root: B256::ZERO };
        let last = self.blocks.len() - 1;
        self.blocks[last].queue.push(included);
        let root = self.queue_root(index + 1);
        self.blocks[last].queue.last_mut().unwrap().root = root;
    }

    fn put_batch(&mut self, block: L1Block, kind: BatchKind, payload: Vec<u8>, queue_to: u64) {
        let entry = InboxEntry {
            kind,
            index: self.batches().count() as u64,
            l1_block: block.number,
            l1_time: block.time,
            queue_from: self.consumed(),
            queue_to,
            queue_root: self.queue_root(queue_to),
            data_hash: B256::ZERO,
            payload: payload.into(),
        };
        let root = keccak256([entry.leaf(), block.hash].concat());
        let included = Included { entry, block, tx_hash: B256::ZERO, root };
        let last = self.blocks.len() - 1;
        self.blocks[last].batches.push(included);
    }

    /// Drops the newest `depth` blocks, but no final one; the next ones are on another branch.
    fn reorganise(&mut self, depth: usize) -> Vec<SimBlock> {
        self.salt += 1;
        let keep = self.blocks.len().saturating_sub(depth).max((self.finalized - ORIGIN) as usize + 1);
        self.blocks.split_off(keep)
    }
}

impl L1Source for SimL1 {
    async fn heads(&self) -> Result<L1Heads, L1Error> {
        let sim = self.0.lock();
        let finalized = sim.blocks[(sim.finalized - ORIGIN) as usize].block;
        Ok(L1Heads { latest: sim.head(), safe: finalized, finalized })
    }

    async fn read(&self, from: u64, to: u64, parent: B256) -> Result<L1Segment, L1Error> {
        let sim = self.0.lock();
        let at =
            |number: u64| sim.blocks.get((number - ORIGIN) as usize).ok_or(L1Error::MissingBlock { number });
        let (first, last) = (at(from)?.block, at(to)?.block);
        if first.parent_hash != parent {
            let (number, expected, found) = (from - 1, parent, first.parent_hash);
            return Err(L1Error::Reorganised { number, expected, found });
        }
        let blocks = &sim.blocks[(from - ORIGIN) as usize..=(to - ORIGIN) as usize];
        let queue = blocks.iter().flat_map(|block| block.queue.clone()).collect();
        let batches = blocks.iter().flat_map(|block| block.batches.clone()).collect();
        Ok(L1Segment { first, last, queue, batches })
    }

    async fn is_canonical(&self, number: u64, hash: B256) -> Result<bool, L1Error> {
        let sim = self.0.lock();
        Ok(sim.blocks.get((number - ORIGIN) as usize).is_some_and(|block| block.block.hash == hash))
    }
}

/// A checkpoint that outlives its driver.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<DriverCheckpoint>>>);

impl CheckpointStore for Kept {
    fn load(&self) -> Result<Option<DriverCheckpoint>, DriverError> {
        Ok(self.0.lock().clone())
    }

    fn save(&mut self, checkpoint: &DriverCheckpoint) -> Result<(), DriverError> {
        // Through JSON, as the file does.
        let text = serde_json::to_string(checkpoint).unwrap();
        *self.0.lock() = Some(serde_json::from_str(&text).unwrap());
        Ok(())
    }
}

/// Counts the pauses and keeps what was dropped.
#[derive(Default)]
struct TestGate {
    pauses: Mutex<u64>,
    dropped: Mutex<Vec<Arc<Block>>>,
}

impl Gate for TestGate {
    fn pause(&self) -> BoxFuture<'_, ()> {
        *self.pauses.lock() += 1;
        Box::pin(std::future::ready(()))
    }

    fn resume(&self, dropped: Vec<Arc<Block>>) {
        self.dropped.lock().extend(dropped);
    }
}

fn keys() -> Vec<Key> {
    (0..4).map(Key::from_seed).collect()
}

async fn new_chain() -> Chain {
    let config = ChainConfig { genesis_time: GENESIS_TIME, ..ChainConfig::dev() };
    let genesis = bare_genesis(config, keys().iter().map(|key| key.address));
    Chain::open(ChainOptions::memory(), &genesis, None).await.unwrap().chain
}

struct Bench {
    l1: SimL1,
    chain: Chain,
    kept: Kept,
    gate: Arc<TestGate>,
    mode: DriverMode,
    driver: Driver<SimL1, Kept>,
}

async fn driver_of(
    l1: &SimL1,
    chain: &Chain,
    kept: &Kept,
    gate: &Arc<TestGate>,
    mode: DriverMode,
) -> Driver<SimL1, Kept> {
    let origin = l1.0.lock().blocks[0].block;
    let config = DriverConfig { mode, origin, poll: Duration::from_millis(1) };
    Driver::new(config, chain.clone(), l1.clone(), kept.clone(), gate.clone()).await.unwrap().0
}

impl Bench {
    async fn new(mode: DriverMode) -> Self {
        let l1 = SimL1(Arc::new(Mutex::new(Sim::new())));
        let (chain, kept, gate) = (new_chain().await, Kept::default(), Arc::default());
        let driver = driver_of(&l1, &chain, &kept, &gate, mode).await;
        Self { l1, chain, kept, gate, mode, driver }
    }

    async fn restart(&mut self) {
        self.driver = driver_of(&self.l1, &self.chain, &self.kept, &self.gate, self.mode).await;
    }

    async fn catch_up(&mut self) {
        // Twice: the first look may find a reorganisation, the second follows the new branch.
        self.driver.catch_up().await.unwrap();
        self.driver.catch_up().await.unwrap();
        assert_eq!(self.driver.view().sync.problem, "");
    }

    fn mine(&self, puts: Vec<Put>) {
        self.l1.0.lock().mine(puts);
    }

    /// A good batch of `blocks` blocks on the derived head that consumes all entries; some have a transfer.
    fn batch(&self, blocks: u64, nonce: &mut u64) -> Put {
        let view = self.driver.view();
        let parent = self.chain.recent_block(view.position.l2.number).unwrap();
        let sim = self.l1.0.lock();
        let pending = sim.queue().count() as u64 - sim.consumed();
        let first = parent.header.timestamp.max(sim.head().time - 300) + 1;
        let blocks = (0..blocks).map(|i| {
            let transfer = Tx::transfer(42_330, *nonce, Address::repeat_byte(5), 9).sign(&keys()[0]);
            *nonce += u64::from(i == 0);
            BatchBlock {
                timestamp: first + i,
                data_price: 0,
                queue_count: if i == 0 { pending } else { 0 },
                txs: if i == 0 { vec![transfer] } else { vec![] },
            }
        });
        let batch =
            Batch { parent_number: parent.number(), parent_hash: parent.hash(), blocks: blocks.collect() };
        let payload = batch.encode(42_330, 1).unwrap();
        Put::Batch { kind: BatchKind::Calldata, payload, queue_to: sim.consumed() + pending }
    }

    fn force(&self, count: u64) -> Put {
        let sim = self.l1.0.lock();
        let queue_to = (sim.consumed() + count).min(sim.queue().count() as u64);
        Put::Batch { kind: BatchKind::Forced, payload: vec![], queue_to }
    }

    /// What a verifier that starts now derives.
    async fn fresh(&self) -> (BlockRef, Point) {
        let chain = new_chain().await;
        let mut driver =
            driver_of(&self.l1, &chain, &Kept::default(), &Arc::default(), DriverMode::Follow).await;
        driver.catch_up().await.unwrap();
        (chain.heads().latest, driver.view().position)
    }

    async fn assert_equals_fresh(&self) {
        let (head, position) = self.fresh().await;
        let found = self.driver.view().position;
        assert_eq!((found.l2, found.l1), (head, position.l1));
        assert_eq!((found.inbox_next, found.inbox_root), (position.inbox_next, position.inbox_root));
        assert_eq!((found.queue_next, found.queue_root), (position.queue_next, position.queue_root));
        assert_eq!(self.chain.heads().safe, head);
        if self.mode == DriverMode::Follow {
            assert_eq!(self.chain.heads().latest, head);
        }
    }
}

#[tokio::test]
async fn derives_batches_deposits_and_forced_batches() {
    let mut bench = Bench::new(DriverMode::Follow).await;
    let mut nonce = 0;
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }, Put::Deposit { gas_limit: 100_000 }]);
    bench.catch_up().await;
    assert_eq!(bench.driver.view().queue.len(), 2);
    assert_eq!(bench.driver.view().queue_root(2), Some(bench.l1.0.lock().queue_root(2)));
    let batch = bench.batch(3, &mut nonce);
    bench.mine(vec![batch]);
    bench.catch_up().await;
    let first = bench.chain.recent_block(1).unwrap();
    assert_eq!((first.forced.len(), first.txs.len()), (2, 3));
    assert_eq!(bench.chain.heads().safe.number, 3);
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }]);
    let force = bench.force(1);
    bench.mine(vec![force, Put::Batch { kind: BatchKind::Calldata, payload: vec![1, 2, 3], queue_to: 3 }]);
    bench.catch_up().await;
    assert_eq!(bench.chain.heads().latest.number, 4);
    assert_eq!(bench.driver.view().position.inbox_next, 3);
    bench.assert_equals_fresh().await;
}

#[tokio::test]
async fn finalized_follows_l1_and_only_what_was_read() {
    let mut bench = Bench::new(DriverMode::Follow).await;
    let mut nonce = 0;
    for _ in 0..4 {
        let batch = bench.batch(1, &mut nonce);
        bench.mine(vec![batch]);
        bench.catch_up().await;
    }
    assert_eq!(bench.chain.heads().finalized.number, 0);
    bench.l1.0.lock().finalized = ORIGIN + 2;
    bench.catch_up().await;
    assert_eq!(bench.chain.heads().finalized.number, 2);
    assert_eq!(bench.chain.heads().safe.number, 4);
}

#[tokio::test]
async fn a_reorganised_batch_is_taken_back_and_derived_again_the_same() {
    let mut bench = Bench::new(DriverMode::Follow).await;
    let mut nonce = 0;
    let batch = bench.batch(2, &mut nonce);
    bench.mine(vec![batch]);
    bench.catch_up().await;
    let before = bench.chain.heads().latest;
    let dropped = bench.l1.0.lock().reorganise(1);
    bench.mine(vec![]);
    bench.catch_up().await;
    assert_eq!(bench.chain.heads().latest.number, 0);
    // The same bytes in a later block give the same blocks.
    let payload = dropped[0].batches[0].entry.payload.to_vec();
    bench.mine(vec![Put::Batch { kind: BatchKind::Calldata, payload, queue_to: 0 }]);
    bench.catch_up().await;
    assert_eq!(bench.chain.heads().latest, before);
}

#[tokio::test]
async fn a_sequencer_keeps_its_blocks_and_only_the_safe_head_moves() {
    let mut bench = Bench::new(DriverMode::Compare).await;
    let mut nonce = 0;
    let Put::Batch { payload, .. } = bench.batch(3, &mut nonce) else { unreachable!() };
    let batch = Batch::decode(&payload, 42_330).unwrap().batch;
    for block in &batch.blocks {
        let input = assay_execution::BlockInput {
            timestamp: block.timestamp,
            data_price: block.data_price,
            queue: vec![],
            txs: block.txs.clone(),
        };
        bench.chain.extend(&input).unwrap();
    }
    let head = bench.chain.heads().latest;
    bench.mine(vec![Put::Batch { kind: BatchKind::Calldata, payload, queue_to: 0 }]);
    bench.catch_up().await;
    assert_eq!((bench.chain.heads().latest, bench.chain.heads().safe), (head, head));
    // L1 takes the batch back: the blocks stay, unsafe.
    bench.l1.0.lock().reorganise(1);
    bench.mine(vec![]);
    bench.catch_up().await;
    assert_eq!((bench.chain.heads().latest, bench.chain.heads().safe.number), (head, 0));
    assert_eq!(*bench.gate.pauses.lock(), 0);
    // L1 says something else: the blocks go, and the gate hears of them.
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }]);
    let force = bench.force(1);
    bench.mine(vec![force]);
    bench.catch_up().await;
    assert_eq!(bench.chain.heads().latest.number, 1);
    assert_eq!(*bench.gate.pauses.lock(), 1);
    let dropped: Vec<u64> = bench.gate.dropped.lock().iter().map(|block| block.number()).collect();
    assert_eq!(dropped, [3, 2, 1]);
    bench.assert_equals_fresh().await;
}

#[tokio::test]
async fn a_final_block_that_is_gone_stops_the_driver() {
    let mut bench = Bench::new(DriverMode::Follow).await;
    bench.mine(vec![]);
    bench.mine(vec![]);
    bench.l1.0.lock().finalized = ORIGIN + 2;
    bench.catch_up().await;
    bench.l1.0.lock().finalized = ORIGIN;
    bench.l1.0.lock().reorganise(2);
    bench.mine(vec![]);
    let error = bench.driver.catch_up().await.unwrap_err();
    assert!(matches!(error, DriverError::FinalityBroken { number, .. } if number == ORIGIN + 2), "{error}");
}

#[tokio::test]
async fn a_gap_in_l1s_answers_is_a_problem_and_nothing_is_derived() {
    let mut bench = Bench::new(DriverMode::Follow).await;
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }]);
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }]);
    let hidden = std::mem::take(&mut bench.l1.0.lock().blocks[1].queue);
    bench.driver.catch_up().await.unwrap();
    assert_eq!(bench.driver.view().sync.problem, "L1 skipped from queue entry 0 to 1");
    assert_eq!(bench.driver.view().position.queue_seen, 0);
    bench.l1.0.lock().blocks[1].queue = hidden;
    bench.catch_up().await;
    assert_eq!(bench.driver.view().position.queue_seen, 2);
}

/// A small generator: numbers that look random and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Returns how many L1 blocks were taken back and how many L2 blocks are safe in the end.
async fn random_walk(seed: u64, mode: DriverMode) -> (usize, u64) {
    let mut taken_back = 0;
    let mut bench = Bench::new(mode).await;
    let mut dice = Dice(seed);
    for step in 0..60 {
        let puts = match dice.roll(10) {
            0..=2 => vec![],
            3 | 4 => (0..=dice.roll(3)).map(|_| Put::Deposit { gas_limit: 100_000 }).collect(),
            5 | 6 => {
                let sender = bench.chain.latest_state().account(keys()[0].address).unwrap();
                let mut nonce = sender.map_or(0, |account| account.nonce);
                let count = 1 + dice.roll(3);
                vec![bench.batch(count, &mut nonce)]
            }
            7 => vec![bench.force(1 + dice.roll(4))],
            8 => vec![Put::Batch {
                kind: BatchKind::Calldata,
                payload: (0..40).map(|_| dice.roll(3) as u8).collect(),
                queue_to: bench.l1.0.lock().queue().count() as u64,
            }],
            _ => {
                let depth = 1 + dice.roll(6) as usize;
                let dropped = bench.l1.0.lock().reorganise(depth);
                taken_back += dropped.len();
                // Some of what was dropped is posted again, as a batcher does.
                let again = dropped.iter().flat_map(|block| &block.batches).take(dice.roll(3) as usize);
                let consumed = bench.l1.0.lock().consumed();
                again
                    .map(|batch| Put::Batch {
                        kind: batch.entry.kind,
                        payload: batch.entry.payload.to_vec(),
                        queue_to: consumed,
                    })
                    .collect()
            }
        };
        bench.mine(puts);
        if dice.roll(4) == 0 {
            let head = bench.l1.0.lock().head().number;
            let mut sim = bench.l1.0.lock();
            sim.finalized = sim.finalized.max(head.saturating_sub(6 + dice.roll(4)));
        }
        if dice.roll(3) != 0 {
            bench.catch_up().await;
        }
        if dice.roll(8) == 0 {
            bench.restart().await;
        }
        if step % 10 == 9 {
            bench.catch_up().await;
            bench.assert_equals_fresh().await;
        }
    }
    let safe = bench.chain.heads().safe.number;
    println!("seed {seed}: {taken_back} L1 blocks taken back, {safe} L2 blocks safe");
    (taken_back, safe)
}

async fn random_walks(seeds: std::ops::Range<u64>, mode: DriverMode) {
    let (mut taken_back, mut safe) = (0, 0);
    let walks = seeds.end - seeds.start;
    for seed in seeds {
        let (blocks, head) = random_walk(seed, mode).await;
        (taken_back, safe) = (taken_back + blocks, safe + head);
    }
    assert!(taken_back as u64 > 3 * walks && safe > 5 * walks, "{taken_back} blocks taken back, {safe} safe");
}

#[tokio::test]
async fn random_reorganisations_and_restarts_end_in_a_fresh_derivation() {
    random_walks(0..12, DriverMode::Follow).await;
}

#[tokio::test]
async fn a_sequencers_chain_survives_the_same_reorganisations() {
    random_walks(100..106, DriverMode::Compare).await;
}

#[tokio::test]
async fn a_checkpoint_file_is_replaced_whole_and_a_damaged_one_means_deriving_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(DriverMode::Follow).await;
    let mut nonce = 0;
    bench.mine(vec![Put::Deposit { gas_limit: 100_000 }]);
    bench.catch_up().await;
    let batch = bench.batch(2, &mut nonce);
    bench.mine(vec![batch, Put::Deposit { gas_limit: 100_000 }]);
    bench.catch_up().await;

    let mut file = CheckpointFile::in_dir(dir.path());
    assert_eq!(file.load().unwrap(), None);
    let saved = bench.kept.load().unwrap().unwrap();
    assert_eq!((saved.points.len(), saved.queue.len()), (2, 2));
    file.save(&saved).unwrap();
    file.save(&saved).unwrap();
    assert_eq!(file.load().unwrap(), Some(saved));
    std::fs::write(dir.path().join("driver.json"), "{").unwrap();
    assert_eq!(file.load().unwrap(), None);
}
