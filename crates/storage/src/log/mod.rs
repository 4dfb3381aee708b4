//! The append-only block log: the truth that everything else on this machine can be rebuilt from.
//!
//! File: a header (`magic[8] version:u32 genesis[32] crc:u32`), then frames
//! (`marker:u32 len:u32 durable:u64 crc:u32 record[len]`), all little-endian. `durable` is the offset that was known to
//! be synced when the frame was written; with it a torn tail and damage in the middle can be told apart: bad bytes are
//! torn unless a later frame says that they had been durable.

mod error;
mod file;
mod frame;
mod reader;
mod record;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use parking_lot::Mutex;

pub use self::error::LogError;
pub use self::file::{DiskFile, LogFile};
pub use self::reader::LogReader;
pub use self::record::{RECORD_BYTES_MAX, Record};

use self::frame::{HEADER_LEN, encode_frame, encode_header};

/// Byte offset in the log: the end of a record.
pub type Position = u64;

/// What opening the log found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LogRecovery {
    /// Records that were kept.
    pub records: u64,
    /// End of the last record.
    pub end: Position,
    /// Bytes of a torn tail that were cut off; zero after a clean stop.
    pub dropped_bytes: u64,
}

struct Buffer {
    bytes: Vec<u8>,
    /// Offset in the file at which `bytes` will be written.
    start: Position,
    durable: Position,
}

struct Writer {
    file: Box<dyn LogFile>,
    durable: Position,
    failed: Option<String>,
}

/// An append-only log with group commit. Clone-free: share it in an `Arc`.
pub struct BlockLog {
    path: PathBuf,
    buffer: Mutex<Buffer>,
    // Lock order: `writer` before `buffer`.
    writer: Mutex<Writer>,
}

impl std::fmt::Debug for BlockLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockLog").field("path", &self.path).finish_non_exhaustive()
    }
}

impl BlockLog {
    /// Opens or creates the log of the chain with this genesis. A torn tail is cut off and reported.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when synced data is damaged (nothing is changed then), [`LogError::Genesis`],
    /// [`LogError::Version`] and [`LogError::NotALog`] for a foreign file.
    pub fn open(path: impl AsRef<Path>, genesis: B256) -> Result<(Self, LogRecovery), LogError> {
        let path = path.as_ref().to_path_buf();
        let file = DiskFile::open(&path)?;
        Self::open_with(path, Box::new(file), genesis)
    }

    /// [`BlockLog::open`] over another writer, for fault injection. Reads still go to `path`.
    ///
    /// # Errors
    /// As [`BlockLog::open`].
    pub fn open_with(
        path: PathBuf,
        mut file: Box<dyn LogFile>,
        genesis: B256,
    ) -> Result<(Self, LogRecovery), LogError> {
        let len = std::fs::metadata(&path)?.len();
        // A crash while the file was being created leaves less than a header: nothing was ever promised.
        let recovery = if len < HEADER_LEN {
            frame::check_short_header(&path, len)?;
            file.truncate(0)?;
            file.append(&encode_header(genesis))?;
            file.sync()?;
            DiskFile::sync_parent(&path)?;
            LogRecovery { records: 0, end: HEADER_LEN, dropped_bytes: len }
        } else {
            let recovery = reader::scan(&path, genesis)?;
            if recovery.dropped_bytes > 0 {
                file.truncate(recovery.end)?;
            }
            // What was kept may never have been synced by the process that wrote it.
            file.sync()?;
            recovery
        };
        let end = recovery.end;
        let log = Self {
            path,
            buffer: Mutex::new(Buffer { bytes: Vec::new(), start: end, durable: end }),
            writer: Mutex::new(Writer { file, durable: end, failed: None }),
        };
        Ok((log, recovery))
    }

    /// Queues a record in memory and returns its end. It is not durable before [`BlockLog::commit`].
    ///
    /// # Errors
    /// [`LogError::RecordTooLarge`].
    pub fn append(&self, record: &Record) -> Result<Position, LogError> {
        let mut payload = Vec::new();
        record.encode(&mut payload);
        if payload.len() > RECORD_BYTES_MAX {
            return Err(LogError::RecordTooLarge { limit: RECORD_BYTES_MAX, found: payload.len() });
        }
        let mut buffer = self.buffer.lock();
        let durable = buffer.durable;
        encode_frame(&payload, durable, &mut buffer.bytes);
        Ok(buffer.start + buffer.bytes.len() as u64)
    }

    /// Returns when everything up to `position` is on disk. Callers that wait together share one sync.
    /// Blocks the thread for the sync (0.3 to 10 ms).
    ///
    /// # Errors
    /// [`LogError::Io`] once, then [`LogError::Poisoned`]: after a failed sync nothing more is accepted.
    pub fn commit(&self, position: Position) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        if let Some(reason) = &writer.failed {
            return Err(LogError::Poisoned(reason.clone()));
        }
        if writer.durable >= position {
            return Ok(());
        }
        let end = self.write_out(&mut writer)?;
        if let Err(error) = writer.file.sync() {
            writer.failed = Some(error.to_string());
            return Err(error.into());
        }
        writer.durable = end;
        self.buffer.lock().durable = end;
        Ok(())
    }

    /// Makes every record appended so far durable.
    ///
    /// # Errors
    /// As [`BlockLog::commit`].
    pub fn sync(&self) -> Result<(), LogError> {
        let end = self.end();
        self.commit(end)
    }

    /// Writes what is queued to the file without a sync, so that [`BlockLog::read`] sees it.
    ///
    /// # Errors
    /// As [`BlockLog::commit`].
    pub fn flush(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        if let Some(reason) = &writer.failed {
            return Err(LogError::Poisoned(reason.clone()));
        }
        self.write_out(&mut writer).map(|_| ())
    }

    fn write_out(&self, writer: &mut Writer) -> Result<Position, LogError> {
        let (bytes, end) = {
            let mut buffer = self.buffer.lock();
            let bytes = std::mem::take(&mut buffer.bytes);
            buffer.start += bytes.len() as u64;
            (bytes, buffer.start)
        };
        if let Err(error) = writer.file.append(&bytes) {
            writer.failed = Some(error.to_string());
            return Err(error.into());
        }
        Ok(end)
    }

    /// End of the last record that was appended.
    pub fn end(&self) -> Position {
        let buffer = self.buffer.lock();
        buffer.start + buffer.bytes.len() as u64
    }

    /// Offset up to which everything is on disk.
    pub fn durable(&self) -> Position {
        self.buffer.lock().durable
    }

    /// Where the first record begins.
    pub const fn start() -> Position {
        HEADER_LEN
    }

    /// Records from `from` (a value of [`BlockLog::start`], [`BlockLog::append`] or the reader) to the end.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn read(&self, from: Position) -> Result<LogReader, LogError> {
        self.flush()?;
        LogReader::open(&self.path, from)
    }

    /// Where the log lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
