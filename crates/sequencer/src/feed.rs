//! The feed: durable log records, told to whoever listens.
//!
//! A message's sequence number is the end of its record in the block log. Records are published after they are durable,
//! and the log only grows, so numbers survive restarts and a listener resumes from any it has seen.

use assay_storage::{BlockLog, LogError, Position, Record};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};

/// A durable record with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedItem {
    /// Sequence number: rises, with gaps.
    pub seq: Position,
    /// What happened.
    pub record: Arc<Record>,
}

/// Why a subscription ended or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Too many subscribers.
    #[error("the feed has {limit} subscribers already")]
    Full {
        /// Subscribers allowed.
        limit: usize,
    },
    /// Nothing ends there in the log.
    #[error("no record ends at {0}: begin without a number, or with one from this feed")]
    UnknownPosition(Position),
    /// The subscriber was too slow; it may resume.
    #[error("fell {0} messages behind")]
    Lagged(u64),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Publishes records. Clones share subscribers.
#[derive(Clone, Debug)]
pub struct Feed {
    live: broadcast::Sender<FeedItem>,
    log: Option<Arc<BlockLog>>,
    seats: Arc<Semaphore>,
    limit: usize,
}

impl Feed {
    pub(crate) fn new(config: &crate::config::FeedConfig, log: Option<Arc<BlockLog>>) -> Self {
        let (live, _) = broadcast::channel(config.lag_messages_max);
        Self {
            live,
            log,
            seats: Arc::new(Semaphore::new(config.subscribers_max)),
            limit: config.subscribers_max,
        }
    }

    pub(crate) fn publish(&self, records: &[(Position, Record)]) {
        if self.live.receiver_count() == 0 {
            return;
        }
        for (seq, record) in records {
            // nobody listening is fine
            let _ = self.live.send(FeedItem { seq: *seq, record: Arc::new(record.clone()) });
        }
    }

    /// What happens from now on, or, with `from`, everything after the message of that number.
    /// [`BlockLog::start`] begins at the beginning.
    ///
    /// # Errors
    /// [`FeedError::Full`].
    pub fn subscribe(&self, from: Option<Position>) -> Result<Subscription, FeedError> {
        let seat =
            self.seats.clone().try_acquire_owned().map_err(|_| FeedError::Full { limit: self.limit })?;
        let live = self.live.subscribe();
        let past = match (from, &self.log) {
            (Some(from), Some(log)) => Some(past(log.clone(), from)),
            _ => None,
        };
        Ok(Subscription { live, past, last: from.unwrap_or(0), _seat: seat })
    }
}

/// One listener's place in the feed.
#[derive(Debug)]
pub struct Subscription {
    live: broadcast::Receiver<FeedItem>,
    past: Option<mpsc::Receiver<Result<FeedItem, FeedError>>>,
    last: Position,
    _seat: OwnedSemaphorePermit,
}

impl Subscription {
    /// The next message; `None` when the feed has ended.
    ///
    /// # Errors
    /// [`FeedError`]; the subscription is over then.
    pub async fn next(&mut self) -> Option<Result<FeedItem, FeedError>> {
        if let Some(past) = &mut self.past {
            match past.recv().await {
                Some(Ok(item)) => {
                    self.last = item.seq;
                    return Some(Ok(item));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => self.past = None,
            }
        }
        loop {
            match self.live.recv().await {
                // the log had it already
                Ok(item) if item.seq <= self.last => {}
                Ok(item) => {
                    self.last = item.seq;
                    return Some(Ok(item));
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    return Some(Err(FeedError::Lagged(missed)));
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Reads durable records after `from` on a blocking thread.
fn past(log: Arc<BlockLog>, from: Position) -> mpsc::Receiver<Result<FeedItem, FeedError>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::task::spawn_blocking(move || {
        let durable = log.durable();
        if from < BlockLog::start() || from > durable {
            let _ = sender.blocking_send(Err(FeedError::UnknownPosition(from)));
            return;
        }
        let reader = match log.read(from) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = sender.blocking_send(Err(error.into()));
                return;
            }
        };
        for item in reader {
            let item = match item {
                // not published yet: the live part will bring it
                Ok((seq, _)) if seq > durable => return,
                Ok((seq, record)) => Ok(FeedItem { seq, record: Arc::new(record) }),
                Err(LogError::Corrupt { at, .. }) if at == from => Err(FeedError::UnknownPosition(from)),
                Err(error) => Err(error.into()),
            };
            let failed = item.is_err();
            if sender.blocking_send(item).is_err() || failed {
                return;
            }
        }
    });
    receiver
}
