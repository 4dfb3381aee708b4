//! What `assay dev` does between starting processes: folders, waiting, funding.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, utils::parse_ether},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
};
use assay_bindings::{Portal, Registry};
use assay_primitives::predeploys;
use eyre::{Result, WrapErr, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::accounts::Role;

/// How often readiness is looked at.
const POLL: Duration = Duration::from_millis(100);
/// What every account gets on L2, in ether.
const FUNDS_ETHER: &str = "100";
/// L2 gas of a plain deposit.
const DEPOSIT_GAS: u64 = 100_000;

/// The folder that holds the network's state.
pub(super) struct Place {
    pub(super) dir: PathBuf,
    temporary: bool,
    /// Held as long as the network runs.
    _lock: std::fs::File,
}

impl Place {
    /// `state`, made if absent, or a temporary folder that goes with this value.
    pub(super) fn open(state: Option<&Path>) -> Result<Self> {
        let (dir, temporary) = match state {
            Some(dir) => (dir.to_path_buf(), false),
            None => (std::env::temp_dir().join(format!("assay-dev-{}", std::process::id())), true),
        };
        std::fs::create_dir_all(&dir).wrap_err_with(|| format!("could not make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let lock = std::fs::File::create(dir.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another `assay dev` runs in {}: stop it, or give --state another folder", dir.display());
        }
        Ok(Self { dir, temporary, _lock: lock })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// Waits until an L1 answers.
pub(super) async fn wait_l1(url: &str, secs: u64) -> Result<()> {
    let provider = ProviderBuilder::new().connect_http(url.parse().wrap_err("not an URL")?);
    let end = Instant::now() + Duration::from_secs(secs);
    loop {
        match provider.get_block_number().await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > end => {
                return Err(error).wrap_err_with(|| format!("no L1 answers at {url} after {secs} s"));
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

/// Waits until `/readyz` of a node answers 200.
pub(super) async fn wait_ready(url: &str, secs: u64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(secs);
    let mut last = String::from("no answer");
    while Instant::now() < end {
        match reqwest::get(format!("{url}/readyz")).await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => last = answer.text().await.unwrap_or_default(),
            Err(error) => last = error.to_string(),
        }
        sleep(POLL).await;
    }
    bail!("{url}/readyz after {secs} s: {last}")
}

/// Deposits through the Portal for everybody whose L2 balance is below the funds, and waits for L2 to show it.
pub(super) async fn fund(l1: &str, l2: &str, portal: Address, people: &[Role]) -> Result<()> {
    let l2 = ProviderBuilder::new().connect_http(l2.parse()?);
    let funds: U256 = parse_ether(FUNDS_ETHER)?;
    let mut waiting = Vec::new();
    for role in people {
        let address = role.address()?;
        if l2.get_balance(address).await? >= funds / U256::from(2) {
            continue;
        }
        let wallet = ProviderBuilder::new().wallet(role.signer()?).connect_http(l1.parse()?);
        let portal = Portal::new(portal, &wallet);
        let deposit = portal.depositTransaction(address, U256::ZERO, DEPOSIT_GAS, false, Default::default());
        let request: TransactionRequest =
            deposit.value(funds * U256::from(101) / U256::from(100)).into_transaction_request();
        let sent = wallet.send_transaction(request.with_gas_limit(1_000_000)).await?;
        waiting.push((address, sent.get_receipt().await?.transaction_hash));
    }
    let end = Instant::now() + Duration::from_secs(super::READY_SECS);
    for (address, deposit) in waiting {
        while l2.get_balance(address).await? < funds / U256::from(2) {
            if Instant::now() > end {
                bail!("the deposit {deposit} for {address} did not reach L2 in time");
            }
            sleep(POLL).await;
        }
    }
    Ok(())
}

/// Waits until every provider is registered and adds what it registered with.
pub(super) async fn wait_registered(l2: &str, providers: &mut [Value], secs: u64) -> Result<()> {
    let node = ProviderBuilder::new().connect_http(l2.parse()?);
    let registry = Registry::new(predeploys::REGISTRY, &node);
    let end = Instant::now() + Duration::from_secs(secs);
    for provider in providers {
        let address: Address = serde_json::from_value(provider["address"].clone())?;
        loop {
            let found = registry.call_builder(&Registry::providerCall { account: address }).call().await?;
            if found.state != 0 {
                provider["stake_wei"] = json!(found.stake.to_string());
                break;
            }
            if Instant::now() > end {
                bail!("provider {address} is not registered after {secs} s");
            }
            sleep(POLL).await;
        }
    }
    Ok(())
}
