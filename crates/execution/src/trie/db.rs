//! A parent state that is read from its trie.

use core::cell::RefCell;

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

use super::{NodeSource, StateTrie, TrieError};

/// Reads accounts and storage from a [`StateTrie`], and codes from its source.
///
/// Nothing is trusted but the root: with nodes that hash to what names them, what is read is what
/// the root commits to. The trie comes back with [`into_trie`](Self::into_trie), so that the nodes
/// read are there when the changes are applied.
#[derive(Debug)]
pub struct TrieDb<S> {
    trie: RefCell<StateTrie<S>>,
}

impl<S: NodeSource> TrieDb<S> {
    /// Reads from `trie`.
    pub const fn new(trie: StateTrie<S>) -> Self {
        Self { trie: RefCell::new(trie) }
    }

    /// The trie with everything read so far in memory.
    pub fn into_trie(self) -> StateTrie<S> {
        self.trie.into_inner()
    }
}

impl<S: NodeSource> DatabaseRef for TrieDb<S> {
    type Error = TrieError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let account = self.trie.borrow_mut().account(address)?;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Self::Error> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        let code = self.trie.borrow().source().code(hash).ok_or(TrieError::MissingCode(hash))?;
        Ok(Bytecode::new_raw(code))
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, Self::Error> {
        self.trie.borrow_mut().slot(address, key)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        Err(TrieError::NoBlockHash(number))
    }
}
