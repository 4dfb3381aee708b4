//! Keys of the pre-image oracle (PROTOCOL, section 1): the first byte says how a value is proven.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, keccak256};
use core::fmt;

/// How the value of a key is proven on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum OracleKind {
    /// The value's keccak-256 hash is the key.
    Keccak = 2,
    /// The value's SHA-256 hash is the key.
    Sha256 = 4,
    /// A field element of a blob, proven by point evaluation.
    Blob = 5,
    /// The result of a precompile, computed by L1's own.
    Precompile = 6,
}

/// A 32-byte oracle key: a type byte, then the last 31 bytes of a hash.
///
/// There is no local key: what a contract knows is in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OracleKey(B256);

impl OracleKey {
    fn tagged(kind: OracleKind, mut hash: B256) -> Self {
        hash.0[0] = kind as u8;
        Self(hash)
    }

    /// The pre-image of a keccak-256 hash.
    pub fn keccak(hash: B256) -> Self {
        Self::tagged(OracleKind::Keccak, hash)
    }

    /// The pre-image of a SHA-256 hash.
    pub fn sha256(hash: B256) -> Self {
        Self::tagged(OracleKind::Sha256, hash)
    }

    /// Field element `index` (in blob order) of the blob with this versioned hash.
    pub fn blob(versioned_hash: B256, index: u16) -> Self {
        let mut bytes = [0u8; 34];
        bytes[..32].copy_from_slice(versioned_hash.as_slice());
        bytes[32..].copy_from_slice(&index.to_be_bytes());
        Self::tagged(OracleKind::Blob, keccak256(bytes))
    }

    /// The result of calling the precompile at `address` with `input`.
    ///
    /// Binds address and input only; gas is no part of the key.
    pub fn precompile(address: Address, input: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(20 + input.len());
        bytes.extend_from_slice(address.as_slice());
        bytes.extend_from_slice(input);
        Self::tagged(OracleKind::Precompile, keccak256(bytes))
    }

    /// Reads a key; `None` if its first byte is no known type.
    pub fn parse(bytes: B256) -> Option<Self> {
        matches!(bytes.0[0], 2 | 4 | 5 | 6).then_some(Self(bytes))
    }

    /// How this key's value is proven.
    pub fn kind(&self) -> OracleKind {
        match self.0.0[0] {
            2 => OracleKind::Keccak,
            4 => OracleKind::Sha256,
            5 => OracleKind::Blob,
            _ => OracleKind::Precompile,
        }
    }

    /// The key as the machine sees it.
    pub fn as_b256(&self) -> B256 {
        self.0
    }
}

impl fmt::Display for OracleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_kinds_differ() {
        let hash = keccak256(b"x");
        let keys = [
            OracleKey::keccak(hash),
            OracleKey::sha256(hash),
            OracleKey::blob(hash, 0),
            OracleKey::blob(hash, 1),
            OracleKey::precompile(Address::ZERO, hash.as_slice()),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert_eq!(OracleKey::parse(a.as_b256()), Some(*a));
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn refuses_unknown_types() {
        assert_eq!(OracleKey::parse(B256::ZERO), None);
        assert_eq!(OracleKey::parse(B256::repeat_byte(1)), None);
        assert_eq!(OracleKey::parse(B256::repeat_byte(5)).map(|k| k.kind()), Some(OracleKind::Blob));
    }
}
