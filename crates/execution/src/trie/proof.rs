//! Merkle proofs as `eth_getProof` returns them (EIP-1186).

use alloc::vec::Vec;

use alloy_primitives::{Address, Bytes, U256};
use alloy_trie::TrieAccount;

/// An account, or its absence, with the nodes that prove it against a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// The account; the default one when it does not exist.
    pub account: TrieAccount,
    /// Nodes from the state root down.
    pub proof: Vec<Bytes>,
    /// The slots asked for.
    pub storage: Vec<StorageProof>,
}

/// A storage slot with the nodes that prove it against the account's storage root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// The slot.
    pub key: U256,
    /// Its value; zero when absent.
    pub value: U256,
    /// Nodes from the storage root down; none when the storage is empty.
    pub proof: Vec<Bytes>,
}
