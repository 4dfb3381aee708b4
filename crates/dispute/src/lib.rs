#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod computation;
mod history;
mod layout;

pub use computation::{Computation, Oracle, failed};
pub use history::{ARITY, Child, Children, History, HistoryError, LEAF_ROOT, first_difference};
pub use layout::{Layout, Level, Unit};
