//! A real L1 for a test: an anvil process on a free port, killed on drop.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use alloy::{
    network::EthereumWallet,
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    transports::http::reqwest::Url,
};
use eyre::{OptionExt, Result, WrapErr, ensure};

/// Keys of the mnemonic `test test ... junk`, which anvil funds with 10,000 ether each.
const KEYS: [&str; 5] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
];

/// How anvil runs.
#[derive(Clone, Debug, Default)]
pub struct AnvilOptions {
    /// Seconds between blocks; without, a block for each transaction.
    pub block_secs: Option<u64>,
    /// File that keeps the chain over restarts.
    pub state: Option<PathBuf>,
    /// A fixed port, for a restart; without, any free one.
    pub port: Option<u16>,
}

/// A running anvil.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts anvil with a block for each transaction and waits until it listens.
    pub fn start() -> Result<Self> {
        Self::start_with(&AnvilOptions::default())
    }

    /// Starts anvil and waits until it listens.
    pub fn start_with(options: &AnvilOptions) -> Result<Self> {
        let program = program();
        ensure!(program.exists(), "{} is missing: run `cargo xtask contracts`", program.display());
        let mut command = Command::new(&program);
        command
            .args(["--hardfork", "osaka", "--slots-in-an-epoch", "1", "--enable-tx-gas-limit"])
            .args(["--port", &options.port.unwrap_or(0).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if let Some(secs) = options.block_secs {
            command.args(["--block-time", &secs.to_string()]);
        }
        if let Some(state) = &options.state {
            command.args(["--state-interval", "1", "--state"]).arg(state);
        }
        let mut child = command.spawn().wrap_err("starting anvil")?;
        let output = child.stdout.take().ok_or_eyre("anvil's output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ")?.rsplit(':').next()?.parse().ok())
            .ok_or_eyre("anvil ended before it listened")?;
        // Anvil blocks when nobody takes what it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, port })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// JSON-RPC and beacon API.
    pub fn url(&self) -> Url {
        format!("http://127.0.0.1:{}", self.port).parse().expect("a number makes a URL")
    }

    /// A provider without a wallet.
    pub fn provider(&self) -> DynProvider {
        ProviderBuilder::new().disable_recommended_fillers().connect_http(self.url()).erased()
    }

    /// Key number `index` of those that anvil funds, from 0 to 4.
    pub fn key(&self, index: usize) -> PrivateKeySigner {
        KEYS[index].parse().expect("a valid key")
    }

    /// Wallet of key number `index`.
    pub fn wallet(&self, index: usize) -> EthereumWallet {
        EthereumWallet::from(self.key(index))
    }

    /// Mines `count` blocks, `secs` apart.
    pub async fn mine(&self, count: u64, secs: u64) -> Result<()> {
        self.request("anvil_mine", (format!("{count:#x}"), format!("{secs:#x}"))).await
    }

    /// Moves the clock forward and mines a block there.
    pub async fn advance(&self, secs: u64) -> Result<()> {
        let _: serde_json::Value = self.provider().raw_request("evm_increaseTime".into(), (secs,)).await?;
        self.mine(1, 1).await
    }

    /// Replaces the newest `depth` blocks by empty ones; their transactions are gone.
    pub async fn reorg(&self, depth: u64) -> Result<()> {
        self.request("anvil_reorg", (depth, Vec::<()>::new())).await
    }

    async fn request<P>(&self, method: &'static str, params: P) -> Result<()>
    where
        P: alloy::rpc::json_rpc::RpcSend,
    {
        let _: serde_json::Value =
            self.provider().raw_request(method.into(), params).await.wrap_err(method)?;
        Ok(())
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Anvil as `cargo xtask contracts` installs it in `contracts/`.
fn program() -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    crate::repository()
        .join("contracts/node_modules/@foundry-rs")
        .join(format!("anvil-{os}-{arch}/bin/anvil"))
}
