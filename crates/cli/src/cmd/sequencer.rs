//! `assay sequencer`: the parts of a sequencing node put together.

use std::{path::PathBuf, sync::Arc};

use alloy::network::EthereumWallet;
use assay_l1::{L1Client, TxConfig, TxManager};
use assay_node::{
    Chain, ChainOptions, CheckpointFile, Driver, DriverConfig, DriverMode, DriverView, genesis, rpc_methods,
};
use assay_rpc::{RpcParts, install_metrics, router, serve};
use assay_sequencer::{Posting, Sequencer, SequencerConfig, SequencerDeps, SystemClock, feed_router};
use assay_storage::Journal;
use eyre::{Result, WrapErr, bail, eyre};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::node::NodeArgs;
use crate::{chain_file::ChainFile, keys::KeyArgs, run::stop_on_signal};

/// Flags of `assay sequencer`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    node: NodeArgs,
    /// Settings of pool, blocks and batches (TOML); the defaults otherwise.
    #[arg(long, value_name = "FILE", env = "ASSAY_SEQUENCER_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
}

/// Runs `assay sequencer`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let stop = stop_on_signal()?;
    let file = ChainFile::read(&args.node.chain)?;
    let key = args.key.load(file.protocol.l1_chain_id)?;
    let settings = settings(args.config.as_deref())?;
    let l1 = L1Client::new(&args.node.l1, args.node.l1_beacon.as_ref(), file.contracts.inbox)?;
    let setup = l1.check(file.protocol.l1_chain_id).await.wrap_err("the L1 does not fit the chain file")?;
    if setup.config_hash != file.protocol.hash() {
        bail!(
            "the Inbox was deployed with parameters {}, the chain file's are {}: take the chain file of this chain",
            setup.config_hash,
            file.protocol.hash()
        );
    }
    let before = setup.start_block.saturating_sub(1);
    let origin = l1.block(before).await?.ok_or_else(|| eyre!("the L1 has no block {before}"))?;
    let manager = TxManager::connect(&args.node.l1, EthereumWallet::from(key), TxConfig::default()).await?;

    let data = &args.node.data;
    let options = ChainOptions { index_url: args.node.index.clone(), ..ChainOptions::at(data) };
    let opened = Chain::open(options, &genesis(file.protocol.clone()), Some(setup.genesis_hash)).await?;
    let chain = opened.chain;
    let journal = Journal::open(&format!("sqlite:{}", data.join("batcher.sqlite").display())).await?;
    let deps =
        SequencerDeps { chain: chain.clone(), open_block: opened.open_block, clock: Arc::new(SystemClock) };
    let (sequencer, handle) = Sequencer::new(settings, deps).await?;
    let config = DriverConfig { mode: DriverMode::Compare, origin, poll: args.node.poll() };
    let checkpoints = CheckpointFile::in_dir(data);
    let (driver, view) =
        Driver::new(config, chain.clone(), l1, checkpoints, Arc::new(handle.clone())).await?;

    let sync = watch::Sender::new(view.borrow().sync.clone());
    let methods = rpc_methods(chain.clone(), Arc::new(handle.mempool.clone()), sync.subscribe())?;
    let ready = view.clone();
    let app = RpcParts {
        cors_origins: args.node.cors.clone(),
        ready: Arc::new(move || readiness(&ready.borrow())),
        metrics: Some(install_metrics()?),
        ..RpcParts::new(methods)
    };
    let address = args.node.listen();
    let listener =
        TcpListener::bind(address).await.wrap_err_with(|| format!("could not listen on {address}"))?;
    tracing::info!(rpc = %listener.local_addr()?, "sequencer runs");

    let posting = Posting { manager, inbox: file.contracts.inbox, journal };
    let app = router(app).merge(feed_router(handle.feed.clone()));
    let outcome = run_parts(sequencer, posting, driver, view, sync, listener, app, stop).await;
    chain.close().await?;
    outcome
}

/// Runs every part until one ends or `stop`; what is left is stopped in order.
#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one process, named at the one place that joins them"
)]
async fn run_parts(
    sequencer: Sequencer,
    posting: Posting,
    driver: Driver<L1Client, CheckpointFile>,
    mut view: watch::Receiver<DriverView>,
    sync: watch::Sender<assay_node::SyncState>,
    listener: TcpListener,
    app: axum::Router,
    stop: CancellationToken,
) -> Result<()> {
    let stop = stop.child_token();
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let cancel = stop.clone();
    tasks.spawn(async move { driver.run(cancel).await.wrap_err("the derivation driver stopped") });
    let cancel = stop.clone();
    tasks.spawn(async move { serve(listener, app, cancel).await.wrap_err("the RPC server stopped") });
    let cancel = stop.clone();
    let derived = view.clone();
    tasks.spawn(async move {
        // Blocks on top of a chain that L1 has moved past would only be dropped again.
        let mut caught_up = derived.clone();
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            ready = caught_up.wait_for(|view| readiness(view).is_ok()) => drop(ready?),
        }
        sequencer.run(derived, Some(posting), cancel).await.wrap_err("the sequencer stopped")
    });
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = view.changed() => match changed {
                Ok(()) => drop(sync.send_replace(view.borrow_and_update().sync.clone())),
                Err(_) => break,
            },
            Some(done) = tasks.join_next() => {
                outcome = done.map_err(Into::into).and_then(|result| result);
                break;
            }
        }
    }
    stop.cancel();
    while let Some(done) = tasks.join_next().await {
        outcome = outcome.and(done.map_err(Into::into).and_then(|result| result));
    }
    outcome
}

/// Ready when derivation has reached the L1's head; the error says what is missing.
fn readiness(view: &DriverView) -> std::result::Result<(), String> {
    let sync = &view.sync;
    if !sync.problem.is_empty() {
        return Err(sync.problem.clone());
    }
    if sync.syncing {
        return Err(format!("derived {} of {} L1 blocks", sync.l1_derived, sync.l1_head));
    }
    Ok(())
}

fn settings(path: Option<&std::path::Path>) -> Result<SequencerConfig> {
    let Some(path) = path else { return Ok(SequencerConfig::default()) };
    let text = std::fs::read_to_string(path)
        .wrap_err_with(|| format!("could not read the settings {}", path.display()))?;
    toml::from_str(&text).wrap_err_with(|| format!("{} does not hold sequencer settings", path.display()))
}
