#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "riscv64", no_std)]

extern crate alloc;

#[cfg(any(test, target_arch = "riscv64"))]
mod heap;
mod keccak;
#[cfg(target_arch = "riscv64")]
mod machine;
#[cfg(not(target_arch = "riscv64"))]
mod native;

pub use keccak::{Permutation, keccak256_with};
#[cfg(target_arch = "riscv64")]
pub use machine::{exit, hint, input, keccak256, output, preimage, preimage_part, start};
#[cfg(not(target_arch = "riscv64"))]
pub use native::{Outcome, exit, hint, input, keccak256, output, preimage, preimage_part, run, start};

/// Exit code after a panic.
pub const EXIT_PANIC: u8 = 101;

/// Up to 32 bytes of an oracle value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The bytes from the offset asked for, zeros after the value's end.
    pub bytes: [u8; 32],
    /// Length of the whole value.
    pub len: usize,
}

/// Makes `$run`, a `fn()` that is not called `main`, the program: what the machine starts, or a process of the host.
#[macro_export]
macro_rules! entry {
    ($run:path) => {
        /// Called by the entry point.
        #[cfg(target_arch = "riscv64")]
        #[unsafe(no_mangle)]
        extern "C" fn __assay_main() {
            $crate::start($run)
        }

        #[cfg(not(target_arch = "riscv64"))]
        fn main() {
            $crate::start($run)
        }
    };
}
