//! Every test: contracts, crates, documentation examples and end-to-end runs on real processes.

use eyre::Result;

use crate::{
    contracts, debian,
    postgres::Postgres,
    shell::{cargo, run, stage},
    tools,
};

/// What to run; everything by default.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Leave the contracts' own tests out.
    #[arg(long)]
    no_contracts: bool,
    /// Run only Rust tests whose name holds this text.
    filter: Option<String>,
}

/// Builds what the tests start, then runs them.
pub(crate) fn all(args: &Args) -> Result<()> {
    contracts::install()?;
    if !args.no_contracts && args.filter.is_none() {
        stage("contracts: test", contracts::test)?;
    }
    // The end-to-end tests start the `assay` program and the `libcuda` stand-in from the build folder.
    stage("build", || run(cargo().args(["build", "--workspace", "--all-targets", "--locked"])))?;
    let postgres = Postgres::start()?;
    debian::foreign_compilers()?;
    stage("crates", || crates(args, postgres.as_ref()))?;
    drop(postgres);
    if args.filter.is_none() {
        stage("documentation examples", || {
            run(cargo().args(["test", "--workspace", "--locked", "--doc", "--quiet"]))
        })?;
    }
    Ok(())
}

fn crates(args: &Args, postgres: Option<&Postgres>) -> Result<()> {
    let mut command = cargo();
    if let Some(server) = postgres {
        command.env("ASSAY_TEST_POSTGRES_URL", &server.url);
    }
    if tools::has_nextest() {
        command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--locked", "--all-targets", "--no-fail-fast"]);
    }
    command.args(args.filter.as_deref());
    run(&mut command)
}
