#![doc = include_str!("../README.md")]

use std::path::{Path, PathBuf};

mod anvil;
mod genesis;
mod keys;
mod load;

pub use anvil::{Anvil, AnvilOptions};
pub use genesis::{FUNDS, bare_genesis};
pub use keys::{Key, Tx};
pub use load::{Attack, Load};

/// The repository root, from where the test runner says the test's package lies: a build folder shared by two clones may hold a test
/// that was built in the other one.
pub fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("a test is started by cargo");
    let holds_lock = |folder: &&Path| folder.join("Cargo.lock").exists();
    Path::new(&package).ancestors().find(holds_lock).expect("a folder with Cargo.lock").to_path_buf()
}
