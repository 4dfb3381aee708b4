//! What people's tools do with the chain: viem, ethers v6 and cast against real processes.

use std::{path::PathBuf, process::Command};

use alloy::primitives::hex;
use assay_tests::Cluster;
use eyre::{Result, ensure};

fn scripts() -> PathBuf {
    assay_testkit::repository().join("tests/js")
}

/// Installs the pinned libraries unless they are there.
fn install() -> Result<()> {
    if scripts().join("node_modules/viem/package.json").exists()
        && scripts().join("node_modules/ethers/package.json").exists()
    {
        return Ok(());
    }
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(scripts())
        .status()?;
    ensure!(status.success(), "`npm ci` failed in {}", scripts().display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn viem_ethers_and_cast_find_an_ordinary_chain() -> Result<()> {
    install()?;
    let cluster = Cluster::deploy(&Cluster::protocol())?;
    let _sequencer = cluster.sequencer().await?;
    for (n, (program, script)) in
        [("node", "viem.mjs"), ("node", "ethers.mjs"), ("bash", "cast.sh")].iter().enumerate()
    {
        let out = Command::new(program)
            .arg(scripts().join(script))
            .env("L1_URL", cluster.l1.url().as_str())
            .env("L2_URL", cluster.sequencer_url())
            .env("PORTAL", cluster.contract("portal")?.to_string())
            .env("KEY", hex::encode_prefixed(cluster.l1.key(2 + n).to_bytes()))
            .output()?;
        ensure!(
            out.status.success(),
            "{script} failed:\n{}\n{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(())
}
