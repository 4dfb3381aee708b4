//! `assay machine verify`: steps of a run, checked by the Machine contract on a chain.

use std::process::ExitCode;

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256, address},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol_types::SolValue,
};
use assay_bindings::{Machine, Oracle, with_args};
use assay_machine::{STATE_BYTES, State};
use assay_primitives::{OracleKey, OracleKind};
use eyre::{Result, WrapErr, bail, ensure, eyre};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Guest, host::Preimages};
use crate::{keys::KeyArgs, out};

/// The deterministic deployment proxy, at this address on most chains and on anvil: a contract's address follows from its code.
const DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Steps that wait for the chain.
const STEPS_WAITING: usize = 64;
/// Number of the system call that reads a part of an oracle value.
const PREIMAGE: u64 = 4;

/// Flags of `assay machine verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    guest: Guest,
    /// JSON-RPC of the chain.
    #[arg(long, value_name = "URL")]
    rpc: String,
    /// Check the first step and then one in so many.
    #[arg(long, value_name = "N", default_value_t = 1)]
    every: u64,
    /// Stop after so many instructions.
    #[arg(long, value_name = "N", default_value_t = super::STEPS_MAX)]
    until: u64,
    #[command(flatten)]
    key: KeyArgs,
}

/// One step to check.
struct Shown {
    step: u64,
    state: [u8; STATE_BYTES],
    witness: Vec<u8>,
    next: B256,
    /// The part that it reads.
    part: Option<(OracleKey, Bytes, u64)>,
}

/// Where the contracts are.
struct Contracts {
    provider: DynProvider,
    machine: Address,
    oracle: Address,
}

/// Runs `assay machine verify`. A step that the contract sees otherwise is an error.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    ensure!(args.every > 0, "--every must not be zero");
    let reader = ProviderBuilder::new().connect_http(args.rpc.parse().wrap_err("--rpc is no URL")?);
    let chain_id = reader.get_chain_id().await.wrap_err_with(|| format!("{} does not answer", args.rpc))?;
    let signer = args.key.load_or_new(chain_id)?;
    let wallet = EthereumWallet::from(signer);
    let provider = ProviderBuilder::new().wallet(wallet).connect_http(args.rpc.parse()?).erased();
    let contracts = Contracts::find_or_deploy(provider).await?;

    let (mut executor, oracle) = args.guest.open()?;
    let code_root = executor.program().code().root();
    let (send, mut steps) = mpsc::channel::<Shown>(STEPS_WAITING);
    let (every, until) = (args.every, args.until);
    let runner = tokio::task::spawn_blocking(move || -> Result<u64> {
        let mut oracle = oracle;
        let mut at = 0;
        while at < until {
            executor.run(at, &mut oracle)?;
            if !executor.cpu().is_running() {
                break;
            }
            let shown = show(&mut executor, &mut oracle)?;
            if send.blocking_send(shown).is_err() {
                break; // the checker has stopped, and says why
            }
            at = at.saturating_add(every);
        }
        Ok(executor.steps())
    });
    let mut checked = 0u64;
    while let Some(shown) = steps.recv().await {
        contracts.check(code_root, &shown).await.wrap_err_with(|| format!("step {}", shown.step))?;
        checked += 1;
    }
    let instructions = runner.await??;
    if args.guest.json {
        out::json(&json!({
            "machine": contracts.machine, "oracle": contracts.oracle, "instructions": instructions, "checked": checked,
        }));
    } else {
        out::say!("{checked} of {instructions} steps are the same on the contract at {}", contracts.machine);
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes one step with everything that its proof needs.
fn show(executor: &mut assay_machine::Executor, oracle: &mut Preimages) -> Result<Shown> {
    let step = executor.steps();
    let before = executor.state();
    let witness = executor.step_witness(oracle)?;
    let part = reads_part(executor, &before)
        .then(|| oracle.asked().map(|(key, value)| (key, value.clone(), before.cpu.x[11] / 32)))
        .flatten();
    Ok(Shown { step, state: before.pack(), witness, next: executor.state_hash(), part })
}

/// Whether the step after `before` was a `preimage` that did not trap.
fn reads_part(executor: &assay_machine::Executor, before: &State) -> bool {
    let word = executor.program().code().fetch(before.cpu.pc);
    let is_call = word.is_some_and(|word| assay_machine::decode(word).op == assay_machine::Op::Ecall);
    is_call && before.cpu.x[17] == PREIMAGE && executor.cpu().is_running()
}

impl Contracts {
    async fn find_or_deploy(provider: DynProvider) -> Result<Self> {
        let oracle = create(&provider, "Oracle", Oracle::BYTECODE.clone()).await?;
        let init = with_args(&Machine::BYTECODE, &oracle.abi_encode());
        let machine = create(&provider, "Machine", init).await?;
        Ok(Self { provider, machine, oracle })
    }

    async fn check(&self, code_root: B256, shown: &Shown) -> Result<()> {
        if let Some((key, value, part)) = &shown.part {
            self.load(*key, value, *part).await?;
        }
        let (state, witness) = (Bytes::copy_from_slice(&shown.state), Bytes::copy_from_slice(&shown.witness));
        let contract = Machine::new(self.machine, &self.provider);
        let answer =
            contract.step(code_root, state, witness).call().await.wrap_err("the contract refuses it")?;
        let pre = alloy::primitives::keccak256(shown.state);
        ensure!(answer.pre == pre, "the contract hashes the state to {}, we to {pre}", answer.pre);
        let next = shown.next;
        ensure!(answer.post == next, "the contract says {} comes next, we say {next}", answer.post);
        Ok(())
    }

    /// Loads part number `part` of `value` unless it is there.
    async fn load(&self, key: OracleKey, value: &Bytes, part: u64) -> Result<()> {
        let oracle = Oracle::new(self.oracle, &self.provider);
        if !oracle.partOf(key.as_b256(), U256::from(part * 32)).call().await?.is_zero() {
            return Ok(());
        }
        let (first, count) = (U256::from(part), U256::from(1));
        let receipt = match key.kind() {
            OracleKind::Keccak => {
                oracle.loadKeccak(value.clone(), first, count).send().await?.get_receipt().await?
            }
            OracleKind::Sha256 => {
                oracle.loadSha256(value.clone(), first, count).send().await?.get_receipt().await?
            }
            OracleKind::Blob | OracleKind::Precompile => bail!(
                "the part of {key} must be loaded into the Oracle at {} first: this tool has no proof of it",
                self.oracle
            ),
        };
        ensure!(receipt.status(), "loading a part of {key} reverted");
        Ok(())
    }
}

/// The contract with this init code, created when it is absent.
async fn create(provider: &DynProvider, name: &str, init: Bytes) -> Result<Address> {
    let place = DEPLOYER.create2_from_code(B256::ZERO, &init);
    if !provider.get_code_at(place).await?.is_empty() {
        return Ok(place);
    }
    if provider.get_code_at(DEPLOYER).await?.is_empty() {
        bail!(
            "the chain has neither {name} at {place} nor the deployment proxy at {DEPLOYER}: deploy the proxy first"
        );
    }
    let input = [B256::ZERO.as_slice(), &init].concat();
    let request = TransactionRequest::default().with_to(DEPLOYER).with_input(input);
    let sent = provider.send_transaction(request).await;
    let sent =
        sent.wrap_err_with(|| format!("{name} is absent and was not deployed: give a key with funds"))?;
    let receipt = sent.get_receipt().await?;
    if !receipt.status() || provider.get_code_at(place).await?.is_empty() {
        return Err(eyre!("deploying {name} failed in transaction {}", receipt.transaction_hash));
    }
    tracing::info!(name, %place, "deployed");
    Ok(place)
}
