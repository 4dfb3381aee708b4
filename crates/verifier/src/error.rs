//! Why a verifier does not start, or stops.

use std::{net::SocketAddr, path::PathBuf};

use alloy::primitives::B256;
use assay_l1::L1Error;
use assay_node::{ChainError, DriverError};

use crate::SettingError;

/// The verifier cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// L1 is down, the wrong chain, or has no Inbox there.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The Inbox was deployed for other protocol parameters.
    #[error("the Inbox belongs to a chain with config hash {found}, ours is {expected}")]
    WrongConfig {
        /// Hash of the configured parameters.
        expected: B256,
        /// Hash in the Inbox.
        found: B256,
    },
    /// The chain on disk cannot be opened, or block 0 is not the Inbox's.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Derivation cannot go on.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The blob archive cannot be used.
    #[error("blob archive {path}: {source}")]
    Archive {
        /// Its folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The RPC cannot listen.
    #[error("RPC at {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A task of the verifier ended on its own or panicked.
    #[error("{task} ended: {reason}")]
    TaskEnded {
        /// Which one.
        task: &'static str,
        /// Why.
        reason: String,
    },
}
