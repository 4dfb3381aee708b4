//! The service: pool, builder, feed and batcher under one roof.

use crate::{
    batcher::{Batcher, BatcherError},
    builder::{Builder, BuilderError, Command, Controls, Start},
    clock::{Alarm, Clock},
    config::{SequencerConfig, SettingError},
    feed::Feed,
    forced::ForcedQueue,
    mempool::Mempool,
    turns::{Turn, Turns},
};
use alloy::primitives::Address;
use assay_l1::TxManager;
use assay_node::{Block, Chain, ChainError, DriverView, Gate, OpenBlock};
use assay_storage::Journal;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::sync::{Arc, mpsc::sync_channel};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Commands that may wait for the builder.
const COMMANDS_MAX: usize = 16;

/// What a sequencer needs from outside.
pub struct SequencerDeps {
    /// The chain it writes.
    pub chain: Chain,
    /// Block that was open when the process stopped last ([`assay_node::Opened`]).
    pub open_block: Option<OpenBlock>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// Where batches go.
pub struct Posting {
    /// Sends with the sequencer's hot key.
    pub manager: TxManager,
    /// The Inbox on L1.
    pub inbox: Address,
    /// Keeps what was signed.
    pub journal: Journal,
}

/// Why the sequencer could not begin, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// Settings contradict each other.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The chain cannot be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Threads for admission could not be started.
    #[error("admission threads: {0}")]
    Threads(String),
    /// The builder stopped.
    #[error("builder: {0}")]
    Builder(#[from] BuilderError),
    /// The batcher stopped.
    #[error("batcher: {0}")]
    Batcher(#[from] BatcherError),
}

/// What the rest of the node uses of a sequencer. Clones share it.
#[derive(Clone, Debug)]
pub struct SequencerHandle {
    /// The pool, for the RPC.
    pub mempool: Mempool,
    /// The feed, for subscribers.
    pub feed: Feed,
    /// Lends the right to write the chain.
    pub turns: Turns,
    held: Arc<Mutex<Option<Turn>>>,
}

/// The sequencer before it runs.
pub struct Sequencer {
    config: SequencerConfig,
    builder: Builder,
    open_block: Option<OpenBlock>,
    forced: Arc<ForcedQueue>,
    turns: Turns,
    mempool: Mempool,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Sequencer {
    /// Checks the settings and puts the parts together. The driver needs the handle as its [`Gate`], and may write the
    /// chain before [`Sequencer::run`] begins.
    ///
    /// # Errors
    /// [`SequencerError::Setting`], [`SequencerError::Chain`], [`SequencerError::Threads`].
    pub async fn new(
        config: SequencerConfig,
        deps: SequencerDeps,
    ) -> Result<(Self, SequencerHandle), SequencerError> {
        let SequencerDeps { chain, open_block, clock } = deps;
        let params = chain.config().clone();
        config.check(&params)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let alarm = Arc::new(Alarm::default());
        let mempool = Mempool::new(
            config.pool.clone(),
            chain.clone(),
            params.clone(),
            clock.clone(),
            alarm.clone(),
            threads,
        )
        .map_err(|error| SequencerError::Threads(error.to_string()))?;
        let forced = Arc::new(ForcedQueue::new(params.deposit_confirmations));
        let feed = Feed::new(&config.feed, chain.log().cloned());
        let turns = Turns::new(alarm.clone());
        let builder = Builder {
            config: config.block.clone(),
            chain,
            mempool: mempool.clone(),
            forced: forced.clone(),
            feed: feed.clone(),
            clock,
            alarm,
            controls: Arc::new(Controls::new(&config.block)),
        };
        let handle =
            SequencerHandle { mempool: mempool.clone(), feed, turns: turns.clone(), held: Arc::default() };
        Ok((Self { config, builder, open_block, forced, turns, mempool }, handle))
    }

    /// Builds blocks until cancelled; posts them if `posting` says where. `view` is what the driver derives.
    ///
    /// A clean stop leaves the open block in the log, and a batch on its way in the journal.
    ///
    /// # Errors
    /// The first part that fails stops the others.
    pub async fn run(
        self,
        view: watch::Receiver<DriverView>,
        posting: Option<Posting>,
        cancel: CancellationToken,
    ) -> Result<(), SequencerError> {
        let cancel = cancel.child_token();
        let batcher = posting.map(|posting| Batcher {
            config: self.config.batcher.clone(),
            block: self.config.block.clone(),
            chain: self.builder.chain.clone(),
            view: view.clone(),
            manager: Arc::new(posting.manager),
            inbox: posting.inbox,
            journal: posting.journal,
            clock: self.builder.clock.clone(),
            turns: self.turns.clone(),
            controls: self.builder.controls.clone(),
        });
        let (sender, commands) = sync_channel::<Command>(COMMANDS_MAX);
        // whoever writes now finishes first; the chain may have moved since `new`
        let dropped = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            dropped = self.turns.begin(sender) => dropped,
        };
        let queue_next = queue_next(&self.builder.chain).await?;
        let start = Start { commands, queue_next, unfinished: self.open_block, dropped };
        let (done, mut built) = oneshot::channel();
        let builder = self.builder;
        let thread = std::thread::Builder::new()
            .name("builder".into())
            .spawn(move || {
                // whoever waited for the result is gone only if the service was dropped
                let _ = done.send(builder.run(start));
            })
            .map_err(|error| SequencerError::Threads(error.to_string()))?;
        let following = tokio::spawn(follow_queue(view, self.forced, cancel.clone()));
        let posting = async {
            match batcher {
                Some(batcher) => batcher.run(cancel.clone()).await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            () = cancel.cancelled() => None,
            posted = posting => posted.err().map(SequencerError::from),
            built = &mut built => Some(match built {
                Ok(Err(error)) => error.into(),
                Ok(Ok(())) | Err(_) => BuilderError::Panicked("builder").into(),
            }),
        };
        self.mempool.close(Some("the sequencer is stopping".into()));
        cancel.cancel();
        self.turns.stop().await;
        let stopped = match result {
            Some(SequencerError::Builder(_)) => Ok(()),
            _ => built.await.unwrap_or(Err(BuilderError::Panicked("builder"))),
        };
        // both end by themselves now; a panic of theirs was reported above
        let _ = following.await;
        let _ = thread.join();
        match result {
            Some(error) => Err(error),
            None => stopped.map_err(SequencerError::from),
        }
    }
}

/// First queue entry that the chain has not consumed.
async fn queue_next(chain: &Chain) -> Result<u64, ChainError> {
    let mut number = chain.latest().number();
    while number > 0 {
        let block = chain.block_by_number(number).await?.ok_or(ChainError::UnknownBlock(number))?;
        if let Some(last) = block.forced.last() {
            return Ok(last.index + 1);
        }
        number -= 1;
    }
    Ok(0)
}

/// Keeps the forced queue as the driver shows it.
async fn follow_queue(
    mut view: watch::Receiver<DriverView>,
    forced: Arc<ForcedQueue>,
    cancel: CancellationToken,
) {
    loop {
        {
            let view = view.borrow_and_update();
            forced.set(view.l1_head.number, view.queue.iter().map(|included| included.entry.clone()));
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = view.changed() => if changed.is_err() { return },
        }
    }
}

impl Gate for SequencerHandle {
    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // a builder that is gone writes nothing either
            let turn = self.turns.take().await.ok();
            *self.held.lock() = turn;
        })
    }

    fn resume(&self, dropped: Vec<Arc<Block>>) {
        if let Some(turn) = self.held.lock().take() {
            turn.give_back(dropped);
        }
    }
}
