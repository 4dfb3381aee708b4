//! The feed over WebSocket: `GET /feed`, `GET /feed?from=SEQ`, one JSON message in each text frame.

use crate::feed::{Feed, FeedError, FeedItem};
use assay_node::FeedMessage;
use axum::{
    Router,
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    response::Response,
    routing::get,
};
use serde::Deserialize;
use std::time::Duration;

/// A listener that takes longer than this for one message is cut off.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
struct Start {
    from: Option<u64>,
}

/// A router with the route `/feed`, to be merged into the node's.
///
/// `from` is the number of the last message that the listener has; without it the feed begins with what happens next.
/// The reason for an end is in the close frame; a listener that was too slow resumes from its last number.
pub fn feed_router(feed: Feed) -> Router {
    Router::new().route("/feed", get(upgrade)).with_state(feed)
}

async fn upgrade(
    State(feed): State<Feed>,
    Query(start): Query<Start>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // listeners have nothing to say
    upgrade.max_message_size(1 << 10).on_upgrade(move |socket| serve(socket, feed, start.from))
}

async fn serve(mut socket: WebSocket, feed: Feed, from: Option<u64>) {
    let error = match feed.subscribe(from) {
        Err(error) => Some(error),
        Ok(mut subscription) => loop {
            tokio::select! {
                item = subscription.next() => match item {
                    None => break None,
                    Some(Err(error)) => break Some(error),
                    Some(Ok(item)) => if !send(&mut socket, item).await { return },
                },
                incoming = socket.recv() => match incoming {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return,
                },
            }
        },
    };
    let (code, reason) = match &error {
        None => (close_code::AWAY, "the sequencer stopped".into()),
        Some(FeedError::Full { .. } | FeedError::Lagged(_)) => (close_code::AGAIN, shown(&error)),
        Some(FeedError::UnknownPosition(_)) => (close_code::POLICY, shown(&error)),
        Some(FeedError::Log(_)) => (close_code::ERROR, "the log cannot be read".into()),
    };
    // a listener that is gone needs no reason
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

fn shown(error: &Option<FeedError>) -> String {
    error.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Whether the listener took it.
async fn send(socket: &mut WebSocket, item: FeedItem) -> bool {
    let message = FeedMessage { seq: item.seq, event: (*item.record).clone().into() };
    let Ok(text) = serde_json::to_string(&message) else { return false };
    matches!(tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}
