//! `cargo xtask bench node`: the sequencer against anvil, on the same transactions, in the same run.
//!
//! The load generator is `crates/testkit/examples/node_load.rs`; this file starts what it talks to and compares. Figures are
//! ratios first: the machine and its load are the same for both.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::Value;

use crate::{
    contracts,
    figures::{Row, figure},
    shell::{cargo, command, output, run, target_dir},
};

/// A key that anvil funds, and `assay dev` too (the last account for people).
const RICH_KEY: &str = "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6";
/// Share of the sequencer's measured rate at which latency is measured.
const LATENCY_SHARE: f64 = 0.5;
/// Time between blocks: what a client waits for that gets no preconfirmation.
const BLOCK_MS: f64 = 1_000.0;
/// Most transactions of the latency run.
const LATENCY_TXS: usize = 2_000;

/// How much to send.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Transfers sent to each node.
    #[arg(long, default_value_t = 60_000)]
    txs: usize,
    /// Accounts that send them.
    #[arg(long, default_value_t = 1_000)]
    senders: usize,
    /// Build with optimisations everywhere, as operators do.
    #[arg(long)]
    release: bool,
    /// Print one JSON object a figure.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints a row or a JSON object for each figure.
pub(crate) fn play(args: &Args) -> Result<()> {
    contracts::install()?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--locked", "--workspace"]);
    let mut examples = cargo();
    examples.args(["build", "--quiet", "--locked", "--workspace", "--examples"]);
    if args.release {
        build.arg("--release");
        examples.arg("--release");
    }
    run(&mut build)?;
    run(&mut examples)?;
    let programs = target_dir().join(if args.release { "release" } else { "debug" });
    let load = |words: &[&str]| -> Result<Value> {
        let text = output(command(programs.join("examples/node_load")).args(words))?;
        serde_json::from_str(&text).wrap_err_with(|| format!("node_load printed {text}"))
    };
    let (senders, txs) = (args.senders.to_string(), args.txs.to_string());

    eprintln!("anvil: {txs} transfers of {senders} senders ...");
    let anvil = Peer::anvil()?;
    let theirs = load(&["run", &anvil.url, RICH_KEY, &senders, &txs])?;
    drop(anvil);
    eprintln!("  {theirs}");

    eprintln!("assay: the same ...");
    let assay = Peer::assay(&programs)?;
    let ours = load(&["run", &assay.url, RICH_KEY, &senders, &txs])?;
    eprintln!("  {ours}");
    let rate = figure(&ours, "transfers_per_second")?;
    let at = (rate * LATENCY_SHARE).max(1.0);
    let latency =
        load(&["latency", &assay.url, RICH_KEY, &LATENCY_TXS.min(args.txs).to_string(), &at.to_string()])?;
    drop(assay);
    let bytes = load(&["bytes"])?;

    let anvil_rate = figure(&theirs, "transfers_per_second")?;
    let mut rows = vec![Row {
        figure: "transfers_per_second".into(),
        value: rate,
        unit: "1/s",
        against: Some(("anvil", anvil_rate)),
    }];
    for (name, source, unit, against) in [
        ("receipt_ms_p50", &latency, "ms", Some(("the block time", BLOCK_MS))),
        ("receipt_ms_p99", &latency, "ms", Some(("the block time", BLOCK_MS))),
        ("bytes_per_transfer", &bytes, "B", Some(("the signature's 64 B", 64.0))),
        ("bytes_per_erc20_transfer", &bytes, "B", Some(("the signature's 64 B", 64.0))),
        ("bytes_per_market_call", &bytes, "B", Some(("the signature's 64 B", 64.0))),
    ] {
        rows.push(Row { figure: name.into(), value: figure(source, name)?, unit, against });
    }
    rows.iter().for_each(|row| row.print(args.json));
    Ok(())
}

/// A node under test; stopped when dropped.
struct Peer {
    process: Child,
    url: String,
}

impl Peer {
    fn anvil() -> Result<Self> {
        let mut process = Command::new(contracts::tool("anvil"))
            .args(["--port", "0", "--block-time", "1", "--order", "fifo", "--hardfork", "prague"])
            .args(["--gas-limit", "400000000", "--accounts", "10"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .wrap_err("could not start anvil")?;
        let stdout = process.stdout.take().ok_or_else(|| eyre!("anvil has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let listens = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(format!("http://{}", line.strip_prefix("Listening on ")?)));
        // anvil blocks when nobody takes what it prints
        std::thread::spawn(move || lines.for_each(drop));
        let mut peer = Self { process, url: String::new() };
        peer.url = listens.ok_or_else(|| eyre!("anvil ended before it listened"))?;
        Ok(peer)
    }

    fn assay(programs: &Path) -> Result<Self> {
        let mut process = command(programs.join("assay"))
            .args(["dev", "--json", "--rpc-port", "0", "--l1-port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .wrap_err("could not start `assay dev`")?;
        let stdout = process.stdout.take().ok_or_else(|| eyre!("`assay dev` has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let mut peer = Self { process, url: String::new() };
        let ready: Value = serde_json::from_str(&line).wrap_err("`assay dev` did not become ready")?;
        match ready["sequencer"]["url"].as_str() {
            Some(url) => peer.url = url.to_owned(),
            None => bail!("no sequencer in {ready}"),
        }
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // SIGTERM, so that `assay dev` stops its children
        let _ = command("kill").arg("-TERM").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
