//! Core crates and programs on the guest's target: what the proof will run must build without an operating system.

use std::{fmt, path::Path, process::Command};

use eyre::Result;

use crate::shell::{cargo, command, output, run, target_dir};

/// The crates that guest programs link.
const CORE: [&str; 6] =
    ["assay-primitives", "assay-execution", "assay-machine", "assay-dispute", "assay-ptx", "assay-compute"];

const TARGET: &str = "riscv64imac-unknown-none-elf";

/// RV64IM and bit manipulation, nothing compressed and nothing atomic: the machine has one thread, so the compiler may turn atomics
/// into plain loads and stores.
const FLAGS: &str = "-Ctarget-feature=-c,-a,-zaamo,-zalrsc,-zca,+zba,+zbb,+zbs -Cpasses=lower-atomic";

/// Whether the core was built for the guest, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Built with its own `core` and `alloc`, so that the whole of it has the machine's instructions only.
    Built {
        /// The compiler's version line.
        compiler: String,
    },
    /// Built on the target's ready-made `core`: shows that nothing needs `std`, not which instructions come out.
    BuiltOnStockCore {
        /// The compiler's version line.
        compiler: String,
    },
    /// No compiler here can.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crates = CORE.join(", ");
        match self {
            Self::Built { compiler } => write!(f, "built for the guest by {compiler}: {crates}, programs"),
            Self::BuiltOnStockCore { compiler } => write!(
                f,
                "built for {TARGET} by {compiler} on its ready-made core, because there are no sources of the standard library \
                 (`rustup component add rust-src`): {crates}, programs"
            ),
            Self::Skipped => write!(
                f,
                "skipped: no compiler here can build for {TARGET}: neither `rustup component add rust-src` nor `rustup target \
                 add {TARGET}` was done, and Debian's rustc-web, cargo-web and rust-web-src are not installed"
            ),
        }
    }
}

/// Checks core and programs for the guest with the pinned toolchain, else with Debian's, else says that it cannot.
pub(crate) fn check() -> Result<Outcome> {
    let pinned = output(command("rustc").args(["--print", "sysroot"]))?;
    let pinned = Path::new(pinned.trim());
    if has_sources(pinned) {
        check_with(cargo, &["-Zbuild-std=core,alloc"], FLAGS)?;
        return Ok(Outcome::Built { compiler: version("rustc")? });
    }
    if Path::new("/usr/bin/cargo").exists() && has_sources(Path::new("/usr")) {
        // A different compiler: good enough to see that it builds, its code is never compared.
        let debian = || {
            let mut cargo = command("/usr/bin/cargo");
            cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN");
            cargo
        };
        check_with(debian, &["-Zbuild-std=core,alloc"], FLAGS)?;
        return Ok(Outcome::Built { compiler: version("/usr/bin/rustc")? });
    }
    if pinned.join("lib/rustlib").join(TARGET).exists() {
        check_with(cargo, &[], "")?;
        return Ok(Outcome::BuiltOnStockCore { compiler: version("rustc")? });
    }
    Ok(Outcome::Skipped)
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/alloc").exists()
}

fn version(rustc: &str) -> Result<String> {
    Ok(output(command(rustc).arg("--version"))?.trim().to_owned())
}

/// Checks the core crates, then the programs, which are a workspace of their own.
fn check_with(cargo: impl Fn() -> Command, std: &[&str], flags: &str) -> Result<()> {
    let check = |what: &[&str]| {
        let mut check = cargo();
        check
            .args(["check", "--release", "--locked", "--quiet", "--target", TARGET])
            .args(std)
            .args(what)
            // A folder of its own: build scripts look at RUSTC_BOOTSTRAP and would run again for every other build.
            .arg("--target-dir")
            .arg(target_dir().join("guest"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", format!("{flags} -Dwarnings"))
            // The guest's features are its own, whatever else cargo is set to build together.
            .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
        run(&mut check)
    };
    let packages = CORE.iter().flat_map(|name| ["-p", name]);
    check(&["--lib", "--no-default-features"].into_iter().chain(packages).collect::<Vec<_>>())?;
    check(&["--manifest-path", "programs/Cargo.toml", "--workspace"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_says_what_was_not_shown() {
        assert!(
            Outcome::Skipped.to_string().starts_with("skipped: no compiler here can build for riscv64imac")
        );
        let stock = Outcome::BuiltOnStockCore { compiler: "rustc 1.95.0".into() };
        assert!(stock.to_string().contains("ready-made core, because there are no sources"));
        let built = Outcome::Built { compiler: "rustc 1.95.0".into() };
        assert!(built.to_string().contains("by rustc 1.95.0: assay-primitives"));
    }
}
