#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod exec;
mod float;
mod bytecode;
mod launch;
mod lower;
mod memory;
mod print;

pub use error::{DecodeError, LaunchError, Refusal};
pub use bytecode::{Image, Kernel, Param};
pub use exec::{Launch, Program, Shadow, UnitTable, run_block};
pub use launch::{ARENA_BASE, BlockOutcome, Fault, FaultKind, LaunchDims, Space};
pub use print::{DeviceArgs, Module, print, print_device};
pub use memory::{FlatMemory, Memory, PAGE_BYTES, Page};

#[cfg(test)]
mod tests;
