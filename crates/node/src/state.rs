//! The state of recent blocks: the head's as flat maps, older ones by what each block changed.

use std::collections::VecDeque;
use std::sync::Arc;

use alloy::primitives::map::{AddressMap, B256Map, HashMap};
use alloy::primitives::{Address, B256, KECCAK256_EMPTY, U256};
use assay_execution::{Account, AccountChange, StateChanges};
use assay_primitives::predeploys;
use parking_lot::RwLock;
use revm::bytecode::Bytecode;
use revm::state::AccountInfo;

use crate::block::PendingBlock;
use crate::head::BlockRef;

/// Blocks whose hash the EIP-2935 contract keeps.
const HISTORY_WINDOW: u64 = 8_191;

/// Why a state cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The block is older than the states that are kept.
    #[error("state of block {number} is not available: oldest is {oldest}")]
    Pruned {
        /// The block.
        number: u64,
        /// The oldest block with a state.
        oldest: u64,
    },
    /// The block is above the head.
    #[error("block {number} is unknown: head is {head}")]
    Ahead {
        /// The block.
        number: u64,
        /// The head.
        head: u64,
    },
    /// The block was dropped by a reorganisation while it was read.
    #[error("block {0} was dropped by a reorganisation")]
    Reorganised(u64),
    /// A code that an account names is not there.
    #[error("code {0} is missing")]
    MissingCode(B256),
}

impl revm::database_interface::DBErrorMarker for StateError {}

#[derive(Clone, Debug, Default)]
struct FlatAccount {
    account: Account,
    storage: HashMap<U256, U256>,
}

/// One block's inverse: values before it of everything that it changed.
#[derive(Clone, Debug)]
pub(crate) struct Undo {
    pub(crate) block: BlockRef,
    pub(crate) parent: BlockRef,
    pub(crate) before: Arc<StateChanges>,
}

/// Flat state of the head and the inverses that lead back from it.
#[derive(Debug)]
pub(crate) struct FlatState {
    head: BlockRef,
    accounts: AddressMap<FlatAccount>,
    codes: B256Map<Bytecode>,
    /// Oldest first; the last is the head's.
    undo: VecDeque<Undo>,
    /// Raised by every rollback, with the lowest block that any of them kept since.
    rollbacks: u64,
}

impl FlatState {
    /// The state that `all`, a difference from the empty state, describes.
    pub(crate) fn new(head: BlockRef, all: &StateChanges) -> Self {
        let mut state = Self {
            head,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            undo: VecDeque::new(),
            rollbacks: 0,
        };
        state.write(all);
        state
    }

    #[cfg(test)]
    pub(crate) const fn head(&self) -> BlockRef {
        self.head
    }

    /// Oldest block whose state can be read.
    pub(crate) fn oldest(&self) -> u64 {
        self.undo.front().map_or(self.head.number, |undo| undo.parent.number)
    }

    /// Accounts in the head state.
    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Applies a block's changes and returns its inverse.
    pub(crate) fn advance(
        &mut self,
        block: BlockRef,
        changes: &StateChanges,
        keep: usize,
    ) -> Arc<StateChanges> {
        let before = Arc::new(self.inverse(changes));
        self.write(changes);
        self.undo.push_back(Undo { block, parent: self.head, before: before.clone() });
        self.head = block;
        while self.undo.len() > keep {
            self.undo.pop_front();
        }
        before
    }

    /// Puts the inverse of a block before all others, so that its parent's state can be read.
    pub(crate) fn push_oldest(&mut self, undo: Undo) {
        self.undo.push_front(undo);
    }

    /// Takes the head block back with an inverse that is no longer in memory.
    pub(crate) fn retreat_with(&mut self, undo: Undo) {
        debug_assert!(self.undo.is_empty() && undo.block == self.head);
        self.push_oldest(undo);
        self.retreat();
    }

    /// Takes the head block back. `None` when its inverse is gone. The changes returned lead to the new head.
    pub(crate) fn retreat(&mut self) -> Option<Undo> {
        let undo = self.undo.pop_back()?;
        self.write(&undo.before);
        self.head = undo.parent;
        self.rollbacks += 1;
        Some(undo)
    }

    /// What takes `changes` back.
    fn inverse(&self, changes: &StateChanges) -> StateChanges {
        let mut out = StateChanges::default();
        for (address, change) in &changes.accounts {
            let known = self.accounts.get(address);
            let slot =
                |slot: &U256| known.and_then(|known| known.storage.get(slot)).copied().unwrap_or_default();
            let mut before = AccountChange {
                account: known.map(|known| known.account),
                wiped: false,
                storage: change.storage.keys().map(|key| (*key, slot(key))).collect(),
            };
            if change.wiped || change.account.is_none() {
                before
                    .storage
                    .extend(known.into_iter().flat_map(|known| known.storage.iter().map(|(k, v)| (*k, *v))));
            }
            out.accounts.insert(*address, before);
        }
        out
    }

    fn write(&mut self, changes: &StateChanges) {
        for (hash, code) in &changes.codes {
            self.codes.entry(*hash).or_insert_with(|| Bytecode::new_raw(code.clone()));
        }
        for (address, change) in &changes.accounts {
            let Some(account) = change.account else {
                self.accounts.remove(address);
                continue;
            };
            let known = self.accounts.entry(*address).or_default();
            known.account = account;
            if change.wiped {
                known.storage.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    known.storage.remove(slot);
                } else {
                    known.storage.insert(*slot, *value);
                }
            }
        }
    }

    /// Inverses of the blocks after `number`, the nearest first.
    fn after(&self, number: u64) -> impl Iterator<Item = &StateChanges> {
        let skip = self.undo.partition_point(|undo| undo.block.number <= number);
        self.undo.range(skip..).map(|undo| &*undo.before)
    }

    fn account_at(&self, number: u64, address: &Address) -> Option<Account> {
        match self.after(number).find_map(|before| before.accounts.get(address)) {
            Some(before) => before.account,
            None => self.accounts.get(address).map(|known| known.account),
        }
    }

    fn storage_at(&self, number: u64, address: &Address, slot: &U256) -> U256 {
        for before in self.after(number).filter_map(|before| before.accounts.get(address)) {
            if let Some(value) = before.storage.get(slot) {
                return *value;
            }
            if before.account.is_none() {
                return U256::ZERO;
            }
        }
        self.accounts.get(address).and_then(|known| known.storage.get(slot)).copied().unwrap_or_default()
    }

    fn hash_at(&self, number: u64) -> Option<B256> {
        if number == self.head.number {
            return Some(self.head.hash);
        }
        let at = self.undo.partition_point(|undo| undo.parent.number < number);
        self.undo.get(at).filter(|undo| undo.parent.number == number).map(|undo| undo.parent.hash)
    }

    /// The differences from the head's state to block `number`'s, and back.
    pub(crate) fn between(&self, number: u64) -> Result<(StateChanges, StateChanges), StateError> {
        self.check(number)?;
        let mut back = StateChanges::default();
        // The nearest inverse wins: it holds the value right after `number`.
        for before in self.after(number) {
            for (address, change) in &before.accounts {
                match back.accounts.get_mut(address) {
                    None => {
                        back.accounts.insert(*address, change.clone());
                    }
                    // It did not exist after `number`, whatever storage it got later.
                    Some(known) if known.account.is_none() => {}
                    Some(known) => {
                        for (slot, value) in &change.storage {
                            known.storage.entry(*slot).or_insert(*value);
                        }
                    }
                }
            }
        }
        let mut forth = self.inverse(&back);
        for (address, change) in &mut forth.accounts {
            // Gone and back again within these blocks: the account is rebuilt from nothing.
            change.wiped = change.account.is_some() && back.accounts[address].account.is_none();
        }
        Ok((back, forth))
    }

    fn check(&self, number: u64) -> Result<B256, StateError> {
        if number > self.head.number {
            return Err(StateError::Ahead { number, head: self.head.number });
        }
        self.hash_at(number).ok_or(StateError::Pruned { number, oldest: self.oldest() })
    }

    /// Everything, as a difference from the empty state.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> StateChanges {
        let accounts = self.accounts.iter().map(|(address, known)| {
            let storage = known.storage.iter().map(|(slot, value)| (*slot, *value)).collect();
            (*address, AccountChange { account: Some(known.account), wiped: false, storage })
        });
        StateChanges {
            accounts: accounts.collect(),
            codes: self.codes.iter().map(|(hash, code)| (*hash, code.original_bytes())).collect(),
        }
    }
}

/// A read-only view of one block's state, cheap to make and to clone. Reads fail once the block is pruned or dropped.
#[derive(Clone, Debug)]
pub struct StateView {
    state: Arc<RwLock<FlatState>>,
    block: BlockRef,
    rollbacks: u64,
    overlay: Option<Arc<PendingBlock>>,
}

impl StateView {
    /// A view of `number`'s state.
    pub(crate) fn at(state: &Arc<RwLock<FlatState>>, number: u64) -> Result<Self, StateError> {
        let guard = state.read();
        let block = BlockRef { number, hash: guard.check(number)? };
        let rollbacks = guard.rollbacks;
        drop(guard);
        Ok(Self { state: state.clone(), block, rollbacks, overlay: None })
    }

    /// A view of the head's state.
    pub(crate) fn latest(state: &Arc<RwLock<FlatState>>) -> Self {
        let guard = state.read();
        let (block, rollbacks) = (guard.head, guard.rollbacks);
        drop(guard);
        Self { state: state.clone(), block, rollbacks, overlay: None }
    }

    /// The same with an open block on top.
    pub(crate) fn with_pending(mut self, pending: Arc<PendingBlock>) -> Self {
        self.overlay = Some(pending);
        self
    }

    /// The block whose state this is; of a pending view, its parent.
    pub const fn block(&self) -> BlockRef {
        self.block
    }

    /// Runs a read on the state, if it is still there.
    fn read<T>(&self, read: impl FnOnce(&FlatState) -> T) -> Result<T, StateError> {
        let state = self.state.read();
        let number = self.block.number;
        if state.head != self.block {
            // The usual case is above; otherwise see that nothing was pruned or replaced below us.
            match state.hash_at(number) {
                Some(hash) if hash == self.block.hash => {}
                Some(_) => return Err(StateError::Reorganised(number)),
                None if state.rollbacks != self.rollbacks => return Err(StateError::Reorganised(number)),
                None => return Err(StateError::Pruned { number, oldest: state.oldest() }),
            }
        }
        Ok(read(&state))
    }

    /// The account at `address`.
    ///
    /// # Errors
    /// [`StateError`] when the state is no longer kept.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        if let Some(change) = self.overlay.as_ref().and_then(|pending| pending.changes.accounts.get(&address))
        {
            return Ok(change.account);
        }
        self.read(|state| state.account_at(self.block.number, &address))
    }

    /// The storage slot of `address`; zero where nothing is stored.
    ///
    /// # Errors
    /// [`StateError`] when the state is no longer kept.
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(change) = self.overlay.as_ref().and_then(|pending| pending.changes.accounts.get(&address))
        {
            if let Some(value) = change.storage.get(&slot) {
                return Ok(*value);
            }
            if change.wiped || change.account.is_none() {
                return Ok(U256::ZERO);
            }
        }
        self.read(|state| state.storage_at(self.block.number, &address, &slot))
    }

    /// The code with this hash.
    ///
    /// # Errors
    /// [`StateError::MissingCode`].
    pub fn code(&self, hash: B256) -> Result<Bytecode, StateError> {
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.overlay.as_ref().and_then(|pending| pending.changes.codes.get(&hash)) {
            return Ok(Bytecode::new_raw(code.clone()));
        }
        // Codes are immutable and never removed, so no check of the block is needed.
        self.state.read().codes.get(&hash).cloned().ok_or(StateError::MissingCode(hash))
    }

    /// The code of the account at `address`.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn code_at(&self, address: Address) -> Result<Bytecode, StateError> {
        match self.account(address)? {
            Some(account) => self.code(account.code_hash),
            None => Ok(Bytecode::default()),
        }
    }
}

impl revm::DatabaseRef for StateView {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address)?.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            // Loaded when it is run: most accounts that a block touches have none.
            code: None,
            ..Default::default()
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.code(code_hash)
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, StateError> {
        self.storage(address, index)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        self.storage(predeploys::HISTORY, U256::from(number % HISTORY_WINDOW)).map(B256::from)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
