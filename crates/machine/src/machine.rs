//! A machine that runs: processor, memory and the tree over it.

use alloc::vec::Vec;

use alloy_primitives::B256;
use assay_primitives::OracleKey;

use crate::{
    code::Code,
    memory::{Memory, MemoryTree, SparseMemory},
    oracle::{HINT_BYTES_MAX, HostError, Oracle, PartCache},
    program::Program,
    state::{Cpu, State},
    step::{Bus, KECCAK_LEAVES, Leaf, Part, step},
    tree::{LEAF_BYTES, MEMORY_DEPTH},
};

/// The reference: one step at a time, over memory that needs nothing but an allocator.
pub type Reference = Machine<SparseMemory>;

/// A machine over some memory.
#[derive(Clone, Debug)]
pub struct Machine<M> {
    pub(crate) cpu: Cpu,
    pub(crate) memory: M,
    pub(crate) tree: MemoryTree,
    pub(crate) steps: u64,
    pub(crate) parts: PartCache,
}

impl Reference {
    /// The first state of a run.
    pub fn new(program: &Program, input: B256) -> Self {
        Self::with(Cpu::new(program.entry(), input), program.memory().clone(), program.tree().clone(), 0)
    }
}

impl<M: Memory + Sync> Machine<M> {
    /// A machine in the middle of a run; `tree` is over `memory` but for the pages marked as written.
    pub fn with(cpu: Cpu, memory: M, tree: MemoryTree, steps: u64) -> Self {
        Self { cpu, memory, tree, steps, parts: PartCache::default() }
    }

    /// Everything but the memory.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The memory.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Steps taken that changed something.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The state. Cost: a rehash of the pages written since the last time.
    pub fn state(&mut self) -> State {
        self.rehash();
        State { cpu: self.cpu.clone(), memory_root: self.tree.root() }
    }

    /// The state hash. Cost as [`Self::state`].
    pub fn state_hash(&mut self) -> B256 {
        self.state().hash()
    }

    pub(crate) fn rehash(&mut self) {
        let written = self.memory.take_written();
        self.tree.update(&self.memory, &written);
    }

    /// Takes one step.
    pub fn step(&mut self, code: &Code, oracle: &mut dyn Oracle) -> Result<(), HostError> {
        self.step_over(code, |memory, _, parts| HostBus { memory, parts, oracle }).map(drop)
    }

    /// Takes one step and gives its witness.
    pub fn step_witness(&mut self, code: &Code, oracle: &mut dyn Oracle) -> Result<Vec<u8>, HostError> {
        let mut witness = code_witness(code, &self.cpu);
        self.rehash();
        let bus = self.step_over(code, |memory, tree, parts| {
            let host = HostBus { memory, parts, oracle };
            Recorder { host, tree, witness: Vec::new() }
        })?;
        witness.extend_from_slice(&bus.witness);
        Ok(witness)
    }

    fn step_over<'a, B: Bus<Error = HostError>>(
        &'a mut self,
        code: &Code,
        bus: impl FnOnce(&'a mut M, &'a mut MemoryTree, &'a mut PartCache) -> B,
    ) -> Result<B, HostError> {
        let mut bus = bus(&mut self.memory, &mut self.tree, &mut self.parts);
        if self.cpu.is_running() {
            let word = code.fetch(self.cpu.pc);
            step(&mut self.cpu, word, &mut bus)?;
            self.steps += 1;
        }
        Ok(bus)
    }
}

/// The witness up to the code's siblings.
fn code_witness(code: &Code, cpu: &Cpu) -> Vec<u8> {
    let mut witness = Vec::new();
    if !cpu.is_running() {
        return witness;
    }
    witness.push(code.window());
    if code.fetch(cpu.pc).is_none() {
        witness.extend_from_slice(code.tree_root().as_slice());
        return witness;
    }
    let (leaf, siblings) = code.open(cpu.pc);
    witness.extend_from_slice(leaf.as_slice());
    for sibling in &siblings {
        witness.extend_from_slice(sibling.as_slice());
    }
    witness
}

/// Memory and oracle of a host.
pub(crate) struct HostBus<'a, M> {
    pub(crate) memory: &'a mut M,
    pub(crate) parts: &'a mut PartCache,
    pub(crate) oracle: &'a mut dyn Oracle,
}

impl<M: Memory> Bus for HostBus<'_, M> {
    type Error = HostError;

    #[inline]
    fn leaf(&mut self, index: u32) -> Result<Leaf, HostError> {
        Ok(self.memory.leaf(index))
    }

    #[inline]
    fn set_leaf(&mut self, index: u32, leaf: &Leaf) -> Result<(), HostError> {
        self.memory.set_leaf(index, leaf);
        Ok(())
    }

    fn leaves(&mut self, index: u32) -> Result<[Leaf; KECCAK_LEAVES], HostError> {
        Ok(core::array::from_fn(|i| self.memory.leaf(index + i as u32)))
    }

    fn set_leaves(&mut self, index: u32, leaves: &[Leaf; KECCAK_LEAVES]) -> Result<(), HostError> {
        for (index, leaf) in (index..).zip(leaves) {
            self.memory.set_leaf(index, leaf);
        }
        Ok(())
    }

    fn part(&mut self, key: OracleKey, offset: u32) -> Result<Part, HostError> {
        self.parts.part(self.oracle, key, offset)
    }

    fn hint(&mut self, address: u64, bytes: u64) {
        let end = address.checked_add(bytes).filter(|end| *end <= 1 << 32);
        let Some(end) = end.filter(|_| bytes <= HINT_BYTES_MAX) else { return };
        let hint: Vec<u8> = (address..end)
            .map(|at| self.memory.leaf((at / LEAF_BYTES as u64) as u32)[at as usize % LEAF_BYTES])
            .collect();
        self.oracle.hint(&hint);
    }
}

/// Writes down what a step opens.
struct Recorder<'a, M> {
    host: HostBus<'a, M>,
    tree: &'a mut MemoryTree,
    witness: Vec<u8>,
}

impl<M: Memory + Sync> Recorder<'_, M> {
    /// Leaves, then the siblings of their subtree.
    fn record(&mut self, index: u32, leaves: &[Leaf]) {
        let written = self.host.memory.take_written();
        self.tree.update(self.host.memory, &written);
        let siblings = self.tree.siblings(self.host.memory, index);
        self.witness.extend_from_slice(leaves.as_flattened());
        let height = leaves.len().ilog2() as usize;
        for sibling in &siblings[height..MEMORY_DEPTH] {
            self.witness.extend_from_slice(sibling.as_slice());
        }
    }
}

impl<M: Memory + Sync> Bus for Recorder<'_, M> {
    type Error = HostError;

    fn leaf(&mut self, index: u32) -> Result<Leaf, HostError> {
        let leaf = self.host.leaf(index)?;
        self.record(index, &[leaf]);
        Ok(leaf)
    }

    fn set_leaf(&mut self, index: u32, leaf: &Leaf) -> Result<(), HostError> {
        self.host.set_leaf(index, leaf)
    }

    fn leaves(&mut self, index: u32) -> Result<[Leaf; KECCAK_LEAVES], HostError> {
        let leaves = self.host.leaves(index)?;
        self.record(index, &leaves);
        Ok(leaves)
    }

    fn set_leaves(&mut self, index: u32, leaves: &[Leaf; KECCAK_LEAVES]) -> Result<(), HostError> {
        self.host.set_leaves(index, leaves)
    }

    fn part(&mut self, key: OracleKey, offset: u32) -> Result<Part, HostError> {
        let part = self.host.part(key, offset)?;
        self.witness.extend_from_slice(&part.bytes);
        self.witness.extend_from_slice(&part.length.to_be_bytes());
        Ok(part)
    }

    fn hint(&mut self, address: u64, bytes: u64) {
        self.host.hint(address, bytes);
    }
}
