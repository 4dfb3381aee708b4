//! History for queries: blocks, transactions, receipts, logs, batches, L1 checkpoints.
//!
//! Everything here can be rebuilt from the block log or from L1, so it is written behind the head and a power cut may
//! lose its last rows.

mod blocks;
mod l1;
mod logs;
#[cfg(test)]
mod tests;

pub use self::blocks::{BlockRow, LogRow, TxRow};
pub use self::l1::{BatchRow, Checkpoint};
pub use self::logs::LogQuery;

use crate::sql::{Db, Durability, SqlError};

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: i64 = 1;

/// The query database: SQLite by default, PostgreSQL by URL.
#[derive(Clone, Debug)]
pub struct Index {
    db: Db,
}

impl Index {
    /// Opens or creates the index at `sqlite:PATH` (or `sqlite::memory:`) or `postgres://...`.
    ///
    /// # Errors
    /// [`SqlError`] when the database cannot be opened or has another schema.
    pub async fn open(url: &str) -> Result<Self, SqlError> {
        Ok(Self { db: Db::open(url, Durability::Process, SCHEMA, SCHEMA_VERSION).await? })
    }

    /// Closes the connections; later calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
