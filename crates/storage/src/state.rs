//! Flat state on disk, written behind the head, with the inverse of each block so that it can go back.
//!
//! The trie is not stored: it is rebuilt from the flat state when the node starts (about half a second for a million
//! accounts), which makes a wrong trie on disk impossible and halves what is written.

use std::path::Path;

use alloy::primitives::{Address, B256, Bytes, U256};
use assay_execution::{Account, AccountChange, StateChanges};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::log::Position;

const ACCOUNTS: TableDefinition<'_, [u8; 20], &[u8]> = TableDefinition::new("accounts");
const STORAGE: TableDefinition<'_, [u8; 52], [u8; 32]> = TableDefinition::new("storage");
const CODES: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("codes");
const UNDO: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("undo");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const VERSION: u32 = 1;
const ACCOUNT_BYTES: usize = 8 + 32 + 32;

/// Inverses kept on disk: how deep a rollback may go without running the log again.
pub const UNDO_BLOCKS_MAX: u64 = 8_192;

/// Why the state store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateStoreError {
    /// The database or the disk below it failed.
    #[error("state store: {0}")]
    Database(Box<redb::Error>),
    /// Another version of the program wrote it.
    #[error("state store has version {found}, this program reads {expected}")]
    Version {
        /// Version of this program.
        expected: u32,
        /// Version of the file.
        found: u32,
    },
    /// It belongs to another chain.
    #[error("state store belongs to the chain with genesis {found}, not {expected}")]
    Genesis {
        /// Genesis hash of the chain that is being opened.
        expected: B256,
        /// Genesis hash in the file.
        found: B256,
    },
    /// A value has a shape that the program never writes.
    #[error("state store is damaged: {0}")]
    Damaged(String),
    /// A block does not follow the state, or the inverse that a rollback needs is gone.
    #[error("state store is at block {at}, cannot go to {to}")]
    Gap {
        /// Block of the stored state.
        at: u64,
        /// Block that was asked for.
        to: u64,
    },
}

impl<E: Into<redb::Error>> From<E> for StateStoreError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// Which block a stored state belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateTip {
    /// Number of the block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// End of the log record that led to it; the log is replayed from here.
    pub position: Position,
}

/// What one block does to the stored state.
#[derive(Clone, Debug)]
pub struct StateStep<'a> {
    /// Block after the step.
    pub tip: StateTip,
    /// The block's changes.
    pub changes: &'a StateChanges,
    /// What takes the changes back: the values before.
    pub undo: &'a StateChanges,
}

/// Flat state of one block in a redb file.
#[derive(Debug)]
pub struct StateStore {
    db: Database,
}

impl StateStore {
    /// Opens or creates the store of the chain with this genesis.
    ///
    /// # Errors
    /// [`StateStoreError::Genesis`] or [`StateStoreError::Version`] for a foreign file.
    pub fn open(path: impl AsRef<Path>, genesis: B256) -> Result<Self, StateStoreError> {
        let db = Database::create(path)?;
        let tx = db.begin_write()?;
        {
            tx.open_table(ACCOUNTS)?;
            tx.open_table(STORAGE)?;
            tx.open_table(CODES)?;
            tx.open_table(UNDO)?;
            let mut meta = tx.open_table(META)?;
            let found = meta.get("version")?.map(|value| value.value().to_vec());
            match found {
                None => {
                    meta.insert("version", VERSION.to_le_bytes().as_slice())?;
                    meta.insert("genesis", genesis.as_slice())?;
                }
                Some(bytes) => {
                    let found = u32::from_le_bytes(fixed(&bytes)?);
                    if found != VERSION {
                        return Err(StateStoreError::Version { expected: VERSION, found });
                    }
                    let stored = meta.get("genesis")?.map(|value| value.value().to_vec()).unwrap_or_default();
                    let found = B256::new(fixed(&stored)?);
                    if found != genesis {
                        return Err(StateStoreError::Genesis { expected: genesis, found });
                    }
                }
            }
        }
        tx.commit()?;
        Ok(Self { db })
    }

    /// The block whose state is stored; `None` in a new store.
    ///
    /// # Errors
    /// [`StateStoreError`].
    pub fn tip(&self) -> Result<Option<StateTip>, StateStoreError> {
        let tx = self.db.begin_read()?;
        let meta = tx.open_table(META)?;
        meta.get("tip")?.map(|value| decode_tip(value.value())).transpose()
    }

    /// Reads the whole state as one set of changes from the empty state.
    ///
    /// # Errors
    /// [`StateStoreError`].
    pub fn load(&self) -> Result<StateChanges, StateStoreError> {
        let tx = self.db.begin_read()?;
        let mut state = StateChanges::default();
        for item in tx.open_table(ACCOUNTS)?.iter()? {
            let (address, account) = item?;
            let change =
                AccountChange { account: Some(decode_account(account.value())?), ..Default::default() };
            state.accounts.insert(Address::new(address.value()), change);
        }
        for item in tx.open_table(STORAGE)?.iter()? {
            let (key, value) = item?;
            let (address, slot) = split_key(&key.value());
            let Some(change) = state.accounts.get_mut(&address) else {
                return Err(StateStoreError::Damaged(format!("storage of {address}, which has no account")));
            };
            change.storage.insert(slot, U256::from_be_bytes(value.value()));
        }
        for item in tx.open_table(CODES)?.iter()? {
            let (hash, code) = item?;
            state.codes.insert(B256::new(hash.value()), Bytes::copy_from_slice(code.value()));
        }
        Ok(state)
    }

    /// Replaces everything by `state` at `tip`: genesis, or the result of a rebuild.
    ///
    /// # Errors
    /// [`StateStoreError`]; nothing is changed then.
    pub fn reset(&self, tip: StateTip, state: &StateChanges) -> Result<(), StateStoreError> {
        let tx = self.db.begin_write()?;
        tx.delete_table(ACCOUNTS)?;
        tx.delete_table(STORAGE)?;
        tx.delete_table(CODES)?;
        tx.delete_table(UNDO)?;
        tx.open_table(UNDO)?;
        write_changes(&tx, state)?;
        write_tip(&tx, tip)?;
        tx.commit()?;
        Ok(())
    }

    /// Applies consecutive blocks in one durable transaction.
    ///
    /// # Errors
    /// [`StateStoreError::Gap`] if they do not follow the stored block; nothing is changed then.
    pub fn advance(&self, steps: &[StateStep<'_>]) -> Result<(), StateStoreError> {
        let Some(last) = steps.last() else { return Ok(()) };
        let mut tx = self.db.begin_write()?;
        tx.set_durability(Durability::Immediate)
            .map_err(|error| StateStoreError::Damaged(error.to_string()))?;
        let mut at = read_tip(&tx)?.map_or(0, |tip| tip.number);
        for step in steps {
            if step.tip.number != at + 1 {
                return Err(StateStoreError::Gap { at, to: step.tip.number });
            }
            at = step.tip.number;
            write_changes(&tx, step.changes)?;
            let mut undo = tx.open_table(UNDO)?;
            undo.insert(at, encode_changes(step.undo).as_slice())?;
            if let Some(old) = at.checked_sub(UNDO_BLOCKS_MAX) {
                undo.remove(old)?;
            }
        }
        write_tip(&tx, last.tip)?;
        tx.commit()?;
        Ok(())
    }

    /// Goes back to the block of `tip` with the stored inverses.
    ///
    /// # Errors
    /// [`StateStoreError::Gap`] if one is missing; nothing is changed then.
    pub fn rollback(&self, tip: StateTip) -> Result<(), StateStoreError> {
        let tx = self.db.begin_write()?;
        let at = read_tip(&tx)?.map_or(0, |tip| tip.number);
        for number in (tip.number + 1..=at).rev() {
            let inverse = {
                let mut undo = tx.open_table(UNDO)?;
                let Some(bytes) = undo.remove(number)?.map(|value| value.value().to_vec()) else {
                    return Err(StateStoreError::Gap { at, to: tip.number });
                };
                decode_changes(&bytes)?
            };
            write_changes(&tx, &inverse)?;
        }
        write_tip(&tx, tip)?;
        tx.commit()?;
        Ok(())
    }

    /// The inverse of block `number`, if it is kept.
    ///
    /// # Errors
    /// [`StateStoreError`].
    pub fn undo(&self, number: u64) -> Result<Option<StateChanges>, StateStoreError> {
        let tx = self.db.begin_read()?;
        let table = tx.open_table(UNDO)?;
        table.get(number)?.map(|value| decode_changes(value.value())).transpose()
    }
}

fn write_changes(tx: &WriteTransaction, changes: &StateChanges) -> Result<(), StateStoreError> {
    let mut accounts = tx.open_table(ACCOUNTS)?;
    let mut storage = tx.open_table(STORAGE)?;
    let mut codes = tx.open_table(CODES)?;
    for (address, change) in &changes.accounts {
        if change.wiped || change.account.is_none() {
            storage
                .retain_in(storage_key(*address, U256::ZERO)..=storage_key(*address, U256::MAX), |_, _| {
                    false
                })?;
        }
        match &change.account {
            Some(account) => accounts.insert(address.0.0, encode_account(account).as_slice())?,
            None => accounts.remove(address.0.0)?,
        };
        for (slot, value) in &change.storage {
            let key = storage_key(*address, *slot);
            if value.is_zero() {
                storage.remove(key)?;
            } else {
                storage.insert(key, value.to_be_bytes::<32>())?;
            }
        }
    }
    for (hash, code) in &changes.codes {
        codes.insert(hash.0, code.as_ref())?;
    }
    Ok(())
}

fn read_tip(tx: &WriteTransaction) -> Result<Option<StateTip>, StateStoreError> {
    tx.open_table(META)?.get("tip")?.map(|value| decode_tip(value.value())).transpose()
}

fn write_tip(tx: &WriteTransaction, tip: StateTip) -> Result<(), StateStoreError> {
    let mut bytes = Vec::with_capacity(48);
    bytes.extend_from_slice(&tip.number.to_le_bytes());
    bytes.extend_from_slice(&tip.position.to_le_bytes());
    bytes.extend_from_slice(tip.hash.as_slice());
    tx.open_table(META)?.insert("tip", bytes.as_slice())?;
    Ok(())
}

fn decode_tip(bytes: &[u8]) -> Result<StateTip, StateStoreError> {
    let bytes: [u8; 48] = fixed(bytes)?;
    Ok(StateTip {
        number: u64::from_le_bytes(fixed(&bytes[..8])?),
        position: u64::from_le_bytes(fixed(&bytes[8..16])?),
        hash: B256::from_slice(&bytes[16..]),
    })
}

fn encode_account(account: &Account) -> [u8; ACCOUNT_BYTES] {
    let mut out = [0; ACCOUNT_BYTES];
    out[..8].copy_from_slice(&account.nonce.to_le_bytes());
    out[8..40].copy_from_slice(&account.balance.to_be_bytes::<32>());
    out[40..].copy_from_slice(account.code_hash.as_slice());
    out
}

fn decode_account(bytes: &[u8]) -> Result<Account, StateStoreError> {
    let bytes: [u8; ACCOUNT_BYTES] = fixed(bytes)?;
    Ok(Account {
        nonce: u64::from_le_bytes(fixed(&bytes[..8])?),
        balance: U256::from_be_slice(&bytes[8..40]),
        code_hash: B256::from_slice(&bytes[40..]),
    })
}

fn storage_key(address: Address, slot: U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

fn split_key(key: &[u8; 52]) -> (Address, U256) {
    (Address::from_slice(&key[..20]), U256::from_be_slice(&key[20..]))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StateStoreError> {
    bytes
        .try_into()
        .map_err(|_| StateStoreError::Damaged(format!("expected {N} bytes, found {}", bytes.len())))
}

const GONE: u8 = 0;
const EXISTS: u8 = 1;
const WIPED: u8 = 2;

fn encode_changes(changes: &StateChanges) -> Vec<u8> {
    let mut out = Vec::new();
    for (address, change) in &changes.accounts {
        out.extend_from_slice(address.as_slice());
        let wiped = if change.wiped { WIPED } else { 0 };
        match &change.account {
            Some(account) => {
                out.push(EXISTS | wiped);
                out.extend_from_slice(&encode_account(account));
            }
            None => out.push(GONE | wiped),
        }
        out.extend_from_slice(&(change.storage.len() as u32).to_le_bytes());
        for (slot, value) in &change.storage {
            out.extend_from_slice(&slot.to_be_bytes::<32>());
            out.extend_from_slice(&value.to_be_bytes::<32>());
        }
    }
    out
}

fn decode_changes(mut bytes: &[u8]) -> Result<StateChanges, StateStoreError> {
    fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], StateStoreError> {
        let (head, rest) = bytes
            .split_at_checked(len)
            .ok_or_else(|| StateStoreError::Damaged("inverse ends early".into()))?;
        *bytes = rest;
        Ok(head)
    }
    let mut changes = StateChanges::default();
    while !bytes.is_empty() {
        let address = Address::from_slice(take(&mut bytes, 20)?);
        let flags = take(&mut bytes, 1)?[0];
        if flags > EXISTS | WIPED {
            return Err(StateStoreError::Damaged(format!("flags {flags} in an inverse")));
        }
        let account =
            if flags & EXISTS != 0 { Some(decode_account(take(&mut bytes, ACCOUNT_BYTES)?)?) } else { None };
        let count = u32::from_le_bytes(fixed(take(&mut bytes, 4)?)?);
        let mut change = AccountChange { account, wiped: flags & WIPED != 0, ..Default::default() };
        for _ in 0..count {
            let slot = U256::from_be_slice(take(&mut bytes, 32)?);
            change.storage.insert(slot, U256::from_be_slice(take(&mut bytes, 32)?));
        }
        changes.accounts.insert(address, change);
    }
    Ok(changes)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
