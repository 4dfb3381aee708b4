//! How a job ended in money: read from the market's events.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use assay_bindings::Market;
use serde::Serialize;

use super::{Client, ClientError};
use crate::ChainError;

/// What was paid for a job, and where its last move is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// L2 block of the last change of state.
    pub block: u64,
    /// Each payment to a provider, in wei.
    pub payments: Vec<(Address, U256)>,
    /// What the client got back, in wei.
    pub refunded: U256,
}

impl Settlement {
    /// Sum of all payments in wei.
    pub fn paid(&self) -> U256 {
        self.payments.iter().map(|(_, amount)| *amount).sum()
    }
}

impl Client {
    /// Reads how a job was settled.
    ///
    /// # Errors
    /// [`ClientError::Chain`] when the node fails.
    pub async fn settlement(&self, job: u64) -> Result<Settlement, ClientError> {
        let (market, id) = (self.chain().market(), U256::from(job));
        let mut settlement = Settlement::default();
        for log in self.events(market.JobMoved_filter().topic1(id).filter).await? {
            settlement.block = settlement.block.max(log.block_number.unwrap_or_default());
        }
        for log in self.events(market.ReplicaPaid_filter().topic1(id).filter).await? {
            let event = Market::ReplicaPaid::decode_log(&log.inner).map_err(|e| self.node_error(&e))?;
            settlement.payments.push((event.provider, event.amount));
        }
        for log in self.events(market.ClientRefunded_filter().topic1(id).filter).await? {
            let event = Market::ClientRefunded::decode_log(&log.inner).map_err(|e| self.node_error(&e))?;
            settlement.refunded += event.amount;
        }
        Ok(settlement)
    }

    async fn events(&self, filter: Filter) -> Result<Vec<Log>, ClientError> {
        let filter = filter.from_block(BlockNumberOrTag::Earliest).to_block(BlockNumberOrTag::Latest);
        self.chain().provider().get_logs(&filter).await.map_err(|e| self.node_error(&e))
    }

    fn node_error(&self, reason: &dyn std::fmt::Display) -> ClientError {
        ClientError::Chain(ChainError::Node { url: self.config.rpc.clone(), reason: reason.to_string() })
    }
}
