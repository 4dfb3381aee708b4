//! Blocks, transactions and receipts.

use alloy::primitives::{Address, B256, Bytes};
use sqlx::FromRow;

use super::Index;
use crate::sql::{SqlError, fixed, on, to_i64, to_u64};

/// One block with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Number of the block.
    pub number: u64,
    /// Hash of its header.
    pub hash: B256,
    /// RLP of its header.
    pub header: Bytes,
    /// What the header does not say, in the node's encoding.
    pub extra: Bytes,
    /// Its transactions in order; empty when only the header was asked for.
    pub txs: Vec<TxRow>,
    /// Its logs in order; filled when writing, empty when reading.
    pub logs: Vec<LogRow>,
}

/// One transaction with its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxRow {
    /// Hash of the transaction.
    pub hash: B256,
    /// Block that holds it.
    pub block: u64,
    /// Its place in the block.
    pub index: u64,
    /// Who sent it.
    pub sender: Address,
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Receipt, in the node's encoding.
    pub receipt: Bytes,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Block that holds it.
    pub block: u64,
    /// Its place among the block's logs.
    pub index: u64,
    /// Place of its transaction in the block.
    pub tx_index: u64,
    /// Hash of its transaction.
    pub tx_hash: B256,
    /// Contract that emitted it.
    pub address: Address,
    /// At most four topics.
    pub topics: Vec<B256>,
    /// Unindexed data.
    pub data: Bytes,
}

#[derive(FromRow)]
struct RawBlock {
    number: i64,
    hash: Vec<u8>,
    header: Vec<u8>,
    extra: Vec<u8>,
}

#[derive(FromRow)]
struct RawTx {
    hash: Vec<u8>,
    block: i64,
    idx: i64,
    sender: Vec<u8>,
    raw: Vec<u8>,
    receipt: Vec<u8>,
}

impl RawBlock {
    fn parse(self) -> Result<BlockRow, SqlError> {
        Ok(BlockRow {
            number: to_u64(self.number, "blocks")?,
            hash: B256::new(fixed(&self.hash, "blocks")?),
            header: self.header.into(),
            extra: self.extra.into(),
            txs: Vec::new(),
            logs: Vec::new(),
        })
    }
}

impl RawTx {
    fn parse(self) -> Result<TxRow, SqlError> {
        Ok(TxRow {
            hash: B256::new(fixed(&self.hash, "txs")?),
            block: to_u64(self.block, "txs")?,
            index: to_u64(self.idx, "txs")?,
            sender: Address::new(fixed(&self.sender, "txs")?),
            raw: self.raw.into(),
            receipt: self.receipt.into(),
        })
    }
}

const INSERT_BLOCK: &str = "INSERT INTO blocks (number, hash, header, extra) VALUES ($1, $2, $3, $4)";
const INSERT_TX: &str =
    "INSERT INTO txs (hash, block, idx, sender, raw, receipt) VALUES ($1, $2, $3, $4, $5, $6)";
const INSERT_LOG: &str =
    "INSERT INTO logs (block, idx, tx_idx, tx_hash, address, topic0, topic1, topic2, topic3, data)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

macro_rules! select_tx {
    ($rest:literal) => {
        concat!("SELECT hash, block, idx, sender, raw, receipt FROM txs ", $rest)
    };
}

/// Deletes all rows of blocks from `$first` on, inside the transaction `$tx`.
macro_rules! delete_from {
    ($tx:ident, $first:ident) => {
        for statement in [
            "DELETE FROM logs WHERE block >= $1",
            "DELETE FROM txs WHERE block >= $1",
            "DELETE FROM blocks WHERE number >= $1",
        ] {
            sqlx::query(statement).bind($first).execute(&mut *$tx).await?;
        }
    };
}

impl Index {
    /// Writes blocks in one transaction. Rows at and above the first number are replaced, so repeating is harmless.
    ///
    /// # Errors
    /// [`SqlError`]; nothing is written then.
    pub async fn put_blocks(&self, blocks: &[BlockRow]) -> Result<(), SqlError> {
        let Some(first) = blocks.first() else { return Ok(()) };
        let first = to_i64(first.number)?;
        on!(&self.db, write, |pool| {
            let mut tx = pool.begin().await?;
            delete_from!(tx, first);
            for block in blocks {
                let number = to_i64(block.number)?;
                sqlx::query(INSERT_BLOCK)
                    .bind(number)
                    .bind(block.hash.as_slice())
                    .bind(block.header.as_ref())
                    .bind(block.extra.as_ref())
                    .execute(&mut *tx)
                    .await?;
                for row in &block.txs {
                    sqlx::query(INSERT_TX)
                        .bind(row.hash.as_slice())
                        .bind(number)
                        .bind(to_i64(row.index)?)
                        .bind(row.sender.as_slice())
                        .bind(row.raw.as_ref())
                        .bind(row.receipt.as_ref())
                        .execute(&mut *tx)
                        .await?;
                }
                for log in &block.logs {
                    sqlx::query(INSERT_LOG)
                        .bind(number)
                        .bind(to_i64(log.index)?)
                        .bind(to_i64(log.tx_index)?)
                        .bind(log.tx_hash.as_slice())
                        .bind(log.address.as_slice())
                        .bind(log.topics.first().map(|topic| topic.as_slice()))
                        .bind(log.topics.get(1).map(|topic| topic.as_slice()))
                        .bind(log.topics.get(2).map(|topic| topic.as_slice()))
                        .bind(log.topics.get(3).map(|topic| topic.as_slice()))
                        .bind(log.data.as_ref())
                        .execute(&mut *tx)
                        .await?;
                }
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Removes every block above `number`.
    ///
    /// # Errors
    /// [`SqlError`]; nothing is removed then.
    pub async fn truncate_above(&self, number: u64) -> Result<(), SqlError> {
        let first = to_i64(number.saturating_add(1))?;
        on!(&self.db, write, |pool| {
            let mut tx = pool.begin().await?;
            delete_from!(tx, first);
            tx.commit().await?;
        });
        Ok(())
    }

    /// The highest block: number and hash.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn head(&self) -> Result<Option<(u64, B256)>, SqlError> {
        let row = on!(&self.db, write, |pool| sqlx::query_as::<_, RawBlock>(
            "SELECT number, hash, header, extra FROM blocks ORDER BY number DESC LIMIT 1"
        )
        .fetch_optional(pool)
        .await?);
        Ok(row.map(RawBlock::parse).transpose()?.map(|block| (block.number, block.hash)))
    }

    /// A block without its transactions.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn header_by_number(&self, number: u64) -> Result<Option<BlockRow>, SqlError> {
        let Ok(number) = to_i64(number) else { return Ok(None) };
        let row = on!(&self.db, read, |pool| sqlx::query_as::<_, RawBlock>(
            "SELECT number, hash, header, extra FROM blocks WHERE number = $1"
        )
        .bind(number)
        .fetch_optional(pool)
        .await?);
        row.map(RawBlock::parse).transpose()
    }

    /// A block without its transactions.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn header_by_hash(&self, hash: B256) -> Result<Option<BlockRow>, SqlError> {
        let row = on!(&self.db, read, |pool| sqlx::query_as::<_, RawBlock>(
            "SELECT number, hash, header, extra FROM blocks WHERE hash = $1"
        )
        .bind(hash.as_slice())
        .fetch_optional(pool)
        .await?);
        row.map(RawBlock::parse).transpose()
    }

    /// A block with its transactions and receipts.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn block_by_number(&self, number: u64) -> Result<Option<BlockRow>, SqlError> {
        let Some(mut block) = self.header_by_number(number).await? else { return Ok(None) };
        block.txs = self.block_txs(number).await?;
        Ok(Some(block))
    }

    /// The transactions of a block, in order.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn block_txs(&self, number: u64) -> Result<Vec<TxRow>, SqlError> {
        let number = to_i64(number)?;
        let rows = on!(&self.db, read, |pool| sqlx::query_as::<_, RawTx>(select_tx!(
            "WHERE block = $1 ORDER BY idx"
        ))
        .bind(number)
        .fetch_all(pool)
        .await?);
        rows.into_iter().map(RawTx::parse).collect()
    }

    /// The transaction with this hash.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn tx(&self, hash: B256) -> Result<Option<TxRow>, SqlError> {
        let row = on!(&self.db, read, |pool| sqlx::query_as::<_, RawTx>(select_tx!("WHERE hash = $1"))
            .bind(hash.as_slice())
            .fetch_optional(pool)
            .await?);
        row.map(RawTx::parse).transpose()
    }
}
