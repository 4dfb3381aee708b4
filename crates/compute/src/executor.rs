//! What runs jobs, and how it is watched.

use alloc::string::String;

use assay_ptx::LaunchError;

use crate::job::{Job, JobResult};

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop: nobody wants the result any more.
    Cancel,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Thread blocks done.
    pub blocks_done: u64,
    /// Thread blocks of the whole plan.
    pub blocks_total: u64,
    /// Work units used so far.
    pub units: u64,
}

/// Why a run gave no result. Faults of the program are results, not errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The watcher said so.
    #[error("the run was cancelled")]
    Cancelled,
    /// The arena does not fit this machine.
    #[error("the arena needs {needed} bytes, the device has {available}")]
    OutOfMemory {
        /// Bytes of the arena.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// The interpreter refused a launch that the plan's check accepted.
    #[error("launch {launch}: {source}")]
    Launch {
        /// Index of the launch.
        launch: usize,
        /// Why.
        source: LaunchError,
    },
    /// The device or its driver failed.
    #[error("the device failed: {reason}")]
    Device {
        /// What the driver said.
        reason: String,
    },
}

/// Runs jobs. Equal jobs give equal results on every executor, bit for bit and unit for unit.
pub trait Executor {
    /// What it runs on, for people: `reference interpreter`, `cuda: NVIDIA ...`.
    fn name(&self) -> String;

    /// Runs a job to its end: done, fault or out of fuel. `watch` is called now and then.
    ///
    /// # Errors
    /// [`ExecError`] when there is no result.
    fn run(&mut self, job: &Job, watch: &mut dyn FnMut(Step) -> Flow) -> Result<JobResult, ExecError>;
}
