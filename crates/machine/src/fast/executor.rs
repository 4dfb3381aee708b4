//! Runs a program with an engine, exact to the instruction.

use std::{io, sync::Arc};

use alloy_primitives::B256;

use super::{
    Engine, Interpreter, Snapshot,
    memory::{FlatMemory, Reader},
    snapshot::Pages,
};
use crate::{
    machine::Machine,
    oracle::{HostError, Oracle},
    program::Program,
    state::{Cpu, State},
};

/// A machine that an engine advances.
///
/// Memory: what the guest touched, 64 KiB of tree for each 4 MiB of it, and with snapshots a copy of what they hold.
pub struct Executor<E = Interpreter> {
    pub(super) machine: Machine<FlatMemory>,
    pub(super) program: Arc<Program>,
    engine: E,
    pages: Pages,
}

impl Executor<Interpreter> {
    /// The first state of a run, for the interpreter. Errors when the system gives no memory.
    pub fn new(program: Arc<Program>, input: B256) -> io::Result<Self> {
        let engine = Interpreter::new(program.code());
        Self::with_engine(program, engine, input)
    }
}

impl<E: Engine> Executor<E> {
    /// The first state of a run. `engine` must be for the program's code. Errors when the system gives no memory.
    pub fn with_engine(program: Arc<Program>, engine: E, input: B256) -> io::Result<Self> {
        let mut memory = FlatMemory::new()?;
        for (index, page) in program.memory().pages() {
            memory.set_page(index, page);
        }
        memory.take(Reader::Tree);
        let machine = Machine::with(Cpu::new(program.entry(), input), memory, program.tree().clone(), 0);
        Ok(Self { machine, program, engine, pages: Pages::default() })
    }

    /// The machine of a snapshot of the same program. Errors when the system gives no memory.
    pub fn restore(program: Arc<Program>, engine: E, snapshot: &Snapshot) -> io::Result<Self> {
        let memory = snapshot.restore()?;
        let machine = Machine::with(snapshot.cpu.clone(), memory, snapshot.tree.clone(), snapshot.steps);
        Ok(Self { machine, program, engine, pages: snapshot.pages.clone() })
    }

    /// Runs until `until` instructions are done since the first state, or the machine halts; gives how many are done.
    ///
    /// On an error the machine stands before the instruction that asked, and can go on.
    pub fn run(&mut self, until: u64, oracle: &mut dyn Oracle) -> Result<u64, HostError> {
        let Self { machine, program, engine, .. } = self;
        while machine.steps < until && machine.cpu.is_running() {
            let left = until - machine.steps;
            let done = engine.run(&mut machine.cpu, &mut machine.memory, left);
            machine.steps += done;
            if done < left {
                machine.step(program.code(), oracle)?;
            }
        }
        Ok(machine.steps)
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Everything but the memory.
    pub fn cpu(&self) -> &Cpu {
        self.machine.cpu()
    }

    /// The memory.
    pub fn memory(&self) -> &FlatMemory {
        self.machine.memory()
    }

    /// Instructions done since the first state; one that traps or exits counts, standing still afterwards does not.
    pub fn steps(&self) -> u64 {
        self.machine.steps()
    }

    /// The state. Cost: a rehash of the pages written since the last time, on every core.
    pub fn state(&mut self) -> State {
        self.machine.state()
    }

    /// The state hash. Cost as [`Self::state`].
    pub fn state_hash(&mut self) -> B256 {
        self.machine.state_hash()
    }

    /// Takes one step and gives its witness.
    pub fn step_witness(&mut self, oracle: &mut dyn Oracle) -> Result<Vec<u8>, HostError> {
        self.machine.step_witness(self.program.code(), oracle)
    }

    /// The machine as it is. Cost: a copy of each page written since the last snapshot.
    pub fn snapshot(&mut self) -> Snapshot {
        self.machine.rehash();
        self.pages.take(&mut self.machine.memory);
        let Machine { cpu, tree, steps, .. } = &self.machine;
        Snapshot { cpu: cpu.clone(), steps: *steps, tree: tree.clone(), pages: self.pages.clone() }
    }
}
