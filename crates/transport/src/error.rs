//! What can go wrong on the data plane, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::B256;

use crate::{BindingError, ManifestError};

/// What a caller's loop should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is lost: try again later, from the same or another peer.
    Retry,
    /// Trying again cannot help: the peer serves something else than the chain says.
    Fatal,
}

/// Why a manifest or blob could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The peer did not answer.
    #[error("no connection to {peer} within {waited:?}: {reason}")]
    Unreachable {
        /// The peer's endpoint.
        peer: B256,
        /// How long was waited.
        waited: Duration,
        /// What the stack said.
        reason: String,
    },
    /// The peer went away in the middle.
    #[error("the peer {peer} vanished after {received} bytes: {reason}")]
    Vanished {
        /// The peer's endpoint.
        peer: B256,
        /// Verified bytes that are kept for the next try.
        received: u64,
        /// What the stack said.
        reason: String,
    },
    /// The peer is there but sends nothing.
    #[error("the peer {peer} sent nothing for {waited:?}, after {received} bytes")]
    Stalled {
        /// The peer's endpoint.
        peer: B256,
        /// How long was waited.
        waited: Duration,
        /// Verified bytes that are kept for the next try.
        received: u64,
    },
    /// The peer refused: not (yet) allowed, or it has no such topic.
    #[error("the peer {peer} refused: {reason}")]
    Refused {
        /// The peer's endpoint.
        peer: B256,
        /// What it said.
        reason: String,
    },
    /// The peer's bytes do not hash to what was asked for.
    #[error("the peer {peer} sent bytes that do not match their BLAKE3 hash: {reason}")]
    Corrupt {
        /// The peer's endpoint.
        peer: B256,
        /// What the stack said.
        reason: String,
    },
    /// The length differs from the manifest's.
    #[error("`{name}` has {found} bytes, the manifest says {expected}")]
    LengthMismatch {
        /// The entry.
        name: String,
        /// The manifest's length.
        expected: u64,
        /// The blob's.
        found: u64,
    },
    /// The page root differs from the one the chain knows.
    #[error("`{name}` has page root {found}, expected {expected}")]
    RootMismatch {
        /// The entry.
        name: String,
        /// What it should be.
        expected: B256,
        /// What it is.
        found: B256,
    },
    /// The peer is somebody else.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The manifest is unacceptable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// This side's disk or store failed.
    #[error("the local store failed: {reason}")]
    Store {
        /// What it said.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl FetchError {
    /// What a loop should do about it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unreachable { .. }
            | Self::Vanished { .. }
            | Self::Stalled { .. }
            | Self::Refused { .. }
            | Self::Store { .. }
            | Self::Write { .. } => Severity::Retry,
            Self::Corrupt { .. }
            | Self::LengthMismatch { .. }
            | Self::RootMismatch { .. }
            | Self::Binding(_)
            | Self::Manifest(_) => Severity::Fatal,
        }
    }
}

/// Why a data plane could not be opened, or a blob not published.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file is not 32 bytes.
    #[error("{path} is not an endpoint key of 32 bytes")]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// The socket could not be bound.
    #[error("cannot listen on {bind}: {reason}")]
    Bind {
        /// The address.
        bind: std::net::SocketAddr,
        /// Why.
        reason: String,
    },
    /// The blob store failed.
    #[error("the blob store failed: {reason}")]
    Store {
        /// What it said.
        reason: String,
    },
    /// The binding could not be signed.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The manifest is unacceptable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}
