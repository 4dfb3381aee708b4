//! The sequencer's feed: blocks before L1 has them.
//!
//! Nothing of it is trusted. A block that the feed tells is executed here and becomes an unsafe head; derivation keeps it when
//! L1 says the same, and puts another one in its place when L1 does not. The feed never takes a safe block back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{primitives::B256, transports::http::reqwest::Url};
use assay_execution::BlockInput;
use assay_node::{
    Block, BlockRef, Chain, ChainError, DriverView, FeedEvent, FeedMessage, Gate, OpenBlock, Segment,
};
use assay_primitives::limits::BATCH_DECODED_BYTES_MAX;
use futures::{SinkExt, StreamExt, future::BoxFuture};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Error as SocketError, Message,
        protocol::{WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{SettingError, VerifierError};

/// Bytes of one message; its text is hexadecimal, so twice what a block may hold and some more.
const MESSAGE_BYTES_MAX: usize = 2 * BATCH_DECODED_BYTES_MAX + (1 << 20);
/// Sealed blocks that wait for derivation to reach their parent.
const WAITING_BLOCKS_MAX: usize = 1024;
/// Transaction bytes of those.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A feed that is silent for so long is asked whether it is there; for twice as long, it is not.
const SILENCE: Duration = Duration::from_secs(15);
/// Waits between connections.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Where the feed is: `url`, or its `/feed` where `url` names a node only; HTTP means WebSocket.
pub(crate) fn feed_address(url: &Url) -> Result<Url, SettingError> {
    let scheme = match url.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        other => return Err(SettingError::FeedScheme(other.to_owned())),
    };
    let rest = url.as_str().split_once(':').map_or("", |(_, rest)| rest);
    let mut url: Url =
        format!("{scheme}:{rest}").parse().map_err(|_| SettingError::FeedScheme(scheme.into()))?;
    if url.path() == "/" {
        url.set_path("/feed");
    }
    Ok(url)
}

/// A sealed block as the feed tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Announced {
    parent: B256,
    hash: B256,
    input: BlockInput,
    bytes: usize,
}

/// Makes blocks of messages. Memory is bounded by one open block and the blocks that wait.
#[derive(Debug, Default)]
struct Assembly {
    open: Option<OpenBlock>,
    open_bytes: usize,
    waiting: BTreeMap<u64, Announced>,
    waiting_bytes: usize,
}

impl Assembly {
    /// Takes one event; returns the new head if it takes blocks back.
    fn take(&mut self, event: FeedEvent) -> Option<BlockRef> {
        match event {
            FeedEvent::Open { number, timestamp, data_price, parent } => {
                self.open = Some(OpenBlock { number, parent, timestamp, data_price, segments: vec![] });
                self.open_bytes = 0;
            }
            FeedEvent::Segment { forced, txs } => {
                self.open_bytes += txs.iter().map(|tx| tx.len()).sum::<usize>();
                self.open_bytes += forced.iter().map(|entry| entry.data.len()).sum::<usize>();
                if self.open_bytes > 2 * BATCH_DECODED_BYTES_MAX {
                    self.open = None; // no batch carries it, so it cannot become a block
                }
                if let Some(open) = &mut self.open {
                    open.segments.push(Segment { forced, txs });
                }
            }
            FeedEvent::Seal { number, hash, .. } => {
                // Without its beginning, after a new connection, a block waits for L1.
                if let Some(open) = self.open.take().filter(|open| open.number == number) {
                    let (parent, input) = (open.parent, open.input());
                    self.wait(number, Announced { parent, hash, input, bytes: self.open_bytes });
                }
            }
            FeedEvent::Rollback { to, hash } => {
                self.open = None;
                for block in self.waiting.split_off(&to.saturating_add(1)).into_values() {
                    self.waiting_bytes -= block.bytes;
                }
                return Some(BlockRef { number: to, hash });
            }
        }
        None
    }

    fn wait(&mut self, number: u64, block: Announced) {
        self.waiting_bytes += block.bytes;
        if let Some(before) = self.waiting.insert(number, block) {
            self.waiting_bytes -= before.bytes;
        }
        while self.waiting.len() > WAITING_BLOCKS_MAX || self.waiting_bytes > WAITING_BYTES_MAX {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) -> Option<Announced> {
        let (_, block) = self.waiting.pop_first()?;
        self.waiting_bytes -= block.bytes;
        Some(block)
    }

    /// The block after `head`, if the feed told one that follows it.
    fn next(&mut self, head: BlockRef) -> Option<Announced> {
        while self.waiting.first_key_value().is_some_and(|(number, _)| *number <= head.number) {
            self.drop_first();
        }
        let (number, _) = self.waiting.first_key_value()?;
        if *number != head.number + 1 {
            return None;
        }
        self.drop_first().filter(|block| block.parent == head.hash)
    }
}

/// Lets one of driver and follower write the chain at a time.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pen: Arc<tokio::sync::Mutex<()>>,
    driver: Mutex<Option<tokio::sync::OwnedMutexGuard<()>>>,
}

impl Gate for Turns {
    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let turn = self.pen.clone().lock_owned().await;
            *self.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
        })
    }

    fn resume(&self, _dropped: Vec<Arc<Block>>) {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Listens to a feed and extends the chain with what it tells.
#[derive(Debug)]
pub(crate) struct Follower {
    url: Url,
    chain: Chain,
    turns: Arc<Turns>,
    view: watch::Receiver<DriverView>,
    assembly: Assembly,
    /// Number of the last message.
    last: Option<u64>,
}

/// Why a connection ended; another one may work.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    Slow,
    #[error("it told a false block {0}")]
    False(u64),
    #[error("silent for {} s", 2 * SILENCE.as_secs())]
    Silent,
    #[error("closed: {0}")]
    Closed(String),
    #[error("not a message of a feed: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Socket(#[from] Box<SocketError>),
}

impl Follower {
    pub(crate) fn new(url: Url, chain: Chain, turns: Arc<Turns>, view: watch::Receiver<DriverView>) -> Self {
        Self { url, chain, turns, view, assembly: Assembly::default(), last: None }
    }

    /// Follows until cancelled, through any number of connections. Errors only when the chain cannot go on.
    pub(crate) async fn run(mut self, cancel: CancellationToken) -> Result<(), VerifierError> {
        let mut wait = BACKOFF.0;
        loop {
            let before = self.last;
            let lost = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                lost = self.connection() => lost?,
            };
            tracing::warn!(feed = %self.url.host_str().unwrap_or_default(), %lost, "feed lost; only L1 counts until it is back");
            metrics::gauge!("assay_verifier_feed_connected").set(0.0);
            // What it tells is executed and written before it is known to be false: a liar is heard ever less often.
            if matches!(lost, Lost::False(_)) {
                metrics::counter!("assay_verifier_feed_false_blocks").increment(1);
            }
            let is_good = self.last != before && !matches!(lost, Lost::False(_));
            wait = if is_good { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One connection, to its end. The chain's errors are fatal, the connection's are returned.
    async fn connection(&mut self) -> Result<Lost, VerifierError> {
        let mut socket = match self.connect().await {
            Ok(socket) => socket,
            Err(lost) => return Ok(lost),
        };
        metrics::gauge!("assay_verifier_feed_connected").set(1.0);
        tracing::info!(from = ?self.last, "feed connected");
        let mut asked = false;
        loop {
            let message = tokio::select! {
                message = timeout(SILENCE, socket.next()) => message,
                moved = self.view.changed() => {
                    if moved.is_err() {
                        return Ok(Lost::Closed("derivation ended".into()));
                    }
                    if let Some(lost) = self.advance().await? {
                        return Ok(lost);
                    }
                    continue;
                }
            };
            match message {
                Err(_) if asked => return Ok(Lost::Silent),
                Err(_) => {
                    asked = true;
                    if let Err(error) = socket.send(Message::Ping(Default::default())).await {
                        return Ok(Box::new(error).into());
                    }
                }
                Ok(message) => {
                    asked = false;
                    match self.read(message) {
                        Ok(None) => {}
                        Ok(Some(event)) => {
                            if let Some(lost) = self.event(event).await? {
                                return Ok(lost);
                            }
                        }
                        Err(lost) => return Ok(lost),
                    }
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<Socket, Lost> {
        let mut url = self.url.clone();
        if let Some(last) = self.last {
            url.query_pairs_mut().append_pair("from", &last.to_string());
        }
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let connect = connect_async_with_config(url.as_str(), Some(limits), true);
        let (socket, _) =
            timeout(CONNECT_TIMEOUT, connect).await.map_err(|_| Lost::Slow)?.map_err(Box::new)?;
        Ok(socket)
    }

    fn read(&mut self, message: Option<Result<Message, SocketError>>) -> Result<Option<FeedEvent>, Lost> {
        match message {
            None => Err(Lost::Closed("without a reason".into())),
            Some(Err(error)) => Err(Box::new(error).into()),
            Some(Ok(Message::Close(frame))) => {
                if frame.as_ref().is_some_and(|frame| frame.code == CloseCode::Policy) {
                    // Another log than before: begin with what happens next.
                    (self.last, self.assembly) = (None, Assembly::default());
                }
                Err(Lost::Closed(frame.map_or_else(String::new, |frame| frame.reason.to_string())))
            }
            Some(Ok(Message::Text(text))) => {
                let message: FeedMessage = serde_json::from_str(&text)?;
                self.last = Some(message.seq);
                Ok(Some(message.event))
            }
            Some(Ok(_)) => Ok(None),
        }
    }

    async fn event(&mut self, event: FeedEvent) -> Result<Option<Lost>, VerifierError> {
        if let Some(to) = self.assembly.take(event) {
            self.roll_back(to).await?;
        }
        self.advance().await
    }

    /// Extends the chain with what waits for its head. A false block is not taken, and ends the connection.
    async fn advance(&mut self) -> Result<Option<Lost>, VerifierError> {
        loop {
            let _turn = self.turns.pen.lock().await;
            let head = self.chain.heads().latest;
            let Some(told) = self.assembly.next(head) else { return Ok(None) };
            let (chain, number) = (self.chain.clone(), head.number + 1);
            let done =
                tokio::task::spawn_blocking(move || chain.extend(&told.input).map(|block| (block, told)));
            let ended =
                |e: tokio::task::JoinError| VerifierError::TaskEnded { task: "feed", reason: e.to_string() };
            match done.await.map_err(ended)? {
                Ok((block, told)) if block.hash() == told.hash => {
                    metrics::counter!("assay_verifier_feed_blocks").increment(1);
                }
                Ok((block, told)) => {
                    tracing::error!(number, told = %told.hash, found = %block.hash(), "the feed tells a false block: not taken");
                    self.chain.rollback_to(head.number).await?;
                    return Ok(Some(Lost::False(number)));
                }
                Err(ChainError::Execution { source, .. }) => {
                    tracing::error!(number, error = %source, "the feed tells a block that cannot be executed: not taken");
                    return Ok(Some(Lost::False(number)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes unsafe blocks back as the sequencer did.
    async fn roll_back(&self, to: BlockRef) -> Result<(), VerifierError> {
        let _turn = self.turns.pen.lock().await;
        let heads = self.chain.heads();
        if to.number >= heads.latest.number || to.number < heads.safe.number {
            return Ok(());
        }
        let ours = self.chain.header_by_number(to.number).await?;
        if ours.is_some_and(|header| header.hash() == to.hash) {
            self.chain.rollback_to(to.number).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::Bytes;

    fn open(number: u64, parent: u8) -> FeedEvent {
        FeedEvent::Open { number, timestamp: number, data_price: 1, parent: B256::repeat_byte(parent) }
    }

    fn segment(bytes: usize) -> FeedEvent {
        FeedEvent::Segment { forced: vec![], txs: vec![Bytes::from(vec![7; bytes])] }
    }

    fn seal(number: u64, hash: u8) -> FeedEvent {
        FeedEvent::Seal { number, hash: B256::repeat_byte(hash), state_root: B256::ZERO }
    }

    fn head(number: u64, hash: u8) -> BlockRef {
        BlockRef { number, hash: B256::repeat_byte(hash) }
    }

    fn block(assembly: &mut Assembly, number: u64, parent: u8, hash: u8) {
        for event in [open(number, parent), segment(3), segment(4), seal(number, hash)] {
            assert_eq!(assembly.take(event), None);
        }
    }

    #[test]
    fn a_block_is_its_segments_in_order() {
        let mut assembly = Assembly::default();
        block(&mut assembly, 5, 4, 5);
        let told = assembly.next(head(4, 4)).unwrap();
        assert_eq!(told.hash, B256::repeat_byte(5));
        assert_eq!(told.input.txs.iter().map(|tx| tx.len()).collect::<Vec<_>>(), [3, 4]);
        assert_eq!((told.input.timestamp, told.bytes), (5, 7));
        assert_eq!((assembly.next(head(5, 5)), assembly.waiting_bytes), (None, 0));
    }

    #[test]
    fn blocks_wait_for_their_parent_and_others_are_dropped() {
        let mut assembly = Assembly::default();
        (5..8).for_each(|n| block(&mut assembly, n, n as u8 - 1, n as u8));
        assert_eq!(assembly.next(head(3, 3)), None, "the parent is not there yet");
        assert_eq!(assembly.waiting.len(), 3);
        assert!(assembly.next(head(5, 5)).is_some(), "5 is passed, 6 follows");
        assert_eq!(assembly.next(head(6, 0xbb)), None, "7 follows another block 6");
        assert_eq!((assembly.waiting.len(), assembly.waiting_bytes), (0, 0));
    }

    #[test]
    fn a_rollback_takes_what_waits_and_what_is_open() {
        let mut assembly = Assembly::default();
        (5..8).for_each(|n| block(&mut assembly, n, n as u8 - 1, n as u8));
        assembly.take(open(8, 7));
        let to = FeedEvent::Rollback { to: 5, hash: B256::repeat_byte(5) };
        assert_eq!(assembly.take(to), Some(head(5, 5)));
        assert_eq!(assembly.waiting.keys().copied().collect::<Vec<_>>(), [5]);
        assembly.take(seal(8, 8));
        assert_eq!(assembly.waiting.len(), 1, "nothing was open");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut assembly = Assembly::default();
        assembly.take(open(1, 0));
        (0..3).for_each(|_| _ = assembly.take(segment(BATCH_DECODED_BYTES_MAX)));
        assembly.take(seal(1, 1));
        assert_eq!(assembly.waiting.len(), 0, "larger than any batch");
        (2..2000).for_each(|n| block(&mut assembly, n, 0, 0));
        assert_eq!(assembly.waiting.len(), WAITING_BLOCKS_MAX);
        assert_eq!(assembly.waiting_bytes, 7 * WAITING_BLOCKS_MAX);
        assert!(assembly.waiting.contains_key(&1999), "the oldest go first");
    }

    #[test]
    fn a_node_url_means_its_feed() {
        let at = |url: &str| feed_address(&url.parse().unwrap()).map(|url| url.to_string());
        assert_eq!(at("http://host:9545").unwrap(), "ws://host:9545/feed");
        assert_eq!(at("https://host/").unwrap(), "wss://host/feed");
        assert_eq!(at("wss://host/rollup/feed").unwrap(), "wss://host/rollup/feed");
        assert_eq!(at("ftp://host").unwrap_err(), SettingError::FeedScheme("ftp".into()));
    }
}
