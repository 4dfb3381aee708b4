//! Extending the chain and taking blocks back.

use std::sync::Arc;

use alloy::primitives::Bytes;
use assay_execution::{BlockInput, ExecutedBlock, Recovered, TxError, execute_recovered, recover};
use assay_primitives::ChainConfig;
use assay_storage::{Position, Record};
use parking_lot::MutexGuard;

use super::flush::FlushOp;
use super::{Chain, ChainError, Disk, Writer};
use crate::block::{Block, PendingBlock};
use crate::head::{BlockRef, ChainEvent, Heads};
use crate::state::Undo;

/// Fewer signatures than this are not worth a second thread.
const PARALLEL_RECOVERY_MIN: usize = 64;

/// Whether a block's segments are in the block log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Its `Open` and `Segment` records are there, durable: only the seal is written, and synced.
    Segments,
    /// Nothing is: all of it is written, and synced with the next flush; until then L1 has it.
    Nothing,
    /// All of it: the block comes from the log.
    Sealed(Position),
}

/// Recovers the senders of raw transactions on all cores, in order.
pub fn recover_all(raw: &[Bytes], config: &ChainConfig) -> Vec<Result<Recovered, TxError>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if raw.len() < PARALLEL_RECOVERY_MIN || threads == 1 {
        return raw.iter().map(|raw| recover(raw, config)).collect();
    }
    let chunk = raw.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = raw
            .chunks(chunk)
            .map(|part| scope.spawn(move || part.iter().map(|raw| recover(raw, config)).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("recover never panics")).collect()
    })
}

impl Chain {
    /// Executes `input` on the head, on clean state, without changing anything.
    ///
    /// # Errors
    /// [`ChainError::Execution`]; invalid transactions are skipped, not errors.
    pub fn execute(&self, input: &BlockInput) -> Result<ExecutedBlock, ChainError> {
        let parent = self.latest();
        let view = self.state_at(parent.number())?;
        let txs = recover_all(&input.txs, self.config());
        execute_recovered(self.config(), &parent.header, input, txs, view)
            .map_err(|source| ChainError::Execution { number: parent.number() + 1, source })
    }

    /// Computes the roots of a block executed on the head and makes it the head. `input` is what it was executed
    /// from. Blocks the thread: call it from a blocking task.
    ///
    /// # Errors
    /// [`ChainError::NotOnHead`]. After a failed write the chain is [`ChainError::Stopped`].
    pub fn append(
        &self,
        executed: ExecutedBlock,
        input: &BlockInput,
        logged: Logged,
    ) -> Result<Arc<Block>, ChainError> {
        let mut writer = self.writer()?;
        let head = self.heads().latest;
        if executed.header.parent_hash != head.hash {
            return Err(ChainError::NotOnHead {
                number: executed.header.number,
                parent: executed.header.parent_hash,
                head,
            });
        }
        let result = self.append_locked(&mut writer, executed, input, logged);
        self.stop_on_error(&mut writer, result)
    }

    fn append_locked(
        &self,
        writer: &mut Writer,
        executed: ExecutedBlock,
        input: &BlockInput,
        logged: Logged,
    ) -> Result<Arc<Block>, ChainError> {
        let sealed = executed.seal(&mut writer.trie)?;
        let changes = Arc::new(sealed.changes);
        let block = Arc::new(Block {
            header: sealed.header,
            txs: sealed.txs,
            receipts: sealed.receipts,
            data_price: input.data_price,
            forced: input.queue.clone(),
        });
        let position = match &self.inner.disk {
            Some(disk) => log_block(disk, &block, logged)?,
            None => 0,
        };
        let at = block.block_ref();
        let before = self.inner.state.write().advance(at, &changes, self.inner.states_kept);
        self.inner.blocks.write().push_head(block.clone());
        self.clear_pending(at.number);
        if let Some(disk) = &self.inner.disk {
            disk.flusher.send(FlushOp::Append { block: block.clone(), changes, before, position });
        }
        self.emit(ChainEvent::NewHead(block.clone()));
        Ok(block)
    }

    /// Executes and appends: what a verifier does with each derived block.
    ///
    /// # Errors
    /// As [`Chain::execute`] and [`Chain::append`].
    pub fn extend(&self, input: &BlockInput) -> Result<Arc<Block>, ChainError> {
        let executed = self.execute(input)?;
        self.append(executed, input, Logged::Nothing)
    }

    /// Drops every block above `number` and returns them, newest first. Safe follows down; final blocks stay.
    ///
    /// # Errors
    /// [`ChainError::BelowFinalized`], [`ChainError::UnknownBlock`], [`ChainError::State`] when the inverses that it
    /// needs are gone: then the data folder must be deleted and the chain derived again.
    pub async fn rollback_to(&self, number: u64) -> Result<Vec<Arc<Block>>, ChainError> {
        self.rollback(number, None).await
    }

    async fn rollback(&self, number: u64, logged: Option<Position>) -> Result<Vec<Arc<Block>>, ChainError> {
        let heads = self.heads();
        if number < heads.finalized.number {
            return Err(ChainError::BelowFinalized { to: number, finalized: heads.finalized.number });
        }
        // Old blocks may have left memory: bring them back before taking the lock.
        let mut needed = Vec::new();
        for at in number..=heads.latest.number {
            let block = self.block_by_number(at).await?.ok_or(ChainError::UnknownBlock(at))?;
            needed.push(block);
        }
        let Some((target, dropped)) = needed.split_first() else {
            return Err(ChainError::UnknownBlock(number));
        };
        let deep = number < self.inner.state.read().oldest();
        if deep {
            self.flush().await?;
        }
        let mut writer = self.writer()?;
        let result = self.rollback_locked(&mut writer, target, dropped, logged);
        self.stop_on_error(&mut writer, result)?;
        Ok(dropped.iter().rev().cloned().collect())
    }

    /// A rollback that is in the log already, up to `position`.
    pub(super) async fn rollback_replayed(&self, to: BlockRef, position: Position) -> Result<(), ChainError> {
        self.rollback(to.number, Some(position)).await?;
        let found = self.heads().latest;
        if found != to {
            return Err(ChainError::ReplayMismatch {
                number: to.number,
                expected: to.hash,
                found: found.hash,
            });
        }
        Ok(())
    }

    fn rollback_locked(
        &self,
        writer: &mut Writer,
        target: &Arc<Block>,
        dropped: &[Arc<Block>],
        logged: Option<Position>,
    ) -> Result<(), ChainError> {
        let to = target.block_ref();
        for (i, block) in dropped.iter().enumerate().rev() {
            let parent = i.checked_sub(1).map_or(target, |before| &dropped[before]);
            let undo = self.undo_head(block.block_ref(), parent.block_ref())?;
            writer.trie.apply(&undo.before)?;
        }
        let (expected, found) = (target.header.state_root, writer.trie.root());
        if expected != found {
            return Err(ChainError::RollbackRoot { number: to.number, expected, found });
        }
        let position = match (&self.inner.disk, logged) {
            (_, Some(position)) => position,
            (Some(disk), None) => {
                let end = disk.log.append(&Record::Rollback { to: to.number, hash: to.hash })?;
                disk.log.commit(end)?;
                end
            }
            (None, None) => 0,
        };
        let heads = {
            let mut blocks = self.inner.blocks.write();
            dropped.iter().for_each(|block| {
                blocks.remove(block.number());
            });
            blocks.heads.latest = to;
            if blocks.heads.safe.number > to.number {
                blocks.heads.safe = to;
            }
            blocks.insert(target.clone());
            blocks.heads
        };
        self.clear_pending(u64::MAX);
        if let Some(disk) = &self.inner.disk {
            disk.flusher.send(FlushOp::Rollback { to, position });
        }
        self.emit(ChainEvent::Rollback { to, dropped: dropped.iter().rev().cloned().collect() });
        self.emit(ChainEvent::Heads(heads));
        Ok(())
    }

    /// Takes the head off the flat state, with the inverse in memory or the one on disk.
    fn undo_head(&self, block: BlockRef, parent: BlockRef) -> Result<Undo, ChainError> {
        let mut state = self.inner.state.write();
        if let Some(undo) = state.retreat() {
            return Ok(undo);
        }
        let stored = match &self.inner.disk {
            Some(disk) => disk.store.undo(block.number)?,
            None => None,
        };
        let before =
            stored.ok_or(crate::StateError::Pruned { number: parent.number, oldest: block.number })?;
        let undo = Undo { block, parent, before: Arc::new(before) };
        state.retreat_with(undo.clone());
        Ok(undo)
    }

    /// Moves the safe and finalized heads. Each is held at or below the one before it.
    pub fn set_heads(&self, safe: BlockRef, finalized: BlockRef) {
        let heads = {
            let mut blocks = self.inner.blocks.write();
            let latest = blocks.heads.latest;
            let safe = if safe.number > latest.number { latest } else { safe };
            let finalized = if finalized.number > safe.number { safe } else { finalized };
            let new = Heads { latest, safe, finalized };
            if blocks.heads == new {
                return;
            }
            blocks.heads = new;
            new
        };
        self.emit(ChainEvent::Heads(heads));
    }

    /// Shows the open block after another durable segment. Ignored unless it builds on the head.
    pub fn set_pending(&self, pending: Arc<PendingBlock>) {
        let mut slot = self.inner.pending.write();
        if pending.header.parent_hash != self.heads().latest.hash {
            return;
        }
        *slot = Some(pending);
    }

    /// Forgets the open block if its number is `number` or less.
    fn clear_pending(&self, number: u64) {
        let mut pending = self.inner.pending.write();
        if pending.as_ref().is_some_and(|pending| pending.header.number <= number) {
            *pending = None;
        }
    }

    /// Waits until everything appended so far is in index and state store.
    ///
    /// # Errors
    /// [`ChainError::Stopped`] when flushing failed.
    pub async fn flush(&self) -> Result<(), ChainError> {
        match &self.inner.disk {
            Some(disk) => disk.flusher.barrier().await,
            None => Ok(()),
        }
    }

    /// Flushes and closes index and state store. Other clones can still read what is in memory.
    ///
    /// # Errors
    /// As [`Chain::flush`].
    pub async fn close(&self) -> Result<(), ChainError> {
        self.inner.writer.lock().stopped = Some("closed".into());
        let Some(disk) = &self.inner.disk else { return Ok(()) };
        let flushed = disk.flusher.stop().await;
        disk.log.sync()?;
        disk.index.close().await;
        flushed
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, ChainError> {
        let writer = self.inner.writer.lock();
        match &writer.stopped {
            Some(reason) => Err(ChainError::Stopped(reason.clone())),
            None => Ok(writer),
        }
    }

    /// A write that failed after it began leaves trie, state and log apart: nothing more may be written.
    fn stop_on_error<T>(&self, writer: &mut Writer, result: Result<T, ChainError>) -> Result<T, ChainError> {
        if let Err(error) = &result {
            tracing::error!(%error, "chain stopped");
            writer.stopped = Some(error.to_string());
        }
        result
    }

    pub(super) fn emit(&self, event: ChainEvent) {
        // Nobody listening is fine.
        let _ = self.inner.events.send(event);
    }
}

fn log_block(disk: &Disk, block: &Block, logged: Logged) -> Result<Position, ChainError> {
    let log = &disk.log;
    if let Logged::Sealed(position) = logged {
        return Ok(position);
    }
    if logged == Logged::Nothing {
        let input = block.input();
        log.append(&Record::Open {
            number: block.number(),
            timestamp: input.timestamp,
            data_price: input.data_price,
            parent: block.header.parent_hash,
        })?;
        log.append(&Record::Segment { forced: input.queue, txs: input.txs })?;
    }
    let seal =
        Record::Seal { number: block.number(), hash: block.hash(), state_root: block.header.state_root };
    let end = log.append(&seal)?;
    if logged == Logged::Segments {
        log.commit(end)?;
    }
    Ok(end)
}
