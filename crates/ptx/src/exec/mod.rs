//! The reference interpreter: one thread block at a time, the same result on every host.

mod block;
mod eval;
mod fast;
mod memory;
mod program;
mod shadow;
mod slow;
mod stamps;
mod units;
mod warp;

pub use block::{Launch, run_block};
pub use program::Program;
pub use shadow::Shadow;
pub use units::UnitTable;
