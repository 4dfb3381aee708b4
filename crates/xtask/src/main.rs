//! `cargo xtask`: the project's own commands, each doing its own set-up.
//!
//! `demo` runs the main job end to end, `test` runs every test, `ci` is the gate that `.ci/run` calls,
//! `bench` measures, `contracts` and `bindings` look after the Solidity side.

mod bench_machine;
mod bench_node;
mod ci;
mod contracts;
mod debian;
mod demo;
mod figures;
mod guest;
mod layers;
mod postgres;
mod seeded;
mod shell;
mod test;
mod tools;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the main job end to end on embedded defaults and say in words what happens.
    Demo(demo::Args),
    /// Run every test: contracts, crates, documentation, real processes, wallets' libraries.
    Test(test::Args),
    /// Run the gate: formats, lints, documentation, licences, layers, tests, demo.
    Ci,
    /// Put bugs into copies of the contracts and the machine, one at a time, and fail unless tests notice.
    SeededBugs(seeded::Args),
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// Check the core crates for the RISC-V guest target, build the programs again and compare them with the committed ones.
    Guest(guest::Args),
    /// Format-check, build and test the contracts.
    Contracts,
    /// Write the committed contract artifacts again, or fail when they are stale.
    Bindings {
        /// Only compare; fail when the committed artifacts differ from the sources.
        #[arg(long)]
        check: bool,
    },
    /// Check that arrows between crates only point down.
    Layers,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The machine's executors against qemu and ckb-vm, and what a proof costs.
    Machine(bench_machine::Args),
    /// The sequencer against anvil, on the same transactions.
    Node(bench_node::Args),
}

fn main() -> eyre::Result<()> {
    match Args::parse().command {
        Command::Demo(args) => demo::play(&args),
        Command::Test(args) => test::all(&args),
        Command::Bench(Bench::Machine(args)) => bench_machine::play(&args),
        Command::Bench(Bench::Node(args)) => bench_node::play(&args),
        Command::Ci => ci::gate(),
        Command::Guest(args) => guest::check(&args).map(|outcome| println!("{outcome}")),
        Command::SeededBugs(args) => seeded::play(&args),
        Command::Contracts => {
            contracts::build()?;
            contracts::test()
        }
        Command::Bindings { check } => contracts::bindings(check),
        Command::Layers => layers::check(),
    }
}
