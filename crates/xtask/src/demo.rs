//! `cargo xtask demo`: the main job end to end, on real parts, told in words.

mod data;
mod network;

use std::{path::Path, time::Instant};

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::{Value, json};

use crate::{
    contracts,
    shell::{cargo, root, run, target_dir},
};
use network::{Network, number, text};

/// How long the verifier may take to reach the block that finalized the job, in seconds.
const VERIFIER_WAIT_SECS: u64 = 60;

/// How to tell the story.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End with one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Take the programs as they were built last.
    #[arg(long)]
    pub(crate) built: bool,
}

/// Sets up, runs the job and checks what came back.
pub(crate) fn play(args: &Args) -> Result<()> {
    contracts::install()?;
    if !args.built {
        println!("Building the program (the first time takes some minutes) ...");
        // The whole workspace, as the tests build it: one set of features, so nothing is built twice.
        run(cargo().args(["build", "--quiet", "--locked", "--workspace"]))?;
    }
    let scratch = Scratch::new("demo")?;
    let start = Instant::now();

    println!(
        "\n1. Starting a network: an L1 (anvil), the contracts, a sequencer, a verifier and two providers."
    );
    let network = Network::start(&scratch.0.join("network"))?;
    println!(
        "   L1 {}   sequencer {}   verifier {}",
        network.l1_url, network.sequencer_url, network.verifier_url
    );
    for provider in &network.providers {
        println!("   provider {} runs jobs on: {}", text(provider, "address")?, text(provider, "executor")?);
    }

    println!("\n2. Making the job's files: two 512 x 512 matrices and two vectors of 4 Mi floats.");
    let job_dir = scratch.0.join("job");
    let expected = data::write(&root().join("tests/jobs/demo"), &job_dir)?;

    println!("\n3. Buying the job: escrow paid into the Market, inputs served to whoever is assigned.");
    let result = network.submit(&job_dir.join("job.toml"))?;
    let units = number(&result, "work_units")?;
    println!("   job {} is {}", number(&result, "job")?, text(&result, "status")?);
    println!(
        "   {} providers returned result root {}",
        number(&result, "replicas")?,
        text(&result, "result_root")?
    );
    println!("   {units} work units, {} wei paid", text(&result, "paid")?);

    println!("\n4. Checking the outputs against this machine's own arithmetic, bit for bit.");
    let checked = expected.check(&job_dir)?;
    println!("   {checked} elements equal");

    println!(
        "\n5. Following the money and the blocks: the verifier has only the L1 and derives the same chain."
    );
    let block = number(&result, "block")?;
    let verified = network.wait_for_verifier(block, VERIFIER_WAIT_SECS)?;
    let sequenced = network.block(&network.sequencer_url, number(&verified, "number")?)?;
    if sequenced != verified {
        bail!("sequencer and verifier differ: {sequenced} and {verified}");
    }
    let l1 = network.l1_posts()?;
    println!(
        "   {} batches in {} blobs on L1; both nodes hold block {} with state root {}",
        l1.0,
        l1.1,
        number(&verified, "number")?,
        text(&verified, "state_root")?
    );
    network.stop()?;
    println!(
        "\nDone in {:.1} s. `cargo run -p assay-cli -- dev` leaves such a network running for you.",
        start.elapsed().as_secs_f64()
    );
    if args.json {
        let head = |block: &Value| json!({"height": block["number"], "state_root": block["state_root"]});
        let line = json!({
            "job": {"status": result["status"], "work_units": units, "paid": result["paid"], "replicas": result["replicas"], "result_root": result["result_root"]},
            "l1": {"batches": l1.0, "blobs": l1.1},
            "sequencer": head(&sequenced),
            "verifier": head(&verified),
        });
        println!("{line}");
    }
    Ok(())
}

/// A folder under the build folder that goes when the demo ends well and stays for a look when it does not.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let place = target_dir().join("xtask").join(format!("{name}-{}", std::process::id()));
        clear(&place)?;
        std::fs::create_dir_all(&place).wrap_err_with(|| format!("could not make {}", place.display()))?;
        Ok(Self(place))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("files kept in {}", self.0.display());
        } else {
            let _ = clear(&self.0);
        }
    }
}

fn clear(place: &Path) -> Result<()> {
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(eyre!(error)).wrap_err_with(|| format!("could not clear {}", place.display()))
        }
        _ => Ok(()),
    }
}
