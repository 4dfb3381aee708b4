use std::io;

/// Why the block log could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("block log: {0}")]
    Io(#[from] io::Error),
    /// An earlier write or sync failed, so what is on disk is unknown; the process must restart and recover.
    #[error("block log stopped after a failed write: {0}")]
    Poisoned(String),
    /// The file does not begin with the log's magic bytes.
    #[error("not a block log: the file begins with {found:02x?}")]
    NotALog {
        /// The first bytes of the file.
        found: Vec<u8>,
    },
    /// The file was written by another version of the format.
    #[error("block log has format version {found}, this program reads {expected}")]
    Version {
        /// Version of this program.
        expected: u32,
        /// Version of the file.
        found: u32,
    },
    /// The file belongs to another chain.
    #[error("block log belongs to the chain with genesis {found}, not {expected}")]
    Genesis {
        /// Genesis hash of the chain that is being opened.
        expected: alloy::primitives::B256,
        /// Genesis hash in the file.
        found: alloy::primitives::B256,
    },
    /// Data that had been synced is damaged: this is not a torn tail, and nothing was changed.
    #[error("block log is damaged at byte {at}: data up to byte {durable} had been synced")]
    Corrupt {
        /// Offset of the first damaged frame.
        at: u64,
        /// Offset up to which a later frame says that everything was durable.
        durable: u64,
    },
    /// Bytes with a good checksum that are no record.
    #[error("malformed record: {0}")]
    Malformed(String),
    /// A record is larger than [`super::RECORD_BYTES_MAX`].
    #[error("record of {found} bytes is larger than {limit}")]
    RecordTooLarge {
        /// The limit.
        limit: usize,
        /// Size of the record.
        found: usize,
    },
}
