//! What every long-running command shares: logs and an orderly stop.

use std::{io::IsTerminal, time::Duration};

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How log lines look on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How long a service may take to stop before the process ends without it.
const STOP_SECS: u64 = 20;

/// Logs to standard error; `RUST_LOG` overrides the level. Targets match by prefix: `assay` is every crate of ours.
pub(crate) fn init_logs(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => "warn,assay=info",
        1 => "info,assay=debug",
        _ => "debug,assay=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// A token that Ctrl-C or SIGTERM cancels; a second signal ends the process at once.
///
/// Call it before anything slow: the handlers are in place when it returns, and an early signal is not lost.
///
/// # Errors
/// When the operating system allows no handlers.
pub(crate) fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let mut either = async || tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} };
        either().await;
        cancel.cancel();
        tokio::select! {
            () = either() => {}
            () = tokio::time::sleep(Duration::from_secs(STOP_SECS)) => {
                eprintln!("error: not stopped within {STOP_SECS} s, ending without a clean stop");
            }
        }
        std::process::exit(130);
    });
    Ok(token)
}
