//! `assay stf`: the state-transition function against Ethereum's own tests.

mod format;
mod statetest;

use std::process::ExitCode;

use clap::Subcommand;
use eyre::Result;

/// What to check it against.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run Ethereum state tests (GeneralStateTests as JSON); the exit code is 1 when one fails.
    Statetest(statetest::Args),
}

/// Runs `assay stf`.
pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Statetest(args) => tokio::task::spawn_blocking(move || statetest::run(&args)).await?,
    }
}
