//! What can go wrong between us and L1.

use alloy::{
    primitives::{Address, B256, Bytes},
    transports::{RpcError, TransportErrorKind},
};

/// What a loop over L1 does after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The same call may succeed later.
    Retry,
    /// The caller's view of L1 is gone: go back to a block that is still there.
    Reset,
    /// Nothing will help: a wrong address, chain or configuration.
    Fatal,
}

/// Reading L1 failed.
#[derive(Debug, thiserror::Error)]
pub enum L1Error {
    /// No answer, or no JSON-RPC answer.
    #[error("L1 at {endpoint} does not answer: {reason}")]
    Unreachable {
        /// Host and port; never the path, which may hold a key.
        endpoint: String,
        /// What the transport said.
        reason: String,
    },
    /// An answer that refuses.
    #[error("L1 refused: {message} (code {code})")]
    Refused {
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
        /// Revert data, when the call reverted with some.
        revert: Option<Bytes>,
    },
    /// An answer that is not what the method returns.
    #[error("L1 answered nonsense: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// No block with this number yet, or its data is pruned.
    #[error("L1 has no block {number}")]
    MissingBlock {
        /// The block asked for.
        number: u64,
    },
    /// The block is not the one seen before.
    #[error("L1 reorganised: block {number} was {expected}, is {found}")]
    Reorganised {
        /// Number of the block that changed.
        number: u64,
        /// Hash seen before.
        expected: B256,
        /// Hash now.
        found: B256,
    },
    /// Another chain than configured.
    #[error("L1 has chain id {found}, expected {expected}")]
    WrongChain {
        /// From the configuration.
        expected: u64,
        /// From the node.
        found: u64,
    },
    /// No contract where the Inbox should be.
    #[error("there is no Inbox at {address} on L1")]
    NoInbox {
        /// The configured address.
        address: Address,
    },
    /// The payload of a batch cannot be had.
    #[error("blob {versioned_hash} of L1 block {block} is not available: {reason}")]
    BlobUnavailable {
        /// L1 block that includes it.
        block: u64,
        /// Its commitment's hash.
        versioned_hash: B256,
        /// What the source said.
        reason: String,
    },
    /// A payload that does not hash to what the Inbox committed to.
    #[error("payload of batch {index} hashes to {found}, the Inbox says {expected}")]
    PayloadMismatch {
        /// Position of the batch.
        index: u64,
        /// Commitment on L1.
        expected: B256,
        /// Commitment of what was found.
        found: B256,
    },
}

impl L1Error {
    /// What a loop should do.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::MissingBlock { .. }
            | Self::BlobUnavailable { .. }
            | Self::PayloadMismatch { .. } => Severity::Retry,
            Self::Reorganised { .. } => Severity::Reset,
            Self::WrongChain { .. } | Self::NoInbox { .. } => Severity::Fatal,
        }
    }

    /// Sorts a transport error; `endpoint` is where it came from.
    pub(crate) fn from_rpc(endpoint: &str, error: RpcError<TransportErrorKind>) -> Self {
        match error {
            RpcError::ErrorResp(payload) => Self::Refused {
                code: payload.code,
                revert: payload.as_revert_data(),
                message: payload.message.into_owned(),
            },
            RpcError::Transport(kind) => {
                Self::Unreachable { endpoint: endpoint.to_owned(), reason: without_url(&kind) }
            }
            other => Self::Malformed { reason: other.to_string() },
        }
    }
}

/// The transport's words; URLs in them may hold keys, so the words with URLs are left out.
fn without_url(kind: &TransportErrorKind) -> String {
    let mut text = kind.to_string();
    let mut source = std::error::Error::source(kind);
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text.split_whitespace()
        .map(|word| if word.contains("://") { "(url)" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}
