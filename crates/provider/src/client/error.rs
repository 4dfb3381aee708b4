//! Why a client's wish was not fulfilled, in words a person can act on.

use std::path::PathBuf;

use alloy::primitives::Address;
use assay_compute::{DecodeError, ExecError, OutputError, SpecError};
use assay_ptx::Refusal;
use assay_transport::{FetchError, PlaneError};

use crate::ChainError;

/// Why a client's wish was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{path} is not understood: {reason}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The PTX is outside of the verifiable profile.
    #[error("{path} is refused: {refusal}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Line, instruction, rule and what to write instead.
        refusal: Refusal,
    },
    /// The job makes no sense.
    #[error("{path}: {source}")]
    Spec {
        /// The `job.toml`.
        path: PathBuf,
        /// Why.
        source: SpecError,
    },
    /// A local run gave no result.
    #[error("the dry run failed: {0}")]
    DryRun(#[from] ExecError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The data plane.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// The post was included without its event: the market is another contract.
    #[error("the order was sent, but the market did not say that it was posted")]
    NotPosted,
    /// This folder did not post the job.
    #[error("job {job} was not posted from here ({path} is not there)")]
    UnknownJob {
        /// Its number.
        job: u64,
        /// Where it would be remembered.
        path: PathBuf,
    },
    /// There is no agreed result yet, or never will be.
    #[error("job {job} has no agreed result: its state is {state}")]
    NoResult {
        /// Its number.
        job: u64,
        /// Its state.
        state: &'static str,
    },
    /// What a provider serves is not what was agreed on.
    #[error("what {provider} serves is not the agreed result: {source}")]
    Output {
        /// The provider.
        provider: Address,
        /// Why.
        source: OutputError,
    },
    /// A proof that does not decode.
    #[error("what {provider} serves does not decode: {source}")]
    Proof {
        /// The provider.
        provider: Address,
        /// Why.
        source: DecodeError,
    },
    /// A provider could not be read from.
    #[error("{provider}: {source}")]
    Fetch {
        /// The provider.
        provider: Address,
        /// Why.
        source: FetchError,
    },
    /// No provider gave the outputs.
    #[error("no provider gave the outputs of job {job}: {}", .reasons.join("; "))]
    NobodyServes {
        /// Its number.
        job: u64,
        /// What each of them said.
        reasons: Vec<String>,
    },
}
