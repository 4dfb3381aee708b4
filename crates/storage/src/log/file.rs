use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// The writes that the log makes; tests replace it to inject faults.
pub trait LogFile: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when every byte written so far is on disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A file on disk.
#[derive(Debug)]
pub struct DiskFile(File);

impl DiskFile {
    /// Opens or creates `path` for appending and locks it against a second process.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds the log.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another process uses this block log")
            }
            std::fs::TryLockError::Error(error) => error,
        })?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(file))
    }

    /// Makes the name of a new file durable.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}

impl LogFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
