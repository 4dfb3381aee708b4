//! Creating the L1 contracts, step by step and safe to interrupt.
//!
//! The Inbox names the Portal and the other way round, so both addresses are fixed first: they follow
//! from the deployer and two consecutive nonces. Each signed transaction is in the journal before it is
//! sent; a second run with the same journal goes on where the first one stopped.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::Provider,
    sol_types::SolValue,
};
use assay_bindings::{Inbox, Portal, with_args};
use assay_primitives::ChainConfig;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{L1Error, SignedTx, TxDraft, TxError, TxJournal, TxManager};

/// Who runs the chain and what its first block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployParams {
    /// Protocol parameters.
    pub config: ChainConfig,
    /// Hash of L2's block 0.
    pub genesis_hash: B256,
    /// Hot key that posts batches.
    pub sequencer: Address,
    /// Cold key that rotates the hot one.
    pub operator: Address,
}

/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// L1's chain id.
    pub l1_chain_id: u64,
    /// The Inbox.
    pub inbox: Address,
    /// The Portal.
    pub portal: Address,
    /// L1 block that created the Inbox: where a node starts to read.
    pub start_block: u64,
}

/// Deploying failed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The journal file could not be read or written.
    #[error("journal {path}: {reason}")]
    Journal {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The journal belongs to another chain, deployer or set of parameters.
    #[error("journal {path} is of another deployment ({what} differs); use another file")]
    OtherDeployment {
        /// The file.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// L1 is another chain than the parameters say.
    #[error("L1 has chain id {found}, the parameters say {expected}")]
    WrongChain {
        /// From the parameters.
        expected: u64,
        /// From the node.
        found: u64,
    },
    /// What was created is not what was asked for.
    #[error("{contract} at {address} is not what was deployed: {reason}")]
    NotAsDeployed {
        /// Which contract.
        contract: &'static str,
        /// Where.
        address: Address,
        /// What differs.
        reason: String,
    },
    /// Sending failed; run again with the same journal.
    #[error("creating {contract}: {source}")]
    Send {
        /// Which contract.
        contract: &'static str,
        /// Why.
        source: TxError,
    },
    /// Reading L1 failed; run again with the same journal.
    #[error(transparent)]
    L1(#[from] L1Error),
}

/// One creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Step {
    address: Address,
    nonce: u64,
    sent: Vec<SignedTx>,
}

/// The journal's contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    l1_chain_id: u64,
    deployer: Address,
    /// Hash of everything that the creations depend on.
    params: B256,
    inbox: Step,
    portal: Step,
}

/// The journal file; `step` says whose transaction comes next.
struct Journal<'a> {
    path: &'a Path,
    state: State,
    in_portal: bool,
}

impl TxJournal for Journal<'_> {
    fn signed<'a>(&'a mut self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>> {
        let step = if self.in_portal { &mut self.state.portal } else { &mut self.state.inbox };
        let kept = if tx.nonce == step.nonce {
            step.sent.push(tx.clone());
            save(self.path, &self.state).map_err(|e| e.to_string())
        } else {
            Err(format!("the deployer's nonce is {}, the addresses need {}", tx.nonce, step.nonce))
        };
        Box::pin(std::future::ready(kept))
    }
}

/// Creates Inbox and Portal from `manager`'s account, or finishes what an earlier run with the same
/// journal began. The journal is a small JSON file; keep it until this returns.
pub async fn deploy(
    manager: &TxManager,
    params: &DeployParams,
    journal: &Path,
) -> Result<Deployment, DeployError> {
    if manager.chain_id() != params.config.l1_chain_id {
        return Err(DeployError::WrongChain {
            expected: params.config.l1_chain_id,
            found: manager.chain_id(),
        });
    }
    let state = match load(journal)? {
        Some(state) => check_same(journal, state, manager, params)?,
        None => begin(journal, manager, params).await?,
    };
    let (inbox, portal) = (state.inbox.address, state.portal.address);
    let mut journal = Journal { path: journal, state, in_portal: false };
    create(manager, &mut journal, "Inbox", inbox_code(params, portal)).await?;
    journal.in_portal = true;
    create(manager, &mut journal, "Portal", with_args(&Portal::BYTECODE, &inbox.abi_encode())).await?;
    verify(manager, params, inbox, portal).await
}

/// Init code of the Inbox with its arguments.
fn inbox_code(params: &DeployParams, portal: Address) -> Bytes {
    let config = &params.config;
    let args = Inbox::constructorCall {
        params: Inbox::InboxParams {
            portal,
            sequencer: params.sequencer,
            operator: params.operator,
            configHash: config.hash(),
            genesisHash: params.genesis_hash,
            forceDelay: config.force_delay_secs,
            forcedGasMax: config.forced_gas_max,
            forcedDataMax: config.forced_data_max,
            queueGasTarget: config.queue_gas_target,
            queueBaseFeeMin: config.queue_base_fee_min.into(),
        },
    };
    with_args(&Inbox::BYTECODE, &alloy::sol_types::SolConstructor::abi_encode(&args))
}

fn params_hash(params: &DeployParams) -> B256 {
    // The Portal's address follows from the deployer, which the journal holds apart.
    keccak256(inbox_code(params, Address::ZERO))
}

async fn begin(path: &Path, manager: &TxManager, params: &DeployParams) -> Result<State, DeployError> {
    let nonce = manager.next_nonce().await?;
    let deployer = manager.sender();
    let step = |nonce| Step { address: deployer.create(nonce), nonce, sent: vec![] };
    let state = State {
        l1_chain_id: manager.chain_id(),
        deployer,
        params: params_hash(params),
        inbox: step(nonce),
        portal: step(nonce + 1),
    };
    save(path, &state)?;
    Ok(state)
}

fn check_same(
    path: &Path,
    state: State,
    manager: &TxManager,
    params: &DeployParams,
) -> Result<State, DeployError> {
    let other = |what| DeployError::OtherDeployment { path: path.display().to_string(), what };
    if state.l1_chain_id != manager.chain_id() {
        return Err(other("the chain"));
    }
    if state.deployer != manager.sender() {
        return Err(other("the deployer"));
    }
    if state.params != params_hash(params) {
        return Err(other("a parameter"));
    }
    Ok(state)
}

async fn create(
    manager: &TxManager,
    journal: &mut Journal<'_>,
    contract: &'static str,
    code: Bytes,
) -> Result<(), DeployError> {
    let step = if journal.in_portal { &journal.state.portal } else { &journal.state.inbox };
    let known = step.sent.clone();
    let found = manager
        .provider()
        .get_code_at(step.address)
        .await
        .map_err(|e| L1Error::from_rpc(manager.endpoint(), e))?;
    if !found.is_empty() {
        return Ok(());
    }
    let draft = TxDraft { to: TxKind::Create, value: U256::ZERO, data: code, blobs: vec![] };
    manager
        .send(&draft, known, journal)
        .await
        .map(|_| ())
        .map_err(|source| DeployError::Send { contract, source })
}

/// Asks both contracts about each other: an address swapped by a reorganisation would show here.
async fn verify(
    manager: &TxManager,
    params: &DeployParams,
    inbox: Address,
    portal: Address,
) -> Result<Deployment, DeployError> {
    let differs =
        |contract, address, reason: String| DeployError::NotAsDeployed { contract, address, reason };
    let reader = Inbox::new(inbox, manager.provider());
    let no_answer =
        |contract, address| move |e: alloy::contract::Error| differs(contract, address, e.to_string());
    let found = reader.portal().call().await.map_err(no_answer("Inbox", inbox))?;
    if found != portal {
        return Err(differs("Inbox", inbox, format!("its portal is {found}")));
    }
    let found = reader.configHash().call().await.map_err(no_answer("Inbox", inbox))?;
    if found != params.config.hash() {
        return Err(differs("Inbox", inbox, format!("its config hash is {found}")));
    }
    let found =
        Portal::new(portal, manager.provider()).inbox().call().await.map_err(no_answer("Portal", portal))?;
    if found != inbox {
        return Err(differs("Portal", portal, format!("its inbox is {found}")));
    }
    let start_block = reader.startBlock().call().await.map_err(no_answer("Inbox", inbox))?;
    Ok(Deployment { l1_chain_id: manager.chain_id(), inbox, portal, start_block })
}

fn load(path: &Path) -> Result<Option<State>, DeployError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(journal_error(path, &error)),
    };
    serde_json::from_str(&text).map(Some).map_err(|e| journal_error(path, &e))
}

/// Replaces the file in one step, so that a crash leaves the old or the new one.
fn save(path: &Path, state: &State) -> Result<(), DeployError> {
    let text = serde_json::to_vec_pretty(state).map_err(|e| journal_error(path, &e))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|e: std::io::Error| journal_error(path, &e))
}

fn journal_error(path: &Path, error: &dyn std::error::Error) -> DeployError {
    DeployError::Journal { path: path.display().to_string(), reason: error.to_string() }
}
