//! The translator against the reference, at every kind of stop.

use std::sync::Arc;

use alloy_primitives::B256;

use super::*;
use crate::{Executor, HostError, NoOracle, Program, Reference};

const BASE: u64 = 0x0200_0000;
const ECALL: u32 = 0x73;

/// Translates at once whatever runs twice, in regions of different sizes.
fn translator(program: &Program, region_instructions_max: usize) -> Translator {
    let options =
        TranslateOptions { runs_before: 1, region_instructions_max, translating: Translating::Inline };
    Translator::new(program.code(), options).unwrap()
}

/// Runs `program` for up to `steps` steps by the reference and gives the state hashes after each number of steps in `stops`.
fn reference(program: &Program, stops: &[u64]) -> Vec<(u64, B256)> {
    let mut machine = Reference::new(program, B256::repeat_byte(0x11));
    let mut states = Vec::new();
    for stop in stops {
        while machine.steps() < *stop && machine.cpu().is_running() {
            machine.step(program.code(), &mut NoOracle).unwrap();
        }
        states.push((machine.steps(), machine.state_hash()));
    }
    states
}

/// Both runs agree at all stops, which ascend: a fresh run to each and one run over all, twice each.
fn check(program: Program, stops: &[u64]) -> Stats {
    let expected = reference(&program, stops);
    let program = Arc::new(program);
    let mut stats = Stats::default();
    for region in [1, 20, 500] {
        let translator = translator(&program, region);
        let fresh =
            || Executor::with_engine(program.clone(), translator.clone(), B256::repeat_byte(0x11)).unwrap();
        for _ in 0..2 {
            let mut along = fresh();
            for (stop, expected) in stops.iter().zip(&expected) {
                let steps = along.run(*stop, &mut NoOracle).unwrap();
                assert_eq!(
                    (steps, along.state_hash()),
                    *expected,
                    "on the way, region {region}, stop {stop}"
                );
            }
        }
        for (stop, expected) in stops.iter().zip(&expected) {
            let mut executor = fresh();
            let steps = executor.run(*stop, &mut NoOracle).unwrap();
            assert_eq!((steps, executor.state_hash()), *expected, "at once, region {region}, stop {stop}");
        }
        stats = translator.stats();
    }
    stats
}

fn check_words(words: &[u32], stops: impl IntoIterator<Item = u64>) -> Stats {
    check(Program::from_words(BASE, words).unwrap(), &stops.into_iter().collect::<Vec<_>>())
}

fn i(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32 & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x13, 0, rd, rs1, imm)
}

fn s(funct3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23
}

fn b(funct3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    let high = (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25;
    high | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7 | 0x63
}

fn j(rd: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 20 & 1) << 31
        | (imm >> 1 & 1023) << 21
        | (imm >> 11 & 1) << 20
        | (imm >> 12 & 255) << 12
        | rd << 7
        | 0x6f
}

fn lui(rd: u32, upper: u32) -> u32 {
    upper << 12 | rd << 7 | 0x37
}

#[test]
fn loops_stop_at_any_instruction() {
    // x5 = 100; do { x6 += x5; x7 ^= x6; sd x6, (x2 - 8); x5 -= 1 } while (x5 != 0); then trap.
    let words =
        [addi(5, 0, 100), 0x0053_0333, 0x0063_c3b3, s(3, 2, 6, -8), addi(5, 5, -1), b(1, 5, 0, -16), 0];
    let stats = check_words(&words, (0..40).chain(480..510).chain([u64::MAX]));
    assert!(stats.regions >= 1 && stats.instructions >= 5, "{stats:?}");
}

#[test]
fn calls_return_in_and_out_of_a_region() {
    // A loop that calls two functions, one of which calls the other; the stack is memory.
    let words = [
        addi(8, 0, 50),
        j(1, 24),        // 4: call f (at 28)
        j(1, 48),        // 8: call g (at 56)
        addi(8, 8, -1),  // 12
        b(1, 8, 0, -12), // 16
        0,               // 20
        0,               // 24
        addi(2, 2, -16), // 28: f
        s(3, 2, 1, 8),   // 32
        j(1, 20),        // 36: call g
        i(3, 3, 1, 2, 8),
        addi(2, 2, 16),
        i(0x67, 0, 0, 1, 0), // 48: return
        0,
        addi(9, 9, 3),       // 56: g
        i(0x67, 0, 0, 1, 0), // 60: return
    ];
    check_words(&words, [0, 1, 7, 100, 101, 102, 103, 104, 105, 106, 500, 700, 701, 702, u64::MAX]);
}

#[test]
fn jumps_into_the_middle_to_odd_and_to_absent_addresses() {
    for offset in [0, 4, 8, 12, 2, 6, 64, 0x7fc, -8, -2048] {
        // Each round jumps to x7 + offset, where x7 is the address of the third instruction.
        let words = [
            addi(8, 0, 20),
            0x0000_0397, // auipc x7, 0
            addi(9, 9, 1),
            addi(9, 9, 2),
            addi(9, 9, 4),
            addi(8, 8, -1),
            b(0, 8, 0, 12),
            i(0x67, 0, 1, 7, offset),
            0,
            0,
        ];
        check_words(&words, (0..20).chain([60, 61, 62, 63, u64::MAX]));
    }
    // Far away.
    for upper in [0x80000, 0x7ffff, 0x04000, 0] {
        check_words(
            &[addi(8, 8, 1), lui(7, upper), b(4, 8, 7, -8), i(0x67, 0, 1, 7, 1)],
            [1, 2, 3, 9, 10_000],
        );
    }
}

#[test]
fn code_in_memory_that_is_overwritten_stays() {
    // Each round writes zeros over the loop's own words in memory.
    let words = [
        0x0000_0397, // auipc x7, 0
        addi(8, 0, 30),
        s(2, 7, 0, 8),
        s(3, 7, 0, 12),
        addi(8, 8, -1),
        b(1, 8, 0, -12),
        0,
    ];
    check_words(&words, [5, 6, 7, 50, 100, u64::MAX]);
}

#[test]
fn accesses_meet_the_end_of_memory_and_of_pages() {
    // x7 grows by x6 each round; loads and stores lie around it at several distances.
    for (start, by) in
        [(0xffff_f000u64, 0x1f1), (0xffff_ff00, 7), (0xfff, 1), (0x1ffb, 1), (0, -3i32 as u64 & 0x7ff)]
    {
        let mut words = vec![
            lui(7, ((start + 0x800) >> 12) as u32 & 0xfffff),
            addi(7, 7, (start as i32) << 20 >> 20),
            i(0x13, 1, 7, 7, 32),
            i(0x13, 5, 7, 7, 32),
            addi(6, 0, by as i32),
            addi(5, 0, 40),
        ];
        let top = words.len() as i32;
        words.extend([
            s(3, 7, 5, 0),
            i(3, 3, 9, 7, -5),
            s(1, 7, 5, 17),
            s(0, 7, 9, 2047),
            i(3, 4, 10, 7, 1),
            s(2, 7, 10, -4),
            0x0063_83b3, // add x7, x7, x6
            s(3, 7, 5, -1),
            addi(5, 5, -1),
        ]);
        let back = -4 * (words.len() as i32 - top);
        words.push(b(1, 5, 0, back));
        check_words(&words, (0..60).chain([100, 101, 102, 300, u64::MAX]));
    }
}

/// Each round writes the end of one page and the start of the next: the last page is written by nothing else.
#[test]
fn every_page_that_a_store_reaches_is_hashed_again() {
    for (start, offsets) in
        [(-4, &[0][..]), (-8, &[0, 8]), (-2056, &[-2040, 2040, 2048 - 4]), (-2040, &[-2048, 2040])]
    {
        let mut words = vec![lui(7, 0x100), addi(7, 7, start), addi(5, 0, 40), lui(6, 1), addi(9, 0, -1)];
        let top = words.len() as i32;
        words.extend(offsets.iter().map(|offset| s(3, 7, 9, *offset)));
        words.extend([0x0063_83b3, addi(5, 5, -1)]); // add x7, x7, x6
        let back = -4 * (words.len() as i32 - top);
        words.extend([b(1, 5, 0, back), 0]);
        check_words(&words, [50, 51, 100, u64::MAX]);
    }
}

#[test]
fn system_calls_come_from_translated_loops() {
    // Permutes, reads the input and writes the output in each round; asks for a pre-image at the end.
    let mut words = vec![addi(8, 0, 10)];
    for (number, pointer) in [(5, 0x100), (1, 0x140), (2, 0x160), (3, 0)] {
        words.extend([addi(17, 0, number), addi(10, 0, pointer), ECALL]);
    }
    words.extend([addi(8, 8, -1), b(1, 8, 0, -4 * 13), addi(17, 0, 93), ECALL]);
    check_words(&words, (0..40).chain([100, 101, 102, 103, u64::MAX]));

    let ask =
        [addi(8, 8, 1), addi(9, 8, -9), b(4, 9, 0, -8), addi(5, 0, 2), s(0, 0, 5, 0), addi(17, 0, 4), ECALL];
    let program = Arc::new(Program::from_words(BASE, &ask).unwrap());
    let mut executor = Executor::with_engine(program.clone(), translator(&program, 500), B256::ZERO).unwrap();
    let missing = executor.run(u64::MAX, &mut NoOracle);
    assert!(matches!(missing, Err(HostError::MissingPreimage(_))), "{missing:?}");
    assert_eq!((executor.steps(), executor.cpu().pc), (30, BASE + 24));
    let value = alloy_primitives::Bytes::from_static(b"value");
    assert_eq!(executor.run(31, &mut |_| Some(value.clone())), Ok(31));
    assert_eq!(executor.cpu().x[10], 5);
}

#[test]
fn another_thread_translates_meanwhile() {
    let words = [lui(5, 0x400), addi(6, 6, 3), addi(5, 5, -1), b(1, 5, 0, -8), 0];
    let program = Arc::new(Program::from_words(BASE, &words).unwrap());
    let translator = Translator::new(program.code(), TranslateOptions::default()).unwrap();
    let total = 1 + 3 * 0x40_0000 + 1;
    while translator.stats().regions == 0 {
        let runs: Vec<_> = (0..2)
            .map(|_| {
                let mut executor =
                    Executor::with_engine(program.clone(), translator.clone(), B256::ZERO).unwrap();
                std::thread::spawn(move || {
                    let steps = executor.run(u64::MAX, &mut NoOracle).unwrap();
                    (steps, executor.cpu().x[6])
                })
            })
            .collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), (total, 3 * 0x40_0000));
        }
    }
}
