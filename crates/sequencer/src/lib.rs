#![doc = include_str!("../README.md")]

mod admission;
mod batcher;
mod builder;
mod clock;
mod config;
mod feed;
mod feed_http;
mod forced;
mod mempool;
mod pool;
mod sequencer;
mod turns;

pub use batcher::BatcherError;
pub use builder::BuilderError;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{BatchData, BatcherConfig, BlockConfig, FeedConfig, SequencerConfig, SettingError};
pub use feed::{Feed, FeedError, FeedItem, Subscription};
pub use feed_http::feed_router;
pub use forced::ForcedQueue;
pub use mempool::Mempool;
pub use pool::{
    AccountCode, AccountView, Admitted, BlockFees, ChainLimits, DropReason, Pool, PoolConfig, PoolError,
    PoolStats, PoolTx,
};
pub use sequencer::{Posting, Sequencer, SequencerDeps, SequencerError, SequencerHandle};
pub use turns::{BuilderGone, Turn, Turns};
