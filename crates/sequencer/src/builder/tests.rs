use super::*;
use crate::{
    clock::ManualClock,
    config::{FeedConfig, SequencerConfig},
};
use alloy::primitives::Bytes;
use assay_execution::Genesis;
use assay_node::{ChainOptions, TxPool};
use assay_primitives::{ChainConfig, QueueEntry};
use assay_storage::BlockLog;
use assay_testkit::{Attack, Key, Load, Tx, bare_genesis};
use std::{path::Path, sync::mpsc::SyncSender};
use tempfile::TempDir;

const START_MS: u64 = 1_760_000_100_000;

/// A builder without its loop: tests take the steps and move the clock.
struct Bench {
    running: Running,
    mempool: Mempool,
    clock: Arc<ManualClock>,
    chain: Chain,
    forced: Arc<ForcedQueue>,
    feed: Feed,
    _commands: SyncSender<Command>,
    committer: Option<std::thread::JoinHandle<Result<(), BuilderError>>>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        // hanging up ends the committer, which must not outlive the chain's folder
        let (dead, _) = sync_channel(1);
        self.running.commits = dead;
        if let Some(committer) = self.committer.take() {
            committer.join().unwrap().unwrap();
        }
    }
}

fn config() -> SequencerConfig {
    let mut config = SequencerConfig::default();
    config.block.segment_txs_max = 3;
    config.block.segment_ms = 1_000;
    config
}

async fn bench(dir: &Path, genesis: &Genesis, now_ms: u64) -> Bench {
    let opened = Chain::open(ChainOptions::at(dir), genesis, None).await.unwrap();
    bench_on(opened.chain, opened.open_block, now_ms)
}

fn bench_on(chain: Chain, unfinished: Option<Unfinished>, now_ms: u64) -> Bench {
    let clock = Arc::new(ManualClock::at(now_ms));
    let alarm = Arc::new(Alarm::default());
    let config = config();
    let mempool =
        Mempool::new(config.pool, chain.clone(), chain.config().clone(), clock.clone(), alarm.clone(), 1)
            .unwrap();
    let forced = Arc::new(ForcedQueue::new(chain.config().deposit_confirmations));
    let feed = Feed::new(&FeedConfig::default(), chain.log().cloned());
    let (commands_in, commands) = sync_channel(4);
    let (commits, receiver) = sync_channel(64);
    let committer = std::thread::spawn({
        let (chain, mempool, feed) = (chain.clone(), mempool.clone(), feed.clone());
        move || commit::run(&receiver, &chain, &mempool, &feed)
    });
    let queue_next = forced.next_after(&chain, 0, &[]);
    let builder = Builder {
        controls: Arc::new(Controls::new(&config.block)),
        config: config.block,
        chain: chain.clone(),
        mempool: mempool.clone(),
        forced: forced.clone(),
        feed: feed.clone(),
        clock: clock.clone(),
        alarm,
    };
    let start = Start { commands, queue_next, unfinished, dropped: Vec::new() };
    let running = Running::start(builder, commits, start).unwrap();
    Bench { running, mempool, clock, chain, forced, feed, _commands: commands_in, committer: Some(committer) }
}

impl Bench {
    async fn submit(&self, raw: Bytes) -> B256 {
        self.mempool.submit(raw).await.unwrap()
    }

    /// Steps until the pool has nothing that runs now.
    fn work(&mut self) {
        while self.running.has_work() {
            self.running.step().unwrap();
        }
        if let Some(open) = &self.running.open {
            let gas = open.builder.gas_used();
            self.running.show_pending().unwrap();
            while self.chain.pending().is_none_or(|pending| pending.header.gas_used != gas) {
                std::thread::yield_now();
            }
        }
    }

    /// Ends the open block.
    fn seal(&mut self) -> Arc<Block> {
        let time = self.running.open.as_ref().expect("a block is open").input.timestamp;
        self.clock.set((time + 1) * 1000);
        self.running.step().unwrap();
        assert!(self.running.open.is_none());
        self.chain.latest()
    }

    /// Opens an empty block if none is open, and ends it.
    fn tick(&mut self) -> Arc<Block> {
        let due = (self.chain.latest().header.timestamp + 1) * 1000;
        self.clock.set(due.max(self.clock.now_ms() + 1_000));
        self.running.step().unwrap();
        self.work();
        self.seal()
    }
}

fn world(seed: u64, senders: usize) -> (Load, Genesis) {
    let cfg = ChainConfig::dev();
    let load = Load::new(&cfg, seed, senders);
    let genesis = bare_genesis(cfg, load.addresses());
    (load, genesis)
}

fn deposit(index: u64, l1_block: u64, to: Address) -> QueueEntry {
    QueueEntry {
        kind: assay_primitives::QueueKind::Transaction,
        mint: U256::from(5u64),
        value: U256::from(5u64),
        from: to,
        to,
        ..QueueEntry::beacon(index, l1_block, 0, 32, B256::ZERO, 100_000)
    }
}

use alloy::primitives::Address;

#[tokio::test(flavor = "multi_thread")]
async fn waits_of_sync_submissions_end_when_the_segment_is_durable() {
    let dir = TempDir::new().unwrap();
    let (mut load, genesis) = world(1, 3);
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let raw = load.transfer();
    let waiting = tokio::spawn({
        let mempool = bench.mempool.clone();
        async move { mempool.submit_sync(raw, Duration::from_secs(60)).await }
    });
    while !bench.running.has_work() {
        tokio::task::yield_now().await;
    }
    bench.work();
    let receipt = waiting.await.unwrap().unwrap();
    assert_eq!((receipt.block_number, receipt.index, receipt.receipt.success), (1, 0, true));
    assert!(bench.chain.log().unwrap().durable() > BlockLog::start());
    assert_eq!(bench.chain.latest().number(), 0, "the block is still open");
    let block = bench.seal();
    assert_eq!(block.txs[0].hash, receipt.tx.hash);
    assert_eq!(block.receipts[0], receipt.receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_blocks_follow_the_clock() {
    let dir = TempDir::new().unwrap();
    let (_, genesis) = world(1, 1);
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    for number in 1..5 {
        let block = bench.tick();
        assert_eq!((block.number(), block.txs.len()), (number, 0));
        assert_eq!(block.header.timestamp + 1, bench.clock.now_ms() / 1000);
    }
}

/// What a crash now would leave in the folder.
fn crash(dir: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    std::fs::copy(dir.join("blocks.log"), copy.path().join("blocks.log")).unwrap();
    copy
}

/// The log of a few blocks with deposits, transfers and creations in many segments, and the blocks.
async fn history(dir: &Path, load: &mut Load, genesis: &Genesis) -> Vec<Arc<Block>> {
    let mut bench = bench(dir, genesis, START_MS).await;
    let mut blocks = Vec::new();
    for number in 0..4u64 {
        bench
            .forced
            .set(10 + number, (0..=number).map(|index| deposit(index, 5 + index, Address::repeat_byte(9))));
        for _ in 0..7 {
            bench.submit(load.mixed()).await;
        }
        bench.work();
        if number < 3 {
            blocks.push(bench.seal());
        }
    }
    bench.chain.log().unwrap().sync().unwrap();
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_record_continues_the_same_block() {
    let (mut load, genesis) = world(2, 4);
    let dir = TempDir::new().unwrap();
    let blocks = history(dir.path(), &mut load, &genesis).await;
    let bytes = std::fs::read(dir.path().join("blocks.log")).unwrap();
    let mut ends = vec![(BlockLog::start(), None)];
    {
        let copy = crash(dir.path());
        let (log, _) = BlockLog::open(copy.path().join("blocks.log"), blocks[0].header.parent_hash).unwrap();
        ends.extend(
            log.read(BlockLog::start()).unwrap().map(|item| item.map(|(end, r)| (end, Some(r))).unwrap()),
        );
    }
    assert!(ends.len() > 20, "{} records", ends.len());
    for (i, (end, last)) in ends.iter().enumerate() {
        let crashed = TempDir::new().unwrap();
        // cut within the next record as well: a torn tail
        let torn = ends.get(i + 1).map_or(*end, |(next, _)| (end + next) / 2);
        std::fs::write(crashed.path().join("blocks.log"), &bytes[..torn as usize]).unwrap();
        let mut bench = bench(crashed.path(), &genesis, START_MS).await;
        let sealed = bench.chain.latest().number() as usize;
        for block in &blocks[..sealed] {
            assert_eq!(bench.chain.recent_block(block.number()).unwrap().hash(), block.hash());
        }
        if matches!(ends.get(i + 1), Some((_, Some(Record::Seal { .. })))) {
            assert_eq!(bench.seal().hash(), blocks[sealed].hash(), "same segments, same block");
        } else if matches!(last, Some(Record::Open { .. } | Record::Segment { .. })) {
            let block = bench.seal();
            let original: Vec<_> =
                blocks.get(sealed).map(|b| b.txs.iter().map(|tx| tx.hash).collect()).unwrap_or_default();
            let found: Vec<_> = block.txs.iter().map(|tx| tx.hash).collect();
            assert!(blocks.get(sealed).is_none() || original.starts_with(&found));
        }
        // and it goes on
        let head = bench.chain.latest().number();
        assert_eq!(bench.tick().number(), head + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_runs_twice_over_restarts() {
    let (mut load, genesis) = world(3, 5);
    let mut dir = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    let mut now = START_MS;
    for round in 0..6 {
        let mut bench = bench(dir.path(), &genesis, now).await;
        for _ in 0..5 {
            acknowledged.push(bench.submit(load.transfer()).await);
        }
        bench.work();
        if round % 2 == 0 {
            bench.seal();
        }
        now = bench.clock.now_ms();
        // no flush, no close
        dir = crash(dir.path());
    }
    let mut bench = bench(dir.path(), &genesis, now).await;
    if bench.running.open.is_some() {
        bench.seal();
    }
    let head = bench.chain.latest().number();
    let mut included: Vec<_> = (1..=head)
        .flat_map(|n| bench.chain.recent_block(n).unwrap().txs.iter().map(|tx| tx.hash).collect::<Vec<_>>())
        .collect();
    included.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(included, acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_executes_differently_stops_before_the_feed() {
    let (mut load, genesis) = world(4, 1);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let mut feed = bench.feed.subscribe(None).unwrap();
    bench.submit(load.transfer()).await;
    bench.submit(load.transfer()).await;
    bench.work();
    // what the batch would say is not what was executed
    bench.running.open.as_mut().unwrap().input.timestamp += 1;
    bench.clock.advance(10_000);
    let error = bench.running.step().unwrap_err();
    assert!(matches!(error, BuilderError::SealMismatch { number: 1, .. }), "{error}");
    assert_eq!(bench.chain.latest().number(), 0);
    let (Some(Ok(open)), Some(Ok(segment))) = (feed.next().await, feed.next().await) else {
        panic!("no messages")
    };
    assert!(matches!(&*open.record, Record::Open { number: 1, .. }));
    assert!(matches!(&*segment.record, Record::Segment { txs, .. } if txs.len() == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_resumes_from_any_number_and_repeats_nothing() {
    let (mut load, genesis) = world(5, 2);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let mut live = bench.feed.subscribe(None).unwrap();
    for _ in 0..4 {
        bench.submit(load.transfer()).await;
        bench.work();
        bench.seal();
    }
    let mut seen = Vec::new();
    while seen.len() < 12 {
        seen.push(live.next().await.unwrap().unwrap());
    }
    let seqs: Vec<_> = seen.iter().map(|item| item.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b));
    for (from, rest) in std::iter::once(BlockLog::start()).chain(seqs.iter().copied()).zip(0..) {
        let mut resumed = bench.feed.subscribe(Some(from)).unwrap();
        for item in &seen[rest..] {
            assert_eq!(resumed.next().await.unwrap().unwrap(), *item);
        }
    }
    let mut wrong = bench.feed.subscribe(Some(seqs[3] - 1)).unwrap();
    assert!(matches!(wrong.next().await, Some(Err(FeedError::UnknownPosition(_)))));
}

use crate::feed::FeedError;

#[tokio::test(flavor = "multi_thread")]
async fn forced_entries_open_the_next_block_after_their_confirmations() {
    let (_, genesis) = world(6, 1);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let user = Address::repeat_byte(7);
    bench.forced.set(5, [deposit(0, 5, user)]);
    assert_eq!(bench.tick().forced.len(), 0, "L1 block 5 is not confirmed yet");
    bench.forced.set(6, [deposit(0, 5, user), deposit(1, 6, user)]);
    let block = bench.tick();
    assert_eq!(block.forced.iter().map(|entry| entry.index).collect::<Vec<_>>(), [0]);
    assert_eq!(bench.chain.latest_state().account(user).unwrap().unwrap().balance, U256::from(5));
    bench.forced.set(7, [deposit(1, 6, user)]);
    assert_eq!(bench.tick().forced.iter().map(|entry| entry.index).collect::<Vec<_>>(), [1]);
    assert_eq!(bench.tick().forced.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_gas_is_at_most_half_of_a_block() {
    let (_, genesis) = world(6, 1);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let heavy = |index| QueueEntry { gas_limit: 16_000_000, ..deposit(index, 1, Address::repeat_byte(7)) };
    bench.forced.set(9, (0..20).map(heavy));
    assert_eq!(bench.tick().forced.len(), 12, "200 of 400 Mgas");
    assert_eq!(bench.tick().forced.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_transactions_cost_the_honest_nothing() {
    let (mut load, genesis) = world(7, 5);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let mut honest = Vec::new();
    for round in 0..60 {
        for attack in Attack::ALL {
            let _ = bench.mempool.submit(load.attack(attack)).await;
        }
        let raw = load.mixed();
        honest.push(alloy::primitives::keccak256(&raw));
        bench.submit(raw).await;
        bench.work();
        if round % 20 == 19 {
            bench.seal();
        }
    }
    let head = bench.chain.latest().number();
    let included: Vec<_> = (1..=head)
        .flat_map(|n| bench.chain.recent_block(n).unwrap().txs.iter().map(|t| t.hash).collect::<Vec<_>>())
        .collect();
    assert!(honest.iter().all(|hash| included.contains(hash)), "every honest transaction is in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegated_account_swept_by_another_does_not_stop_the_block() {
    let cfg = ChainConfig::dev();
    let (victim, mover) = (Key::from_seed(1), Key::from_seed(2));
    let mut genesis = bare_genesis(cfg.clone(), [victim.address, mover.address]);
    // code that sends its whole balance to the caller: SELFBALANCE to CALLER by CALL
    let sweeper = Address::repeat_byte(0xaa);
    let code = alloy::hex!("600060006000600047335af1");
    genesis
        .alloc
        .insert(sweeper, assay_execution::GenesisAccount { code: code.into(), ..Default::default() });
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let id = cfg.l2_chain_id;
    let mut delegate = Tx::call(id, 0, victim.address, vec![], 200_000);
    delegate.authorizations = vec![victim.authorize(id, sweeper, 0)];
    bench.submit(delegate.sign(&mover)).await;
    bench.work();
    // the authorisation used the victim's nonce 0, and its balance is gone
    let view = bench.chain.pending_state();
    assert_eq!(view.account(victim.address).unwrap().unwrap().nonce, 1);
    let broke = bench.mempool.submit(Tx::transfer(id, 1, mover.address, 1).sign(&victim)).await;
    assert!(matches!(broke, Err(assay_node::PoolError::InsufficientFunds { .. })), "{broke:?}");
    assert_eq!(bench.seal().txs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_block_that_the_chain_has_left_is_sequenced_again() {
    let (mut load, genesis) = world(9, 2);
    let dir = TempDir::new().unwrap();
    let mut before = bench(dir.path(), &genesis, START_MS).await;
    let mut hashes = vec![before.submit(load.transfer()).await, before.submit(load.transfer()).await];
    before.work();
    let copy = crash(dir.path());
    let opened = Chain::open(ChainOptions::at(copy.path()), &genesis, None).await.unwrap();
    // the driver finds another block on L1 before the builder begins
    let input =
        assay_execution::BlockInput { timestamp: START_MS / 1000, data_price: 0, queue: vec![], txs: vec![] };
    let chain = opened.chain;
    tokio::task::block_in_place(|| chain.extend(&input)).unwrap();
    let mut after = bench_on(chain, opened.open_block, START_MS + 5_000);
    assert_eq!(after.mempool.status().pending, 2);
    after.work();
    let mut found: Vec<_> = after.seal().txs.iter().map(|tx| tx.hash).collect();
    hashes.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, hashes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_drop_is_sequenced_again() {
    let (mut load, genesis) = world(8, 3);
    let dir = TempDir::new().unwrap();
    let mut bench = bench(dir.path(), &genesis, START_MS).await;
    let mut hashes = Vec::new();
    for _ in 0..3 {
        hashes.push(bench.submit(load.transfer()).await);
        bench.work();
        bench.seal();
    }
    hashes.push(bench.submit(load.transfer()).await);
    bench.work();
    let (ready, is_ready) = oneshot::channel();
    let (give_back, resume) = std::sync::mpsc::channel();
    let chain = bench.chain.clone();
    let other = tokio::spawn(async move {
        is_ready.await.unwrap();
        let dropped = chain.rollback_to(1).await.unwrap();
        give_back.send(dropped).unwrap();
    });
    tokio::task::block_in_place(|| bench.running.pause(ready, &resume)).unwrap();
    other.await.unwrap();
    assert_eq!(bench.chain.latest().number(), 1);
    assert_eq!(bench.mempool.status().pending, 3);
    bench.clock.advance(5_000);
    bench.work();
    let block = bench.seal();
    let found: Vec<_> = block.txs.iter().map(|tx| tx.hash).collect();
    assert_eq!(found.len(), 3);
    assert!(hashes[1..].iter().all(|hash| found.contains(hash)));
    // and the log that has all of this still replays
    let hash = block.hash();
    let copy = crash(dir.path());
    let again = Chain::open(ChainOptions::at(copy.path()), &genesis, None).await.unwrap();
    assert_eq!(again.chain.latest().hash(), hash);
}
