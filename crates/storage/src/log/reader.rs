//! Reading the log, and telling a torn tail from damage.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use alloy::primitives::B256;

use super::error::LogError;
use super::frame::{FRAME_HEADER_LEN, HEADER_LEN, MARKER, check_header, checksum, parse_frame_header};
use super::record::Record;
use super::{LogRecovery, Position};

const READ_BUFFER_BYTES: usize = 1 << 20;

/// An iterator over records with the offset at which each ends.
#[derive(Debug)]
pub struct LogReader {
    input: BufReader<File>,
    at: Position,
    end: Position,
    payload: Vec<u8>,
    done: bool,
}

impl LogReader {
    pub(super) fn open(path: &Path, from: Position) -> Result<Self, LogError> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(from))?;
        Ok(Self {
            input: BufReader::with_capacity(READ_BUFFER_BYTES, file),
            at: from,
            end,
            payload: Vec::new(),
            done: false,
        })
    }

    /// Reads one frame's payload into `self.payload`. `None`: no good frame begins here.
    fn frame(&mut self) -> Result<Option<()>, LogError> {
        let mut head = [0; FRAME_HEADER_LEN];
        if self.end - self.at < FRAME_HEADER_LEN as u64 {
            return Ok(None);
        }
        self.input.read_exact(&mut head)?;
        let Some(header) = parse_frame_header(&head) else { return Ok(None) };
        if self.end - self.at - (FRAME_HEADER_LEN as u64) < header.len as u64 {
            return Ok(None);
        }
        self.payload.resize(header.len, 0);
        self.input.read_exact(&mut self.payload)?;
        if checksum(&self.payload, header.durable) != header.crc || header.durable > self.at {
            return Ok(None);
        }
        self.at += (FRAME_HEADER_LEN + header.len) as u64;
        Ok(Some(()))
    }
}

impl Iterator for LogReader {
    type Item = Result<(Position, Record), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.at >= self.end {
            return None;
        }
        let start = self.at;
        let item = match self.frame() {
            Ok(Some(())) => Record::decode(&self.payload).map(|record| (self.at, record)),
            Ok(None) => Err(LogError::Corrupt { at: start, durable: start }),
            Err(error) => Err(error),
        };
        self.done = item.is_err();
        Some(item)
    }
}

/// Checks the whole file: counts good records and finds where a torn tail begins.
pub(super) fn scan(path: &Path, genesis: B256) -> Result<LogRecovery, LogError> {
    let mut header = vec![0; HEADER_LEN as usize];
    File::open(path)?.read_exact(&mut header)?;
    check_header(&header, genesis)?;
    let mut reader = LogReader::open(path, HEADER_LEN)?;
    let mut records = 0;
    loop {
        let start = reader.at;
        if start == reader.end {
            return Ok(LogRecovery { records, end: start, dropped_bytes: 0 });
        }
        if reader.frame()?.is_some() {
            // A good checksum over bytes that are no record is a bug or an attack, never a torn write.
            Record::decode(&reader.payload)?;
            records += 1;
            continue;
        }
        if let Some(durable) = later_frame_durable(path, start)?
            && durable > start
        {
            return Err(LogError::Corrupt { at: start, durable });
        }
        return Ok(LogRecovery { records, end: start, dropped_bytes: reader.end - start });
    }
}

/// The largest `durable` that a good frame after `from` names.
fn later_frame_durable(path: &Path, from: Position) -> Result<Option<Position>, LogError> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let mut best = None;
    let mut at = 0;
    while at + FRAME_HEADER_LEN <= tail.len() {
        if tail[at..at + 4] != MARKER {
            at += 1;
            continue;
        }
        let frame = parse_frame_header(&tail[at..]).filter(|header| {
            tail.get(at + FRAME_HEADER_LEN..at + FRAME_HEADER_LEN + header.len)
                .is_some_and(|payload| checksum(payload, header.durable) == header.crc)
        });
        match frame {
            Some(header) => {
                best = best.max(Some(header.durable));
                at += FRAME_HEADER_LEN + header.len;
            }
            None => at += 1,
        }
    }
    Ok(best)
}
