//! What others may ask an agent.

use alloy::primitives::{Address, B256};
use assay_transport::PeerAddr;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::AgentError;

/// Requests waiting, at most.
pub(crate) const MAILBOX: usize = 32;

/// A job as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// Its number.
    pub job: u64,
    /// Where it stands in the journal.
    pub stage: String,
    /// Work units, once known.
    pub units: Option<u64>,
    /// Result root, once known.
    pub result_root: Option<B256>,
    /// Why it was refused or lost, in words.
    pub reason: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Message {
    Jobs(oneshot::Sender<Vec<JobSummary>>),
}

/// Asks a running agent.
#[derive(Clone, Debug)]
pub struct ProviderHandle {
    pub(crate) mailbox: mpsc::Sender<Message>,
    pub(crate) address: Address,
    pub(crate) peer: PeerAddr,
}

impl ProviderHandle {
    /// The provider's address on chain.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Its place on the data plane.
    pub fn peer(&self) -> &PeerAddr {
        &self.peer
    }

    /// Every job the journal knows.
    ///
    /// # Errors
    /// [`AgentError::Stopped`] when the agent has ended.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>, AgentError> {
        let (answer, jobs) = oneshot::channel();
        self.mailbox.send(Message::Jobs(answer)).await.map_err(|_| AgentError::Stopped)?;
        jobs.await.map_err(|_| AgentError::Stopped)
    }
}
