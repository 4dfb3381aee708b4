//! `assay machine`: running, stepping and checking programs, for people who check us.

mod host;
mod verify;

use std::{
    io::{ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use alloy::primitives::{B256, Bytes, hex};
use assay_machine::{Executor, Program, State, Status, decode};
use clap::Subcommand;
use eyre::{Result, WrapErr, bail};
use serde_json::{Value, json};

use crate::out;
use host::Preimages;

/// Instructions after which a run without `--until` is given up.
const STEPS_MAX: u64 = 1 << 40;
/// Exit code of a run that ended in a trap.
const EXIT_TRAPPED: u8 = 254;
/// Exit code of a run that has not halted.
const EXIT_RUNNING: u8 = 255;

/// What to do with a program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program; the exit code is the program's, 254 after a trap, 255 when it has not halted.
    Run {
        #[command(flatten)]
        guest: Guest,
        /// Stop after so many instructions.
        #[arg(long, value_name = "N", default_value_t = STEPS_MAX)]
        until: u64,
    },
    /// Show one step: the state before it, its witness, the hash of the state after it.
    Step {
        #[command(flatten)]
        guest: Guest,
        /// How many instructions are done before it.
        #[arg(long, value_name = "N")]
        at: u64,
    },
    /// Run a program and have a chain's Machine contract check its steps; deploys the contract where it is absent.
    Verify(verify::Args),
    /// Print a program's id.
    Id {
        /// The program.
        #[arg(value_name = "ELF")]
        elf: PathBuf,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print a program's code as instructions.
    Dis {
        /// The program.
        #[arg(value_name = "ELF")]
        elf: PathBuf,
    },
}

/// A program with what it is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Guest {
    /// The program: a static RISC-V ELF file for RV64IM, Zba, Zbb and Zbs.
    #[arg(value_name = "ELF")]
    elf: PathBuf,
    /// Its input, up to 32 bytes of hex; zeros after them.
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO, value_parser = input)]
    input: B256,
    /// Folder of oracle values: each file by its keccak and its SHA-256 hash, or, when its name is 0x and 64 digits, by that key.
    #[arg(long, value_name = "DIR")]
    preimages: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

fn input(text: &str) -> Result<B256, String> {
    let bytes = hex::decode(text).map_err(|error| error.to_string())?;
    if bytes.len() > 32 {
        return Err(format!("{} bytes, but an input has 32 at most", bytes.len()));
    }
    Ok(B256::right_padding_from(&bytes))
}

impl Guest {
    fn open(&self) -> Result<(Executor, Preimages)> {
        let program = Arc::new(read(&self.elf)?);
        let preimages = Preimages::open(self.preimages.as_deref())?;
        let executor = Executor::new(program, self.input).wrap_err("the system gives no memory")?;
        Ok((executor, preimages))
    }
}

/// Runs `assay machine`.
pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run { guest, until } => tokio::task::spawn_blocking(move || execute(&guest, until)).await?,
        Command::Step { guest, at } => tokio::task::spawn_blocking(move || step(&guest, at)).await?,
        Command::Verify(args) => verify::run(args).await,
        Command::Id { elf, json } => {
            let program = read(&elf)?;
            match json {
                true => out::json(&identity(&program)),
                false => out::say!("{}", program.id().0),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Dis { elf } => match disassemble(&read(&elf)?, &mut std::io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        },
    }
}

fn read(path: &std::path::Path) -> Result<Program> {
    let file = std::fs::read(path).wrap_err_with(|| format!("could not read {}", path.display()))?;
    Program::from_elf(&file).wrap_err_with(|| format!("{} cannot run on the machine", path.display()))
}

fn identity(program: &Program) -> Value {
    json!({
        "program": program.id().0,
        "code_root": program.code().root(),
        "memory_root": program.tree().root(),
        "entry": format!("{:#x}", program.entry()),
    })
}

fn execute(guest: &Guest, until: u64) -> Result<ExitCode> {
    let (mut executor, mut oracle) = guest.open()?;
    let instructions = executor.run(until, &mut oracle)?;
    let state = executor.state();
    let (status, code) = match state.cpu.status {
        Status::RUNNING => ("running", EXIT_RUNNING),
        Status::EXITED => ("exited", state.cpu.exit_code),
        _ => ("trapped", EXIT_TRAPPED),
    };
    let trap = (status == "trapped").then(|| trap_cause(executor.program(), &state));
    if guest.json {
        out::json(&json!({
            "program": executor.program().id().0,
            "status": status,
            "exit_code": state.cpu.exit_code,
            "instructions": instructions,
            "output": state.cpu.output,
            "state_hash": state.hash(),
            "trap": trap,
        }));
        return Ok(ExitCode::from(code));
    }
    match trap {
        Some(cause) => out::say!("trapped after {instructions} instructions: {cause}"),
        None if status == "exited" => out::say!("exit code {code} after {instructions} instructions"),
        None => out::say!("not halted after {instructions} instructions"),
    }
    out::say!("output     {}\nstate hash {}", state.cpu.output, state.hash());
    Ok(ExitCode::from(code))
}

fn step(guest: &Guest, at: u64) -> Result<ExitCode> {
    let (mut executor, mut oracle) = guest.open()?;
    let done = executor.run(at, &mut oracle)?;
    if done < at {
        bail!("the program halted after {done} instructions: there is no step {at} that changes anything");
    }
    let before = executor.state();
    let witness = Bytes::from(executor.step_witness(&mut oracle)?);
    let after = executor.state_hash();
    let word = executor.program().code().fetch(before.cpu.pc);
    let text = word.map_or("(no code)".to_owned(), |word| decode(word).to_string());
    if guest.json {
        out::json(&json!({
            "step": at,
            "pc": format!("{:#x}", before.cpu.pc),
            "instruction": text,
            "code_root": executor.program().code().root(),
            "state": Bytes::copy_from_slice(&before.pack()),
            "state_hash": before.hash(),
            "witness": witness,
            "next_state_hash": after,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    out::say!("step {at}: {:#x} {text}", before.cpu.pc);
    out::say!("state hash      {}\nnext state hash {after}", before.hash());
    out::say!("witness         {} bytes (--json shows them)", witness.len());
    Ok(ExitCode::SUCCESS)
}

/// Why a trapped machine trapped, as far as its state shows.
fn trap_cause(program: &Program, state: &State) -> String {
    let cpu = &state.cpu;
    let Some(word) = program.code().fetch(cpu.pc) else {
        return format!("a jump to {:#x}, where no code can be", cpu.pc);
    };
    let at = cpu.pc;
    match decode(word) {
        inst if inst.op == assay_machine::Op::Illegal => {
            format!("the word {word:#010x} at {at:#x} is no instruction of the machine")
        }
        inst if inst.op == assay_machine::Op::Ecall => {
            format!("system call {} at {at:#x} with a0 = {:#x}, a1 = {:#x}", cpu.x[17], cpu.x[10], cpu.x[11])
        }
        inst => {
            let address = cpu.x[usize::from(inst.rs1)].wrapping_add_signed(i64::from(inst.imm));
            format!("`{inst}` at {at:#x} reaches {address:#x}, past the end of memory")
        }
    }
}

/// Every word of code that is not zero.
fn disassemble(program: &Program, out: &mut impl Write) -> std::io::Result<()> {
    let base = program.code().base();
    for (address, word) in (base..).step_by(4).zip(program.code().words()) {
        if *word != 0 {
            writeln!(out, "{address:8x}: {word:08x}  {}", decode(*word))?;
        }
    }
    Ok(())
}
