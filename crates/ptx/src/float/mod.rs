//! IEEE-754 arithmetic in integers: the same bits on every host, and in a proof.
//!
//! Written from IEEE 754-2019 (clauses 4.3, 5.4, 5.8, 6.2, 6.3) and PTX ISA 9.7.3. Every result that is a NaN is
//! the canonical one; subnormals are kept.

mod soft;

pub(crate) use crate::bytecode::op::Round;
pub(crate) use soft::{f32, f64};

/// Canonical NaN of f32.
pub(crate) const NAN32: u32 = 0x7FFF_FFFF;
/// Canonical NaN of f64.
pub(crate) const NAN64: u64 = 0x7FF8_0000_0000_0000;

/// Exact conversion.
pub(crate) fn f64_of_f32(a: u32) -> u64 {
    if f32::is_nan(a) {
        return NAN64;
    }
    let sign = u64::from(a >> 31) << 63;
    if a << 1 == 0 {
        return sign;
    }
    if f32::is_inf(a) {
        return sign | 0x7FF0_0000_0000_0000;
    }
    let (exp, sig) = f32::unpack(a);
    f64::round_pack(sign != 0, exp, u128::from(sig) << (126 - 23), Round::Rn)
}

/// Conversion with rounding.
pub(crate) fn f32_of_f64(a: u64, round: Round) -> u32 {
    if f64::is_nan(a) {
        return NAN32;
    }
    let sign = ((a >> 63) as u32) << 31;
    if a << 1 == 0 {
        return sign;
    }
    if f64::is_inf(a) {
        return sign | 0x7F80_0000;
    }
    let (exp, sig) = f64::unpack(a);
    f32::round_pack(sign != 0, exp, sig << (62 - 52), round)
}

#[cfg(test)]
mod tests;
