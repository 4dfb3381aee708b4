//! Seeded bugs: patches of the contracts and of the machine that tests must notice.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use eyre::{OptionExt, Result, WrapErr, bail, ensure};

use crate::{
    contracts,
    shell::{cargo_within, command, output, root, run, target_dir},
};

/// Suites of the contracts with bugs of their own, and where those lie.
const CONTRACTS: [&str; 2] = ["contracts/test/invariant/bugs", "contracts/test/dispute/bugs"];
/// The machine's bugs, and the package they are for.
const MACHINE: &str = "crates/machine/tests/bugs";
const PACKAGE: &str = "crates/machine";
/// Of so many bugs the gate tries one.
const SHARES: usize = 3;
/// Seconds after which tests that a bug keeps from ending are stopped; building them is in it.
const SECONDS_MAX: u32 = 300;
/// What is copied.
const SOURCES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates", "programs", "tests"];

/// Which bugs to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try only a third of them, chosen by the commit, as the gate does.
    #[arg(long)]
    pub(crate) share: bool,
}

/// Puts each bug into a copy of the sources and fails unless tests notice.
pub(crate) fn play(args: &Args) -> Result<()> {
    let turn = args.share.then(turn).transpose()?;
    for folder in CONTRACTS {
        contracts::seeded_bugs(folder, &bugs(folder, turn)?)?;
    }
    machine(&bugs(MACHINE, turn)?)
}

/// Which share is this commit's: no two neighbours need to differ, but every bug has its turn soon.
fn turn() -> Result<usize> {
    // without a repository, the first
    let commit = output(command("git").args(["rev-parse", "HEAD"])).unwrap_or_default();
    let digits = commit.trim().get(..8).unwrap_or("0");
    Ok(usize::from_str_radix(digits, 16)? % SHARES)
}

/// The patches of a folder, or the share whose turn it is.
fn bugs(folder: &str, turn: Option<usize>) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(root().join(folder))?.map(|file| Ok(file?.path()));
    let mut bugs: Vec<PathBuf> = files.collect::<Result<_>>()?;
    bugs.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
    bugs.sort();
    ensure!(bugs.len() >= SHARES, "too few bugs in {folder}");
    let all = bugs.len();
    if let Some(turn) = turn {
        bugs = bugs.into_iter().skip(turn).step_by(SHARES).collect();
    }
    println!("{folder}: {} of {all} bugs", bugs.len());
    Ok(bugs)
}

/// The machine's: each must compile, and the tests that its first line names must not pass.
fn machine(bugs: &[PathBuf]) -> Result<()> {
    let copy = copy()?;
    let tests = bugs.iter().map(|bug| tests(bug)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    for tests in &tests {
        output(&mut cargo_test(&copy, tests)).wrap_err("without a bug")?;
    }
    println!("without a bug the tests pass ({:.1} s)", start.elapsed().as_secs_f64());
    let mut missed = 0;
    for (bug, tests) in bugs.iter().zip(&tests) {
        let start = Instant::now();
        patch(&copy, bug, &[])?;
        output(cargo_test(&copy, tests).arg("--no-run"))
            .wrap_err_with(|| format!("with {}", bug.display()))?;
        let passes = output(&mut cargo_test(&copy, tests)).is_ok();
        patch(&copy, bug, &["--reverse"])?;
        missed += u32::from(passes);
        let (found, name) = (if passes { "MISSED" } else { "caught" }, bug.file_stem().unwrap_or_default());
        println!("{found}  {} ({:.1} s)", name.display(), start.elapsed().as_secs_f64());
    }
    ensure!(missed == 0, "{missed} of {} bugs were not noticed", bugs.len());
    Ok(())
}

/// The arguments for `cargo test` in a patch's first line.
fn tests(bug: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(bug)?;
    let tests = text.lines().next().and_then(|line| line.strip_prefix("Tests: "));
    let tests = tests.ok_or_eyre("no `Tests:` line").wrap_err_with(|| format!("{}", bug.display()))?;
    Ok(tests.split_whitespace().map(Into::into).collect())
}

/// Copies the sources into the build folder. The package gets a version of its own there, so that cargo builds it beside the
/// real one and shares the rest: files outside it keep their times.
fn copy() -> Result<PathBuf> {
    let copy = target_dir().join("seeded-bugs");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let mut files = Vec::new();
    for source in SOURCES {
        find(&root().join(source), &mut files)?;
    }
    for from in files {
        let file = from.strip_prefix(root())?;
        let to = copy.join(file);
        fs::create_dir_all(to.parent().ok_or_eyre("a file in a folder")?)?;
        fs::copy(&from, &to).wrap_err_with(|| format!("{}", from.display()))?;
        if !file.starts_with(PACKAGE) {
            fs::File::options().write(true).open(&to)?.set_modified(fs::metadata(&from)?.modified()?)?;
        }
    }
    let manifest = copy.join(PACKAGE).join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let other = text.replace("version.workspace = true\nedition", "version = \"0.0.0\"\nedition");
    if other == text {
        bail!("{} does not take its version from the workspace", manifest.display());
    }
    fs::write(&manifest, other)?;
    Ok(copy)
}

/// The files of a source, without what tools put there.
fn find(at: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !at.is_dir() {
        files.push(at.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(at).wrap_err_with(|| format!("{}", at.display()))? {
        let entry = entry?;
        if !["node_modules", "target"].map(OsStr::new).contains(&&*entry.file_name()) {
            find(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn patch(copy: &Path, bug: &Path, args: &[&str]) -> Result<()> {
    let folder = copy.join(PACKAGE);
    run(command("patch").current_dir(folder).args(["--silent", "-p1", "-i"]).arg(bug).args(args))
}

fn cargo_test(copy: &Path, tests: &[String]) -> Command {
    let mut cargo = cargo_within(SECONDS_MAX);
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", target_dir());
    // the whole workspace, so that what the package depends on has the features that every other build gives it
    cargo.args(["test", "--offline", "--quiet", "--workspace"]).args(tests);
    cargo
}
