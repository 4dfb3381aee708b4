//! Each rule of derivation by name, and mutants of valid batches executed.

use super::*;
use crate::{
    Genesis, GenesisAccount, SealedHeader, StateChanges,
    batch::tests::{CHAIN, edit_columns, transfers},
    blob::blobs_encode,
    execute_block,
    testing::Wallet,
};
use alloy_primitives::{Address, Bytes, U256};
use assay_primitives::QueueKind;
use proptest::{prelude::*, test_runner::TestRng};
use revm::database_interface::EmptyDB;

const L1_TIME: u64 = 1_760_100_000;
const PARENT_TIME: u64 = L1_TIME - 300;

fn cfg() -> ChainConfig {
    ChainConfig::dev()
}

fn cursor() -> Cursor {
    Cursor { parent_number: 9, parent_hash: B256::repeat_byte(9), parent_time: PARENT_TIME, queue_next: 5 }
}

fn queued(index: u64, gas_limit: u64) -> QueueEntry {
    QueueEntry {
        kind: QueueKind::Transaction,
        index,
        l1_block: 1,
        l1_time: L1_TIME - 700,
        from: Address::repeat_byte(index as u8),
        mint: U256::from(index),
        value: U256::ZERO,
        gas_limit,
        is_creation: false,
        to: Address::repeat_byte(0xaa),
        data: Bytes::new(),
    }
}

fn queue(count: u64, gas_limit: u64) -> Vec<QueueEntry> {
    (5..5 + count).map(|index| queued(index, gas_limit)).collect()
}

fn block(timestamp: u64, queue_count: u64) -> BatchBlock {
    BatchBlock { timestamp, data_price: 7, queue_count, txs: vec![Bytes::from_static(&[1, 2, 3])] }
}

fn batch(blocks: Vec<BatchBlock>) -> Batch {
    Batch { parent_number: 9, parent_hash: B256::repeat_byte(9), blocks }
}

fn entry(kind: BatchKind, payload: Vec<u8>, queue: &[QueueEntry]) -> InboxEntry {
    InboxEntry {
        kind,
        index: 3,
        l1_block: 100,
        l1_time: L1_TIME,
        queue_from: 5,
        queue_to: 5 + queue.len() as u64,
        queue_root: B256::ZERO,
        data_hash: B256::ZERO,
        payload: payload.into(),
    }
}

fn posted(batch: &Batch, queue: &[QueueEntry]) -> InboxEntry {
    entry(BatchKind::Calldata, batch.encode(CHAIN, 5).unwrap(), queue)
}

fn explain(batch: &Batch, queue: &[QueueEntry]) -> Derivation {
    derive_explained(&cfg(), &cursor(), &posted(batch, queue), queue)
}

/// What `queue` derives to without a batch, in blocks at these times.
fn forced(queue: &[QueueEntry], times: &[(u64, usize)]) -> Vec<BlockInput> {
    let mut queue = queue.iter().cloned();
    let blocks = times.iter().map(|(timestamp, count)| BlockInput {
        timestamp: *timestamp,
        data_price: 0,
        queue: queue.by_ref().take(*count).collect(),
        txs: vec![],
    });
    blocks.collect()
}

#[test]
fn a_good_batch_gives_its_blocks_and_their_queue_entries() {
    let queue = queue(3, 100_000);
    let batch = batch(vec![block(PARENT_TIME + 1, 2), block(PARENT_TIME + 3, 0), block(PARENT_TIME + 4, 1)]);
    let derived = explain(&batch, &queue);
    assert_eq!((derived.fault, derived.lost_txs), (None, 0));
    assert_eq!(derived.blocks.len(), 3);
    for (input, block) in derived.blocks.iter().zip(&batch.blocks) {
        assert_eq!((input.timestamp, input.data_price, &input.txs), (block.timestamp, 7, &block.txs));
    }
    assert_eq!(derived.blocks[0].queue, queue[..2]);
    assert_eq!(derived.blocks[1].queue, []);
    assert_eq!(derived.blocks[2].queue, queue[2..]);
}

#[test]
fn blobs_and_calldata_give_the_same_blocks() {
    let batch = batch(vec![block(PARENT_TIME + 1, 0)]);
    let blobs = blobs_encode(&batch.encode(CHAIN, 5).unwrap()).unwrap().concat();
    let from_blobs = derive(&cfg(), &cursor(), &entry(BatchKind::Blobs, blobs, &[]), &[]);
    assert_eq!(from_blobs, explain(&batch, &[]).blocks);
}

#[test]
fn a_batch_posted_again_in_another_l1_block_gives_the_same_blocks() {
    let queue = queue(2, 100_000);
    let batch = batch(vec![block(PARENT_TIME + 1, 2), block(PARENT_TIME + 2, 0)]);
    let first = posted(&batch, &queue);
    let again = InboxEntry { l1_block: 117, l1_time: L1_TIME + 204, ..first.clone() };
    assert_eq!(derive(&cfg(), &cursor(), &first, &queue), derive(&cfg(), &cursor(), &again, &queue));
}

#[test]
fn a_batch_on_another_parent_gives_its_forced_entries_only() {
    let queue = queue(2, 100_000);
    for (number, hash) in [(8, B256::repeat_byte(9)), (9, B256::repeat_byte(8))] {
        let stale =
            Batch { parent_number: number, parent_hash: hash, ..batch(vec![block(PARENT_TIME + 1, 2)]) };
        let derived = explain(&stale, &queue);
        assert!(matches!(derived.fault, Some(BatchFault::Parent { expected: 9, .. })));
        assert_eq!(derived.blocks, forced(&queue, &[(L1_TIME, 2)]));
    }
}

#[test]
fn block_times_rise() {
    for times in [[PARENT_TIME, PARENT_TIME + 1], [PARENT_TIME + 2, PARENT_TIME + 2]] {
        let derived = explain(&batch(times.map(|time| block(time, 0)).to_vec()), &[]);
        assert!(matches!(derived.fault, Some(BatchFault::TimeNotRising { .. })), "{:?}", derived.fault);
        assert_eq!(derived.blocks, []);
    }
}

#[test]
fn block_times_lag_at_most_max_lag_and_drift_at_most_max_drift() {
    let (min, max) = (L1_TIME - 600, L1_TIME + 60);
    let early = Cursor { parent_time: min - 10, ..cursor() };
    for (time, good) in [(min - 1, false), (min, true), (max, true), (max + 1, false)] {
        let batch = batch(vec![block(time, 0)]);
        let derived = derive_explained(&cfg(), &early, &posted(&batch, &[]), &[]);
        let fault = (!good).then_some(BatchFault::TimeOutOfRange { min, max, found: time });
        assert_eq!(derived.fault, fault);
        assert_eq!(derived.blocks.len(), usize::from(good));
    }
}

#[test]
fn blocks_consume_exactly_what_the_batch_consumes() {
    let queue = queue(3, 100_000);
    for count in [0, 2, 4, u64::MAX] {
        let derived = explain(&batch(vec![block(PARENT_TIME + 1, count)]), &queue);
        assert_eq!(derived.fault, Some(BatchFault::QueueCount { expected: 3, found: count }));
        assert_eq!(derived.blocks, forced(&queue, &[(L1_TIME, 3)]));
    }
    let wraps = batch(vec![block(PARENT_TIME + 1, u64::MAX), block(PARENT_TIME + 2, 4)]);
    assert!(explain(&wraps, &queue).fault.is_some());
}

#[test]
fn forced_gas_takes_at_most_half_of_a_block() {
    // Half of the dev block is 200 M gas: twelve entries of 16 M fit, thirteen do not.
    let queue = queue(13, 16_000_000);
    let derived = explain(&batch(vec![block(PARENT_TIME + 1, 13)]), &queue);
    assert_eq!(derived.fault, Some(BatchFault::ForcedGas { max: 200_000_000, found: 208_000_000 }));
    assert_eq!(derived.blocks, forced(&queue, &[(L1_TIME, 12), (L1_TIME + 1, 1)]));
    let split = explain(&batch(vec![block(PARENT_TIME + 1, 12), block(PARENT_TIME + 2, 1)]), &queue);
    assert_eq!(split.fault, None);
}

#[test]
fn force_batch_opens_as_many_blocks_as_it_needs_at_l1_time() {
    let queue = queue(30, 16_000_000);
    let forced_entry = entry(BatchKind::Forced, vec![], &queue);
    let blocks = derive(&cfg(), &cursor(), &forced_entry, &queue);
    assert_eq!(blocks, forced(&queue, &[(L1_TIME, 12), (L1_TIME + 1, 12), (L1_TIME + 2, 6)]));
    // A chain ahead of L1 goes on from its own time.
    let ahead = Cursor { parent_time: L1_TIME + 50, ..cursor() };
    let blocks = derive(&cfg(), &ahead, &forced_entry, &queue);
    assert_eq!(blocks, forced(&queue, &[(L1_TIME + 51, 12), (L1_TIME + 52, 12), (L1_TIME + 53, 6)]));
}

#[test]
fn an_entry_over_half_of_a_block_is_alone_in_its_block() {
    let queue = [queued(5, 1), queued(6, u64::MAX), queued(7, u64::MAX), queued(8, 1)];
    let blocks = derive(&cfg(), &cursor(), &entry(BatchKind::Forced, vec![], &queue), &queue);
    let times: Vec<(u64, usize)> = (L1_TIME..L1_TIME + 4).map(|time| (time, 1)).collect();
    assert_eq!(blocks, forced(&queue, &times));
}

#[test]
fn a_bad_envelope_gives_its_forced_entries_only() {
    let queue = queue(2, 100_000);
    let good = batch(vec![block(PARENT_TIME + 1, 2)]).encode(CHAIN, 5).unwrap();
    let wrong_version = [&[2], &good[1..]].concat();
    for (kind, payload) in [
        (BatchKind::Calldata, vec![]),
        (BatchKind::Calldata, wrong_version),
        (BatchKind::Calldata, good[..30].to_vec()),
        (BatchKind::Blobs, good.clone()),
        (BatchKind::Blobs, vec![0; 131_072]),
    ] {
        let derived = derive_explained(&cfg(), &cursor(), &entry(kind, payload, &queue), &queue);
        assert!(matches!(derived.fault, Some(BatchFault::Batch(_) | BatchFault::Blobs(_))));
        assert_eq!(derived.blocks, forced(&queue, &[(L1_TIME, 2)]));
    }
}

#[test]
fn times_near_the_end_of_time_do_not_overflow() {
    let queue = queue(13, 16_000_000);
    let last = Cursor { parent_time: u64::MAX - 1, ..cursor() };
    let entry = InboxEntry { l1_time: u64::MAX, ..entry(BatchKind::Forced, vec![], &queue) };
    assert_eq!(derive(&cfg(), &last, &entry, &queue).len(), 2);
}

/// A chain on which `wallets` accounts have money, and its cursor.
fn funded(wallets: u64) -> (SealedHeader, StateChanges, Cursor) {
    let account = GenesisAccount { balance: U256::from(10).pow(U256::from(20)), ..Default::default() };
    let alloc = (0..wallets).map(|seed| (Wallet::new(seed).address, account.clone())).collect();
    let config = ChainConfig { genesis_time: PARENT_TIME, ..cfg() };
    let (header, changes) = Genesis { config, alloc }.build().unwrap();
    let cursor =
        Cursor { parent_number: 0, parent_hash: header.hash(), parent_time: PARENT_TIME, queue_next: 0 };
    (header, changes, cursor)
}

/// How many transactions of the blocks execute, up to the first block that has some.
fn executed(genesis: &(SealedHeader, StateChanges, Cursor), blocks: &[BlockInput]) -> usize {
    let (mut parent, mut state) = (genesis.0.clone(), genesis.1.clone());
    for input in blocks {
        let block = execute_block(&cfg(), &parent, input, state.clone().over(EmptyDB::new())).unwrap();
        if !block.txs.is_empty() {
            return block.txs.len();
        }
        state.extend(block.changes.clone());
        parent = block.with_root(B256::ZERO, B256::ZERO).header;
    }
    0
}

#[test]
fn undecodable_and_invalid_transactions_are_skipped_and_the_block_goes_on() {
    let genesis = funded(2);
    let txs = transfers(2, 3);
    let junk = [Bytes::new(), Bytes::from_static(&[3, 1]), Bytes::from_static(&[0x7e, 0xc0]), txs[0].clone()];
    let block = BatchBlock {
        timestamp: PARENT_TIME + 1,
        txs: [&txs[..2], &junk, &txs[2..]].concat(),
        ..Default::default()
    };
    let batch = Batch { parent_number: 0, parent_hash: genesis.2.parent_hash, blocks: vec![block] };
    let entry = InboxEntry { queue_from: 0, queue_to: 0, ..posted(&batch, &[]) };
    let blocks = derive(&cfg(), &genesis.2, &entry, &[]);
    let executed = execute_block(&cfg(), &genesis.0, &blocks[0], genesis.1.over(EmptyDB::new())).unwrap();
    assert_eq!(executed.txs.len(), 3);
    assert_eq!(executed.skipped.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

type Mutation = fn(&[u8], &mut TestRng) -> Vec<u8>;

fn flip_bit(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.random_range(0..bytes.len());
    bytes[at] ^= 1 << rng.random_range(0..8);
    bytes
}

fn change_bytes(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(2..9) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] = rng.random();
    }
    bytes
}

fn cut(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    bytes[..rng.random_range(0..bytes.len())].to_vec()
}

fn insert(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.random_range(0..bytes.len());
    let new: Vec<u8> = (0..rng.random_range(1..65)).map(|_| rng.random()).collect();
    bytes.splice(at..at, new);
    bytes
}

fn remove(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.random_range(0..bytes.len() - 64);
    bytes.drain(at..at + rng.random_range(1..65));
    bytes
}

fn copy_within(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let len = rng.random_range(1..65);
    let (from, to) = (rng.random_range(0..bytes.len() - len), rng.random_range(0..bytes.len() - len));
    bytes.copy_within(from..from + len, to);
    bytes
}

fn edit_one_column(bytes: &[u8], rng: &mut TestRng) -> Vec<u8> {
    edit_columns(bytes, |columns| {
        if !columns.is_empty() && rng.random_range(0..3) == 0 {
            let at = rng.random_range(0..columns.len());
            columns[at] = rng.random();
        }
    })
}

/// Mutants of a valid batch derive to blocks of which at least half still execute a transaction: on the wire, in the decoded
/// columns, and in the blob. The envelope's parent hash must be right, so mutants of it execute nothing.
#[test]
fn most_mutants_of_a_batch_still_execute_a_transaction() {
    const EACH: usize = 60;
    let genesis = funded(60);
    let mutations: [(&str, Mutation); 7] = [
        ("one bit", flip_bit),
        ("2-8 bytes", change_bytes),
        ("cut", cut),
        ("insert", insert),
        ("remove", remove),
        ("copy within", copy_within),
        ("columns", edit_one_column),
    ];
    let mut rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let (mut total, mut alive) = (0, 0);
    for count in [40, 300] {
        let txs = transfers(60, count);
        let blocks = txs.chunks(txs.len() / 4).zip(1..).map(|(txs, i)| BatchBlock {
            timestamp: PARENT_TIME + i,
            txs: txs.to_vec(),
            ..Default::default()
        });
        let batch = Batch { parent_number: 0, parent_hash: genesis.2.parent_hash, blocks: blocks.collect() };
        let bytes = batch.encode(CHAIN, 9).unwrap();
        let wire = |kind, payload| InboxEntry { queue_from: 0, queue_to: 0, ..entry(kind, payload, &[]) };
        let whole = derive(&cfg(), &genesis.2, &wire(BatchKind::Calldata, bytes.clone()), &[]);
        assert!(executed(&genesis, &whole) > 0);
        let mut count_alive = |name: &str, mutant: &mut dyn FnMut() -> InboxEntry| {
            let ran = (0..EACH)
                .filter(|_| executed(&genesis, &derive(&cfg(), &genesis.2, &mutant(), &[])) > 0)
                .count();
            println!("{count} transfers, {name}: {ran} of {EACH} mutants execute a transaction");
            (total, alive) = (total + EACH, alive + ran);
        };
        for (name, mutate) in mutations {
            count_alive(name, &mut || wire(BatchKind::Calldata, mutate(&bytes, &mut rng)));
        }
        let blob = blobs_encode(&bytes).unwrap().concat();
        let used = bytes.len();
        count_alive("a bit in the blob", &mut || {
            let mut blob = blob.clone();
            blob[rng.random_range(0..used)] ^= 1 << rng.random_range(0..8);
            wire(BatchKind::Blobs, blob)
        });
    }
    println!("{alive} of {total} mutants execute a transaction");
    assert!(alive * 2 >= total, "{alive} of {total}");
}

proptest! {
    #[test]
    fn any_payload_derives_and_consumes_its_entries(
        mut payload in prop::collection::vec(any::<u8>(), 0..300), kind in 1u8..4, entries in 0u64..20, version: bool,
    ) {
        if let Some(first) = payload.first_mut().filter(|_| version) {
            *first = 1;
        }
        let queue = queue(entries, 16_000_000);
        let kind = BatchKind::parse(kind).unwrap();
        let blocks = derive(&cfg(), &cursor(), &entry(kind, payload, &queue), &queue);
        let consumed: Vec<QueueEntry> = blocks.iter().flat_map(|block| block.queue.clone()).collect();
        prop_assert_eq!(consumed, queue);
    }
}
