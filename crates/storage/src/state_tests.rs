use alloy::primitives::keccak256;
use proptest::prelude::*;

use super::*;

fn tip(number: u64) -> StateTip {
    StateTip { number, hash: B256::repeat_byte(number as u8), position: number * 10 }
}

/// A state as a plain map, to compare the store with.
fn apply(state: &mut StateChanges, changes: &StateChanges) {
    for (address, change) in &changes.accounts {
        let known = state.accounts.entry(*address).or_default();
        if change.wiped || change.account.is_none() {
            known.storage.clear();
        }
        known.account = change.account;
        for (slot, value) in &change.storage {
            if value.is_zero() {
                known.storage.remove(slot)
            } else {
                known.storage.insert(*slot, *value)
            };
        }
    }
    state.accounts.retain(|_, change| change.account.is_some());
    state.codes.extend(changes.codes.clone());
}

/// What takes `changes` back on `state`.
fn inverse(state: &StateChanges, changes: &StateChanges) -> StateChanges {
    let mut out = StateChanges::default();
    for (address, change) in &changes.accounts {
        let before = state.accounts.get(address);
        let mut undo =
            AccountChange { account: before.and_then(|known| known.account), ..Default::default() };
        let old = |slot: &U256| before.and_then(|known| known.storage.get(slot)).copied().unwrap_or_default();
        undo.storage = change.storage.keys().map(|slot| (*slot, old(slot))).collect();
        if change.wiped || change.account.is_none() {
            undo.storage.extend(before.into_iter().flat_map(|known| known.storage.clone()));
        }
        out.accounts.insert(*address, undo);
    }
    out
}

fn changes() -> impl Strategy<Value = StateChanges> {
    let account = prop_oneof![
        1 => Just(None),
        4 => (any::<u64>(), any::<u64>()).prop_map(|(nonce, wei)| Some(Account {
            nonce,
            balance: U256::from(wei),
            ..Default::default()
        }))
    ];
    let storage =
        prop::collection::btree_map((0u64..6).prop_map(U256::from), (0u64..3).prop_map(U256::from), 0..5);
    let change = (account, any::<bool>(), storage).prop_map(|(account, wiped, storage)| AccountChange {
        storage: if account.is_some() { storage } else { Default::default() },
        account,
        wiped,
    });
    let accounts = prop::collection::btree_map((0u8..5).prop_map(Address::repeat_byte), change, 0..5);
    (accounts, any::<u8>()).prop_map(|(accounts, byte)| {
        let code = Bytes::from(vec![byte]);
        StateChanges { accounts, codes: [(keccak256(&code), code)].into() }
    })
}

fn without_codes(mut state: StateChanges) -> StateChanges {
    state.codes.clear();
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_store_equals_a_plain_map_forwards_and_backwards(blocks in prop::collection::vec(changes(), 1..8), back in 0usize..8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let store = StateStore::open(&path, B256::ZERO).unwrap();
        store.reset(tip(0), &StateChanges::default()).unwrap();
        let mut states = vec![StateChanges::default()];
        for (i, changes) in blocks.iter().enumerate() {
            let mut state = states[i].clone();
            let undo = inverse(&state, changes);
            apply(&mut state, changes);
            states.push(state);
            store.advance(&[StateStep { tip: tip(i as u64 + 1), changes, undo: &undo }]).unwrap();
            prop_assert_eq!(store.undo(i as u64 + 1).unwrap().unwrap(), without_codes(undo));
        }
        drop(store);
        let store = StateStore::open(&path, B256::ZERO).unwrap();
        prop_assert_eq!(store.tip().unwrap(), Some(tip(blocks.len() as u64)));
        prop_assert_eq!(&store.load().unwrap(), &states[blocks.len()]);

        let to = blocks.len().saturating_sub(back);
        store.rollback(tip(to as u64)).unwrap();
        prop_assert_eq!(store.tip().unwrap(), Some(tip(to as u64)));
        prop_assert_eq!(without_codes(store.load().unwrap()), without_codes(states[to].clone()));
    }

    #[test]
    fn any_bytes_are_an_inverse_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(changes) = decode_changes(&bytes) {
            prop_assert!(changes.accounts.len() <= bytes.len() / 25);
        }
    }
}

#[test]
fn several_blocks_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path().join("state"), B256::ZERO).unwrap();
    store.reset(tip(0), &StateChanges::default()).unwrap();
    let empty = StateChanges::default();
    let step = |number| StateStep { tip: tip(number), changes: &empty, undo: &empty };
    store.advance(&[step(1), step(2)]).unwrap();
    let error = store.advance(&[step(3), step(5)]).unwrap_err();
    assert!(matches!(error, StateStoreError::Gap { at: 3, to: 5 }), "{error}");
    assert_eq!(store.tip().unwrap(), Some(tip(2)));
    assert!(store.undo(3).unwrap().is_none());
}

#[test]
fn a_store_of_another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    drop(StateStore::open(&path, B256::ZERO).unwrap());
    let error = StateStore::open(&path, B256::repeat_byte(1)).unwrap_err();
    assert!(matches!(error, StateStoreError::Genesis { .. }), "{error}");
}

#[test]
fn a_rollback_past_the_kept_inverses_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path().join("state"), B256::ZERO).unwrap();
    store.reset(tip(5), &StateChanges::default()).unwrap();
    assert!(matches!(store.rollback(tip(3)).unwrap_err(), StateStoreError::Gap { at: 5, to: 3 }));
    assert_eq!(store.tip().unwrap(), Some(tip(5)));
}
