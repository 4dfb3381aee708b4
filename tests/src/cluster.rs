//! The roles of one chain.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::Block,
    signers::local::PrivateKeySigner,
};
use assay_bindings::Portal;
use assay_primitives::ChainConfig;
use assay_testkit::{Anvil, AnvilOptions};
use eyre::{Result, WrapErr, bail, ensure, eyre};
use serde_json::{Value, json};

use crate::{Process, assay_program};

/// How long anything in these tests may take. Far more than it does: a wait ends as soon as what it waits for is there.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

/// Protocol parameters of a cluster.
pub type Protocol = ChainConfig;

/// A chain with its processes and files.
#[derive(Debug)]
pub struct Cluster {
    /// The L1.
    pub l1: Anvil,
    /// What `assay deploy` said.
    pub chain: Value,
    dir: tempfile::TempDir,
    sequencer_port: u16,
    verifier_port: u16,
}

impl Cluster {
    /// Parameters with windows short enough for tests.
    pub fn protocol() -> Protocol {
        let mut protocol = ChainConfig::dev();
        protocol.genesis_time = 0;
        protocol.force_delay_secs = 24;
        protocol.max_lag_secs = 24;
        protocol.max_drift_secs = 24;
        protocol.market.resolve_timeout_secs = 4;
        protocol
    }

    /// Starts an L1 and deploys the contracts on it.
    ///
    /// # Errors
    /// When anvil or `assay deploy` fails.
    pub fn deploy(protocol: &Protocol) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let l1 = Anvil::start_with(&AnvilOptions { block_secs: Some(1), ..AnvilOptions::default() })?;
        let config = dir.path().join("protocol.json");
        std::fs::write(&config, serde_json::to_string(protocol)?)?;
        let sequencer = l1.key(1).address().to_string();
        let mut deploy = Command::new(assay_program());
        deploy
            .args(["deploy", "--json", "--l1", l1.url().as_str(), "--sequencer", &sequencer, "--config"])
            .arg(&config)
            .arg("--out")
            .arg(dir.path().join("chain.json"))
            .env("ASSAY_DEV_KEY", secret(&l1.key(0)));
        let chain = last_json(&deploy.output()?)?;
        // Batches soon enough for the short lag that the parameters allow.
        std::fs::write(
            dir.path().join("sequencer.toml"),
            "[batcher]\ninterval_secs = 2\nlag_margin_secs = 8\n",
        )?;
        Ok(Self { l1, chain, dir, sequencer_port: free_port()?, verifier_port: free_port()? })
    }

    /// The folder with everybody's files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data folder of a role.
    pub fn data(&self, role: &str) -> PathBuf {
        self.dir().join(role)
    }

    /// Starts the sequencer and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn sequencer(&self) -> Result<Process> {
        let mut command = self.role("sequencer", self.sequencer_port);
        command.arg("--config").arg(self.dir().join("sequencer.toml"));
        command.env("ASSAY_DEV_KEY", secret(&self.l1.key(1)));
        self.node("sequencer", self.sequencer_port, command).await
    }

    /// Starts a verifier that knows only the L1, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn verifier(&self) -> Result<Process> {
        let command = self.role("verifier", self.verifier_port);
        self.node("verifier", self.verifier_port, command).await
    }

    /// Starts a verifier that listens to the sequencer's feed too, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn fed_verifier(&self) -> Result<Process> {
        let mut command = self.role("verifier", self.verifier_port);
        command.args(["--feed", &self.sequencer_url()]);
        self.node("verifier", self.verifier_port, command).await
    }

    /// Starts provider number `n` on the sequencer with more flags.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn provider(&self, n: usize, flags: &[&str]) -> Result<Process> {
        let name = format!("provider{n}");
        let mut command = Command::new(assay_program());
        command.args(["provider", "run", "--rpc", &self.sequencer_url(), "--data"]).arg(self.data(&name));
        command.args(flags).env("ASSAY_DEV_KEY", secret(&self.provider_key(n)));
        Process::start(&name, self.dir(), &mut command)
    }

    /// The key of provider number `n`, from 0.
    pub fn provider_key(&self, n: usize) -> PrivateKeySigner {
        self.l1.key(2 + n)
    }

    /// The key of the one who buys jobs.
    pub fn client_key(&self) -> PrivateKeySigner {
        self.l1.key(0)
    }

    /// Where the sequencer's RPC is.
    pub fn sequencer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.sequencer_port)
    }

    /// Where the verifier's RPC is.
    pub fn verifier_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.verifier_port)
    }

    /// A provider of the sequencer, with a wallet.
    pub fn l2(&self, key: &PrivateKeySigner) -> DynProvider {
        let wallet = EthereumWallet::from(key.clone());
        ProviderBuilder::new()
            .wallet(wallet)
            .connect_http(self.sequencer_url().parse().expect("an URL"))
            .erased()
    }

    /// A provider of the verifier.
    pub fn verified(&self) -> DynProvider {
        ProviderBuilder::new().connect_http(self.verifier_url().parse().expect("an URL")).erased()
    }

    /// A provider of the L1, with a wallet.
    pub fn l1_wallet(&self, key: &PrivateKeySigner) -> DynProvider {
        let wallet = EthereumWallet::from(key.clone());
        ProviderBuilder::new().wallet(wallet).connect_http(self.l1.url()).erased()
    }

    /// A contract's address from the chain file.
    ///
    /// # Errors
    /// When the chain file does not name it.
    pub fn contract(&self, name: &str) -> Result<Address> {
        serde_json::from_value(self.chain["contracts"][name].clone()).wrap_err_with(|| format!("no {name}"))
    }

    /// Deposits `wei` for `key`'s account through the Portal; returns when L1 has it.
    ///
    /// # Errors
    /// When the L1 refuses.
    pub async fn deposit(&self, key: &PrivateKeySigner, wei: U256) -> Result<()> {
        let l1 = self.l1_wallet(key);
        let portal = Portal::new(self.contract("portal")?, &l1);
        let call = portal.depositTransaction(key.address(), U256::ZERO, 100_000, false, Default::default());
        // The fee for L2 gas comes on top: 100,000 gas at a queue price that tests never raise above 1 gwei.
        let sent = call.value(wei + U256::from(100_000_000_000_000u64)).gas(1_000_000).send().await?;
        ensure!(sent.get_receipt().await?.status(), "the deposit reverted");
        Ok(())
    }

    /// Deposits for several accounts and waits until the sequencer shows all of it.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn fund(&self, keys: &[PrivateKeySigner], wei: U256) -> Result<()> {
        for key in keys {
            self.deposit(key, wei).await?;
        }
        let l2 = self.l2(&self.client_key());
        for key in keys {
            wait_for("the deposit on L2", async || {
                Ok((l2.get_balance(key.address()).await? >= wei).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Runs `assay job ARGS` as the client and returns its exit status with the last line, as JSON.
    ///
    /// # Errors
    /// When it prints no JSON.
    pub fn job(&self, args: &[&str]) -> Result<(bool, Value)> {
        let out = self.job_command(args).output()?;
        Ok((out.status.success(), last_json(&out)?))
    }

    /// `assay job ARGS` as the client, not started.
    pub fn job_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assay_program());
        command
            .arg("job")
            .args(args)
            .args(["--json", "--rpc", &self.sequencer_url(), "--dir"])
            .arg(self.data("client"));
        command.env("ASSAY_DEV_KEY", secret(&self.client_key()));
        command
    }

    /// Waits until the verifier's safe head is at least `number`, then compares every block with the sequencer's.
    ///
    /// # Errors
    /// When a block differs.
    pub async fn compare_to(&self, number: u64) -> Result<u64> {
        let sequencer = self.l2(&self.client_key());
        let expected = blocks(&sequencer, number).await?;
        self.compare_with(&expected).await?;
        Ok(number)
    }

    /// Waits until the verifier has as many safe blocks as `expected`, and compares them one by one.
    ///
    /// # Errors
    /// When a block differs.
    pub async fn compare_with(&self, expected: &[B256]) -> Result<()> {
        let verifier = self.verified();
        let last = expected.len() as u64 - 1;
        wait_for("the verifier's safe head", async || {
            let safe = verifier.get_block_by_number("safe".parse()?).await?;
            Ok(safe.filter(|block| block.header.number >= last))
        })
        .await?;
        let found = blocks(&verifier, last).await?;
        for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
            ensure!(expected == found, "block {number}: the sequencer has {expected}, the verifier {found}");
        }
        Ok(())
    }

    fn role(&self, name: &str, port: u16) -> Command {
        let mut command = Command::new(assay_program());
        command.arg(name).args(["--l1", self.l1.url().as_str(), "--rpc-port", &port.to_string(), "--chain"]);
        command.arg(self.dir().join("chain.json")).arg("--data").arg(self.data(name));
        command
    }

    async fn node(&self, name: &str, port: u16, mut command: Command) -> Result<Process> {
        let mut process = Process::start(name, self.dir(), &mut command)?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.ended()? {
                bail!("{name} ended ({status}):\n{}", process.tail());
            }
            if http_ok(port) {
                return Ok(process);
            }
            ensure!(Instant::now() < end, "{name} is not ready:\n{}", process.tail());
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Hashes of the blocks from 0 to `last`.
async fn blocks(provider: &DynProvider, last: u64) -> Result<Vec<B256>> {
    let mut hashes = Vec::new();
    for number in 0..=last {
        let block: Option<Block> = provider.get_block_by_number(number.into()).await?;
        hashes.push(block.ok_or_else(|| eyre!("block {number} is missing"))?.header.hash);
    }
    Ok(hashes)
}

/// Asks until there is an answer.
///
/// # Errors
/// When there is none in time, with the last error.
pub async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    let mut last = None;
    while Instant::now() < end {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => last = None,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(POLL).await;
    }
    match last {
        Some(error) => Err(error.wrap_err(format!("waited for {what}"))),
        None => bail!("waited in vain for {what}"),
    }
}

fn http_ok(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn secret(key: &PrivateKeySigner) -> String {
    alloy::primitives::hex::encode_prefixed(key.to_bytes())
}

fn last_json(out: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&out.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).or_else(|_| {
        let error = String::from_utf8_lossy(&out.stderr);
        if error.is_empty() { bail!("no JSON in `{text}`") } else { Ok(json!({ "error": error })) }
    })
}
