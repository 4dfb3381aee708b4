//! `eth_subscribe`.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionSink};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use assay_execution::Recovered;

use super::Context;
use super::error::RpcError;
use super::filters::event_logs;
use super::params::FilterParams;
use super::types::{TxJson, header_json};
use crate::chain::LogFilter;
use crate::head::ChainEvent;

/// A client that takes nothing for this long loses its subscription.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);

enum Kind {
    Heads,
    Logs(Box<LogFilter>),
    Pending { full: bool },
    Syncing,
}

impl Kind {
    fn parse(kind: &str, params: Option<Value>) -> Result<Self, RpcError> {
        match kind {
            "newHeads" => Ok(Self::Heads),
            "newPendingTransactions" => Ok(Self::Pending { full: params == Some(Value::Bool(true)) }),
            "syncing" => Ok(Self::Syncing),
            "logs" => {
                let params = match params {
                    None | Some(Value::Null) => FilterParams::default(),
                    Some(value) => serde_json::from_value(value)
                        .map_err(|error| RpcError::InvalidParams(format!("invalid filter: {error}")))?,
                };
                Ok(Self::Logs(Box::new(params.conditions()?)))
            }
            other => Err(RpcError::InvalidParams(format!("no \"{other}\" subscription in eth namespace"))),
        }
    }
}

/// Runs one subscription until the client leaves, falls behind or the node stops.
pub(super) async fn run(
    context: Arc<Context>,
    pending: PendingSubscriptionSink,
    kind: String,
    params: Option<Value>,
) -> SubscriptionResult {
    let kind = match Kind::parse(&kind, params) {
        Ok(kind) => kind,
        Err(error) => {
            pending.reject(ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    // Subscribe before the answer: nothing that happens after it may be missed.
    let events = context.chain.subscribe();
    let txs = context.pool.subscribe();
    let sink = pending.accept().await?;
    match kind {
        Kind::Pending { full } => pending_txs(&sink, txs, full).await,
        Kind::Syncing => syncing(&context, &sink).await,
        Kind::Heads => chain_events(&sink, events, head_items).await,
        Kind::Logs(filter) => chain_events(&sink, events, |event| event_logs(&filter, event)).await,
    }
    Ok(())
}

fn head_items(event: &ChainEvent) -> Vec<alloy::rpc::types::Header> {
    match event {
        ChainEvent::NewHead(block) => vec![header_json(block.header.inner(), block.hash(), None)],
        _ => Vec::new(),
    }
}

async fn chain_events<T: Serialize>(
    sink: &SubscriptionSink,
    mut events: Receiver<ChainEvent>,
    items: impl Fn(&ChainEvent) -> Vec<T>,
) {
    loop {
        let event = tokio::select! {
            () = sink.closed() => return,
            event = events.recv() => event,
        };
        // Missing a head or a log silently would be worse than having to subscribe again.
        let Ok(event) = event else { return };
        for item in items(&event) {
            if !send(sink, &item).await {
                return;
            }
        }
    }
}

async fn pending_txs(sink: &SubscriptionSink, mut txs: Receiver<Arc<Recovered>>, full: bool) {
    loop {
        let tx = tokio::select! {
            () = sink.closed() => return,
            tx = txs.recv() => tx,
        };
        let sent = match tx {
            Ok(tx) if full => send(sink, &TxJson::new(&tx, None)).await,
            Ok(tx) => send(sink, &tx.hash).await,
            Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => return,
        };
        if !sent {
            return;
        }
    }
}

async fn syncing(context: &Context, sink: &SubscriptionSink) {
    let mut status = context.sync.clone();
    let mut last = None;
    loop {
        let now = status.borrow_and_update().syncing;
        if last != Some(now) && !send(sink, &now).await {
            return;
        }
        last = Some(now);
        tokio::select! {
            () = sink.closed() => return,
            changed = status.changed() => if changed.is_err() { return sink.closed().await },
        }
    }
}

async fn send(sink: &SubscriptionSink, item: &impl Serialize) -> bool {
    match serde_json::value::to_raw_value(item) {
        Ok(message) => sink.send_timeout(message, SEND_TIME_MAX).await.is_ok(),
        Err(error) => {
            tracing::error!(%error, "a notification cannot be serialised");
            false
        }
    }
}
