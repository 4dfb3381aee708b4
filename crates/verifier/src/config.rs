//! What a verifier is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use alloy::{primitives::Address, transports::http::reqwest::Url};
use assay_primitives::{ChainConfig, ConfigError};

use crate::feed::feed_address;

/// A verifier's configuration. Nothing in it is secret but the path of `l1_url`, which may hold a key.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// Protocol parameters of the chain.
    pub chain: ChainConfig,
    /// L1's JSON-RPC.
    pub l1_url: Url,
    /// L1's beacon API; at `l1_url` when absent.
    pub beacon_url: Option<Url>,
    /// The Inbox on L1.
    pub inbox: Address,
    /// The sequencer's feed, or the sequencer's RPC, for blocks that L1 does not have yet; they are unsafe.
    /// Without it the chain is what L1 says and nothing more.
    pub feed_url: Option<Url>,
    /// Folder of chain, checkpoint and blobs.
    pub data_dir: PathBuf,
    /// Where the history is indexed instead of in `data_dir`, for example `postgres://...`.
    pub index_url: Option<String>,
    /// Where the RPC listens; port 0 takes a free one.
    pub rpc_listen: SocketAddr,
    /// Origins that browsers may call from; `*` for any.
    pub cors_origins: Vec<String>,
    /// Time between looks at L1.
    pub poll: Duration,
    /// How long blobs are kept, in seconds of L1 time: as long as their epoch can be disputed.
    pub blob_retention_secs: u64,
}

/// Epoch, two windows and two days at most (PROTOCOL.md section 3): 18 days.
pub const BLOB_RETENTION_SECS: u64 = 18 * 24 * 3600;

/// The configuration contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The protocol parameters do.
    #[error(transparent)]
    Chain(#[from] ConfigError),
    /// A value that must not be zero.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A feed that is neither WebSocket nor HTTP.
    #[error("a feed cannot be read over `{0}`: name a ws, wss, http or https URL")]
    FeedScheme(String),
    /// Blobs would go before the batch they belong to can be forced or re-posted.
    #[error("blob_retention_secs = {found} is below force_delay_secs = {min}")]
    RetentionTooShort {
        /// The force delay.
        min: u64,
        /// What was asked for.
        found: u64,
    },
}

impl VerifierConfig {
    /// Checks relations between values.
    pub fn check(&self) -> Result<(), SettingError> {
        self.chain.check()?;
        if self.poll.is_zero() {
            return Err(SettingError::Zero("poll"));
        }
        self.feed_url.as_ref().map(feed_address).transpose()?;
        let (min, found) = (self.chain.force_delay_secs, self.blob_retention_secs);
        if found < min {
            return Err(SettingError::RetentionTooShort { min, found });
        }
        Ok(())
    }
}
