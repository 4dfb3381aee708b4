//! Assay: cli.
fn main() {}
