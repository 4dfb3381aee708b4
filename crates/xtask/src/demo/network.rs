//! A development network as a person gets it: `assay dev`, and the CLI and cast to talk to it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::{Value, json};

use crate::{
    contracts,
    shell::{command, output, target_dir},
};

/// The Inbox's event of a batch (contracts/src/interfaces/IInbox.sol).
const BATCH_POSTED: &str =
    "BatchPosted(uint64 indexed,uint8,uint64,uint64,bytes32,bytes32,bytes32,bytes32[])";
/// Which word of its data says where the versioned hashes are: after kind, two counters and three hashes.
const HASHES_OFFSET_WORD: usize = 6;

/// A running `assay dev`.
pub(super) struct Network {
    process: Child,
    pub(super) l1_url: String,
    pub(super) sequencer_url: String,
    pub(super) verifier_url: String,
    pub(super) providers: Vec<Value>,
    ready: Value,
}

impl Network {
    /// Starts the network in `state` and waits until it says that it is ready.
    pub(super) fn start(state: &Path) -> Result<Self> {
        std::fs::create_dir_all(state)?;
        let log = std::fs::File::create(state.join("log"))?;
        let mut process = assay()
            .args(["dev", "--json", "--rpc-port", "0", "--l1-port", "0", "--state"])
            .arg(state)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .wrap_err("could not start `assay dev`")?;
        let stdout = process.stdout.take().ok_or_else(|| eyre!("`assay dev` has no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let status = process.wait()?;
            let log = std::fs::read_to_string(state.join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            bail!("`assay dev` did not become ready ({status}):\n{}", tail.join("\n"));
        };
        Ok(Self {
            process,
            l1_url: text(&ready["l1"], "url")?.to_owned(),
            sequencer_url: text(&ready["sequencer"], "url")?.to_owned(),
            verifier_url: text(&ready["verifier"], "url")?.to_owned(),
            providers: ready["providers"].as_array().cloned().unwrap_or_default(),
            ready,
        })
    }

    /// Buys a job and waits for its outputs; returns what the CLI says of it.
    pub(super) fn submit(&self, job: &Path) -> Result<Value> {
        let key = text(&self.ready["client"], "key")?;
        let mut submit = assay();
        submit.args(["job", "submit", "--json", "--rpc", &self.sequencer_url]).arg(job);
        submit.arg("--dir").arg(job.with_file_name("client"));
        let lines = output(submit.env("ASSAY_DEV_KEY", key))?;
        let last = lines.lines().last().unwrap_or_default();
        serde_json::from_str(last).wrap_err_with(|| format!("`assay job submit` ended with: {last}"))
    }

    /// Waits until the verifier's safe head has reached `block` and returns that head.
    pub(super) fn wait_for_verifier(&self, block: u64, secs: u64) -> Result<Value> {
        let end = Instant::now() + Duration::from_secs(secs);
        loop {
            let safe = self.rpc(&self.verifier_url, "eth_getBlockByNumber", &["safe", "false"])?;
            let height = quantity(&safe["number"]).unwrap_or(0);
            if height >= block {
                return self.block(&self.verifier_url, height);
            }
            if Instant::now() > end {
                bail!(
                    "after {secs} s the verifier's safe head is {height}, the job was paid in block {block}"
                );
            }
            sleep(Duration::from_millis(300));
        }
    }

    /// Number, hash and state root of a block.
    pub(super) fn block(&self, url: &str, number: u64) -> Result<Value> {
        let block = self.rpc(url, "eth_getBlockByNumber", &[&format!("{number:#x}"), "false"])?;
        Ok(json!({"number": number, "hash": block["hash"], "state_root": block["stateRoot"]}))
    }

    /// How many batches the sequencer posted on L1, and in how many blobs.
    pub(super) fn l1_posts(&self) -> Result<(u64, u64)> {
        let inbox = text(&self.ready["contracts"], "inbox")?;
        let mut cast = contracts::cast();
        cast.args([
            "logs",
            "--json",
            "--rpc-url",
            &self.l1_url,
            "--from-block",
            "0",
            "--address",
            inbox,
            BATCH_POSTED,
        ]);
        let answer: Value = serde_json::from_str(&output(&mut cast)?)?;
        let logs = answer.as_array().ok_or_else(|| eyre!("cast logs answered {answer}"))?;
        // The versioned hashes are the last thing in the data: an offset in the head, then length and words.
        let blobs = logs.iter().map(|log| {
            let data = text(log, "data")?.trim_start_matches("0x");
            let word = |at: usize| {
                data.get(at * 64..(at + 1) * 64).and_then(|w| u64::from_str_radix(&w[48..], 16).ok())
            };
            let tail = word(HASHES_OFFSET_WORD).and_then(|offset| word(usize::try_from(offset).ok()? / 32));
            tail.ok_or_else(|| eyre!("a BatchPosted event without versioned hashes: {log}"))
        });
        Ok((logs.len() as u64, blobs.sum::<Result<u64>>()?))
    }

    /// Asks for a clean stop and fails when there is none.
    pub(super) fn stop(mut self) -> Result<()> {
        crate::shell::run(command("kill").arg("-TERM").arg(self.process.id().to_string()))?;
        let status = self.process.wait()?;
        if !status.success() {
            bail!("`assay dev` did not stop cleanly: {status}");
        }
        Ok(())
    }

    fn rpc(&self, url: &str, method: &str, params: &[&str]) -> Result<Value> {
        let mut cast = contracts::cast();
        let answer = output(cast.args(["rpc", "--rpc-url", url, method]).args(params))?;
        serde_json::from_str(&answer).wrap_err_with(|| format!("{method} answered {answer}"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // SIGTERM first: the supervisor then stops its children; it kills what does not stop in time.
            let _ = command("kill").arg("-TERM").arg(self.process.id().to_string()).status();
            let _ = self.process.wait();
        }
    }
}

fn assay() -> Command {
    command(target_dir().join("debug/assay"))
}

/// A field that must be text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().ok_or_else(|| eyre!("no text `{name}` in {value}"))
}

/// A field that must be a whole number.
pub(super) fn number(value: &Value, name: &str) -> Result<u64> {
    value[name].as_u64().ok_or_else(|| eyre!("no number `{name}` in {value}"))
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}
