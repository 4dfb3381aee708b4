//! `assay dev`: a whole network on this machine, each role a process of its own.

mod accounts;
mod anvil;
mod children;
mod setup;

use std::path::PathBuf;

use assay_primitives::ChainConfig;
use clap::ValueEnum;
use eyre::{Result, WrapErr};
use serde_json::json;
use tokio::process::Command;

use crate::{cmd::deploy, out, run};
use accounts::{Role, USERS};
use children::Group;
use setup::{Place, wait_ready};

/// How long a role may take to become ready after it was started, in seconds.
const READY_SECS: u64 = 60;

/// Batches every few seconds instead of few and large ones: on a development network waiting costs more than blobs.
const SEQUENCER_SETTINGS: &str = "[batcher]\ninterval_secs = 3\n";

/// What runs a provider's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExecutorKind {
    /// The reference interpreter.
    Reference,
    /// CUDA through cudarc: a real GPU where there is one, else the `libcuda` stand-in.
    Cuda,
}

impl ExecutorKind {
    fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Cuda => "cuda",
        }
    }
}

/// Flags of `assay dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use the L1 at this URL (an anvil with the test mnemonic) instead of starting one.
    #[arg(long, value_name = "URL")]
    l1: Option<String>,
    /// Keep the network's state here and go on from it; without it the state goes with the network.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Port of the sequencer's RPC; 0 takes a free one.
    #[arg(long, default_value_t = 9545)]
    rpc_port: u16,
    /// Port of the verifier's RPC; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    verifier_port: u16,
    /// Port of the L1 that is started; 0 takes a free one.
    #[arg(long, default_value_t = 8545)]
    l1_port: u16,
    /// One provider for each entry.
    #[arg(long, value_delimiter = ',', default_value = "reference,cuda")]
    providers: Vec<ExecutorKind>,
    /// Protocol parameters (JSON) instead of the development chain's.
    #[arg(long, value_name = "FILE")]
    protocol: Option<PathBuf>,
    /// Print one JSON object when everything is ready, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Starts everything, says so, and stops everything on Ctrl-C or when a part ends by itself.
pub(crate) async fn run(args: Args) -> Result<()> {
    let stop = run::stop_on_signal()?;
    let place = Place::open(args.state.as_deref())?;
    let mut group = Group::default();
    let started = tokio::select! {
        started = start(&args, &place, &mut group) => started,
        () = stop.cancelled() => Err(eyre::eyre!("stopped before everything was ready")),
    };
    let outcome = match started {
        Ok(summary) => {
            print(&args, &summary);
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                ended = group.first_to_end() => ended,
            }
        }
        Err(error) => Err(error),
    };
    group.stop().await;
    outcome
}

async fn start(args: &Args, place: &Place, group: &mut Group) -> Result<serde_json::Value> {
    let l1_url = match &args.l1 {
        Some(url) => url.clone(),
        None => {
            let port = anvil::free_port(args.l1_port, "--l1-port")?;
            group.start("l1", anvil::command(port, &place.dir.join("l1.json"))?)?;
            format!("http://127.0.0.1:{port}")
        }
    };
    setup::wait_l1(&l1_url, READY_SECS).await?;
    let chain = place.dir.join("chain.json");
    let mut protocol = match &args.protocol {
        Some(path) => deploy::read_protocol(path)?,
        None => ChainConfig { genesis_time: 0, ..ChainConfig::dev() },
    };
    protocol.fee_recipient = Role::Operator.address()?;
    let plan = deploy::Plan {
        name: "dev".into(),
        l1: l1_url.parse().wrap_err("--l1 is not an URL")?,
        protocol,
        deployer: Role::Operator.signer()?,
        operator: Role::Operator.address()?,
        sequencer: Role::Sequencer.address()?,
        out: chain.clone(),
    };
    let contracts = deploy::ensure(plan).await.wrap_err("could not deploy the contracts")?.contracts;

    let sequencer_port = anvil::free_port(args.rpc_port, "--rpc-port")?;
    let verifier_port = anvil::free_port(args.verifier_port, "--verifier-port")?;
    let (sequencer_url, verifier_url) =
        (format!("http://127.0.0.1:{sequencer_port}"), format!("http://127.0.0.1:{verifier_port}"));
    let settings = place.dir.join("sequencer.toml");
    std::fs::write(&settings, SEQUENCER_SETTINGS)
        .wrap_err_with(|| format!("could not write {}", settings.display()))?;
    let role = |name: &str| -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().wrap_err("where is this program?")?);
        command.args(name.split(' '));
        Ok(command)
    };

    let mut sequencer = role("sequencer")?;
    sequencer.arg("--chain").arg(&chain).args(["--l1", &l1_url, "--rpc-port", &sequencer_port.to_string()]);
    sequencer.arg("--config").arg(&settings);
    sequencer.arg("--data").arg(place.dir.join("sequencer")).env("ASSAY_DEV_KEY", Role::Sequencer.secret());
    group.start("sequencer", sequencer)?;
    wait_ready(&sequencer_url, READY_SECS).await.wrap_err("the sequencer did not become ready")?;

    let mut verifier = role("verifier")?;
    verifier.arg("--chain").arg(&chain).args(["--l1", &l1_url, "--rpc-port", &verifier_port.to_string()]);
    verifier.arg("--data").arg(place.dir.join("verifier"));
    group.start("verifier", verifier)?;

    let people: Vec<Role> = (0..args.providers.len() as u32)
        .map(Role::Provider)
        .chain([Role::Client])
        .chain(USERS.map(Role::User))
        .collect();
    setup::fund(&l1_url, &sequencer_url, contracts.portal, &people)
        .await
        .wrap_err("could not fund the accounts on L2")?;

    let mut providers = Vec::new();
    for (n, executor) in (0u32..).zip(&args.providers) {
        let name = format!("provider{}", n + 1);
        let mut provider = role("provider run")?;
        provider.args(["--rpc", &sequencer_url, "--executor", executor.name()]);
        provider.arg("--data").arg(place.dir.join(&name)).env("ASSAY_DEV_KEY", Role::Provider(n).secret());
        group.start(&name, provider)?;
        providers.push(json!({
            "address": Role::Provider(n).address()?,
            "executor": executor.name(),
        }));
    }
    wait_ready(&verifier_url, READY_SECS).await.wrap_err("the verifier did not become ready")?;
    let described = setup::wait_registered(&sequencer_url, &mut providers, READY_SECS).await;
    described.wrap_err("the providers did not register")?;

    let users: Result<Vec<_>> = USERS.map(|n| account(Role::User(n))).collect();
    Ok(json!({
        "l1": {"url": l1_url, "chain": chain},
        "sequencer": {"url": sequencer_url},
        "verifier": {"url": verifier_url},
        "providers": providers,
        "client": account(Role::Client)?,
        "accounts": users?,
        "contracts": contracts,
    }))
}

fn account(role: Role) -> Result<serde_json::Value> {
    Ok(json!({"address": role.address()?, "key": role.secret()}))
}

fn print(args: &Args, summary: &serde_json::Value) {
    if args.json {
        out::json(summary);
        return;
    }
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<[String; 2]> =
        ["l1", "sequencer", "verifier"].map(|role| [role.to_owned(), text(&summary[role]["url"])]).to_vec();
    for provider in summary["providers"].as_array().into_iter().flatten() {
        rows.push([
            "provider".into(),
            format!("{} on {}", text(&provider["address"]), text(&provider["executor"])),
        ]);
    }
    out::say!("{}", out::table(["role", "where"], rows));
    let accounts = summary["accounts"].as_array().into_iter().flatten().chain([&summary["client"]]);
    out::say!("Funded accounts, for development only:");
    out::say!(
        "{}",
        out::table(["address", "private key"], accounts.map(|a| [text(&a["address"]), text(&a["key"])]))
    );
    out::say!("Everything is ready. Ctrl-C stops it.");
}
