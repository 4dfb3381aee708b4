//! A sparse Merkle-Patricia trie: in memory where it was touched, hashes elsewhere.

mod db;
mod node;
mod proof;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod tree;
mod witness;

pub use db::TrieDb;
pub use proof::{AccountProof, StorageProof};
pub use state::StateTrie;
pub use tree::Trie;
pub use witness::{Witness, WitnessDb, WitnessNodes, record_witness};

use alloy_primitives::{B256, Bytes};
pub use alloy_trie::Nibbles;

/// Where nodes come from that are not in memory.
///
/// The source answers for the bytes: they must hash to `hash`.
pub trait NodeSource {
    /// The RLP of a node of the account trie (`owner` is `None`) or of the storage trie of the
    /// account whose address hashes to `owner`. `path` leads to it from that trie's root.
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Option<Bytes>;

    /// A contract's code.
    fn code(&self, hash: B256) -> Option<Bytes>;
}

/// The source of a trie that is fully in memory: it has nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct InMemory;

impl NodeSource for InMemory {
    fn node(&self, _owner: Option<B256>, _path: &Nibbles, _hash: B256) -> Option<Bytes> {
        None
    }

    fn code(&self, _hash: B256) -> Option<Bytes> {
        None
    }
}

impl<S: NodeSource> NodeSource for &S {
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Option<Bytes> {
        (*self).node(owner, path, hash)
    }

    fn code(&self, hash: B256) -> Option<Bytes> {
        (*self).code(hash)
    }
}

/// Why a trie could not be read or changed. A trie is unusable after an error while changing it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrieError {
    /// The source does not have a node that is needed.
    #[error("missing trie node {hash} at {path:?}")]
    MissingNode {
        /// Its hash.
        hash: B256,
        /// Where it hangs.
        path: Nibbles,
    },
    /// The source does not have a code that is needed.
    #[error("missing code {0}")]
    MissingCode(B256),
    /// The source gave bytes that are no trie node.
    #[error("malformed trie node {0}")]
    MalformedNode(B256),
    /// A leaf of the account trie holds no account, or one of a storage trie no number.
    #[error("malformed leaf under key {0}")]
    MalformedLeaf(B256),
    /// The state has no block hashes: they come from EIP-2935 storage.
    #[error("no hash of block {0}")]
    NoBlockHash(u64),
}

impl revm::database_interface::DBErrorMarker for TrieError {}
