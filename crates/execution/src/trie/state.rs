//! The state of a chain: the account trie and a storage trie per account.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::B256Map};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};

use super::{AccountProof, InMemory, NodeSource, StorageProof, Trie, TrieError};
use crate::StateChanges;

/// A world state with its root, hashed at all times.
///
/// Over [`InMemory`] it holds everything; over another source it holds what was touched.
#[derive(Clone, Debug)]
pub struct StateTrie<S> {
    source: S,
    accounts: Trie,
    /// By hashed address; accounts that are not here have the root that their leaf names.
    storage: B256Map<Trie>,
    root: B256,
}

impl StateTrie<InMemory> {
    /// The empty state, fully in memory.
    pub fn empty() -> Self {
        Self::new(InMemory, EMPTY_ROOT_HASH)
    }
}

impl<S: NodeSource> StateTrie<S> {
    /// The state with that root, read from `source` as needed.
    pub fn new(source: S, root: B256) -> Self {
        Self { source, accounts: Trie::from_root(None, root), storage: B256Map::default(), root }
    }

    /// The state root.
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// Where nodes come from.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// An account as its leaf holds it.
    pub fn account(&mut self, address: Address) -> Result<Option<TrieAccount>, TrieError> {
        self.account_at(keccak256(address))
    }

    /// The value of a storage slot; zero where there is none.
    pub fn slot(&mut self, address: Address, key: U256) -> Result<U256, TrieError> {
        let owner = keccak256(address);
        if !self.load_storage(owner)? {
            return Ok(U256::ZERO);
        }
        let key = keccak256(key.to_be_bytes::<32>());
        let Some(trie) = self.storage.get_mut(&owner) else { return Ok(U256::ZERO) };
        match trie.get(key, &self.source)? {
            Some(mut value) => U256::decode(&mut value).map_err(|_| TrieError::MalformedLeaf(key)),
            None => Ok(U256::ZERO),
        }
    }

    /// The root of an account's storage; that of the empty trie when there is no account.
    pub fn storage_root(&mut self, address: Address) -> Result<B256, TrieError> {
        Ok(self.account(address)?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root))
    }

    /// Applies `changes` and returns the new root; costs in proportion to the changes.
    ///
    /// After an error the state is unusable.
    pub fn apply(&mut self, changes: &StateChanges) -> Result<B256, TrieError> {
        for (address, change) in &changes.accounts {
            let owner = keccak256(address);
            let Some(account) = change.account else {
                self.storage.remove(&owner);
                self.accounts.remove(owner, &self.source)?;
                continue;
            };
            if change.wiped {
                self.storage.insert(owner, Trie::empty(Some(owner)));
            }
            let storage_root = if change.storage.is_empty() && !change.wiped {
                self.account_at(owner)?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root)
            } else {
                self.apply_storage(owner, change.storage.iter())?
            };
            let leaf = TrieAccount::new(account.nonce, account.balance, storage_root, account.code_hash);
            self.accounts.insert(owner, &alloy_rlp::encode(leaf), &self.source)?;
        }
        self.root = self.accounts.root();
        Ok(self.root)
    }

    /// The proof of an account and of some of its slots, for `eth_getProof` (EIP-1186).
    pub fn proof(&mut self, address: Address, keys: &[U256]) -> Result<AccountProof, TrieError> {
        let owner = keccak256(address);
        let account = self.account_at(owner)?;
        let proof = self.accounts.prove(owner, &self.source)?;
        let exists = self.load_storage(owner)?;
        let mut storage = alloc::vec::Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.slot(address, *key)?;
            let hashed = keccak256(key.to_be_bytes::<32>());
            let proof = match self.storage.get_mut(&owner).filter(|_| exists) {
                Some(trie) => trie.prove(hashed, &self.source)?,
                None => alloc::vec::Vec::new(),
            };
            storage.push(StorageProof { key: *key, value, proof });
        }
        Ok(AccountProof { address, account: account.unwrap_or_default(), proof, storage })
    }

    fn apply_storage<'a>(
        &mut self,
        owner: B256,
        slots: impl Iterator<Item = (&'a U256, &'a U256)>,
    ) -> Result<B256, TrieError> {
        if !self.load_storage(owner)? {
            self.storage.insert(owner, Trie::empty(Some(owner)));
        }
        let trie = self.storage.entry(owner).or_insert_with(|| Trie::empty(Some(owner)));
        for (key, value) in slots {
            let key = keccak256(key.to_be_bytes::<32>());
            if value.is_zero() {
                trie.remove(key, &self.source)?;
            } else {
                trie.insert(key, &alloy_rlp::encode(value), &self.source)?;
            }
        }
        Ok(trie.root())
    }

    fn account_at(&mut self, owner: B256) -> Result<Option<TrieAccount>, TrieError> {
        let Some(mut leaf) = self.accounts.get(owner, &self.source)? else { return Ok(None) };
        TrieAccount::decode(&mut leaf).map(Some).map_err(|_| TrieError::MalformedLeaf(owner))
    }

    /// Makes the account's storage trie known; false if there is no account.
    fn load_storage(&mut self, owner: B256) -> Result<bool, TrieError> {
        if self.storage.contains_key(&owner) {
            return Ok(true);
        }
        let Some(account) = self.account_at(owner)? else { return Ok(false) };
        self.storage.insert(owner, Trie::from_root(Some(owner), account.storage_root));
        Ok(true)
    }
}

/// A state is a source too: a second, lazy view of it records what it is asked.
impl<S: NodeSource> NodeSource for StateTrie<S> {
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Option<Bytes> {
        let trie = match owner {
            None => Some(&self.accounts),
            Some(owner) => self.storage.get(&owner),
        };
        trie.and_then(|trie| trie.node_at(path)).or_else(|| self.source.node(owner, path, hash))
    }

    fn code(&self, hash: B256) -> Option<Bytes> {
        self.source.code(hash)
    }
}
