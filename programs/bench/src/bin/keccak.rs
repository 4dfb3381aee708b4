//! The permutation of keccak in software: long straight code over 200 bytes.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

program_bench::entry!(work);

const ROUNDS: u64 = 690_000;

fn work() -> u64 {
    let mut lanes = [0u64; 25];
    let keccak = keccak::Keccak::new();
    for round in 0..ROUNDS {
        lanes[0] ^= round;
        keccak.with_f1600(|f1600| f1600(&mut lanes));
    }
    lanes[0]
}
