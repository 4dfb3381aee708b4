//! The command line: one module a subcommand, parsing and printing only.

pub(crate) mod deploy;
mod job;
mod keys;
mod machine;
mod node;
mod provider;
mod sequencer;
mod stf;

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
    /// Deploy the L1 contracts of a new chain and write its chain file.
    Deploy(deploy::Args),
    /// Build blocks and post them to the L1.
    Sequencer(Box<sequencer::Args>),
    /// Derive the chain from the L1 alone and serve it.
    Verifier(Box<node::VerifierArgs>),
    /// Buy compute: post jobs, watch them, fetch their outputs.
    #[command(subcommand)]
    Job(job::Command),
    /// Sell compute.
    #[command(subcommand)]
    Provider(provider::Command),
    /// Run one job in this process; the agent starts it in a child process of its own.
    #[command(hide = true)]
    ExecJob {
        /// Folder with the job.
        #[arg(long)]
        dir: std::path::PathBuf,
        /// What runs it.
        #[arg(long)]
        executor: assay_provider::ExecutorKind,
    },
    /// Run, step and check programs of the machine that settles disputes.
    #[command(subcommand)]
    Machine(machine::Command),
    /// Check the state-transition function against Ethereum's own tests.
    #[command(subcommand)]
    Stf(stf::Command),
    /// Make and look at keystore files.
    #[command(subcommand)]
    Keys(keys::Command),
}

/// Runs the chosen subcommand.
pub(crate) async fn dispatch(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Dev(args) => dev::run(args).await?,
        Command::Deploy(args) => deploy::run(args).await?,
        Command::Sequencer(args) => sequencer::run(*args).await?,
        Command::Verifier(args) => node::verify(*args).await?,
        Command::Job(command) => return job::run(command).await,
        Command::Provider(command) => provider::run(command).await?,
        Command::ExecJob { dir, executor } => {
            return Ok(
                tokio::task::spawn_blocking(move || assay_provider::exec_job_main(&dir, executor)).await?
            );
        }
        Command::Machine(command) => return machine::run(command).await,
        Command::Stf(command) => return stf::run(command).await,
        Command::Keys(command) => keys::run(&command)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Args::command().debug_assert();
    }
}
