//! Steps, their witnesses, and what a verifier makes of them.

use alloc::{vec, vec::Vec};

use alloy_primitives::{B256, Bytes, keccak256};
use assay_primitives::OracleKey;

use crate::*;

const BASE: u64 = 0x0200_0000;
const ECALL: u32 = 0x73;

/// A machine before one step.
struct Case {
    program: Program,
    machine: Reference,
    values: Vec<(OracleKey, Bytes)>,
}

impl Case {
    fn new(word: u32, registers: &[(usize, u64)], memory: &[(u64, &[u8])]) -> Self {
        let program = Program::from_words(BASE, &[word]).unwrap();
        let mut sparse = SparseMemory::default();
        for (address, bytes) in memory {
            sparse.write(*address, bytes);
        }
        let mut cpu = Cpu::new(BASE, B256::repeat_byte(0x11));
        for (register, value) in registers {
            cpu.x[*register] = *value;
        }
        let machine = Machine::with(cpu, sparse, MemoryTree::default(), 0);
        Self { program, machine, values: vec![] }
    }

    /// Steps, checks the witness every way, and gives its length and the next state.
    fn check(mut self) -> (usize, Reference) {
        let before = self.machine.state();
        let values = self.values;
        let mut oracle = |key| values.iter().find(|(held, _)| *held == key).map(|(_, value)| value.clone());
        let code = self.program.code();
        let witness = self.machine.step_witness(code, &mut oracle).unwrap();
        let after = self.machine.state();
        let mut parts = Vec::new();
        let verified = verify_step(code.root(), &before, &witness, |part| {
            parts.push(*part);
            true
        });
        assert_eq!(verified.as_ref(), Ok(&after));
        let stored = |part: &B256| parts.contains(part);
        for at in 0..witness.len() {
            let mut forged = witness.clone();
            forged[at] ^= 1 << (at % 8);
            assert!(verify_step(code.root(), &before, &forged, stored).is_err(), "byte {at} changed");
            assert!(verify_step(code.root(), &before, &witness[..at], stored).is_err(), "cut at {at}");
        }
        let longer = [&witness[..], &[0]].concat();
        assert!(verify_step(code.root(), &before, &longer, stored).is_err(), "a byte more");
        if !witness.is_empty() {
            assert!(verify_step(B256::ZERO, &before, &witness, stored).is_err(), "another code");
        }
        if let [part] = parts[..] {
            assert_eq!(
                verify_step(code.root(), &before, &witness, |_| false),
                Err(WitnessError::UnknownPart(part))
            );
        }
        (witness.len(), self.machine)
    }
}

/// A call with `a7 = number`.
fn call(number: u64, a0: u64, a1: u64, memory: &[(u64, &[u8])]) -> Case {
    Case::new(ECALL, &[(17, number), (10, a0), (11, a1)], memory)
}

fn bytes_at(machine: &Reference, address: u64, bytes: usize) -> Vec<u8> {
    let at = address as usize % PAGE_BYTES;
    machine.memory().page((address / PAGE_BYTES as u64) as u32)[at..at + bytes].to_vec()
}

#[test]
fn arithmetic_opens_the_code_alone() {
    let (bytes, after) = Case::new(0x0031_00b3, &[(2, 40), (3, 2)], &[]).check(); // add x1, x2, x3
    assert_eq!((bytes, after.cpu().x[1], after.cpu().pc), (673, 42, BASE + 4));
}

#[test]
fn a_halted_machine_stands_still_without_a_witness() {
    for status in [0, 2, 3, 255] {
        let mut case = Case::new(0x0031_00b3, &[], &[]);
        case.machine.cpu.status = Status(status);
        let before = case.machine.state();
        let (bytes, mut after) = case.check();
        assert_eq!((bytes, after.state(), after.steps()), (0, before, 0));
    }
}

#[test]
fn what_cannot_be_fetched_traps() {
    for pc in [BASE + 2, BASE + 1, 0x0400_0000, 0x01ff_fffc, 1 << 63, u64::MAX, BASE | 1 << 32] {
        let mut case = Case::new(0x0031_00b3, &[], &[]);
        case.machine.cpu.pc = pc;
        let (bytes, after) = case.check();
        assert_eq!((bytes, after.cpu().status, after.cpu().pc), (33, Status::TRAPPED, pc));
    }
    let mut case = Case::new(0x0031_00b3, &[], &[]);
    case.machine.cpu.pc = BASE + 4096;
    let (bytes, after) = case.check();
    assert_eq!((bytes, after.cpu().status), (673, Status::TRAPPED), "zeros are no instruction");
}

#[test]
fn loads_and_stores_open_one_leaf_or_two() {
    let bytes: [u8; 64] = core::array::from_fn(|i| i as u8 + 0x80);
    let ld = 0x0001_3083; // ld x1, (x2)
    let (size, after) = Case::new(ld, &[(2, 0x1000)], &[(0x1000, &bytes)]).check();
    assert_eq!((size, after.cpu().x[1]), (673 + 896, 0x8786_8584_8382_8180));
    let (size, after) = Case::new(ld, &[(2, 0x101d)], &[(0x1000, &bytes)]).check();
    assert_eq!((size, after.cpu().x[1]), (673 + 2 * 896, 0xa4a3_a2a1_a09f_9e9d));
    let sd = 0x0011_3023; // sd x1, (x2)
    for address in [0x1fff, 0x1ff9, 0x1ffe, 0x1018] {
        let value = 0x0102_0304_0506_0708u64;
        let (size, after) = Case::new(sd, &[(1, value), (2, address)], &[(0x1000, &bytes)]).check();
        assert_eq!(size, 673 + if address % 32 > 24 { 2 } else { 1 } * 896);
        for (i, byte) in value.to_le_bytes().iter().enumerate() {
            assert_eq!(bytes_at(&after, address + i as u64, 1), [*byte]);
        }
        assert_eq!(after.memory().pages().count(), if address > 0x1ff8 { 2 } else { 1 });
    }
}

#[test]
fn the_memory_ends_at_its_end() {
    let lb = 0x0001_0083; // lb x1, (x2)
    let ld_x0 = 0x0001_3003; // ld x0, (x2)
    let sd = 0x0011_3023;
    for (word, address, ends) in [
        (lb, 0xffff_ffff, false),
        (lb, 1 << 32, true),
        (lb, u64::MAX, true),
        (ld_x0, 0xffff_fff8, false),
        (ld_x0, 0xffff_fff9, true),
        (ld_x0, u64::MAX - 3, true),
        (sd, 0xffff_fff8, false),
        (sd, 0xffff_fff9, true),
        (sd, 0u64.wrapping_sub(8), true),
    ] {
        let (size, after) = Case::new(word, &[(2, address), (1, 5)], &[]).check();
        assert_eq!(after.cpu().status == Status::TRAPPED, ends, "{word:#x} at {address:#x}");
        assert_eq!(size, if ends { 673 } else { 673 + 896 });
        assert_eq!((after.cpu().x[0], after.cpu().pc), (0, if ends { BASE } else { BASE + 4 }));
    }
}

#[test]
fn jumps_write_the_link_and_trap_at_the_next_fetch() {
    let jalr = 0x0031_00e7; // jalr x1, 3(x2)
    let (size, mut after) = Case::new(jalr, &[(2, 0x7000_0000)], &[]).check();
    assert_eq!((size, after.cpu().x[1], after.cpu().pc), (673, BASE + 4, 0x7000_0002));
    assert!(after.cpu().is_running());
    let code = Code::new(&[(BASE, &[0; 4])]).unwrap();
    after.step(&code, &mut NoOracle).unwrap();
    assert_eq!(after.cpu().status, Status::TRAPPED);
    let same = 0x0000_80e7; // jalr x1, (x1): the target is read before the link is written
    let (_, after) = Case::new(same, &[(1, 0x1235)], &[]).check();
    assert_eq!((after.cpu().x[1], after.cpu().pc), (BASE + 4, 0x1234));
}

#[test]
fn exit_keeps_the_low_byte_and_the_place() {
    let (size, after) = call(93, 0x1ff, 0, &[]).check();
    assert_eq!((size, after.cpu().status, after.cpu().exit_code), (673, Status::EXITED, 0xff));
    assert_eq!((after.cpu().pc, after.steps()), (BASE, 1));
}

#[test]
fn input_and_output_go_through_leaves() {
    let (size, after) = call(1, 0x40, 0, &[]).check();
    assert_eq!((size, bytes_at(&after, 0x40, 32)), (673 + 896, vec![0x11; 32]));
    let (size, after) = call(2, 0xffff_ffe0, 0, &[(0xffff_ffe0, &[7; 32])]).check();
    assert_eq!((size, after.cpu().output), (673 + 896, B256::repeat_byte(7)));
    for (number, a0) in
        [(1, 0x10), (2, 0x41), (1, 1 << 32), (2, 1 << 63), (0, 0), (6, 0), (94, 0), (1 << 32 | 1, 0)]
    {
        let (size, after) = call(number, a0, 0, &[]).check();
        assert_eq!((size, after.cpu().status), (673, Status::TRAPPED), "call {number} at {a0:#x}");
    }
}

#[test]
fn a_hint_changes_nothing() {
    for (a0, a1) in [(0, 4), (u64::MAX, u64::MAX), (1 << 32, 1), (0xffff_ffff, 2)] {
        let (size, after) = call(3, a0, a1, &[]).check();
        assert_eq!((size, after.cpu().pc, after.memory().pages().count()), (673, BASE + 4, 0));
    }
}

#[test]
fn a_pre_image_comes_in_parts() {
    let value = Bytes::from((0..70).collect::<Vec<u8>>());
    let key = OracleKey::keccak(keccak256(&value));
    for (offset, expected) in [(0, 0..32u8), (32, 32..64), (64, 64..70), (96, 0..0), (65_504, 0..0)] {
        let mut case = call(4, 0x80, offset, &[(0x80, key.as_b256().as_slice()), (0xa0, &[9; 32])]);
        case.values = vec![(key, value.clone())];
        let (size, after) = case.check();
        let mut leaf: Vec<u8> = expected.collect();
        leaf.resize(32, 0);
        assert_eq!((size, bytes_at(&after, 0xa0, 32), after.cpu().x[10]), (673 + 896 + 36, leaf, 70));
        assert_eq!(bytes_at(&after, 0x80, 32), key.as_b256().as_slice());
    }
}

#[test]
fn a_pre_image_call_that_traps_opens_what_it_read() {
    let key = OracleKey::keccak(B256::ZERO).as_b256();
    for (a0, a1, size) in [
        (0xa0, 0, 673),
        (0x80, 1, 673),
        (0x80, 16, 673),
        (0x80, 65_536, 673),
        (1 << 32, 0, 673),
        (0x80, 1 << 32, 673),
        (0x100, 0, 673 + 896),
    ] {
        let (found, after) = call(4, a0, a1, &[(0x80, key.as_slice())]).check();
        assert_eq!((found, after.cpu().status, after.cpu().x[10]), (size, Status::TRAPPED, a0));
    }
}

#[test]
fn a_host_without_the_value_can_go_on_later() {
    let value = Bytes::from_static(b"value");
    let key = OracleKey::sha256(B256::repeat_byte(1));
    let mut case = call(4, 0, 0, &[(0, key.as_b256().as_slice())]);
    let before = case.machine.state();
    let code = case.program.code();
    assert_eq!(case.machine.step(code, &mut NoOracle), Err(HostError::MissingPreimage(key)));
    assert_eq!((case.machine.state(), case.machine.steps()), (before, 0));
    let long = Bytes::from(vec![0; 65_537]);
    assert_eq!(
        case.machine.step(code, &mut |_| Some(long.clone())),
        Err(HostError::PreimageTooLong { key, found: 65_537 })
    );
    case.machine.step(code, &mut |_| Some(value.clone())).unwrap();
    assert_eq!((case.machine.cpu().x[10], case.machine.steps()), (5, 1));
}

/// The permutation of zeros: the first lanes of the Keccak team's `KeccakF-1600-IntermediateValues.txt`.
#[test]
fn keccak_f_permutes_200_bytes_and_leaves_the_rest() {
    let (size, after) = call(5, 0x1f00, 0, &[(0x1fc8, &[3; 56])]).check();
    assert_eq!(size, 673 + 1024);
    let lane = |i: u64| u64::from_le_bytes(bytes_at(&after, 0x1f00 + 8 * i, 8).try_into().unwrap());
    assert_eq!((lane(0), lane(1)), (0xf125_8f79_40e1_dde7, 0x84d5_ccf9_33c0_478a));
    assert_eq!(bytes_at(&after, 0x1fc8, 56), [3; 56]);
    let (size, after) = call(5, 0x1f20, 0, &[]).check();
    assert_eq!((size, after.cpu().status), (673, Status::TRAPPED));
}

#[test]
fn a_tree_kept_up_to_date_equals_one_from_scratch() {
    let mut memory = SparseMemory::default();
    let mut tree = MemoryTree::default();
    let mut leaves = alloc::collections::BTreeMap::new();
    let mut seed = 1u64;
    for round in 0..40u8 {
        for _ in 0..round {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = (seed >> 37) as u32 & if round % 3 == 0 { 0x3ff } else { u32::MAX };
            let leaf = if seed.is_multiple_of(5) { [0; 32] } else { [round; 32] };
            memory.set_leaf(index, &leaf);
            leaves.insert(index, leaf);
        }
        let written = memory.take_written();
        tree.update(&memory, &written);
        let all: Vec<_> = leaves.iter().map(|(index, leaf)| (*index, *leaf)).collect();
        assert_eq!(tree.root(), root_of_leaves(&all), "round {round}");
        for (index, leaf) in all.iter().take(3) {
            let siblings = tree.siblings(&memory, *index);
            assert_eq!(fold(B256::new(*leaf), u64::from(*index), &siblings), tree.root());
        }
    }
}
