#![doc = include_str!("../README.md")]

mod anvil;
mod genesis;
mod keys;
mod load;

pub use anvil::{Anvil, AnvilOptions};
pub use genesis::{FUNDS, bare_genesis};
pub use keys::{Key, Tx};
pub use load::{Attack, Load};
