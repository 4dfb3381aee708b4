#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod image;
mod launch;
mod memory;

pub use error::{DecodeError, LaunchError, Refusal};
pub use image::{Image, Kernel, Param};
pub use launch::{ARENA_BASE, BlockOutcome, Fault, FaultKind, LaunchDims, Space};
pub use memory::{FlatMemory, Memory, PAGE_BYTES, Page};
