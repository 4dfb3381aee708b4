//! Fixed-width big-endian fields with limits: one encoding for every value.

use alloc::string::String;
use alloc::vec::Vec;

use alloy_primitives::B256;

/// Why bytes are not a canonical encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes ended inside a field.
    #[error("the encoding ends after {len} bytes, inside `{field}`")]
    Truncated {
        /// The field being read.
        field: &'static str,
        /// Bytes given.
        len: usize,
    },
    /// Bytes follow the last field.
    #[error("{extra} bytes follow the last field")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// A count or length exceeds its limit.
    #[error("`{field}` is {found}, the limit is {limit}")]
    OverLimit {
        /// The field.
        field: &'static str,
        /// What the bytes say.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A tag or version is unknown.
    #[error("`{field}` has the unknown value {found}")]
    UnknownTag {
        /// The field.
        field: &'static str,
        /// What the bytes say.
        found: u64,
    },
    /// A name is not UTF-8.
    #[error("`{field}` is not UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A value has a shorter or other canonical form.
    #[error("`{field}` is not in its canonical form")]
    NotCanonical {
        /// The field.
        field: &'static str,
    },
}

#[derive(Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, v: u8) {
        self.0.push(v);
    }
    pub(crate) fn u16(&mut self, v: u16) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    pub(crate) fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    pub(crate) fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    pub(crate) fn hash(&mut self, v: &B256) {
        self.0.extend_from_slice(v.as_slice());
    }
    pub(crate) fn dims(&mut self, v: &[u32; 3]) {
        v.iter().for_each(|d| self.u32(*d));
    }
    /// A count within its limit: [`crate::Plan::encode`] is only defined for such plans, so a
    /// longer one saturates here and can never decode.
    pub(crate) fn count(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }
    pub(crate) fn name(&mut self, v: &str) {
        self.u16(u16::try_from(v.len()).unwrap_or(u16::MAX));
        self.0.extend_from_slice(v.as_bytes());
    }
}

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn take(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(DecodeError::Truncated { field, len: self.bytes.len() })?;
        let out = &self.bytes[self.at..end];
        self.at = end;
        Ok(out)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, field)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(field)?[0])
    }
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }
    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }
    pub(crate) fn hash(&mut self, field: &'static str) -> Result<B256, DecodeError> {
        Ok(B256::from(self.array::<32>(field)?))
    }
    pub(crate) fn dims(&mut self, field: &'static str) -> Result<[u32; 3], DecodeError> {
        Ok([self.u32(field)?, self.u32(field)?, self.u32(field)?])
    }

    pub(crate) fn count(&mut self, field: &'static str, limit: usize) -> Result<usize, DecodeError> {
        let found = u64::from(self.u32(field)?);
        within(field, found, limit as u64)?;
        Ok(found as usize)
    }

    pub(crate) fn name(&mut self, field: &'static str, limit: usize) -> Result<String, DecodeError> {
        let found = u64::from(self.u16(field)?);
        within(field, found, limit as u64)?;
        let bytes = self.take(found as usize, field)?;
        let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 { field })?;
        Ok(text.into())
    }

    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            extra => Err(DecodeError::TrailingBytes { extra }),
        }
    }
}

pub(crate) fn within(field: &'static str, found: u64, limit: u64) -> Result<(), DecodeError> {
    if found > limit { Err(DecodeError::OverLimit { field, found, limit }) } else { Ok(()) }
}
