//! What the block log says, and its bytes.

use alloy::primitives::{Address, B256, Bytes, U256};
use assay_primitives::{QueueEntry, QueueKind};

use super::error::LogError;

/// Largest encoded record. A segment must fit; the sequencer splits larger ones.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// One fact of the block log. A block is `Open`, any number of `Segment`s, `Seal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A block was opened on `parent`. A second `Open` without a `Seal` between them discards the first block.
    Open {
        /// Number of the block.
        number: u64,
        /// Timestamp of the block, in seconds.
        timestamp: u64,
        /// Data price that this block proposes for the next one, in wei a byte.
        data_price: u64,
        /// Hash of the parent block.
        parent: B256,
    },
    /// Transactions that joined the open block, in order; durable before anybody is told about them.
    Segment {
        /// Entries of the forced queue; they come before every transaction of the block.
        forced: Vec<QueueEntry>,
        /// Raw EIP-2718 transactions that were executed.
        txs: Vec<Bytes>,
    },
    /// The open block is complete.
    Seal {
        /// Number of the block.
        number: u64,
        /// Hash of its header.
        hash: B256,
        /// State root after it.
        state_root: B256,
    },
    /// Every block above `to` is void, and so is a block that is open.
    Rollback {
        /// Number of the new head.
        to: u64,
        /// Hash of the new head.
        hash: B256,
    },
}

const OPEN: u8 = 1;
const SEGMENT: u8 = 2;
const SEAL: u8 = 3;
const ROLLBACK: u8 = 4;

impl Record {
    /// Appends the record's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open { number, timestamp, data_price, parent } => {
                out.push(OPEN);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&timestamp.to_le_bytes());
                out.extend_from_slice(&data_price.to_le_bytes());
                out.extend_from_slice(parent.as_slice());
            }
            Self::Segment { forced, txs } => {
                out.push(SEGMENT);
                out.extend_from_slice(&(forced.len() as u32).to_le_bytes());
                forced.iter().for_each(|entry| encode_entry(entry, out));
                out.extend_from_slice(&(txs.len() as u32).to_le_bytes());
                txs.iter().for_each(|raw| encode_bytes(raw, out));
            }
            Self::Seal { number, hash, state_root } => {
                out.push(SEAL);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(hash.as_slice());
                out.extend_from_slice(state_root.as_slice());
            }
            Self::Rollback { to, hash } => {
                out.push(ROLLBACK);
                out.extend_from_slice(&to.to_le_bytes());
                out.extend_from_slice(hash.as_slice());
            }
        }
    }

    /// Parses what [`Record::encode`] wrote; every byte must be used.
    ///
    /// # Errors
    /// [`LogError::Malformed`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let mut cursor = Cursor { rest: bytes };
        let record = match cursor.take::<1>()?[0] {
            OPEN => Self::Open {
                number: cursor.u64()?,
                timestamp: cursor.u64()?,
                data_price: cursor.u64()?,
                parent: B256::new(cursor.take()?),
            },
            SEGMENT => Self::Segment { forced: cursor.list(Cursor::entry)?, txs: cursor.list(Cursor::blob)? },
            SEAL => Self::Seal {
                number: cursor.u64()?,
                hash: B256::new(cursor.take()?),
                state_root: B256::new(cursor.take()?),
            },
            ROLLBACK => Self::Rollback { to: cursor.u64()?, hash: B256::new(cursor.take()?) },
            kind => return Err(LogError::Malformed(format!("unknown record kind {kind}"))),
        };
        if !cursor.rest.is_empty() {
            return Err(LogError::Malformed(format!("{} bytes after the record", cursor.rest.len())));
        }
        Ok(record)
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], LogError> {
        if self.rest.len() < len {
            return Err(LogError::Malformed("record ends early".into()));
        }
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(head)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], LogError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }

    fn u64(&mut self) -> Result<u64, LogError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, LogError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn flag(&mut self) -> Result<bool, LogError> {
        match self.take::<1>()?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(LogError::Malformed(format!("flag {other}"))),
        }
    }

    fn blob(&mut self) -> Result<Bytes, LogError> {
        let len = self.u32()? as usize;
        Ok(Bytes::copy_from_slice(self.bytes(len)?))
    }

    fn entry(&mut self) -> Result<QueueEntry, LogError> {
        let kind = self.take::<1>()?[0];
        Ok(QueueEntry {
            kind: QueueKind::parse(kind).ok_or_else(|| LogError::Malformed(format!("queue kind {kind}")))?,
            index: self.u64()?,
            l1_block: self.u64()?,
            l1_time: self.u64()?,
            from: Address::new(self.take()?),
            mint: U256::from_be_bytes(self.take::<32>()?),
            value: U256::from_be_bytes(self.take::<32>()?),
            gas_limit: self.u64()?,
            is_creation: self.flag()?,
            to: Address::new(self.take()?),
            data: self.blob()?,
        })
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, LogError>) -> Result<Vec<T>, LogError> {
        let count = self.u32()? as usize;
        // An item takes at least its length field, so a lying count cannot make us reserve memory.
        let mut out = Vec::with_capacity(count.min(self.rest.len() / 4));
        for _ in 0..count {
            out.push(item(self)?);
        }
        Ok(out)
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn encode_entry(entry: &QueueEntry, out: &mut Vec<u8>) {
    out.push(entry.kind as u8);
    out.extend_from_slice(&entry.index.to_le_bytes());
    out.extend_from_slice(&entry.l1_block.to_le_bytes());
    out.extend_from_slice(&entry.l1_time.to_le_bytes());
    out.extend_from_slice(entry.from.as_slice());
    out.extend_from_slice(&entry.mint.to_be_bytes::<32>());
    out.extend_from_slice(&entry.value.to_be_bytes::<32>());
    out.extend_from_slice(&entry.gas_limit.to_le_bytes());
    out.push(u8::from(entry.is_creation));
    out.extend_from_slice(entry.to.as_slice());
    encode_bytes(&entry.data, out);
}
