#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod computation;
mod game;
mod history;
mod layout;
mod strategy;

pub use computation::{Computation, Oracle, failed};
pub use game::{Claim, Game, Move, Refused, Rules, Worth};
pub use history::{ARITY, Child, Children, History, HistoryError, LEAF_ROOT, first_difference};
pub use layout::{Layout, Level, Unit};
pub use strategy::{Truth, moves, whole};
