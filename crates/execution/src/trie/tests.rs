use alloc::{collections::BTreeMap, vec, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256, map::B256Map};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::verify_proof, root};
use proptest::prelude::*;

use super::*;
use crate::{Account, AccountChange, StateChanges};

fn full_root(entries: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// Keys that share long prefixes, so that extensions and embedded nodes happen.
fn key() -> impl Strategy<Value = B256> {
    let shared = (0usize..32, any::<[u8; 4]>(), 0u8..3).prop_map(|(at, tail, fill)| {
        let mut key = [fill; 32];
        for (offset, byte) in tail.iter().enumerate() {
            if let Some(slot) = key.get_mut(at + offset) {
                *slot = *byte;
            }
        }
        B256::from(key)
    });
    let clustered = (0u8..4, 0u8..4).prop_map(|(a, b)| {
        let mut key = B256::ZERO;
        (key[30], key[31]) = (a, b);
        key
    });
    prop_oneof![shared, clustered, any::<[u8; 32]>().prop_map(B256::from)]
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::weighted(0.65, proptest::collection::vec(any::<u8>(), 1..40))
}

/// A source that has everything that was ever hashed.
#[derive(Default)]
struct Archive(core::cell::RefCell<B256Map<Bytes>>);

impl Archive {
    fn keep(&self, trie: &mut Trie, keys: impl IntoIterator<Item = B256>) {
        for key in keys {
            for node in trie.prove(key, self).expect("complete") {
                self.0.borrow_mut().insert(keccak256(&node), node);
            }
        }
    }
}

impl NodeSource for Archive {
    fn node(&self, _owner: Option<B256>, _path: &Nibbles, hash: B256) -> Option<Bytes> {
        self.0.borrow().get(&hash).cloned()
    }
    fn code(&self, _hash: B256) -> Option<Bytes> {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn equals_the_full_root_after_every_batch(
        batches in proptest::collection::vec(proptest::collection::vec((key(), value()), 1..30), 1..8)
    ) {
        let mut trie = Trie::empty(None);
        let mut model = BTreeMap::new();
        for batch in batches {
            for (key, value) in batch {
                match value {
                    Some(value) => {
                        trie.insert(key, &value, &InMemory).unwrap();
                        model.insert(key, value);
                    }
                    None => {
                        trie.remove(key, &InMemory).unwrap();
                        model.remove(&key);
                    }
                }
            }
            prop_assert_eq!(trie.root(), full_root(&model));
            for (key, value) in &model {
                prop_assert_eq!(trie.get(*key, &InMemory).unwrap(), Some(&value[..]));
            }
        }
        for key in model.keys() {
            trie.remove(*key, &InMemory).unwrap();
        }
        prop_assert_eq!(trie.root(), EMPTY_ROOT_HASH);
        prop_assert!(trie.is_empty());
    }

    #[test]
    fn a_lazy_trie_equals_one_in_memory(
        first in proptest::collection::btree_map(key(), proptest::collection::vec(any::<u8>(), 1..40), 0..60),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), key(), value()), 1..30),
    ) {
        let archive = Archive::default();
        let mut full = Trie::empty(None);
        for (key, value) in &first {
            full.insert(*key, value, &InMemory).unwrap();
        }
        archive.keep(&mut full, first.keys().copied());
        let mut lazy = Trie::from_root(None, full.root());
        let known: Vec<B256> = first.keys().copied().collect();
        for (pick, new, value) in changes {
            let key = if known.is_empty() || new[0] & 1 == 0 { new } else { *pick.get(&known) };
            prop_assert_eq!(
                lazy.get(key, &archive).unwrap().map(<[u8]>::to_vec),
                full.get(key, &InMemory).unwrap().map(<[u8]>::to_vec)
            );
            match value {
                Some(value) => {
                    full.insert(key, &value, &InMemory).unwrap();
                    lazy.insert(key, &value, &archive).unwrap();
                }
                None => {
                    full.remove(key, &InMemory).unwrap();
                    lazy.remove(key, &archive).unwrap();
                }
            }
        }
        prop_assert_eq!(lazy.root(), full.root());
    }

    #[test]
    fn proofs_verify_with_alloy(
        entries in proptest::collection::btree_map(key(), proptest::collection::vec(any::<u8>(), 1..40), 1..40),
        absent in key(),
    ) {
        let mut trie = Trie::empty(None);
        for (key, value) in &entries {
            trie.insert(*key, value, &InMemory).unwrap();
        }
        let root = trie.root();
        for (key, value) in entries.iter() {
            let proof = trie.prove(*key, &InMemory).unwrap();
            prop_assert!(verify_proof(root, Nibbles::unpack(key), Some(value.clone()), &proof).is_ok());
        }
        if !entries.contains_key(&absent) {
            let proof = trie.prove(absent, &InMemory).unwrap();
            prop_assert!(verify_proof(root, Nibbles::unpack(absent), None, &proof).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_a_node_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        struct Liar(Vec<u8>);
        impl NodeSource for Liar {
            fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Option<Bytes> {
                Some(self.0.clone().into())
            }
            fn code(&self, _: B256) -> Option<Bytes> {
                None
            }
        }
        let liar = Liar(bytes);
        let mut trie = Trie::from_root(None, B256::repeat_byte(1));
        let _ = trie.get(B256::ZERO, &liar);
        let _ = trie.remove(B256::ZERO, &liar);
        let _ = Trie::from_root(None, B256::repeat_byte(1)).insert(B256::ZERO, b"x", &liar);
    }
}

#[test]
fn a_missing_node_is_an_error() {
    let hash = B256::repeat_byte(9);
    let mut trie = Trie::from_root(None, hash);
    let missing = TrieError::MissingNode { hash, path: Nibbles::default() };
    assert_eq!(trie.get(B256::ZERO, &InMemory), Err(missing.clone()));
    assert_eq!(trie.insert(B256::ZERO, b"x", &InMemory), Err(missing.clone()));
    assert_eq!(trie.remove(B256::ZERO, &InMemory), Err(missing));
    assert_eq!(trie.root(), hash);
}

fn address(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn change(balance: u64, storage: &[(u64, u64)]) -> AccountChange {
    AccountChange {
        account: Some(Account { nonce: 1, balance: U256::from(balance), code_hash: KECCAK256_EMPTY }),
        wiped: false,
        storage: storage.iter().map(|(k, v)| (U256::from(*k), U256::from(*v))).collect(),
    }
}

/// The root of a model, computed from nothing by alloy.
fn model_root(model: &BTreeMap<Address, (Account, BTreeMap<U256, U256>)>) -> B256 {
    let accounts = model.iter().map(|(address, (account, storage))| {
        let slots = storage.iter().map(|(k, v)| (B256::from(*k), *v));
        let leaf = alloy_trie::TrieAccount::new(
            account.nonce,
            account.balance,
            root::storage_root_unhashed(slots),
            account.code_hash,
        );
        (*address, leaf)
    });
    root::state_root_unhashed(accounts)
}

fn apply_to_model(model: &mut BTreeMap<Address, (Account, BTreeMap<U256, U256>)>, changes: &StateChanges) {
    for (address, change) in &changes.accounts {
        let Some(account) = change.account else {
            model.remove(address);
            continue;
        };
        let entry = model.entry(*address).or_default();
        entry.0 = account;
        if change.wiped {
            entry.1.clear();
        }
        for (key, value) in &change.storage {
            if value.is_zero() {
                entry.1.remove(key);
            } else {
                entry.1.insert(*key, *value);
            }
        }
    }
}

fn any_change() -> impl Strategy<Value = AccountChange> {
    let storage = proptest::collection::btree_map(0u64..12, 0u64..4, 0..6);
    (proptest::option::weighted(0.8, 0u64..1000), proptest::bool::weighted(0.2), storage).prop_map(
        |(balance, wiped, storage)| match balance {
            None => AccountChange::default(),
            Some(balance) => {
                let storage: Vec<(u64, u64)> = storage.into_iter().collect();
                AccountChange { wiped, ..change(balance, &storage) }
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn state_equals_the_full_root_and_its_lazy_copy(
        blocks in proptest::collection::vec(proptest::collection::btree_map(0u64..20, any_change(), 0..12), 1..10)
    ) {
        let mut trie = StateTrie::empty();
        let mut model = BTreeMap::new();
        let mut squashed = StateChanges::default();
        for block in blocks {
            let accounts = block.into_iter().map(|(index, change)| (address(index), change)).collect();
            let changes = StateChanges { accounts, ..Default::default() };
            apply_to_model(&mut model, &changes);
            let lazy_root = StateTrie::new(&trie, trie.root()).apply(&changes);
            let found = trie.apply(&changes).unwrap();
            prop_assert_eq!(found, model_root(&model));
            prop_assert_eq!(lazy_root, Ok(found));
            squashed.extend(changes);
        }
        prop_assert_eq!(StateTrie::empty().apply(&squashed).unwrap(), trie.root());
        for (address, (account, storage)) in &model {
            let keys: Vec<U256> = (0..12).map(U256::from).collect();
            let proof = trie.proof(*address, &keys).unwrap();
            prop_assert_eq!(proof.account.balance, account.balance);
            let leaf = Some(alloy_rlp::encode(proof.account));
            let path = Nibbles::unpack(keccak256(address));
            prop_assert!(verify_proof(trie.root(), path, leaf, &proof.proof).is_ok());
            for slot in proof.storage {
                let expected = storage.get(&slot.key).copied().unwrap_or_default();
                prop_assert_eq!(slot.value, expected);
                let path = Nibbles::unpack(keccak256(slot.key.to_be_bytes::<32>()));
                let value = (!expected.is_zero()).then(|| alloy_rlp::encode(expected));
                prop_assert!(verify_proof(proof.account.storage_root, path, value, &slot.proof).is_ok());
            }
        }
    }
}

#[test]
fn absent_accounts_are_proven_absent() {
    let mut trie = StateTrie::empty();
    let accounts = (0..50).map(|i| (address(i), change(i, &[]))).collect();
    trie.apply(&StateChanges { accounts, ..Default::default() }).unwrap();
    let proof = trie.proof(address(99), &[U256::ZERO]).unwrap();
    assert_eq!(proof.account, alloy_trie::TrieAccount::default());
    assert_eq!(proof.storage, vec![StorageProof { key: U256::ZERO, value: U256::ZERO, proof: vec![] }]);
    let path = Nibbles::unpack(keccak256(address(99)));
    assert!(verify_proof(trie.root(), path, None, &proof.proof).is_ok());
}
