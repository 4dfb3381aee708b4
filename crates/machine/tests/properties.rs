//! Executors against the reference, on programs and states that nobody would write.
//!
//! Seeds are fixed; a failure prints the case it shrank to.

use std::{cell::Cell, sync::Arc};

use alloy_primitives::{B256, Bytes};
use assay_machine::{
    Cpu, Engine, Executor, HostError, Interpreter, Memory, NoOracle, Op, Program, Reference, SparseMemory,
    Status, decode, root_of_leaves, verify_step,
};
#[cfg(feature = "translate")]
use assay_machine::{TranslateOptions, Translating, Translator};
use assay_primitives::OracleKey;
use proptest::prelude::*;

#[path = "common/encode.rs"]
mod encode;
use encode::{Form, TABLE, encode};

#[path = "common/random.rs"]
mod random;
use random::{BASE, Everything, config, fuzz_config, loops, start};

#[path = "common/elf.rs"]
mod elf;

fn step_to(reference: &mut Reference, program: &Program, steps: u64) {
    while reference.steps() < steps && reference.cpu().is_running() {
        reference.step(program.code(), &mut Everything).expect("every value is known");
    }
}

#[test]
fn the_table_of_encodings_is_the_decoder() {
    encode::check_table();
}

/// Instructions that the default run of an engine must compare.
const STEPS_MIN: u64 = 2_000_000;

/// Runs random programs, short ones that do anything and loops that go on, with an engine and with the reference, to the same
/// random stops.
fn check_engine<E: Engine>(seed: u64, engine: impl Fn(&Program, u8) -> E) {
    let total = Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(fuzz_config(seed, 600));
    let strides = prop::collection::vec(prop_oneof![1u64..40, 1u64..2000, 1u64..20_000], 1..6);
    let programs = prop_oneof![start(), loops()];
    runner
        .run(&(programs, strides, any::<u8>()), |(start, strides, kind)| {
            let program = start.program();
            let mut reference = Reference::new(&program, B256::repeat_byte(7));
            let engine = engine(&program, kind);
            let mut fast =
                Executor::with_engine(program.clone(), engine, B256::repeat_byte(7)).expect("memory");
            let mut until = 0;
            for stride in strides {
                until += stride;
                step_to(&mut reference, &program, until);
                prop_assert_eq!(
                    fast.run(until, &mut Everything).expect("every value is known"),
                    reference.steps()
                );
                prop_assert_eq!(fast.cpu(), reference.cpu());
                prop_assert_eq!(fast.state(), reference.state());
            }
            total.set(total.get() + reference.steps());
            Ok(())
        })
        .expect("the engine is the reference");
    let total = total.get();
    println!("{total} instructions compared");
    assert!(total >= STEPS_MIN, "{total} instructions in all: the programs end too early to show anything");
}

#[test]
fn the_fast_interpreter_is_the_reference() {
    check_engine(1, |program, _| Interpreter::new(program.code()));
}

/// Everything that runs twice is translated at once, in regions of different sizes.
#[cfg(feature = "translate")]
#[test]
fn the_translator_is_the_reference() {
    check_engine(8, |program, kind| {
        let options = TranslateOptions {
            runs_before: kind % 2,
            region_instructions_max: [1, 8, 40, 500][usize::from(kind / 2 % 4)],
            translating: Translating::Inline,
        };
        Translator::new(program.code(), options).unwrap()
    });
}

/// Every arithmetic instruction and branch on every pair of values that are often got wrong, translated.
#[cfg(feature = "translate")]
#[test]
fn translated_arithmetic_is_the_reference() {
    const DATA: u64 = 0x10_0000;
    let values = [0, 1, 2, 31, 63, 0x7fff_ffff, 0x8000_0000, 0x00ff_0080_0100_ff01, 1 << 32, u64::MAX >> 1];
    let values: Vec<u64> = values.iter().flat_map(|value| [*value, value.wrapping_neg(), !*value]).collect();
    let mut memory = SparseMemory::default();
    let pairs = values.iter().flat_map(|a| values.iter().map(move |b| (a, b)));
    for (i, (a, b)) in (0u64..).zip(pairs) {
        memory.write(DATA + 24 * i, &a.to_le_bytes());
        memory.write(DATA + 24 * i + 8, &b.to_le_bytes());
    }
    for (op, _, _, form) in TABLE {
        if *op == Op::Ecall || *op == Op::Jalr || (Op::Lb..=Op::Sd).contains(op) {
            continue;
        }
        for imm in if matches!(form, Form::B | Form::J) { &[8][..] } else { &[0, -1, 37, 0x7ff][..] } {
            let words = [
                encode(Op::Lui, 20, 0, 0, DATA as i32),
                encode(Op::Addi, 21, 0, 0, (values.len() * values.len()) as i32),
                encode(Op::Ld, 5, 20, 0, 0),
                encode(Op::Ld, 6, 20, 0, 8),
                encode(*op, 7, 5, 6, *imm),
                encode(Op::Sd, 0, 20, 7, 16),
                encode(Op::Addi, 20, 20, 0, 24),
                encode(Op::Addi, 21, 21, 0, -1),
                encode(Op::Bne, 0, 21, 0, -24),
            ];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let code = assay_machine::Code::new(&[(BASE, &bytes)]).unwrap();
            let program = Arc::new(Program::new(code, memory.clone(), BASE));
            let options = TranslateOptions {
                runs_before: 1,
                translating: Translating::Inline,
                ..TranslateOptions::default()
            };
            let translator = Translator::new(program.code(), options).unwrap();
            let mut fast = Executor::with_engine(program.clone(), translator.clone(), B256::ZERO).unwrap();
            let mut reference = Reference::new(&program, B256::ZERO);
            step_to(&mut reference, &program, u64::MAX);
            assert_eq!(fast.run(u64::MAX, &mut NoOracle).unwrap(), reference.steps(), "{op:?} {imm}");
            assert_eq!(fast.state(), reference.state(), "{op:?} {imm}");
            assert!(translator.stats().regions > 0, "{op:?} was not translated");
        }
    }
}

#[test]
fn histories_are_the_state_after_each_step() {
    proptest!(config(2, 60), |(start in start(), before in 0u64..100, steps in 1u64..250)| {
        let program = start.program();
        let mut reference = Reference::new(&program, B256::ZERO);
        let mut fast = Executor::new(program.clone(), B256::ZERO).unwrap();
        fast.run(before, &mut Everything).unwrap();
        step_to(&mut reference, &program, before);
        let mut expected = Vec::new();
        let end = reference.steps() + steps;
        while reference.steps() < end && reference.cpu().is_running() {
            reference.step(program.code(), &mut Everything).unwrap();
            expected.push(reference.state_hash());
        }
        prop_assert_eq!(fast.history(steps, &mut Everything).unwrap(), expected);
        prop_assert_eq!(fast.state(), reference.state());
        // What comes after a history is right as well.
        fast.run(end + 500, &mut Everything).unwrap();
        step_to(&mut reference, &program, end + 500);
        prop_assert_eq!(fast.state(), reference.state());
    });
}

#[test]
fn snapshots_go_on_where_they_were_taken() {
    proptest!(config(3, 60), |(start in start(), cuts in prop::collection::vec(1u64..600, 1..4))| {
        let program = start.program();
        let mut whole = Executor::new(program.clone(), B256::ZERO).unwrap();
        let mut snapshots = Vec::new();
        for cut in &cuts {
            whole.run(whole.steps() + cut, &mut Everything).unwrap();
            snapshots.push((whole.snapshot(), whole.state_hash()));
        }
        let end = whole.run(whole.steps() + 300, &mut Everything).unwrap();
        let engine = assay_machine::Interpreter::new(program.code());
        for (snapshot, hash) in snapshots {
            let mut again = Executor::restore(program.clone(), engine.clone(), &snapshot).unwrap();
            prop_assert_eq!(again.state_hash(), hash);
            prop_assert_eq!(again.run(end, &mut Everything).unwrap(), end);
            let next = again.snapshot();
            prop_assert_eq!(again.state(), whole.state());
            let mut third = Executor::restore(program.clone(), engine.clone(), &next).unwrap();
            prop_assert_eq!(third.state(), whole.state());
        }
    });
}

#[test]
fn every_step_is_proven_by_its_witness() {
    proptest!(config(4, 60), |(start in start(), skip in 0u64..60, flip in any::<(u16, u8)>())| {
        let program = start.program();
        let root = program.code().root();
        let mut fast = Executor::new(program.clone(), B256::ZERO).unwrap();
        fast.run(skip, &mut Everything).unwrap();
        for _ in 0..8 {
            let before = fast.state();
            let witness = fast.step_witness(&mut Everything).unwrap();
            let mut parts = Vec::new();
            let next = verify_step(root, &before, &witness, |part| { parts.push(*part); true });
            prop_assert_eq!(next.as_ref(), Ok(&fast.state()));
            if !witness.is_empty() {
                let mut forged = witness.clone();
                forged[usize::from(flip.0) % witness.len()] ^= flip.1 | 1;
                prop_assert!(verify_step(root, &before, &forged, |part| parts.contains(part)).is_err());
            }
        }
    });
}

#[test]
fn verifying_any_witness_of_any_state_never_panics() {
    let state = prop::collection::vec(any::<u8>(), 354);
    proptest!(config(5, 300), |(state in state, running in any::<bool>(), witness in prop::collection::vec(any::<u8>(), 0..2000))| {
        let mut state: [u8; 354] = state.try_into().unwrap();
        if running {
            state[352] = Status::RUNNING.0;
        }
        let state = assay_machine::State::unpack(&state);
        let verified = verify_step(B256::ZERO, &state, &witness, |_| true);
        prop_assert_eq!(verified.is_ok(), !state.cpu.is_running() && witness.is_empty());
    });
}

#[test]
fn the_tree_of_an_executor_is_the_tree_from_scratch() {
    proptest!(config(6, 40), |(start in start(), steps in 1u64..3000)| {
        let program = start.program();
        let mut fast = Executor::new(program.clone(), B256::ZERO).unwrap();
        fast.run(steps, &mut Everything).unwrap();
        let mut reference = Reference::new(&program, B256::ZERO);
        step_to(&mut reference, &program, steps);
        let pages = reference.memory().pages().flat_map(|(page, _)| page * 128..(page + 1) * 128);
        let leaves: Vec<(u32, [u8; 32])> =
            pages.map(|leaf| (leaf, fast.memory().leaf(leaf))).filter(|(_, leaf)| *leaf != [0; 32]).collect();
        prop_assert_eq!(fast.state().memory_root, root_of_leaves(&leaves));
    });
}

#[test]
fn decoding_any_word_is_total() {
    proptest!(config(7, 20_000), |(word in any::<u32>())| {
        let inst = decode(word);
        prop_assert!(inst.rd < 32 && inst.rs1 < 32 && inst.rs2 < 32);
    });
}

#[test]
fn a_missing_pre_image_stops_the_run_at_its_instruction() {
    let words = [
        encode(Op::Addi, 17, 0, 0, 4),
        encode(Op::Addi, 10, 0, 0, 64),
        encode(Op::Addi, 5, 0, 0, 2),
        encode(Op::Sb, 0, 10, 5, 0),
        0x73,
        encode(Op::Jal, 0, 0, 0, 0),
    ];
    let program = Arc::new(Program::from_words(0x1_0000, &words).unwrap());
    let mut fast = Executor::new(program, B256::ZERO).unwrap();
    let key = OracleKey::parse(B256::right_padding_from(&[2])).unwrap();
    for _ in 0..2 {
        assert_eq!(fast.run(1_000_000, &mut NoOracle), Err(HostError::MissingPreimage(key)));
        assert_eq!((fast.steps(), fast.cpu().pc), (4, 0x1_0010));
    }
    assert_eq!(fast.history(10, &mut NoOracle), Err(HostError::MissingPreimage(key)));
    let expected = fast.state_hash();
    let again = fast.snapshot();
    assert_eq!(again.cpu(), fast.cpu());
    assert_eq!(fast.state_hash(), expected);
    assert_eq!(fast.run(1_000_000, &mut |_| Some(Bytes::from_static(b"ab"))), Ok(1_000_000));
    assert_eq!(fast.cpu().x[10], 2);
}

/// Every kind of instruction 20,000 times on a stack of 128 KiB: a handler that called instead of jumping would overflow it.
#[test]
fn instructions_take_no_stack() {
    let mut words = vec![encode(Op::Lui, 20, 0, 0, 0x10_0000), encode(Op::Lui, 5, 0, 0, 0x5000)];
    let start = words.len();
    for (op, _, _, form) in TABLE {
        match (op, form) {
            (Op::Ecall, _) => {}
            (Op::Jalr, _) => {
                words.push(encode(Op::Auipc, 6, 0, 0, 0));
                words.push(encode(Op::Jalr, 0, 6, 0, 8));
                words.push(encode(Op::Auipc, 6, 0, 0, 0));
                words.push(encode(Op::Jalr, 1, 6, 0, 8));
            }
            (_, Form::J) => words.extend([encode(*op, 0, 0, 0, 4), encode(*op, 1, 0, 0, 4)]),
            (_, Form::B) => {
                words.extend([encode(*op, 0, 7, 8, 4), encode(*op, 0, 7, 7, 4), encode(*op, 0, 8, 7, 4)])
            }
            (_, Form::S) => words.push(encode(*op, 0, 20, 8, 16)),
            (op, Form::I) if *op >= Op::Lb => words.push(encode(*op, 7, 20, 0, 16)),
            _ => words.extend([encode(*op, 7, 8, 9, 5), encode(*op, 8, 7, 7, 3)]),
        }
    }
    words.push(encode(Op::Addi, 5, 5, 0, -1));
    let back = 4 * (start as i32 - words.len() as i32 - 1);
    words.push(encode(Op::Beq, 0, 5, 0, 8));
    words.push(encode(Op::Jal, 0, 0, 0, back));
    words.extend([encode(Op::Addi, 17, 0, 0, 93), 0x73]);
    let program = Arc::new(Program::from_words(0x1_0000, &words).unwrap());
    let run = move || {
        let mut fast = Executor::new(program, B256::ZERO).unwrap();
        fast.run(u64::MAX, &mut NoOracle).unwrap();
        let cpu: &Cpu = fast.cpu();
        assert_eq!(cpu.status, Status::EXITED);
        assert!(fast.steps() > 2_000_000);
    };
    std::thread::Builder::new().stack_size(128 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn any_file_is_loaded_or_refused() {
    proptest!(config(8, 500), |(bytes in prop::collection::vec(any::<u8>(), 0..400))| {
        prop_assert!(Program::from_elf(&bytes).is_err());
    });
}

#[test]
fn a_file_with_some_bytes_changed_is_loaded_or_refused() {
    let file = elf::File::default().bytes();
    assert!(Program::from_elf(&file).is_ok());
    let edits = prop::collection::vec((0..file.len(), prop_oneof![any::<u8>(), Just(0), Just(0xff)]), 1..6);
    let loaded = Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(config(9, 3000));
    runner
        .run(&(edits, 0..file.len()), |(edits, cut)| {
            let mut file = file.clone();
            for (at, byte) in edits {
                file[at] = byte;
            }
            loaded.set(loaded.get() + u32::from(Program::from_elf(&file).is_ok()));
            let _ = Program::from_elf(&file[..cut]);
            Ok(())
        })
        .unwrap();
    let loaded = loaded.get();
    assert!((1..3000).contains(&loaded), "{loaded} of 3000 files were loaded");
}
