//! Rewrites `tests/vectors/machine/*.json`: single steps, which this crate and the contracts both assert.
//!
//! `word` is the only code: it lies at `pc` if `pc` is a multiple of 4 in window `window`; where it is not, `word` is zero and there
//! is no code. Leaves not named are zero, registers not named too.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use alloy_primitives::{B256, Bytes, hex, keccak256};
use assay_machine::{
    Code, Cpu, Machine, Memory, MemoryTree, Op, Reference, SparseMemory, State, Status, verify_step,
};
use assay_primitives::OracleKey;
use serde_json::{Value, json};

#[path = "../tests/common/encode.rs"]
mod encode;
use encode::{Form, TABLE, encode};

#[allow(dead_code, reason = "a test builds the same files and compares")]
fn main() {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("the folder of the vectors");
    for (name, text) in files() {
        std::fs::write(folder.join(&name), text).expect("a file of vectors");
        println!("wrote {name}");
    }
}

/// Where the vectors lie.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/vectors/machine")
}

/// Every file: name and text.
pub(crate) fn files() -> Vec<(String, String)> {
    let groups = [
        (
            "register",
            registers(&[
                Op::Add,
                Op::Sub,
                Op::Sll,
                Op::Slt,
                Op::Sltu,
                Op::Xor,
                Op::Srl,
                Op::Sra,
                Op::Or,
                Op::And,
            ]),
        ),
        ("register_w", registers(&[Op::Addw, Op::Subw, Op::Sllw, Op::Srlw, Op::Sraw])),
        ("multiply", registers(&[Op::Mul, Op::Mulh, Op::Mulhsu, Op::Mulhu, Op::Mulw])),
        (
            "divide",
            registers(&[Op::Div, Op::Divu, Op::Rem, Op::Remu, Op::Divw, Op::Divuw, Op::Remw, Op::Remuw]),
        ),
        (
            "zba",
            registers(&[
                Op::AddUw,
                Op::Sh1add,
                Op::Sh2add,
                Op::Sh3add,
                Op::Sh1addUw,
                Op::Sh2addUw,
                Op::Sh3addUw,
                Op::SlliUw,
            ]),
        ),
        (
            "zbb_logic",
            registers(&[
                Op::Andn,
                Op::Orn,
                Op::Xnor,
                Op::Max,
                Op::Maxu,
                Op::Min,
                Op::Minu,
                Op::Rol,
                Op::Ror,
                Op::Rolw,
                Op::Rorw,
            ]),
        ),
        (
            "zbb_bits",
            registers(&[
                Op::Clz,
                Op::Ctz,
                Op::Cpop,
                Op::Clzw,
                Op::Ctzw,
                Op::Cpopw,
                Op::SextB,
                Op::SextH,
                Op::ZextH,
                Op::OrcB,
                Op::Rev8,
                Op::Rori,
                Op::Roriw,
            ]),
        ),
        (
            "zbs",
            registers(&[Op::Bclr, Op::Bext, Op::Binv, Op::Bset, Op::Bclri, Op::Bexti, Op::Binvi, Op::Bseti]),
        ),
        (
            "immediate",
            registers(&[
                Op::Addi,
                Op::Slti,
                Op::Sltiu,
                Op::Xori,
                Op::Ori,
                Op::Andi,
                Op::Addiw,
                Op::Lui,
                Op::Auipc,
            ]),
        ),
        ("shift_immediate", registers(&[Op::Slli, Op::Srli, Op::Srai, Op::Slliw, Op::Srliw, Op::Sraiw])),
        ("loads", loads()),
        ("stores", stores()),
        ("control", control()),
        ("system_calls", system_calls()),
        ("preimage", preimages()),
        ("traps", traps()),
        ("halted", halted()),
    ];
    groups.into_iter().map(|(name, cases)| (format!("{name}.json"), text(name, &cases))).collect()
}

const BASE: u64 = 0x0200_0000;
const MIN: u64 = 1 << 63;
const MAX: u64 = u64::MAX;

/// A state before one step.
struct Case {
    name: String,
    window: u8,
    word: u32,
    cpu: Cpu,
    memory: BTreeMap<u32, [u8; 32]>,
    values: Vec<(OracleKey, Bytes)>,
}

impl Case {
    fn new(name: impl Into<String>, word: u32, registers: &[(u32, u64)]) -> Self {
        let mut cpu = Cpu::new(BASE + 0x1c, B256::repeat_byte(0x11));
        cpu.x[2] = 0;
        cpu.output = B256::repeat_byte(0x22);
        for (register, value) in registers {
            cpu.x[*register as usize] = *value;
        }
        cpu.x[0] = 0;
        Self { name: name.into(), window: 1, word, cpu, memory: BTreeMap::new(), values: vec![] }
    }

    fn at(mut self, pc: u64) -> Self {
        self.cpu.pc = pc;
        self
    }

    /// Memory from `address`, a multiple of 32: whole leaves.
    fn memory(mut self, address: u64, bytes: &[u8]) -> Self {
        for (index, leaf) in ((address / 32) as u32..).zip(bytes.chunks(32)) {
            let mut whole = [0; 32];
            whole[..leaf.len()].copy_from_slice(leaf);
            self.memory.insert(index, whole);
        }
        self
    }

    fn code(&self) -> Code {
        let (pc, word) = (self.cpu.pc, self.word.to_le_bytes());
        let window = u64::from(self.window) << 25;
        match pc % 4 == 0 && pc >> 25 == u64::from(self.window) {
            true => Code::new(&[(pc, &word)]),
            false => Code::new(&[(window, &[0; 4])]),
        }
        .expect("a word in a window")
    }

    fn json(&self) -> Value {
        let mut memory = SparseMemory::default();
        for (index, leaf) in &self.memory {
            memory.set_leaf(*index, leaf);
        }
        let code = self.code();
        let mut machine: Reference = Machine::with(self.cpu.clone(), memory, MemoryTree::default(), 0);
        let before = machine.state();
        let mut oracle =
            |key| self.values.iter().find(|(held, _)| *held == key).map(|(_, value)| value.clone());
        let witness = machine.step_witness(&code, &mut oracle).expect("the value is there");
        let after = machine.state();
        assert_eq!(
            verify_step(code.root(), &before, &witness, |_| true).as_ref(),
            Ok(&after),
            "{}",
            self.name
        );
        let changed = (1..32).filter(|i| before.cpu.x[*i] != after.cpu.x[*i]).collect::<Vec<usize>>();
        let leaves = machine.memory().pages().flat_map(|(page, _)| page * 128..(page + 1) * 128);
        let leaves: Vec<(u32, [u8; 32])> = leaves
            .map(|index| (index, machine.memory().leaf(index)))
            .filter(|(index, leaf)| *leaf != self.memory.get(index).copied().unwrap_or_default())
            .collect();
        let set: Vec<usize> = (1..32).filter(|i| before.cpu.x[*i] != 0).collect();
        let State { cpu, .. } = &after;
        json!({
            "name": self.name,
            "pc": word64(before.cpu.pc),
            "word": format!("{:#010x}", self.word),
            "window": self.window,
            "regIndex": set,
            "regValue": set.iter().map(|i| word64(before.cpu.x[*i])).collect::<Vec<_>>(),
            "memAddress": self.memory.keys().map(|index| address(*index)).collect::<Vec<_>>(),
            "memLeaf": self.memory.values().map(hex::encode_prefixed).collect::<Vec<_>>(),
            "input": before.cpu.input.to_string(),
            "output": before.cpu.output.to_string(),
            "status": before.cpu.status.0,
            "exitCode": before.cpu.exit_code,
            "preimageKey": self.values.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(),
            "preimageValue": self.values.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>(),
            "nextPc": word64(cpu.pc),
            "nextRegIndex": changed,
            "nextRegValue": changed.iter().map(|i| word64(cpu.x[*i])).collect::<Vec<_>>(),
            "nextMemAddress": leaves.iter().map(|(index, _)| address(*index)).collect::<Vec<_>>(),
            "nextMemLeaf": leaves.iter().map(|(_, leaf)| hex::encode_prefixed(leaf)).collect::<Vec<_>>(),
            "nextOutput": cpu.output.to_string(),
            "nextStatus": cpu.status.0,
            "nextExitCode": cpu.exit_code,
            "preHash": before.hash().to_string(),
            "nextHash": after.hash().to_string(),
            "witnessHash": keccak256(&witness).to_string(),
        })
    }
}

fn word64(value: u64) -> String {
    format!("{value:#018x}")
}

fn address(leaf: u32) -> String {
    format!("{:#010x}", u64::from(leaf) * 32)
}

/// One case a line.
fn text(group: &str, cases: &[Case]) -> String {
    let mut text = String::from("[\n");
    for (i, case) in cases.iter().enumerate() {
        let mut value = case.json();
        value["name"] = format!("{group}: {}", case.name).into();
        let comma = if i + 1 < cases.len() { "," } else { "" };
        writeln!(text, "{value}{comma}").expect("writing to a string");
    }
    text + "]\n"
}

/// Operands in corners: signs, carries, amounts beyond the width, a byte pattern.
const OPERANDS: [(u64, u64); 6] = [
    (MIN, MAX),
    (0xffff_ffff_8000_0000, 0),
    (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3261),
    (0x7fff_ffff, 0x8000_0000_8000_003f),
    (MAX, 0xffff_ffff),
    (0x8000_0000_0000_0001, MIN + 2),
];

const IMMEDIATES: [i32; 6] = [-1, 0, 2047, -2048, 33, 63];

/// Each instruction on each pair of operands, its registers changing from case to case: all different, the target one of the
/// sources, both sources the same, `x0` in every place.
fn registers(ops: &[Op]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, op) in (0u32..).zip(ops) {
        for (i, ((a, b), imm)) in (0u32..).zip(OPERANDS.into_iter().zip(IMMEDIATES)) {
            let k = 7 * n + 11 * i;
            let (rs1, rs2) = (1 + k % 15, 16 + k % 16);
            let rd = [1 + (k + 3) % 31, rs1, rs2, 0, 31, rs1][i as usize];
            let imm = match op {
                Op::Lui | Op::Auipc => [i32::MIN, 0, 0x7fff_f000, -4096, 4096, 0x1234_5000][i as usize],
                _ => imm,
            };
            let word = encode(*op, rd, rs1, rs2, imm);
            cases.push(Case::new(format!("{op:?} {i}"), word, &[(rs1, a), (rs2, b)]));
        }
        let form = TABLE.iter().find(|row| row.0 == *op).expect("in the table").3;
        if matches!(form, Form::R(_)) {
            cases.push(Case::new(
                format!("{op:?} on one register"),
                encode(*op, 5, 6, 6, 0),
                &[(6, MIN + 3)],
            ));
            cases.push(Case::new(format!("{op:?} on x0"), encode(*op, 5, 0, 0, 0), &[(5, 9)]));
        }
    }
    let most = |op: &Op| matches!(op, Op::Div | Op::Rem | Op::Divw | Op::Remw);
    for op in ops.iter().filter(|op| most(op)) {
        let word = encode(*op, 7, 8, 9, 0);
        for (a, b) in [
            (0xffff_ffff_8000_0000, MAX),
            (0x8000_0000, 0xffff_ffff),
            (MAX - 6, 2),
            (7, 1 << 32),
            (7, MAX - 1),
        ] {
            cases.push(Case::new(format!("{op:?} {a:#x} {b:#x}"), word, &[(8, a), (9, b)]));
        }
    }
    cases
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| 0x81 ^ (i as u8).wrapping_mul(0x1d)).collect()
}

/// Addresses within a leaf, over the end of a leaf, a page and 4 MiB, and at the end of memory.
const PLACES: [(&str, u64); 7] = [
    ("in a leaf", 0x1003),
    ("at the end of a leaf", 0x1020),
    ("over the end of a leaf", 0x103f),
    ("over the end of a page", 0x1fff),
    ("over the end of 4 MiB", 0x003f_ffff),
    ("at the end of memory", 1 << 32),
    ("over the end of memory", (1 << 32) + 1),
];

fn width(op: Op) -> u64 {
    assay_machine::width(op) as u64
}

/// Memory around an address, so that no leaf next to it is zero.
fn around(case: Case, address: u64) -> Case {
    let first = (address.min((1 << 32) - 32) / 32).saturating_sub(1) * 32;
    let leaves = ((1u64 << 32) - first).min(96);
    case.memory(first, &pattern(leaves as usize))
}

fn loads() -> Vec<Case> {
    let mut cases = Vec::new();
    for op in [Op::Lb, Op::Lh, Op::Lw, Op::Ld, Op::Lbu, Op::Lhu, Op::Lwu] {
        for (i, (place, address)) in (0u32..).zip(PLACES) {
            let address =
                if place.starts_with("at") || address >> 32 != 0 { address - width(op) } else { address };
            let imm = [0, -1, 2047, -2048, 5, 0, 0][i as usize];
            let base = address.wrapping_sub(i64::from(imm) as u64);
            let case =
                Case::new(format!("{op:?} {place}"), encode(op, 10 + i, 9, 0, imm), &[(9, base), (10, 1)]);
            cases.push(around(case, address));
        }
    }
    let to_zero = Case::new("to x0", encode(Op::Ld, 0, 9, 0, 8), &[(9, 0x1000)]);
    cases.push(around(to_zero, 0x1000));
    cases.push(Case::new("to x0 beyond memory", encode(Op::Lb, 0, 9, 0, 0), &[(9, 1 << 32)]));
    cases.push(
        Case::new("over its own base", encode(Op::Ld, 9, 9, 0, 0), &[(9, 0x1000)])
            .memory(0x1000, &pattern(32)),
    );
    cases.push(Case::new("from memory never written", encode(Op::Ld, 9, 0, 0, 0), &[(9, 3)]));
    cases.push(Case::new("wraps around", encode(Op::Ld, 8, 9, 0, 0), &[(9, MAX - 3)]));
    cases.push(Case::new("below zero", encode(Op::Lbu, 8, 0, 0, -1), &[]));
    cases.push(
        Case::new("an address sum that wraps to 4", encode(Op::Lw, 8, 9, 0, 8), &[(9, MAX - 3)])
            .memory(0, &pattern(32)),
    );
    cases.push(Case::new("code is not memory", encode(Op::Lw, 8, 9, 0, 0), &[(9, BASE + 0x1c)]));
    cases
}

fn stores() -> Vec<Case> {
    let mut cases = Vec::new();
    for op in [Op::Sb, Op::Sh, Op::Sw, Op::Sd] {
        for (i, (place, address)) in (0u32..).zip(PLACES) {
            let address =
                if place.starts_with("at") || address >> 32 != 0 { address - width(op) } else { address };
            let imm = [0, -1, 2047, -2048, 5, 0, 0][i as usize];
            let base = address.wrapping_sub(i64::from(imm) as u64);
            let word = encode(op, 0, 9, 10 + i, imm);
            let case =
                Case::new(format!("{op:?} {place}"), word, &[(9, base), (10 + i, 0x0123_4567_89ab_cdef)]);
            cases.push(around(case, address));
        }
    }
    cases.push(Case::new("into memory never written", encode(Op::Sd, 0, 0, 9, 0), &[(9, 3)]));
    cases.push(Case::new("over two leaves never written", encode(Op::Sd, 0, 0, 9, 60), &[(9, MAX)]));
    cases.push(Case::new("what is there already", encode(Op::Sd, 0, 0, 0, 0), &[]));
    cases.push(Case::new("zero over a leaf", encode(Op::Sd, 0, 0, 0, 0), &[]).memory(0, &[7; 8]));
    cases.push(Case::new("its own base", encode(Op::Sd, 0, 9, 9, 0), &[(9, 0x1000)]));
    cases.push(Case::new("wraps around", encode(Op::Sd, 0, 9, 0, 0), &[(9, MAX - 3)]));
    cases.push(Case::new("below zero", encode(Op::Sb, 0, 0, 0, -1), &[]));
    cases.push(Case::new("code stays", encode(Op::Sw, 0, 9, 0, 0), &[(9, BASE + 0x1c)]));
    cases
}

fn control() -> Vec<Case> {
    let mut cases = Vec::new();
    let pairs = [(5, 5), (MAX, 1), (1, MAX), (MIN, MAX >> 1), (0, MIN)];
    for op in [Op::Beq, Op::Bne, Op::Blt, Op::Bge, Op::Bltu, Op::Bgeu] {
        for ((a, b), offset) in pairs.into_iter().zip([8, -4096, 4094, 2, -2]) {
            let word = encode(op, 0, 11, 12, offset);
            cases.push(Case::new(format!("{op:?} {a:#x} {b:#x} by {offset}"), word, &[(11, a), (12, b)]));
        }
        cases.push(Case::new(format!("{op:?} on one register"), encode(op, 0, 11, 11, 16), &[(11, 1)]));
    }
    for (rd, offset) in [(1, 2048), (0, -4), (31, -1_048_576), (5, 1_048_574), (1, 0)] {
        cases.push(Case::new(format!("Jal x{rd} by {offset}"), encode(Op::Jal, rd, 0, 0, offset), &[]));
    }
    cases
        .push(Case::new("Jal backwards below zero", encode(Op::Jal, 1, 0, 0, -4096), &[]).at(0x10).window(0));
    let end = 0xffff_fffc;
    cases.push(Case::new("the last word of memory", encode(Op::Addi, 1, 1, 0, 1), &[]).at(end).window(127));
    cases.push(Case::new("Jal from the last word", encode(Op::Jal, 1, 0, 0, 8), &[]).at(end).window(127));
    cases.push(
        Case::new("Auipc from the last word", encode(Op::Auipc, 1, 0, 0, 0x7fff_f000), &[])
            .at(end)
            .window(127),
    );
    cases.push(Case::new("the last word of a window", encode(Op::Addi, 1, 1, 0, 1), &[]).at(0x03ff_fffc));
    cases.push(Case::new("the first word of a window", encode(Op::Addi, 1, 1, 0, 1), &[]).at(0x0200_0000));
    cases.push(Case::new("the middle of a window", encode(Op::Addi, 1, 1, 0, 1), &[]).at(0x02aa_aaa8));
    for (name, rd, base, offset) in [
        ("Jalr", 1, 0x0200_1000, 16),
        ("Jalr to an odd address", 1, 0x0200_1000, 3),
        ("Jalr to nowhere", 1, 0x7_0000_0000, -4),
        ("Jalr around zero", 1, 0, -4),
        ("Jalr without a link", 0, 0x0200_1000, 0),
        ("Jalr through its link", 9, 0x0200_1001, 2047),
    ] {
        cases.push(Case::new(name, encode(Op::Jalr, rd, 9, 0, offset), &[(9, base)]));
    }
    cases.push(Case::new("Jalr from x0", encode(Op::Jalr, 1, 0, 0, 2047), &[]));
    for word in [0x0ff0_000f, 0x0000_000f, 0xffff_8f8f, 0x0100_000f, 0x8330_000f] {
        cases.push(Case::new(format!("Fence {word:#010x}"), word, &[(31, 1)]));
    }
    cases
}

impl Case {
    fn window(mut self, window: u8) -> Self {
        self.window = window;
        self
    }
}

/// An `ecall` with its number and arguments.
fn call(name: impl Into<String>, number: u64, a0: u64, a1: u64) -> Case {
    Case::new(name, 0x73, &[(17, number), (10, a0), (11, a1)])
}

fn system_calls() -> Vec<Case> {
    let mut cases = Vec::new();
    for code in [0, 1, 255, 256, 0x1ff, MAX] {
        cases.push(call(format!("exit {code:#x}"), 93, code, 5));
    }
    for a0 in [0, 0x1fe0, 0xffff_ffe0] {
        cases.push(around(call(format!("read_input {a0:#x}"), 1, a0, 0), a0));
        cases.push(around(call(format!("write_output {a0:#x}"), 2, a0, 0), a0));
        cases.push(call(format!("write_output {a0:#x} of zeros"), 2, a0, 0));
    }
    for a0 in [1, 0x10, 0x1fe8, 1 << 32, (1 << 32) + 32, MAX, MIN] {
        cases.push(call(format!("read_input {a0:#x}"), 1, a0, 0));
        cases.push(call(format!("write_output {a0:#x}"), 2, a0, 0));
    }
    for (a0, a1) in [(0, 0), (0x1000, 64), (1, 3), (MAX, MAX), (1 << 32, 1), (0xffff_ffff, 2), (0, 1 << 32)] {
        cases.push(call(format!("hint {a0:#x} {a1:#x}"), 3, a0, a1));
    }
    for a0 in [0, 0x1f00, 0xffff_ff00] {
        cases.push(call(format!("keccak_f {a0:#x}"), 5, a0, 7).memory(a0, &pattern(256)));
        cases.push(call(format!("keccak_f {a0:#x} of zeros"), 5, a0, 7));
    }
    let case = call("keccak_f beside other leaves", 5, 0x1100, 0).memory(0x1000, &pattern(256));
    cases.push(case.memory(0x1200, &pattern(256)).memory(0x11c8 / 32 * 32, &[0xee; 32]));
    for a0 in [1, 32, 128, 0x1f80, 1 << 32, (1 << 32) + 256, MIN] {
        cases.push(call(format!("keccak_f {a0:#x}"), 5, a0, 0));
    }
    for number in [0, 6, 92, 94, 64, 214, 1 << 32 | 1, MAX, 93 + (1 << 8)] {
        cases.push(call(format!("number {number:#x}"), number, 0, 0));
    }
    cases
}

fn preimages() -> Vec<Case> {
    let value = |bytes: usize| Bytes::from(pattern(bytes));
    let key = |value: &Bytes| OracleKey::keccak(keccak256(value));
    let mut cases = Vec::new();
    for (a0, bytes, offset) in [
        (0x80, 70, 0),
        (0x80, 70, 32),
        (0x80, 70, 64),
        (0x80, 70, 96),
        (0x1fc0, 64, 32),
        (0x1fc0, 64, 64),
        (0xffff_ffc0, 32, 0),
        (0, 0, 0),
        (0, 0, 65_504),
        (0, 1, 0),
        (0, 4096, 4064),
    ] {
        let (value, call) =
            (value(bytes), call(format!("{bytes} bytes from {offset} at {a0:#x}"), 4, a0, offset));
        let memory = [key(&value).as_b256().as_slice(), &[0x55; 32], &[0x66; 32]].concat();
        let room = ((1u64 << 32) - a0).min(96) as usize;
        cases.push(Case { values: vec![(key(&value), value)], ..call.memory(a0, &memory[..room]) });
    }
    let longest = value(65_536);
    let call_longest = call("the last part of the longest value", 4, 0x40, 65_504)
        .memory(0x40, key(&longest).as_b256().as_slice());
    cases.push(Case { values: vec![(key(&longest), longest)], ..call_longest });
    let hash = B256::repeat_byte(0xab);
    for (kind, key) in [
        ("sha256", OracleKey::sha256(hash)),
        ("blob", OracleKey::blob(hash, 4095)),
        ("precompile", OracleKey::precompile(alloy_primitives::Address::with_last_byte(1), &[1, 2, 3])),
    ] {
        let case = call(format!("a {kind} key"), 4, 0x40, 0).memory(0x40, key.as_b256().as_slice());
        cases.push(Case { values: vec![(key, value(33))], ..case });
    }
    for kind in [0u8, 1, 3, 7, 0x82, 255] {
        let mut key = [0xab; 32];
        key[0] = kind;
        cases.push(call(format!("key type {kind} is none"), 4, 0x40, 0).memory(0x40, &key));
    }
    cases.push(call("a key of zeros", 4, 0x40, 0));
    let good = key(&value(70)).as_b256();
    for (a0, a1) in [
        (0x60, 0),
        (0x41, 0),
        (0x48, 0),
        (1 << 32, 0),
        (MIN, 0),
        (0x40, 1),
        (0x40, 16),
        (0x40, 65_536),
        (0x40, 65_505),
        (0x40, 1 << 32),
        (0x40, MAX - 31),
    ] {
        let name = format!("traps at {a0:#x} from {a1:#x}");
        cases.push(call(name, 4, a0, a1).memory(0x40, &[good.as_slice(), good.as_slice()].concat()));
    }
    cases
}

fn traps() -> Vec<Case> {
    let mut cases = Vec::new();
    for pc in [
        BASE + 1,
        BASE + 2,
        BASE + 3,
        0x01ff_fffc,
        0x0400_0000,
        0,
        1 << 32 | BASE,
        1 << 57 | BASE,
        MAX,
        MAX - 3,
    ] {
        cases.push(Case::new(format!("fetch at {pc:#x}"), 0, &[(1, 1)]).at(pc));
    }
    cases.push(Case::new("fetch in window 0 from window 127", 0, &[]).at(0).window(127));
    cases.push(Case::new("fetch beyond window 127", 0, &[]).at(1 << 32).window(127));
    for (why, word) in [
        ("zeros", 0),
        ("ones", MAX as u32),
        ("fence.i", 0x0000_100f),
        ("cbo.zero", 0x0040_200f),
        ("ebreak", 0x0010_0073),
        ("ecall with rd", 0x0000_00f3),
        ("ecall with rs1", 0x0000_8073),
        ("wfi", 0x1050_0073),
        ("mret", 0x3020_0073),
        ("csrrs", 0xc000_2573),
        ("c.nop", 0x0000_0001),
        ("compressed, quadrant 0", 0x0000_4108),
        ("compressed, quadrant 2", 0x0000_8082),
        ("a 48-bit instruction", 0x0000_001f),
        ("lr.w", 0x1005_22af),
        ("amoadd.d", 0x00b5_32af),
        ("flw", 0x0005_2007),
        ("fsd", 0x00b5_3027),
        ("fadd.d", 0x02b5_7553),
        ("fmadd.s", 0x0000_0043),
        ("vector", 0x0000_0057),
        ("load with funct3 7", 0x0005_7503),
        ("store with funct3 4", 0x00b5_4023),
        ("store with funct3 7", 0x00b5_7023),
        ("branch with funct3 2", 0x00b5_2463),
        ("branch with funct3 3", 0x00b5_3463),
        ("jalr with funct3 1", 0x0005_1567),
        ("slliw with bit 25", 0x0205_151b),
        ("srliw with bit 25", 0x0205_551b),
        ("sraiw with bit 25", 0x4205_551b),
        ("roriw with bit 25", 0x6205_551b),
        ("slli with a 7-bit amount", 0x8005_1513),
        ("srai with a wrong function", 0x4405_5513 | 1 << 27),
        ("clz with function 3", 0x6035_1513),
        ("zip", 0x08f5_1513),
        ("brev8", 0x6875_5513),
        ("rev8 of 32 bits", 0x6985_5513),
        ("packw", 0x08b5_453b),
        ("pack", 0x08b5_4533),
        ("clmul", 0x0ab5_1533),
        ("clmulh", 0x0ab5_3533),
        ("xperm8", 0x28b5_4533),
        ("czero.eqz", 0x0eb5_5533),
        ("sub with funct3 1", 0x40b5_1533),
        ("mulw with funct3 1", 0x02b5_153b),
        ("addiw's opcode with funct3 2", 0x0005_251b),
        ("clzw with rs2 3", 0x6035_151b),
        ("custom-0", 0x0000_000b),
        ("custom-1", 0x0000_002b),
    ] {
        cases.push(Case::new(why, word, &[(10, 0x40), (11, 3)]));
    }
    cases
}

fn halted() -> Vec<Case> {
    let mut cases = Vec::new();
    for (status, exit_code) in [(0, 0), (2, 0), (2, 9), (3, 0), (3, 1), (4, 0), (255, 255)] {
        let mut case =
            Case::new(format!("status {status}, code {exit_code}"), encode(Op::Addi, 1, 1, 0, 1), &[(1, 1)]);
        (case.cpu.status, case.cpu.exit_code) = (Status(status), exit_code);
        cases.push(case);
    }
    let mut case = Case::new("status 2 at an address that cannot be fetched", 0, &[]).at(MAX);
    case.cpu.status = Status::EXITED;
    cases.push(case);
    let mut case = Case::new("running with an exit code", encode(Op::Addi, 1, 1, 0, 1), &[(1, 1)]);
    case.cpu.exit_code = 7;
    cases.push(case);
    let mut case = call("exit over an exit code", 93, 3, 0);
    case.cpu.exit_code = 7;
    cases.push(case);
    cases
}
