//! Plans, states, outputs and runs: round trips, refusals, results.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use alloy_primitives::B256;
use assay_primitives::page_root;
use assay_ptx::{FaultKind, Image, Space};
use proptest::prelude::*;

use crate::*;

/// Kernels `add`, `boom` (writes, then traps) and `spin` (never ends).
const PTX: &str = include_str!("../testdata/small.ptx");

fn image() -> Image {
    Image::from_ptx(PTX).unwrap()
}

fn numbers(n: u32) -> Vec<u8> {
    (0..n).flat_map(|i| (i * 7).to_le_bytes()).collect()
}

fn add_plan(n: u32) -> Plan {
    let bytes = u64::from(n) * 4;
    let input = Some(page_root(&numbers(n)));
    let second = bytes.next_multiple_of(4096);
    Plan {
        arena_bytes: second * 2,
        buffers: vec![
            Buffer { offset: 0, len: bytes, input },
            Buffer { offset: second, len: bytes, input: None },
        ],
        launches: vec![Launch {
            kernel: "add".into(),
            grid: [n.div_ceil(64), 1, 1],
            block: [64, 1, 1],
            shared_bytes: 0,
            args: vec![
                Arg::Scalar { size: 4, bits: n.into() },
                Arg::Buffer { buffer: 0, offset: 0 },
                Arg::Buffer { buffer: 1, offset: 0 },
            ],
        }],
        outputs: vec![1],
        fuel: 1 << 30,
    }
}

fn job(n: u32, change: impl FnOnce(&mut Plan)) -> Job {
    let mut plan = add_plan(n);
    change(&mut plan);
    Job::new(B256::repeat_byte(9), image(), plan, vec![numbers(n)]).unwrap()
}

fn run(job: &Job) -> JobResult {
    Reference::default().run(job, &mut |_| Flow::Continue).unwrap()
}

#[test]
fn a_job_runs_and_its_output_is_proven() {
    let job = job(3000, |_| ());
    let mut seen = Vec::new();
    let watch = &mut |step: Step| {
        seen.push(step.blocks_done);
        Flow::Continue
    };
    let result = Reference::default().run(&job, watch).unwrap();
    assert_eq!(seen, (1..=47).collect::<Vec<_>>());
    assert_eq!(result.state.status, Status::Done);
    assert_eq!(result.state.position, Position { launch: 1, block: 0 });
    assert!(result.units() > 3000);

    let state =
        verify_state(&result.state.encode(), result.result_root(), B256::repeat_byte(9), job.spec_root())
            .unwrap();
    let proof = OutputProof::new(job.plan(), &result.tree(), 0).unwrap();
    assert_eq!(OutputProof::decode(&proof.encode()).unwrap(), proof);
    let pages = output_pages(job.plan(), result.memory.as_bytes(), 0).unwrap();
    let bytes = proof.verify(job.plan(), &state, pages).unwrap();
    let expected: Vec<u8> = (0..3000u32).flat_map(|i| (i * 7 + 3000).to_le_bytes()).collect();
    assert_eq!(bytes, expected);

    let mut wrong = pages.to_vec();
    wrong[5] ^= 1;
    assert!(matches!(proof.verify(job.plan(), &state, &wrong), Err(OutputError::NotProven { .. })));
    assert!(matches!(proof.verify(job.plan(), &state, &pages[1..]), Err(OutputError::NotProven { .. })));
    let other = verify_state(&result.state.encode(), B256::ZERO, B256::ZERO, B256::ZERO);
    assert!(matches!(other, Err(OutputError::ResultRoot { .. })));
}

#[test]
fn the_same_job_gives_the_same_root_and_another_chain_another() {
    let (a, b) = (run(&job(100, |_| ())), run(&job(100, |_| ())));
    assert_eq!(a.result_root(), b.result_root());
    let elsewhere = Job::new(B256::ZERO, image(), add_plan(100), vec![numbers(100)]).unwrap();
    assert_ne!(run(&elsewhere).result_root(), a.result_root());
}

#[test]
fn a_fault_keeps_the_memory_of_its_launch_start() {
    let two = |plan: &mut Plan| {
        let mut boom = plan.launches[0].clone();
        boom.kernel = "boom".into();
        boom.args = vec![Arg::Buffer { buffer: 1, offset: 0 }];
        plan.launches.push(boom);
    };
    let good = run(&job(100, |_| ()));
    let result = run(&job(100, two));
    assert_eq!(result.state.status, Status::Fault(fault_code(&FaultKind::Trap)));
    assert_eq!(result.state.position, Position { launch: 1, block: 0 });
    assert_eq!(result.state.memory_root, good.state.memory_root);
    assert!(result.units() > good.units(), "the units until the fault are counted");
    assert!(result.fault.unwrap().contains("boom"));
}

#[test]
fn out_of_fuel_is_charged_exactly_the_fuel() {
    let units = run(&job(100, |_| ())).units();
    let exact = run(&job(100, |plan| plan.fuel = units));
    assert_eq!((exact.state.status, exact.units()), (Status::Done, units));
    let short = run(&job(100, |plan| plan.fuel = units - 1));
    assert_eq!((short.state.status, short.units()), (Status::OutOfFuel, units - 1));
    assert_eq!(short.state.memory_root, job(100, |_| ()).initial_state().memory_root);

    let spin = |plan: &mut Plan| {
        plan.launches[0].kernel = "spin".into();
        plan.launches[0].args.clear();
        plan.fuel = 10_000;
    };
    let result = run(&job(100, spin));
    assert_eq!((result.state.status, result.units()), (Status::OutOfFuel, 10_000));
}

#[test]
fn a_watcher_can_stop_a_run() {
    let mut left = 2;
    let watch = &mut |_: Step| {
        left -= 1;
        if left == 0 { Flow::Cancel } else { Flow::Continue }
    };
    let error = Reference::default().run(&job(1000, |_| ()), watch).unwrap_err();
    assert_eq!(error, ExecError::Cancelled);
}

#[test]
fn nonsense_is_refused_in_words() {
    type Case = (fn(&mut Plan), &'static str);
    let cases: [Case; 19] = [
        (|p| p.launches.clear(), "launches nothing"),
        (|p| p.fuel = 0, "fuel is 0"),
        (|p| p.arena_bytes = u64::MAX, "the limit is"),
        (|p| p.arena_bytes = 0, "positive multiple"),
        (|p| p.arena_bytes = 5000, "positive multiple"),
        (|p| p.buffers[0].len = 0, "no bytes"),
        (|p| p.buffers[1].offset += 4, "not a multiple of 4096"),
        (|p| p.buffers[1].len = u64::MAX, "of an arena of"),
        (|p| p.buffers[1].offset = 0, "inside or before the pages of buffer 0"),
        (|p| p.outputs = vec![2], "names buffer 2, the plan has 2"),
        (|p| p.outputs = vec![1, 1], "repeats a buffer"),
        (|p| p.launches[0].kernel = "sub".into(), "does not have (it has: add, boom, spin)"),
        (|p| p.launches[0].args.truncate(2), "takes 3 arguments, the plan gives 2"),
        (|p| p.launches[0].args[1] = Arg::Scalar { size: 4, bits: 0 }, "has 4 bytes, the kernel takes 8"),
        (|p| p.launches[0].args[1] = Arg::Buffer { buffer: 7, offset: 0 }, "names buffer 7"),
        (|p| p.launches[0].args[1] = Arg::Buffer { buffer: 0, offset: 400 }, "points at byte 400"),
        (|p| p.launches[0].grid = [0, 1, 1], "has the grid [0, 1, 1]"),
        (|p| p.launches[0].grid = [u32::MAX, 60_000, 60_000], "has the grid"),
        (|p| p.launches[0].block = [1024, 2, 1], "has the block"),
    ];
    for (index, (change, words)) in cases.into_iter().enumerate() {
        let mut plan = add_plan(100);
        change(&mut plan);
        let error = plan.check(&image()).unwrap_err().to_string();
        assert!(error.contains(words), "case {index}: {error}");
    }
    let mut plan = add_plan(100);
    plan.launches[0].shared_bytes = 1 << 20;
    assert!(matches!(plan.check(&image()), Err(PlanError::SharedTooLarge { .. })));
}

#[test]
fn inputs_must_be_the_ones_the_plan_names() {
    let make = |inputs| Job::new(B256::ZERO, image(), add_plan(100), inputs).unwrap_err();
    assert!(matches!(make(vec![]), PlanError::InputCount { expected: 1, found: 0 }));
    assert!(matches!(make(vec![numbers(99)]), PlanError::InputLength { expected: 400, found: 396, .. }));
    let mut wrong = numbers(100);
    wrong[0] ^= 1;
    assert!(matches!(make(vec![wrong]), PlanError::InputRoot { buffer: 0, .. }));
}

#[test]
fn a_job_decodes_only_from_what_the_order_names() {
    let (image, plan) = (image().encode(), add_plan(100).encode());
    let roots = (page_root(&image), page_root(&plan));
    let decode = |image: &[u8], plan: &[u8]| {
        Job::decode(B256::ZERO, (roots.0, image), (roots.1, plan), vec![numbers(100)])
    };
    decode(&image, &plan).unwrap();
    assert!(matches!(decode(&image, &plan[1..]), Err(JobError::Root { what: "plan", .. })));
    assert!(matches!(decode(&[], &plan), Err(JobError::Root { what: "image", .. })));
}

fn spec(text: &str) -> Result<Plan, String> {
    let spec: JobSpec = toml_of(text)?;
    let inputs = [("x".to_string(), (400, page_root(&numbers(100))))].into();
    spec.plan(&image(), &inputs).map_err(|e| e.to_string())
}

/// The crate needs no TOML of its own; JSON has the same data model.
fn toml_of(json: &str) -> Result<JobSpec, String> {
    serde_json::from_str(json).map_err(|e| e.to_string())
}

fn spec_json(args: &str, grid: &str) -> String {
    format!(
        r#"{{"image": "k.ptx", "fuel": 1000,
            "buffer": [{{"name": "x", "input": "x.bin"}}, {{"name": "y", "bytes": 400, "output": "y.bin"}}],
            "launch": [{{"kernel": "add", "grid": {grid}, "block": [64], "args": {args}}}]}}"#
    )
}

#[test]
fn a_job_file_means_the_plan_it_says() {
    let plan = spec(&spec_json(r#"[100, "x", "y+8"]"#, "[2]")).unwrap();
    assert_eq!(plan.buffers[1], Buffer { offset: 4096, len: 400, input: None });
    assert_eq!(plan.launches[0].grid, [2, 1, 1]);
    assert_eq!(plan.launches[0].args[0], Arg::Scalar { size: 4, bits: 100 });
    assert_eq!(plan.launches[0].args[2], Arg::Buffer { buffer: 1, offset: 8 });
    let negative = spec(&spec_json(r#"[-1, "x", "y"]"#, "[2]")).unwrap();
    assert_eq!(negative.launches[0].args[0], Arg::Scalar { size: 4, bits: 0xffff_ffff });
    let float = spec(&spec_json(r#"[1.5, "x", "y"]"#, "[2]")).unwrap();
    assert_eq!(float.launches[0].args[0], Arg::Scalar { size: 4, bits: u64::from(1.5f32.to_bits()) });
}

#[test]
fn a_wrong_job_file_is_refused_in_its_own_words() {
    let cases = [
        (spec_json(r#"[5000000000, "x", "y"]"#, "[2]"), "5000000000 does not fit 4 bytes"),
        (spec_json(r#"[1, "z", "y"]"#, "[2]"), "`z`, which is no buffer (there are: x, y)"),
        (spec_json(r#"[1, "x", "y"]"#, "[]"), "`grid` needs one to three numbers"),
        (spec_json(r#"[1, "x"]"#, "[2]"), "takes 3 arguments, the plan gives 2"),
        (spec_json(r#"[1, "x", "y"]"#, "[0]"), "grid [0, 1, 1]"),
    ];
    for (json, words) in cases {
        let error = spec(&json).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let misspelt = toml_of(r#"{"image": "k", "fuell": 1}"#).unwrap_err();
    assert!(misspelt.contains("fuell"), "{misspelt}");
}

#[test]
fn the_empty_shadow_is_a_page_tree_of_zeros() {
    for len in [4096, 3 * 4096, 64 * 4096] {
        assert_eq!(empty_shadow_root(len), page_root(&vec![0; len as usize]));
    }
}

#[test]
fn fault_codes_are_all_different() {
    let (address, bytes) = (1, 4);
    let kinds = [
        FaultKind::OutOfBounds { space: Space::Global, address, bytes },
        FaultKind::OutOfBounds { space: Space::Shared, address, bytes },
        FaultKind::Misaligned { space: Space::Global, address, bytes },
        FaultKind::Race { space: Space::Global, address },
        FaultKind::Race { space: Space::Shared, address },
        FaultKind::UninitialisedShared { address },
        FaultKind::NonCoherent { address },
        FaultKind::DivergentBarrier,
        FaultKind::DivergentWarp,
        FaultKind::Trap,
    ];
    let mut codes: Vec<u16> = kinds.iter().map(fault_code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), kinds.len());
}

fn any_hash() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::from)
}

fn any_arg() -> impl Strategy<Value = Arg> {
    prop_oneof![
        (any::<u32>(), any::<u64>()).prop_map(|(buffer, offset)| Arg::Buffer { buffer, offset }),
        (prop::sample::select(vec![1u8, 2, 4, 8]), any::<u64>()).prop_map(|(size, bits)| {
            let bits = if size == 8 { bits } else { bits & ((1 << (8 * size)) - 1) };
            Arg::Scalar { size, bits }
        }),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let buffer = (any::<u64>(), any::<u64>(), prop::option::of(any_hash()))
        .prop_map(|(offset, len, input)| Buffer { offset, len, input });
    let launch = (
        "[a-z_]{0,20}".prop_map(String::from),
        any::<[u32; 3]>(),
        any::<[u32; 3]>(),
        any::<u32>(),
        prop::collection::vec(any_arg(), 0..6),
    )
        .prop_map(|(kernel, grid, block, shared_bytes, args)| Launch {
            kernel,
            grid,
            block,
            shared_bytes,
            args,
        });
    (
        any::<u64>(),
        prop::collection::vec(buffer, 0..6),
        prop::collection::vec(launch, 0..4),
        prop::collection::vec(any::<u32>(), 0..4),
        any::<u64>(),
    )
        .prop_map(|(arena_bytes, buffers, launches, outputs, fuel)| Plan {
            arena_bytes,
            buffers,
            launches,
            outputs,
            fuel,
        })
}

proptest! {
    #[test]
    fn plans_survive_their_encoding(plan in any_plan()) {
        prop_assert_eq!(Plan::decode(&plan.encode()), Ok(plan));
    }

    #[test]
    fn any_bytes_decode_to_what_encodes_to_them(
        plan in any_plan(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0usize..4,
    ) {
        let mut bytes = plan.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut);
        if let Ok(plan) = Plan::decode(&bytes) {
            prop_assert_eq!(plan.encode(), bytes);
            // Any plan is checked without a panic.
            let _ = plan.check(&image());
        }
    }

    #[test]
    fn states_survive_their_encoding(
        hashes in any::<[[u8; 32]; 4]>(), launch in any::<u32>(), block in any::<u64>(), units in any::<u64>(),
        status in prop::sample::select(vec![
            Status::Ready, Status::InLaunch, Status::Done, Status::Fault(0x102), Status::OutOfFuel,
        ]),
        at in 0usize..152, byte in any::<u8>(),
    ) {
        let [config_hash, spec_root, memory_root, shadow_root] = hashes.map(B256::from);
        let position = Position { launch, block };
        let state = JobState { config_hash, spec_root, memory_root, shadow_root, position, units, status };
        let mut bytes = state.encode();
        prop_assert_eq!(bytes.len(), 152);
        prop_assert_eq!(JobState::decode(&bytes), Ok(state));
        bytes[at] = byte;
        if let Ok(state) = JobState::decode(&bytes) {
            prop_assert_eq!(state.encode(), bytes);
        }
    }
}
