//! The derivation driver: keeps a chain equal to what L1's inbox says.
//!
//! [`DriverState`] decides, without waiting for anything; [`Driver`] reads L1, executes blocks, saves checkpoints and asks the
//! state what is next. A local block that equals the derived one is kept, so a sequencer and a verifier run the same
//! code: where a verifier appends, a sequencer finds its own block and only the safe head moves.

mod actor;
mod checkpoint;
mod error;
mod source;
mod state;
#[cfg(test)]
mod tests;

pub use actor::{Driver, DriverConfig, DriverView, Gate, NoGate};
pub use checkpoint::{CheckpointFile, CheckpointStore, DriverCheckpoint, NoCheckpoint, QueuedEntry};
pub use error::{DriverError, Problem};
pub use source::L1Source;
pub use state::{Action, Applied, DriverMode, DriverState, Event, Point, Work};
