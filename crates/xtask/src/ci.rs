//! The gate, cheapest stage first; every stage says how long it took.

use eyre::Result;

use crate::{
    contracts, demo, guest, layers, seeded,
    shell::{cargo, run, stage},
    test, tools,
};

/// Runs every stage and prints a table of times.
pub(crate) fn gate() -> Result<()> {
    let mut times = Vec::new();
    let mut go = |name: &'static str, step: fn() -> Result<()>| -> Result<()> {
        times.push((name, stage(name, step)?));
        Ok(())
    };
    go("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
    go("layers", layers::check)?;
    go("spelling", spelling)?;
    go("licences", tools::deny)?;
    go("unused dependencies", tools::machete)?;
    go("contracts: build", contracts::build)?;
    go("contracts: artifacts", || contracts::bindings(true))?;
    go("clippy", clippy)?;
    go("documentation", documentation)?;
    go("guest target", || guest::check(&guest::Args::default()).map(|outcome| println!("{outcome}")))?;
    go("tests", || test::all(&test::Args::default()))?;
    go("seeded bugs", || seeded::play(&seeded::Args { share: true }))?;
    go("demo", || demo::play(&demo::Args { json: true, built: true }))?;
    println!("\n{:>8}  stage", "seconds");
    for (name, secs) in &times {
        println!("{secs:>8.1}  {name}");
    }
    println!("{:>8.1}  in all", times.iter().map(|(_, secs)| secs).sum::<f64>());
    Ok(())
}

fn spelling() -> Result<()> {
    match tools::typos()? {
        Some(mut typos) => run(&mut typos),
        None => {
            println!("skipped: `typos` comes from PyPI and this machine has no python3 with pip");
            Ok(())
        }
    }
}

fn clippy() -> Result<()> {
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<()> {
    run(cargo()
        .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}
