//! Jobs in the journal: one row each, its stage and what must not be forgotten.

use alloy::primitives::{Address, B256, Bytes};
use assay_storage::{Entry, Journal};
use serde::{Deserialize, Serialize};

use crate::chain::Posted;
use crate::state::{Memory, Stage};
use crate::{AgentError, JobSummary};

const KIND: &str = "job";

/// Everything about a job that must survive a kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) job: u64,
    pub(crate) client: Address,
    pub(crate) spec_root: B256,
    pub(crate) image_id: B256,
    pub(crate) plan_root: B256,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) max_units: u64,
    pub(crate) ack_secs: u32,
    pub(crate) locator: Bytes,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) result: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) salt: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) reason: Option<String>,
}

/// What the run gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) result_root: B256,
    pub(crate) units: u64,
}

impl Record {
    pub(crate) fn new(posted: &Posted) -> Self {
        let order = &posted.order;
        Self {
            job: posted.job,
            client: posted.client,
            spec_root: posted.spec_root,
            image_id: order.imageId,
            plan_root: order.planRoot,
            input_bytes: order.inputBytes,
            output_bytes: order.outputBytes,
            max_units: order.maxUnits,
            ack_secs: order.windows.ackSecs,
            locator: order.locator.clone(),
            result: None,
            salt: None,
            reason: None,
        }
    }
}

/// A job in memory, as it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tracked {
    pub(crate) stage: Stage,
    pub(crate) record: Record,
}

impl Tracked {
    pub(crate) fn memory(&self) -> Memory {
        Memory { stage: self.stage, spec_root: self.record.spec_root }
    }

    pub(crate) fn summary(&self) -> JobSummary {
        JobSummary {
            job: self.record.job,
            stage: self.stage.name().into(),
            units: self.record.result.map(|r| r.units),
            result_root: self.record.result.map(|r| r.result_root),
            reason: self.record.reason.clone(),
        }
    }
}

/// The agent's rows.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    journal: Journal,
}

impl Jobs {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// All jobs, as a restart finds them.
    pub(crate) async fn load(&self) -> Result<Vec<Tracked>, AgentError> {
        self.journal.entries(KIND).await?.iter().map(parse).collect()
    }

    /// Adds a job.
    pub(crate) async fn insert(&self, tracked: &Tracked) -> Result<(), AgentError> {
        let (id, data) = row(&tracked.record)?;
        self.journal.insert(KIND, &id, tracked.stage.name(), &data).await?;
        Ok(())
    }

    /// Moves a job on, durably, or fails when the journal disagrees.
    pub(crate) async fn advance(&self, from: Stage, to: &Tracked) -> Result<(), AgentError> {
        let (id, data) = row(&to.record)?;
        self.journal.transition(KIND, &id, from.name(), to.stage.name(), &data).await?;
        Ok(())
    }

    /// Forgets a job.
    pub(crate) async fn remove(&self, tracked: &Tracked) -> Result<(), AgentError> {
        let (id, _) = row(&tracked.record)?;
        self.journal.remove(KIND, &id, tracked.stage.name()).await?;
        Ok(())
    }
}

fn row(record: &Record) -> Result<(String, String), AgentError> {
    // Fixed width, so that the journal's order by id is the order of jobs.
    let id = format!("{:020}", record.job);
    match serde_json::to_string(record) {
        Ok(data) => Ok((id, data)),
        Err(e) => Err(AgentError::BadEntry { id, reason: e.to_string() }),
    }
}

fn parse(entry: &Entry) -> Result<Tracked, AgentError> {
    let bad = |reason: String| AgentError::BadEntry { id: entry.id.clone(), reason };
    let stage = entry.state.parse().map_err(bad)?;
    let record = serde_json::from_str(&entry.data).map_err(|e| bad(e.to_string()))?;
    Ok(Tracked { stage, record })
}
