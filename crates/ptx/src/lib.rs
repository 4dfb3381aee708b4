#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytecode;
mod error;
mod exec;
mod float;
mod launch;
mod lower;
mod memory;
mod print;

pub use bytecode::{Image, Kernel, Param};
pub use error::{DecodeError, LaunchError, Refusal};
pub use exec::{Launch, Program, Shadow, UnitTable, run_block};
pub use launch::{ARENA_BASE, BlockOutcome, Fault, FaultKind, LaunchDims, Space};
pub use memory::{FlatMemory, Memory, PAGE_BYTES, Page};
pub use print::{DeviceArgs, Module, print, print_device};

#[cfg(test)]
mod tests;
