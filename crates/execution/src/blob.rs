//! The blob codec: payload bytes in the 254 free bits of each field element of EIP-4844 blobs.
//!
//! Four field elements hold 127 bytes: 31 whole bytes each, then three bytes made of the low six bits of their first
//! bytes. The first four bytes of a blob are a version and the length of its part of the payload (24 bits, big-endian).

use alloc::{vec, vec::Vec};
use assay_primitives::limits::{BATCH_BLOBS_MAX, BLOB_BYTES, BLOB_PAYLOAD_BYTES};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 4;
/// Four field elements and what they hold.
const GROUP_BYTES: usize = 4 * 32;
const GROUP_PAYLOAD_BYTES: usize = 127;

/// Why blobs hold no payload, or a payload fits no blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Not one to six whole blobs.
    #[error("{found} bytes are not one to {BATCH_BLOBS_MAX} blobs")]
    Size {
        /// Bytes found.
        found: usize,
    },
    /// A blob of another format.
    #[error("blob version {found}, expected {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// A length that a blob cannot hold.
    #[error("blob names a length of {found}, at most {BLOB_PAYLOAD_BYTES} fit")]
    Length {
        /// The length found.
        found: usize,
    },
    /// A payload that does not fit a batch's blobs.
    #[error("payload of {found} bytes needs more than {BATCH_BLOBS_MAX} blobs")]
    TooLarge {
        /// Bytes of the payload.
        found: usize,
    },
}

/// Puts a payload into as few blobs as possible, at least one; each is 131,072 bytes.
pub fn blobs_encode(payload: &[u8]) -> Result<Vec<Vec<u8>>, BlobError> {
    if payload.len() > BATCH_BLOBS_MAX * BLOB_PAYLOAD_BYTES {
        return Err(BlobError::TooLarge { found: payload.len() });
    }
    if payload.is_empty() {
        return Ok(vec![encode_one(&[])]);
    }
    Ok(payload.chunks(BLOB_PAYLOAD_BYTES).map(encode_one).collect())
}

fn encode_one(part: &[u8]) -> Vec<u8> {
    let mut stream = vec![0u8; HEADER_BYTES];
    stream[1..].copy_from_slice(&(part.len() as u32).to_be_bytes()[1..]);
    stream[0] = VERSION;
    stream.extend_from_slice(part);
    stream.resize(stream.len().next_multiple_of(GROUP_PAYLOAD_BYTES), 0);
    let mut blob = Vec::with_capacity(BLOB_BYTES);
    for group in stream.chunks(GROUP_PAYLOAD_BYTES) {
        let (low, high) = group.split_at(4 * 31);
        let bits = u32::from_be_bytes([0, high[0], high[1], high[2]]);
        for (index, bytes) in low.chunks(31).enumerate() {
            blob.push((bits >> (18 - 6 * index)) as u8 & 0x3f);
            blob.extend_from_slice(bytes);
        }
    }
    blob.resize(BLOB_BYTES, 0);
    blob
}

/// The payload of concatenated blobs.
///
/// Total; the two top bits of a field element are ignored, and so are bytes after a blob's length.
pub fn blobs_decode(blobs: &[u8]) -> Result<Vec<u8>, BlobError> {
    let count = blobs.len() / BLOB_BYTES;
    if !blobs.len().is_multiple_of(BLOB_BYTES) || !(1..=BATCH_BLOBS_MAX).contains(&count) {
        return Err(BlobError::Size { found: blobs.len() });
    }
    let mut payload = Vec::new();
    for blob in blobs.chunks(BLOB_BYTES) {
        decode_one(blob, &mut payload)?;
    }
    Ok(payload)
}

fn decode_one(blob: &[u8], payload: &mut Vec<u8>) -> Result<(), BlobError> {
    let &[_, version, l0, l1, l2, ..] = blob else { return Err(BlobError::Size { found: blob.len() }) };
    if version != VERSION {
        return Err(BlobError::Version { found: version });
    }
    let len = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    if len > BLOB_PAYLOAD_BYTES {
        return Err(BlobError::Length { found: len });
    }
    let start = payload.len();
    let groups = (HEADER_BYTES + len).div_ceil(GROUP_PAYLOAD_BYTES);
    for group in blob.chunks(GROUP_BYTES).take(groups) {
        let mut bits = 0u32;
        for element in group.chunks(32) {
            bits = bits << 6 | u32::from(element[0] & 0x3f);
            payload.extend_from_slice(&element[1..]);
        }
        payload.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    payload.drain(start..start + HEADER_BYTES);
    payload.truncate(start + len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 131 + i / 977) as u8).collect()
    }

    #[test]
    fn round_trips_at_the_edges() {
        let max = BATCH_BLOBS_MAX * BLOB_PAYLOAD_BYTES;
        for len in [0, 1, 122, 123, 124, 250, BLOB_PAYLOAD_BYTES, BLOB_PAYLOAD_BYTES + 1, max] {
            let blobs = blobs_encode(&data(len)).unwrap();
            assert_eq!(blobs.len(), len.div_ceil(BLOB_PAYLOAD_BYTES).max(1));
            assert!(blobs.iter().all(|blob| blob.len() == BLOB_BYTES));
            assert!(blobs.iter().all(|blob| blob.chunks(32).all(|element| element[0] < 0x40)));
            assert_eq!(blobs_decode(&blobs.concat()).unwrap(), data(len), "{len}");
        }
        assert_eq!(blobs_encode(&data(max + 1)), Err(BlobError::TooLarge { found: max + 1 }));
    }

    #[test]
    fn refuses_what_is_no_blob() {
        assert_eq!(blobs_decode(&[]), Err(BlobError::Size { found: 0 }));
        assert_eq!(blobs_decode(&[0; 31]), Err(BlobError::Size { found: 31 }));
        assert_eq!(blobs_decode(&vec![0; 7 * BLOB_BYTES]), Err(BlobError::Size { found: 7 * BLOB_BYTES }));
        assert_eq!(blobs_decode(&vec![0; BLOB_BYTES]), Err(BlobError::Version { found: 0 }));
        assert_eq!(blobs_decode(&vec![0xff; BLOB_BYTES]), Err(BlobError::Version { found: 0xff }));
        let mut blob = vec![0; BLOB_BYTES];
        blob[1..5].copy_from_slice(&[1, 0xff, 0xff, 0xff]);
        assert_eq!(blobs_decode(&blob), Err(BlobError::Length { found: 0xff_ffff }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn round_trips(payload in prop::collection::vec(any::<u8>(), 0..3000)) {
            let blobs = blobs_encode(&payload).unwrap().concat();
            prop_assert_eq!(blobs_decode(&blobs).unwrap(), payload);
        }

        #[test]
        fn any_blob_decodes_or_errs(seed in prop::collection::vec(any::<u8>(), 1..200), len in 0u32..(1 << 24)) {
            let mut blob: Vec<u8> = seed.iter().copied().cycle().take(BLOB_BYTES).collect();
            blob[1] = VERSION;
            blob[2..5].copy_from_slice(&len.to_be_bytes()[1..]);
            match blobs_decode(&blob) {
                Ok(payload) => prop_assert_eq!(payload.len(), len as usize),
                Err(error) => prop_assert_eq!(error, BlobError::Length { found: len as usize }),
            }
        }
    }
}
