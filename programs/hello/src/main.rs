//! Greets: the output is the input with every byte's bits turned around; the host sees a hint.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

assay_guest::entry!(run);

fn run() {
    assay_guest::hint(b"hello from the machine\n");
    assay_guest::output(&assay_guest::input().map(u8::reverse_bits));
}
