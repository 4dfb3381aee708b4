//! What the loader takes and what it refuses, with the reason.

use alloy_primitives::B256;
use assay_machine::{CodeError, ElfError, Executor, Memory, NoOracle, Program, Status, ZERO_ROOTS};
use std::sync::Arc;

#[path = "common/elf.rs"]
mod elf;
use elf::{File, Segment, load};

fn refused(change: impl FnOnce(&mut File)) -> ElfError {
    let mut file = File::default();
    change(&mut file);
    Program::from_elf(&file.bytes()).expect_err("a file that cannot be run")
}

fn refused_bytes(at: usize, bytes: &[u8]) -> ElfError {
    let mut file = File::default().bytes();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Program::from_elf(&file).expect_err("a file that cannot be run")
}

#[test]
fn every_segment_is_in_memory_and_code_is_code_too() {
    let program = Program::from_elf(&File::default().bytes()).unwrap();
    assert_eq!(program.entry(), 0x1_0000);
    assert_eq!(program.code().fetch(0x1_0004), Some(0x73));
    assert_eq!(program.code().fetch(0x1_0008), Some(0));
    assert_eq!(program.code().fetch(0x2_0000), Some(0), "data is no code");
    assert_eq!(program.memory().page(0x10)[4..8], [0x73, 0, 0, 0]);
    assert_eq!(program.memory().page(0x20)[..41], [[7; 40].as_slice(), &[0]].concat());
    let mut run = Executor::new(Arc::new(program), B256::ZERO).unwrap();
    assert_eq!(run.run(100, &mut NoOracle), Ok(2));
    assert_eq!(run.cpu().status, Status::EXITED);
}

#[test]
fn the_id_binds_code_memory_and_entry() {
    let id = |change: fn(&mut File)| {
        let mut file = File::default();
        change(&mut file);
        Program::from_elf(&file.bytes()).unwrap().id()
    };
    let ids = [
        id(|_| {}),
        id(|file| file.entry += 4),
        id(|file| file.segments[0].bytes[0] ^= 0x80),
        id(|file| file.segments[1].bytes[0] ^= 1),
        id(|file| file.segments[0].flags = 1),
    ];
    assert_eq!(ids[0], ids[4], "whether code can be read as well makes no difference");
    assert!((1..4).all(|i| ids[i] != ids[0]));
    assert_eq!(id(|file| file.segments[1].memory_bytes = 40), ids[0], "zeros are not held");
}

#[test]
fn segments_without_bytes_are_nothing() {
    let mut file = File::default();
    file.segments.truncate(1);
    file.segments[0] = load(5, 0xffff_fff0, &[0x13, 0, 0, 0, 0x73, 0, 0, 0]);
    file.segments.push(load(6, u64::MAX, &[]));
    file.segments.push(Segment { memory_bytes: 4096, ..load(6, 0x5000, &[]) });
    file.entry = 0xffff_fff4;
    let program = Program::from_elf(&file.bytes()).unwrap();
    assert_eq!((program.code().window(), program.code().fetch(0xffff_fff4)), (127, Some(0x73)));
    assert_ne!(program.tree().root(), ZERO_ROOTS[27]);
}

#[test]
fn other_formats() {
    assert_eq!(Program::from_elf(b"").err(), Some(ElfError::NotElf));
    assert_eq!(Program::from_elf(b"#!/bin/sh\n").err(), Some(ElfError::NotElf));
    assert_eq!(Program::from_elf(b"\x7fELF").err(), Some(ElfError::Truncated { found: 4, needed: 64 }));
    assert_eq!(refused_bytes(4, &[1]), ElfError::Format { class: 1, data: 1, version: 1 });
    assert_eq!(refused_bytes(5, &[2]), ElfError::Format { class: 2, data: 2, version: 1 });
    assert_eq!(refused(|file| file.kind = 3), ElfError::Type(3));
    assert_eq!(refused(|file| file.machine = 62), ElfError::Machine(62));
}

#[test]
fn flags_that_ask_for_more_than_the_machine_has() {
    assert_eq!(refused(|file| file.flags = 1), ElfError::Compressed);
    assert_eq!(refused(|file| file.flags = 5), ElfError::Compressed);
    assert_eq!(refused(|file| file.flags = 4), ElfError::FloatAbi);
    assert_eq!(refused(|file| file.flags = 2), ElfError::FloatAbi);
    assert_eq!(refused(|file| file.flags = 8), ElfError::Flags(8));
    assert_eq!(refused(|file| file.segments[1].kind = 2), ElfError::Dynamic);
    assert_eq!(refused(|file| file.segments[1].kind = 3), ElfError::Dynamic);
}

#[test]
fn tables_and_segments_that_are_cut_off() {
    let file = File::default().bytes();
    let found = file.len() - 1;
    let needed = file.len() as u64;
    assert_eq!(Program::from_elf(&file[..found]).err(), Some(ElfError::Truncated { found, needed }));
    for cut in 0..file.len() {
        assert!(Program::from_elf(&file[..cut]).is_err(), "cut at {cut}");
    }
    let far = refused_bytes(32, &u64::MAX.to_le_bytes());
    assert_eq!(far, ElfError::Truncated { found: file.len(), needed: u64::MAX });
    assert_eq!(refused_bytes(54, &[55, 0]), ElfError::HeaderSize(55));
    assert_eq!(refused_bytes(56, &[65, 0]), ElfError::TooManySegments { found: 65 });
    assert_eq!(refused_bytes(56, &[0, 0]), ElfError::EntryOutsideCode(0x1_0000));
}

#[test]
fn segments_where_none_can_be() {
    assert_eq!(
        refused(|file| file.segments[1].memory_bytes = 39),
        ElfError::SegmentSize { address: 0x2_0000, file_bytes: 40, memory_bytes: 39 }
    );
    assert_eq!(
        refused(|file| file.segments[1].address = 0xffff_f000),
        ElfError::SegmentRange { address: 0xffff_f000, bytes: 9000 }
    );
    assert_eq!(
        refused(|file| file.segments[1].memory_bytes = u64::MAX),
        ElfError::SegmentRange { address: 0x2_0000, bytes: u64::MAX }
    );
    assert_eq!(
        refused(|file| file.segments[1].address = 0x1_0007),
        ElfError::Overlap { first: 0x1_0000, second: 0x1_0007 }
    );
    assert_eq!(
        refused(|file| file.segments[1].address = 0xffff),
        ElfError::Overlap { first: 0xffff, second: 0x1_0000 }
    );
    let twice = |file: &mut File| file.segments.push(load(5, 0x0200_0000, &[0; 4]));
    assert_eq!(refused(twice), ElfError::Code(CodeError::Windows { start: 0x1_0000, end: 0x0200_0004 }));
}

#[test]
fn entries_where_no_code_is() {
    assert_eq!(refused(|file| file.entry = 0x1_0002), ElfError::EntryAlignment(0x1_0002));
    assert_eq!(refused(|file| file.entry = 0x1_0008), ElfError::EntryOutsideCode(0x1_0008));
    assert_eq!(refused(|file| file.entry = 0x2_0000), ElfError::EntryOutsideCode(0x2_0000));
    assert_eq!(refused(|file| file.segments[0].flags = 6), ElfError::EntryOutsideCode(0x1_0000));
}
