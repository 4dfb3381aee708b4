//! A cluster of real processes: anvil, and one `assay` process for each role, started by the same commands that
//! operators use. Tests kill, restart and misuse them.

mod cluster;
mod process;

pub use cluster::{Cluster, Protocol, wait_for};
pub use process::{Process, assay_program};
