use alloy::primitives::B256;
use assay_execution::{BlockError, TrieError};
use assay_storage::{LogError, SqlError, StateStoreError};

use crate::codec::DamagedRow;
use crate::head::BlockRef;
use crate::state::StateError;

/// Why the chain could not be opened, read or extended.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The configured genesis hash is not that of the genesis block made from the configuration.
    #[error("wrong genesis: configuration and predeploys make {found}, expected {expected}")]
    WrongGenesis {
        /// Hash that the deployment names.
        expected: B256,
        /// Hash of what this program makes.
        found: B256,
    },
    /// The genesis block cannot be made.
    #[error("genesis: {0}")]
    Genesis(#[from] assay_execution::GenesisError),
    /// The folder for the data cannot be made or read.
    #[error("data folder {path}: {source}")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The block log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state store failed.
    #[error(transparent)]
    StateStore(#[from] StateStoreError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] SqlError),
    /// A row of the index is damaged; rebuild the index.
    #[error(transparent)]
    Row(#[from] DamagedRow),
    /// The state is not kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// The block's parent is not the head.
    #[error("block {number} builds on {parent}, the head is {} {}", .head.number, .head.hash)]
    NotOnHead {
        /// Number of the block.
        number: u64,
        /// Its parent.
        parent: B256,
        /// The head.
        head: BlockRef,
    },
    /// The block cannot be executed at all.
    #[error("executing block {number}: {source}")]
    Execution {
        /// Number of the block.
        number: u64,
        /// Why.
        source: BlockError<StateError>,
    },
    /// The trie in memory is broken: a bug.
    #[error("state trie: {0}")]
    Trie(#[from] TrieError),
    /// Running the block log again gives another block than it says: a bug, or another program wrote it.
    #[error("block {number} of the log has hash {expected}, running it gives {found}")]
    ReplayMismatch {
        /// Number of the block.
        number: u64,
        /// Hash in the log.
        expected: B256,
        /// Hash that execution gives.
        found: B256,
    },
    /// The log has records in an order that the node never writes.
    #[error("block log out of order at block {number}: {reason}")]
    LogOrder {
        /// Block at which it happened.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The trie after a rollback is not that of the block rolled back to: a bug.
    #[error("state root after rolling back to block {number} is {found}, expected {expected}")]
    RollbackRoot {
        /// Block rolled back to.
        number: u64,
        /// Root in its header.
        expected: B256,
        /// Root of the trie.
        found: B256,
    },
    /// A final block would be dropped.
    #[error("rollback to block {to} would drop the finalized block {finalized}")]
    BelowFinalized {
        /// Block asked for.
        to: u64,
        /// The finalized head.
        finalized: u64,
    },
    /// The block is not part of the chain.
    #[error("unknown block {0}")]
    UnknownBlock(u64),
    /// An earlier write failed half-way; the process must restart and recover.
    #[error("chain stopped: {0}")]
    Stopped(String),
}
