//! Hashes: the output is the input after as many rounds of keccak-256 as its first four bytes say (big-endian), each over the last hash
//! 32 times in a row.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

assay_guest::entry!(run);

fn run() {
    let input = assay_guest::input();
    let rounds = u32::from_be_bytes([input[0], input[1], input[2], input[3]]);
    let hash = (0..rounds).fold(input, |hash, _| assay_guest::keccak256(&hash.repeat(32)));
    assay_guest::output(&hash);
}
