//! Doing what `state` decided: fetch, check, run, send. Each piece may be cut and done again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use assay_compute::{Plan, decode_spec, limits};
use assay_transport::{DataPlane, FetchError, Manifest, PeerAddr, Severity};
use tokio_util::sync::CancellationToken;

use crate::ChainError;
use crate::bundle;
use crate::chain::{Chain, JobView};
use crate::child::{self, ChildError, ChildOrder};
use crate::config::{Config, Misbehaviour};
use crate::journal::{Outcome, Record};
use crate::state::job_state;

/// Kinds of `InputFaultKind` of the market.
mod fault {
    pub(super) const UNAVAILABLE: u8 = 1;
    pub(super) const ROOT_MISMATCH: u8 = 2;
    pub(super) const IMAGE_REFUSED: u8 = 3;
    pub(super) const PLAN_REFUSED: u8 = 4;
}

/// Why a piece of work was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// Try again.
    #[error("{0}")]
    Retry(String),
    /// Never again: the job is lost, and why.
    #[error("{0}")]
    Lost(String),
}

impl From<ChainError> for WorkError {
    fn from(error: ChainError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// What work needs.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) config: Arc<Config>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) plane: Arc<DataPlane>,
    /// How many jobs run at the same time.
    pub(crate) runs: Arc<tokio::sync::Semaphore>,
}

impl Tools {
    pub(crate) fn job_dir(&self, job: u64) -> PathBuf {
        self.config.dir.join("jobs").join(job.to_string())
    }

    /// Sends `take`; a refusal is for good.
    pub(crate) async fn take(&self, job: u64) -> Result<(), WorkError> {
        let call = self.chain.market().take(U256::from(job));
        match self.chain.send("take", call).await {
            Ok(_) => Ok(()),
            Err(ChainError::Reverted { reason, .. }) => Err(WorkError::Lost(reason)),
            Err(e) => Err(e.into()),
        }
    }

    /// Fetches image, plan and inputs and checks them against the order; reports faulty ones.
    pub(crate) async fn fetch(&self, record: &Record, view: &JobView) -> Result<(), WorkError> {
        let Err((kind, error)) = self.fetch_checked(record).await else { return Ok(()) };
        let WorkError::Retry(reason) = &error else {
            return self.report_fault(record.job, kind, error.to_string()).await;
        };
        // The acknowledgement's deadline runs only once every replica is taken.
        if view.state == job_state::ASSIGNED {
            let left = view.deadline.saturating_sub(self.chain.now().await?);
            if left <= u64::from(record.ack_secs) / 4 {
                let reason = format!("the inputs could not be fetched in time: {reason}");
                return self.report_fault(record.job, fault::UNAVAILABLE, reason).await;
            }
        }
        Err(error)
    }

    async fn report_fault(&self, job: u64, kind: u8, reason: String) -> Result<(), WorkError> {
        let call = self.chain.market().inputFault(U256::from(job), kind);
        match self.chain.send("inputFault", call).await {
            Ok(_) | Err(ChainError::Reverted { .. }) => Err(WorkError::Lost(reason)),
            Err(e) => Err(e.into()),
        }
    }

    async fn fetch_checked(&self, record: &Record) -> Result<(), (u8, WorkError)> {
        let lost = |kind, reason: String| (kind, WorkError::Lost(reason));
        let peer = PeerAddr::decode(&record.locator)
            .map_err(|e| lost(fault::UNAVAILABLE, format!("the order's locator: {e}")))?;
        let topic = bundle::inputs_topic(record.spec_root);
        let manifest = self.plane.manifest(&peer, record.client, topic).await.map_err(fetch_fault)?;
        let dir = self.job_dir(record.job);
        let disk =
            |e: std::io::Error| (fault::UNAVAILABLE, WorkError::Retry(format!("{}: {e}", dir.display())));
        std::fs::create_dir_all(&dir).map_err(disk)?;

        let image_max = limits::MAX_IMAGE_BYTES as u64;
        self.blob(record, &peer, &manifest, bundle::IMAGE, record.image_id, image_max).await?;
        let plan_max = limits::MAX_PLAN_BYTES as u64;
        self.blob(record, &peer, &manifest, bundle::PLAN, record.plan_root, plan_max).await?;
        let image = std::fs::read(dir.join(bundle::IMAGE)).map_err(disk)?;
        let plan = std::fs::read(dir.join(bundle::PLAN)).map_err(disk)?;
        let (_, plan) = decode_spec((record.image_id, &image), (record.plan_root, &plan)).map_err(|e| {
            let kind = match e {
                assay_compute::JobError::Image(_) => fault::IMAGE_REFUSED,
                _ => fault::PLAN_REFUSED,
            };
            lost(kind, e.to_string())
        })?;
        check_order(record, &plan, self.config.memory_max)
            .map_err(|reason| lost(fault::PLAN_REFUSED, reason))?;
        for (index, (root, len)) in inputs(&plan).into_iter().enumerate() {
            self.blob(record, &peer, &manifest, &bundle::input(index), root, len).await?;
        }
        Ok(())
    }

    async fn blob(
        &self,
        record: &Record,
        peer: &PeerAddr,
        manifest: &Manifest,
        name: &str,
        root: B256,
        bytes_max: u64,
    ) -> Result<(), (u8, WorkError)> {
        let dest = self.job_dir(record.job).join(name);
        if dest.exists() {
            // Only complete, checked blobs have their final name.
            return Ok(());
        }
        let lost = |kind, reason: String| (kind, WorkError::Lost(reason));
        let entry = manifest
            .entry(name)
            .ok_or_else(|| lost(fault::UNAVAILABLE, format!("the client's manifest has no `{name}`")))?;
        if entry.page_root != root {
            let reason = format!("`{name}` has page root {}, the order says {root}", entry.page_root);
            return Err(lost(fault::ROOT_MISMATCH, reason));
        }
        if entry.bytes > bytes_max {
            let reason = format!("`{name}` has {} bytes, at most {bytes_max} are right", entry.bytes);
            return Err(lost(fault::PLAN_REFUSED, reason));
        }
        self.plane.fetch(peer, entry, &dest, &|_| ()).await.map_err(fetch_fault)
    }

    /// Sends `ack`.
    pub(crate) async fn ack(&self, job: u64) -> Result<(), WorkError> {
        self.chain.send("ack", self.chain.market().ack(U256::from(job))).await?;
        Ok(())
    }

    /// Runs the job in a process of its own.
    pub(crate) async fn run(
        &self,
        record: &Record,
        view: &JobView,
        cancel: &CancellationToken,
    ) -> Result<Outcome, WorkError> {
        let slot = self.runs.acquire().await;
        let _slot = slot.map_err(|e| WorkError::Retry(e.to_string()))?;
        let dir = self.job_dir(record.job);
        let plan = std::fs::read(dir.join(bundle::PLAN)).map_err(|e| WorkError::Retry(e.to_string()))?;
        let plan = Plan::decode(&plan).map_err(|e| WorkError::Lost(e.to_string()))?;
        let order = ChildOrder {
            config_hash: self.config.config_hash,
            image_id: record.image_id,
            plan_root: record.plan_root,
            inputs: inputs(&plan).len(),
            memory_max: self.config.memory_max,
        };
        let left = view.deadline.saturating_sub(self.chain.now().await?);
        let time_max = Duration::from_secs(left);
        let (program, kind) = (&self.config.program, self.config.executor);
        match child::run_in_child(program, &dir, kind, &order, time_max, cancel).await {
            Ok(outcome) => Ok(self.maybe_lie(outcome)),
            Err(e @ (ChildError::Cancelled | ChildError::File { .. } | ChildError::Failed { .. })) => {
                Err(WorkError::Retry(e.to_string()))
            }
            Err(e) => Err(WorkError::Lost(e.to_string())),
        }
    }

    fn maybe_lie(&self, outcome: Outcome) -> Outcome {
        match self.config.misbehave {
            Some(Misbehaviour::Lie) => {
                Outcome { result_root: keccak256(outcome.result_root), units: outcome.units }
            }
            _ => outcome,
        }
    }

    /// Serves the outputs of a finished run; who may read them is the policy's matter.
    pub(crate) async fn serve(&self, job: u64) -> Result<(), WorkError> {
        let retry = |e: &dyn std::fmt::Display| WorkError::Retry(format!("outputs: {e}"));
        let files = child::result_files(&self.job_dir(job)).map_err(|e| retry(&e))?;
        let topic = bundle::outputs_topic(self.config.chain_id, job);
        self.plane.publish(topic, files).await.map_err(|e| retry(&e))?;
        Ok(())
    }

    /// Sends `commit` with the journalled salt.
    pub(crate) async fn commit(&self, record: &Record) -> Result<(), WorkError> {
        let (salt, result) = sealed(record)?;
        let id = U256::from(record.job);
        let provider = self.chain.account();
        let commitment = commitment(id, provider, salt, result.result_root, result.units);
        self.chain.send("commit", self.chain.market().commit(id, commitment)).await?;
        Ok(())
    }

    /// Sends `reveal` with the journalled salt.
    pub(crate) async fn reveal(&self, record: &Record) -> Result<(), WorkError> {
        let (salt, result) = sealed(record)?;
        let id = U256::from(record.job);
        let call = self.chain.market().reveal(id, salt, result.result_root, result.units);
        self.chain.send("reveal", call).await?;
        Ok(())
    }

    /// Sends the time-out exit that is due; somebody else may have been faster.
    pub(crate) async fn exit(&self, job: u64, state: u8) -> Result<(), WorkError> {
        let id = U256::from(job);
        let market = self.chain.market();
        let sent = match state {
            job_state::CHALLENGEABLE => self.chain.send("finalize", market.finalize(id)).await,
            job_state::DISPUTED => self.chain.send("voidDispute", market.voidDispute(id)).await,
            _ => self.chain.send("poke", market.poke(id)).await,
        };
        match sent {
            // Refused means that it has been done.
            Ok(_) | Err(ChainError::Reverted { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes what the market owes us, if it owes anything.
    pub(crate) async fn withdraw(&self) -> Result<(), ChainError> {
        let market = self.chain.market();
        let account = self.chain.account();
        if self.chain.read(market.credits(account)).await? > U256::ZERO {
            self.chain.send("withdraw", market.withdraw(account)).await?;
        }
        Ok(())
    }
}

/// What `Market.commitmentOf` says: blinds a result until every replica has committed.
pub(crate) fn commitment(job: U256, provider: Address, salt: B256, result_root: B256, units: u64) -> B256 {
    keccak256((job, provider, salt, result_root, units).abi_encode())
}

fn sealed(record: &Record) -> Result<(B256, Outcome), WorkError> {
    let both = record.salt.zip(record.result);
    both.ok_or_else(|| WorkError::Lost("the journal has no salt for this job".into()))
}

/// Root and length of each input, in the plan's order.
fn inputs(plan: &Plan) -> Vec<(B256, u64)> {
    plan.buffers.iter().filter_map(|b| Some((b.input?, b.len))).collect()
}

/// Whether the plan is what the order was priced by, and fits this machine.
fn check_order(record: &Record, plan: &Plan, memory_max: u64) -> Result<(), String> {
    let (input_bytes, output_bytes) = plan.io_bytes();
    let pairs = [
        ("work units of fuel", plan.fuel, record.max_units),
        ("bytes of input", input_bytes, record.input_bytes),
        ("bytes of output", output_bytes, record.output_bytes),
    ];
    for (what, in_plan, in_order) in pairs {
        if in_plan != in_order {
            return Err(format!("the plan has {in_plan} {what}, the order {in_order}"));
        }
    }
    if plan.arena_bytes > memory_max {
        return Err(format!("the arena needs {} bytes, this provider has {memory_max}", plan.arena_bytes));
    }
    Ok(())
}

fn fetch_fault(error: FetchError) -> (u8, WorkError) {
    let kind = match &error {
        FetchError::RootMismatch { .. } | FetchError::Corrupt { .. } | FetchError::LengthMismatch { .. } => {
            fault::ROOT_MISMATCH
        }
        _ => fault::UNAVAILABLE,
    };
    match error.severity() {
        Severity::Retry => (kind, WorkError::Retry(error.to_string())),
        Severity::Fatal => (kind, WorkError::Lost(error.to_string())),
    }
}
