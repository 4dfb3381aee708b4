//! Outputs: fetched from a replica, believed only under the result the chain agreed on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use assay_compute::{JobState, OutputProof, Plan, Status, verify_state};
use assay_transport::{DataPlane, Manifest, PeerAddr};

use super::{Client, ClientError, Serving, Submission, write_whole};
use crate::bundle;
use crate::chain::{JobView, ReplicaView};
use crate::state::replica_state;
use crate::words::job_state_words;

/// What came back.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Who served it.
    pub provider: Address,
    /// The agreed last state.
    pub state: JobState,
    /// Files written, in the plan's order; none unless the job is done.
    pub written: Vec<PathBuf>,
    /// The provider's words about a fault; not proven.
    pub fault: Option<String>,
}

impl Client {
    /// Fetches a job's outputs from whichever replica serves them and writes those that are proven.
    ///
    /// `serving` is used when the job's inputs are served by this process. `progress` gets bytes
    /// received and bytes of the blob under way.
    ///
    /// # Errors
    /// [`ClientError::NoResult`] before an agreement; [`ClientError::NobodyServes`] with what each
    /// replica said.
    pub async fn fetch(
        &self,
        submission: &Submission,
        serving: Option<&Serving>,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Fetched, ClientError> {
        let job = submission.job;
        let view = self.chain().view(job).await?;
        if view.result_root.is_zero() {
            return Err(ClientError::NoResult { job, state: job_state_words(view.state) });
        }
        let own;
        let plane = match serving {
            Some(serving) => serving.plane(),
            None => {
                let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                let dir = submission.dir.join("fetch-plane");
                own = self.plane(&dir, any, Vec::new(), |_, _| false).await?;
                &own
            }
        };
        let mut reasons = Vec::new();
        let agreed =
            |r: &&ReplicaView| r.state == replica_state::REVEALED && r.result_root == view.result_root;
        for replica in view.replicas.iter().filter(agreed) {
            match self.fetch_from(replica.provider, submission, &view, plane, progress).await {
                Ok(fetched) => return Ok(fetched),
                // A local fault is not the provider's: another one cannot help.
                Err(e @ (ClientError::File { .. } | ClientError::BadFile { .. })) => return Err(e),
                Err(e) => reasons.push(e.to_string()),
            }
        }
        Err(ClientError::NobodyServes { job, reasons })
    }

    async fn fetch_from(
        &self,
        provider: Address,
        submission: &Submission,
        view: &JobView,
        plane: &DataPlane,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Fetched, ClientError> {
        let fetch = |source| ClientError::Fetch { provider, source };
        let peer = self.peer_of(provider).await?;
        let topic = bundle::outputs_topic(self.config.chain_id, submission.job);
        let manifest = plane.manifest(&peer, provider, topic).await.map_err(fetch)?;
        let source = Source { plane, peer, provider, manifest, dir: submission.dir.join("outputs") };

        let state = source.blob(bundle::STATE, progress).await?;
        let hash = self.config.config_hash;
        let state = verify_state(&state, view.result_root, hash, submission.spec_root)
            .map_err(|source| ClientError::Output { provider, source })?;
        let mut fetched = Fetched { provider, state, written: Vec::new(), fault: None };
        if fetched.state.status != Status::Done {
            let words = source.blob(bundle::FAULT, progress).await.unwrap_or_default();
            let words = String::from_utf8_lossy(&words).chars().filter(|c| !c.is_control()).collect();
            fetched.fault = Some(words).filter(|w: &String| !w.is_empty());
            return Ok(fetched);
        }
        let plan_file = submission.dir.join(bundle::PLAN);
        let plan = read(&plan_file)?;
        let plan = Plan::decode(&plan)
            .map_err(|e| ClientError::BadFile { path: plan_file, reason: e.to_string() })?;
        for (index, dest) in submission.outputs.iter().enumerate() {
            let proof = source.blob(&bundle::proof(index), progress).await?;
            let proof =
                OutputProof::decode(&proof).map_err(|source| ClientError::Proof { provider, source })?;
            let pages = source.blob(&bundle::output(index), progress).await?;
            let expected = u32::try_from(index).unwrap_or(u32::MAX);
            let proof = OutputProof { output: expected, ..proof };
            let bytes = proof
                .verify(&plan, &fetched.state, &pages)
                .map_err(|source| ClientError::Output { provider, source })?;
            write_whole(dest, bytes)?;
            fetched.written.push(dest.clone());
        }
        Ok(fetched)
    }

    /// Where a provider is on the data plane, from the registry.
    async fn peer_of(&self, provider: Address) -> Result<PeerAddr, ClientError> {
        let encoded = self.chain().endpoint(provider).await?;
        PeerAddr::decode(&encoded).map_err(|e| ClientError::BadFile {
            path: format!("registry entry of {provider}").into(),
            reason: e.to_string(),
        })
    }
}

/// One provider's published outputs.
struct Source<'a> {
    plane: &'a DataPlane,
    peer: PeerAddr,
    provider: Address,
    manifest: Manifest,
    dir: PathBuf,
}

impl Source<'_> {
    async fn blob(
        &self,
        name: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Vec<u8>, ClientError> {
        let provider = self.provider;
        let missing =
            || ClientError::NobodyServes { job: 0, reasons: vec![format!("{provider} serves no `{name}`")] };
        let entry = self.manifest.entry(name).ok_or_else(missing)?;
        let file_error = |source| ClientError::File { path: self.dir.clone(), source };
        std::fs::create_dir_all(&self.dir).map_err(file_error)?;
        let dest = self.dir.join(format!("{provider}-{name}"));
        let report = |received: u64| progress(received, entry.bytes);
        let got = self.plane.fetch(&self.peer, entry, &dest, &report).await;
        got.map_err(|source| ClientError::Fetch { provider, source })?;
        let bytes = read(&dest)?;
        // What counts is what is written after the proof.
        std::fs::remove_file(&dest).map_err(file_error)?;
        Ok(bytes)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|source| ClientError::File { path: path.to_owned(), source })
}
