//! What can go wrong for an agent, and what its loop does about it.

use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::B256;

use crate::ConfigError;

/// Why a call of the chain gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The node does not answer, or not as a node does. Try again.
    #[error("the node at {url} failed: {reason}")]
    Node {
        /// The node.
        url: String,
        /// What it said.
        reason: String,
    },
    /// The contract said no.
    #[error("`{call}` was refused: {reason}")]
    Reverted {
        /// The call.
        call: &'static str,
        /// Why, in words.
        reason: String,
    },
    /// The transaction may have been included or not; look at the chain before doing anything else.
    #[error("`{call}` was sent as {hash} and not included within {waited:?}")]
    Unconfirmed {
        /// The call.
        call: &'static str,
        /// The transaction.
        hash: B256,
        /// How long was waited.
        waited: Duration,
    },
    /// The node follows another chain.
    #[error("the node is on chain {found}, expected {expected}")]
    WrongChain {
        /// The configured chain id.
        expected: u64,
        /// The node's.
        found: u64,
    },
}

/// Why an agent stopped or could not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The data plane.
    #[error(transparent)]
    Plane(#[from] assay_transport::PlaneError),
    /// The journal: without it nothing may be sent.
    #[error("the journal failed: {0}")]
    Journal(#[from] assay_storage::JournalError),
    /// The journal's database.
    #[error("the journal failed: {0}")]
    Sql(#[from] assay_storage::SqlError),
    /// A journal entry that this program did not write.
    #[error("journal entry {id} does not parse: {reason}")]
    BadEntry {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The executor cannot be used on this machine.
    #[error("the executor cannot be used: {reason}")]
    Executor {
        /// Why, in words.
        reason: String,
    },
    /// The agent has ended.
    #[error("the agent has stopped")]
    Stopped,
}
