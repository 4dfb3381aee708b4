//! Header and frame bytes.

use std::fs;
use std::path::Path;

use alloy::primitives::B256;

use super::error::LogError;

pub(super) const MAGIC: [u8; 8] = *b"ASSAYLOG";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_LEN: u64 = 8 + 4 + 32 + 4;
pub(super) const MARKER: [u8; 4] = [0xA5, 0x5A, 0xB1, 0x0C];
pub(super) const FRAME_HEADER_LEN: usize = 4 + 4 + 8 + 4;

pub(super) fn encode_header(genesis: B256) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN as usize);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(genesis.as_slice());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// A file shorter than a header must be the beginning of one.
pub(super) fn check_short_header(path: &Path, len: u64) -> Result<(), LogError> {
    let bytes = fs::read(path)?;
    let common = (len as usize).min(MAGIC.len());
    if bytes[..common] != MAGIC[..common] {
        return Err(LogError::NotALog { found: bytes[..common].to_vec() });
    }
    Ok(())
}

pub(super) fn check_header(bytes: &[u8], genesis: B256) -> Result<(), LogError> {
    if bytes[..8] != MAGIC {
        return Err(LogError::NotALog { found: bytes[..8].to_vec() });
    }
    let version = u32_at(bytes, 8);
    if version != VERSION {
        return Err(LogError::Version { expected: VERSION, found: version });
    }
    if crc32fast::hash(&bytes[..44]) != u32_at(bytes, 44) {
        return Err(LogError::Corrupt { at: 0, durable: HEADER_LEN });
    }
    let found = B256::from_slice(&bytes[12..44]);
    if found != genesis {
        return Err(LogError::Genesis { expected: genesis, found });
    }
    Ok(())
}

pub(super) fn encode_frame(payload: &[u8], durable: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(&checksum(payload, durable).to_le_bytes());
    out.extend_from_slice(payload);
}

/// CRC-32 (ISO-HDLC) of length, `durable` and payload.
pub(super) fn checksum(payload: &[u8], durable: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(&durable.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

pub(super) struct FrameHeader {
    pub(super) len: usize,
    pub(super) durable: u64,
    pub(super) crc: u32,
}

/// The frame header at the start of `bytes`, or nothing when it cannot be one.
pub(super) fn parse_frame_header(bytes: &[u8]) -> Option<FrameHeader> {
    if bytes.len() < FRAME_HEADER_LEN || bytes[..4] != MARKER {
        return None;
    }
    let len = u32_at(bytes, 4) as usize;
    let mut durable = [0; 8];
    durable.copy_from_slice(&bytes[8..16]);
    (len <= super::RECORD_BYTES_MAX).then_some(FrameHeader {
        len,
        durable: u64::from_le_bytes(durable),
        crc: u32_at(bytes, 16),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}
