//! What blocks do to the state. Every block here is also executed from its witness (see `common`).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::convert::Infallible;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use assay_execution::{
    BlockAttributes, BlockBuilder, BlockError, Genesis, GenesisAccount, GenesisError, Outcome, PushError,
    TxRejected, Witness, WitnessDb, execute_block, next_base_fee, record_witness, recover,
};
use assay_primitives::{ChainConfig, QueueEntry, predeploys};
use common::*;
use proptest::prelude::*;
use revm::DatabaseRef;

fn call(chain: &Chain, from: u8, to: Address, input: &[u8]) -> Bytes {
    let tx = chain.tx(chain.nonce(account(from)), TxKind::Call(to), 0);
    sign(from, TxEip1559 { input: Bytes::copy_from_slice(input), ..tx })
}

#[test]
fn fees_are_exact_and_reach_the_vault() {
    let mut chain = Chain::new();
    let price = U256::from(chain.cfg.data_price_initial);
    let raw = sign(0, chain.tx(0, TxKind::Call(SINK), 5));
    let (block, _) = chain.run(vec![], vec![raw.clone()]);
    let receipt = &block.receipts[0];
    let base_fee = u128::from(block.header.base_fee_per_gas.unwrap());
    assert_eq!(receipt.effective_gas_price, base_fee + 1_000_000);
    assert_eq!(receipt.l1_fee, price * U256::from(raw.len()));
    let gas_fee = U256::from(receipt.effective_gas_price * u128::from(receipt.gas_used));
    let fee = gas_fee + receipt.l1_fee;
    assert_eq!(chain.balance(predeploys::FEE_VAULT), fee);
    assert_eq!(chain.balance(account(0)), U256::from(1000 * ETHER) - fee - U256::from(5));
}

#[test]
fn the_balance_must_cover_the_data_fee_to_the_wei() {
    let probe = Chain::new();
    let tx = probe.tx(0, TxKind::Call(SINK), 5);
    let raw = sign(0, tx.clone());
    let data_fee = U256::from(raw.len()) * U256::from(probe.cfg.data_price_initial);
    let needed = U256::from(tx.max_fee_per_gas * u128::from(tx.gas_limit)) + tx.value + data_fee;
    for (balance, fits) in [(needed, true), (needed - U256::from(1), false)] {
        let mut genesis = genesis();
        genesis.alloc.get_mut(&account(0)).unwrap().balance = balance;
        let chain = Chain::from_genesis(&genesis);
        let pushed = chain.builder().push(&recover(&raw, &chain.cfg).unwrap());
        let short = TxRejected::InsufficientFunds { required: needed.into(), balance: balance.into() };
        match pushed {
            Ok(result) => assert!(fits && result.success),
            Err(error) => assert_eq!((error, fits), (PushError::Rejected(short), false)),
        }
    }
}

#[test]
fn a_revert_keeps_the_fees_and_nothing_else() {
    let mut chain = Chain::new();
    let txs = vec![call(&chain, 0, REVERTER, &[]), call(&chain, 1, LOOP, &[])];
    let (block, _) = chain.run(vec![], txs);
    assert!(block.receipts.iter().all(|receipt| !receipt.success && receipt.l1_fee > U256::ZERO));
    assert_eq!(block.receipts[1].gas_used, 100_000);
    assert_eq!(chain.slot(REVERTER, 0), U256::ZERO);
    assert_eq!((chain.nonce(account(0)), chain.nonce(account(1))), (1, 1));
}

#[test]
fn deposits_mint_call_create_and_fail() {
    let mut chain = Chain::new();
    let stranger = Address::repeat_byte(0x77);
    let queue = vec![
        entry(0, stranger, 100, 40, SINK),
        QueueEntry { data: [[0; 32], [9; 32]].concat().into(), ..entry(1, stranger, 1, 0, STORE) },
        QueueEntry {
            is_creation: true,
            data: hex!("602a5f526001601ff3").into(),
            ..entry(2, stranger, 0, 7, SINK)
        },
        entry(3, stranger, 10, 1_000_000, SINK),
        QueueEntry { gas_limit: 20_000, ..entry(4, stranger, 10, 0, SINK) },
        entry(5, stranger, 10, 5, REVERTER),
    ];
    let (block, _) = chain.run(queue, vec![]);
    let success: Vec<bool> = block.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(success, [true, true, true, false, false, false]);
    assert_eq!(block.receipts[3].gas_used, 100_000, "an entry that cannot pay its value burns its gas");
    assert_eq!(block.receipts[4].gas_used, 20_000, "an entry without intrinsic gas burns its gas");
    assert!(block.receipts[5].gas_used < 100_000);
    assert_eq!(chain.balance(stranger), U256::from(100 - 40 + 1 - 7 + 10 + 10 + 10));
    assert_eq!(chain.nonce(stranger), 6);
    assert_eq!(chain.balance(SINK), U256::from(40));
    assert_eq!(chain.slot(STORE, 0), U256::from_be_bytes([9; 32]));
    let created = block.receipts[2].contract_address.unwrap();
    assert_eq!(created, stranger.create(2));
    assert_eq!(chain.balance(created), U256::from(7));
    let code_hash = chain.db().basic_ref(created).unwrap().unwrap().code_hash;
    assert_eq!(code_hash, keccak256([0x2a]));
    assert_eq!(chain.balance(predeploys::FEE_VAULT), U256::ZERO);
    assert_eq!(block.header.gas_used, block.receipts[5].cumulative_gas_used);
    assert!(block.txs.iter().all(|tx| tx.raw[0] == 0x7e && tx.hash == keccak256(&tx.raw)));
}

#[test]
fn a_forced_entry_is_refused_by_reason_and_never_by_error() {
    let chain = Chain::new();
    let mut builder = chain.builder();
    let huge = QueueEntry { gas_limit: u64::MAX, ..entry(0, account(7), 3, 0, SINK) };
    let result = builder.push_forced(&huge).unwrap();
    assert!(matches!(result.outcome, Outcome::Refused(TxRejected::BlockGas { .. })));
    assert_eq!(result.gas_used, chain.cfg.block_gas_limit);
    let long = vec![0; 70_000].into();
    let init = QueueEntry { is_creation: true, data: long, ..entry(1, account(7), u128::MAX, 0, SINK) };
    assert!(!builder.push_forced(&init).unwrap().success);
    assert_eq!(builder.gas_left(), 0);
    assert_eq!(builder.seal().unwrap().txs.len(), 2);
}

#[test]
fn forced_entries_open_the_block() {
    let chain = Chain::new();
    let mut builder = chain.builder();
    builder.push_forced(&entry(0, account(0), 1, 0, SINK)).unwrap();
    builder.push(&recover(&sign(1, chain.tx(0, TxKind::Call(SINK), 1)), &chain.cfg).unwrap()).unwrap();
    let late = builder.push_forced(&entry(1, account(0), 1, 0, SINK));
    assert_eq!(late, Err(BlockError::<Infallible>::ForcedAfterOrdinary));
}

#[test]
fn the_recorded_beacon_is_the_next_prevrandao() {
    let mut chain = Chain::new();
    let hash = B256::repeat_byte(0xbe);
    let (first, _) = chain.run(vec![QueueEntry::beacon(0, 64, 1, 32, hash, 100_000)], vec![]);
    assert!(first.receipts[0].success);
    assert_eq!(first.header.mix_hash, B256::ZERO);
    assert_eq!(
        (chain.slot(predeploys::BEACON, 0), chain.slot(predeploys::BEACON, 1)),
        (hash.into(), U256::from(32))
    );
    let parent = chain.head.hash();
    let txs = vec![call(&chain, 0, OBSERVER, &[])];
    let (second, _) = chain.run(vec![], txs);
    assert_eq!(second.header.mix_hash, hash);
    assert_eq!(chain.slot(OBSERVER, 0), U256::from_be_bytes(parent.0), "BLOCKHASH");
    assert_eq!(chain.slot(OBSERVER, 1), U256::from_be_bytes(hash.0), "PREVRANDAO");
    assert_eq!(chain.slot(predeploys::HISTORY, 1), U256::from_be_bytes(parent.0));
}

#[test]
fn blockhash_reaches_back_to_genesis() {
    let mut genesis = genesis();
    // Slot 3 := blockhash(0).
    genesis.alloc.get_mut(&SINK).unwrap().code = hex!("5f40600355 00").into();
    let mut chain = Chain::from_genesis(&genesis);
    let first = chain.head.hash();
    for _ in 0..3 {
        chain.run(vec![], vec![]);
    }
    let txs = vec![call(&chain, 0, SINK, &[])];
    chain.run(vec![], txs);
    assert_eq!(chain.slot(SINK, 3), U256::from_be_bytes(first.0));
}

#[test]
fn the_clock_advances_by_at_most_the_force_delay() {
    let mut chain = Chain::new();
    let start = chain.slot(predeploys::CLOCK, 0);
    assert_eq!(start, U256::from(chain.cfg.genesis_time));
    let mut input = chain.input(vec![], vec![]);
    input.timestamp = chain.head.timestamp + 5;
    chain.append(&input);
    assert_eq!(chain.slot(predeploys::CLOCK, 0), start + U256::from(5));
    input.timestamp += 1_000_000;
    chain.append(&input);
    assert_eq!(chain.slot(predeploys::CLOCK, 0), start + U256::from(5 + chain.cfg.force_delay_secs));
}

#[test]
fn the_data_price_moves_by_an_eighth_within_its_bounds() {
    let mut genesis = genesis();
    let config = &mut genesis.config;
    (config.data_price_min, config.data_price_initial) = (1_000, 1_000_000);
    config.data_price_max = 100_000_000;
    let mut chain = Chain::from_genesis(&genesis);
    let mut input = chain.input(vec![], vec![]);
    let mut price = chain.cfg.data_price_initial;
    for proposed in [1, u64::MAX, price, 1] {
        (input.timestamp, input.data_price) = (chain.head.timestamp + 1, proposed);
        chain.append(&input);
        let found = chain.slot(predeploys::DATA_FEE, 0).to::<u64>();
        assert_eq!(found, proposed.clamp(price - price / 8, price + price / 8));
        price = found;
    }
    (input.timestamp, input.data_price) = (chain.head.timestamp + 1, 0);
    chain.append(&input);
    assert_eq!(chain.slot(predeploys::DATA_FEE, 0), U256::from(price), "no proposal");
    for (proposed, bound) in [(1, chain.cfg.data_price_min), (u64::MAX, chain.cfg.data_price_max)] {
        for _ in 0..200 {
            (input.timestamp, input.data_price) = (chain.head.timestamp + 1, proposed);
            chain.append(&input);
        }
        assert_eq!(chain.slot(predeploys::DATA_FEE, 0), U256::from(bound));
    }
}

#[test]
fn the_base_fee_follows_eip_1559_and_has_a_floor() {
    let cfg = ChainConfig::dev();
    let mut header = Chain::new().head.clone_inner();
    let base = cfg.base_fee_initial;
    header.gas_used = header.gas_limit / 2;
    assert_eq!(next_base_fee(&cfg, &header), base);
    header.gas_used = header.gas_limit;
    assert_eq!(next_base_fee(&cfg, &header), base + base / 8);
    header.gas_used = 0;
    assert_eq!(next_base_fee(&cfg, &header), base - base / 8);
    header.base_fee_per_gas = Some(cfg.base_fee_min);
    assert_eq!(next_base_fee(&cfg, &header), cfg.base_fee_min);
    (header.gas_used, header.base_fee_per_gas) = (header.gas_limit, Some(u64::MAX));
    assert_eq!(next_base_fee(&cfg, &header), u64::MAX);
}

#[test]
fn headers_have_the_shape_of_the_protocol() {
    let mut chain = Chain::new();
    let parent = chain.head.clone();
    let mut store = [0u8; 64];
    store[63] = 1;
    let txs = vec![call(&chain, 0, predeploys::MESSAGE_PASSER, &store), call(&chain, 1, COUNTER, &[])];
    let (block, _) = chain.run(vec![], txs);
    let header = &block.header;
    assert_eq!((header.number, header.parent_hash), (1, parent.hash()));
    assert_eq!(header.beneficiary, predeploys::FEE_VAULT);
    let passer = chain.trie.storage_root(predeploys::MESSAGE_PASSER).unwrap();
    assert_eq!(header.withdrawals_root, Some(passer));
    assert_ne!(parent.withdrawals_root, Some(passer));
    assert_eq!(header.state_root, chain.trie.root());
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    let sha256_of_nothing = hex!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(header.requests_hash, Some(sha256_of_nothing.into()));
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(0), Some(0)));
    assert!(header.extra_data.is_empty());
    assert_eq!(header.logs_bloom, block.receipts[1].bloom);
    assert_eq!(block.receipts[1].logs[0].address, COUNTER);
}

#[test]
fn times_must_rise() {
    let chain = Chain::new();
    let attributes = BlockAttributes { timestamp: chain.head.timestamp, data_price: 1 };
    let opened = BlockBuilder::open(&chain.cfg, &chain.head, attributes, chain.db());
    assert!(matches!(opened, Err(BlockError::TimeNotAfterParent { .. })));
}

#[test]
fn a_witness_with_anything_missing_is_an_error() {
    let chain = Chain::new();
    let mut store = [0u8; 64];
    store[63] = 1;
    let input = chain.input(
        vec![entry(0, Address::repeat_byte(9), 1, 1, SINK)],
        vec![call(&chain, 0, COUNTER, &[]), call(&chain, 1, STORE, &store)],
    );
    let executed = execute_block(&chain.cfg, &chain.head, &input, chain.db()).unwrap();
    let code = |hash| chain.state.codes.get(&hash).cloned();
    let witness = record_witness(&chain.trie, &executed, code).unwrap();
    assert!(witness.nodes.len() > 5 && witness.codes.len() >= 2);
    let replay = |witness: &Witness| {
        let db = WitnessDb::from_witness(witness, chain.head.state_root);
        let block = execute_block(&chain.cfg, &chain.head, &input, &db).ok()?;
        block.seal(&mut db.into_trie()).ok()
    };
    assert!(replay(&witness).is_some());
    for index in 0..witness.nodes.len() {
        let mut less = witness.clone();
        less.nodes.remove(index);
        assert!(replay(&less).is_none(), "node {index} was not needed");
    }
    for index in 0..witness.codes.len() {
        let mut less = witness.clone();
        less.codes.remove(index);
        assert!(replay(&less).is_none(), "code {index} was not needed");
    }
    let mut forged = witness.clone();
    forged.nodes.iter_mut().for_each(|node| {
        let mut bytes = node.to_vec();
        bytes[3] ^= 1;
        *node = bytes.into();
    });
    assert!(replay(&forged).is_none());
}

#[test]
fn genesis_runs_constructors_in_place() {
    let mut genesis = genesis();
    // Slot 0 := 7; runtime code 0x5b00.
    let initcode: Bytes = hex!("60075f55 615b005f52 6002601ef3").into();
    genesis.alloc.insert(predeploys::MARKET, GenesisAccount { initcode, ..Default::default() });
    let chain = Chain::from_genesis(&genesis);
    assert_eq!(chain.slot(predeploys::MARKET, 0), U256::from(7));
    let market = chain.db().basic_ref(predeploys::MARKET).unwrap().unwrap();
    assert_eq!((market.nonce, market.code_hash), (1, keccak256([0x5b, 0x00])));
    assert!(chain.db().basic_ref(predeploys::SYSTEM_ADDRESS).unwrap().is_none());
    assert_eq!(genesis.build().unwrap().0, chain.head);

    let reverts = GenesisAccount { initcode: hex!("5f5ffd").into(), ..Default::default() };
    genesis.alloc.insert(predeploys::MARKET, reverts);
    assert!(matches!(genesis.build(), Err(GenesisError::Constructor { .. })));
    let both = GenesisAccount { initcode: vec![0].into(), code: vec![0].into(), ..Default::default() };
    genesis.alloc.insert(predeploys::MARKET, both);
    assert_eq!(genesis.build(), Err(GenesisError::TwoCodes(predeploys::MARKET)));
    let large = hex!("6160015ff3").to_vec().into();
    genesis.alloc.insert(predeploys::MARKET, GenesisAccount { initcode: large, ..Default::default() });
    assert_eq!(
        genesis.build(),
        Err(GenesisError::CodeTooLarge { address: predeploys::MARKET, found: 24_577 })
    );
}

#[test]
fn the_pending_state_is_readable_while_building() {
    let chain = Chain::new();
    let mut builder = chain.builder();
    let tx = recover(&call(&chain, 0, COUNTER, &[]), &chain.cfg).unwrap();
    builder.push(&tx).unwrap();
    assert_eq!(builder.state().storage_ref(COUNTER, U256::ZERO).unwrap(), U256::from(1));
    assert_eq!(builder.state().basic_ref(account(0)).unwrap().unwrap().nonce, 1);
    assert_eq!(chain.slot(COUNTER, 0), U256::ZERO);
}

/// What a random transaction does.
#[derive(Clone, Debug)]
enum Op {
    Transfer { from: u8, to: u8, value: u64 },
    Call { from: u8, to: Address, value: u64, input: Vec<u8> },
    Create { from: u8, code: Vec<u8> },
    Bad { from: u8, how: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    let target = prop::sample::select(vec![COUNTER, REVERTER, STORE, FACTORY, OBSERVER, LOOP, SINK]);
    let store = (0u8..6, 0u8..3).prop_map(|(slot, value)| {
        let mut input = vec![0; 64];
        (input[31], input[63]) = (slot, value);
        input
    });
    let code = prop_oneof![
        Just(hex!("602a5f526001601ff3").to_vec()),
        Just(hex!("33ff").to_vec()),
        Just(hex!("60015f55 5f5ff3").to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        3 => (0u8..8, 0u8..12, any::<u64>()).prop_map(|(from, to, value)| Op::Transfer { from, to, value }),
        4 => (0u8..8, target, 0u64..3, store).prop_map(|(from, to, value, input)| Op::Call { from, to, value, input }),
        1 => (0u8..8, code).prop_map(|(from, code)| Op::Create { from, code }),
        3 => (0u8..8, 0u8..8).prop_map(|(from, how)| Op::Bad { from, how }),
    ]
}

fn build_tx(chain: &Chain, op: &Op, nonce: impl Fn(u8) -> u64) -> Bytes {
    let call = |from, to, value: u64| chain.tx(nonce(from), TxKind::Call(to), u128::from(value));
    match op {
        Op::Transfer { from, to, value } => sign(*from, call(*from, account(*to), *value)),
        Op::Call { from, to, value, input } => {
            sign(*from, TxEip1559 { input: input.clone().into(), ..call(*from, *to, *value) })
        }
        Op::Create { from, code } => {
            sign(*from, TxEip1559 { to: TxKind::Create, input: code.clone().into(), ..call(*from, SINK, 0) })
        }
        Op::Bad { from, how } => {
            let mut tx = call(*from, COUNTER, 0);
            match how {
                0 => tx.nonce += 1,
                1 => tx.value = U256::from(100_000 * ETHER),
                2 => tx.gas_limit = 20_000,
                3 => (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (1, 0),
                4 => tx.max_priority_fee_per_gas = u128::from(u64::MAX),
                5 => tx.gas_limit = u64::MAX,
                6 => (tx.gas_limit, tx.input) = (30_000, vec![1; 900].into()),
                _ => tx.max_fee_per_gas = u128::MAX,
            }
            sign(*from, tx)
        }
    }
}

fn deposit() -> impl Strategy<Value = (u8, u64, u64, Address, bool, u64)> {
    let to = prop::sample::select(vec![COUNTER, REVERTER, FACTORY, LOOP, SINK]);
    (0u8..20, any::<u64>(), 0u64..10, to, any::<bool>(), 15_000u64..120_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn refused_transactions_leave_no_trace_and_wei_are_conserved(
        blocks in proptest::collection::vec(
            (proptest::collection::vec(deposit(), 0..4), proptest::collection::vec(op(), 0..25)), 1..5)
    ) {
        let mut chain = Chain::new();
        for (deposits, ops) in blocks {
            let queue: Vec<QueueEntry> = deposits.into_iter().enumerate().map(|(index, d)| {
                let (from, mint, value, to, is_creation, gas_limit) = d;
                let data = if is_creation { hex!("602a5f526001601ff3").into() } else { Bytes::new() };
                let e = entry(index as u64, account(from), u128::from(mint), u128::from(value), to);
                QueueEntry { is_creation, gas_limit, data, ..e }
            }).collect();
            let minted = queue.iter().fold(U256::ZERO, |sum, entry| sum + entry.mint);

            let mut builder = chain.builder();
            for entry in &queue {
                builder.push_forced(entry).unwrap();
            }
            let (mut all, mut good) = (vec![], vec![]);
            for op in &ops {
                let nonce = |from| builder.state().basic_ref(account(from)).unwrap().unwrap_or_default().nonce;
                let raw = build_tx(&chain, op, nonce);
                let before = builder.state().changes();
                let gas = builder.gas_used();
                let pushed = builder.push(&recover(&raw, &chain.cfg).unwrap());
                all.push(raw.clone());
                match pushed {
                    Ok(result) => {
                        let good_op = !matches!(op, Op::Bad { .. });
                        prop_assert!(good_op);
                        prop_assert_eq!(builder.gas_used(), gas + result.gas_used);
                        good.push(raw);
                    }
                    Err(PushError::Rejected(_)) => {
                        let bad_op = matches!(op, Op::Bad { .. });
                        prop_assert!(bad_op);
                        prop_assert_eq!(builder.state().changes(), before);
                        prop_assert_eq!(builder.gas_used(), gas);
                    }
                    Err(PushError::Block(error)) => panic!("{error}"),
                }
            }
            let built = builder.seal().unwrap();
            let clean = execute_block(&chain.cfg, &chain.head, &chain.input(queue.clone(), good.clone()), chain.db()).unwrap();
            prop_assert_eq!(&clean.header, &built.header);
            prop_assert_eq!(&clean.changes, &built.changes);
            prop_assert_eq!(&clean.receipts, &built.receipts);

            let supply = chain.supply();
            let (block, executed) = chain.run(queue, all.clone());
            prop_assert_eq!(executed.skipped.len(), all.len() - good.len());
            prop_assert_eq!(&executed.changes, &built.changes);
            prop_assert_eq!(block.receipts, built.receipts);
            prop_assert_eq!(chain.supply(), supply + minted);
        }
    }

    #[test]
    fn any_bytes_make_a_block(
        txs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..10),
        mut entries in proptest::collection::vec((any::<[u8; 20]>(), any::<u128>(), any::<u128>(), any::<u64>(),
            any::<bool>(), any::<[u8; 20]>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..5),
        price in any::<u64>(), elapsed in 1u64..1 << 40,
    ) {
        let mut chain = Chain::new();
        let queue = entries.drain(..).map(|(from, mint, value, gas, is_creation, to, data)| QueueEntry {
            gas_limit: gas % 3_000_000,
            is_creation,
            data: data.into(),
            ..entry(gas, from.into(), mint, value, to.into())
        }).collect();
        let mut input = chain.input(queue, txs.into_iter().map(Bytes::from).collect());
        (input.data_price, input.timestamp) = (price, chain.head.timestamp + elapsed);
        let (block, executed) = chain.append(&input);
        prop_assert_eq!(block.txs.len(), input.queue.len());
        prop_assert_eq!(executed.skipped.len(), input.txs.len());
    }
}

#[test]
fn an_empty_genesis_still_makes_blocks() {
    let genesis = Genesis { config: ChainConfig::dev(), alloc: Default::default() };
    let mut chain = Chain::from_genesis(&genesis);
    chain.run(vec![entry(0, account(0), 5, 1, SINK)], vec![]);
    assert_eq!(chain.balance(account(0)), U256::from(4));
}
