//! Speed of the reference interpreter on one core: `cargo run -p assay-ptx --example mips`.

use std::time::Instant;

use assay_ptx::{
    ARENA_BASE, BlockOutcome, FlatMemory, Image, Launch, LaunchDims, Program, Shadow, UnitTable,
};

/// An integer loop: a linear congruential generator with a mix, eight instructions a round.
const LOOP: &str = ".version 7.0 .target sm_75 .address_size 64
.visible .entry spin(.param .u32 rounds, .param .u64 out) {
  .reg .pred %p<2>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  ld.param.u32 %r1, [rounds]; ld.param.u64 %rd1, [out]; mov.u32 %r2, %tid.x; mov.u32 %r3, 0;
L: mad.lo.u32 %r2, %r2, 1664525, 1013904223; shr.u32 %r4, %r2, 7; xor.b32 %r2, %r2, %r4; and.b32 %r5, %r2, 255;
  add.u32 %r6, %r6, %r5; add.u32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, %r1; @%p1 bra L;
  mov.u32 %r7, %tid.x; mul.wide.u32 %rd2, %r7, 4; add.s64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r6; ret; }";

/// Time this process has had a core, where the system tells (a busy machine would distort the wall clock).
fn cpu_secs() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse::<f64>().ok().map(|ns| ns / 1e9)
}

#[allow(clippy::too_many_arguments, reason = "one line per measurement")]
fn measure(
    name: &str,
    text: &str,
    kernel: &str,
    dims: LaunchDims,
    params: &[u8],
    memory: &mut FlatMemory,
    shadow: &mut Shadow,
) {
    let image = Image::from_ptx(text).expect("a kernel of the profile");
    let program = Program::new(&image, kernel, &UnitTable::V1).expect("the kernel is there");
    let mut launch = Launch::new(&program, dims, params).expect("a launch within limits");
    let (start, cpu, mut instructions) = (Instant::now(), cpu_secs(), 0);
    for block in 0..dims.blocks() {
        match launch.run_block(block, memory, shadow, u64::MAX) {
            Ok(BlockOutcome::Done { instructions: n, .. }) => instructions += n,
            other => panic!("{name}: {other:?}"),
        }
    }
    let wall = start.elapsed().as_secs_f64();
    let secs = cpu_secs().zip(cpu).map_or(wall, |(after, before)| after - before);
    let rate = instructions as f64 / secs / 1e6;
    println!(
        "{name:<24} {rate:>8.1} M instructions/s  {secs:>6.2} s of CPU ({wall:.2} s)  {instructions} instructions"
    );
}

fn main() {
    let words = |w: &[u32], p: &[u64]| -> Vec<u8> {
        let mut out: Vec<u8> = w.iter().flat_map(|x| x.to_le_bytes()).collect();
        out.resize(out.len().next_multiple_of(8), 0);
        out.extend(p.iter().flat_map(|x| (ARENA_BASE + x).to_le_bytes()));
        out
    };
    let mut memory = FlatMemory::new(1 << 16);
    let dims = LaunchDims::new([1, 1, 1], [128, 1, 1]);
    measure("integer loop", LOOP, "spin", dims, &words(&[200_000], &[0]), &mut memory, &mut Shadow::new());

    let n = 512u32;
    let size = u64::from(n * n * 4);
    let mut memory = FlatMemory::new(3 * size);
    for (i, w) in memory.as_bytes_mut().chunks_mut(4).enumerate() {
        w.copy_from_slice(&((i % 1000) as f32 / 1000.0).to_le_bytes());
    }
    let params = words(&[n, n, n], &[0, size, 2 * size]);
    let sgemm = include_str!("../kernels/sgemm_tiled.ptx");
    let dims = LaunchDims::new([32, 32, 1], [16, 16, 1]);
    measure(
        "sgemm 512, shadow",
        sgemm,
        "sgemm_tiled",
        dims,
        &params,
        &mut memory.clone(),
        &mut Shadow::new(),
    );
    measure("sgemm 512, no shadow", sgemm, "sgemm_tiled", dims, &params, &mut memory, &mut Shadow::off());

    let n = 4u32 << 20;
    let size = u64::from(n) * 4;
    let mut memory = FlatMemory::new(2 * size);
    let params = words(&[n, 2.5f32.to_bits()], &[0, size]);
    let dims = LaunchDims::new([n / 256, 1, 1], [256, 1, 1]);
    let saxpy = include_str!("../kernels/saxpy.ptx");
    measure("saxpy 4 M, shadow", saxpy, "saxpy", dims, &params, &mut memory, &mut Shadow::new());
}
