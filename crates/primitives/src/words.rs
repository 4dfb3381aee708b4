//! ABI words: the 32-byte big-endian values that the contracts hash.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};

/// A list of 32-byte words, as `abi.encode` lays out static values.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub(crate) fn num(self, value: u64) -> Self {
        self.uint(U256::from(value))
    }

    pub(crate) fn uint(mut self, value: U256) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes::<32>());
        self
    }

    pub(crate) fn word(mut self, value: B256) -> Self {
        self.0.extend_from_slice(value.as_slice());
        self
    }

    pub(crate) fn address(self, value: Address) -> Self {
        self.word(value.into_word())
    }

    pub(crate) fn flag(self, value: bool) -> Self {
        self.num(u64::from(value))
    }

    pub(crate) fn hash(&self) -> B256 {
        keccak256(&self.0)
    }
}
