#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]

extern crate alloc;

#[cfg(any(test, target_arch = "riscv64"))]
mod heap;
mod keccak;
#[cfg(target_arch = "riscv64")]
mod machine;

pub use keccak::{Permutation, keccak256_with};
#[cfg(target_arch = "riscv64")]
pub use machine::{Part, exit, hint, input, keccak256, output, preimage, preimage_part, start};

/// Exit code after a panic.
pub const EXIT_PANIC: u8 = 101;

/// Makes `$main`, a `fn()`, the program that the machine starts.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Called by the entry point.
        #[unsafe(no_mangle)]
        extern "C" fn __assay_main() {
            $crate::start($main)
        }
    };
}
