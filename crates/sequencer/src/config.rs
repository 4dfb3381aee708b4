//! How a sequencer is run. Nothing here changes what a block means.

use crate::pool::PoolConfig;
use assay_primitives::{ChainConfig, limits};
use serde::{Deserialize, Serialize};

/// All settings of a sequencer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SequencerConfig {
    /// The transaction pool.
    pub pool: PoolConfig,
    /// Blocks and segments.
    pub block: BlockConfig,
    /// Posting to L1.
    pub batcher: BatcherConfig,
    /// The feed of preconfirmations.
    pub feed: FeedConfig,
}

/// When blocks are built and how large they get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockConfig {
    /// Seconds a block stays open.
    pub interval_secs: u64,
    /// An empty block is built when the last one is this old, in seconds.
    pub idle_secs_max: u64,
    /// How far timestamps may run ahead of the clock when blocks are full, in seconds.
    pub ahead_secs_max: u64,
    /// Longest execution before a segment is written, in milliseconds.
    pub segment_ms: u64,
    /// Most transactions of one segment.
    pub segment_txs_max: usize,
    /// Most bytes of transactions in one block: a block must fit into one batch.
    pub block_bytes_max: usize,
    /// Most transactions of one block.
    pub block_txs_max: usize,
    /// Segments that may wait for the disk before execution pauses.
    pub segments_in_flight_max: usize,
    /// What the data price aims at, in percent of what a byte costs in a blob right now.
    pub data_price_percent: u64,
}

impl Default for BlockConfig {
    fn default() -> Self {
        Self {
            interval_secs: 1,
            idle_secs_max: 1,
            ahead_secs_max: 10,
            segment_ms: 4,
            segment_txs_max: 2_000,
            block_bytes_max: limits::BATCH_BYTES_MAX / 10 * 9,
            block_txs_max: limits::BATCH_TXS_MAX,
            segments_in_flight_max: 64,
            data_price_percent: 110,
        }
    }
}

/// What batches are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchData {
    /// EIP-4844 blobs.
    #[default]
    Blobs,
    /// Calldata, for an L1 without blobs.
    Calldata,
}

/// When and how batches are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatcherConfig {
    /// A batch is posted when its oldest block is this old, in seconds.
    pub interval_secs: u64,
    /// Or when this many bytes wait, whichever comes first.
    pub bytes_target: usize,
    /// How often L1 is looked at, in milliseconds.
    pub poll_ms: u64,
    /// Longest pause after failures in a row, in seconds.
    pub backoff_secs_max: u64,
    /// Blobs or calldata.
    pub data: BatchData,
    /// Blocks older than `max_lag` less this are rolled back and sequenced again, in seconds.
    pub lag_margin_secs: u64,
    /// Backlog in bytes from which compression gets faster and weaker.
    pub backlog_bytes_fast: usize,
    /// Backlog in bytes from which the builder makes smaller blocks.
    pub backlog_bytes_throttle: usize,
}

impl Default for BatcherConfig {
    fn default() -> Self {
        Self {
            interval_secs: 12,
            bytes_target: 3 * limits::BLOB_PAYLOAD_BYTES,
            poll_ms: 500,
            backoff_secs_max: 30,
            data: BatchData::Blobs,
            lag_margin_secs: 60,
            backlog_bytes_fast: 1 << 20,
            backlog_bytes_throttle: 64 << 20,
        }
    }
}

/// Bounds of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedConfig {
    /// Subscribers at a time.
    pub subscribers_max: usize,
    /// Messages a slow subscriber may lag before it is cut off; it resumes by sequence number.
    pub lag_messages_max: usize,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { subscribers_max: 256, lag_messages_max: 4_096 }
    }
}

/// Two settings that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A value that must not be zero.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A value above another that bounds it.
    #[error("{name} = {value} exceeds {bound_name} = {bound}")]
    Above {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: u64,
        /// What bounds it.
        bound_name: &'static str,
        /// The bound.
        bound: u64,
    },
}

impl SequencerConfig {
    /// Checks relations between the settings, and to the chain's parameters; the first contradiction is the error.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn check(&self, chain: &ChainConfig) -> Result<(), SettingError> {
        let (block, batcher, pool) = (&self.block, &self.batcher, &self.pool);
        for (name, value) in [
            ("block.interval_secs", block.interval_secs),
            ("block.idle_secs_max", block.idle_secs_max),
            ("block.segment_txs_max", block.segment_txs_max as u64),
            ("block.segments_in_flight_max", block.segments_in_flight_max as u64),
            ("batcher.poll_ms", batcher.poll_ms),
            ("pool.max_txs", pool.max_txs as u64),
            ("feed.lag_messages_max", self.feed.lag_messages_max as u64),
        ] {
            if value == 0 {
                return Err(SettingError::Zero(name));
            }
        }
        let data_max = match batcher.data {
            BatchData::Blobs => limits::BATCH_BYTES_MAX,
            BatchData::Calldata => limits::BATCH_CALLDATA_BYTES_MAX,
        };
        for (name, value, bound_name, bound) in [
            ("block.block_bytes_max", block.block_bytes_max as u64, "the largest batch", data_max as u64),
            (
                "block.block_txs_max",
                block.block_txs_max as u64,
                "limits::BATCH_TXS_MAX",
                limits::BATCH_TXS_MAX as u64,
            ),
            ("block.interval_secs", block.interval_secs, "max_drift_secs", chain.max_drift_secs),
            ("block.ahead_secs_max", block.ahead_secs_max, "max_drift_secs / 2", chain.max_drift_secs / 2),
            (
                "pool.max_tx_bytes",
                pool.max_tx_bytes as u64,
                "limits::TX_BYTES_MAX",
                limits::TX_BYTES_MAX as u64,
            ),
            (
                "pool.max_tx_bytes",
                pool.max_tx_bytes as u64,
                "block.block_bytes_max",
                block.block_bytes_max as u64,
            ),
            ("batcher.bytes_target", batcher.bytes_target as u64, "the largest batch", data_max as u64),
            (
                "batcher.interval_secs + batcher.lag_margin_secs",
                batcher.interval_secs.saturating_add(batcher.lag_margin_secs),
                "max_lag_secs",
                chain.max_lag_secs,
            ),
        ] {
            if value > bound {
                return Err(SettingError::Above { name, value, bound_name, bound });
            }
        }
        Ok(())
    }

    /// These settings, made to fit a chain that posts calldata: blocks as large as a calldata batch.
    pub fn with_calldata(mut self) -> Self {
        let bytes = limits::BATCH_CALLDATA_BYTES_MAX / 10 * 9;
        self.batcher.data = BatchData::Calldata;
        self.batcher.bytes_target = self.batcher.bytes_target.min(bytes);
        self.block.block_bytes_max = self.block.block_bytes_max.min(bytes);
        self.pool.max_tx_bytes = self.pool.max_tx_bytes.min(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_the_development_chain() {
        assert_eq!(SequencerConfig::default().check(&ChainConfig::dev()), Ok(()));
        assert_eq!(SequencerConfig::default().with_calldata().check(&ChainConfig::dev()), Ok(()));
    }

    #[test]
    fn a_block_that_fits_no_batch_is_refused() {
        let mut config = SequencerConfig::default();
        config.block.block_bytes_max = limits::BATCH_BYTES_MAX + 1;
        assert!(matches!(
            config.check(&ChainConfig::dev()),
            Err(SettingError::Above { name: "block.block_bytes_max", .. })
        ));
        config.block.interval_secs = 0;
        assert_eq!(config.check(&ChainConfig::dev()), Err(SettingError::Zero("block.interval_secs")));
    }
}
