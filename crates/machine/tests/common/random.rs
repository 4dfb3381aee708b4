//! Random programs that go on for a while, and values for every key.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use alloy_primitives::{Bytes, keccak256};
use assay_machine::{Op, Oracle, Program, SparseMemory};
use assay_primitives::OracleKey;
use proptest::{prelude::*, test_runner::RngSeed};

use super::encode::{Form, TABLE, encode};

pub(crate) const BASE: u64 = 0x0401_0000;
pub(crate) const WORDS: usize = 48;

/// Registers that start as addresses: of data, of ends of leaves and pages, of code.
pub(crate) const POINTERS: [(u32, u64); 6] =
    [(20, 0x10_0000), (21, 0x10_0ffc), (22, 0xffff_ffe0), (23, BASE), (24, BASE + 64), (25, 0x10_0100)];

pub(crate) fn config(seed: u64, cases: u32) -> ProptestConfig {
    println!("seed {seed}, {cases} cases");
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// As [`config`], for runs of any length: `ASSAY_FUZZ_CASES` times as many cases, from the seed `ASSAY_FUZZ_SEED` if there is one.
pub(crate) fn fuzz_config(seed: u64, cases: u32) -> ProptestConfig {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    let seed = number("ASSAY_FUZZ_SEED").map_or(seed, |other| seed + 1000 * u64::from(other));
    config(seed, cases * number("ASSAY_FUZZ_CASES").unwrap_or(1))
}

pub(crate) fn register() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0u32), 6 => 1u32..20, 1 => 0u32..32]
}

pub(crate) fn pointer() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 20u32..26, 1 => 0u32..32]
}

pub(crate) fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(1 << 63),
        Just((1 << 63) - 1),
        Just(0xffff_ffff_8000_0000),
        Just(0x7fff_ffff),
        Just(1 << 32),
        0u64..130,
        any::<u64>(),
        any::<i32>().prop_map(|v| i64::from(v) as u64),
    ]
}

/// A word: mostly an instruction that keeps the program going, at times anything.
pub(crate) fn word() -> impl Strategy<Value = u32> {
    let fields = (0..TABLE.len(), register(), register(), register(), pointer(), any::<i32>(), -24i32..24);
    let valid = fields.prop_map(|(row, rd, rs1, rs2, pointer, imm, jump)| {
        let (op, _, _, form) = TABLE[row];
        match (op, form) {
            (Op::Jalr, _) => encode(op, rd, 23 + (rs1 & 1), 0, imm & 0x7c),
            (Op::Ecall, _) => encode(op, 0, 0, 0, 0),
            (_, Form::B | Form::J) => encode(op, rd, rs1, rs2, 4 * jump),
            (_, Form::S) => encode(op, 0, pointer, rs2, imm >> 24),
            (op, Form::I) if op >= Op::Lb => encode(op, rd, pointer, 0, imm >> 24),
            _ => encode(op, rd, rs1, rs2, imm),
        }
    });
    prop_oneof![60 => valid, 1 => any::<u32>(), 2 => call()]
}

/// `addi x17, x0, number`: some of the next `ecall`s are calls.
fn call() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(2), Just(3), Just(4), Just(5), Just(93)]
        .prop_map(|n| encode(Op::Addi, 17, 0, 0, n))
}

#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) words: Vec<u32>,
    pub(crate) registers: Vec<u64>,
}

/// One program in two asks for a part of the value whose key is at the last of [`POINTERS`].
pub(crate) fn start() -> impl Strategy<Value = Start> {
    let parts = (
        prop::collection::vec(word(), WORDS),
        prop::collection::vec(value(), 31),
        prop::option::of((0..WORDS - 4, 0..3i32)),
    );
    parts.prop_map(|(mut words, registers, asks)| {
        if let Some((at, part)) = asks {
            words[at] = encode(Op::Addi, 17, 0, 0, 4);
            words[at + 1] = encode(Op::Addi, 10, 25, 0, 0);
            words[at + 2] = encode(Op::Addi, 11, 0, 0, 32 * part);
            words[at + 3] = encode(Op::Ecall, 0, 0, 0, 0);
        }
        Start { words, registers }
    })
}

/// Registers that a [`loops`] program writes; it keeps its pointers and [`COUNTER`].
const SCRATCH: std::ops::Range<u32> = 0..20;
const COUNTER: u32 = 26;

/// A word that traps nowhere: it reaches memory through a pointer and jumps forwards, or back through a register.
fn tame_word() -> impl Strategy<Value = u32> {
    let fields = (0..TABLE.len(), SCRATCH, register(), register(), 20u32..26, any::<i32>(), 1i32..16);
    fields.prop_map(|(row, rd, rs1, rs2, pointer, imm, jump)| {
        let (op, _, _, form) = TABLE[row];
        // The last pointer's memory ends behind it.
        let near = if pointer == 22 { imm >> 24 & !127 } else { imm >> 24 };
        match (op, form) {
            (Op::Jalr, _) => encode(op, rd, 23 + (rs1 & 1), 0, imm & 0x3c),
            (Op::Ecall, _) => encode(Op::Sh1add, rd, rs1, rs2, 0),
            (_, Form::B | Form::J) => encode(op, rd, rs1, rs2, 4 * jump),
            (_, Form::S) => encode(op, 0, pointer, rs2, near),
            (op, Form::I) if op >= Op::Lb => encode(op, rd, pointer, 0, near),
            _ => encode(op, rd, rs1, rs2, imm),
        }
    })
}

/// A loop in a loop, that goes on for long; one program in two also calls the system in the inner or the outer one.
pub(crate) fn loops() -> impl Strategy<Value = Start> {
    let parts = (
        prop::collection::vec(tame_word(), WORDS),
        prop::collection::vec(value(), 31),
        (4..WORDS - 4, 1i32..200),
        prop::option::of((1..WORDS - 4, prop::sample::select(vec![1, 2, 3, 5]))),
    );
    parts.prop_map(|(mut words, registers, (end, rounds), calls)| {
        if let Some((at, number)) = calls {
            words[at] = encode(Op::Addi, 17, 0, 0, number);
            words[at + 1] = encode(Op::Addi, 10, 20, 0, 0);
            words[at + 2] = encode(Op::Ecall, 0, 0, 0, 0);
        }
        words[0] = encode(Op::Addi, COUNTER, 0, 0, rounds);
        words[end] = encode(Op::Addi, COUNTER, COUNTER, 0, -1);
        words[end + 1] = encode(Op::Bne, 0, COUNTER, 0, -4 * end as i32);
        Start { words, registers }
    })
}

impl Start {
    /// A program that first sets its registers, then runs the words over and over.
    pub(crate) fn program(&self) -> Arc<Program> {
        let mut words = Vec::new();
        let at = BASE - 8 * 31 - 4 * 70;
        words.push(encode(Op::Lui, 31, 0, 0, (at + 0x800) as i32));
        words.push(encode(Op::Addi, 31, 31, 0, at as i32));
        for register in 1..=31 {
            words.push(encode(Op::Ld, register, 31, 0, 8 * (register as i32 - 1)));
        }
        let code_at = BASE - 4 * (words.len() as u64);
        words.extend(&self.words);
        words.push(encode(Op::Jal, 0, 0, 0, -4 * WORDS as i32));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let code = assay_machine::Code::new(&[(code_at, &bytes)]).expect("code in one window");
        let mut memory = SparseMemory::default();
        let mut registers = self.registers.clone();
        for (register, value) in POINTERS {
            registers[register as usize - 1] = value;
        }
        for (i, value) in (0u64..).zip(&registers) {
            memory.write(at + 8 * i, &value.to_le_bytes());
        }
        memory.write(0x10_0000, &keccak256(b"data").0);
        memory.write(0xffff_ffe0, &[0xa5; 32]);
        memory.write(0x10_0100, &[2, 40]); // a key
        Arc::new(Program::new(code, memory, code_at))
    }
}

/// Knows a value for every key.
pub(crate) struct Everything;

impl Oracle for Everything {
    fn preimage(&mut self, key: OracleKey) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(&key.as_b256()[..usize::from(key.as_b256()[1]) % 32]))
    }
}
