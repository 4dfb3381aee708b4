//! What the benchmark's programs share: they use no system call but `exit`, and with code, data and heap keep in 4 MiB, so that any machine
//! runs them. How much they do is compiled in.

#![cfg_attr(target_arch = "riscv64", no_std)]

#[cfg(target_arch = "riscv64")]
mod bare;

#[cfg(target_arch = "riscv64")]
pub use bare::start;

/// Runs `work` and ends with its exit code, as a process of the host.
#[cfg(not(target_arch = "riscv64"))]
pub fn start(work: fn() -> u64) {
    std::process::exit(exit_code(work()).into());
}

/// Makes `$work`, a `fn() -> u64`, the program; what it gives is the exit code, folded to seven bits.
#[macro_export]
macro_rules! entry {
    ($work:path) => {
        #[cfg(target_arch = "riscv64")]
        #[unsafe(no_mangle)]
        extern "C" fn __bench_main() -> ! {
            $crate::start($work)
        }

        #[cfg(not(target_arch = "riscv64"))]
        fn main() {
            $crate::start($work)
        }
    };
}

fn exit_code(result: u64) -> u8 {
    let folded = result ^ (result >> 32);
    let folded = folded ^ (folded >> 16);
    ((folded ^ (folded >> 8)) & 0x7f) as u8
}
