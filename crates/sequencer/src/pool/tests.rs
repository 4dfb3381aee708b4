use super::*;
use alloy::primitives::{U256, keccak256};
use proptest::prelude::*;

const RICH: AccountView = AccountView { nonce: 0, balance: U256::MAX, code: AccountCode::None };

fn small() -> PoolConfig {
    PoolConfig {
        max_txs: 12,
        max_bytes: 2_000,
        max_tx_bytes: 400,
        sender_slots: 6,
        sender_gapped_slots: 3,
        fair_slots: 3,
        max_nonce_gap: 4,
        max_gapped: 5,
        gapped_ttl_secs: 100,
        ..PoolConfig::default()
    }
}

fn pool(config: PoolConfig) -> Pool<()> {
    Pool::new(config, ChainLimits { base_fee_min: 1, tx_gas_limit: 1_000_000 })
}

fn address(n: u8) -> Address {
    Address::with_last_byte(n)
}

fn tx(sender: u8, nonce: u64, fee: u128) -> PoolTx<()> {
    PoolTx {
        hash: keccak256([&[sender][..], &nonce.to_be_bytes(), &fee.to_be_bytes()].concat()),
        sender: address(sender),
        nonce,
        max_fee: fee,
        max_tip: fee,
        gas_limit: 21_000,
        value: U256::ZERO,
        size: 100,
        data_size: 100,
        authorities: Vec::new(),
        authorizations: 0,
        payload: (),
    }
}

fn hashes(pool: &Pool<()>) -> [Vec<(Address, u64)>; 2] {
    pool.content().map(|side| side.into_values().flatten().map(|tx| (tx.sender, tx.nonce)).collect())
}

/// Recomputes everything that the pool keeps incrementally.
fn check(pool: &Pool<()>) {
    let (mut txs, mut gapped, mut bytes, mut known) = (0, 0, 0, 0);
    for (sender, entry) in &pool.senders {
        let queue = &entry.queue;
        let run =
            queue.slots().zip(queue.next..).take_while(|((nonce, _), expected)| **nonce == *expected).count();
        assert_eq!(run, queue.executable, "the executable run is gapless and complete");
        assert_eq!(queue.cost, queue.slots().map(|(_, slot)| slot.cost).sum::<U256>());
        assert!(queue.slots().all(|(nonce, slot)| slot.tx.nonce == *nonce && slot.tx.sender == *sender));
        assert!(queue.len() <= pool.config.sender_slots);
        let mut floor = u128::MAX;
        for (_, slot) in queue.slots().take(run) {
            floor = floor.min(slot.tx.effective_tip(pool.fees.base_fee));
        }
        if queue.gapped() == 0
            && !queue.is_empty()
            && queue.slots().all(|(_, s)| s.tx.max_fee >= pool.fees.base_fee)
        {
            let worth = queue.tail_worth(pool.fees.base_fee);
            assert!(
                worth <= Some(Worth::Executable(floor)),
                "a tail is worth no more than its cheapest ancestor"
            );
        }
        let ready = queue.head().is_some_and(|s| s.tx.max_fee >= pool.fees.base_fee) && !queue.skipped;
        assert_eq!(entry.ready.is_some(), ready);
        assert_eq!(entry.tail.is_some(), !queue.is_empty());
        (txs, gapped) = (txs + queue.len(), gapped + queue.gapped());
        bytes += queue.slots().map(|(_, slot)| slot.tx.size).sum::<usize>();
        known += queue.slots().filter(|(n, s)| pool.by_hash.get(&s.tx.hash) == Some(&(*sender, **n))).count();
    }
    assert_eq!((txs, gapped, bytes), (pool.total.txs, pool.total.gapped, pool.total.bytes));
    assert_eq!((known, pool.by_hash.len()), (txs, txs));
    assert_eq!(pool.ready.len(), pool.senders.values().filter(|e| e.ready.is_some()).count());
    assert_eq!(pool.tails.len(), pool.senders.values().filter(|e| e.tail.is_some()).count());
    assert!(txs <= pool.config.max_txs && bytes <= pool.config.max_bytes);
    if let Some(best) = pool.best() {
        let tip = best.effective_tip(pool.fees.base_fee);
        let heads = pool.senders.values().filter(|e| e.ready.is_some()).filter_map(|e| e.queue.head());
        assert!(heads.map(|s| s.tx.effective_tip(pool.fees.base_fee)).all(|other| other <= tip));
    }
}

#[test]
fn orders_by_tip_then_arrival_and_keeps_nonce_order() {
    let mut pool = pool(small());
    for tx in [tx(1, 0, 5), tx(1, 1, 100), tx(2, 0, 7), tx(3, 0, 5)] {
        assert_eq!(pool.add(tx, &RICH, 0), Ok(Admitted::Executable));
    }
    let mut order = Vec::new();
    while let Some(best) = pool.best().cloned() {
        order.push((best.sender, best.nonce));
        pool.included(best.sender, best.nonce, &best.hash);
        check(&pool);
    }
    assert_eq!(order, [(address(2), 0), (address(1), 0), (address(1), 1), (address(3), 0)]);
}

#[test]
fn refuses_what_can_never_run() {
    let mut pool = pool(small());
    let good = tx(1, 5, 10);
    let view = AccountView { nonce: 5, balance: U256::from(210_000), code: AccountCode::None };
    let cases: [(PoolTx<()>, PoolError); 7] = [
        (tx(1, 4, 10), PoolError::NonceTooLow { next: 5, found: 4 }),
        (tx(1, 10, 10), PoolError::NonceTooHigh { next: 5, found: 10, gap: 4 }),
        (tx(1, 5, 0), PoolError::FeeTooLow { min: 1, found: 0 }),
        (PoolTx { max_tip: 11, ..good.clone() }, PoolError::TipAboveFee { tip: 11, fee: 10 }),
        (PoolTx { size: 401, ..good.clone() }, PoolError::TooLarge { limit: 400, found: 401 }),
        (
            PoolTx { gas_limit: 1_000_001, ..good.clone() },
            PoolError::GasLimitTooHigh { limit: 1_000_000, found: 1_000_001 },
        ),
        (
            PoolTx { value: U256::from(1), ..good.clone() },
            PoolError::InsufficientFunds {
                balance: U256::from(210_000),
                queued: U256::ZERO,
                cost: U256::from(210_001),
            },
        ),
    ];
    for (tx, error) in cases {
        assert_eq!(pool.add(tx, &view, 0), Err(error));
    }
    let contract = AccountView { code: AccountCode::Contract, ..view };
    assert_eq!(pool.add(good.clone(), &contract, 0), Err(PoolError::SenderHasCode(address(1))));
    assert_eq!(pool.stats(), PoolStats::default());
    assert_eq!(pool.add(good.clone(), &view, 0), Ok(Admitted::Executable));
    assert_eq!(pool.add(good, &view, 0), Err(PoolError::AlreadyKnown));
}

#[test]
fn charges_the_data_fee_and_the_senders_other_transactions() {
    let mut pool = pool(small());
    pool.start_block(BlockFees { base_fee: 1, data_price: 3 }, 0);
    let view = AccountView { balance: U256::from(2 * (21_000 + 300)), ..RICH };
    assert!(pool.add(tx(1, 0, 1), &view, 0).is_ok());
    // a gapped one counts as well
    assert!(pool.add(tx(1, 2, 1), &view, 0).is_ok());
    let refused = pool.add(tx(1, 1, 1), &view, 0);
    assert!(matches!(refused, Err(PoolError::InsufficientFunds { queued, .. }) if queued == view.balance));
}

#[test]
fn replaces_only_for_ten_percent_on_both_fees() {
    let mut pool = pool(small());
    assert!(pool.add(tx(1, 0, 100), &RICH, 0).is_ok());
    let cheap = PoolTx { max_tip: 109, ..tx(1, 0, 110) };
    assert_eq!(pool.add(cheap, &RICH, 0), Err(PoolError::ReplacementUnderpriced { fee: 110, tip: 110 }));
    assert!(pool.add(tx(1, 0, 110), &RICH, 0).is_ok());
    assert_eq!(pool.take_dropped(), [(tx(1, 0, 100).hash, DropReason::Replaced)]);
    assert_eq!(pool.stats().pending, 1);
    check(&pool);
}

#[test]
fn delegated_accounts_have_one_transaction_in_flight() {
    let mut pool = pool(small());
    let delegated = AccountView { code: AccountCode::Delegated, ..RICH };
    assert_eq!(pool.add(tx(1, 1, 9), &delegated, 0), Err(PoolError::DelegatedGap { next: 0, found: 1 }));
    assert!(pool.add(tx(1, 0, 9), &delegated, 0).is_ok());
    assert_eq!(pool.add(tx(1, 1, 9), &delegated, 0), Err(PoolError::DelegatedInFlight));
    assert!(pool.add(tx(1, 0, 10), &delegated, 0).is_ok(), "it may still be replaced");

    // an authorisation in the pool makes its signer count as delegated, until the transaction is gone
    let set_code = PoolTx { authorities: vec![address(7)], authorizations: 1, ..tx(2, 0, 9) };
    assert!(pool.add(set_code.clone(), &RICH, 0).is_ok());
    assert!(pool.add(tx(7, 0, 9), &RICH, 0).is_ok());
    assert_eq!(pool.add(tx(7, 1, 9), &RICH, 0), Err(PoolError::DelegatedInFlight));
    pool.reject(&set_code.hash);
    assert!(pool.add(tx(7, 1, 9), &RICH, 0).is_ok());
    let reserved = PoolTx { authorities: vec![address(7)], authorizations: 1, ..tx(3, 0, 9) };
    assert_eq!(pool.add(reserved, &RICH, 0), Err(PoolError::AuthorityReserved(address(7))));
    check(&pool);
}

#[test]
fn gapped_flood_never_touches_executable_ones() {
    let mut pool = pool(small());
    for sender in 0..10 {
        assert!(pool.add(tx(sender, 0, 1), &RICH, 0).is_ok());
    }
    let [before, _] = hashes(&pool);
    for round in 0..500u128 {
        let sender = 20 + (round % 200) as u8;
        let _ = pool.add(tx(sender, 1 + (round % 3) as u64, 1_000 + round * round), &RICH, 0);
        check(&pool);
    }
    let [after, gapped] = hashes(&pool);
    assert_eq!(before, after);
    assert!(gapped.len() <= 5);
    // and executable newcomers push the gapped ones out
    for sender in 10..12 {
        assert!(pool.add(tx(sender, 0, 1), &RICH, 0).is_ok());
    }
    assert_eq!(pool.stats().queued, 0);
}

#[test]
fn one_spammer_loses_its_tail_to_an_equal_price() {
    let mut pool = pool(small());
    for nonce in 0..6 {
        assert!(pool.add(tx(1, nonce, 5), &RICH, 0).is_ok());
        assert!(pool.add(tx(2, nonce, 5), &RICH, 0).is_ok());
    }
    assert!(pool.add(tx(3, 0, 5), &RICH, 0).is_ok());
    assert_eq!(pool.take_dropped(), [(tx(2, 5, 5).hash, DropReason::Evicted)]);
    assert_eq!(pool.add(tx(4, 0, 4), &RICH, 0), Err(PoolError::Full), "a cheaper one gets nothing");
    check(&pool);
}

#[test]
fn split_spammer_must_be_outbid_by_the_bump() {
    let mut pool = pool(small());
    for sender in 0..12 {
        assert!(pool.add(tx(sender, 0, 100), &RICH, 0).is_ok());
    }
    assert_eq!(pool.add(tx(20, 0, 109), &RICH, 0), Err(PoolError::Full));
    assert!(pool.add(tx(20, 0, 110), &RICH, 0).is_ok());
    assert_eq!(pool.take_dropped(), [(tx(11, 0, 100).hash, DropReason::Evicted)]);
}

#[test]
fn a_dear_tail_behind_a_cheap_head_is_as_cheap_as_its_head() {
    let mut pool = pool(PoolConfig { fair_slots: 100, ..small() });
    for sender in 0..6 {
        assert!(pool.add(tx(sender, 0, 10), &RICH, 0).is_ok());
        assert!(pool.add(tx(sender, 1, 1_000_000), &RICH, 0).is_ok());
    }
    assert!(pool.add(tx(20, 0, 11), &RICH, 0).is_ok());
    assert_eq!(pool.take_dropped(), [(tx(5, 1, 1_000_000).hash, DropReason::Evicted)]);
}

#[test]
fn new_block_expires_gaps_and_brings_skipped_senders_back() {
    let mut pool = pool(small());
    assert!(pool.add(tx(1, 0, 5), &RICH, 0).is_ok());
    assert!(pool.add(tx(1, 2, 5), &RICH, 0).is_ok());
    pool.skip(address(1));
    assert!(pool.best().is_none());
    pool.start_block(BlockFees { base_fee: 6, data_price: 0 }, 50);
    assert!(pool.best().is_none(), "below the base fee");
    pool.start_block(BlockFees { base_fee: 5, data_price: 0 }, 101);
    assert_eq!(pool.best().map(|tx| tx.nonce), Some(0));
    assert_eq!(pool.take_dropped(), [(tx(1, 2, 5).hash, DropReason::Expired)]);
    check(&pool);
}

#[test]
fn late_view_does_not_bring_an_included_nonce_back() {
    let mut pool = pool(small());
    assert!(pool.add(tx(1, 0, 5), &RICH, 0).is_ok());
    pool.included(address(1), 0, &tx(1, 0, 5).hash);
    assert_eq!(pool.take_dropped(), []);
    assert_eq!(pool.add(tx(1, 0, 50), &RICH, 0), Err(PoolError::NonceTooLow { next: 1, found: 0 }));
    assert_eq!(pool.next_nonce(&address(1)), Some(1));
}

#[test]
fn what_was_replaced_or_evicted_while_it_ran_counts_as_included() {
    let mut pool = pool(small());
    assert!(pool.add(tx(1, 0, 5), &RICH, 0).is_ok());
    assert!(pool.add(tx(1, 1, 5), &RICH, 0).is_ok());
    assert!(pool.add(tx(1, 0, 10), &RICH, 0).is_ok());
    pool.take_dropped();
    pool.included(address(1), 0, &tx(1, 0, 5).hash);
    assert_eq!(pool.take_dropped(), [(tx(1, 0, 10).hash, DropReason::Stale)]);
    pool.reject(&tx(1, 1, 5).hash);
    pool.included(address(1), 1, &tx(1, 1, 5).hash);
    assert_eq!(pool.next_nonce(&address(1)), Some(2));
    check(&pool);
}

#[derive(Clone, Debug)]
enum Op {
    Add { sender: u8, nonce: u64, fee: u128, size: usize, balance: u64, authority: Option<u8> },
    Include,
    Skip,
    Reject { sender: u8, nonce: u64, fee: u128 },
    Nonce { sender: u8, nonce: u64 },
    Block { base_fee: u128, now: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let add =
        (0u8..6, 0u64..9, 1u128..40, 50usize..420, 0u64..4_000_000, proptest::option::weighted(0.1, 0u8..6))
            .prop_map(|(sender, nonce, fee, size, balance, authority)| Op::Add {
                sender,
                nonce,
                fee,
                size,
                balance,
                authority,
            });
    prop_oneof![
        12 => add,
        3 => Just(Op::Include),
        1 => Just(Op::Skip),
        1 => (0u8..6, 0u64..9, 1u128..40).prop_map(|(sender, nonce, fee)| Op::Reject { sender, nonce, fee }),
        1 => (0u8..6, 0u64..9).prop_map(|(sender, nonce)| Op::Nonce { sender, nonce }),
        1 => (1u128..20, 0u64..300).prop_map(|(base_fee, now)| Op::Block { base_fee, now }),
    ]
}

fn apply_add(pool: &mut Pool<()>, new: PoolTx<()>, view: &AccountView) {
    // what the view says about the account is learnt first, so that the rest is the transaction's doing
    if pool.senders.get(&new.sender).is_some_and(|entry| entry.queue.next < view.nonce) {
        pool.set_nonce(new.sender, view.nonce);
    }
    let [executable, gapped] = hashes(pool);
    let sender = new.sender;
    let free = pool.senders.get(&sender).map_or(view.nonce, |entry| entry.queue.next_free());
    let is_gapped = new.nonce > free;
    match pool.add(new, view, 0) {
        Err(_) => assert_eq!(hashes(pool), [executable, gapped], "a refusal changes nothing"),
        Ok(_) => {
            let [after, _] = hashes(pool);
            let lost: Vec<_> = executable.iter().filter(|tx| !after.contains(tx)).collect();
            assert!(!is_gapped || lost.is_empty(), "a gapped newcomer evicted {lost:?}");
            assert!(lost.iter().all(|(other, _)| *other != sender), "evicted its own sender's run");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn invariants_hold_under_any_sequence(ops in proptest::collection::vec(op(), 1..120)) {
        let mut pool = pool(small());
        for op in ops {
            match op {
                Op::Add { sender, nonce, fee, size, balance, authority } => {
                    let view = AccountView { nonce: nonce / 3, balance: U256::from(balance), code: AccountCode::None };
                    let authorities: Vec<_> = authority.into_iter().map(address).collect();
                    let new = PoolTx { size, authorizations: authorities.len(), authorities, ..tx(sender, nonce, fee) };
                    apply_add(&mut pool, new, &view);
                }
                Op::Include => {
                    if let Some(best) = pool.best().cloned() {
                        pool.take_dropped();
                        pool.included(best.sender, best.nonce, &best.hash);
                        prop_assert_eq!(pool.take_dropped(), []);
                        prop_assert!(!pool.contains(&best.hash));
                    }
                }
                Op::Skip => {
                    if let Some(best) = pool.best().cloned() {
                        pool.skip(best.sender);
                    }
                }
                Op::Reject { sender, nonce, fee } => pool.reject(&tx(sender, nonce, fee).hash),
                Op::Nonce { sender, nonce } => pool.set_nonce(address(sender), nonce),
                Op::Block { base_fee, now } => pool.start_block(BlockFees { base_fee, data_price: 1 }, now),
            }
            check(&pool);
        }
    }
}
