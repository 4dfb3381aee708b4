//! `assay provider`: selling compute.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use alloy::primitives::{U256, utils::parse_ether};
use assay_provider::{Ask, Config, ExecutorKind, Misbehaviour, ProviderAgent, Stage};
use clap::Subcommand;
use eyre::{Result, WrapErr};

use crate::{keys::KeyArgs, node, run::stop_on_signal};

/// How often the agent looks at the chain.
const POLL: Duration = Duration::from_millis(250);
/// How long outputs are served after a job's end.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// What to do as a provider.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the agent: registers, takes jobs it can serve, runs them, collects.
    Run(Box<RunArgs>),
}

/// Flags of the agent.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// JSON-RPC of an L2 node.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9545", env = "ASSAY_RPC")]
    rpc: String,
    /// Folder of the journal, the data plane and the jobs; one agent at a time.
    #[arg(long, value_name = "DIR", env = "ASSAY_DATA")]
    data: PathBuf,
    /// What runs the jobs: `reference`, or `cuda` (a GPU where there is one, else the stand-in).
    #[arg(long, default_value = "reference", env = "ASSAY_EXECUTOR")]
    executor: ExecutorKind,
    /// Stake at the first registration, in ether.
    #[arg(long, default_value = "2")]
    stake_ether: String,
    /// Price: wei for a job, whatever it takes.
    #[arg(long, default_value_t = Ask::default().base_fee)]
    base_fee_wei: u64,
    /// Price: wei for a million work units.
    #[arg(long, default_value_t = Ask::default().mega_unit)]
    mega_unit_wei: u64,
    /// Price: wei for a byte of input.
    #[arg(long, default_value_t = Ask::default().input_byte)]
    input_byte_wei: u64,
    /// Price: wei for a byte of output.
    #[arg(long, default_value_t = Ask::default().output_byte)]
    output_byte_wei: u64,
    /// Where the data plane listens (UDP); port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:0")]
    listen: SocketAddr,
    /// Address at which clients reach this machine; the bound ones by default.
    #[arg(long, value_name = "IP:PORT")]
    advertise: Vec<SocketAddr>,
    /// Memory a job may use, in MiB.
    #[arg(long, default_value_t = 4096)]
    memory_mib: u64,
    /// Jobs worked on at the same time.
    #[arg(long, default_value_t = 8)]
    jobs_max: usize,
    /// Jobs run at the same time.
    #[arg(long, default_value_t = 1)]
    runs_max: usize,
    /// Stop at this journalled state as if killed; development chains only.
    #[arg(long, hide = true, env = "ASSAY_CRASH_AT")]
    crash_at: Option<Stage>,
    /// Do this wrong on purpose; development chains only.
    #[arg(long, hide = true)]
    misbehave: Option<Misbehaviour>,
    #[command(flatten)]
    key: KeyArgs,
}

/// Runs `assay provider`.
pub(crate) async fn run(command: Command) -> Result<()> {
    let Command::Run(args) = command;
    let stop = stop_on_signal()?;
    let node = node::config(&args.rpc).await?;
    let signer = args.key.load(node.protocol.l1_chain_id)?;
    let stake_wei: U256 =
        parse_ether(&args.stake_ether).wrap_err("--stake-ether is not a number of ether")?;
    let config = Config {
        rpc: args.rpc,
        chain_id: node.protocol.l2_chain_id,
        config_hash: node.config_hash,
        dir: args.data,
        executor: args.executor,
        stake_wei,
        ask: Ask {
            base_fee: args.base_fee_wei,
            mega_unit: args.mega_unit_wei,
            input_byte: args.input_byte_wei,
            output_byte: args.output_byte_wei,
        },
        listen: args.listen,
        advertise: args.advertise,
        poll: POLL,
        jobs_max: args.jobs_max,
        runs_max: args.runs_max,
        memory_max: args.memory_mib << 20,
        units_per_second: None,
        program: std::env::current_exe().wrap_err("where is this program?")?,
        retention: RETENTION,
        crash_at: args.crash_at,
        misbehave: args.misbehave,
    };
    let (agent, handle) = ProviderAgent::new(config, signer).await?;
    tracing::info!(address = %handle.address(), executor = args.executor.name(), "provider agent runs");
    agent.run(stop).await?;
    Ok(())
}
