//! Running other programs from the repository root, with the command line in every error.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use eyre::{Result, WrapErr, bail};

/// The repository root, from where cargo says it runs us: a build folder shared by two clones may hold the other one's program.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    Path::new(package.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR").as_ref()))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the root")
        .to_path_buf()
}

/// The folder cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The `cargo` that runs us, without what `cargo run` says about this package: build scripts look at it, and every change between
/// `cargo build` and `cargo xtask` would build half of the dependencies again.
pub(crate) fn cargo() -> Command {
    without_this_package(command(cargo_program()))
}

/// The same, and what it starts, stopped after so many seconds.
pub(crate) fn cargo_within(seconds: u32) -> Command {
    let mut timeout = command("timeout");
    timeout.arg(seconds.to_string()).arg(cargo_program());
    without_this_package(timeout)
}

fn cargo_program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

fn without_this_package(mut cargo: Command) -> Command {
    const ABOUT_US: [&str; 4] =
        ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];
    for name in std::env::vars().map(|(name, _)| name) {
        if name.starts_with("CARGO_PKG_") || ABOUT_US.contains(&name.as_str()) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// A program started in the repository root.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs to the end; a non-zero exit is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().wrap_err_with(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs to the end and returns standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let out = command.output().wrap_err_with(|| format!("could not start `{line}`"))?;
    if !out.status.success() {
        bail!("`{line}` failed: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs `step` under a heading and returns how long it took, in seconds.
pub(crate) fn stage(name: &str, step: impl FnOnce() -> Result<()>) -> Result<f64> {
    println!("\n== {name}");
    let start = Instant::now();
    step().wrap_err_with(|| format!("stage `{name}`"))?;
    let secs = start.elapsed().as_secs_f64();
    println!("== {name}: ok in {secs:.1} s");
    Ok(secs)
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}
