//! `assay verifier` and the flags that both kinds of node take.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use assay_rpc::install_metrics;
use assay_verifier::{BLOB_RETENTION_SECS, Deps, Verifier, VerifierConfig};
use eyre::{Result, WrapErr};
use reqwest::Url;

use crate::{chain_file::ChainFile, run::stop_on_signal};

/// Flags of a node, whether it sequences or verifies.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// The chain file that `assay deploy` wrote.
    #[arg(long, value_name = "FILE", env = "ASSAY_CHAIN")]
    pub(crate) chain: PathBuf,
    /// JSON-RPC of the L1.
    #[arg(long, value_name = "URL", env = "ASSAY_L1")]
    pub(crate) l1: Url,
    /// Beacon API of the L1, for blobs; at the L1's own URL by default.
    #[arg(long, value_name = "URL", env = "ASSAY_L1_BEACON")]
    pub(crate) l1_beacon: Option<Url>,
    /// Folder of the chain; one process at a time.
    #[arg(long, value_name = "DIR", env = "ASSAY_DATA")]
    pub(crate) data: PathBuf,
    /// Database of the index (`sqlite:PATH` or `postgres://...`); a file in the data folder by default.
    #[arg(long, value_name = "URL", env = "ASSAY_INDEX")]
    pub(crate) index: Option<String>,
    /// Address that the RPC listens on.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) rpc_address: IpAddr,
    /// Port of the RPC (HTTP and WebSocket); 0 takes a free one.
    #[arg(long, default_value_t = 9545)]
    pub(crate) rpc_port: u16,
    /// Web origins that browsers may call from; `*` for any.
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', default_value = "*")]
    pub(crate) cors: Vec<String>,
    /// Milliseconds between looks at the L1.
    #[arg(long, default_value_t = 500)]
    pub(crate) l1_poll_ms: u64,
}

impl NodeArgs {
    /// Where the RPC listens.
    pub(crate) fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.rpc_address, self.rpc_port)
    }

    /// Time between looks at the L1.
    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.l1_poll_ms)
    }
}

/// Flags of `assay verifier`.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifierArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// The sequencer's RPC or feed (`https://HOST` or `wss://HOST/feed`): shows blocks before L1 has them, as unsafe ones.
    #[arg(long, value_name = "URL", env = "ASSAY_FEED")]
    feed: Option<Url>,
    /// Days for which blobs are kept: as long as their epoch can be disputed.
    #[arg(long, default_value_t = BLOB_RETENTION_SECS / 86_400)]
    blob_days: u64,
}

/// Runs `assay verifier`.
pub(crate) async fn verify(args: VerifierArgs) -> Result<()> {
    let stop = stop_on_signal()?;
    let chain = ChainFile::read(&args.node.chain)?;
    let config = VerifierConfig {
        rpc_listen: args.node.listen(),
        poll: args.node.poll(),
        chain: chain.protocol,
        l1_url: args.node.l1,
        beacon_url: args.node.l1_beacon,
        feed_url: args.feed,
        inbox: chain.contracts.inbox,
        data_dir: args.node.data,
        index_url: args.node.index,
        cors_origins: args.node.cors,
        blob_retention_secs: args.blob_days.saturating_mul(86_400),
    };
    let metrics = Some(install_metrics()?);
    let (verifier, handle) =
        Verifier::new(config, Deps { metrics }).await.wrap_err("the verifier cannot start")?;
    tracing::info!(rpc = %handle.rpc_address(), "verifier runs");
    verifier.run(stop).await.wrap_err("the verifier stopped")
}
