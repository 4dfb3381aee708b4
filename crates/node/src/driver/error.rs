//! Why the driver stops, and why it waits.

use alloy::primitives::B256;
use assay_l1::L1Error;
use std::path::PathBuf;

use crate::chain::ChainError;

/// What L1 told that cannot be true; the driver keeps its position and asks again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An entry is missing between two reads.
    #[error("L1 skipped from {what} {expected} to {found}")]
    Gap {
        /// "batch" or "queue entry".
        what: &'static str,
        /// The next index.
        expected: u64,
        /// The index found.
        found: u64,
    },
    /// A batch consumes entries that L1 has not shown.
    #[error("batch {index} consumes queue entries {from}..{to}, known are {next}..{seen}")]
    Queue {
        /// Place of the batch in the inbox.
        index: u64,
        /// First entry that it consumes.
        from: u64,
        /// One past the last.
        to: u64,
        /// The next entry to consume.
        next: u64,
        /// One past the last entry seen.
        seen: u64,
    },
    /// A batch was built on other queue entries than those that L1 has shown.
    #[error("batch {index} names the queue root {expected}, the entries have {found}")]
    QueueRoot {
        /// Place of the batch in the inbox.
        index: u64,
        /// Root that the batch names.
        expected: B256,
        /// Root of the entries.
        found: B256,
    },
    /// The answer is not to what was asked.
    #[error("L1 block {number} was read, {expected} was asked for")]
    OutOfOrder {
        /// The first block asked for.
        expected: u64,
        /// The first block read.
        number: u64,
    },
}

/// Why the driver stops for good.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// L1 is the wrong one.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The chain cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block that L1 said was final is gone.
    #[error("L1 took back its final block {number} ({hash})")]
    FinalityBroken {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// The L1 block with the Inbox is gone.
    #[error("L1 has another chain than when the Inbox was deployed: block {number} is not {hash}")]
    OriginGone {
        /// Number of the block before the Inbox's.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// The checkpoint cannot be read or written.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The task that executes blocks was cancelled or panicked.
    #[error("execution task: {0}")]
    Task(#[from] tokio::task::JoinError),
}
