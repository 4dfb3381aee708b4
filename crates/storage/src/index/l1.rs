//! What the chain took from L1: batches, and checkpoints of derivation.

use alloy::primitives::B256;
use sqlx::FromRow;

use super::Index;
use crate::sql::{SqlError, fixed, on, to_i64, to_u64};

/// One inbox entry and the blocks that it derived to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// Its place in the inbox.
    pub inbox_index: u64,
    /// 1 blobs, 2 calldata, 3 forced.
    pub kind: u8,
    /// L1 block that includes it.
    pub l1_block: u64,
    /// Hash of that block.
    pub l1_hash: B256,
    /// L1 transaction that posted it.
    pub l1_tx: B256,
    /// First queue entry that it consumes.
    pub queue_from: u64,
    /// One past the last queue entry that it consumes.
    pub queue_to: u64,
    /// First L2 block that it derived to.
    pub l2_first: u64,
    /// Last L2 block that it derived to; below `l2_first` when there is none.
    pub l2_last: u64,
    /// Payload size in bytes, as posted.
    pub bytes: u64,
}

/// Where derivation stood after an L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the L1 block.
    pub l1_number: u64,
    /// Its hash.
    pub l1_hash: B256,
    /// Next inbox entry to derive.
    pub inbox_next: u64,
    /// Next queue entry to consume.
    pub queue_next: u64,
    /// Last L2 block derived so far.
    pub l2_number: u64,
    /// Its hash.
    pub l2_hash: B256,
}

#[derive(FromRow)]
struct RawBatch {
    inbox_index: i64,
    kind: i64,
    l1_block: i64,
    l1_hash: Vec<u8>,
    l1_tx: Vec<u8>,
    queue_from: i64,
    queue_to: i64,
    l2_first: i64,
    l2_last: i64,
    bytes: i64,
}

#[derive(FromRow)]
struct RawCheckpoint {
    l1_number: i64,
    l1_hash: Vec<u8>,
    inbox_next: i64,
    queue_next: i64,
    l2_number: i64,
    l2_hash: Vec<u8>,
}

impl RawBatch {
    fn parse(self) -> Result<BatchRow, SqlError> {
        const TABLE: &str = "batches";
        Ok(BatchRow {
            inbox_index: to_u64(self.inbox_index, TABLE)?,
            kind: u8::try_from(self.kind)
                .map_err(|_| SqlError::Row { table: TABLE, reason: format!("kind {}", self.kind) })?,
            l1_block: to_u64(self.l1_block, TABLE)?,
            l1_hash: B256::new(fixed(&self.l1_hash, TABLE)?),
            l1_tx: B256::new(fixed(&self.l1_tx, TABLE)?),
            queue_from: to_u64(self.queue_from, TABLE)?,
            queue_to: to_u64(self.queue_to, TABLE)?,
            l2_first: to_u64(self.l2_first, TABLE)?,
            l2_last: to_u64(self.l2_last, TABLE)?,
            bytes: to_u64(self.bytes, TABLE)?,
        })
    }
}

impl RawCheckpoint {
    fn parse(self) -> Result<Checkpoint, SqlError> {
        const TABLE: &str = "checkpoints";
        Ok(Checkpoint {
            l1_number: to_u64(self.l1_number, TABLE)?,
            l1_hash: B256::new(fixed(&self.l1_hash, TABLE)?),
            inbox_next: to_u64(self.inbox_next, TABLE)?,
            queue_next: to_u64(self.queue_next, TABLE)?,
            l2_number: to_u64(self.l2_number, TABLE)?,
            l2_hash: B256::new(fixed(&self.l2_hash, TABLE)?),
        })
    }
}

macro_rules! select_batch {
    ($rest:literal) => {
        concat!(
            "SELECT inbox_index, kind, l1_block, l1_hash, l1_tx, queue_from, queue_to, l2_first, l2_last, bytes FROM batches ",
            $rest
        )
    };
}

impl Index {
    /// Writes batches; a row with the same inbox index is replaced.
    ///
    /// # Errors
    /// [`SqlError`]; nothing is written then.
    pub async fn put_batches(&self, batches: &[BatchRow]) -> Result<(), SqlError> {
        on!(&self.db, write, |pool| {
            let mut tx = pool.begin().await?;
            for batch in batches {
                let index = to_i64(batch.inbox_index)?;
                sqlx::query("DELETE FROM batches WHERE inbox_index = $1")
                    .bind(index)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(
                    "INSERT INTO batches (inbox_index, kind, l1_block, l1_hash, l1_tx, queue_from, queue_to, l2_first,
                       l2_last, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                )
                .bind(index)
                .bind(i64::from(batch.kind))
                .bind(to_i64(batch.l1_block)?)
                .bind(batch.l1_hash.as_slice())
                .bind(batch.l1_tx.as_slice())
                .bind(to_i64(batch.queue_from)?)
                .bind(to_i64(batch.queue_to)?)
                .bind(to_i64(batch.l2_first)?)
                .bind(to_i64(batch.l2_last)?)
                .bind(to_i64(batch.bytes)?)
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Removes batches with an inbox index of `first` or more.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn truncate_batches(&self, first: u64) -> Result<(), SqlError> {
        let first = to_i64(first)?;
        on!(&self.db, write, |pool| sqlx::query("DELETE FROM batches WHERE inbox_index >= $1")
            .bind(first)
            .execute(pool)
            .await?
            .rows_affected());
        Ok(())
    }

    /// The batch at this place of the inbox.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn batch(&self, inbox_index: u64) -> Result<Option<BatchRow>, SqlError> {
        let Ok(index) = to_i64(inbox_index) else { return Ok(None) };
        let row = on!(&self.db, read, |pool| sqlx::query_as::<_, RawBatch>(select_batch!(
            "WHERE inbox_index = $1"
        ))
        .bind(index)
        .fetch_optional(pool)
        .await?);
        row.map(RawBatch::parse).transpose()
    }

    /// The batch that derived to this L2 block.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn batch_of_block(&self, number: u64) -> Result<Option<BatchRow>, SqlError> {
        let Ok(number) = to_i64(number) else { return Ok(None) };
        let row = on!(&self.db, read, |pool| sqlx::query_as::<_, RawBatch>(select_batch!(
            "WHERE l2_first <= $1 AND l2_last >= $1 ORDER BY inbox_index DESC LIMIT 1"
        ))
        .bind(number)
        .fetch_optional(pool)
        .await?);
        row.map(RawBatch::parse).transpose()
    }

    /// The last `limit` batches, newest first.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn last_batches(&self, limit: u32) -> Result<Vec<BatchRow>, SqlError> {
        let rows = on!(&self.db, read, |pool| sqlx::query_as::<_, RawBatch>(select_batch!(
            "ORDER BY inbox_index DESC LIMIT $1"
        ))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?);
        rows.into_iter().map(RawBatch::parse).collect()
    }

    /// Writes a checkpoint and forgets every one at a higher L1 block.
    ///
    /// # Errors
    /// [`SqlError`]; nothing is changed then.
    pub async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), SqlError> {
        let number = to_i64(checkpoint.l1_number)?;
        on!(&self.db, write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("DELETE FROM checkpoints WHERE l1_number >= $1")
                .bind(number)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO checkpoints (l1_number, l1_hash, inbox_next, queue_next, l2_number, l2_hash)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(number)
            .bind(checkpoint.l1_hash.as_slice())
            .bind(to_i64(checkpoint.inbox_next)?)
            .bind(to_i64(checkpoint.queue_next)?)
            .bind(to_i64(checkpoint.l2_number)?)
            .bind(checkpoint.l2_hash.as_slice())
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// Forgets checkpoints above this L1 block.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn truncate_checkpoints(&self, l1_number: u64) -> Result<(), SqlError> {
        let number = to_i64(l1_number)?;
        on!(&self.db, write, |pool| sqlx::query("DELETE FROM checkpoints WHERE l1_number > $1")
            .bind(number)
            .execute(pool)
            .await?
            .rows_affected());
        Ok(())
    }

    /// Forgets checkpoints below this L1 block: nobody rolls back behind finality.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn prune_checkpoints(&self, l1_number: u64) -> Result<(), SqlError> {
        let number = to_i64(l1_number)?;
        on!(&self.db, write, |pool| sqlx::query("DELETE FROM checkpoints WHERE l1_number < $1")
            .bind(number)
            .execute(pool)
            .await?
            .rows_affected());
        Ok(())
    }

    /// All checkpoints, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn checkpoints(&self, limit: u32) -> Result<Vec<Checkpoint>, SqlError> {
        let rows = on!(&self.db, write, |pool| sqlx::query_as::<_, RawCheckpoint>(
            "SELECT l1_number, l1_hash, inbox_next, queue_next, l2_number, l2_hash FROM checkpoints
             ORDER BY l1_number DESC LIMIT $1"
        )
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?);
        rows.into_iter().map(RawCheckpoint::parse).collect()
    }
}
