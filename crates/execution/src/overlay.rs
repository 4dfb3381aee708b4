//! The state while a block is being executed: what was read, what it is now.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map, B256Set, HashMap, hash_map::Entry as MapEntry},
};
use assay_primitives::predeploys;
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{AccountInfo, EvmState},
};

use crate::{Account, AccountChange, Fees, StateChanges, types::Reads};

/// Blocks whose hash the EIP-2935 contract keeps.
pub(crate) const HISTORY_WINDOW: u64 = 8191;

#[derive(Clone, Copy, Debug)]
struct Slot {
    before: U256,
    now: U256,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    before: Option<Account>,
    now: Option<Account>,
    /// Storage of before is gone: slots that are not in `slots` are zero.
    wiped: bool,
    slots: HashMap<U256, Slot>,
}

impl Entry {
    fn wipe(&mut self) {
        self.wiped = true;
        self.slots.values_mut().for_each(|slot| slot.now = U256::ZERO);
    }

    fn change(&self) -> Option<AccountChange> {
        let wiped = self.wiped && self.before.is_some();
        let storage: BTreeMap<U256, U256> = self
            .slots
            .iter()
            .filter(|(_, slot)| if wiped { !slot.now.is_zero() } else { slot.now != slot.before })
            .map(|(key, slot)| (*key, slot.now))
            .collect();
        let same = self.before == self.now && storage.is_empty();
        let (wiped, storage) = match self.now {
            Some(_) => (wiped, storage),
            None => (false, BTreeMap::new()),
        };
        (!same || wiped).then_some(AccountChange { account: self.now, wiped, storage })
    }
}

/// A parent state with the changes of the block on top; reads go to the parent once.
#[derive(Debug)]
pub struct Overlay<DB> {
    db: DB,
    fees: Fees,
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    /// Codes that the block made; the rest of `codes` came from the parent.
    new_codes: B256Set,
}

impl<DB: DatabaseRef> Overlay<DB> {
    pub(crate) fn new(db: DB, fees: Fees) -> Self {
        Self {
            db,
            fees,
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            new_codes: B256Set::default(),
        }
    }

    /// Everything that differs from the parent state, sorted.
    pub fn changes(&self) -> StateChanges {
        let accounts: BTreeMap<_, _> =
            self.accounts.iter().filter_map(|(address, entry)| Some((*address, entry.change()?))).collect();
        let codes = accounts
            .values()
            .filter_map(|change: &AccountChange| {
                let hash = change.account?.code_hash;
                let code = self.codes.get(&hash).filter(|_| self.new_codes.contains(&hash))?;
                Some((hash, code.original_bytes()))
            })
            .collect();
        StateChanges { accounts, codes }
    }

    /// Everything that was read from the parent state, sorted.
    pub(crate) fn reads(&self) -> Reads {
        let mut accounts: Vec<(Address, Vec<U256>)> = self
            .accounts
            .iter()
            .map(|(address, entry)| {
                let mut slots: Vec<U256> = entry.slots.keys().copied().collect();
                slots.sort_unstable();
                (*address, slots)
            })
            .collect();
        accounts.sort_unstable();
        let mut codes: Vec<B256> =
            self.codes.keys().copied().filter(|hash| !self.new_codes.contains(hash)).collect();
        codes.sort_unstable();
        Reads { accounts, codes }
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<Option<Account>, DB::Error> {
        Ok(self.entry(address)?.now)
    }

    pub(crate) fn set_account(&mut self, address: Address, account: Account) -> Result<(), DB::Error> {
        self.entry(address)?.now = Some(account);
        Ok(())
    }

    pub(crate) fn slot(&mut self, address: Address, key: U256) -> Result<U256, DB::Error> {
        self.entry(address)?;
        self.load_slot(address, key)
    }

    /// Writes a slot as the protocol does; an account that does not exist gets no storage.
    pub(crate) fn set_slot(&mut self, address: Address, key: U256, value: U256) -> Result<(), DB::Error> {
        if self.entry(address)?.now.is_none() {
            return Ok(());
        }
        self.load_slot(address, key)?;
        let entry = self.accounts.entry(address).or_default();
        entry.slots.entry(key).and_modify(|slot| slot.now = value);
        Ok(())
    }

    /// Takes over what one transaction did.
    pub(crate) fn commit(&mut self, state: EvmState) {
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            let entry = self.accounts.entry(address).or_default();
            if account.is_selfdestructed() {
                entry.now = None;
                entry.wipe();
                continue;
            }
            if account.is_created() {
                entry.wipe();
            }
            // An empty account that revm marks as created exists by the rules before EIP-161.
            let exists = !account.is_empty() || account.is_created();
            let before = entry.now.unwrap_or_default();
            let info = &account.info;
            entry.now = exists.then_some(Account {
                nonce: info.nonce,
                balance: info.balance,
                code_hash: if info.code_hash.is_zero() { before.code_hash } else { info.code_hash },
            });
            for (key, slot) in account.changed_storage_slots() {
                let value = slot.present_value();
                entry
                    .slots
                    .entry(*key)
                    .and_modify(|known| known.now = value)
                    .or_insert(Slot { before: U256::ZERO, now: value });
            }
            if let Some(code) = &info.code
                && info.code_hash != before.code_hash
                && !code.is_empty()
                && !self.codes.contains_key(&info.code_hash)
            {
                self.codes.insert(info.code_hash, code.clone());
                self.new_codes.insert(info.code_hash);
            }
        }
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, DB::Error> {
        match self.accounts.entry(address) {
            MapEntry::Occupied(known) => Ok(known.into_mut()),
            MapEntry::Vacant(empty) => {
                let before = self.db.basic_ref(address)?.as_ref().map(Account::from);
                Ok(empty.insert(Entry { before, now: before, ..Entry::default() }))
            }
        }
    }

    fn load_slot(&mut self, address: Address, key: U256) -> Result<U256, DB::Error> {
        let entry = self.accounts.entry(address).or_default();
        if let Some(slot) = entry.slots.get(&key) {
            return Ok(slot.now);
        }
        let fresh = entry.wiped || entry.before.is_none();
        let value = if fresh { U256::ZERO } else { self.db.storage_ref(address, key)? };
        entry.slots.insert(key, Slot { before: value, now: value });
        Ok(value)
    }
}

impl<DB: DatabaseRef> Database for Overlay<DB> {
    type Error = DB::Error;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        Ok(self.account(address)?.map(Account::into_info))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Self::Error> {
        if let Some(code) = self.codes.get(&hash) {
            return Ok(code.clone());
        }
        let code = self.db.code_by_hash_ref(hash)?;
        self.codes.insert(hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Self::Error> {
        self.slot(address, key)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        match self.fees {
            Fees::Assay => Ok(self.slot(predeploys::HISTORY, U256::from(number % HISTORY_WINDOW))?.into()),
            Fees::Ethereum => self.db.block_hash_ref(number),
        }
    }
}

/// Reads without remembering: the state of the pending block.
impl<DB: DatabaseRef> DatabaseRef for Overlay<DB> {
    type Error = DB::Error;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        match self.accounts.get(&address) {
            Some(entry) => Ok(entry.now.map(Account::into_info)),
            None => self.db.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Self::Error> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.db.code_by_hash_ref(hash),
        }
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let Some(entry) = self.accounts.get(&address) else {
            return self.db.storage_ref(address, key);
        };
        match entry.slots.get(&key) {
            Some(slot) => Ok(slot.now),
            None if entry.wiped || entry.now.is_none() => Ok(U256::ZERO),
            None => self.db.storage_ref(address, key),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        match self.fees {
            Fees::Assay => {
                Ok(self.storage_ref(predeploys::HISTORY, U256::from(number % HISTORY_WINDOW))?.into())
            }
            Fees::Ethereum => self.db.block_hash_ref(number),
        }
    }
}
