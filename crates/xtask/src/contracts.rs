//! The Solidity side: build, test, seeded bugs, and the artifacts that `assay-bindings` reads.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use serde_json::Value;

use crate::shell::{command, output, root, run};

/// Contracts that Rust code creates, calls or puts into the genesis block: (source, name).
/// `crates/bindings/src/lib.rs` has one line for each.
const ARTIFACTS: &[(&str, &str)] = &[
    ("Inbox.sol", "Inbox"),
    ("Portal.sol", "Portal"),
    ("Clock.sol", "Clock"),
    ("Beacon.sol", "Beacon"),
    ("DataFee.sol", "DataFee"),
    ("FeeVault.sol", "FeeVault"),
    ("MessagePasser.sol", "MessagePasser"),
    ("Registry.sol", "Registry"),
    ("Market.sol", "Market"),
    ("Machine.sol", "Machine"),
    ("Oracle.sol", "Oracle"),
];

/// Where forge, anvil and cast lie under `contracts/node_modules`.
const TOOLS: &str = "node_modules/@foundry-rs";

/// Installs the pinned Solidity tools unless they are there.
pub(crate) fn install() -> Result<()> {
    let modules = folder().join("node_modules");
    if modules.join("solc/package.json").exists() && tool("forge").exists() {
        return Ok(());
    }
    // Not `npm ci`: it wants the lock file to name the binaries of every platform, and npm writes
    // only those that the registry it asked has. This takes what the lock file names as it is
    // named, with its hash, and leaves the lock file alone.
    run(command("npm").current_dir(folder()).args([
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))
    .wrap_err("installing the Solidity tools with npm")
}

/// Checks the format and builds; contracts over the size limit (EIP-170) fail.
pub(crate) fn build() -> Result<()> {
    run(forge()?.args(["fmt", "--check"])).wrap_err("run `forge fmt` in contracts/")?;
    // `--sizes` would also fail on test contracts.
    run(forge()?.args(["build", "--sizes", "--skip", "test"]))
}

/// Runs every Solidity test.
pub(crate) fn test() -> Result<()> {
    // without this, forge writes the gas that it finds over the committed one
    run(forge()?.args(["test"]).env("FORGE_SNAPSHOT_CHECK", "true"))
}

/// Fails when the snapshot of the machine's gas is not what its steps cost.
pub(crate) fn gas_of_machine() -> Result<()> {
    let mut test = forge()?;
    test.args(["test", "--match-contract", "MachineGasTest"]).env("FORGE_SNAPSHOT_CHECK", "true");
    output(&mut test).map(drop)
}

/// Writes `crates/bindings/artifacts/*.json`, or with `check` fails when one is stale.
pub(crate) fn bindings(check: bool) -> Result<()> {
    run(forge()?.args(["build", "--skip", "test"]))?;
    let place = root().join("crates/bindings/artifacts");
    fs::create_dir_all(&place)?;
    let mut stale = Vec::new();
    for (source, name) in ARTIFACTS {
        let built = folder().join("out").join(source).join(format!("{name}.json"));
        let new = artifact(&built)?;
        let path = place.join(format!("{name}.json"));
        if fs::read_to_string(&path).is_ok_and(|old| old == new) {
            continue;
        }
        stale.push(*name);
        if !check {
            fs::write(&path, new)?;
        }
    }
    if check {
        ensure!(stale.is_empty(), "stale artifacts: {}; run `cargo xtask bindings`", stale.join(", "));
    } else {
        println!("artifacts: {} of {} written", stale.len(), ARTIFACTS.len());
    }
    Ok(())
}

/// Puts each of these bugs of the suite in `folder` into a copy of the contracts and fails unless the tests there notice.
pub(crate) fn seeded_bugs(folder: &str, bugs: &[PathBuf]) -> Result<()> {
    install()?;
    run(command("bash")
        .arg(root().join(folder).join("run.sh"))
        .args(bugs.iter().filter_map(|bug| bug.file_stem()))
        .env("FORGE", tool("forge"))
        .env("FOUNDRY_SOLC", self::folder().join("bin/solc")))
}

/// The part of forge's artifact that Rust needs, one ABI item on each line.
fn artifact(built: &Path) -> Result<String> {
    let text = fs::read_to_string(built).wrap_err_with(|| format!("{}", built.display()))?;
    let json: Value = serde_json::from_str(&text)?;
    let abi = json["abi"].as_array().ok_or_eyre("an artifact without an ABI")?;
    let bytecode = json["bytecode"]["object"].as_str().ok_or_eyre("an artifact without bytecode")?;
    if bytecode.contains("__$") {
        bail!("{} needs linking", built.display());
    }
    let items: Vec<String> = abi.iter().map(|item| format!("    {item}")).collect();
    Ok(format!("{{\n  \"abi\": [\n{}\n  ],\n  \"bytecode\": \"{bytecode}\"\n}}\n", items.join(",\n")))
}

fn folder() -> PathBuf {
    root().join("contracts")
}

/// A Foundry program's path.
pub(crate) fn tool(name: &str) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    folder().join(TOOLS).join(format!("{name}-{os}-{arch}/bin/{name}"))
}

fn forge() -> Result<Command> {
    install()?;
    let mut forge = command(tool("forge"));
    forge.current_dir(folder()).env("FOUNDRY_SOLC", folder().join("bin/solc"));
    Ok(forge)
}

/// Foundry's `cast`, to talk to nodes.
pub(crate) fn cast() -> Command {
    command(tool("cast"))
}
