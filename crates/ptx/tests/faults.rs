//! Every kind of fault, provoked; and programs that only look faulty.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use assay_ptx::{BlockOutcome, Fault, FaultKind, FlatMemory, Image, LaunchDims, Space, print};
use support::{params, run_device, run_reference};

/// A kernel around a body; `%rd1` is the buffer, `%r1` the thread, `%rd2` four times the thread.
fn kernel(body: &str) -> Image {
    let text = format!(
        ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 buffer)\n{{\n\
         .reg .pred %p<8>; .reg .b16 %rs<8>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f32 %f<8>;\n\
         .shared .align 16 .b8 tile[512];\n\
         ld.param.u64 %rd1, [buffer]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; mov.u32 %r9, %ctaid.x;\n{body}\n}}\n"
    );
    Image::from_ptx(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

const BYTES: u64 = 4096;

fn run(body: &str, grid: u32, block: u32, fuel: u64) -> Result<FlatMemory, BlockOutcome> {
    let mut memory = FlatMemory::new(BYTES);
    let dims = LaunchDims::new([grid, 1, 1], [block, 1, 1]);
    run_reference(&kernel(body), "k", dims, &params(&[], &[0]), &mut memory, fuel).map(|_| memory)
}

#[track_caller]
fn fault(body: &str, grid: u32, block: u32) -> Fault {
    match run(body, grid, block, 1 << 30) {
        Err(BlockOutcome::Fault { fault, .. }) => {
            let text = print(&kernel(body));
            assert!(
                text.lines().nth(fault.line as usize - 1).is_some_and(|l| l.ends_with(';')),
                "line {}\n{text}",
                fault.line
            );
            fault
        }
        other => panic!("expected a fault, found {other:?}"),
    }
}

#[track_caller]
fn fine(body: &str, grid: u32, block: u32) {
    if let Err(outcome) = run(body, grid, block, 1 << 30) {
        panic!("{outcome:?}");
    }
}

#[test]
fn accesses_outside_the_arena_are_faults() {
    let f = fault("add.s64 %rd3, %rd1, %rd2; st.global.u32 [%rd3+4080], %r1; ret;", 1, 8);
    assert_eq!((f.thread, f.block), (4, 0));
    assert!(matches!(f.kind, FaultKind::OutOfBounds { space: Space::Global, bytes: 4, .. }));
    let null = fault("mov.u64 %rd3, 0; ld.global.u32 %r2, [%rd3]; ret;", 1, 1);
    assert!(matches!(null.kind, FaultKind::OutOfBounds { address: 0, .. }));
    let wraps = fault("mov.u64 %rd3, -4; ld.global.u64 %rd4, [%rd3+8]; ret;", 1, 1);
    assert!(matches!(wraps.kind, FaultKind::OutOfBounds { .. }));
    let shared = fault("mov.u32 %r2, 512; st.shared.u32 [%r2], %r1; ret;", 1, 1);
    assert!(matches!(shared.kind, FaultKind::OutOfBounds { space: Space::Shared, address: 512, bytes: 4 }));
}

#[test]
fn accesses_off_their_alignment_are_faults() {
    let f = fault("ld.global.u32 %r2, [%rd1+2]; ret;", 1, 1);
    assert!(matches!(f.kind, FaultKind::Misaligned { space: Space::Global, bytes: 4, .. }));
    let v = fault("ld.global.v2.u32 {%r2, %r3}, [%rd1+4]; ret;", 1, 1);
    assert!(matches!(v.kind, FaultKind::Misaligned { bytes: 8, .. }));
}

#[test]
fn two_threads_that_write_one_byte_race() {
    let f = fault("st.global.u32 [%rd1], %r1; ret;", 1, 2);
    assert!(matches!(f.kind, FaultKind::Race { space: Space::Global, .. }));
    assert_eq!(f.thread, 1);
    // Equal values race too.
    assert!(matches!(
        fault("mov.u32 %r2, 7; st.shared.u32 [tile], %r2; ret;", 1, 2).kind,
        FaultKind::Race { .. }
    ));
    // Between blocks, barriers order nothing.
    let between = fault("bar.sync 0; st.global.u32 [%rd1], %r9; ret;", 2, 1);
    assert_eq!(
        (between.block, between.kind),
        (1, FaultKind::Race { space: Space::Global, address: assay_ptx::ARENA_BASE })
    );
    let read_then_write =
        "setp.eq.u32 %p1, %r9, 0; @%p1 ld.global.u32 %r2, [%rd1]; @!%p1 st.global.u32 [%rd1], %r9; ret;";
    assert!(matches!(fault(read_then_write, 2, 1).kind, FaultKind::Race { .. }));
}

#[test]
fn a_read_that_a_neighbour_may_overtake_races() {
    let no_barrier =
        "mov.u32 %r2, tile; shl.b32 %r3, %r1, 2; add.s32 %r4, %r2, %r3; st.shared.u32 [%r4], %r1;
        xor.b32 %r5, %r3, 4; add.s32 %r5, %r2, %r5; BARRIER ld.shared.u32 %r6, [%r5]; ret;";
    // Thread 0 reads what thread 1 has not written yet, or, the other way round, what nothing orders.
    let f = fault(&no_barrier.replace("BARRIER", ""), 1, 64);
    assert!(matches!(f.kind, FaultKind::UninitialisedShared { .. } | FaultKind::Race { .. }));
    fine(&no_barrier.replace("BARRIER", "bar.sync 0;"), 1, 64);
    fine(&no_barrier.replace("BARRIER", "bar.warp.sync -1;"), 1, 64);
    // A warp-level barrier does not order warps.
    let across = no_barrier
        .replace("BARRIER", "bar.warp.sync -1;")
        .replace("xor.b32 %r5, %r3, 4", "xor.b32 %r5, %r3, 128");
    assert!(matches!(
        fault(&across, 1, 64).kind,
        FaultKind::UninitialisedShared { .. } | FaultKind::Race { .. }
    ));
}

#[test]
fn a_warp_reduction_in_shared_memory_is_ordered_by_its_warp_barriers() {
    let step = |o: u32| {
        format!(
            "ld.shared.u32 %r5, [%r4+{}]; bar.warp.sync -1; add.u32 %r6, %r6, %r5; st.shared.u32 [%r4], %r6; bar.warp.sync -1;",
            4 * o
        )
    };
    let body = format!(
        "mov.u32 %r2, tile; shl.b32 %r3, %r1, 2; add.s32 %r4, %r2, %r3; mov.u32 %r6, %r1; st.shared.u32 [%r4], %r1;
         mov.u32 %r7, 0; st.shared.u32 [%r4+128], %r7; bar.warp.sync -1; {} {} {} {} {}
         setp.eq.u32 %p1, %r1, 0; @%p1 st.global.u32 [%rd1], %r6; ret;",
        step(16), step(8), step(4), step(2), step(1)
    );
    let memory = run(&body, 1, 32, 1 << 30).unwrap();
    assert_eq!(memory.as_bytes()[..4], (0..32u32).sum::<u32>().to_le_bytes());
    let unordered = body.replacen("bar.warp.sync -1;", "", 2);
    assert!(matches!(
        fault(&unordered, 1, 32).kind,
        FaultKind::Race { .. } | FaultKind::UninitialisedShared { .. }
    ));
}

#[test]
fn neighbouring_bytes_and_halves_do_not_race() {
    fine("cvt.u64.u32 %rd3, %r1; add.s64 %rd3, %rd1, %rd3; st.global.u8 [%rd3], %r1; ret;", 1, 64);
    fine("mul.wide.u32 %rd3, %r1, 2; add.s64 %rd3, %rd1, %rd3; st.global.u16 [%rd3], %r1; ret;", 1, 64);
    fine(
        "mov.u32 %r2, tile; add.s32 %r2, %r2, %r1; st.shared.u8 [%r2], %r1; bar.sync 0; ld.shared.u32 %r3, [tile]; ret;",
        1,
        64,
    );
    let overlap =
        "setp.eq.u32 %p1, %r1, 0; @%p1 st.global.u32 [%rd1], %r1; @!%p1 st.global.u8 [%rd1+3], %r1; ret;";
    assert!(matches!(fault(overlap, 1, 2).kind, FaultKind::Race { .. }));
}

#[test]
fn atomics_commute_but_do_not_mix_with_plain_accesses() {
    fine("red.global.add.u32 [%rd1], %r1; ret;", 4, 64);
    let mixed =
        "setp.eq.u32 %p1, %r1, 5; @%p1 ld.global.u32 %r2, [%rd1]; @!%p1 red.global.add.u32 [%rd1], %r1; ret;";
    assert!(matches!(fault(mixed, 1, 64).kind, FaultKind::Race { .. }));
    let ordered = "red.global.max.s32 [%rd1], %r1; bar.sync 0; ld.global.u32 %r2, [%rd1]; ret;";
    fine(ordered, 1, 64);
    assert!(matches!(fault(ordered, 2, 64).kind, FaultKind::Race { .. }));
    // A write and an atomic of one thread do not hide the write from another thread's atomic.
    let hidden =
        "setp.eq.u32 %p1, %r1, 0; @%p1 st.global.u32 [%rd1], %r1; red.global.add.u32 [%rd1], %r1; ret;";
    assert!(matches!(fault(hidden, 1, 2).kind, FaultKind::Race { .. }));
    let shared = "setp.eq.u32 %p1, %r1, 0; mov.u32 %r2, 0; @%p1 st.shared.u32 [tile], %r2; bar.sync 0; red.shared.add.u32 [tile], %r1;
        bar.sync 0; ld.shared.u32 %r3, [tile]; @%p1 st.global.u32 [%rd1], %r3; ret;";
    let memory = run(shared, 1, 128, 1 << 30).unwrap();
    assert_eq!(memory.as_bytes()[..4], (0..128u32).sum::<u32>().to_le_bytes());
}

#[test]
fn shared_memory_must_be_written_before_it_is_read() {
    let f = fault("ld.shared.u32 %r2, [tile+4]; ret;", 1, 1);
    assert_eq!(f.kind, FaultKind::UninitialisedShared { address: 4 });
    let partly = fault("st.shared.u16 [tile], %r1; ld.shared.u32 %r2, [tile]; ret;", 1, 1);
    assert_eq!(partly.kind, FaultKind::UninitialisedShared { address: 0 });
    // What another block wrote does not count.
    let first_only =
        "setp.eq.u32 %p1, %r9, 0; @%p1 st.shared.u32 [tile], %r1; ld.shared.u32 %r2, [tile]; ret;";
    assert_eq!(fault(first_only, 2, 1).block, 1);
}

#[test]
fn non_coherent_loads_of_written_bytes_are_faults() {
    let after = fault("st.global.u32 [%rd1], %r1; ld.global.nc.u32 %r2, [%rd1]; ret;", 1, 1);
    assert!(matches!(after.kind, FaultKind::NonCoherent { .. }));
    let before = fault("ld.global.nc.u32 %r2, [%rd1]; bar.sync 0; st.global.u32 [%rd1], %r1; ret;", 1, 1);
    assert!(matches!(before.kind, FaultKind::NonCoherent { .. }));
    fine("ld.global.nc.u32 %r2, [%rd1]; ret;", 4, 64);
}

#[test]
fn divergent_barriers_and_warps_are_faults() {
    let f = fault("setp.lt.u32 %p1, %r1, 3; @%p1 ret; bar.sync 0; ret;", 1, 64);
    assert_eq!((f.kind, f.thread), (FaultKind::DivergentBarrier, 3));
    let two = fault("setp.lt.u32 %p1, %r1, 3; @%p1 bra A; bar.sync 0; ret;\nA: bar.sync 0; ret;", 1, 64);
    assert_eq!(two.kind, FaultKind::DivergentBarrier);
    let shuffle = "setp.lt.u32 %p1, %r1, 3; @%p1 bra A; shfl.sync.idx.b32 %r2, %r1, 0, 31, MASK;\nA: ret;";
    assert_eq!(fault(&shuffle.replace("MASK", "-1"), 1, 32).kind, FaultKind::DivergentWarp);
    // Lane 0 is not named, but read.
    assert_eq!(fault(&shuffle.replace("MASK", "0xFFFFFFF8"), 1, 32).kind, FaultKind::DivergentWarp);
    fine(&shuffle.replace("MASK", "0xFFFFFFF8").replace("%r1, 0, 31", "%r1, 5, 31"), 1, 32);
}

#[test]
fn votes_and_matches_agree_with_their_definition() {
    let body = "setp.lt.u32 %p1, %r1, 5; vote.sync.ballot.b32 %r2, %p1, -1; vote.sync.any.pred %p2, !%p1, -1; selp.u32 %r3, 1, 0, %p2;
        and.b32 %r4, %r1, 3; match.any.sync.b32 %r5, %r4, -1; redux.sync.max.s32 %r6, %r1, -1; bar.red.popc.u32 %r7, 0, %p1;
        setp.eq.u32 %p3, %r1, 6; @!%p3 ret; st.global.v4.u32 [%rd1], {%r2, %r3, %r5, %r6}; st.global.u32 [%rd1+16], %r7; ret;";
    let memory = run(body, 1, 32, 1 << 30).unwrap();
    let words: Vec<u32> =
        memory.as_bytes()[..20].chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect();
    assert_eq!(words, [0b11111, 1, 0x4444_4444, 31, 5]);
}

#[test]
fn trap_is_a_fault_and_endless_loops_run_out_of_fuel() {
    assert_eq!(fault("trap;", 1, 1).kind, FaultKind::Trap);
    assert_eq!(run("L: bra L;", 1, 1, 100_000), Err(BlockOutcome::OutOfFuel));
    let image = kernel("L: bra L;");
    let (status, ..) = run_device(
        &image,
        "k",
        LaunchDims::new([1, 1, 1], [4, 1, 1]),
        &params(&[], &[0]),
        &FlatMemory::new(BYTES),
        10_000,
    );
    assert_eq!(status, assay_ptx::DeviceArgs::STATUS_OUT_OF_FUEL);
}

/// Fuel of exactly the units is enough; one less is not; a fault within the fuel wins over the lack of it.
#[test]
fn fuel_is_exact() {
    let body = "mov.u32 %r2, 0;\nL: add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 10; @%p1 bra L; ret;";
    let mut memory = FlatMemory::new(BYTES);
    let dims = LaunchDims::new([1, 1, 1], [3, 1, 1]);
    let units =
        run_reference(&kernel(body), "k", dims, &params(&[], &[0]), &mut memory, u64::MAX).unwrap()[0];
    assert!(run(body, 1, 3, units).is_ok());
    assert_eq!(run(body, 1, 3, units - 1), Err(BlockOutcome::OutOfFuel));
}

#[test]
fn a_device_reports_bounds_faults_in_its_status_word() {
    let image = kernel("add.s64 %rd3, %rd1, %rd2; st.global.u32 [%rd3+4080], %r1; ret;");
    let dims = LaunchDims::new([1, 1, 1], [8, 1, 1]);
    let (status, _, arena) =
        run_device(&image, "k", dims, &params(&[], &[0]), &FlatMemory::new(BYTES), u64::MAX);
    assert_eq!(status, assay_ptx::DeviceArgs::STATUS_FAULT);
    assert_eq!(arena.len() as u64, BYTES);
}

#[test]
fn dynamic_shared_memory_follows_the_static() {
    let text = ".version 7.0 .target sm_75 .address_size 64 .extern .shared .align 8 .b8 more[];
        .visible .entry k(.param .u64 out) { .reg .b32 %r<4>; .reg .b64 %rd<4>; .shared .align 4 .b8 few[20];
        ld.param.u64 %rd1, [out]; mov.u32 %r1, more; mov.u32 %r2, 77; st.shared.u32 [more+4], %r2; st.shared.u32 [few], %r2;
        ld.shared.u32 %r3, [%r1+4]; st.global.v2.u32 [%rd1], {%r1, %r3}; ret; }";
    let image = Image::from_ptx(text).unwrap();
    assert_eq!(Image::from_ptx(&print(&image)), Ok(image.clone()));
    let mut memory = FlatMemory::new(64);
    let mut dims = LaunchDims::new([1, 1, 1], [1, 1, 1]);
    dims.dynamic_shared = 8;
    run_reference(&image, "k", dims, &params(&[], &[0]), &mut memory, u64::MAX).unwrap();
    assert_eq!(memory.as_bytes()[..8], [32, 0, 0, 0, 77, 0, 0, 0]);
    let (status, _, arena) =
        run_device(&image, "k", dims, &params(&[], &[0]), &FlatMemory::new(64), u64::MAX);
    assert_eq!((status, &arena[..8]), (0, &memory.as_bytes()[..8]));
    dims.dynamic_shared = 4;
    assert!(run_reference(&image, "k", dims, &params(&[], &[0]), &mut memory, u64::MAX).is_err());
}
