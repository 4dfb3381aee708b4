#![doc = include_str!("../README.md")]

mod block;
mod chain;
mod codec;
mod driver;
mod feed;
mod genesis;
mod head;
mod pool;
mod rpc;
mod state;
#[cfg(test)]
mod testing;

pub use block::{Block, OpenBlock, PendingBlock, Segment};
pub use chain::{
    BLOCK_BYTES_KEPT, Chain, ChainError, ChainOptions, LogFilter, Logged, Opened, STATES_KEPT, recover_all,
};
pub use codec::DamagedRow;
pub use driver::{
    Action, Applied, CheckpointFile, CheckpointStore, Driver, DriverCheckpoint, DriverConfig, DriverError,
    DriverMode, DriverState, DriverView, Event, Gate, L1Source, NoCheckpoint, NoGate, Point, Problem,
    QueuedEntry, Work,
};
pub use feed::{FeedEvent, FeedMessage};
pub use genesis::genesis;
pub use head::{BlockRef, ChainEvent, Head, Heads, SyncState};
pub use pool::{NoPool, PoolContent, PoolError, PoolSide, PoolStatus, PreconfReceipt, SyncError, TxPool};
pub use rpc::{preconfirmed_receipt, rpc_methods};
pub use state::{StateError, StateView};
