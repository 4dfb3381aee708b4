//! The driver interface against the reference interpreter: same bits, same units, same faults.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy_primitives::B256;
use assay_compute::{
    Arg, Buffer, ExecError, Executor, Flow, Job, JobResult, Launch, Plan, Reference, Status,
};
use assay_primitives::page_root;
use assay_ptx::Image;
use proptest::prelude::*;

use crate::{CudaExecutor, DeviceKind};

const SAXPY: &str = include_str!("../../ptx/kernels/saxpy.ptx");
const SGEMM: &str = include_str!("../../ptx/kernels/sgemm_tiled.ptx");
const REDUCE: &str = include_str!("../../ptx/kernels/warp_reduce.ptx");
const DP4A: &str = include_str!("../../ptx/kernels/dp4a_matmul.ptx");
const HASH: &str = include_str!("../../ptx/kernels/hash.ptx");
const SMALL: &str = include_str!("../../compute/testdata/small.ptx");

/// A job under construction: buffers one after the other, arguments by buffer number.
struct Draft {
    image: Image,
    plan: Plan,
    inputs: Vec<Vec<u8>>,
}

impl Draft {
    fn new(ptx: &str) -> Self {
        let (buffers, launches, outputs) = (Vec::new(), Vec::new(), Vec::new());
        let plan = Plan { arena_bytes: 0, buffers, launches, outputs, fuel: 1 << 40 };
        Self { image: Image::from_ptx(ptx).unwrap(), plan, inputs: Vec::new() }
    }

    fn buffer(&mut self, len: usize, input: Option<Vec<u8>>) -> Arg {
        let buffer = self.plan.buffers.len() as u32;
        let root = input.as_ref().map(|bytes| page_root(bytes));
        self.plan.buffers.push(Buffer { offset: self.plan.arena_bytes, len: len as u64, input: root });
        self.plan.arena_bytes += (len as u64).next_multiple_of(4096);
        self.inputs.extend(input);
        Arg::Buffer { buffer, offset: 0 }
    }

    fn input<T: Copy, const N: usize>(&mut self, values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Arg {
        let bytes: Vec<u8> = values.iter().flat_map(|v| bytes(*v)).collect();
        self.buffer(bytes.len(), Some(bytes))
    }

    fn launch(&mut self, kernel: &str, grid: [u32; 3], block: [u32; 3], args: Vec<Arg>) {
        let kernel = kernel.to_owned();
        self.plan.launches.push(Launch { kernel, grid, block, shared_bytes: 0, args });
    }

    fn job(self) -> Job {
        Job::new(B256::repeat_byte(1), self.image, self.plan, self.inputs).unwrap()
    }
}

fn int(n: u32) -> Arg {
    Arg::Scalar { size: 4, bits: n.into() }
}

fn float(x: f32) -> Arg {
    Arg::Scalar { size: 4, bits: x.to_bits().into() }
}

/// Floats with all the corners in them.
fn floats(n: usize, seed: u32) -> Vec<f32> {
    const CORNERS: [u32; 10] = [
        0,
        0x8000_0000,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0001,
        0xffff_ffff,
        1,
        0x007f_ffff,
        0x7f7f_ffff,
        0x3f80_0000,
    ];
    let mut x = seed | 1;
    let mut next = |i: usize| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        if i % 97 == 5 { f32::from_bits(CORNERS[x as usize % CORNERS.len()]) } else { (x as f32 / 2e9) - 1.0 }
    };
    (0..n).map(&mut next).collect()
}

fn saxpy(n: u32, seed: u32) -> Job {
    let mut draft = Draft::new(SAXPY);
    let x = draft.input(&floats(n as usize, seed), f32::to_le_bytes);
    let y = draft.input(&floats(n as usize, !seed), f32::to_le_bytes);
    draft.launch("saxpy", [n.div_ceil(128), 1, 1], [128, 1, 1], vec![int(n), float(2.5), x, y]);
    draft.job()
}

fn sgemm(m: u32, n: u32, k: u32) -> Job {
    let mut draft = Draft::new(SGEMM);
    let a = draft.input(&floats((m * k) as usize, 3), f32::to_le_bytes);
    let b = draft.input(&floats((k * n) as usize, 5), f32::to_le_bytes);
    let c = draft.buffer((m * n * 4) as usize, None);
    let grid = [n.div_ceil(16), m.div_ceil(16), 1];
    draft.launch("sgemm_tiled", grid, [16, 16, 1], vec![int(m), int(n), int(k), a, b, c]);
    draft.job()
}

fn reduce(n: u32) -> Job {
    let mut draft = Draft::new(REDUCE);
    let x = draft.input(&floats(n as usize, 7), f32::to_le_bytes);
    let blocks = n.div_ceil(256);
    let out = draft.buffer(blocks as usize * 4, None);
    draft.launch("warp_reduce", [blocks, 1, 1], [256, 1, 1], vec![int(n), x, out]);
    draft.job()
}

fn dp4a(m: u32, n: u32, k4: u32) -> Job {
    let mut draft = Draft::new(DP4A);
    let words =
        |count: u32, factor: u32| -> Vec<u32> { (0..count).map(|i| i.wrapping_mul(factor)).collect() };
    let a = draft.input(&words(m * k4, 0x9e37_79b1), u32::to_le_bytes);
    let b = draft.input(&words(n * k4, 0x85eb_ca6b), u32::to_le_bytes);
    let c = draft.buffer((m * n * 4) as usize, None);
    let total = draft.buffer(4, None);
    let grid = [n.div_ceil(8), m.div_ceil(8), 1];
    draft.launch("dp4a_matmul", grid, [8, 8, 1], vec![int(m), int(n), int(k4), a, b, c, total]);
    draft.job()
}

fn hash(n: u32) -> Job {
    let mut draft = Draft::new(HASH);
    let messages: Vec<u32> = (0..16 * n).map(|i| i.wrapping_mul(0x0100_0193)).collect();
    let input = draft.input(&messages, u32::to_le_bytes);
    let out = draft.buffer(n as usize * 32, None);
    draft.launch("hash", [n.div_ceil(64), 1, 1], [64, 1, 1], vec![int(n), input, out]);
    draft.job()
}

fn two_launches(second: &str, fuel: u64) -> Job {
    let mut draft = Draft::new(SMALL);
    let x = draft.input(&(0..100).collect::<Vec<u32>>(), u32::to_le_bytes);
    let y = draft.buffer(400, None);
    draft.launch("add", [2, 1, 1], [64, 1, 1], vec![int(100), x, y.clone()]);
    let args = if second == "boom" { vec![y] } else { vec![] };
    draft.launch(second, [2, 1, 1], [64, 1, 1], args);
    draft.plan.fuel = fuel;
    draft.job()
}

fn run(executor: &mut dyn Executor, job: &Job) -> JobResult {
    executor.run(job, &mut |_| Flow::Continue).unwrap()
}

#[track_caller]
fn same(cuda: &mut CudaExecutor, job: &Job) -> JobResult {
    let (a, b) = (run(&mut Reference::default(), job), run(cuda, job));
    assert_eq!(a.state, b.state);
    assert!(a.memory.as_bytes() == b.memory.as_bytes());
    assert_eq!(a.fault, b.fault);
    b
}

fn every_kernel(cuda: &mut CudaExecutor) {
    for job in [saxpy(1000, 1), sgemm(40, 33, 50), reduce(5000), dp4a(20, 30, 9), hash(200)] {
        let result = same(cuda, &job);
        assert_eq!(result.state.status, Status::Done);
        assert!(result.units() > 0);
    }
}

#[test]
fn the_device_equals_the_reference_on_every_kernel() {
    let mut cuda = CudaExecutor::open().unwrap();
    println!("running on {:?}: {}", cuda.device().kind, cuda.device().name);
    every_kernel(&mut cuda);
}

#[test]
fn faults_and_fuel_are_judged_as_the_reference_judges() {
    let mut cuda = CudaExecutor::open().unwrap();
    let fault = same(&mut cuda, &two_launches("boom", 1 << 40));
    assert!(matches!(fault.state.status, Status::Fault(_)));
    assert!(fault.fault.unwrap().contains("boom"));
    let starved = same(&mut cuda, &two_launches("spin", 100_000));
    assert_eq!((starved.state.status, starved.units()), (Status::OutOfFuel, 100_000));
    // Exactly enough is enough, one less is not.
    let job = |fuel| {
        let mut draft = Draft::new(SAXPY);
        let x = draft.input(&floats(300, 1), f32::to_le_bytes);
        let y = draft.input(&floats(300, 2), f32::to_le_bytes);
        draft.launch("saxpy", [3, 1, 1], [128, 1, 1], vec![int(300), float(1.5), x, y]);
        draft.plan.fuel = fuel;
        draft.job()
    };
    let units = same(&mut cuda, &job(1 << 40)).units();
    assert_eq!(same(&mut cuda, &job(units)).state.status, Status::Done);
    assert_eq!(same(&mut cuda, &job(units - 1)).state.status, Status::OutOfFuel);
    // The device works on after all that.
    every_kernel(&mut cuda);
}

#[test]
fn the_executor_says_what_it_runs_on() {
    let cuda = CudaExecutor::open().unwrap();
    let device = cuda.device();
    assert!(device.memory_bytes > 0 && device.compute_capability >= 50);
    if device.kind == DeviceKind::StandIn {
        assert!(device.name.contains("no GPU"), "{}", device.name);
    }
    assert!(cuda.name().starts_with("cuda: "));
}

#[test]
fn an_arena_larger_than_the_device_is_an_error_not_a_crash() {
    let mut draft = Draft::new(SMALL);
    draft.plan.arena_bytes = 1 << 36;
    draft.launch("spin", [1, 1, 1], [1, 1, 1], vec![]);
    let cuda = CudaExecutor::open().unwrap();
    if cuda.device().memory_bytes > 1 << 36 {
        println!("skipped: this device is larger than the largest arena");
        return;
    }
    let mut cuda = cuda;
    let error = cuda.run(&draft.job(), &mut |_| Flow::Continue).unwrap_err();
    assert!(matches!(error, ExecError::OutOfMemory { needed, .. } if needed == 1 << 36));
}

#[test]
fn every_kernel_is_bit_exact_on_a_real_gpu() {
    let mut cuda = CudaExecutor::open().unwrap();
    if cuda.device().kind != DeviceKind::Gpu {
        println!("skipped: no GPU here, only {}", cuda.device().name);
        return;
    }
    every_kernel(&mut cuda);
    same(&mut cuda, &sgemm(512, 512, 512));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn sizes_and_values_make_no_difference(n in 1u32..600, seed in any::<u32>(), (m, k) in (1u32..40, 1u32..40)) {
        let mut cuda = CudaExecutor::open().unwrap();
        same(&mut cuda, &saxpy(n, seed));
        same(&mut cuda, &sgemm(m, n % 40 + 1, k));
        same(&mut cuda, &reduce(n));
    }
}
