#![doc = include_str!("../README.md")]

mod index;
mod journal;
mod log;
mod sql;
mod state;

pub use index::{BatchRow, BlockRow, Checkpoint, Index, LogQuery, LogRow, TxRow};
pub use journal::{Entry, Journal, JournalError, Seconds};
pub use log::{
    BlockLog, DiskFile, LogError, LogFile, LogReader, LogRecovery, Position, RECORD_BYTES_MAX, Record,
};
pub use sql::SqlError;
pub use state::{StateStep, StateStore, StateStoreError, StateTip, UNDO_BLOCKS_MAX};
