//! The list of blobs published under a topic.

use std::collections::BTreeSet;

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

/// Most entries of a manifest.
const MAX_ENTRIES: usize = 4096;
/// Longest name of an entry, in bytes.
const MAX_NAME: usize = 64;
/// Longest manifest, in bytes of JSON.
pub(crate) const MAX_MANIFEST_BYTES: usize = 2 << 20;

/// One named blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in the manifest: lower-case letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Keccak page root: what the chain knows.
    pub page_root: B256,
    /// BLAKE3 hash: what the stream is verified against.
    pub blake3: B256,
}

/// Named blobs, in the publisher's order; names are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The blobs.
    pub entries: Vec<Entry>,
}

/// Why bytes are not an acceptable manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON of a manifest.
    #[error("the manifest does not parse: {reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Too many entries.
    #[error("the manifest has {found} entries, the limit is {limit}")]
    TooManyEntries {
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A name that could mean something to a file system, or appears twice.
    #[error("the manifest's entry {index} has a bad or repeated name")]
    BadName {
        /// Which entry.
        index: usize,
    },
    /// A blob exceeds what this side accepts.
    #[error("`{name}` has {found} bytes, the limit is {limit}")]
    BlobTooLarge {
        /// The entry.
        name: String,
        /// Its length.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

impl Manifest {
    /// The entry of a name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }

    /// Checks names and counts, and each length against `blob_bytes_max`.
    ///
    /// # Errors
    /// The first [`ManifestError`] that applies.
    pub fn check(&self, blob_bytes_max: u64) -> Result<(), ManifestError> {
        if self.entries.len() > MAX_ENTRIES {
            let found = self.entries.len();
            return Err(ManifestError::TooManyEntries { found, limit: MAX_ENTRIES });
        }
        let mut seen = BTreeSet::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if !is_name(&entry.name) || !seen.insert(&entry.name) {
                return Err(ManifestError::BadName { index });
            }
            if entry.bytes > blob_bytes_max {
                return Err(ManifestError::BlobTooLarge {
                    name: entry.name.clone(),
                    found: entry.bytes,
                    limit: blob_bytes_max,
                });
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.') && name.bytes().all(plain)
}
