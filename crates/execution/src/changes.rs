//! The difference between two states.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

/// An account without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// keccak256 of the code.
    pub code_hash: B256,
}

impl Account {
    /// The account as revm reads it; its code is looked up by hash.
    pub fn into_info(self) -> AccountInfo {
        AccountInfo {
            balance: self.balance,
            nonce: self.nonce,
            code_hash: self.code_hash,
            code: None,
            ..AccountInfo::default()
        }
    }
}

impl From<&AccountInfo> for Account {
    fn from(info: &AccountInfo) -> Self {
        Self { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

/// What became of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct AccountChange {
    /// The account after; `None` if it no longer exists (its storage is gone too).
    pub account: Option<Account>,
    /// Whether all storage it had before is gone; `storage` is then all that it has.
    pub wiped: bool,
    /// Slots that changed, with the value after; zero means absent.
    pub storage: BTreeMap<U256, U256>,
}

/// The difference between a block's state and its parent's. Sorted, so equal states give equal
/// differences and equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct StateChanges {
    /// Changed accounts.
    pub accounts: BTreeMap<Address, AccountChange>,
    /// Codes that changed accounts now have, by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

impl StateChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Adds `later`, the difference from the state after `self`: the result is both in one step.
    pub fn extend(&mut self, later: Self) {
        self.codes.extend(later.codes);
        for (address, change) in later.accounts {
            let known = self.accounts.entry(address).or_default();
            if change.wiped || change.account.is_none() {
                known.storage.clear();
                known.wiped = true;
            }
            known.account = change.account;
            known.storage.extend(change.storage);
        }
    }

    /// The accounts that changed, for caches.
    pub fn addresses(&self) -> Vec<Address> {
        self.accounts.keys().copied().collect()
    }
}

/// A state with changes on top, for reading.
#[derive(Clone, Debug)]
pub struct ChangedState<'a, DB> {
    changes: &'a StateChanges,
    base: DB,
}

impl StateChanges {
    /// The state after these changes of `base`.
    pub const fn over<DB: DatabaseRef>(&self, base: DB) -> ChangedState<'_, DB> {
        ChangedState { changes: self, base }
    }
}

impl<DB: DatabaseRef> DatabaseRef for ChangedState<'_, DB> {
    type Error = DB::Error;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        match self.changes.accounts.get(&address) {
            Some(change) => Ok(change.account.map(Account::into_info)),
            None => self.base.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Self::Error> {
        match self.changes.codes.get(&hash) {
            Some(code) => Ok(Bytecode::new_raw(code.clone())),
            None => self.base.code_by_hash_ref(hash),
        }
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let Some(change) = self.changes.accounts.get(&address) else {
            return self.base.storage_ref(address, key);
        };
        match change.storage.get(&key) {
            Some(value) => Ok(*value),
            None if change.wiped || change.account.is_none() => Ok(U256::ZERO),
            None => self.base.storage_ref(address, key),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.base.block_hash_ref(number)
    }
}
