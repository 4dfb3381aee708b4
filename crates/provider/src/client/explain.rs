//! Why a job is where it is: its moves, its replicas, and who refuses it, in words.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use alloy::sol_types::SolEvent;
use assay_bindings::{Market, Registry};
use assay_primitives::predeploys;
use serde::Serialize;

use super::{Client, ClientError};
use crate::ChainError;
use crate::words::{cause_words, job_state_words, refusal_words};

/// Everything the chain says about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its state.
    pub state: &'static str,
    /// Each change of state, in order: the new state and why.
    pub moves: Vec<(String, String)>,
    /// Each provider that took part, and what it did.
    pub replicas: Vec<(Address, &'static str)>,
    /// Providers that left, and why.
    pub left: Vec<(Address, String)>,
    /// While it is open: why each registered provider that has not taken it may not, or that it may.
    pub refusals: Vec<(Address, String)>,
    /// The next time-out exit, what it means, and whether it is due.
    pub exit: Option<String>,
}

const REPLICA_WORDS: [&str; 6] =
    ["none", "taken", "has the inputs", "committed", "revealed", "missed a deadline and lost its bond"];

impl Client {
    /// Explains a job.
    ///
    /// # Errors
    /// [`ClientError::Chain`] when the node fails.
    pub async fn explain(&self, job: u64) -> Result<Explanation, ClientError> {
        let view = self.chain().view(job).await?;
        let market = self.chain().market();
        let id = U256::from(job);
        let node = |e: &dyn std::fmt::Display| {
            ClientError::Chain(ChainError::Node { url: self.config.rpc.clone(), reason: e.to_string() })
        };
        let logs =
            |filter| async move { self.chain().provider().get_logs(&filter).await.map_err(|e| node(&e)) };
        let all = |filter: alloy::rpc::types::Filter| {
            filter.from_block(BlockNumberOrTag::Earliest).to_block(BlockNumberOrTag::Latest)
        };
        let mut moves = Vec::new();
        for log in logs(all(market.JobMoved_filter().topic1(id).filter)).await? {
            let event = Market::JobMoved::decode_log(&log.inner).map_err(|e| node(&e))?;
            moves.push((job_state_words(event.to).into(), cause_words(event.cause).into()));
        }
        let mut left = Vec::new();
        for log in logs(all(market.ReplicaLeft_filter().topic1(id).filter)).await? {
            let event = Market::ReplicaLeft::decode_log(&log.inner).map_err(|e| node(&e))?;
            left.push((event.provider, cause_words(event.cause).into()));
        }
        let mut refusals = Vec::new();
        if view.state == crate::state::job_state::OPEN {
            let filter = alloy::rpc::types::Filter::new()
                .address(predeploys::REGISTRY)
                .event_signature(Registry::ProviderRegistered::SIGNATURE_HASH);
            for log in logs(all(filter)).await? {
                let event = Registry::ProviderRegistered::decode_log(&log.inner).map_err(|e| node(&e))?;
                let provider = event.provider;
                if view.replicas.iter().any(|r| r.provider == provider) {
                    continue;
                }
                let found = self.chain().read(market.refusal(id, provider)).await?;
                let words = refusal_words(found.code, &found.needed.to_string(), &found.have.to_string());
                refusals.push((provider, words));
            }
        }
        let replicas = view.replicas.iter().map(|r| {
            let words = REPLICA_WORDS.get(usize::from(r.state)).copied().unwrap_or("unknown");
            (r.provider, words)
        });
        let due = if view.exit_due { "now" } else { "later" };
        let exit = (view.exit_cause != 0).then(|| {
            let words = cause_words(view.exit_cause);
            format!("at clock time {} ({due}): {words}", view.deadline)
        });
        Ok(Explanation {
            state: job_state_words(view.state),
            moves,
            replicas: replicas.collect(),
            left,
            refusals,
            exit,
        })
    }
}
