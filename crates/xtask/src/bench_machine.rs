//! `cargo xtask bench machine`: the executors beside `qemu-riscv64` and ckb-vm, on the same programs in the same run, and what a proof costs.
//!
//! `crates/machine/examples/machine_bench.rs` measures ours, `peers/ckb-vm` runs ckb-vm; both are built with `--release`. Every time is the
//! best of some rounds, in which each executor has its turn, so that what else the machine does hits all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use eyre::{Result, WrapErr, ensure, eyre};
use serde_json::Value;

use crate::{
    contracts, debian,
    figures::{Row, figure},
    shell::{cargo, command, output, root, run, target_dir},
};

/// `programs/elf/bench-*`.
const PROGRAMS: [&str; 4] = ["integers", "keccak", "sort", "transfers"];
/// Instructions before a history begins: after every program's set-up.
const HISTORY_SKIP: &str = "50000000";
/// Limits that the figures are held against.
const HISTORY_SECONDS: f64 = 4.0;
const PEAK_MIB: f64 = 1536.0;
const ORDINARY_GAS: f64 = 150_000.0;
const SYSCALL_GAS: f64 = 200_000.0;

/// How long to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds, of which the best counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Print one JSON object a figure.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints a row or a JSON object for each figure.
pub(crate) fn play(args: &Args) -> Result<()> {
    let (bench, ckb) = build()?;
    let bench = |words: &[&str]| measure(command(&bench).args(words));
    let mut rows = Vec::new();
    let mut means = Means::default();
    for program in PROGRAMS {
        let best = Best::of(program, args.rounds, &bench, &ckb)?;
        eprintln!("{program}: {:.2} G instructions, exit code {}", best.instructions / 1e9, best.exit);
        means.add(&best);
        best.rows(program, &mut rows);
    }
    means.rows(&mut rows);
    let (mut hash, mut history): (Option<(f64, f64)>, f64) = (None, 0.0);
    for program in PROGRAMS {
        let elf = elf(program);
        let (mut hashing, mut running, mut seconds) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..args.rounds {
            let found = bench(&["hash", &elf])?;
            hashing = hashing.min(figure(&found, "hash_ms")?);
            running = running.min(figure(&found, "run_ms")?);
            seconds = seconds.min(figure(&bench(&["history", &elf, HISTORY_SKIP])?, "seconds")?);
        }
        eprintln!("{program}: state hash {hashing:.2} ms, history {seconds:.2} s");
        if hash.is_none_or(|(worst, _)| hashing > worst) {
            hash = Some((hashing, running));
        }
        history = history.max(seconds);
    }
    let (hashing, running) = hash.ok_or_else(|| eyre!("no programs"))?;
    rows.push(row("state_hash_ms", hashing, "ms", "interpreting 2^20 instructions", running));
    rows.push(row("history_2e20_steps_seconds", history, "s", "the limit", HISTORY_SECONDS));
    let memory = bench(&["memory"])?;
    rows.push(row("touched_1gib_peak_mib", figure(&memory, "peak_mib")?, "MiB", "the limit", PEAK_MIB));
    proofs(&mut rows, &bench(&["witness"])?)?;
    rows.iter().for_each(|row| row.print(args.json));
    Ok(())
}

/// Our measuring program and ckb-vm's.
fn build() -> Result<(PathBuf, PathBuf)> {
    debian::foreign_compilers()?;
    ensure!(
        Path::new("/usr/bin/qemu-riscv64").exists(),
        "no qemu-riscv64 to compare with: install Debian's `qemu-user`, as in `apt-get install qemu-user`"
    );
    run(cargo().args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "-p",
        "assay-machine",
        "--example",
        "machine_bench",
    ]))?;
    let peers = target_dir().join("peers");
    run(cargo()
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(root().join("crates/xtask/peers/ckb-vm/Cargo.toml"))
        .arg("--target-dir")
        .arg(&peers))?;
    Ok((target_dir().join("release/examples/machine_bench"), peers.join("release/peer-ckb-vm")))
}

fn elf(program: &str) -> String {
    root().join("programs/elf").join(format!("bench-{program}")).to_string_lossy().into_owned()
}

fn measure(command: &mut Command) -> Result<Value> {
    let text = output(command)?;
    serde_json::from_str(&text).wrap_err_with(|| format!("a measuring program printed {text}"))
}

fn row(name: &str, value: f64, unit: &'static str, against: &'static str, other: f64) -> Row {
    Row { figure: name.to_owned(), value, unit, against: Some((against, other)) }
}

/// The best seconds of each executor on one program.
struct Best {
    instructions: f64,
    exit: f64,
    reference_mips: f64,
    interpreter: f64,
    translator: f64,
    /// The translator's run that finds nothing translated.
    first: f64,
    qemu: f64,
    ckb: f64,
}

impl Best {
    fn of(program: &str, rounds: u32, bench: &dyn Fn(&[&str]) -> Result<Value>, ckb: &Path) -> Result<Self> {
        let elf = elf(program);
        let mut best = Self {
            instructions: 0.0,
            exit: 0.0,
            reference_mips: 0.0,
            interpreter: f64::MAX,
            translator: f64::MAX,
            first: f64::MAX,
            qemu: f64::MAX,
            ckb: f64::MAX,
        };
        for _ in 0..rounds {
            let ours = bench(&["speed", &elf])?;
            best.instructions = figure(&ours, "instructions")?;
            best.exit = figure(&ours, "exit")?;
            best.reference_mips = best.reference_mips.max(figure(&ours, "reference_mips")?);
            best.interpreter = best.interpreter.min(figure(&ours, "interpreter_seconds")?);
            best.translator = best.translator.min(figure(&ours, "translator_seconds")?);
            best.first = best.first.min(figure(&ours, "translator_first_seconds")?);
            let start = Instant::now();
            let status =
                command("qemu-riscv64").args(["-cpu", "rv64,zba=true,zbb=true,zbs=true", &elf]).status()?;
            best.qemu = best.qemu.min(start.elapsed().as_secs_f64());
            ensure!(status.code().map(f64::from) == Some(best.exit), "qemu: {program} ended with {status}");
            let theirs = measure(command(ckb).arg(&elf))?;
            best.ckb = best.ckb.min(figure(&theirs, "seconds")?);
            // revm's maps are seeded by where the stack is, which is each machine's own choice
            let ratio = figure(&theirs, "instructions")? / best.instructions;
            let same = (0.999..1.001).contains(&ratio) && figure(&theirs, "exit")? == best.exit;
            ensure!(same, "ckb-vm: {program} ended with {theirs}, ours with {ours}");
        }
        Ok(best)
    }

    fn mips(&self, seconds: f64) -> f64 {
        self.instructions / seconds / 1e6
    }

    fn rows(&self, program: &str, rows: &mut Vec<Row>) {
        let (qemu, ckb) = (self.mips(self.qemu), self.mips(self.ckb));
        for (executor, mips, against) in [
            ("reference", self.reference_mips, ("ckb-vm", ckb)),
            ("interpreter", self.mips(self.interpreter), ("ckb-vm", ckb)),
            ("translator", self.mips(self.translator), ("qemu", qemu)),
            ("translator_first_run", self.mips(self.first), ("qemu", qemu)),
        ] {
            rows.push(row(&format!("{executor}_mips_{program}"), mips, "M/s", against.0, against.1));
        }
    }
}

/// Logarithms of ratios over the programs, and the worst of them.
#[derive(Default)]
struct Means {
    count: f64,
    interpreter: f64,
    ckb: f64,
    to_qemu: f64,
    to_ckb: f64,
    worst_to_qemu: Option<f64>,
    worst_to_ckb: Option<f64>,
}

impl Means {
    fn add(&mut self, best: &Best) {
        self.count += 1.0;
        self.interpreter += best.mips(best.interpreter).ln();
        self.ckb += best.mips(best.ckb).ln();
        self.to_qemu += (best.qemu / best.translator).ln();
        self.to_ckb += (best.ckb / best.translator).ln();
        let worse = |worst: Option<f64>, ratio: f64| Some(worst.map_or(ratio, |worst| worst.min(ratio)));
        self.worst_to_qemu = worse(self.worst_to_qemu, best.qemu / best.translator);
        self.worst_to_ckb = worse(self.worst_to_ckb, best.ckb / best.interpreter);
    }

    fn rows(&self, rows: &mut Vec<Row>) {
        let mean = |sum: f64| (sum / self.count).exp();
        rows.push(row("interpreter_mips", mean(self.interpreter), "M/s", "ckb-vm", mean(self.ckb)));
        rows.push(row(
            "interpreter_vs_ckb_vm_worst",
            self.worst_to_ckb.unwrap_or(0.0),
            "x",
            "the least",
            0.8,
        ));
        rows.push(row("translator_vs_qemu", mean(self.to_qemu), "x", "the least", 1.0));
        rows.push(row("translator_vs_qemu_worst", self.worst_to_qemu.unwrap_or(0.0), "x", "the least", 0.9));
        rows.push(row("translator_vs_ckb_vm", mean(self.to_ckb), "x", "ckb-vm", 1.0));
    }
}

/// What steps cost on chain, from the snapshot that `forge test` has just checked.
fn proofs(rows: &mut Vec<Row>, witness: &Value) -> Result<()> {
    contracts::gas_of_machine()?;
    let snapshot = root().join("contracts/snapshots/MachineGasTest.json");
    let snapshot: serde_json::Map<String, Value> = serde_json::from_slice(&fs::read(snapshot)?)?;
    let (mut ordinary, mut syscall): (f64, f64) = (0.0, 0.0);
    for (name, gas) in &snapshot {
        let gas: f64 = gas.as_str().unwrap_or_default().parse()?;
        match name.strip_prefix("step, ") {
            Some("keccak_f" | "preimage" | "read_input" | "write_output" | "hint" | "exit") => {
                syscall = syscall.max(gas);
            }
            Some(_) => ordinary = ordinary.max(gas),
            None => {}
        }
    }
    rows.push(row("step_gas_worst_ordinary", ordinary, "gas", "the limit", ORDINARY_GAS));
    rows.push(row("step_gas_worst_syscall", syscall, "gas", "the limit", SYSCALL_GAS));
    let plain = figure(witness, "plain")?;
    let worst = figure(witness, "straddling_store")?.max(figure(witness, "keccak_f")?);
    rows.push(row("step_witness_bytes_worst", worst, "B", "a step without memory", plain));
    Ok(())
}
