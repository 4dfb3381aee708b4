//! Opening the chain: state store, then the log after it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use alloy::primitives::B256;
use assay_execution::{Genesis, InMemory, StateChanges, StateTrie};
use assay_primitives::ChainConfig;
use assay_storage::{BlockLog, Index, LogRecovery, Record, StateStore, StateTip};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::broadcast;

use super::blocks::Blocks;
use super::flush::{Flusher, Targets};
use super::{Chain, ChainError, ChainOptions, Disk, EVENTS_BUFFERED, Inner, Logged, Opened, Writer};
use crate::block::{Block, OpenBlock, Segment};
use crate::codec;
use crate::head::BlockRef;
use crate::state::{FlatState, Undo};

/// Blocks read back into memory when the chain is opened.
const BLOCKS_LOADED: u64 = 128;

/// The state from which the log is replayed.
struct Base {
    tip: StateTip,
    head: Arc<Block>,
    state: StateChanges,
}

impl Chain {
    /// Opens or creates the chain of `genesis`. With `expected`, its hash must be that.
    ///
    /// Reads the state store, checks its root, and runs the log records after it again; without a usable state store
    /// the whole log. Needs a multi-threaded runtime when the chain is on disk.
    ///
    /// # Errors
    /// [`ChainError::WrongGenesis`]; [`ChainError::Log`] when synced data is damaged; [`ChainError::ReplayMismatch`].
    pub async fn open(
        options: ChainOptions,
        genesis: &Genesis,
        expected: Option<B256>,
    ) -> Result<Opened, ChainError> {
        let (header, state) = genesis.build()?;
        if let Some(expected) = expected.filter(|expected| *expected != header.hash()) {
            return Err(ChainError::WrongGenesis { expected, found: header.hash() });
        }
        let genesis_block = Arc::new(Block {
            header,
            txs: Vec::new(),
            receipts: Vec::new(),
            data_price: 0,
            forced: Vec::new(),
        });
        let config = Arc::new(genesis.config.clone());
        let Some(dir) = &options.dir else {
            let tip = StateTip { number: 0, hash: genesis_block.hash(), position: 0 };
            let base = Base { tip, head: genesis_block.clone(), state };
            let chain = assemble(&options, config, genesis_block, base, |_| Ok(None))?;
            return Ok(Opened { chain, open_block: None, log: LogRecovery::default(), replayed: 0 });
        };
        open_dir(&options, dir, config, genesis_block, state).await
    }
}

async fn open_dir(
    options: &ChainOptions,
    dir: &Path,
    config: Arc<ChainConfig>,
    genesis: Arc<Block>,
    genesis_state: StateChanges,
) -> Result<Opened, ChainError> {
    fs::create_dir_all(dir).map_err(|source| ChainError::Folder { path: dir.to_path_buf(), source })?;
    let (log, recovery) = BlockLog::open(dir.join("blocks.log"), genesis.hash())?;
    if recovery.dropped_bytes > 0 {
        tracing::warn!(bytes = recovery.dropped_bytes, "cut a torn tail off the block log");
    }
    let store = StateStore::open(dir.join("state.redb"), genesis.hash())?;
    let url =
        options.index_url.clone().unwrap_or_else(|| format!("sqlite:{}", dir.join("index.sqlite").display()));
    let index = Index::open(&url).await?;
    let base = match stored_base(&store, &index, &recovery).await? {
        Some(base) => base,
        None => {
            let tip = StateTip { number: 0, hash: genesis.hash(), position: BlockLog::start() };
            store.reset(tip, &genesis_state)?;
            index.put_blocks(&[codec::encode_block(&genesis)]).await?;
            Base { tip, head: genesis.clone(), state: genesis_state }
        }
    };
    index.truncate_above(base.tip.number).await?;
    let (tip, position) = (base.tip, base.tip.position);
    let (log, store) = (Arc::new(log), Arc::new(store));
    let chain = assemble(options, config, genesis, base, |blocks| {
        let targets =
            Targets { log: log.clone(), store: store.clone(), index: index.clone(), blocks: blocks.clone() };
        let flusher = Flusher::start(targets, Handle::current())
            .map_err(|source| ChainError::Folder { path: dir.to_path_buf(), source })?;
        Ok(Some(Disk { log: log.clone(), store: store.clone(), index: index.clone(), flusher }))
    })?;
    chain.load_recent(tip, &store, &index).await?;
    let (open_block, replayed) = chain.replay(position).await?;
    let head = chain.heads().latest;
    tracing::info!(number = head.number, hash = %head.hash, replayed, accounts = chain.accounts(), "chain opened");
    Ok(Opened { chain, open_block, log: recovery, replayed })
}

/// The stored state, if log and index reach as far and its root is right.
async fn stored_base(
    store: &StateStore,
    index: &Index,
    recovery: &LogRecovery,
) -> Result<Option<Base>, ChainError> {
    let Some(tip) = store.tip()? else { return Ok(None) };
    if tip.position > recovery.end {
        tracing::warn!(block = tip.number, "state store is ahead of the block log: running the log again");
        return Ok(None);
    }
    let row = index.block_by_number(tip.number).await?.filter(|row| row.hash == tip.hash);
    let Some(row) = row else {
        tracing::warn!(block = tip.number, "index lacks the block of the state store: running the log again");
        return Ok(None);
    };
    let head = Arc::new(codec::decode_block(&row)?);
    Ok(Some(Base { tip, head, state: store.load()? }))
}

fn assemble(
    options: &ChainOptions,
    config: Arc<ChainConfig>,
    genesis: Arc<Block>,
    base: Base,
    disk: impl FnOnce(&Arc<RwLock<Blocks>>) -> Result<Option<Disk>, ChainError>,
) -> Result<Chain, ChainError> {
    let mut trie = StateTrie::<InMemory>::empty();
    let found = trie.apply(&base.state)?;
    let expected = base.head.header.state_root;
    if found != expected {
        return Err(ChainError::RollbackRoot { number: base.tip.number, expected, found });
    }
    let mut blocks = Blocks::new(base.head.clone(), options.block_bytes_kept);
    let first = genesis.block_ref();
    blocks.heads.safe = first;
    blocks.heads.finalized = first;
    blocks.indexed = base.tip.number;
    let blocks = Arc::new(RwLock::new(blocks));
    let disk = disk(&blocks)?;
    let state = FlatState::new(base.head.block_ref(), &base.state);
    let inner = Inner {
        config,
        genesis,
        states_kept: options.states_kept,
        writer: Mutex::new(Writer { trie, stopped: None }),
        state: Arc::new(RwLock::new(state)),
        blocks,
        pending: RwLock::new(None),
        events: broadcast::channel(EVENTS_BUFFERED).0,
        disk,
    };
    Ok(Chain { inner: Arc::new(inner) })
}

/// The block that the log is in the middle of.
#[derive(Default)]
struct Replay {
    open: Option<OpenBlock>,
    sealed: u64,
}

impl Chain {
    /// Brings blocks and inverses before the stored state back into memory.
    async fn load_recent(&self, tip: StateTip, store: &StateStore, index: &Index) -> Result<(), ChainError> {
        let mut child = self.latest();
        let first = tip.number.saturating_sub(BLOCKS_LOADED.min(self.inner.states_kept as u64));
        for number in (first..tip.number).rev() {
            let Some(row) = index.block_by_number(number).await? else { return Ok(()) };
            let block = Arc::new(codec::decode_block(&row)?);
            if block.hash() != child.header.parent_hash {
                return Ok(());
            }
            let Some(before) = store.undo(child.number())? else { return Ok(()) };
            let undo = Undo { block: child.block_ref(), parent: block.block_ref(), before: Arc::new(before) };
            self.inner.state.write().push_oldest(undo);
            self.inner.blocks.write().insert(block.clone());
            child = block;
        }
        Ok(())
    }

    /// Runs the log from `position` on. Returns the block it ends in the middle of, and how many it sealed.
    async fn replay(&self, position: u64) -> Result<(Option<OpenBlock>, u64), ChainError> {
        let Some(log) = self.log() else { return Ok((None, 0)) };
        let mut replay = Replay::default();
        for item in log.read(position)? {
            let (end, record) = item?;
            self.replay_record(&mut replay, end, record).await?;
        }
        let head = self.heads().latest;
        let open = replay.open.filter(|open| open.number == head.number + 1 && open.parent == head.hash);
        Ok((open, replay.sealed))
    }

    async fn replay_record(&self, replay: &mut Replay, end: u64, record: Record) -> Result<(), ChainError> {
        match record {
            Record::Open { number, timestamp, data_price, parent } => {
                replay.open = Some(OpenBlock { number, parent, timestamp, data_price, segments: Vec::new() });
            }
            Record::Segment { forced, txs } => match &mut replay.open {
                Some(open) => open.segments.push(Segment { forced, txs }),
                None => {
                    let number = self.heads().latest.number + 1;
                    return Err(ChainError::LogOrder { number, reason: "segment without an open block" });
                }
            },
            Record::Seal { number, hash, .. } => {
                let open = replay.open.take().filter(|open| open.number == number);
                let Some(open) = open else {
                    return Err(ChainError::LogOrder { number, reason: "seal without its open block" });
                };
                let input = open.input();
                let executed = self.execute(&input)?;
                let block = self.append(executed, &input, Logged::Sealed(end))?;
                if block.hash() != hash {
                    return Err(ChainError::ReplayMismatch { number, expected: hash, found: block.hash() });
                }
                replay.sealed += 1;
            }
            Record::Rollback { to, hash } => {
                replay.open = None;
                self.rollback_replayed(BlockRef { number: to, hash }, end).await?;
            }
        }
        Ok(())
    }
}
