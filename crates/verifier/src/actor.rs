//! The verifier's tasks and their one owner.

use std::{path::PathBuf, sync::Arc};

use assay_l1::{L1Client, L1Error};
use assay_node::{
    Chain, ChainOptions, CheckpointFile, Driver, DriverConfig, DriverMode, DriverView, Gate, NoGate, NoPool,
    SyncState, genesis, rpc_methods,
};
use assay_rpc::{RpcParts, router, serve};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    VerifierConfig, VerifierError, VerifierHandle,
    archive::BlobArchive,
    feed::{Follower, Turns, feed_address},
    state::Ready,
};

/// L1 time between two looks for expired blobs, in seconds.
const EXPIRE_EVERY_SECS: u64 = 3600;

/// What a verifier needs from its process.
#[derive(Clone, Default)]
pub struct Deps {
    /// Renders the process's metrics at `/metrics`; without it the page is not there.
    pub metrics: Option<PrometheusHandle>,
}

/// A verifier, opened and checked against L1 but not running yet.
pub struct Verifier {
    chain: Chain,
    driver: Driver<L1Client, CheckpointFile>,
    follower: Option<Follower>,
    view: watch::Receiver<DriverView>,
    sync: watch::Sender<SyncState>,
    ready: Arc<std::sync::Mutex<Ready>>,
    listener: TcpListener,
    app: RpcParts,
    blob_dir: PathBuf,
    blob_retention_secs: u64,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Opens the chain in `config.data_dir`, checks that L1 has its Inbox and starts to listen.
    ///
    /// Errors when L1 does not answer, or is not the L1 of this chain: parameters and block 0 must be
    /// those that the Inbox was deployed with.
    pub async fn new(config: VerifierConfig, deps: Deps) -> Result<(Self, VerifierHandle), VerifierError> {
        config.check()?;
        let blob_dir = config.data_dir.join("blobs");
        let l1 = L1Client::new(&config.l1_url, config.beacon_url.as_ref(), config.inbox)?;
        let archive = BlobArchive::open(blob_dir.clone(), l1.blobs().clone())
            .map_err(|source| VerifierError::Archive { path: blob_dir.clone(), source })?;
        let l1 = l1.with_blobs(Arc::new(archive));
        let setup = l1.check(config.chain.l1_chain_id).await?;
        let expected = config.chain.hash();
        if setup.config_hash != expected {
            return Err(VerifierError::WrongConfig { expected, found: setup.config_hash });
        }
        let before = setup.start_block.saturating_sub(1);
        let origin = l1.block(before).await?.ok_or(L1Error::MissingBlock { number: before })?;
        let options = ChainOptions { index_url: config.index_url, ..ChainOptions::at(&config.data_dir) };
        let chain = Chain::open(options, &genesis(config.chain), Some(setup.genesis_hash)).await?.chain;
        let feed = config.feed_url.as_ref().map(feed_address).transpose()?;
        let turns = Arc::new(Turns::default());
        let (mode, gate): (_, Arc<dyn Gate>) = match &feed {
            Some(_) => (DriverMode::Compare, turns.clone()),
            None => (DriverMode::Follow, Arc::new(NoGate)),
        };
        let driver = DriverConfig { mode, origin, poll: config.poll };
        let checkpoints = CheckpointFile::in_dir(&config.data_dir);
        let (driver, view) = Driver::new(driver, chain.clone(), l1, checkpoints, gate).await?;
        let follower = feed.map(|url| Follower::new(url, chain.clone(), turns, view.clone()));

        let address = config.rpc_listen;
        let listen = |source| VerifierError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let rpc_address = listener.local_addr().map_err(listen)?;
        let sync = watch::Sender::new(view.borrow().sync.clone());
        let methods = rpc_methods(chain.clone(), Arc::new(NoPool::default()), sync.subscribe())
            .map_err(|e| VerifierError::TaskEnded { task: "RPC", reason: e.to_string() })?;
        let ready = Arc::new(std::sync::Mutex::new(Ready::default()));
        let look = ready.clone();
        let app = RpcParts {
            cors_origins: config.cors_origins,
            ready: Arc::new(move || lock(&look).check()),
            metrics: deps.metrics,
            ..RpcParts::new(methods)
        };
        let handle = VerifierHandle { chain: chain.clone(), view: view.clone(), rpc_address };
        let blob_retention_secs = config.blob_retention_secs;
        let verifier =
            Self { chain, driver, follower, view, sync, ready, listener, app, blob_dir, blob_retention_secs };
        Ok((verifier, handle))
    }

    /// Derives and serves until cancelled, then closes the chain. Errors when a part cannot go on.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), VerifierError> {
        let Self {
            chain,
            driver,
            follower,
            mut view,
            sync,
            ready,
            listener,
            app,
            blob_dir,
            blob_retention_secs,
        } = self;
        // A token of our own: whichever part ends first stops the others.
        let stop = cancel.child_token();
        let mut tasks: JoinSet<Result<(), VerifierError>> = JoinSet::new();
        let cancel_driver = stop.clone();
        tasks.spawn(async move { Ok(driver.run(cancel_driver).await?) });
        if let Some(follower) = follower {
            tasks.spawn(follower.run(stop.clone()));
        }
        let cancel_server = stop.clone();
        tasks.spawn(async move {
            let ended = serve(listener, router(app), cancel_server).await;
            ended.map_err(|e| VerifierError::TaskEnded { task: "RPC server", reason: e.to_string() })
        });
        let mut janitor = Janitor { dir: blob_dir, retention_secs: blob_retention_secs, last: 0 };
        let mut outcome = Ok(());
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = view.changed() => {
                    if changed.is_err() {
                        break; // the driver is gone; its result is below
                    }
                    let now = view.borrow_and_update().clone();
                    lock(&ready).observe(&now.sync);
                    sync.send_replace(now.sync);
                    janitor.tidy(now.l1_head.time).await;
                }
                Some(done) = tasks.join_next() => {
                    outcome = flatten(done);
                    break;
                }
            }
        }
        stop.cancel();
        while let Some(done) = tasks.join_next().await {
            outcome = outcome.and(flatten(done));
        }
        chain.close().await?;
        outcome
    }
}

/// Deletes blobs that nobody can dispute any more.
struct Janitor {
    dir: PathBuf,
    retention_secs: u64,
    last: u64,
}

impl Janitor {
    async fn tidy(&mut self, now: u64) {
        if now < self.last.saturating_add(EXPIRE_EVERY_SECS) {
            return;
        }
        self.last = now;
        let (dir, retention) = (self.dir.clone(), self.retention_secs);
        match tokio::task::spawn_blocking(move || BlobArchive::expire(&dir, now, retention)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(gone)) => tracing::info!(gone, "expired blobs deleted"),
            Ok(Err(error)) => tracing::warn!(%error, "blob archive"),
            Err(error) => tracing::warn!(%error, "blob archive"),
        }
    }
}

fn flatten(done: Result<Result<(), VerifierError>, JoinError>) -> Result<(), VerifierError> {
    done.unwrap_or_else(|e| Err(VerifierError::TaskEnded { task: "a task", reason: e.to_string() }))
}

/// A panic while `Ready` was locked cannot leave it half-changed.
fn lock(ready: &std::sync::Mutex<Ready>) -> std::sync::MutexGuard<'_, Ready> {
    ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
