//! What each arithmetic instruction computes. Operands and result are zero-extended in 64 bits.

use core::cmp::Ordering;

use crate::bytecode::inst::{Inst, NEG_C, SAT};
use crate::bytecode::op::{Cmp, Combine, Op, Round, Test, Ty};
use crate::float::{f32, f32_of_f64, f64, f64_of_f32};

/// Sign-extends the low bits of a value.
#[inline(always)]
pub(crate) fn sext(v: u64, bits: u32) -> i64 {
    let up = 64u32.wrapping_sub(bits);
    ((v << (up & 63)) as i64) >> (up & 63)
}

/// The value as the type sees it: sign-extended if signed.
#[inline(always)]
fn as_signed(v: u64, ty: Ty) -> i128 {
    if ty.is_signed() { i128::from(sext(v, ty.bits())) } else { i128::from(v & ty.mask()) }
}

fn rounding(byte: u8) -> Round {
    Round::from_byte(byte).unwrap_or(Round::Rn)
}

/// Result of an instruction with one destination and up to four sources; not memory, control or carries.
pub(crate) fn eval(i: &Inst, a: u64, b: u64, c: u64, e: u64) -> u64 {
    match i.op as u8 {
        8..=31 => int(i.op, i.ty, i.m, a, b, c),
        32..=63 => bits(i, a, b, c, e),
        64..=79 => float(i, a, b, c),
        _ => select(i, a, b, c),
    }
}

fn int(op: Op, ty: Ty, m: u8, a: u64, b: u64, c: u64) -> u64 {
    let (bits, mask) = (ty.bits(), ty.mask());
    let (x, y, z) = (as_signed(a, ty), as_signed(b, ty), as_signed(c, ty));
    let product = || x.wrapping_mul(y);
    let wide = match op {
        Op::Add if m == SAT => return clamp(x + y, ty),
        Op::Sub if m == SAT => return clamp(x - y, ty),
        Op::Add => x.wrapping_add(y),
        Op::Sub => x.wrapping_sub(y),
        Op::MulLo | Op::MulWide => product(),
        Op::MadLo => product().wrapping_add(z),
        Op::MadWide => return (product() as u64).wrapping_add(c) & ty.wide().mask(),
        Op::MulHi => product() >> bits,
        Op::MadHi => (product() >> bits).wrapping_add(z),
        Op::Div => return div(x, y) as u64 & mask,
        Op::Rem => return rem(x, y) as u64 & mask,
        Op::Abs => x.wrapping_abs(),
        Op::Neg => x.wrapping_neg(),
        Op::Min => x.min(y),
        Op::Max => x.max(y),
        Op::Sad => (x - y).wrapping_abs().wrapping_add(z),
        Op::Mul24Lo => low24(a, b, ty),
        Op::Mad24Lo => low24(a, b, ty).wrapping_add(z),
        _ => 0,
    };
    if op == Op::MulWide { wide as u64 & ty.wide().mask() } else { wide as u64 & mask }
}

fn low24(a: u64, b: u64, ty: Ty) -> i128 {
    let low = |v: u64| if ty.is_signed() { i128::from(sext(v, 24)) } else { i128::from(v & 0xFF_FFFF) };
    low(a).wrapping_mul(low(b))
}

fn clamp(v: i128, ty: Ty) -> u64 {
    let (min, max) = range(ty);
    v.clamp(min, max) as u64 & ty.mask()
}

fn range(ty: Ty) -> (i128, i128) {
    let bits = ty.bits();
    if ty.is_signed() {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    }
}

/// Division by zero gives all ones; MIN / -1 wraps to MIN.
fn div(x: i128, y: i128) -> i128 {
    if y == 0 { -1 } else { x / y }
}

/// A remainder by zero gives the dividend; MIN % -1 is 0.
fn rem(x: i128, y: i128) -> i128 {
    if y == 0 { x } else { x % y }
}

fn bits(i: &Inst, a: u64, b: u64, c: u64, e: u64) -> u64 {
    let (ty, width, mask) = (i.ty, i.ty.bits(), i.ty.mask());
    match i.op {
        Op::And => a & b,
        Op::Or => a | b,
        Op::Xor => a ^ b,
        Op::Not => !a & mask,
        Op::Cnot => u64::from(a == 0),
        Op::Shl => {
            if b >= u64::from(width) {
                0
            } else {
                (a << b) & mask
            }
        }
        Op::Shr => {
            let by = b.min(u64::from(width) - u64::from(ty.is_signed())) as u32;
            (as_signed(a, ty) >> by) as u64 & mask
        }
        Op::ShfL | Op::ShfR => funnel(i, a, b, c),
        Op::Lop3 => lop3(a, b, c, i.imm as u32),
        Op::Popc => u64::from(a.count_ones()),
        Op::Clz => u64::from(a.leading_zeros() - (64 - width)),
        Op::Brev => a.reverse_bits() >> (64 - width),
        Op::Bfind => bfind(i, a),
        Op::Bfe => bfe(ty, a, b as u32 & 0xFF, c as u32 & 0xFF),
        Op::Bfi => bfi(width, a, b, c as u32 & 0xFF, e as u32 & 0xFF),
        Op::Prmt => prmt(a, b, c),
        Op::Dp4a => dot(i, a, b, c, 8, 0),
        Op::Dp2a => dot(i, a, b, c, 16, u32::from(i.m) * 16),
        _ => 0,
    }
}

#[inline(always)]
pub(crate) fn lop3(a: u64, b: u64, c: u64, table: u32) -> u64 {
    let mut out = 0;
    for k in 0..8u32 {
        if table >> k & 1 == 1 {
            let x = if k & 4 != 0 { a } else { !a };
            let y = if k & 2 != 0 { b } else { !b };
            let z = if k & 1 != 0 { c } else { !c };
            out |= x & y & z;
        }
    }
    out & 0xFFFF_FFFF
}

/// `shf`: `a` is the low and `b` the high word (ISA 9.7.8.8).
fn funnel(i: &Inst, a: u64, b: u64, c: u64) -> u64 {
    let by = if i.m == 1 { c & 31 } else { c.min(32) };
    let both = b << 32 | a;
    let out = if i.op == Op::ShfL { (both << by) >> 32 } else { both >> by };
    out & 0xFFFF_FFFF
}

fn bfind(i: &Inst, a: u64) -> u64 {
    let width = i.ty.bits();
    let a = if i.ty.is_signed() && sext(a, width) < 0 { !a & i.ty.mask() } else { a };
    if a == 0 {
        return 0xFFFF_FFFF;
    }
    let at = 63 - a.leading_zeros();
    u64::from(if i.m == 1 { width - 1 - at } else { at })
}

fn bfe(ty: Ty, a: u64, at: u32, len: u32) -> u64 {
    let width = ty.bits();
    if len == 0 {
        return 0;
    }
    let top = at.saturating_add(len - 1).min(width - 1);
    let sign = ty.is_signed() && a >> top & 1 == 1;
    let field = if at >= width { 0 } else { a >> at };
    let kept = if at >= width { 0 } else { len.min(width - at) };
    let low = if kept >= 64 { u64::MAX } else { (1 << kept) - 1 };
    (if sign { field | !low } else { field & low }) & ty.mask()
}

fn bfi(width: u32, a: u64, b: u64, at: u32, len: u32) -> u64 {
    if len == 0 || at >= width {
        return b;
    }
    let len = len.min(width - at);
    let low = if len >= 64 { u64::MAX } else { (1 << len) - 1 };
    (b & !(low << at)) | ((a & low) << at)
}

#[inline(always)]
pub(crate) fn prmt(a: u64, b: u64, c: u64) -> u64 {
    let both = (b << 32 | a).to_le_bytes();
    let mut out = 0u64;
    for k in 0..4 {
        let pick = c >> (4 * k);
        let byte = both[(pick & 7) as usize];
        let byte = if pick & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
        out |= u64::from(byte) << (8 * k);
    }
    out
}

/// Sum of products of parts of `a` (of `bits` each) with bytes of `b` from bit `skip`, plus `c`.
fn dot(i: &Inst, a: u64, b: u64, c: u64, bits: u32, skip: u32) -> u64 {
    let part = |v: u64, at: u32, bits: u32, ty: Ty| {
        let v = v >> at & ((1 << bits) - 1);
        if ty.is_signed() { sext(v, bits) } else { v as i64 }
    };
    let mut sum = c as i64;
    for k in 0..32 / bits {
        let product = part(a, k * bits, bits, i.ty).wrapping_mul(part(b, skip + 8 * k, 8, i.ty2));
        sum = sum.wrapping_add(product);
    }
    sum as u64 & 0xFFFF_FFFF
}

#[inline(always)]
pub(crate) fn dp4a_signed(a: u64, b: u64, c: u64) -> u64 {
    let (x, y) = ((a as u32).to_le_bytes(), (b as u32).to_le_bytes());
    let mut sum = c as i32;
    for k in 0..4 {
        sum = sum.wrapping_add(i32::from(x[k] as i8).wrapping_mul(i32::from(y[k] as i8)));
    }
    u64::from(sum as u32)
}

fn float(i: &Inst, a: u64, b: u64, c: u64) -> u64 {
    let round = rounding(i.m);
    if i.ty == Ty::F64 {
        return match i.op {
            Op::FAdd => f64::add(a, b, round),
            Op::FSub => f64::sub(a, b, round),
            Op::FMul => f64::mul(a, b, round),
            Op::Fma => f64::fma(a, b, c, round),
            Op::FDiv => f64::div(a, b, round),
            Op::Rcp => f64::rcp(a, round),
            Op::Sqrt => f64::sqrt(a, round),
            Op::FAbs => f64::canonical(a & !(1 << 63)),
            Op::FNeg => f64::canonical(a ^ (1 << 63)),
            Op::FMin => f64::min(a, b),
            Op::FMax => f64::max(a, b),
            Op::Copysign => f64::canonical((b & !(1 << 63)) | (a & (1 << 63))),
            _ => u64::from(testp(i.m, f64::is_nan(a), f64::is_inf(a), a >> 52 & 0x7FF, a << 1 == 0)),
        };
    }
    let (a, b, c) = (a as u32, b as u32, c as u32);
    let out = match i.op {
        Op::FAdd => f32::add(a, b, round),
        Op::FSub => f32::sub(a, b, round),
        Op::FMul => f32::mul(a, b, round),
        Op::Fma => f32::fma(a, b, c, round),
        Op::FDiv => f32::div(a, b, round),
        Op::Rcp => f32::rcp(a, round),
        Op::Sqrt => f32::sqrt(a, round),
        Op::FAbs => f32::canonical(a & !(1 << 31)),
        Op::FNeg => f32::canonical(a ^ (1 << 31)),
        Op::FMin => f32::min(a, b),
        Op::FMax => f32::max(a, b),
        Op::Copysign => f32::canonical((b & !(1 << 31)) | (a & (1 << 31))),
        _ => u32::from(testp(i.m, f32::is_nan(a), f32::is_inf(a), u64::from(a >> 23 & 0xFF), a << 1 == 0)),
    };
    u64::from(if i.m2 == SAT { f32::saturate(out) } else { out })
}

fn testp(test: u8, nan: bool, inf: bool, exponent: u64, zero: bool) -> bool {
    match Test::from_byte(test) {
        Some(Test::Finite) => !nan && !inf,
        Some(Test::Infinite) => inf,
        Some(Test::Number) => !nan,
        Some(Test::NotANumber) => nan,
        Some(Test::Normal) => !nan && !inf && exponent != 0,
        _ => exponent == 0 && !zero,
    }
}

/// Whether `a cmp b` holds for the type.
#[inline(always)]
pub(crate) fn compare(cmp: Cmp, ty: Ty, a: u64, b: u64) -> bool {
    let order = match ty {
        Ty::F32 => f32::cmp(a as u32, b as u32),
        Ty::F64 => f64::cmp(a, b),
        _ if ty.is_signed() => Some(sext(a, ty.bits()).cmp(&sext(b, ty.bits()))),
        _ => Some(a.cmp(&b)),
    };
    let Some(order) = order else { return cmp as u8 >= Cmp::Equ as u8 && cmp != Cmp::Num };
    match cmp {
        Cmp::Eq | Cmp::Equ => order == Ordering::Equal,
        Cmp::Ne | Cmp::Neu => order != Ordering::Equal,
        Cmp::Lt | Cmp::Ltu => order == Ordering::Less,
        Cmp::Le | Cmp::Leu => order != Ordering::Greater,
        Cmp::Gt | Cmp::Gtu => order == Ordering::Greater,
        Cmp::Ge | Cmp::Geu => order != Ordering::Less,
        Cmp::Num => true,
        Cmp::Nan => false,
    }
}

/// Both results of `setp`: with the comparison, and with its negation.
pub(crate) fn setp(i: &Inst, a: u64, b: u64, c: u64) -> (bool, bool) {
    let holds = compare(Cmp::from_byte(i.m).unwrap_or(Cmp::Eq), i.ty, a, b);
    let c = (c & 1 == 1) != (i.m2 & NEG_C != 0);
    let combine = |x: bool| match Combine::from_byte(i.m2 & 3) {
        Some(Combine::And) => x & c,
        Some(Combine::Or) => x | c,
        Some(Combine::Xor) => x ^ c,
        _ => x,
    };
    (combine(holds), combine(!holds))
}

fn select(i: &Inst, a: u64, b: u64, c: u64) -> u64 {
    match i.op {
        Op::Set => match (setp(i, a, b, c).0, i.ty2) {
            (false, _) => 0,
            (true, Ty::F32) => 0x3F80_0000,
            (true, _) => 0xFFFF_FFFF,
        },
        Op::Selp => {
            if c & 1 == 1 {
                a
            } else {
                b
            }
        }
        Op::Slct => {
            let not_negative = match i.ty2 {
                Ty::F32 => compare(Cmp::Ge, Ty::F32, c, 0),
                _ => sext(c, 32) >= 0,
            };
            if not_negative { a } else { b }
        }
        Op::Cvt => cvt(i, a),
        _ => a,
    }
}

/// Conversion. The result has the width of `i.ty`, not yet extended to a wider register.
fn cvt(i: &Inst, a: u64) -> u64 {
    let (to, from) = (i.ty, i.ty2);
    let round = rounding(i.m.wrapping_sub(1) & 3);
    let sat = i.m2 == SAT;
    match (to.is_float(), from.is_float()) {
        (false, false) => {
            let v = as_signed(a, from);
            if sat { clamp(v, to) } else { v as u64 & to.mask() }
        }
        (false, true) => float_to_int(to, from, round, a),
        (true, false) => {
            let v = as_signed(a, from);
            let (negative, magnitude) = (v < 0, v.unsigned_abs() as u64);
            let out = match to {
                Ty::F32 => u64::from(f32::of_int(negative, magnitude, round)),
                _ => f64::of_int(negative, magnitude, round),
            };
            saturated(to, sat, out)
        }
        (true, true) => {
            let out = match (to, from) {
                (Ty::F32, Ty::F64) => u64::from(f32_of_f64(a, round)),
                (Ty::F64, Ty::F32) => f64_of_f32(a as u32),
                (Ty::F32, _) if i.m >= 5 => u64::from(f32::round_int(a as u32, round)),
                (Ty::F32, _) => u64::from(f32::canonical(a as u32)),
                _ if i.m >= 5 => f64::round_int(a, round),
                _ => f64::canonical(a),
            };
            saturated(to, sat, out)
        }
    }
}

fn saturated(to: Ty, sat: bool, out: u64) -> u64 {
    match (sat, to) {
        (false, _) => out,
        (true, Ty::F32) => u64::from(f32::saturate(out as u32)),
        (true, _) => f64::saturate(out),
    }
}

/// Clamps; a NaN gives 0, from f64 or to 64 bits `1 << (w - 1)` (ISA 9.7.9.22).
fn float_to_int(to: Ty, from: Ty, round: Round, a: u64) -> u64 {
    let nan = if from == Ty::F64 { f64::is_nan(a) } else { f32::is_nan(a as u32) };
    if nan {
        let special = from == Ty::F64 || to.bits() == 64;
        return if special { 1 << (to.bits() - 1) } else { 0 };
    }
    let (negative, magnitude) =
        if from == Ty::F64 { f64::to_int(a, round) } else { f32::to_int(a as u32, round) };
    let magnitude = magnitude.map_or(1i128 << 65, i128::from);
    clamp(if negative { -magnitude } else { magnitude }, to)
}
