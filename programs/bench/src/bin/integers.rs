//! Arithmetic in registers and a branch that nobody can foresee.

#![cfg_attr(target_arch = "riscv64", no_std, no_main)]

program_bench::entry!(work);

const ROUNDS: u64 = 160_000_000;

fn work() -> u64 {
    let (mut x, mut sum, mut mix) = (1u64, 0u64, 7u64);
    for round in 0..ROUNDS {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sum = sum.wrapping_add(x >> 33);
        if x & 0x1_0000 != 0 {
            sum ^= round;
        } else {
            mix = mix.wrapping_add(sum);
        }
        mix = (mix << 13) ^ (mix >> 7) ^ x;
    }
    sum ^ mix
}
