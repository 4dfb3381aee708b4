//! Hashes: the output is the input after as many rounds of keccak-256 as its first four bytes say (big-endian), each over the last hash
//! 32 times in a row.

#![no_std]
#![no_main]

extern crate alloc;

assay_guest::entry!(main);

fn main() {
    let input = assay_guest::input();
    let rounds = u32::from_be_bytes([input[0], input[1], input[2], input[3]]);
    let hash = (0..rounds).fold(input, |hash, _| assay_guest::keccak256(&hash.repeat(32)));
    assay_guest::output(&hash);
}
