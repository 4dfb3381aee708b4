//! Blobs on disk, because L1 forgets them after 18 days and a dispute may need them until then.
//!
//! One file a blob, named `<L1 time>-<versioned hash>.blob`. A file is whole or absent, and is checked
//! against its hash each time it is read.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{B256, Bytes};
use assay_l1::{BlobSource, L1Block, L1Error, versioned_hash};
use futures::future::BoxFuture;

use crate::state::expired;

/// A source of blobs that remembers what another one gave.
pub(crate) struct BlobArchive {
    dir: PathBuf,
    behind: Arc<dyn BlobSource>,
}

impl BlobArchive {
    /// An archive in `dir`, which is made when absent, in front of `behind`.
    pub(crate) fn open(dir: PathBuf, behind: Arc<dyn BlobSource>) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, behind })
    }

    /// Deletes blobs of L1 blocks older than `retention_secs` at L1 time `now`; returns how many.
    pub(crate) fn expire(dir: &Path, now: u64, retention_secs: u64) -> io::Result<usize> {
        let mut gone = 0;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if expired(&name.to_string_lossy(), now, retention_secs) {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn fetch(&self, block: &L1Block, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        let paths: Vec<PathBuf> =
            hashes.iter().map(|hash| self.dir.join(format!("{:020}-{hash}.blob", block.time))).collect();
        let wanted: Vec<(PathBuf, B256)> = paths.iter().cloned().zip(hashes.iter().copied()).collect();
        let kept = blocking(move || wanted.iter().map(|(path, hash)| read(path, hash)).collect()).await?;
        if let Some(blobs) = kept {
            metrics::counter!("assay_verifier_blobs_from_archive").increment(hashes.len() as u64);
            return Ok(blobs);
        }
        let blobs = self.behind.blobs(block, hashes).await?;
        let copies = blobs.clone();
        let written =
            blocking(move || paths.iter().zip(&copies).try_for_each(|(path, blob)| write(path, blob)))
                .await?;
        // The blobs are good: without a copy only a later dispute lacks them.
        if let Err(error) = written {
            tracing::error!(%error, dir = %self.dir.display(), "blobs are not archived");
            metrics::counter!("assay_verifier_archive_errors").increment(1);
        }
        Ok(blobs)
    }
}

impl BlobSource for BlobArchive {
    fn blobs<'a>(
        &'a self,
        block: &'a L1Block,
        versioned_hashes: &'a [B256],
    ) -> BoxFuture<'a, Result<Vec<Bytes>, L1Error>> {
        Box::pin(self.fetch(block, versioned_hashes))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, L1Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| L1Error::Malformed { reason: e.to_string() })
}

/// The blob in `path` if it is there and is `hash`.
fn read(path: &Path, hash: &B256) -> Option<Bytes> {
    let bytes = fs::read(path).ok()?;
    if versioned_hash(&bytes) == Some(*hash) {
        return Some(bytes.into());
    }
    tracing::warn!(path = %path.display(), "damaged blob in the archive: fetching it again");
    None
}

fn write(path: &Path, blob: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    fs::write(&beside, blob)?;
    fs::rename(beside, path)
}
