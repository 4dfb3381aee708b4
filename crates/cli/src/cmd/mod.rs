//! The command line: one module a subcommand, parsing and printing only.

mod keys;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use eyre::Result;

use crate::{dev, run::LogFormat};

/// A marketplace for GPU compute whose results can be proven, on an Ethereum optimistic rollup.
#[derive(Debug, Parser)]
#[command(name = "assay", version, propagate_version = true)]
pub(crate) struct Args {
    /// How log lines look on standard error.
    #[arg(long, global = true, value_enum, default_value = "text", env = "ASSAY_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
    /// More log lines; twice for all of them.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine: L1, contracts, sequencer, verifier and two providers.
    Dev(dev::Args),
    /// Make and look at keystore files.
    #[command(subcommand)]
    Keys(keys::Command),
}

/// Runs the chosen subcommand.
pub(crate) async fn dispatch(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Dev(args) => dev::run(args).await?,
        Command::Keys(command) => keys::run(&command)?,
    }
    Ok(ExitCode::SUCCESS)
}
