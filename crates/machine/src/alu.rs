//! Arithmetic, one line for each instruction: what the manual says, on 64-bit patterns.

use crate::isa::Op;

/// Sign-extends the 32 bits that every `*w` instruction ends with.
const fn word(value: u32) -> u64 {
    value as i32 as i64 as u64
}

/// The result of an arithmetic instruction on `a` (`rs1`) and `b` (`rs2`, or the immediate sign-extended).
///
/// # Panics
/// If `op` is a memory or control instruction.
#[inline(always)]
pub const fn alu(op: Op, a: u64, b: u64) -> u64 {
    let (sa, sb) = (a as i64, b as i64);
    let (wa, wb) = (a as u32, b as u32);
    let (swa, swb) = (wa as i32, wb as i32);
    let amount = (b & 63) as u32;
    let amount_w = wb & 31;
    match op {
        Op::Add | Op::Addi => a.wrapping_add(b),
        Op::Sub => a.wrapping_sub(b),
        Op::Sll | Op::Slli => a << amount,
        Op::Slt | Op::Slti => (sa < sb) as u64,
        Op::Sltu | Op::Sltiu => (a < b) as u64,
        Op::Xor | Op::Xori => a ^ b,
        Op::Srl | Op::Srli => a >> amount,
        Op::Sra | Op::Srai => (sa >> amount) as u64,
        Op::Or | Op::Ori => a | b,
        Op::And | Op::Andi => a & b,
        Op::Lui => b,

        Op::Addw | Op::Addiw => word(wa.wrapping_add(wb)),
        Op::Subw => word(wa.wrapping_sub(wb)),
        Op::Sllw | Op::Slliw => word(wa << amount_w),
        Op::Srlw | Op::Srliw => word(wa >> amount_w),
        Op::Sraw | Op::Sraiw => word((swa >> amount_w) as u32),

        Op::Mul => a.wrapping_mul(b),
        Op::Mulh => ((sa as i128 * sb as i128) >> 64) as u64,
        Op::Mulhsu => ((sa as i128).wrapping_mul(b as i128) >> 64) as u64,
        Op::Mulhu => ((a as u128 * b as u128) >> 64) as u64,
        Op::Mulw => word(wa.wrapping_mul(wb)),

        Op::Div if b == 0 => u64::MAX,
        Op::Div => sa.wrapping_div(sb) as u64,
        Op::Divu if b == 0 => u64::MAX,
        Op::Divu => a / b,
        Op::Rem if b == 0 => a,
        Op::Rem => sa.wrapping_rem(sb) as u64,
        Op::Remu if b == 0 => a,
        Op::Remu => a % b,
        Op::Divw if wb == 0 => u64::MAX,
        Op::Divw => word(swa.wrapping_div(swb) as u32),
        Op::Divuw if wb == 0 => u64::MAX,
        Op::Divuw => word(wa / wb),
        Op::Remw if wb == 0 => word(wa),
        Op::Remw => word(swa.wrapping_rem(swb) as u32),
        Op::Remuw if wb == 0 => word(wa),
        Op::Remuw => word(wa % wb),

        Op::AddUw => (wa as u64).wrapping_add(b),
        Op::Sh1add => (a << 1).wrapping_add(b),
        Op::Sh2add => (a << 2).wrapping_add(b),
        Op::Sh3add => (a << 3).wrapping_add(b),
        Op::Sh1addUw => ((wa as u64) << 1).wrapping_add(b),
        Op::Sh2addUw => ((wa as u64) << 2).wrapping_add(b),
        Op::Sh3addUw => ((wa as u64) << 3).wrapping_add(b),
        Op::SlliUw => (wa as u64) << amount,

        Op::Andn => a & !b,
        Op::Orn => a | !b,
        Op::Xnor => !(a ^ b),
        Op::Max => (if sa < sb { sb } else { sa }) as u64,
        Op::Maxu => {
            if a < b {
                b
            } else {
                a
            }
        }
        Op::Min => (if sa < sb { sa } else { sb }) as u64,
        Op::Minu => {
            if a < b {
                a
            } else {
                b
            }
        }
        Op::Rol => a.rotate_left(amount),
        Op::Ror | Op::Rori => a.rotate_right(amount),
        Op::Rolw => word(wa.rotate_left(amount_w)),
        Op::Rorw | Op::Roriw => word(wa.rotate_right(amount_w)),
        Op::Clz => a.leading_zeros() as u64,
        Op::Ctz => a.trailing_zeros() as u64,
        Op::Cpop => a.count_ones() as u64,
        Op::Clzw => wa.leading_zeros() as u64,
        Op::Ctzw => wa.trailing_zeros() as u64,
        Op::Cpopw => wa.count_ones() as u64,
        Op::SextB => a as i8 as i64 as u64,
        Op::SextH => a as i16 as i64 as u64,
        Op::ZextH => a as u16 as u64,
        Op::OrcB => orc_b(a),
        Op::Rev8 => a.swap_bytes(),

        Op::Bclr | Op::Bclri => a & !(1 << amount),
        Op::Bext | Op::Bexti => a >> amount & 1,
        Op::Binv | Op::Binvi => a ^ 1 << amount,
        Op::Bset | Op::Bseti => a | 1 << amount,
        _ => panic!("not an arithmetic instruction"),
    }
}

/// Whether a branch is taken.
///
/// # Panics
/// If `op` is no branch.
#[inline(always)]
pub const fn branches(op: Op, a: u64, b: u64) -> bool {
    match op {
        Op::Beq => a == b,
        Op::Bne => a != b,
        Op::Blt => (a as i64) < b as i64,
        Op::Bge => a as i64 >= b as i64,
        Op::Bltu => a < b,
        Op::Bgeu => a >= b,
        _ => panic!("not a branch"),
    }
}

/// Every byte that is not zero becomes 0xff.
const fn orc_b(a: u64) -> u64 {
    let nibbles = (a | a >> 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (nibbles | nibbles >> 2) & 0x0303_0303_0303_0303;
    let bits = (pairs | pairs >> 1) & 0x0101_0101_0101_0101;
    bits * 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = 1 << 63;
    const MINUS: u64 = u64::MAX;

    fn check(op: Op, cases: &[(u64, u64, u64)]) {
        for (a, b, expected) in cases {
            assert_eq!(alu(op, *a, *b), *expected, "{op:?} {a:#x} {b:#x}");
        }
    }

    /// Table 11 of the manual (semantics for division by zero and division overflow), both widths.
    #[test]
    fn division_by_zero_and_overflow() {
        check(Op::Div, &[(7, 0, MINUS), (MIN, MINUS, MIN), (0u64.wrapping_sub(7), 2, 0u64.wrapping_sub(3))]);
        check(Op::Divu, &[(7, 0, MINUS), (MIN, MINUS, 0)]);
        check(Op::Rem, &[(7, 0, 7), (MIN, MINUS, 0), (0u64.wrapping_sub(7), 2, MINUS), (7, MINUS - 1, 1)]);
        check(Op::Remu, &[(7, 0, 7), (MIN, MINUS, MIN)]);
        let min_w = 0xffff_ffff_8000_0000;
        check(Op::Divw, &[(7, 1 << 32, MINUS), (min_w, MINUS, min_w), (0x8000_0000, 0xffff_ffff, min_w)]);
        check(Op::Divuw, &[(7, 0, MINUS), (0xffff_ffff, 1, MINUS), (0x1_0000_0009, 3, 3)]);
        check(Op::Remw, &[(0x8000_0000, 0, min_w), (min_w, MINUS, 0), (0xffff_fff9, 2, MINUS)]);
        check(Op::Remuw, &[(0xffff_ffff, 0, MINUS), (0x8000_0000, 0xffff_ffff, min_w)]);
    }

    #[test]
    fn high_halves_of_products() {
        check(Op::Mulh, &[(MIN, MIN, 1 << 62), (MINUS, MINUS, 0), (MINUS, 1, MINUS), (MIN, 2, MINUS)]);
        check(Op::Mulhu, &[(MINUS, MINUS, MINUS - 1), (MIN, 2, 1), (MINUS, 1, 0)]);
        check(Op::Mulhsu, &[(MINUS, MINUS, MINUS), (MIN, MINUS, MIN), (MINUS, 1, MINUS), (1, MINUS, 0)]);
        check(Op::Mulw, &[(0x1_0000_0001, 0x8000_0000, 0xffff_ffff_8000_0000)]);
    }

    #[test]
    fn shifts_use_the_low_bits_of_the_amount() {
        check(Op::Sll, &[(1, 64, 1), (1, 63, MIN), (1, MINUS, MIN)]);
        check(Op::Srl, &[(MIN, 127, 1), (MIN, 64, MIN)]);
        check(Op::Sra, &[(MIN, 63, MINUS), (MIN, 64, MIN), (MIN, 1, 3 << 62)]);
        check(Op::Sllw, &[(1, 32, 1), (1, 31, 0xffff_ffff_8000_0000), (1, 63, 0xffff_ffff_8000_0000)]);
        check(Op::Srlw, &[(MINUS, 32, MINUS), (MINUS, 1, 0x7fff_ffff), (0xffff_ffff_0000_0000, 0, 0)]);
        check(Op::Sraw, &[(0x8000_0000, 31, MINUS), (0x7fff_ffff_8000_0000, 32, 0xffff_ffff_8000_0000)]);
        check(Op::Rol, &[(MIN, 1, 1), (MIN, 65, 1)]);
        check(Op::Ror, &[(1, 1, MIN), (1, 64, 1)]);
        check(Op::Rolw, &[(0x8000_0000, 1, 1), (0x4000_0000, 33, 0xffff_ffff_8000_0000)]);
        check(Op::Rorw, &[(1, 1, 0xffff_ffff_8000_0000), (0xf_0000_0001, 32, 1)]);
        check(Op::Bset, &[(0, 64, 1), (0, 63, MIN)]);
        check(Op::Bclr, &[(MINUS, 127, MINUS >> 1)]);
        check(Op::Binv, &[(1, 64, 0)]);
        check(Op::Bext, &[(MIN, 63, 1), (MIN, 64, 0)]);
    }

    #[test]
    fn words_are_sign_extended() {
        check(Op::Addw, &[(0x7fff_ffff, 1, 0xffff_ffff_8000_0000), (0xffff_ffff, 1, 0)]);
        check(Op::Subw, &[(0, 1, MINUS), (1 << 32, 1, MINUS)]);
        check(Op::Addiw, &[(0x1_ffff_ffff, 0, MINUS)]);
        check(Op::AddUw, &[(MINUS, 1, 1 << 32), (0x8000_0000, MINUS, 0x7fff_ffff)]);
        check(Op::Sh1addUw, &[(MINUS, 0, 0x1_ffff_fffe)]);
        check(Op::Sh2addUw, &[(MINUS, 0, 0x3_ffff_fffc)]);
        check(Op::Sh3addUw, &[(MINUS, 1, 0x7_ffff_fff9)]);
        check(Op::Sh3add, &[(MIN | 1, 1, 9)]);
        check(Op::SlliUw, &[(MINUS, 63, MIN), (MINUS, 32, 0xffff_ffff_0000_0000)]);
    }

    #[test]
    fn counts_and_bytes() {
        check(Op::Clz, &[(0, 0, 64), (1, 0, 63), (MINUS, 0, 0)]);
        check(Op::Ctz, &[(0, 0, 64), (MIN, 0, 63)]);
        check(Op::Cpop, &[(MINUS, 0, 64)]);
        check(Op::Clzw, &[(0xffff_ffff_0000_0000, 0, 32), (1, 0, 31)]);
        check(Op::Ctzw, &[(0xffff_ffff_0000_0000, 0, 32), (0x8000_0000, 0, 31)]);
        check(Op::Cpopw, &[(MINUS, 0, 32)]);
        check(Op::SextB, &[(0x180, 0, 0xffff_ffff_ffff_ff80), (0x7f, 0, 0x7f)]);
        check(Op::SextH, &[(0x1_8000, 0, 0xffff_ffff_ffff_8000)]);
        check(Op::ZextH, &[(MINUS, 0, 0xffff)]);
        check(Op::OrcB, &[(0x0100_8000_0010_0002, 0, 0xff00_ff00_00ff_00ff), (0, 0, 0), (MINUS, 0, MINUS)]);
        check(Op::Rev8, &[(0x0102_0304_0506_0708, 0, 0x0807_0605_0403_0201)]);
        check(Op::Min, &[(MINUS, 1, MINUS)]);
        check(Op::Minu, &[(MINUS, 1, 1)]);
        check(Op::Max, &[(MINUS, 1, 1)]);
        check(Op::Maxu, &[(MINUS, 1, MINUS)]);
        check(Op::Andn, &[(0b1100, 0b1010, 0b0100)]);
        check(Op::Orn, &[(0, MINUS - 1, 1)]);
        check(Op::Xnor, &[(0b1100, 0b1010, !0b0110)]);
        check(Op::Slt, &[(MINUS, 0, 1)]);
        check(Op::Sltu, &[(MINUS, 0, 0)]);
    }
}
