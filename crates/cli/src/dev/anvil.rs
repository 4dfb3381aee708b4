//! The L1 of a development network: a real anvil process.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr, bail};
use tokio::process::Command;

/// The chain id anvil has by default, which wallets know as a development chain.
pub(crate) const CHAIN_ID: u64 = 31337;

/// The anvil to start: `ASSAY_ANVIL`, the repository's pinned one, or the one on the path.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ASSAY_ANVIL") {
        return Ok(path.into());
    }
    let pinned = "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
    let here = std::env::current_exe().unwrap_or_default();
    let roots = here.ancestors().map(Path::to_path_buf).chain(std::env::current_dir());
    for root in roots {
        let candidate = root.join(pinned);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|p| p.join("anvil")).find(|p| p.is_file()) {
        Some(found) => Ok(found),
        None => bail!(
            "anvil not found: run `npm install --no-save` in contracts/, install Foundry, or set ASSAY_ANVIL"
        ),
    }
}

/// An anvil that keeps its state in `state`, closes a block every second and behaves like a live Osaka chain.
pub(crate) fn command(port: u16, state: &Path) -> Result<Command> {
    let mut command = Command::new(program()?);
    command
        .args(["--hardfork", "osaka", "--slots-in-an-epoch", "1", "--enable-tx-gas-limit"])
        .args(["--block-time", "1", "--state-interval", "1", "--silent", "--chain-id"])
        .arg(CHAIN_ID.to_string())
        .arg("--port")
        .arg(port.to_string())
        .arg("--state")
        .arg(state);
    Ok(command)
}

/// `wanted`, or a free port when it is 0; an error names who to ask when it is taken.
pub(crate) fn free_port(wanted: u16, flag: &str) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).wrap_err_with(|| {
        format!("port {wanted} is taken: choose another with {flag} (0 takes a free one)")
    })?;
    Ok(listener.local_addr()?.port())
}
