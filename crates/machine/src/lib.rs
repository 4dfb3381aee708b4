#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod alu;
mod code;
mod elf;
#[cfg(feature = "std")]
mod fast;
mod isa;
mod machine;
mod memory;
mod oracle;
mod program;
mod state;
mod step;
#[cfg(feature = "translate")]
mod translate;
mod tree;
mod verify;

#[cfg(test)]
mod tests;

pub use alu::{alu, branches};
pub use code::{Code, CodeError, WINDOW_BYTES, code_root};
pub use elf::{ELF_IMAGE_BYTES_MAX, ELF_SEGMENTS_MAX, ElfError};
#[cfg(feature = "std")]
pub use fast::{Engine, Executor, FlatMemory, Interpreter, Snapshot};
pub use isa::{Inst, Op, decode};
pub use machine::{Machine, Reference};
pub use memory::{Memory, MemoryTree, SparseMemory, root_of_leaves};
pub use oracle::{HINT_BYTES_MAX, HostError, NoOracle, Oracle, part_of};
pub use program::Program;
pub use state::{Cpu, STACK, STATE_BYTES, State, Status};
pub use step::{Bus, KECCAK_LEAVES, Leaf, PREIMAGE_OFFSET_MAX, Part, execute, step, width};
#[cfg(feature = "translate")]
pub use translate::{Stats, TranslateError, TranslateOptions, Translating, Translator};
pub use tree::{
    CODE_DEPTH, LEAF_BYTES, MEMORY_DEPTH, PAGE_BYTES, PAGE_DEPTH, Page, ZERO_ROOTS, fold, node, page_root,
};
pub use verify::{WitnessError, part_hash, verify_step};
