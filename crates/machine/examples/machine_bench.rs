//! What `cargo xtask bench machine` measures in one process; prints one JSON object.
//!
//! | `machine_bench` | measures |
//! |---|---|
//! | `speed ELF` | a whole run with each executor; the translator's second run finds everything translated |
//! | `hash ELF` | the state hash after each 2^20 instructions |
//! | `history ELF SKIP` | the state hashes after each of 2^20 instructions |
//! | `memory` | a program that writes to every leaf of 1 GiB, and its state hash |
//! | `witness` | the longest witnesses of a step |

use std::{env, fs, sync::Arc, time::Instant};

use alloy_primitives::B256;
use assay_machine::{
    Engine, Executor, Interpreter, NoOracle, Program, Reference, TranslateOptions, Translator,
};
use serde_json::{Value, json};

/// Instructions between two state hashes, and of a history.
const STRIDE: u64 = 1 << 20;
/// Strides after which `hash` has seen enough.
const STRIDES_MAX: u64 = 256;
/// The reference is slow.
const REFERENCE_STEPS: u64 = 1 << 24;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let found = match args[..] {
        ["speed", elf] => speed(&read(elf)),
        ["hash", elf] => hash(&read(elf)),
        ["history", elf, skip] => history(&read(elf), skip.parse().expect("a number")),
        ["memory"] => memory(),
        ["witness"] => witness(),
        _ => panic!("what to measure? see the head of this example"),
    };
    println!("{found}");
}

fn read(elf: &str) -> Arc<Program> {
    let file = fs::read(elf).expect("the file can be read");
    Arc::new(Program::from_elf(&file).expect("it is a program"))
}

fn speed(program: &Arc<Program>) -> Value {
    let mut reference = Reference::new(program, B256::ZERO);
    let start = Instant::now();
    while reference.steps() < REFERENCE_STEPS && reference.cpu().is_running() {
        reference.step(program.code(), &mut NoOracle).expect("it asks for nothing");
    }
    let reference_mips = reference.steps() as f64 / start.elapsed().as_secs_f64() / 1e6;
    let translator = Translator::new(program.code(), TranslateOptions::default())
        .expect("this processor has a translator");
    let (first, ..) = run(program, translator.clone());
    let (translated, instructions, exit) = run(program, translator.clone());
    let (interpreted, same, same_exit) = run(program, Interpreter::new(program.code()));
    assert_eq!((instructions, exit), (same, same_exit), "the executors disagree");
    json!({
        "instructions": instructions,
        "exit": exit,
        "reference_mips": reference_mips,
        "interpreter_seconds": interpreted,
        "translator_seconds": translated,
        "translator_first_seconds": first,
        "translated_instructions": translator.stats().instructions,
    })
}

fn run(program: &Arc<Program>, engine: impl Engine) -> (f64, u64, u8) {
    let mut executor = executor(program, engine);
    let start = Instant::now();
    let steps = executor.run(u64::MAX, &mut NoOracle).expect("it asks for nothing");
    (start.elapsed().as_secs_f64(), steps, executor.cpu().exit_code)
}

fn executor<E: Engine>(program: &Arc<Program>, engine: E) -> Executor<E> {
    Executor::with_engine(program.clone(), engine, B256::ZERO).expect("there is memory")
}

fn hash(program: &Arc<Program>) -> Value {
    let mut executor = executor(program, Interpreter::new(program.code()));
    let (mut running, mut hashing, mut strides) = (0.0, 0.0, 0);
    while strides < STRIDES_MAX && executor.cpu().is_running() {
        let start = Instant::now();
        executor.run((strides + 1) * STRIDE, &mut NoOracle).expect("it asks for nothing");
        running += start.elapsed().as_secs_f64();
        let start = Instant::now();
        executor.state_hash();
        hashing += start.elapsed().as_secs_f64();
        strides += 1;
    }
    let each = 1e3 / strides as f64;
    json!({ "hash_ms": hashing * each, "run_ms": running * each, "strides": strides })
}

fn history(program: &Arc<Program>, skip: u64) -> Value {
    let mut executor = executor(program, Interpreter::new(program.code()));
    executor.run(skip, &mut NoOracle).expect("it asks for nothing");
    executor.state_hash();
    let start = Instant::now();
    let hashes = executor.history(STRIDE, &mut NoOracle).expect("it asks for nothing");
    assert_eq!(hashes.len() as u64, STRIDE, "the program ended too early");
    json!({ "seconds": start.elapsed().as_secs_f64() })
}

/// Stores to every leaf of 1 GiB.
fn memory() -> Value {
    const WORDS: [u32; 6] = [
        0x2000_0537, // lui a0, 0x20000
        0x6000_05b7, // lui a1, 0x60000
        0x00a5_3023, // sd a0, 0(a0)
        0x0205_0513, // addi a0, a0, 32
        0xfea5_9ce3, // bne a1, a0, -8
        0x0000_0000, // traps
    ];
    let program = Arc::new(Program::from_words(0x1_0000, &WORDS).expect("it has a place"));
    let mut executor = executor(&program, Interpreter::new(program.code()));
    executor.run(u64::MAX, &mut NoOracle).expect("it asks for nothing");
    let start = Instant::now();
    let hash = executor.state_hash();
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = peak.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number");
    json!({ "peak_mib": kib / 1024, "steps": executor.steps(), "hash_seconds": seconds, "hash": hash })
}

fn witness() -> Value {
    // a store over two leaves; a preimage needs an oracle and is shorter; then keccak_f
    const WORDS: [u32; 5] = [
        0x0005_0513, // addi a0, a0, 0
        0x4000_0537, // lui a0, 0x40000
        0x00a5_3e23, // sd a0, 28(a0)
        0x0050_0893, // addi a7, x0, 5
        0x0000_0073, // ecall
    ];
    let program = Arc::new(Program::from_words(0x1_0000, &WORDS).expect("it has a place"));
    let mut executor = executor(&program, Interpreter::new(program.code()));
    let lengths: Vec<usize> = WORDS
        .iter()
        .map(|_| executor.step_witness(&mut NoOracle).expect("it asks for nothing").len())
        .collect();
    json!({ "plain": lengths[0], "straddling_store": lengths[2], "keccak_f": lengths[4] })
}
