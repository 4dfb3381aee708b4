//! The chain: one writer, many readers.

mod blocks;
mod error;
mod flush;
mod open;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use assay_execution::{InMemory, StateTrie};
use assay_primitives::ChainConfig;
use assay_storage::{BlockLog, Index, LogRecovery, StateStore};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

pub use self::error::ChainError;
pub use self::read::LogFilter;
pub(crate) use self::read::{block_logs, matches};
pub use self::write::{Logged, recover_all};

use self::blocks::Blocks;
use self::flush::Flusher;
use crate::block::{Block, OpenBlock, PendingBlock};
use crate::head::ChainEvent;
use crate::state::FlatState;

/// States kept for reads: the head's and this many before it.
pub const STATES_KEPT: usize = 128;
/// Memory for recent blocks, in bytes.
pub const BLOCK_BYTES_KEPT: usize = 256 << 20;
/// Events that a slow subscriber may fall behind before it misses some.
const EVENTS_BUFFERED: usize = 1_024;

/// Where the chain lives and how much of it stays in memory.
#[derive(Clone, Debug)]
pub struct ChainOptions {
    /// Folder for block log, state store and (without `index_url`) the index. `None`: nothing is kept on disk.
    pub dir: Option<PathBuf>,
    /// `sqlite:PATH` or `postgres://...`; by default `index.sqlite` in `dir`.
    pub index_url: Option<String>,
    /// Old states that stay readable.
    pub states_kept: usize,
    /// Memory for recent blocks in bytes.
    pub block_bytes_kept: usize,
}

impl ChainOptions {
    /// A chain in this folder.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()), ..Self::memory() }
    }

    /// A chain in memory only, for tests and tools.
    pub const fn memory() -> Self {
        Self { dir: None, index_url: None, states_kept: STATES_KEPT, block_bytes_kept: BLOCK_BYTES_KEPT }
    }
}

/// What opening the chain found.
#[derive(Debug)]
pub struct Opened {
    /// The chain.
    pub chain: Chain,
    /// Block that was open when the process stopped: the sequencer must execute its segments again and go on, a
    /// verifier ignores it.
    pub open_block: Option<OpenBlock>,
    /// What the block log said.
    pub log: LogRecovery,
    /// Blocks that were executed again from the log.
    pub replayed: u64,
}

struct Disk {
    log: Arc<BlockLog>,
    store: Arc<StateStore>,
    index: Index,
    flusher: Flusher,
}

struct Writer {
    trie: StateTrie<InMemory>,
    /// Set when a write failed half-way.
    stopped: Option<String>,
}

struct Inner {
    config: Arc<ChainConfig>,
    genesis: Arc<Block>,
    states_kept: usize,
    // Lock order: writer, state, blocks, pending.
    writer: Mutex<Writer>,
    state: Arc<RwLock<FlatState>>,
    blocks: Arc<RwLock<Blocks>>,
    pending: RwLock<Option<Arc<PendingBlock>>>,
    events: broadcast::Sender<ChainEvent>,
    disk: Option<Disk>,
}

/// The chain of one node. Clones share it; reads never wait for execution.
///
/// There is one writer: whoever appends and rolls back (the sequencer's builder or the derivation driver) must agree
/// on turns; the chain checks that every block is on the head.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("heads", &self.heads()).finish_non_exhaustive()
    }
}
