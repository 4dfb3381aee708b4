//! Tools the gate needs that cargo does not bring: fetched once, kept beside the build.

use std::{path::PathBuf, process::Command};

use eyre::Result;

use crate::shell::{cargo, command, root, run, target_dir};

/// Pinned: a new release of a linter must not fail an old commit.
const TYPOS: &str = "1.52.0";
const CARGO_DENY: &str = "0.20.2";
const CARGO_MACHETE: &str = "0.9.2";

fn folder() -> PathBuf {
    target_dir().join("tools")
}

/// `typos`, from PyPI into a folder of ours; `None` when there is no `pip`.
pub(crate) fn typos() -> Result<Option<Command>> {
    let place = folder().join(format!("typos-{TYPOS}"));
    let program = place.join("bin/typos");
    if !program.exists() {
        if command("python3").args(["-m", "pip", "--version"]).output().is_err() {
            return Ok(None);
        }
        run(command("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&place)
            .arg(format!("typos=={TYPOS}")))?;
    }
    Ok(Some(command(program)))
}

/// `cargo deny` without the advisory database, which needs more network than a gate has.
pub(crate) fn deny() -> Result<()> {
    let program = cargo_tool("cargo-deny", CARGO_DENY)?;
    // it reads the manifests of every platform's dependencies
    run(cargo().args(["fetch", "--locked", "--quiet"]))?;
    run(command(program).args(["--offline", "check", "licenses", "bans", "sources"]))
}

/// `cargo machete`: dependencies that nothing uses.
pub(crate) fn machete() -> Result<()> {
    let program = cargo_tool("cargo-machete", CARGO_MACHETE)?;
    run(command(program).arg(root().join("crates")))
}

/// Whether `cargo nextest` is here; `cargo test` stands in otherwise.
pub(crate) fn has_nextest() -> bool {
    cargo().args(["nextest", "--version"]).output().is_ok_and(|out| out.status.success())
}

fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let place = folder().join(format!("{name}-{version}"));
    let program = place.join("bin").join(name);
    if !program.exists() {
        run(cargo()
            .args(["install", "--quiet", "--locked", "--debug", name, "--version", version, "--root"])
            .arg(&place)
            .env("CARGO_TARGET_DIR", folder().join("build")))?;
    }
    Ok(program)
}
