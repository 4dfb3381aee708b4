//! One WebSocket connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{SinkExt, StreamExt};
use jsonrpsee::core::server::{BoundedSubscriptions, ConnectionId, MethodSink};
use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::SubscriptionId;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::dispatch::{Dispatcher, Subscriber};

static NEXT_CONNECTION: AtomicUsize = AtomicUsize::new(1);
static NEXT_SUBSCRIPTION: AtomicU64 = AtomicU64::new(1);

/// Subscription ids as geth's: `0x` and hex digits, never repeated while the process runs.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        let number = NEXT_SUBSCRIPTION.fetch_add(1, Ordering::Relaxed);
        // Multiplying by an odd number is a bijection: spread out, so that ids of different connections look it.
        SubscriptionId::Str(format!("{:#x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into())
    }
}

/// Serves the connection until the client leaves, breaks a limit or the server stops.
pub(crate) async fn serve(socket: WebSocket, dispatcher: Arc<Dispatcher>) {
    let limits = &dispatcher.limits;
    let (outbox, mut queued) = mpsc::channel::<Box<RawValue>>(limits.outbox_messages_max);
    let subscriber = Subscriber {
        connection: ConnectionId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed)),
        sink: MethodSink::new_with_limit(
            outbox,
            u32::try_from(limits.response_bytes_max).unwrap_or(u32::MAX),
        ),
        permits: BoundedSubscriptions::new(limits.subscriptions_max),
        ids: Arc::new(HexIds),
    };
    let (mut sink, mut messages) = socket.split();
    let mut in_work: FuturesUnordered<BoxFuture<'_, Option<String>>> = FuturesUnordered::new();
    let mut pings = interval(limits.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let farewell = loop {
        // Order matters little; a full work list stops reading, which slows the client down.
        let outgoing = tokio::select! {
            Some(answer) = in_work.next(), if !in_work.is_empty() => match answer {
                Some(text) => Message::text(text),
                None => continue,
            },
            Some(notification) = queued.recv() => Message::text(String::from(Box::<str>::from(notification))),
            message = messages.next(), if in_work.len() < limits.messages_in_work_max => {
                heard = Instant::now();
                let body = match message {
                    Some(Ok(Message::Text(text))) => axum::body::Bytes::from(text),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => break None,
                    Some(Err(error)) => break Some(error.to_string()),
                };
                let (dispatcher, subscriber) = (&dispatcher, &subscriber);
                in_work.push(Box::pin(async move { dispatcher.answer(&body, Some(subscriber)).await }));
                continue;
            }
            _ = pings.tick() => {
                if heard.elapsed() > 2 * limits.ping_interval {
                    break Some("no answer to pings".to_owned());
                }
                Message::Ping(axum::body::Bytes::new())
            }
        };
        let sent = tokio::time::timeout(limits.ping_interval, sink.send(outgoing)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break None;
        }
    };
    if let Some(reason) = farewell {
        let mut text = reason;
        text.truncate(text.char_indices().take_while(|(at, _)| *at < 100).count());
        let frame = CloseFrame { code: close_code::POLICY, reason: text.into() };
        let _ = tokio::time::timeout(limits.ping_interval, sink.send(Message::Close(Some(frame)))).await;
    }
}
