//! Against the host's IEEE arithmetic (round to nearest) and against definitions for the directed modes.

use core::hint::black_box;

use super::*;

/// Splitmix64: patterns that repeat on every host.
struct Patterns(u64);

impl Patterns {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Random bits, corners, and numbers near each other, in turn.
    fn f32(&mut self) -> u32 {
        const CORNERS: [u32; 14] = [
            0,
            1,
            2,
            0x007F_FFFF,
            0x0080_0000,
            0x0080_0001,
            0x3F80_0000,
            0x3F7F_FFFF,
            0x3F80_0001,
            0x7F7F_FFFF,
            0x7F80_0000,
            0x7FC0_0000,
            0x7F80_0001,
            0x4B00_0001,
        ];
        let r = self.next();
        let sign = (r as u32) & 0x8000_0000;
        match r & 7 {
            0 => CORNERS[(r >> 8) as usize % CORNERS.len()] | sign,
            1 => (r >> 9) as u32 & 0x807F_FFFF,
            2..=4 => ((r >> 9) as u32 & 0x81FF_FFFF) | 0x3E00_0000,
            5 => (r >> 16) as u32 & 0xFFFF_F000,
            _ => (r >> 17) as u32,
        }
    }

    fn f64(&mut self) -> u64 {
        let (r, s) = (self.next(), self.next());
        match r & 7 {
            0 => f64_of_f32(self.f32()),
            1 => s & 0x800F_FFFF_FFFF_FFFF,
            2..=4 => (s & 0x803F_FFFF_FFFF_FFFF) | 0x3FC0_0000_0000_0000,
            5 => s & 0xFFFF_FFFF_F000_0000,
            _ => s,
        }
    }
}

const N: u32 = 2_000_000;

// What the host computed, with one NaN. Behind a black box, because the optimiser takes the root of a number for a number: with
// some settings it drops the test for NaN, and the root of a negative number comes out with its sign.
fn c32(x: core::primitive::f32) -> u32 {
    let x = black_box(x);
    if x.is_nan() { NAN32 } else { x.to_bits() }
}

fn c64(x: core::primitive::f64) -> u64 {
    let x = black_box(x);
    if x.is_nan() { NAN64 } else { x.to_bits() }
}

#[test]
fn f32_equals_the_host() {
    use core::primitive::f32 as H;
    let mut p = Patterns(1);
    for _ in 0..N {
        let (a, b, c) = (p.f32(), p.f32(), p.f32());
        let (x, y, z) = (H::from_bits(a), H::from_bits(b), H::from_bits(c));
        let rn = Round::Rn;
        assert_eq!(f32::add(a, b, rn), c32(x + y), "{a:#x} + {b:#x}");
        assert_eq!(f32::sub(a, b, rn), c32(x - y), "{a:#x} - {b:#x}");
        assert_eq!(f32::mul(a, b, rn), c32(x * y), "{a:#x} * {b:#x}");
        assert_eq!(f32::div(a, b, rn), c32(x / y), "{a:#x} / {b:#x}");
        assert_eq!(f32::fma(a, b, c, rn), c32(x.mul_add(y, z)), "fma {a:#x} {b:#x} {c:#x}");
        assert_eq!(f32::sqrt(a, rn), c32(x.sqrt()), "sqrt {a:#x}");
        assert_eq!(f32::rcp(a, rn), c32(1.0 / x), "rcp {a:#x}");
        assert_eq!(f32::cmp(a, b), x.partial_cmp(&y));
        assert_eq!(f64_of_f32(a), c64(core::primitive::f64::from(x)));
        assert_eq!(f32::round_int(a, rn), c32(x.round_ties_even()), "round {a:#x}");
        assert_eq!(f32::round_int(a, Round::Rz), c32(x.trunc()));
        assert_eq!(f32::round_int(a, Round::Rm), c32(x.floor()));
        assert_eq!(f32::round_int(a, Round::Rp), c32(x.ceil()));
    }
}

#[test]
fn fma_near_cancellation_equals_the_host() {
    use core::primitive::{f32 as H, f64 as G};
    let mut p = Patterns(2);
    for _ in 0..N {
        let (a, b) = (p.f32() & 0xBFFF_FFFF, p.f32() & 0xBFFF_FFFF);
        let (x, y) = (H::from_bits(a), H::from_bits(b));
        let near = c32(-(x * y)).wrapping_add((p.next() % 5) as u32).wrapping_sub(2);
        let want = c32(x.mul_add(y, H::from_bits(near)));
        assert_eq!(f32::fma(a, b, near, Round::Rn), want, "{a:#x} {b:#x} {near:#x}");
        let (a, b) = (p.f64() & !(1 << 62), p.f64() & !(1 << 62));
        let (x, y) = (G::from_bits(a), G::from_bits(b));
        let near = c64(-(x * y)).wrapping_add(p.next() % 5).wrapping_sub(2);
        let want = c64(x.mul_add(y, G::from_bits(near)));
        assert_eq!(f64::fma(a, b, near, Round::Rn), want, "{a:#x} {b:#x} {near:#x}");
    }
}

#[test]
fn f64_equals_the_host() {
    use core::primitive::f64 as H;
    let mut p = Patterns(3);
    for _ in 0..N {
        let (a, b, c) = (p.f64(), p.f64(), p.f64());
        let (x, y, z) = (H::from_bits(a), H::from_bits(b), H::from_bits(c));
        let rn = Round::Rn;
        assert_eq!(f64::add(a, b, rn), c64(x + y), "{a:#x} + {b:#x}");
        assert_eq!(f64::mul(a, b, rn), c64(x * y), "{a:#x} * {b:#x}");
        assert_eq!(f64::div(a, b, rn), c64(x / y), "{a:#x} / {b:#x}");
        assert_eq!(f64::fma(a, b, c, rn), c64(x.mul_add(y, z)), "fma {a:#x} {b:#x} {c:#x}");
        assert_eq!(f64::sqrt(a, rn), c64(x.sqrt()), "sqrt {a:#x}");
        assert_eq!(f32_of_f64(a, rn), c32(x as core::primitive::f32), "{a:#x}");
        assert_eq!(f64::round_int(a, rn), c64(x.round_ties_even()));
        assert_eq!(f64::round_int(a, Round::Rm), c64(x.floor()));
    }
}

#[test]
fn integers_convert_as_on_the_host() {
    let mut p = Patterns(4);
    for _ in 0..N {
        let n = p.next() >> (p.next() % 64);
        assert_eq!(f32::of_int(false, n, Round::Rn), c32(n as core::primitive::f32), "{n}");
        assert_eq!(f64::of_int(false, n, Round::Rn), c64(n as core::primitive::f64), "{n}");
        let a = p.f64();
        let x = core::primitive::f64::from_bits(a);
        if !x.is_nan() {
            let (negative, magnitude) = f64::to_int(a, Round::Rz);
            let got = if negative { 0 } else { magnitude.unwrap_or(u64::MAX) };
            assert_eq!(got, x as u64, "{a:#x}");
        }
    }
}

/// A directed result brackets the exact one: it is the nearest result or its neighbour on the asked side, and the
/// exact residue has the right sign (computed in f64, where products of f32 are exact).
#[test]
fn directed_rounding_brackets_the_exact_product() {
    use core::primitive::{f32 as H, f64 as G};
    let mut p = Patterns(5);
    for _ in 0..N / 4 {
        let (a, b) = (p.f32(), p.f32());
        let exact = G::from(H::from_bits(a)) * G::from(H::from_bits(b));
        if !exact.is_finite() {
            continue;
        }
        let at = |r| G::from(H::from_bits(f32::mul(a, b, r)));
        let (down, up, zero) = (at(Round::Rm), at(Round::Rp), at(Round::Rz));
        assert!(down <= exact && exact <= up, "{a:#x} * {b:#x}");
        assert_eq!(zero.abs(), down.abs().min(up.abs()));
        let next = H::from_bits(f32::mul(a, b, Round::Rm)).next_up();
        assert!(down == up || G::from(next) == up || next == 0.0, "{a:#x} * {b:#x}");
        let (x, y) = (G::from(H::from_bits(a)), G::from(H::from_bits(b)));
        let (d, u) = (f32::add(a, b, Round::Rm), f32::add(a, b, Round::Rp));
        assert!(G::from(H::from_bits(d)) <= x + y && x + y <= G::from(H::from_bits(u)));
    }
}

#[test]
fn signed_zeros_follow_the_rounding() {
    let (plus, minus) = (0u32, 0x8000_0000u32);
    assert_eq!(f32::add(plus, minus, Round::Rn), plus);
    assert_eq!(f32::add(plus, minus, Round::Rm), minus);
    assert_eq!(f32::add(minus, minus, Round::Rp), minus);
    let one = 0x3F80_0000;
    assert_eq!(f32::sub(one, one, Round::Rm), minus);
    assert_eq!(f32::min(plus, minus), minus);
    assert_eq!(f32::max(minus, plus), plus);
    assert_eq!(f32::min(0x7FC0_0000, one), one);
    assert_eq!(f32::saturate(0xFF80_0000), 0);
}
