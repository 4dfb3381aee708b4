//! Logs by range, address and topics.

use alloy::primitives::{Address, B256};
use sqlx::{FromRow, QueryBuilder};

use super::{Index, LogRow};
use crate::sql::{Db, SqlError, fixed, to_i64, to_u64};

/// Which logs are wanted. An empty list means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// First block.
    pub from: u64,
    /// Last block, included.
    pub to: u64,
    /// Emitting contracts.
    pub addresses: Vec<Address>,
    /// Wanted values of each topic.
    pub topics: [Vec<B256>; 4],
    /// A log must have at least this many topics.
    pub topics_min: u8,
    /// At most this many rows.
    pub limit: u32,
}

#[derive(FromRow)]
struct RawLog {
    block: i64,
    idx: i64,
    tx_idx: i64,
    tx_hash: Vec<u8>,
    address: Vec<u8>,
    topic0: Option<Vec<u8>>,
    topic1: Option<Vec<u8>>,
    topic2: Option<Vec<u8>>,
    topic3: Option<Vec<u8>>,
    data: Vec<u8>,
}

impl RawLog {
    fn parse(self) -> Result<LogRow, SqlError> {
        const TABLE: &str = "logs";
        let topics = [self.topic0, self.topic1, self.topic2, self.topic3]
            .into_iter()
            .flatten()
            .map(|topic| Ok(B256::new(fixed(&topic, TABLE)?)))
            .collect::<Result<_, SqlError>>()?;
        Ok(LogRow {
            block: to_u64(self.block, TABLE)?,
            index: to_u64(self.idx, TABLE)?,
            tx_index: to_u64(self.tx_idx, TABLE)?,
            tx_hash: B256::new(fixed(&self.tx_hash, TABLE)?),
            address: Address::new(fixed(&self.address, TABLE)?),
            topics,
            data: self.data.into(),
        })
    }
}

const TOPIC_COLUMNS: [&str; 4] = ["topic0", "topic1", "topic2", "topic3"];

/// The query as SQL for either database; `$query` is a `QueryBuilder`.
macro_rules! build {
    ($builder:ident, $query:ident) => {
        $builder.push(" WHERE block >= ").push_bind(to_i64($query.from)?);
        $builder.push(" AND block <= ").push_bind(i64::try_from($query.to).unwrap_or(i64::MAX));
        if !$query.addresses.is_empty() {
            let mut list = $builder.push(" AND address IN (").separated(", ");
            for address in &$query.addresses {
                list.push_bind(address.to_vec());
            }
            $builder.push(")");
        }
        for (column, wanted) in TOPIC_COLUMNS.iter().zip(&$query.topics) {
            if wanted.is_empty() {
                continue;
            }
            $builder.push(" AND ").push(*column);
            let mut list = $builder.push(" IN (").separated(", ");
            for topic in wanted {
                list.push_bind(topic.to_vec());
            }
            $builder.push(")");
        }
        if let Some(column) =
            $query.topics_min.checked_sub(1).and_then(|last| TOPIC_COLUMNS.get(usize::from(last)))
        {
            $builder.push(" AND ").push(*column).push(" IS NOT NULL");
        }
        $builder.push(" ORDER BY block, idx LIMIT ").push_bind(i64::from($query.limit));
    };
}

const SELECT: &str =
    "SELECT block, idx, tx_idx, tx_hash, address, topic0, topic1, topic2, topic3, data FROM logs";

impl Index {
    /// Logs that match, in chain order.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn logs(&self, query: &LogQuery) -> Result<Vec<LogRow>, SqlError> {
        let rows: Vec<RawLog> = match &self.db {
            Db::Lite { read, .. } => {
                let mut builder = QueryBuilder::<sqlx::Sqlite>::new(SELECT);
                build!(builder, query);
                builder.build_query_as().fetch_all(read).await?
            }
            Db::Pg(pool) => {
                let mut builder = QueryBuilder::<sqlx::Postgres>::new(SELECT);
                build!(builder, query);
                builder.build_query_as().fetch_all(pool).await?
            }
        };
        rows.into_iter().map(RawLog::parse).collect()
    }
}
