#![doc = include_str!("../README.md")]

mod chain_file;
mod cmd;
mod dev;
mod keys;
mod node;
mod out;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cmd::Args::parse();
    run::init_logs(args.log_format, args.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cmd::dispatch(args)) {
        Ok(code) => code,
        Err(report) => {
            out::error(&report);
            ExitCode::FAILURE
        }
    }
}
