//! Runs an ELF file and says how fast: `machine_run ENGINE ELF [INPUT [UNTIL]]`, with the engine `interpreter` or `translator`.
//!
//! The translator runs twice: the second run finds everything translated. Times are processor time of all threads.

use std::{env, fs, sync::Arc};

use alloy_primitives::B256;
use assay_machine::{
    Engine, Executor, Interpreter, NoOracle, Program, TranslateOptions, Translating, Translator,
};

fn main() {
    let args: Vec<String> = env::args().collect();
    let elf = fs::read(&args[2]).expect("the file can be read");
    let program = Arc::new(Program::from_elf(&elf).expect("it is a program"));
    let mut input = B256::ZERO;
    if let Some(number) = args.get(3).and_then(|number| number.parse::<u32>().ok()) {
        input[..4].copy_from_slice(&number.to_be_bytes());
    }
    let until = args.get(4).and_then(|until| until.parse().ok()).unwrap_or(u64::MAX);
    if args[1] == "interpreter" {
        run(&program, Interpreter::new(program.code()), input, until);
        return;
    }
    let number = |name: &str, default: usize| {
        env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let defaults = TranslateOptions::default();
    let options = TranslateOptions {
        runs_before: number("RUNS_BEFORE", defaults.runs_before.into()) as u8,
        region_instructions_max: number("REGION", defaults.region_instructions_max),
        translating: if number("INLINE", 0) == 1 { Translating::Inline } else { Translating::Beside },
    };
    let translator = Translator::new(program.code(), options).expect("this processor has a translator");
    for _ in 0..number("REPEAT", 2) {
        run(&program, translator.clone(), input, until);
        println!("    {:?}", translator.stats());
    }
}

fn run(program: &Arc<Program>, engine: impl Engine, input: B256, until: u64) {
    let mut executor = Executor::with_engine(program.clone(), engine, input).expect("there is memory");
    let before = user_seconds();
    let steps = executor.run(until, &mut NoOracle).expect("it asks for nothing");
    let seconds = user_seconds() - before;
    let hash = executor.state_hash();
    let (status, exit) = (executor.cpu().status.0, executor.cpu().exit_code);
    let mips = steps as f64 / seconds / 1e6;
    println!(
        "{steps} steps, status {status}, exit {exit}, {seconds:.2} s user, {mips:.0} MIPS, state {hash}"
    );
}

/// Processor time in user mode so far; hundredths of a second.
fn user_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().nth(11).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0) / 100.0
}
