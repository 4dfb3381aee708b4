//! A market on a real chain (anvil with the L2 predeploys), a client, and agents in processes of their own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256};
use alloy::providers::{DynProvider, Provider};
use alloy::sol_types::SolConstructor;
use assay_bindings::{Clock, Market, Registry, with_args};
use assay_execution::{Genesis, GenesisAccount};
use assay_primitives::{ChainConfig, predeploys};
use assay_provider::JobView;
use assay_provider::client::{Client, ClientConfig, Prepared, Serving, Submission, prepare};
use assay_testkit::Anvil;
use serde_json::{Value, json};

pub(crate) const CHAIN: u64 = 42_330;
pub(crate) const CONFIG_HASH: B256 = B256::repeat_byte(0x42);
const PATIENCE: Duration = Duration::from_secs(90);

/// Kernels `add`, `boom` and `spin`.
const PTX: &str = include_str!("../../../compute/testdata/small.ptx");

pub(crate) struct World {
    anvil: Anvil,
    node: DynProvider,
    pub(crate) client: Client,
    dir: tempfile::TempDir,
    now: u64,
}

/// One agent's process; killed on drop.
pub(crate) struct Agent {
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the agent did not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let anvil = Anvil::start().unwrap();
        let node = anvil.provider();
        let _: Value = node.raw_request("anvil_setChainId".into(), (CHAIN,)).await.unwrap();
        let now = 1_760_000_000;
        place(&node).await;
        let dir = tempfile::tempdir().unwrap();
        let config = ClientConfig {
            rpc: anvil.url().to_string(),
            chain_id: CHAIN,
            config_hash: CONFIG_HASH,
            dir: dir.path().join("client"),
            poll: Duration::from_millis(50),
        };
        let client = Client::connect(config, anvil.key(0)).await.unwrap();
        Self { anvil, node, client, dir, now }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn provider_address(&self, n: usize) -> Address {
        self.anvil.key(n).address()
    }

    /// Starts provider `n` (1, 2, ...), which keeps its folder over restarts.
    pub(crate) fn agent(&self, n: usize, executor: &str, extra: Value) -> Agent {
        let dir = self.path(&format!("provider{n}"));
        std::fs::create_dir_all(&dir).unwrap();
        let mut file = json!({
            "rpc": self.anvil.url().to_string(), "chain_id": CHAIN, "config_hash": CONFIG_HASH,
            "executor": executor, "stake_wei": U256::from(5_000_000_000_000_000_000u64),
        });
        file.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        std::fs::write(dir.join("agent.json"), file.to_string()).unwrap();
        let here = std::env::current_exe().unwrap();
        let program = here.parent().unwrap().parent().unwrap().join("examples/agent");
        let key = alloy::hex::encode(self.anvil.key(n).to_bytes());
        let child = Command::new(program)
            .arg("run")
            .arg(&dir)
            .env("ASSAY_DEV_KEY", key)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Agent { child }
    }

    /// Writes a job over `n` numbers into a folder of its own and prepares it.
    pub(crate) fn job(&self, name: &str, n: u32, terms: &str) -> Prepared {
        let dir = self.path(name);
        std::fs::create_dir_all(&dir).unwrap();
        let numbers: Vec<u8> = (0..n).flat_map(u32::to_le_bytes).collect();
        std::fs::write(dir.join("x.bin"), numbers).unwrap();
        std::fs::write(dir.join("k.ptx"), PTX).unwrap();
        let blocks = n.div_ceil(64);
        let text = format!(
            "image = \"k.ptx\"\nfuel = 10000000\n\
             [[buffer]]\nname = \"x\"\ninput = \"x.bin\"\n\
             [[buffer]]\nname = \"y\"\nbytes = {}\noutput = \"y.bin\"\n\
             [[launch]]\nkernel = \"add\"\ngrid = [{blocks}]\nblock = [64]\nargs = [{n}, \"x\", \"y\"]\n\
             [terms]\nchallenge_secs = 2\n{terms}\n",
            n * 4
        );
        let file = dir.join("job.toml");
        std::fs::write(&file, text).unwrap();
        prepare(&file, &dir.join("bundle")).unwrap()
    }

    pub(crate) async fn serve(&self, prepared: &Prepared) -> Serving {
        self.client.serve(prepared, "127.0.0.1:0".parse().unwrap(), Vec::new()).await.unwrap()
    }

    pub(crate) async fn submit(&self, prepared: &Prepared) -> (Submission, Serving) {
        let serving = self.serve(prepared).await;
        let submission = self.client.submit(prepared, &serving).await.unwrap();
        (submission, serving)
    }

    /// Moves the protocol's clock.
    pub(crate) async fn advance(&mut self, secs: u64) {
        self.now += secs;
        let word = B256::from(U256::from(self.now));
        set_storage(&self.node, predeploys::CLOCK, U256::ZERO, word).await;
    }

    /// Watches until `wanted` or the job's end, letting the replicas in.
    pub(crate) async fn until(
        &self,
        job: u64,
        serving: &Serving,
        wanted: impl Fn(&JobView) -> bool,
    ) -> JobView {
        let watch = self.client.watch(job, Some(serving), |view| !wanted(view));
        tokio::time::timeout(PATIENCE, watch).await.expect("the job moves on").unwrap()
    }

    /// Watches until the result can be challenged, lets the window pass and watches to the end.
    pub(crate) async fn finish(&mut self, job: u64, serving: &Serving) -> JobView {
        let view = self.until(job, serving, |view| view.state >= 5).await;
        assert_eq!(view.state, 5, "agreed: {view:?}");
        self.advance(3).await;
        self.until(job, serving, |_| false).await
    }
}

pub(crate) fn expected(n: u32) -> Vec<u8> {
    (0..n).flat_map(|i| (i + n).to_le_bytes()).collect()
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Puts clock, registry and market where the L2 genesis has them.
async fn place(node: &DynProvider) {
    let config = ChainConfig::dev();
    let clock = Clock::constructorCall { genesisTime: config.genesis_time };
    let registry = Registry::constructorCall { minStakeWei_: U256::from(config.market.min_stake_wei) };
    let p = &config.market;
    let params_ = Market::MarketParams {
        bondWei: p.bond_wei,
        minStakeWei: p.min_stake_wei,
        unitsMax: p.units_max,
        exposureBps: p.exposure_bps,
        killFeeBps: p.kill_fee_bps,
        compensationBps: p.compensation_bps,
        resolveTimeoutSecs: p.resolve_timeout_secs,
        matchSecsMin: p.match_secs_min,
        matchSecsMax: p.match_secs_max,
        ackSecsMin: p.ack_secs_min,
        ackSecsMax: p.ack_secs_max,
        runSecsMin: p.run_secs_min,
        runSecsMax: p.run_secs_max,
        revealSecsMin: p.reveal_secs_min,
        revealSecsMax: p.reveal_secs_max,
        challengeSecsMin: p.challenge_secs_min,
        challengeSecsMax: p.challenge_secs_max,
    };
    let market = Market::constructorCall { params_ };
    let account = |address, code, args: Vec<u8>| {
        (address, GenesisAccount { initcode: with_args(code, &args), ..Default::default() })
    };
    let alloc = [
        account(predeploys::CLOCK, &Clock::BYTECODE, clock.abi_encode()),
        account(predeploys::REGISTRY, &Registry::BYTECODE, registry.abi_encode()),
        account(predeploys::MARKET, &Market::BYTECODE, market.abi_encode()),
    ];
    let (_, state) = Genesis { alloc: alloc.into(), config }.build().unwrap();
    for (address, change) in &state.accounts {
        let Some(code) = change.account.as_ref().and_then(|a| state.codes.get(&a.code_hash)) else {
            continue;
        };
        let _: Value = node.raw_request("anvil_setCode".into(), (address, code)).await.unwrap();
        for (slot, value) in &change.storage {
            set_storage(node, *address, *slot, B256::from(*value)).await;
        }
    }
}

async fn set_storage(node: &DynProvider, address: Address, slot: U256, value: B256) {
    let _: Value = node.raw_request("anvil_setStorageAt".into(), (address, slot, value)).await.unwrap();
}
