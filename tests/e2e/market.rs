//! Jobs on real processes: honest and dishonest providers, crashes at every journalled state, clients that fail.

use std::path::PathBuf;

use alloy::primitives::{U256, utils::parse_ether};
use assay_tests::{Cluster, Process, wait_for};
use eyre::{Result, ensure, eyre};
use serde_json::Value;

/// Every state that an agent journals on the way of a job that goes well.
const STAGES: [&str; 9] =
    ["taking", "taken", "fetched", "acked", "computed", "sealed", "committed", "revealed", "settled"];

/// A job of one small launch, written into a folder of its own.
fn job(cluster: &Cluster, name: &str, terms: &str) -> Result<PathBuf> {
    let dir = cluster.dir().join("jobs").join(name);
    std::fs::create_dir_all(&dir)?;
    let kernels = assay_testkit::repository().join("tests/jobs/demo/kernels.ptx");
    std::fs::copy(kernels, dir.join("kernels.ptx"))?;
    let floats = |scale: f32| (0..1000).flat_map(|i| (i as f32 * scale).to_le_bytes()).collect::<Vec<u8>>();
    std::fs::write(dir.join("x.f32"), floats(0.5))?;
    std::fs::write(dir.join("y.f32"), floats(0.25))?;
    let text = format!(
        r#"
image = "kernels.ptx"
fuel = 1_000_000
[[buffer]]
name = "x"
input = "x.f32"
[[buffer]]
name = "y"
input = "y.f32"
[[buffer]]
name = "out"
bytes = 4000
output = "out.f32"
[[launch]]
kernel = "saxpy"
grid = [4]
block = [256]
args = [1000, 2.0, "x", "y", "out"]
[terms]
{terms}
"#
    );
    std::fs::write(dir.join("job.toml"), text)?;
    Ok(dir.join("job.toml"))
}

fn check_output(job: &std::path::Path) -> Result<()> {
    let bytes = std::fs::read(job.with_file_name("out.f32"))?;
    for (i, chunk) in bytes.chunks_exact(4).enumerate() {
        let found = f32::from_le_bytes(chunk.try_into()?);
        let wanted = 2.0f32.mul_add(i as f32 * 0.5, i as f32 * 0.25);
        ensure!(found.to_bits() == wanted.to_bits(), "element {i} is {found} instead of {wanted}");
    }
    ensure!(bytes.len() == 4000);
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().ok_or_else(|| eyre!("no `{name}` in {value}"))
}

/// A cluster with a sequencer and funded accounts.
async fn market() -> Result<(Cluster, Process)> {
    let cluster = Cluster::deploy(&Cluster::protocol())?;
    let sequencer = cluster.sequencer().await?;
    let keys =
        [cluster.client_key(), cluster.provider_key(0), cluster.provider_key(1), cluster.provider_key(2)];
    cluster.fund(&keys, parse_ether("10")?).await?;
    Ok((cluster, sequencer))
}

/// The balance credited to or held by an account is money: what the client paid must be what providers earned.
fn paid(result: &Value) -> Result<U256> {
    Ok(text(result, "paid")?.parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_at_every_journalled_state_finishes_its_job() -> Result<()> {
    let (cluster, _sequencer) = market().await?;
    let _steady = cluster.provider(1, &["--executor", "reference"])?;
    for (n, stage) in STAGES.iter().enumerate() {
        let mut first = cluster.provider(0, &["--executor", "reference", "--crash-at", stage])?;
        // Long enough for the agent to see each state: a job that is paid at once skips `revealed`.
        let file = job(&cluster, &format!("crash-{stage}"), "challenge_secs = 4")?;
        let mut submit = cluster.job_command(&["submit", file.to_str().unwrap()]);
        let submit = std::thread::spawn(move || submit.output());
        wait_for(&format!("the crash at {stage}"), async || first.ended().map(|e| e.map(drop))).await?;
        let second = cluster.provider(0, &["--executor", "reference"])?;
        let out = submit.join().map_err(|_| eyre!("the submit thread panicked"))??;
        let lines = String::from_utf8_lossy(&out.stdout).into_owned();
        let last: Value = serde_json::from_str(lines.lines().last().unwrap_or_default())
            .map_err(|_| eyre!("{stage}: {lines}\n{}", String::from_utf8_lossy(&out.stderr)))?;
        ensure!(text(&last, "status")? == "Final", "{stage}: {last}");
        ensure!(last["replicas"] == 2, "{stage}: both providers are paid: {last}");
        ensure!(last["job"] == n as u64 + 1);
        check_output(&file)?;
        second.kill()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_freezes_the_job_and_a_time_out_returns_everything() -> Result<()> {
    let (cluster, _sequencer) = market().await?;
    let _honest = cluster.provider(0, &["--executor", "reference"])?;
    let _liar = cluster.provider(1, &["--executor", "reference", "--misbehave", "lie"])?;
    let file = job(&cluster, "lie", "challenge_secs = 1")?;
    let (ok, result) = cluster.job(&["submit", file.to_str().unwrap()])?;
    ensure!(!ok, "a voided job is no success: {result}");
    ensure!(text(&result, "status")? == "Void", "{result}");
    ensure!(paid(&result)?.is_zero(), "{result}");
    ensure!(text(&result, "refunded")?.parse::<U256>()? > U256::ZERO, "{result}");
    let (_, why) = cluster.job(&["explain", "1"])?;
    ensure!(why.to_string().contains("the revealed results differ"), "{why}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_vanishes_loses_its_bond_and_the_others_are_paid() -> Result<()> {
    let (cluster, _sequencer) = market().await?;
    let _honest = cluster.provider(0, &["--executor", "reference"])?;
    let _gone = cluster.provider(1, &["--executor", "reference", "--misbehave", "vanish-after-ack"])?;
    let file = job(&cluster, "vanish", "challenge_secs = 1\nrun_secs = 6")?;
    let (ok, result) = cluster.job(&["submit", file.to_str().unwrap()])?;
    ensure!(ok, "{result}");
    ensure!(text(&result, "status")? == "Final", "{result}");
    ensure!(result["replicas"] == 1, "only the one who delivered is paid: {result}");
    check_output(&file)?;
    let (_, why) = cluster.job(&["explain", "1"])?;
    ensure!(why.to_string().contains("missed a deadline and lost its bond"), "{why}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_that_restarts_in_the_middle_of_a_job_loses_nothing() -> Result<()> {
    let (cluster, sequencer) = market().await?;
    let _one = cluster.provider(0, &["--executor", "reference"])?;
    let _two = cluster.provider(1, &["--executor", "cuda"])?;
    let file = job(&cluster, "restart", "challenge_secs = 6")?;
    let mut submit = cluster.job_command(&["submit", file.to_str().unwrap()]);
    let submit = std::thread::spawn(move || submit.output());
    let market =
        assay_bindings::Market::new(assay_primitives::predeploys::MARKET, cluster.l2(&cluster.client_key()));
    wait_for("the job to be taken", async || {
        Ok((market.replicas(U256::from(1)).call().await?.len() == 2).then_some(()))
    })
    .await?;
    sequencer.kill()?;
    let _sequencer = cluster.sequencer().await?;
    let out = submit.join().map_err(|_| eyre!("the submit thread panicked"))??;
    let lines = String::from_utf8_lossy(&out.stdout).into_owned();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap_or_default())
        .map_err(|_| eyre!("{lines}\n{}", String::from_utf8_lossy(&out.stderr)))?;
    ensure!(text(&last, "status")? == "Final", "{last}");
    check_output(&file)?;
    let _verifier = cluster.verifier().await?;
    let block = last["block"].as_u64().ok_or_else(|| eyre!("no block in {last}"))?;
    cluster.compare_to(block).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_jobs_are_refused_in_words_before_anything_is_paid() -> Result<()> {
    let (cluster, _sequencer) = market().await?;
    let file = job(&cluster, "bad", "")?;
    let good = std::fs::read_to_string(&file)?;
    let ptx = std::fs::read_to_string(file.with_file_name("kernels.ptx"))?;
    for (from, to, words) in [
        ("kernel = \"saxpy\"", "kernel = \"daxpy\"", "daxpy"),
        ("args = [1000, 2.0, \"x\", \"y\", \"out\"]", "args = [1000, 2.0, \"x\", \"y\"]", "argument"),
        ("\"y\", \"out\"]", "\"y\", \"nowhere\"]", "nowhere"),
        ("grid = [4]", "grid = [0]", "grid"),
        ("grid = [4]", "grid = [4294967295, 65535, 65535]", "grid"),
        ("input = \"x.f32\"", "input = \"absent.f32\"", "absent.f32"),
        ("fuel = 1_000_000", "fuel = 0", "fuel"),
    ] {
        ensure!(good.contains(from), "the job has no `{from}`");
        std::fs::write(&file, good.replace(from, to))?;
        let (ok, result) = cluster.job(&["submit", file.to_str().unwrap()])?;
        let error = text(&result, "error")?;
        ensure!(!ok && error.contains(words), "`{to}` gave: {error}");
    }
    std::fs::write(&file, &good)?;
    let approximate = ptx.replacen("fma.rn.f32", "fma.rn.ftz.f32", 1);
    ensure!(approximate != ptx);
    std::fs::write(file.with_file_name("kernels.ptx"), approximate)?;
    let (ok, result) = cluster.job(&["submit", file.to_str().unwrap()])?;
    ensure!(!ok && text(&result, "error")?.contains("line"), "{result}");
    Ok(())
}
