//! Writes index and state store behind the head, on a thread of its own.
//!
//! Order: log durable, then index, then state store. So the state store is never ahead of the other two, and a crash
//! between them is repaired by running the log.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use assay_execution::StateChanges;
use assay_storage::{BlockLog, Index, Position, StateStep, StateStore, StateTip};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::ChainError;
use super::blocks::Blocks;
use crate::block::Block;
use crate::codec;
use crate::head::BlockRef;

/// Blocks that may wait to be flushed before the writer has to wait.
const QUEUE_BLOCKS_MAX: usize = 512;
/// Blocks in one transaction of index and state store.
const GROUP_BLOCKS_MAX: usize = 64;

/// One step for index and state store.
pub(super) enum FlushOp {
    /// A block became the head.
    Append { block: Arc<Block>, changes: Arc<StateChanges>, before: Arc<StateChanges>, position: Position },
    /// Blocks above this one were dropped.
    Rollback { to: BlockRef, position: Position },
    /// Answer when everything before is on disk.
    Barrier(oneshot::Sender<Result<(), String>>),
}

/// The handle of the flushing thread; it ends when it is stopped or the handle is dropped, and the queue is empty.
pub(super) struct Flusher {
    queue: Mutex<Option<SyncSender<FlushOp>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(super) struct Targets {
    pub(super) log: Arc<BlockLog>,
    pub(super) store: Arc<StateStore>,
    pub(super) index: Index,
    pub(super) blocks: Arc<RwLock<Blocks>>,
}

impl Flusher {
    pub(super) fn start(targets: Targets, runtime: Handle) -> Result<Self, std::io::Error> {
        let (queue, ops) = sync_channel(QUEUE_BLOCKS_MAX);
        let work = move || run(&targets, &ops, &runtime);
        let thread = std::thread::Builder::new().name("chain-flush".into()).spawn(work)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    fn queue(&self) -> Option<SyncSender<FlushOp>> {
        self.queue.lock().clone()
    }

    /// Queues a step; waits when the queue is full, which slows the writer down to the disk's speed.
    pub(super) fn send(&self, op: FlushOp) {
        // The thread ends early only after an error, which the next barrier reports.
        if self.queue().is_none_or(|queue| queue.send(op).is_err()) {
            tracing::error!("the flushing thread is gone");
        }
    }

    pub(super) async fn barrier(&self) -> Result<(), ChainError> {
        let (done, answer) = oneshot::channel();
        let gone = || ChainError::Stopped("the flushing thread is gone".into());
        let queue = self.queue().ok_or_else(gone)?;
        let sent = tokio::task::spawn_blocking(move || queue.send(FlushOp::Barrier(done)).is_ok()).await;
        if !sent.unwrap_or(false) {
            return Err(gone());
        }
        answer.await.map_err(|_| gone())?.map_err(ChainError::Stopped)
    }

    /// Waits until everything queued is on disk and the thread has ended; later steps are refused.
    pub(super) async fn stop(&self) -> Result<(), ChainError> {
        let flushed = self.barrier().await;
        self.queue.lock().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !joined.unwrap_or(false) {
                return Err(ChainError::Stopped("the flushing thread panicked".into()));
            }
        }
        flushed
    }
}

fn run(targets: &Targets, ops: &Receiver<FlushOp>, runtime: &Handle) {
    let mut failed: Option<String> = None;
    let mut next = None;
    while let Some(first) = next.take().or_else(|| ops.recv().ok()) {
        let mut group = Vec::new();
        let mut op = Some(first);
        while let Some(FlushOp::Append { .. }) = op {
            group.extend(op.take());
            if group.len() < GROUP_BLOCKS_MAX {
                op = ops.try_recv().ok();
            }
        }
        if failed.is_none()
            && let Err(error) = flush_appends(targets, &group, runtime)
        {
            tracing::error!(%error, "flushing blocks failed");
            failed = Some(error.to_string());
        }
        match op {
            Some(FlushOp::Rollback { to, position }) if failed.is_none() => {
                if let Err(error) = flush_rollback(targets, to, position, runtime) {
                    tracing::error!(%error, "flushing a rollback failed");
                    failed = Some(error.to_string());
                }
            }
            Some(FlushOp::Barrier(done)) => {
                let _ = done.send(failed.clone().map_or(Ok(()), Err));
            }
            other => next = other.filter(|op| matches!(op, FlushOp::Append { .. })),
        }
    }
}

fn flush_appends(targets: &Targets, group: &[FlushOp], runtime: &Handle) -> Result<(), ChainError> {
    let mut rows = Vec::with_capacity(group.len());
    let mut steps = Vec::with_capacity(group.len());
    for op in group {
        if let FlushOp::Append { block, changes, before, position } = op {
            rows.push(codec::encode_block(block));
            let tip = StateTip { number: block.number(), hash: block.hash(), position: *position };
            steps.push(StateStep { tip, changes, undo: before });
        }
    }
    let Some(last) = steps.last().map(|step| step.tip) else { return Ok(()) };
    targets.log.commit(last.position)?;
    runtime.block_on(targets.index.put_blocks(&rows))?;
    targets.store.advance(&steps)?;
    let mut blocks = targets.blocks.write();
    blocks.indexed = last.number;
    blocks.evict();
    Ok(())
}

fn flush_rollback(
    targets: &Targets,
    to: BlockRef,
    position: Position,
    runtime: &Handle,
) -> Result<(), ChainError> {
    // The state store first: it must never be ahead of the index.
    targets.store.rollback(StateTip { number: to.number, hash: to.hash, position })?;
    runtime.block_on(targets.index.truncate_above(to.number))?;
    targets.blocks.write().indexed = to.number;
    Ok(())
}
