//! Serving a job's inputs to its replicas.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use alloy::primitives::{Address, B256};
use assay_transport::{Config, DataPlane, Limits, PeerAddr};

use super::{Client, ClientError, Prepared, Submission};
use crate::bundle::inputs_topic;
use crate::chain::JobView;

#[derive(Clone, Debug, Default)]
struct Guests {
    everybody: bool,
    addresses: BTreeSet<Address>,
}

/// A data plane that serves one specification's inputs while it lives.
pub struct Serving {
    plane: DataPlane,
    listen: SocketAddr,
    guests: Arc<RwLock<Guests>>,
}

impl Serving {
    /// What the order says about where the inputs are.
    pub fn locator(&self) -> PeerAddr {
        self.plane.addr()
    }

    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    pub(super) fn plane(&self) -> &DataPlane {
        &self.plane
    }

    /// Lets the job's replicas, or everybody, read the inputs.
    pub fn admit(&self, view: &JobView) {
        let mut guests = self.guests.write().unwrap_or_else(PoisonError::into_inner);
        guests.everybody |= view.public;
        guests.addresses.extend(view.replicas.iter().map(|r| r.provider));
    }

    /// Stops serving.
    pub async fn close(self) {
        self.plane.close().await;
    }
}

impl Client {
    /// Starts to serve a prepared job's files at `listen`, before it is posted.
    ///
    /// # Errors
    /// [`ClientError::Plane`].
    pub async fn serve(
        &self,
        prepared: &Prepared,
        listen: SocketAddr,
        advertise: Vec<SocketAddr>,
    ) -> Result<Serving, ClientError> {
        let files = prepared.files().to_vec();
        self.open(prepared.dir(), prepared.spec_root(), files, listen, advertise).await
    }

    /// Serves a posted job's files again, where its order says they are.
    ///
    /// # Errors
    /// [`ClientError::Plane`].
    pub async fn serve_again(&self, submission: &Submission) -> Result<Serving, ClientError> {
        let Submission { dir, spec_root, files, listen, .. } = submission;
        self.open(dir, *spec_root, files.clone(), *listen, Vec::new()).await
    }

    async fn open(
        &self,
        dir: &Path,
        spec_root: B256,
        files: Vec<(String, PathBuf)>,
        listen: SocketAddr,
        advertise: Vec<SocketAddr>,
    ) -> Result<Serving, ClientError> {
        let guests = Arc::new(RwLock::new(Guests::default()));
        let policy = {
            let guests = Arc::clone(&guests);
            move |address: Address, _topic: B256| {
                let guests = guests.read().unwrap_or_else(PoisonError::into_inner);
                guests.everybody || guests.addresses.contains(&address)
            }
        };
        let plane = self.plane(&dir.join("plane"), listen, advertise, policy).await?;
        plane.publish(inputs_topic(spec_root), files).await?;
        let listen = plane.bound().unwrap_or(listen);
        Ok(Serving { plane, listen, guests })
    }

    pub(super) async fn plane(
        &self,
        dir: &Path,
        listen: SocketAddr,
        advertise: Vec<SocketAddr>,
        policy: impl Fn(Address, B256) -> bool + Send + Sync + 'static,
    ) -> Result<DataPlane, ClientError> {
        let config = Config {
            dir: dir.to_owned(),
            bind: listen,
            advertise,
            chain_id: self.config.chain_id,
            limits: Limits::default(),
        };
        Ok(DataPlane::open(config, self.signer.address(), &self.signer, Arc::new(policy)).await?)
    }
}
