//! The state hash after every instruction.
//!
//! Instructions are executed first and hashed afterwards, in batches and level by level: the hashes of one level of the tree do not
//! depend on each other, so that all cores share them.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, keccak256};
use assay_primitives::OracleKey;
use rayon::prelude::*;

use super::{Engine, Executor, memory::FlatMemory};
use crate::{
    machine::HostBus,
    memory::{Memory, MemoryTree, PAGE_LEAVES},
    oracle::{HostError, Oracle},
    state::{MEMORY_ROOT_AT, STATE_BYTES},
    step::{Bus, KECCAK_LEAVES, Leaf, Part, step},
    tree::{MEMORY_DEPTH, PAGE_DEPTH, Page, node, page_nodes},
};

/// Instructions executed before they are hashed.
const BATCH: u64 = 1 << 14;
/// Pages whose inner nodes are kept from one batch to the next: 8 KiB each.
const HOT_PAGES_MAX: usize = 1 << 14;
/// Hashes worth sending to another core.
const HASHES_MIN: usize = 32;

type Nodes = Box<[B256; 2 * PAGE_LEAVES as usize]>;

impl<E: Engine> Executor<E> {
    /// Executes up to `steps` instructions and gives the state hash after each; fewer if the machine halts, after which the
    /// state stays. On an error the machine stands before the instruction that asked, and the hashes are lost.
    ///
    /// Cost: three permutations of keccak for each instruction and 27 for each write, on every core.
    pub fn history(&mut self, steps: u64, oracle: &mut dyn Oracle) -> Result<Vec<B256>, HostError> {
        self.machine.rehash();
        let mut hot = HashMap::new();
        let mut hashes = Vec::new();
        let end = self.steps().saturating_add(steps);
        while self.steps() < end && self.cpu().is_running() {
            let batch = BATCH.min(end - self.steps());
            hashes.extend(self.batch(batch, &mut hot, oracle)?);
            if hot.len() > HOT_PAGES_MAX {
                hot.clear();
            }
        }
        Ok(hashes)
    }

    fn batch(
        &mut self,
        steps: u64,
        hot: &mut HashMap<u32, Nodes>,
        oracle: &mut dyn Oracle,
    ) -> Result<Vec<B256>, HostError> {
        let machine = &mut self.machine;
        let mut log = Log { hot, fresh: BTreeMap::new(), step: 0, writes: Vec::new() };
        let mut states: Vec<[u8; STATE_BYTES]> = Vec::with_capacity(steps as usize);
        let before = machine.tree.root();
        let mut outcome = Ok(());
        while (states.len() as u64) < steps && machine.cpu.is_running() {
            log.step = states.len() as u32;
            let word = self.program.code().fetch(machine.cpu.pc);
            let host = HostBus { memory: &mut machine.memory, parts: &mut machine.parts, oracle };
            outcome = step(&mut machine.cpu, word, &mut Logger { host, log: &mut log });
            if outcome.is_err() {
                break;
            }
            machine.steps += 1;
            states.push(machine.cpu.pack(&before));
        }
        let Log { fresh, writes, .. } = log;
        let fresh: Vec<(u32, Box<Page>)> = fresh.into_iter().collect();
        hot.par_extend(fresh.into_par_iter().map(|(index, page)| (index, Box::new(page_nodes(&page)))));
        let roots = replay(&mut machine.tree, hot, writes);
        machine.memory.take_written();
        outcome?;
        let ends = roots.iter().skip(1).map(|root| root.step as usize).chain([states.len()]);
        for (root, end) in roots.iter().zip(ends) {
            for state in &mut states[root.step as usize..end] {
                state[MEMORY_ROOT_AT..MEMORY_ROOT_AT + 32].copy_from_slice(root.value.as_slice());
            }
        }
        Ok(states.par_iter().with_min_len(HASHES_MIN).map(keccak256).collect())
    }
}

/// A node that changed, at which step.
#[derive(Clone, Copy)]
struct Change {
    step: u32,
    index: u32,
    value: B256,
}

/// Applies the changes of leaves, in order, and gives the root after each step that changed it.
fn replay(tree: &mut MemoryTree, hot: &mut HashMap<u32, Nodes>, mut changes: Vec<Change>) -> Vec<Change> {
    let mut pairs: Vec<(Change, B256)> = Vec::with_capacity(changes.len());
    for height in 0..MEMORY_DEPTH {
        pairs.clear();
        for (i, change) in changes.iter().enumerate() {
            let sibling = match height {
                0..PAGE_DEPTH => {
                    let span = PAGE_LEAVES >> height;
                    let page = hot.get_mut(&(change.index / span)).map(|nodes| {
                        let at = (span + change.index % span) as usize;
                        nodes[at] = change.value;
                        nodes[at ^ 1]
                    });
                    match page {
                        Some(sibling) => sibling,
                        None => unreachable!("every page written has its nodes"),
                    }
                }
                _ => {
                    tree.set_node(height, change.index, change.value);
                    tree.node(height, change.index ^ 1)
                }
            };
            // Of several changes under one node in one step only the last one's hash is the node's.
            let last = changes
                .get(i + 1)
                .is_none_or(|next| (next.step, next.index / 2) != (change.step, change.index / 2));
            if last {
                pairs.push((*change, sibling));
            }
        }
        let above = pairs.par_iter().with_min_len(HASHES_MIN).map(|(change, sibling)| {
            let value = match change.index % 2 {
                0 => node(&change.value, sibling),
                _ => node(sibling, &change.value),
            };
            Change { index: change.index / 2, value, ..*change }
        });
        above.collect_into_vec(&mut changes);
    }
    for change in &changes {
        tree.set_node(MEMORY_DEPTH, 0, change.value);
    }
    changes
}

/// What a batch writes.
struct Log<'a> {
    hot: &'a HashMap<u32, Nodes>,
    /// Pages as they were before their first write, of those that are not hot.
    fresh: BTreeMap<u32, Box<Page>>,
    step: u32,
    writes: Vec<Change>,
}

/// Notes each write that changes something.
struct Logger<'a, 'b> {
    host: HostBus<'a, FlatMemory>,
    log: &'a mut Log<'b>,
}

impl Bus for Logger<'_, '_> {
    type Error = HostError;

    fn leaf(&mut self, index: u32) -> Result<Leaf, HostError> {
        self.host.leaf(index)
    }

    fn set_leaf(&mut self, index: u32, leaf: &Leaf) -> Result<(), HostError> {
        if self.host.memory.leaf(index) == *leaf {
            return Ok(());
        }
        let page = index / PAGE_LEAVES;
        if !self.log.hot.contains_key(&page) {
            self.log.fresh.entry(page).or_insert_with(|| Box::new(*self.host.memory.page(page)));
        }
        self.log.writes.push(Change { step: self.log.step, index, value: B256::new(*leaf) });
        self.host.set_leaf(index, leaf)
    }

    fn leaves(&mut self, index: u32) -> Result<[Leaf; KECCAK_LEAVES], HostError> {
        self.host.leaves(index)
    }

    fn set_leaves(&mut self, index: u32, leaves: &[Leaf; KECCAK_LEAVES]) -> Result<(), HostError> {
        for (index, leaf) in (index..).zip(leaves) {
            self.set_leaf(index, leaf)?;
        }
        Ok(())
    }

    fn part(&mut self, key: OracleKey, offset: u32) -> Result<Part, HostError> {
        self.host.part(key, offset)
    }

    fn hint(&mut self, address: u64, bytes: u64) {
        self.host.hint(address, bytes);
    }
}
