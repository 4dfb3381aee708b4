//! What a host brings to a run.

use alloy_primitives::Bytes;
use assay_primitives::{OracleKey, limits::PREIMAGE_BYTES_MAX};

use crate::step::{Leaf, Part};

/// The most bytes of a hint that a host is told.
pub const HINT_BYTES_MAX: u64 = 65_536;

/// Pre-images by key.
pub trait Oracle {
    /// The value of `key`, whole; `None` if it is not known here. What is returned is not checked against the key.
    fn preimage(&mut self, key: OracleKey) -> Option<Bytes>;

    /// A word from the program, such as what it will ask for next: at most [`HINT_BYTES_MAX`] bytes. Changes nothing.
    fn hint(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
}

impl<F: FnMut(OracleKey) -> Option<Bytes>> Oracle for F {
    fn preimage(&mut self, key: OracleKey) -> Option<Bytes> {
        self(key)
    }
}

/// The oracle of a program that asks for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOracle;

impl Oracle for NoOracle {
    fn preimage(&mut self, _key: OracleKey) -> Option<Bytes> {
        None
    }
}

/// Why a host cannot go on. The machine is as before the step; it can go on once the host can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The value of a key is not known here.
    #[error("the value of oracle key {0} is not known")]
    MissingPreimage(OracleKey),
    /// The oracle gave a value that no value can be.
    #[error("oracle key {key} has a value of {found} bytes, more than {PREIMAGE_BYTES_MAX}")]
    PreimageTooLong {
        /// The key.
        key: OracleKey,
        /// Bytes of the value.
        found: usize,
    },
}

/// The value asked for last: programs read a value part by part.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartCache(Option<(OracleKey, Bytes)>);

impl PartCache {
    pub(crate) fn part(
        &mut self,
        oracle: &mut dyn Oracle,
        key: OracleKey,
        offset: u32,
    ) -> Result<Part, HostError> {
        let value = match &self.0 {
            Some((held, value)) if *held == key => value,
            _ => {
                let value = oracle.preimage(key).ok_or(HostError::MissingPreimage(key))?;
                if value.len() > PREIMAGE_BYTES_MAX {
                    return Err(HostError::PreimageTooLong { key, found: value.len() });
                }
                &self.0.insert((key, value)).1
            }
        };
        Ok(part_of(value, offset))
    }
}

/// The part of `value` at `offset`.
pub fn part_of(value: &[u8], offset: u32) -> Part {
    let rest = value.get(offset as usize..).unwrap_or_default();
    let mut bytes: Leaf = [0; 32];
    let held = rest.len().min(bytes.len());
    bytes[..held].copy_from_slice(&rest[..held]);
    Part { bytes, length: value.len() as u32 }
}
