//! Where derivation stood, kept over restarts.

use assay_l1::Included;
use assay_primitives::QueueEntry;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::{DriverError, Point};

/// What the driver needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverCheckpoint {
    /// Where derivation starts: before the Inbox.
    pub origin: Point,
    /// Positions after L1 blocks, oldest first.
    pub points: Vec<Point>,
    /// Queue entries that the recent points have not consumed.
    pub queue: Vec<QueuedEntry>,
}

/// A queue entry and the queue's root with it.
pub type QueuedEntry = (QueueEntry, alloy::primitives::B256);

/// The checkpoint's form of an included entry.
pub(super) fn queued(included: &Included<QueueEntry>) -> QueuedEntry {
    (included.entry.clone(), included.root)
}

/// Where checkpoints are kept.
pub trait CheckpointStore: Send + 'static {
    /// The last one saved; `None` before the first.
    fn load(&self) -> Result<Option<DriverCheckpoint>, DriverError>;

    /// Replaces the last one. Losing it costs time, never correctness.
    fn save(&mut self, checkpoint: &DriverCheckpoint) -> Result<(), DriverError>;
}

/// Keeps no checkpoint: every start derives from the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCheckpoint;

impl CheckpointStore for NoCheckpoint {
    fn load(&self) -> Result<Option<DriverCheckpoint>, DriverError> {
        Ok(None)
    }

    fn save(&mut self, _checkpoint: &DriverCheckpoint) -> Result<(), DriverError> {
        Ok(())
    }
}

/// A checkpoint in a JSON file, replaced atomically.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

impl CheckpointFile {
    /// The file `driver.json` in the node's data folder.
    pub fn in_dir(dir: impl AsRef<Path>) -> Self {
        Self { path: dir.as_ref().join("driver.json") }
    }

    fn error(&self, reason: impl ToString) -> DriverError {
        DriverError::Checkpoint { path: self.path.clone(), reason: reason.to_string() }
    }
}

impl CheckpointStore for CheckpointFile {
    fn load(&self) -> Result<Option<DriverCheckpoint>, DriverError> {
        match fs::read(&self.path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(checkpoint) => Ok(Some(checkpoint)),
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "unreadable checkpoint: deriving again");
                    Ok(None)
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    fn save(&mut self, checkpoint: &DriverCheckpoint) -> Result<(), DriverError> {
        let bytes = serde_json::to_vec(checkpoint).map_err(|error| self.error(error))?;
        let next = self.path.with_extension("json.next");
        let write = || {
            let mut file = File::create(&next)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            fs::rename(&next, &self.path)
        };
        write().map_err(|error| self.error(error))
    }
}
