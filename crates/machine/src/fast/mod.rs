//! Executors for hosts: memory in one mapping, engines that run many instructions at a time, snapshots and histories.

mod executor;
mod history;
mod memory;
mod snapshot;
mod threaded;

pub use executor::Executor;
pub use memory::FlatMemory;
pub use snapshot::Snapshot;
pub use threaded::Interpreter;

use crate::state::Cpu;

/// Runs the instructions that need nothing but registers and memory.
///
/// It may stop early wherever it likes and at anything it has no means for, such as a system call or a trap: the
/// [`Executor`] then takes one step as the reference does and calls it again.
pub trait Engine {
    /// Executes at most `steps` instructions of a running machine and gives how many: `cpu` and `memory` are then exactly
    /// as that many steps of the reference would leave them, and every page written is marked.
    fn run(&mut self, cpu: &mut Cpu, memory: &mut FlatMemory, steps: u64) -> u64;
}
