//! Buying compute: prepare a job, post it, serve its inputs, watch it, fetch and check what comes back.

mod error;
mod explain;
mod fetch;
mod prepare;
mod serve;
mod settle;

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::{B256, U256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolEvent;
use assay_bindings::Market;
use serde::{Deserialize, Serialize};

pub use error::ClientError;
pub use explain::Explanation;
pub use fetch::Fetched;
pub use prepare::{DryRun, Prepared, prepare};
pub use serve::Serving;
pub use settle::Settlement;

use crate::chain::{Chain, JobView};

/// Where a client's chain is and where it keeps things.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// JSON-RPC of an L2 node.
    pub rpc: String,
    /// L2 chain id.
    pub chain_id: u64,
    /// Hash of the protocol parameters.
    pub config_hash: B256,
    /// Folder for submissions.
    pub dir: PathBuf,
    /// How often the chain is looked at.
    pub poll: Duration,
}

/// A posted job as the client's folder remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// Its number.
    pub job: u64,
    /// What is run.
    pub spec_root: B256,
    /// Folder with plan, image and data plane.
    pub dir: PathBuf,
    /// The `job.toml`.
    pub spec_file: PathBuf,
    /// Where each output goes, in the plan's order.
    pub outputs: Vec<PathBuf>,
    /// Files served, by blob name.
    pub files: Vec<(String, PathBuf)>,
    /// Where the data plane listens; the same after a restart, the order names it.
    pub listen: std::net::SocketAddr,
}

/// Buys compute with one account.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    signer: PrivateKeySigner,
    chain: Chain,
}

impl Client {
    /// Connects to the node.
    ///
    /// # Errors
    /// [`ClientError::Chain`].
    pub async fn connect(config: ClientConfig, signer: PrivateKeySigner) -> Result<Self, ClientError> {
        let chain = Chain::connect(&config.rpc, signer.clone(), config.chain_id).await?;
        Ok(Self { config, signer, chain })
    }

    /// The chain, for what is not here.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Wei to send with the order; refuses in words what the market would.
    ///
    /// # Errors
    /// [`ClientError::Chain`].
    pub async fn quote(&self, prepared: &Prepared) -> Result<U256, ClientError> {
        let order = prepared.order(Vec::new());
        let call = self.chain.market().quote(order);
        Ok(self.chain.simulate("quote", call).await?)
    }

    /// Posts a prepared job whose inputs `serving` serves, and remembers it.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is posted unless the inputs are served.
    pub async fn submit(&self, prepared: &Prepared, serving: &Serving) -> Result<Submission, ClientError> {
        let order = prepared.order(serving.locator().encode());
        let escrow = self.quote(prepared).await?;
        let call = self.chain.market().post(order).value(escrow);
        let receipt = self.chain.send("post", call).await?;
        let posted = receipt.logs().iter().find_map(|log| Market::JobPosted::decode_log(&log.inner).ok());
        let job = posted.ok_or(ClientError::NotPosted)?.job.saturating_to();
        let submission = Submission {
            job,
            spec_root: prepared.spec_root(),
            dir: prepared.dir().to_owned(),
            spec_file: prepared.spec_file().to_owned(),
            outputs: prepared.outputs(),
            files: prepared.files().to_vec(),
            listen: serving.listen(),
        };
        self.remember(&submission)?;
        Ok(submission)
    }

    /// A job that this folder posted.
    ///
    /// # Errors
    /// [`ClientError::UnknownJob`] when it did not.
    pub fn submission(&self, job: u64) -> Result<Submission, ClientError> {
        let path = self.record_path(job);
        let bytes = std::fs::read(&path).map_err(|_| ClientError::UnknownJob { job, path: path.clone() })?;
        serde_json::from_slice(&bytes).map_err(|e| ClientError::BadFile { path, reason: e.to_string() })
    }

    /// Watches a job until it ends or `seen` says to stop; `seen` gets every change.
    ///
    /// While it watches, replicas of the job may read the inputs that `serving` serves.
    ///
    /// # Errors
    /// [`ClientError::Chain`] when the node fails for good.
    pub async fn watch(
        &self,
        job: u64,
        serving: Option<&Serving>,
        mut seen: impl FnMut(&JobView) -> bool,
    ) -> Result<JobView, ClientError> {
        let mut last: Option<JobView> = None;
        let mut failures = 0;
        loop {
            match self.chain.view(job).await {
                Ok(view) => {
                    failures = 0;
                    if let Some(serving) = serving {
                        serving.admit(&view);
                    }
                    let go_on = last.as_ref() == Some(&view) || seen(&view);
                    if !go_on || view.is_end() {
                        return Ok(view);
                    }
                    last = Some(view);
                }
                // A node that restarts is worth waiting for.
                Err(e) if failures >= 60 => return Err(e.into()),
                Err(e) => {
                    failures += 1;
                    tracing::debug!(error = %e, "the node does not answer");
                }
            }
            tokio::time::sleep(self.config.poll).await;
        }
    }

    /// Ends the challenge window early: pays the job now.
    ///
    /// # Errors
    /// [`ClientError::Chain`] with the market's reason.
    pub async fn accept(&self, job: u64) -> Result<(), ClientError> {
        self.chain.send("accept", self.chain.market().accept(U256::from(job))).await?;
        Ok(())
    }

    /// Takes the job back, as far as the market lets.
    ///
    /// # Errors
    /// [`ClientError::Chain`] with the market's reason.
    pub async fn cancel(&self, job: u64) -> Result<(), ClientError> {
        self.chain.send("cancel", self.chain.market().cancel(U256::from(job))).await?;
        Ok(())
    }

    /// Sends the time-out exit that is due, if one is.
    ///
    /// # Errors
    /// [`ClientError::Chain`] with the market's reason.
    pub async fn exit(&self, view: &JobView, job: u64) -> Result<(), ClientError> {
        use crate::state::job_state::{CHALLENGEABLE, DISPUTED};
        let (market, id) = (self.chain.market(), U256::from(job));
        match (view.exit_due, view.state) {
            (false, _) => {}
            (true, CHALLENGEABLE) => drop(self.chain.send("finalize", market.finalize(id)).await?),
            (true, DISPUTED) => drop(self.chain.send("voidDispute", market.voidDispute(id)).await?),
            (true, _) => drop(self.chain.send("poke", market.poke(id)).await?),
        }
        Ok(())
    }

    fn record_path(&self, job: u64) -> PathBuf {
        self.config.dir.join("jobs").join(format!("{job}.json"))
    }

    fn remember(&self, submission: &Submission) -> Result<(), ClientError> {
        let path = self.record_path(submission.job);
        let json = serde_json::to_vec_pretty(submission)
            .map_err(|e| ClientError::BadFile { path: path.clone(), reason: e.to_string() })?;
        write_whole(&path, &json)
    }
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ClientError> {
    use std::io::Write as _;
    let file_error = |source| ClientError::File { path: path.to_owned(), source };
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(file_error)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = std::fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&part, path)).map_err(file_error)
}
