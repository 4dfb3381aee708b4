//! Assay: xtask.
fn main() {}
