#![doc = include_str!("../README.md")]

mod batcher;
mod builder;
mod config;
mod pool;

pub use config::{BatchData, BatcherConfig, BlockConfig, FeedConfig, SequencerConfig, SettingError};
pub use pool::{
    AccountCode, AccountView, Admitted, BlockFees, ChainLimits, DropReason, Pool, PoolConfig, PoolError, PoolStats,
    PoolTx,
};
