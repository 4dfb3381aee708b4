//! Reads the oracle: the output is the keccak-256 hash of the value whose key the input is.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

assay_guest::entry!(run);

fn run() {
    let value = assay_guest::preimage(&assay_guest::input());
    assay_guest::output(&assay_guest::keccak256(&value));
}
