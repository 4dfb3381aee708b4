use std::collections::BTreeMap;

use alloy::primitives::Bytes;
use proptest::prelude::*;
use revm::DatabaseRef;

use super::*;

fn at(number: u64) -> BlockRef {
    BlockRef { number, hash: B256::repeat_byte(number as u8 + 1) }
}

fn changes() -> impl Strategy<Value = StateChanges> {
    let account = prop_oneof![
        1 => Just(None),
        4 => any::<u32>().prop_map(|wei| Some(Account { balance: U256::from(wei), ..Default::default() })),
    ];
    let storage =
        prop::collection::btree_map((0u64..5).prop_map(U256::from), (0u64..3).prop_map(U256::from), 0..4);
    let change = (account, any::<bool>(), storage).prop_map(|(account, wiped, storage)| AccountChange {
        storage: if account.is_some() { storage } else { BTreeMap::new() },
        account,
        wiped,
    });
    prop::collection::btree_map((0u8..4).prop_map(Address::repeat_byte), change, 0..4)
        .prop_map(|accounts| StateChanges { accounts, codes: BTreeMap::new() })
}

type Plain = BTreeMap<Address, (Account, BTreeMap<U256, U256>)>;

fn apply(state: &mut Plain, changes: &StateChanges) {
    for (address, change) in &changes.accounts {
        let Some(account) = change.account else {
            state.remove(address);
            continue;
        };
        let known = state.entry(*address).or_default();
        known.0 = account;
        if change.wiped {
            known.1.clear();
        }
        for (slot, value) in &change.storage {
            if value.is_zero() {
                known.1.remove(slot)
            } else {
                known.1.insert(*slot, *value)
            };
        }
    }
}

fn read(view: &StateView) -> Result<Plain, StateError> {
    let mut out = Plain::new();
    for byte in 0..4 {
        let address = Address::repeat_byte(byte);
        let mut storage = BTreeMap::new();
        for slot in (0..5).map(U256::from) {
            let value = view.storage(address, slot)?;
            if !value.is_zero() {
                storage.insert(slot, value);
            }
        }
        match view.account(address)? {
            Some(account) => drop(out.insert(address, (account, storage))),
            None => assert!(storage.is_empty(), "storage without an account"),
        }
    }
    Ok(out)
}

fn plain(state: &FlatState) -> Plain {
    let all = state.dump().accounts.into_iter();
    all.map(|(address, change)| (address, (change.account.unwrap(), change.storage))).collect()
}

proptest! {
    #[test]
    fn every_kept_state_reads_like_a_copy_of_it(blocks in prop::collection::vec(changes(), 1..10), keep in 1usize..10, back in 0usize..10) {
        let state = Arc::new(RwLock::new(FlatState::new(at(0), &StateChanges::default())));
        let mut copies = vec![Plain::new()];
        for (i, changes) in blocks.iter().enumerate() {
            let mut copy = copies[i].clone();
            apply(&mut copy, changes);
            copies.push(copy);
            state.write().advance(at(i as u64 + 1), changes, keep);
        }
        let head = blocks.len() as u64;
        let oldest = state.read().oldest();
        prop_assert_eq!(oldest, head.saturating_sub(keep as u64));
        for number in 0..=head + 1 {
            match StateView::at(&state, number) {
                Ok(view) => {
                    prop_assert!((oldest..=head).contains(&number));
                    prop_assert_eq!(&read(&view).unwrap(), &copies[number as usize]);
                    // The differences lead there and back.
                    let (there, again) = state.read().between(number).unwrap();
                    let mut walk = copies[head as usize].clone();
                    apply(&mut walk, &there);
                    prop_assert_eq!(&walk, &copies[number as usize]);
                    apply(&mut walk, &again);
                    prop_assert_eq!(&walk, &copies[head as usize]);
                }
                Err(StateError::Pruned { .. }) => prop_assert!(number < oldest),
                Err(StateError::Ahead { .. }) => prop_assert!(number > head),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        let views: Vec<_> = (oldest..=head).map(|number| StateView::at(&state, number).unwrap()).collect();
        for _ in 0..back.min(keep).min(blocks.len()) {
            state.write().retreat().unwrap();
        }
        let now = state.read().head().number;
        prop_assert_eq!(&plain(&state.read()), &copies[now as usize]);
        for view in views {
            if view.block().number <= now {
                prop_assert_eq!(&read(&view).unwrap(), &copies[view.block().number as usize]);
            } else {
                prop_assert_eq!(read(&view), Err(StateError::Reorganised(view.block().number)));
            }
        }
    }
}

#[test]
fn a_view_of_a_replaced_block_fails_instead_of_lying() {
    let account = |wei| AccountChange {
        account: Some(Account { balance: U256::from(wei), ..Default::default() }),
        ..Default::default()
    };
    let one = |wei| StateChanges { accounts: [(Address::ZERO, account(wei))].into(), codes: BTreeMap::new() };
    let state = Arc::new(RwLock::new(FlatState::new(at(0), &StateChanges::default())));
    state.write().advance(at(1), &one(1), 9);
    let view = StateView::latest(&state);
    state.write().retreat().unwrap();
    state.write().advance(BlockRef { number: 1, hash: B256::ZERO }, &one(2), 9);
    assert_eq!(view.account(Address::ZERO), Err(StateError::Reorganised(1)));
}

#[test]
fn the_open_block_lies_over_the_head() {
    let code = Bytes::from_static(&[0x60, 0x00]);
    let hash = alloy::primitives::keccak256(&code);
    let change = AccountChange {
        account: Some(Account { nonce: 1, balance: U256::from(5), code_hash: hash }),
        wiped: false,
        storage: [(U256::from(1), U256::from(2))].into(),
    };
    let changes =
        StateChanges { accounts: [(Address::ZERO, change)].into(), codes: [(hash, code.clone())].into() };
    let state = Arc::new(RwLock::new(FlatState::new(at(0), &StateChanges::default())));
    let pending = PendingBlock { header: Default::default(), txs: Vec::new(), receipts: Vec::new(), changes };
    let view = StateView::latest(&state).with_pending(Arc::new(pending));
    assert_eq!(view.code_at(Address::ZERO).unwrap().original_bytes(), code);
    assert_eq!(view.storage(Address::ZERO, U256::from(1)).unwrap(), U256::from(2));
    let info = view.basic_ref(Address::ZERO).unwrap().unwrap();
    assert_eq!((info.nonce, info.code), (1, None), "code is loaded when it runs");
    assert!(StateView::latest(&state).account(Address::ZERO).unwrap().is_none());
}
