//! One sender's transactions in nonce order.

use super::types::{PoolTx, effective_tip};
use alloy::primitives::U256;
use std::{collections::BTreeMap, sync::Arc};

/// A queued transaction with what it inherits from those before it: a transaction is worth no more than the
/// cheapest one it must wait for.
pub(super) struct Slot<T> {
    pub(super) tx: Arc<PoolTx<T>>,
    pub(super) seq: u64,
    pub(super) added_secs: u64,
    pub(super) cost: U256,
    floor_fee: u128,
    floor_tip: u128,
}

/// The queue of one sender. `executable` transactions form a gapless run from `next`; the rest is gapped.
pub(super) struct SenderQueue<T> {
    pub(super) next: u64,
    pub(super) executable: usize,
    pub(super) cost: U256,
    pub(super) bytes: usize,
    /// Left out of the open block, because its head did not fit.
    pub(super) skipped: bool,
    slots: BTreeMap<u64, Slot<T>>,
}

/// How dear it is to evict the last transaction of a queue, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Behind a gap, with its fee cap.
    Gapped(u128),
    /// It or one before it pays less than the base fee, with the lowest fee cap.
    BelowBaseFee(u128),
    /// It could run now, with the lowest effective tip up to it.
    Executable(u128),
}

impl<T> SenderQueue<T> {
    pub(super) fn new(next: u64) -> Self {
        Self { next, executable: 0, cost: U256::ZERO, bytes: 0, skipped: false, slots: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn gapped(&self) -> usize {
        self.slots.len() - self.executable
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Slot<T>> {
        self.slots.get(&nonce)
    }

    pub(super) fn slots(&self) -> impl DoubleEndedIterator<Item = (&u64, &Slot<T>)> {
        self.slots.iter()
    }

    /// First nonce that no transaction here covers.
    pub(super) fn next_free(&self) -> u64 {
        self.next.saturating_add(self.executable as u64)
    }

    /// The transaction that can run next.
    pub(super) fn head(&self) -> Option<&Slot<T>> {
        if self.executable == 0 { None } else { self.slots.get(&self.next) }
    }

    pub(super) fn tail(&self) -> Option<&Slot<T>> {
        self.slots.last_key_value().map(|(_, slot)| slot)
    }

    /// Puts `tx` at its nonce; returns what was there.
    pub(super) fn insert(
        &mut self,
        tx: Arc<PoolTx<T>>,
        cost: U256,
        seq: u64,
        added_secs: u64,
    ) -> Option<Slot<T>> {
        let nonce = tx.nonce;
        let appends = nonce == self.next_free();
        self.cost = self.cost.saturating_add(cost);
        self.bytes += tx.size;
        let (floor_fee, floor_tip) = (tx.max_fee, tx.max_tip);
        let old = self.slots.insert(nonce, Slot { tx, seq, added_secs, cost, floor_fee, floor_tip });
        if let Some(old) = &old {
            self.discount(old.cost, old.tx.size);
        }
        if appends && self.slots.len() == self.executable + 1 {
            let before = nonce.checked_sub(1).filter(|_| self.executable > 0).and_then(|n| self.floors(n));
            self.set_floors(nonce, before);
            self.executable += 1;
        } else {
            self.rebuild();
        }
        old
    }

    /// Takes the transaction at `nonce` out; those after it become gapped unless `nonce` is the next one and is
    /// used up by [`Self::advance`].
    pub(super) fn remove(&mut self, nonce: u64) -> Option<Slot<T>> {
        let was_tail = self.slots.last_key_value().is_some_and(|(n, _)| *n == nonce);
        let slot = self.slots.remove(&nonce)?;
        self.discount(slot.cost, slot.tx.size);
        if was_tail {
            self.executable = self.executable.min(self.slots.len());
        } else {
            self.rebuild();
        }
        Some(slot)
    }

    /// The head was included: takes it out and moves on to the next nonce.
    pub(super) fn advance(&mut self) -> Option<Slot<T>> {
        if self.executable == 0 {
            return None;
        }
        let slot = self.slots.remove(&self.next)?;
        self.discount(slot.cost, slot.tx.size);
        self.next = self.next.saturating_add(1);
        self.executable -= 1;
        Some(slot)
    }

    /// The account's nonce is `next` now, for whatever reason; returns what became stale.
    pub(super) fn set_next(&mut self, next: u64) -> Vec<Slot<T>> {
        if next == self.next {
            return Vec::new();
        }
        self.next = next;
        let kept = self.slots.split_off(&next);
        let stale: Vec<_> = std::mem::replace(&mut self.slots, kept).into_values().collect();
        for slot in &stale {
            self.discount(slot.cost, slot.tx.size);
        }
        self.rebuild();
        stale
    }

    /// What evicting the tail would cost the sender, at `base_fee`.
    pub(super) fn tail_worth(&self, base_fee: u128) -> Option<Worth> {
        let tail = self.tail()?;
        if self.gapped() > 0 {
            return Some(Worth::Gapped(tail.tx.max_fee));
        }
        Some(worth(tail.floor_fee, tail.floor_tip, base_fee))
    }

    /// What `tx` would be worth in this queue.
    pub(super) fn worth_of(&self, tx: &PoolTx<T>, base_fee: u128) -> Worth {
        if tx.nonce > self.next_free() {
            return Worth::Gapped(tx.max_fee);
        }
        let before = tx.nonce.checked_sub(1).filter(|n| *n >= self.next).and_then(|n| self.floors(n));
        let (fee, tip) = before.unwrap_or((u128::MAX, u128::MAX));
        worth(fee.min(tx.max_fee), tip.min(tx.max_tip), base_fee)
    }

    fn discount(&mut self, cost: U256, bytes: usize) {
        self.cost = self.cost.saturating_sub(cost);
        self.bytes -= bytes;
    }

    fn floors(&self, nonce: u64) -> Option<(u128, u128)> {
        self.slots.get(&nonce).map(|slot| (slot.floor_fee, slot.floor_tip))
    }

    fn set_floors(&mut self, nonce: u64, before: Option<(u128, u128)>) {
        if let Some(slot) = self.slots.get_mut(&nonce) {
            let (fee, tip) = before.unwrap_or((u128::MAX, u128::MAX));
            slot.floor_fee = fee.min(slot.tx.max_fee);
            slot.floor_tip = tip.min(slot.tx.max_tip);
        }
    }

    fn rebuild(&mut self) {
        self.executable = 0;
        let (mut fee, mut tip) = (u128::MAX, u128::MAX);
        for (expected, (nonce, slot)) in (self.next..=u64::MAX).zip(self.slots.iter_mut()) {
            if *nonce != expected {
                break;
            }
            (fee, tip) = (fee.min(slot.tx.max_fee), tip.min(slot.tx.max_tip));
            (slot.floor_fee, slot.floor_tip) = (fee, tip);
            self.executable += 1;
        }
    }
}

fn worth(floor_fee: u128, floor_tip: u128, base_fee: u128) -> Worth {
    // min over the run of min(tip, fee - base) is min(lowest tip, lowest fee - base)
    if floor_fee < base_fee {
        Worth::BelowBaseFee(floor_fee)
    } else {
        Worth::Executable(effective_tip(floor_fee, floor_tip, base_fee))
    }
}
