//! Filters that clients poll.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use parking_lot::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use assay_execution::Recovered;

use super::error::RpcError;
use super::types::{LogJson, TxJson};
use crate::block::Block;
use crate::chain::{LogFilter, block_logs, matches};
use crate::head::ChainEvent;

/// A filter that nobody polls for this long is forgotten.
const STALE_AFTER: Duration = Duration::from_secs(5 * 60);
/// Filters over all clients.
const FILTERS_MAX: usize = 10_000;

/// What a filter watches.
pub(crate) enum Watch {
    Logs { filter: LogFilter, params: Box<super::params::FilterParams>, events: Receiver<ChainEvent> },
    Blocks { events: Receiver<ChainEvent> },
    Pending { full: bool, txs: Receiver<Arc<Recovered>> },
}

/// News since the last poll.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Changes {
    Logs(Vec<LogJson>),
    Hashes(Vec<B256>),
    Txs(Vec<TxJson>),
}

struct Entry {
    watch: Watch,
    polled: Instant,
}

/// All filters by id.
#[derive(Default)]
pub(crate) struct Filters {
    entries: Mutex<(u64, HashMap<String, Entry>)>,
}

impl Filters {
    pub(crate) fn add(&self, watch: Watch) -> Result<String, RpcError> {
        let mut guard = self.entries.lock();
        let (next, entries) = &mut *guard;
        if entries.len() >= FILTERS_MAX {
            entries.retain(|_, entry| entry.polled.elapsed() < STALE_AFTER);
        }
        if entries.len() >= FILTERS_MAX {
            return Err(RpcError::Limit(format!("too many filters: at most {FILTERS_MAX}")));
        }
        *next += 1;
        // An odd factor is a bijection: ids do not repeat and are not a plain count.
        let id = format!("{:#x}", next.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        entries.insert(id.clone(), Entry { watch, polled: Instant::now() });
        Ok(id)
    }

    pub(crate) fn remove(&self, id: &str) -> bool {
        self.entries.lock().1.remove(id).is_some()
    }

    /// The parameters of a log filter.
    pub(crate) fn log_params(&self, id: &str) -> Result<super::params::FilterParams, RpcError> {
        let mut guard = self.entries.lock();
        let entry = guard.1.get_mut(id).ok_or(RpcError::FilterNotFound)?;
        entry.polled = Instant::now();
        match &entry.watch {
            Watch::Logs { params, .. } => Ok(params.as_ref().clone()),
            _ => Err(RpcError::FilterNotFound),
        }
    }

    /// News since the last poll. A filter that missed events is removed, as one that nobody polled.
    pub(crate) fn changes(&self, id: &str) -> Result<Changes, RpcError> {
        let mut guard = self.entries.lock();
        let Some(entry) = guard.1.get_mut(id) else { return Err(RpcError::FilterNotFound) };
        let stale = entry.polled.elapsed() >= STALE_AFTER;
        entry.polled = Instant::now();
        let news = match &mut entry.watch {
            _ if stale => None,
            Watch::Logs { filter, events, .. } => drain(events).map(|events| {
                let logs = events.iter().flat_map(|event| event_logs(filter, event));
                Changes::Logs(logs.collect())
            }),
            Watch::Blocks { events } => drain(events).map(|events| {
                let heads = events.iter().filter_map(|event| match event {
                    ChainEvent::NewHead(block) => Some(block.hash()),
                    _ => None,
                });
                Changes::Hashes(heads.collect())
            }),
            // A missed announcement is not worth an error: the list never was complete.
            Watch::Pending { full, txs } => {
                let txs = std::iter::from_fn(|| next_or_skip(txs));
                Some(if *full {
                    Changes::Txs(txs.map(|tx| TxJson::new(&tx, None)).collect())
                } else {
                    Changes::Hashes(txs.map(|tx| tx.hash).collect())
                })
            }
        };
        if news.is_none() {
            guard.1.remove(id);
        }
        news.ok_or(RpcError::FilterNotFound)
    }
}

/// Everything that waits; `None` when something was missed.
fn drain<T: Clone>(events: &mut Receiver<T>) -> Option<Vec<T>> {
    let mut out = Vec::new();
    loop {
        match events.try_recv() {
            Ok(event) => out.push(event),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(out),
            Err(TryRecvError::Lagged(_)) => return None,
        }
    }
}

fn next_or_skip<T: Clone>(events: &mut Receiver<T>) -> Option<T> {
    loop {
        match events.try_recv() {
            Ok(event) => return Some(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
        }
    }
}

/// The logs that an event adds, or takes back.
pub(crate) fn event_logs(filter: &LogFilter, event: &ChainEvent) -> Vec<LogJson> {
    match event {
        ChainEvent::NewHead(block) => matching(filter, block).collect(),
        ChainEvent::Rollback { dropped, .. } => {
            dropped.iter().flat_map(|block| matching(filter, block).map(LogJson::removed)).collect()
        }
        ChainEvent::Heads(_) => Vec::new(),
    }
}

fn matching<'a>(filter: &'a LogFilter, block: &'a Block) -> impl Iterator<Item = LogJson> + 'a {
    let in_range = (filter.from..=filter.to).contains(&block.number());
    block_logs(block)
        .filter(move |log| in_range && matches(filter, log))
        .map(|log| LogJson::new(log, block.hash(), block.header.timestamp))
}
