//! Entries of the forced queue that L1 holds and the chain has not consumed yet.

use assay_node::{Block, Chain};
use assay_primitives::QueueEntry;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Entries handed to the builder at a time.
const DUE_MAX: usize = 256;

/// The queue as L1 shows it. Filled by whoever reads L1, emptied by the builder.
#[derive(Debug)]
pub struct ForcedQueue {
    confirmations: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    l1_head: u64,
    entries: BTreeMap<u64, QueueEntry>,
}

impl ForcedQueue {
    /// An empty queue whose entries may be taken `confirmations` L1 blocks after theirs.
    pub fn new(confirmations: u64) -> Self {
        Self { confirmations, state: Mutex::new(State::default()) }
    }

    /// L1's head is block `l1_head`, and these are the entries that no batch on its chain has consumed, in order.
    pub fn set(&self, l1_head: u64, entries: impl IntoIterator<Item = QueueEntry>) {
        let entries = entries.into_iter().map(|entry| (entry.index, entry)).collect();
        *self.state.lock() = State { l1_head, entries };
    }

    pub(crate) fn is_due(&self, next: u64) -> bool {
        let state = self.state.lock();
        state.entries.get(&next).is_some_and(|entry| self.is_confirmed(&state, entry))
    }

    /// The run of entries from `next` on that may be taken now.
    pub(crate) fn due(&self, next: u64) -> Vec<QueueEntry> {
        let state = self.state.lock();
        let run = state.entries.range(next..).zip(next..=u64::MAX).take(DUE_MAX);
        run.take_while(|((index, entry), expected)| *index == expected && self.is_confirmed(&state, entry))
            .map(|((_, entry), _)| entry.clone())
            .collect()
    }

    fn is_confirmed(&self, state: &State, entry: &QueueEntry) -> bool {
        entry.l1_block.saturating_add(self.confirmations) <= state.l1_head
    }

    /// The next entry to consume after blocks were dropped and others written: what the head's chain consumed.
    pub(crate) fn next_after(&self, chain: &Chain, before: u64, dropped: &[Arc<Block>]) -> u64 {
        let head = chain.latest().number();
        let mut number = head;
        // blocks written by others end where the head's last forced entry says
        while let Some(block) = chain.recent_block(number) {
            if let Some(last) = block.forced.last() {
                return last.index + 1;
            }
            if number == 0 {
                return 0;
            }
            number -= 1;
        }
        // nothing in memory consumed any: only what was dropped can have moved it
        let first_dropped = dropped.iter().rev().find_map(|block| block.forced.first());
        first_dropped.map_or(before, |entry| entry.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, l1_block: u64) -> QueueEntry {
        QueueEntry::beacon(index, l1_block, 0, 32, Default::default(), 100_000)
    }

    fn indices(queue: &ForcedQueue, next: u64) -> Vec<u64> {
        queue.due(next).iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn gives_confirmed_entries_in_order_without_gaps() {
        let queue = ForcedQueue::new(2);
        queue.set(12, [entry(0, 10), entry(1, 10), entry(2, 11), entry(4, 11)]);
        assert_eq!(indices(&queue, 0), [0, 1]);
        queue.set(13, [entry(0, 10), entry(1, 10), entry(2, 11), entry(4, 11)]);
        assert_eq!(indices(&queue, 1), [1, 2]);
        assert!(!queue.is_due(3));
        assert!(queue.is_due(4));
        queue.set(13, [entry(2, 12)]);
        assert_eq!(indices(&queue, 0), [0u64; 0]);
        assert!(!queue.is_due(2));
    }
}
