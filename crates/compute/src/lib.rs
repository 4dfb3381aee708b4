#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod check;
mod codec;
mod executor;
mod job;
pub mod limits;
mod output;
mod plan;
mod reference;
#[cfg(feature = "std")]
mod spec;
mod state;
#[cfg(test)]
mod tests;

pub use check::{Kernels, PlanError, Signature};
pub use codec::DecodeError;
pub use executor::{ExecError, Executor, Flow, Step};
pub use job::{Job, JobError, JobResult, decode_spec, empty_shadow_root};
pub use output::{OutputError, OutputProof, output_pages, verify_state};
pub use plan::{Arg, Buffer, Launch, Plan, spec_root};
pub use reference::{LaunchEnd, Reference, dims, explain, finish, run_launch};
#[cfg(feature = "std")]
pub use spec::{ArgSpec, AudienceSpec, BufferSpec, JobSpec, LaunchSpec, SpecError, Terms};
pub use state::{JobState, Position, Status, fault_code};
