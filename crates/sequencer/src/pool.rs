//! The transaction pool: a pure state machine without clock or I/O.
//!
//! Transactions of one sender form a queue in nonce order. The gapless run from the sender's next nonce is
//! *executable*; what lies behind a gap is *gapped*. The next nonce is that of the open block: including a
//! transaction moves it on, so the pool never needs the chain between two blocks.
//!
//! What keeps it standing under attack (DETER, MemPurge, MPFUZZ):
//! * a gapped transaction never evicts an executable one, and one below the base fee never evicts one above it;
//! * the balance must cover everything its sender has in the pool, data fee included, before anything is kept;
//! * a full pool loses the tail of the cheapest queue, or of the largest one, so that a sender never loses a
//!   transaction from the middle and what is left stays executable;
//! * to displace its equal a transaction must pay the price bump, so churning costs.

mod queue;
mod types;

#[cfg(test)]
mod tests;

use alloy::primitives::{Address, B256};
use queue::{SenderQueue, Slot, Worth};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
pub use types::{
    AccountCode, AccountView, Admitted, BlockFees, ChainLimits, DropReason, PoolConfig, PoolError, PoolStats,
    PoolTx,
};

/// Dearest first, then first come first served.
type ReadyKey = (Reverse<u128>, u64);
/// Cheapest first, then newest first.
type TailKey = (Worth, Reverse<u64>);

struct Entry<T> {
    queue: SenderQueue<T>,
    ready: Option<ReadyKey>,
    tail: Option<TailKey>,
    heavy: Option<usize>,
    counted: Counted,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    txs: usize,
    gapped: usize,
    bytes: usize,
}

/// The pool over transactions that carry a `T`.
///
/// Every operation is O(log n) in the number of senders, except [`Pool::start_block`], which looks at each sender once.
pub struct Pool<T> {
    config: PoolConfig,
    limits: ChainLimits,
    fees: BlockFees,
    senders: HashMap<Address, Entry<T>>,
    by_hash: HashMap<B256, (Address, u64)>,
    ready: BTreeSet<(ReadyKey, Address)>,
    tails: BTreeSet<(TailKey, Address)>,
    heavy: BTreeSet<(usize, Address)>,
    authorities: HashMap<Address, usize>,
    total: Counted,
    next_seq: u64,
    dropped: Vec<(B256, DropReason)>,
}

impl<T> Pool<T> {
    /// An empty pool.
    pub fn new(config: PoolConfig, limits: ChainLimits) -> Self {
        Self {
            config,
            limits,
            fees: BlockFees::default(),
            senders: HashMap::new(),
            by_hash: HashMap::new(),
            ready: BTreeSet::new(),
            tails: BTreeSet::new(),
            heavy: BTreeSet::new(),
            authorities: HashMap::new(),
            total: Counted::default(),
            next_seq: 0,
            dropped: Vec::new(),
        }
    }

    /// Admits `tx`, whose sender's account is `view` in the state after the open block so far.
    ///
    /// A view that lags behind what was already included is tolerated: the later nonce counts.
    ///
    /// # Errors
    /// Why it is refused; the pool is then as before, except that it learnt the sender's nonce from `view`.
    pub fn add(&mut self, tx: PoolTx<T>, view: &AccountView, now_secs: u64) -> Result<Admitted, PoolError> {
        self.check_static(&tx)?;
        let sender = tx.sender;
        let next = self.senders.get(&sender).map_or(view.nonce, |entry| entry.queue.next.max(view.nonce));
        if tx.nonce < next {
            return Err(PoolError::NonceTooLow { next, found: tx.nonce });
        }
        if self.senders.get(&sender).is_some_and(|entry| entry.queue.next < next) {
            self.advance_to(sender, next);
        }
        let fresh = SenderQueue::new(next);
        let queue = self.senders.get(&sender).map_or(&fresh, |entry| &entry.queue);
        self.check_replacement(&tx, queue)?;
        self.check_account(&tx, view, queue)?;
        let own_tail = self.check_slots(&tx, queue)?;
        let worth = queue.worth_of(&tx, self.fees.base_fee);
        let replaced = queue.get(tx.nonce).map(|slot| slot.tx.size);
        self.make_room(
            &sender,
            worth,
            usize::from(replaced.is_none()),
            tx.size.saturating_sub(replaced.unwrap_or(0)),
        )?;
        if let Some(nonce) = own_tail {
            self.drop_nonce(sender, nonce, DropReason::Evicted);
        }
        Ok(self.insert(tx, next, now_secs, worth))
    }

    /// The best transaction for the open block: highest effective tip, first come first served among equals.
    pub fn best(&self) -> Option<&Arc<PoolTx<T>>> {
        let (_, sender) = self.ready.first()?;
        self.senders.get(sender)?.queue.head().map(|slot| &slot.tx)
    }

    /// The transaction `hash` of `sender` went into the open block; its successor becomes ready.
    ///
    /// Whatever else took its place since [`Pool::best`] showed it is stale.
    pub fn included(&mut self, sender: Address, nonce: u64, hash: &B256) {
        let next = nonce.saturating_add(1);
        let entry = self.senders.entry(sender).or_insert_with(|| Entry::new(next));
        let gone = match entry.queue.head() {
            Some(slot) if slot.tx.nonce == nonce => entry.queue.advance().into_iter().collect(),
            _ => entry.queue.set_next(next),
        };
        for slot in gone {
            self.forget(&slot);
            if slot.tx.hash != *hash {
                self.dropped.push((slot.tx.hash, DropReason::Stale));
            }
        }
        self.reindex(sender);
    }

    /// Leaves `sender` out until the next [`Pool::start_block`]: its head does not fit into what is left of the block.
    pub fn skip(&mut self, sender: Address) {
        if let Some(entry) = self.senders.get_mut(&sender) {
            entry.queue.skipped = true;
            self.reindex(sender);
        }
    }

    /// Drops a transaction that the builder found invalid; what follows it becomes gapped.
    pub fn reject(&mut self, hash: &B256) {
        if let Some(&(sender, nonce)) = self.by_hash.get(hash) {
            self.drop_nonce(sender, nonce, DropReason::Invalid);
        }
    }

    /// The account of `sender` has this nonce now, by a deposit, an authorisation or a rollback.
    pub fn set_nonce(&mut self, sender: Address, nonce: u64) {
        if self.senders.get(&sender).is_some_and(|entry| entry.queue.next != nonce) {
            self.advance_to(sender, nonce);
        }
    }

    /// A block opens: takes its fees, puts skipped senders back and drops gapped transactions that are too old.
    pub fn start_block(&mut self, fees: BlockFees, now_secs: u64) {
        self.fees = fees;
        let senders: Vec<Address> = self.senders.keys().copied().collect();
        for sender in senders {
            self.expire(sender, now_secs);
            let Some(entry) = self.senders.get_mut(&sender) else { continue };
            if entry.queue.is_empty() {
                self.senders.remove(&sender);
                continue;
            }
            entry.queue.skipped = false;
            self.reindex(sender);
        }
    }

    /// Every sender in the pool, to look its nonce up again after a rollback.
    pub fn senders(&self) -> impl Iterator<Item = Address> + '_ {
        self.senders.keys().copied()
    }

    /// Senders with transactions of which none can run: their nonce may have moved without the pool's knowledge.
    pub fn stalled(&self) -> impl Iterator<Item = Address> + '_ {
        let stalled = |entry: &Entry<T>| !entry.queue.is_empty() && entry.queue.head().is_none();
        self.senders.iter().filter(move |(_, entry)| stalled(entry)).map(|(sender, _)| *sender)
    }

    /// The nonce a wallet should use next, or `None` when the sender has nothing here.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.senders.get(sender).map(|entry| entry.queue.next_free())
    }

    /// The transaction of this hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<PoolTx<T>>> {
        let (sender, nonce) = self.by_hash.get(hash)?;
        self.senders.get(sender)?.queue.get(*nonce).map(|slot| &slot.tx)
    }

    /// Whether the transaction is here.
    pub fn contains(&self, hash: &B256) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// What left without being included since the last call.
    pub fn take_dropped(&mut self) -> Vec<(B256, DropReason)> {
        std::mem::take(&mut self.dropped)
    }

    /// How full it is.
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            pending: self.total.txs - self.total.gapped,
            queued: self.total.gapped,
            bytes: self.total.bytes,
            senders: self.senders.len(),
        }
    }

    /// All transactions, executable ones (first) and gapped ones, by sender and nonce. O(n).
    pub fn content(&self) -> [BTreeMap<Address, Vec<Arc<PoolTx<T>>>>; 2] {
        let mut content = [BTreeMap::new(), BTreeMap::new()];
        for (sender, entry) in &self.senders {
            for (position, (_, slot)) in entry.queue.slots().enumerate() {
                let side = usize::from(position >= entry.queue.executable);
                content[side].entry(*sender).or_insert_with(Vec::new).push(slot.tx.clone());
            }
        }
        content
    }

    /// Base fee and data price in force.
    pub fn fees(&self) -> BlockFees {
        self.fees
    }

    fn check_static(&self, tx: &PoolTx<T>) -> Result<(), PoolError> {
        let (config, limits) = (&self.config, &self.limits);
        if self.by_hash.contains_key(&tx.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        if tx.size > config.max_tx_bytes {
            return Err(PoolError::TooLarge { limit: config.max_tx_bytes, found: tx.size });
        }
        if tx.gas_limit > limits.tx_gas_limit {
            return Err(PoolError::GasLimitTooHigh { limit: limits.tx_gas_limit, found: tx.gas_limit });
        }
        if tx.max_tip > tx.max_fee {
            return Err(PoolError::TipAboveFee { tip: tx.max_tip, fee: tx.max_fee });
        }
        if tx.max_fee < limits.base_fee_min {
            return Err(PoolError::FeeTooLow { min: limits.base_fee_min, found: tx.max_fee });
        }
        if tx.max_tip < config.min_tip {
            return Err(PoolError::TipTooLow { min: config.min_tip, found: tx.max_tip });
        }
        if tx.authorizations > config.max_authorizations {
            return Err(PoolError::TooManyAuthorizations {
                limit: config.max_authorizations,
                found: tx.authorizations,
            });
        }
        Ok(())
    }

    fn check_replacement(&self, tx: &PoolTx<T>, queue: &SenderQueue<T>) -> Result<(), PoolError> {
        let Some(old) = queue.get(tx.nonce) else { return Ok(()) };
        let (fee, tip) = (self.bumped(old.tx.max_fee), self.bumped(old.tx.max_tip));
        if tx.max_fee < fee || tx.max_tip < tip {
            return Err(PoolError::ReplacementUnderpriced { fee, tip });
        }
        Ok(())
    }

    fn check_account(
        &self,
        tx: &PoolTx<T>,
        view: &AccountView,
        queue: &SenderQueue<T>,
    ) -> Result<(), PoolError> {
        if view.code == AccountCode::Contract {
            return Err(PoolError::SenderHasCode(tx.sender));
        }
        if view.code == AccountCode::Delegated || self.authorities.contains_key(&tx.sender) {
            if tx.nonce != queue.next && queue.head().is_some() {
                return Err(PoolError::DelegatedInFlight);
            }
            if tx.nonce != queue.next {
                return Err(PoolError::DelegatedGap { next: queue.next, found: tx.nonce });
            }
        }
        let waiting = |authority: &&Address| {
            let others = usize::from(**authority == tx.sender && queue.get(tx.nonce).is_some());
            self.senders.get(*authority).map_or(0, |entry| entry.queue.len()) > 1 + others
        };
        if let Some(authority) = tx.authorities.iter().find(waiting) {
            return Err(PoolError::AuthorityReserved(*authority));
        }
        let cost = tx.cost(self.fees.data_price);
        let replaced = queue.get(tx.nonce).map_or(Default::default(), |slot| slot.cost);
        let queued = queue.cost.saturating_sub(replaced);
        if queued.saturating_add(cost) > view.balance {
            return Err(PoolError::InsufficientFunds { balance: view.balance, queued, cost });
        }
        Ok(())
    }

    /// Checks the sender's slots; an executable newcomer may take that of the sender's own gapped tail, which is returned.
    fn check_slots(&self, tx: &PoolTx<T>, queue: &SenderQueue<T>) -> Result<Option<u64>, PoolError> {
        let config = &self.config;
        let free = queue.next_free();
        if tx.nonce > free {
            if tx.nonce - free > config.max_nonce_gap {
                return Err(PoolError::NonceTooHigh {
                    next: free,
                    found: tx.nonce,
                    gap: config.max_nonce_gap,
                });
            }
            if queue.get(tx.nonce).is_none() && queue.gapped() >= config.sender_gapped_slots {
                return Err(PoolError::GappedSlots { limit: config.sender_gapped_slots });
            }
        }
        if queue.get(tx.nonce).is_some() || queue.len() < config.sender_slots {
            return Ok(None);
        }
        match queue.tail() {
            Some(tail) if tx.nonce == free && queue.gapped() > 0 => Ok(Some(tail.tx.nonce)),
            _ => Err(PoolError::SenderSlots { limit: config.sender_slots }),
        }
    }

    /// Evicts until `txs` more transactions of `bytes` bytes fit; on failure everything evicted is put back.
    fn make_room(&mut self, own: &Address, worth: Worth, txs: usize, bytes: usize) -> Result<(), PoolError> {
        let gapped = if matches!(worth, Worth::Gapped(_)) { txs } else { 0 };
        let mut evicted = Vec::new();
        while self.total.txs + txs > self.config.max_txs
            || self.total.bytes + bytes > self.config.max_bytes
            || (gapped > 0 && self.total.gapped + gapped > self.config.max_gapped)
        {
            let slot = self.victim(own, worth).and_then(|sender| self.pop_tail(sender));
            let Some(slot) = slot else {
                evicted.into_iter().rev().for_each(|slot| self.put_back(slot));
                return Err(PoolError::Full);
            };
            evicted.push(slot);
        }
        self.dropped.extend(evicted.iter().map(|slot| (slot.tx.hash, DropReason::Evicted)));
        Ok(())
    }

    /// Whose tail a newcomer of this worth may displace.
    fn victim(&self, own: &Address, worth: Worth) -> Option<Address> {
        let cheapest = self.tails.iter().find(|(_, sender)| sender != own);
        if let Some(((tail, _), sender)) = cheapest
            && self.outranks(worth, *tail)
        {
            return Some(*sender);
        }
        let Worth::Executable(tip) = worth else { return None };
        let own_len = self.senders.get(own).map_or(0, |entry| entry.queue.executable);
        let (len, largest) = self.heavy.iter().rev().find(|(_, sender)| sender != own)?;
        let tail = self.senders.get(largest)?.tail?.0;
        let fair = *len > own_len + 1 && tail <= Worth::Executable(tip);
        fair.then_some(*largest)
    }

    fn outranks(&self, new: Worth, old: Worth) -> bool {
        match (new, old) {
            (Worth::Gapped(new), Worth::Gapped(old))
            | (Worth::BelowBaseFee(new), Worth::BelowBaseFee(old))
            | (Worth::Executable(new), Worth::Executable(old)) => new > old && new >= self.bumped(old),
            _ => new > old,
        }
    }

    fn bumped(&self, price: u128) -> u128 {
        let bump = price.saturating_mul(u128::from(self.config.price_bump_percent)).div_ceil(100);
        price.saturating_add(bump)
    }

    fn insert(&mut self, tx: PoolTx<T>, next: u64, now_secs: u64, worth: Worth) -> Admitted {
        let (sender, hash, nonce) = (tx.sender, tx.hash, tx.nonce);
        let cost = tx.cost(self.fees.data_price);
        for authority in &tx.authorities {
            *self.authorities.entry(*authority).or_default() += 1;
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        let entry = self.senders.entry(sender).or_insert_with(|| Entry::new(next));
        let old = entry.queue.insert(Arc::new(tx), cost, seq, now_secs);
        self.by_hash.insert(hash, (sender, nonce));
        if let Some(old) = old {
            self.forget(&old);
            self.dropped.push((old.tx.hash, DropReason::Replaced));
        }
        self.reindex(sender);
        if matches!(worth, Worth::Executable(_)) { Admitted::Executable } else { Admitted::Waiting }
    }

    fn put_back(&mut self, slot: Slot<T>) {
        let (sender, nonce) = (slot.tx.sender, slot.tx.nonce);
        for authority in &slot.tx.authorities {
            *self.authorities.entry(*authority).or_default() += 1;
        }
        self.by_hash.insert(slot.tx.hash, (sender, nonce));
        let entry = self.senders.entry(sender).or_insert_with(|| Entry::new(nonce));
        entry.queue.insert(slot.tx, slot.cost, slot.seq, slot.added_secs);
        self.reindex(sender);
    }

    fn pop_tail(&mut self, sender: Address) -> Option<Slot<T>> {
        let entry = self.senders.get_mut(&sender)?;
        let nonce = entry.queue.tail()?.tx.nonce;
        let slot = entry.queue.remove(nonce)?;
        self.forget(&slot);
        self.reindex(sender);
        Some(slot)
    }

    fn drop_nonce(&mut self, sender: Address, nonce: u64, reason: DropReason) {
        let Some(slot) = self.senders.get_mut(&sender).and_then(|entry| entry.queue.remove(nonce)) else {
            return;
        };
        self.forget(&slot);
        self.dropped.push((slot.tx.hash, reason));
        self.reindex(sender);
    }

    fn advance_to(&mut self, sender: Address, nonce: u64) {
        let Some(entry) = self.senders.get_mut(&sender) else { return };
        for slot in entry.queue.set_next(nonce) {
            self.forget(&slot);
            self.dropped.push((slot.tx.hash, DropReason::Stale));
        }
        self.reindex(sender);
    }

    fn expire(&mut self, sender: Address, now_secs: u64) {
        let Some(entry) = self.senders.get(&sender) else { return };
        let old = |slot: &Slot<T>| slot.added_secs.saturating_add(self.config.gapped_ttl_secs) < now_secs;
        let gapped = entry.queue.slots().skip(entry.queue.executable);
        let expired: Vec<u64> = gapped.filter(|(_, slot)| old(slot)).map(|(nonce, _)| *nonce).collect();
        for nonce in expired {
            self.drop_nonce(sender, nonce, DropReason::Expired);
        }
    }

    fn forget(&mut self, slot: &Slot<T>) {
        self.by_hash.remove(&slot.tx.hash);
        for authority in &slot.tx.authorities {
            if let Some(count) = self.authorities.get_mut(authority) {
                *count -= 1;
                if *count == 0 {
                    self.authorities.remove(authority);
                }
            }
        }
    }

    /// Brings the indices and totals in line with the sender's queue.
    fn reindex(&mut self, sender: Address) {
        let Some(entry) = self.senders.get_mut(&sender) else { return };
        let base_fee = self.fees.base_fee;
        let queue = &entry.queue;
        let head = queue.head().filter(|slot| !queue.skipped && slot.tx.max_fee >= base_fee);
        let ready = head.map(|slot| (Reverse(slot.tx.effective_tip(base_fee)), slot.seq));
        let tail =
            queue.tail_worth(base_fee).zip(queue.tail()).map(|(worth, slot)| (worth, Reverse(slot.seq)));
        let heavy = Some(queue.executable).filter(|len| *len > self.config.fair_slots);
        let counted = Counted { txs: queue.len(), gapped: queue.gapped(), bytes: queue.bytes };
        update(&mut self.ready, sender, std::mem::replace(&mut entry.ready, ready), ready);
        update(&mut self.tails, sender, std::mem::replace(&mut entry.tail, tail), tail);
        update(&mut self.heavy, sender, std::mem::replace(&mut entry.heavy, heavy), heavy);
        let before = std::mem::replace(&mut entry.counted, counted);
        self.total.txs = self.total.txs + counted.txs - before.txs;
        self.total.gapped = self.total.gapped + counted.gapped - before.gapped;
        self.total.bytes = self.total.bytes + counted.bytes - before.bytes;
    }
}

impl<T> Entry<T> {
    fn new(next: u64) -> Self {
        Self {
            queue: SenderQueue::new(next),
            ready: None,
            tail: None,
            heavy: None,
            counted: Counted::default(),
        }
    }
}

fn update<K: Ord + Copy>(set: &mut BTreeSet<(K, Address)>, sender: Address, old: Option<K>, new: Option<K>) {
    if old == new {
        return;
    }
    if let Some(key) = old {
        set.remove(&(key, sender));
    }
    if let Some(key) = new {
        set.insert((key, sender));
    }
}
