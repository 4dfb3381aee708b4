//! Core crates and programs on the guest's target: what the proof will run must build without an operating system.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Result, WrapErr, ensure};

use crate::shell::{cargo, command, output, root, run, target_dir};

/// The crates that guest programs link.
const CORE: [&str; 6] =
    ["assay-primitives", "assay-execution", "assay-machine", "assay-dispute", "assay-ptx", "assay-compute"];

const TARGET: &str = "riscv64imac-unknown-none-elf";

/// RV64IM and bit manipulation, nothing compressed and nothing atomic: the machine has one thread, so the compiler may turn atomics
/// into plain loads and stores. No place of a source line gets in, so that neither the folder it is built in nor a new comment changes a
/// program's identity.
const FLAGS: &str = "-Ctarget-feature=-c,-a,-zaamo,-zalrsc,-zca,+zba,+zbb,+zbs -Cpasses=lower-atomic -Zlocation-detail=none -Dwarnings";

/// The compiler that the committed programs were built with, its version line.
const COMPILER: &str = "rustc 1.95.0 (59807616e 2026-04-14)";

/// Committed programs: file in `programs/elf`, package, what cargo calls the binary.
const PROGRAMS: [(&str, &str, &str); 8] = [
    ("hello", "program-hello", "program-hello"),
    ("keccak", "program-keccak", "program-keccak"),
    ("preimage", "program-preimage", "program-preimage"),
    ("transfers", "program-transfers", "program-transfers"),
    ("bench-integers", "program-bench", "integers"),
    ("bench-keccak", "program-bench", "keccak"),
    ("bench-sort", "program-bench", "sort"),
    ("bench-transfers", "program-bench", "transfers"),
];

/// What to do about the programs.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Write the built programs to `programs/elf` instead of comparing them.
    #[arg(long)]
    write: bool,
}

/// What was shown, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Core checked and programs built by the compiler of the committed ones, which they equal.
    Same,
    /// The same, and the committed ones are new.
    Written,
    /// Checked, with its own `core` and `alloc`, by another compiler, whose programs are never compared.
    Checked {
        /// The compiler's version line.
        compiler: String,
    },
    /// Checked on the target's ready-made `core`: shows that nothing needs `std`, not which instructions come out.
    CheckedOnStockCore {
        /// The compiler's version line.
        compiler: String,
    },
    /// No compiler here can.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crates = CORE.join(", ");
        let not_compared = "programs NOT rebuilt, so nothing shows that programs/elf is what the sources say";
        match self {
            Self::Same => {
                write!(f, "checked for the guest: {crates}; built by {COMPILER} and equal: programs/elf")
            }
            Self::Written => write!(f, "checked for the guest: {crates}; written: programs/elf"),
            Self::Checked { compiler } => write!(
                f,
                "checked for the guest by {compiler}: {crates}, programs; {not_compared}: that takes {COMPILER} and its sources \
                 (`rustup component add rust-src`)"
            ),
            Self::CheckedOnStockCore { compiler } => write!(
                f,
                "checked for {TARGET} by {compiler} on its ready-made core, because there are no sources of the standard library \
                 (`rustup component add rust-src`): {crates}, programs; {not_compared}"
            ),
            Self::Skipped => write!(
                f,
                "skipped: no compiler here can build for {TARGET}: neither `rustup component add rust-src` nor `rustup target \
                 add {TARGET}` was done, and Debian's rustc-web, cargo-web and rust-web-src are not installed; {not_compared}"
            ),
        }
    }
}

/// Checks the core for the guest and builds the programs again with the pinned toolchain; else checks both with what there is, and says
/// what was not shown.
pub(crate) fn check(args: &Args) -> Result<Outcome> {
    let pinned = output(command("rustc").args(["--print", "sysroot"]))?;
    let pinned = Path::new(pinned.trim());
    if has_sources(pinned) {
        let compiler = version("rustc")?;
        build_with(cargo, &["-Zbuild-std=core,alloc"], FLAGS, &CORE)?;
        if compiler == COMPILER {
            build()?;
            return if args.write {
                write().map(|()| Outcome::Written)
            } else {
                compare().map(|()| Outcome::Same)
            };
        }
        ensure!(!args.write, "only {COMPILER} writes programs, this is {compiler}");
        build_with(cargo, &["-Zbuild-std=core,alloc"], FLAGS, &programs())?;
        return Ok(Outcome::Checked { compiler });
    }
    ensure!(!args.write, "writing programs takes the compiler's sources: `rustup component add rust-src`");
    let all: Vec<&str> = CORE.into_iter().chain(programs()).collect();
    if Path::new("/usr/bin/cargo").exists() && has_sources(Path::new("/usr")) {
        let debian = || {
            let mut cargo = command("/usr/bin/cargo");
            cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN");
            cargo
        };
        build_with(debian, &["-Zbuild-std=core,alloc"], FLAGS, &all)?;
        return Ok(Outcome::Checked { compiler: version("/usr/bin/rustc")? });
    }
    if pinned.join("lib/rustlib").join(TARGET).exists() {
        build_with(cargo, &[], "", &all)?;
        return Ok(Outcome::CheckedOnStockCore { compiler: version("rustc")? });
    }
    Ok(Outcome::Skipped)
}

/// The packages of [`PROGRAMS`], each once.
fn programs() -> Vec<&'static str> {
    let mut packages: Vec<&str> = PROGRAMS.iter().map(|(_, package, _)| *package).collect();
    packages.dedup();
    packages
}

fn folder() -> PathBuf {
    root().join("programs/elf")
}

fn built(binary: &str) -> PathBuf {
    target_dir().join("guest").join(TARGET).join("guest").join(binary)
}

/// Fails when a committed program is not what was built.
fn compare() -> Result<()> {
    let differ = |(file, _, binary): &&(&str, &str, &str)| {
        fs::read(folder().join(file)).ok() != fs::read(built(binary)).ok()
    };
    let stale: Vec<&str> = PROGRAMS.iter().filter(differ).map(|(file, ..)| *file).collect();
    ensure!(
        stale.is_empty(),
        "programs/elf is not what the sources give: {}; look at why, then run `cargo xtask guest --write`",
        stale.join(", ")
    );
    Ok(())
}

fn write() -> Result<()> {
    fs::create_dir_all(folder())?;
    for (file, _, binary) in PROGRAMS {
        fs::copy(built(binary), folder().join(file)).wrap_err_with(|| format!("program {file}"))?;
    }
    Ok(())
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/alloc").exists()
}

fn version(rustc: &str) -> Result<String> {
    Ok(output(command(rustc).arg("--version"))?.trim().to_owned())
}

/// A command for the guest's target. `flags` are the compiler's.
fn for_guest(mut cargo: Command, flags: &str) -> Command {
    cargo
        .args(["--locked", "--quiet", "--target", TARGET])
        // A folder of its own: build scripts look at RUSTC_BOOTSTRAP and would run again for every other build.
        .arg("--target-dir")
        .arg(target_dir().join("guest"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        // The guest's features are its own, whatever else cargo is set to build together.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
    cargo
}

/// Builds packages, as they are without default features: what the programs link too is built for both.
fn build_with(cargo: impl Fn() -> Command, std: &[&str], flags: &str, packages: &[&str]) -> Result<()> {
    let mut check = cargo();
    check.args(["build", "--profile", "guest", "--no-default-features"]).args(std);
    check.args(packages.iter().flat_map(|name| ["-p", name]));
    run(&mut for_guest(check, flags))
}

/// Builds the programs, each package by itself, so that no other one's features are in it.
fn build() -> Result<()> {
    for package in programs() {
        let mut build = cargo();
        build.args(["build", "--profile", "guest", "-Zbuild-std=core,alloc", "--bins", "-p", package]);
        run(&mut for_guest(build, FLAGS))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_says_what_was_not_shown() {
        let skipped = Outcome::Skipped.to_string();
        assert!(skipped.starts_with("skipped: no compiler here can build for riscv64imac"));
        let stock = Outcome::CheckedOnStockCore { compiler: "rustc 1.95.0".into() }.to_string();
        assert!(stock.contains("ready-made core, because there are no sources"));
        let other = Outcome::Checked { compiler: "rustc 1.85.0".into() }.to_string();
        assert!(other.contains("by rustc 1.85.0: assay-primitives"));
        for text in [skipped, stock, other] {
            assert!(text.contains("programs NOT rebuilt"), "{text}");
        }
        assert!(Outcome::Same.to_string().contains("equal: programs/elf"));
    }
}
