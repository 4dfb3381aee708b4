//! Ethereum transactions with revm: much code, maps, 256-bit arithmetic, keccak in software.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

program_bench::entry!(work);

const TRANSACTIONS: u64 = 97_000;

fn work() -> u64 {
    program_transfers::run(TRANSACTIONS)[..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
