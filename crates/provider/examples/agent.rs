//! The smallest program around an agent: `agent run DIR` and the hidden `agent exec-job --dir D --executor E`.
//!
//! `DIR/agent.json` says how; the key comes from `ASSAY_DEV_KEY`. The tests kill and restart it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alloy::primitives::{B256, U256};
use alloy::signers::local::PrivateKeySigner;
use assay_provider::{Ask, Config, ExecutorKind, ProviderAgent, exec_job_main};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

#[derive(serde::Deserialize)]
struct File {
    rpc: String,
    chain_id: u64,
    config_hash: B256,
    executor: ExecutorKind,
    stake_wei: U256,
    crash_at: Option<String>,
    misbehave: Option<String>,
}

fn config(dir: &Path) -> Result<Config, Failure> {
    let file: File = serde_json::from_slice(&std::fs::read(dir.join("agent.json"))?)?;
    Ok(Config {
        rpc: file.rpc,
        chain_id: file.chain_id,
        config_hash: file.config_hash,
        dir: dir.to_owned(),
        executor: file.executor,
        stake_wei: file.stake_wei,
        ask: Ask::default(),
        listen: "127.0.0.1:0".parse()?,
        advertise: Vec::new(),
        poll: Duration::from_millis(50),
        jobs_max: 4,
        runs_max: 1,
        memory_max: 64 << 20,
        units_per_second: Some(1_000_000),
        program: std::env::current_exe()?,
        retention: Duration::from_secs(3600),
        crash_at: file.crash_at.map(|s| s.parse()).transpose()?,
        misbehave: file.misbehave.map(|s| s.parse()).transpose()?,
    })
}

async fn run(dir: &Path) -> Result<(), Failure> {
    let key: PrivateKeySigner = std::env::var("ASSAY_DEV_KEY")?.parse()?;
    let (agent, _handle) = ProviderAgent::new(config(dir)?, key).await?;
    agent.run(CancellationToken::new()).await?;
    Ok(())
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["exec-job", "--dir", dir, "--executor", kind] => match kind.parse() {
            Ok(kind) => return exec_job_main(Path::new(dir), kind),
            Err(e) => Err(Failure::from(e)),
        },
        ["run", dir] => tokio::runtime::Runtime::new()
            .map_err(Failure::from)
            .and_then(|runtime| runtime.block_on(run(&PathBuf::from(dir)))),
        _ => Err("usage: agent run DIR".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
