//! Arithmetic instructions as Cranelift IR; the meaning is [`crate::alu()`]'s.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::IntCC,
    types::{I8, I16, I32, I64},
};
use cranelift_frontend::FunctionBuilder;

use crate::isa::Op;

/// The result of an arithmetic instruction on `a` and `b`. Cranelift takes shift amounts modulo the width, as the machine does.
pub(super) fn emit(b: &mut FunctionBuilder, op: Op, x: Value, y: Value) -> Value {
    match op {
        Op::Add | Op::Addi => b.ins().iadd(x, y),
        Op::Sub => b.ins().isub(x, y),
        Op::Sll | Op::Slli => b.ins().ishl(x, y),
        Op::Srl | Op::Srli => b.ins().ushr(x, y),
        Op::Sra | Op::Srai => b.ins().sshr(x, y),
        Op::Xor | Op::Xori => b.ins().bxor(x, y),
        Op::Or | Op::Ori => b.ins().bor(x, y),
        Op::And | Op::Andi => b.ins().band(x, y),
        Op::Slt | Op::Slti => compare(b, IntCC::SignedLessThan, x, y),
        Op::Sltu | Op::Sltiu => compare(b, IntCC::UnsignedLessThan, x, y),
        Op::Lui => y,

        Op::Mul => b.ins().imul(x, y),
        Op::Mulh => b.ins().smulhi(x, y),
        Op::Mulhu => b.ins().umulhi(x, y),
        Op::Mulhsu => {
            // A negative `x` is 2^64 more when taken as unsigned.
            let high = b.ins().umulhi(x, y);
            let sign = b.ins().sshr_imm_s(x, 63);
            let more = b.ins().band(sign, y);
            b.ins().isub(high, more)
        }
        Op::Div | Op::Divu | Op::Rem | Op::Remu => divide(b, op, x, y, I64),

        Op::AddUw => shift_add_word(b, x, y, 0),
        Op::Sh1addUw => shift_add_word(b, x, y, 1),
        Op::Sh2addUw => shift_add_word(b, x, y, 2),
        Op::Sh3addUw => shift_add_word(b, x, y, 3),
        Op::Sh1add => shift_add(b, x, y, 1),
        Op::Sh2add => shift_add(b, x, y, 2),
        Op::Sh3add => shift_add(b, x, y, 3),
        Op::SlliUw => {
            let x = zero_extend(b, x, I32);
            b.ins().ishl(x, y)
        }

        Op::Andn => {
            let y = b.ins().bnot(y);
            b.ins().band(x, y)
        }
        Op::Orn => {
            let y = b.ins().bnot(y);
            b.ins().bor(x, y)
        }
        Op::Xnor => {
            let value = b.ins().bxor(x, y);
            b.ins().bnot(value)
        }
        Op::Max => b.ins().smax(x, y),
        Op::Maxu => b.ins().umax(x, y),
        Op::Min => b.ins().smin(x, y),
        Op::Minu => b.ins().umin(x, y),
        Op::Rol => b.ins().rotl(x, y),
        Op::Ror | Op::Rori => b.ins().rotr(x, y),
        Op::Bclr | Op::Bclri => {
            let bit = bit(b, y);
            let mask = b.ins().bnot(bit);
            b.ins().band(x, mask)
        }
        Op::Bext | Op::Bexti => {
            let value = b.ins().ushr(x, y);
            b.ins().band_imm_s(value, 1)
        }
        Op::Binv | Op::Binvi => {
            let bit = bit(b, y);
            b.ins().bxor(x, bit)
        }
        Op::Bset | Op::Bseti => {
            let bit = bit(b, y);
            b.ins().bor(x, bit)
        }

        Op::Clz => b.ins().clz(x),
        Op::Ctz => b.ins().ctz(x),
        Op::Cpop => b.ins().popcnt(x),
        Op::SextB => sign_extend(b, x, I8),
        Op::SextH => sign_extend(b, x, I16),
        Op::ZextH => zero_extend(b, x, I16),
        Op::OrcB => or_combine(b, x),
        Op::Rev8 => b.ins().bswap(x),
        _ => word(b, op, x, y),
    }
}

/// The instructions on 32 bits, whose results are sign-extended; counts of bits have no sign to extend.
fn word(b: &mut FunctionBuilder, op: Op, x: Value, y: Value) -> Value {
    let x = b.ins().ireduce(I32, x);
    let low = |b: &mut FunctionBuilder| b.ins().ireduce(I32, y);
    let value = match op {
        Op::Addw | Op::Addiw => {
            let y = low(b);
            b.ins().iadd(x, y)
        }
        Op::Subw => {
            let y = low(b);
            b.ins().isub(x, y)
        }
        Op::Mulw => {
            let y = low(b);
            b.ins().imul(x, y)
        }
        Op::Sllw | Op::Slliw => b.ins().ishl(x, y),
        Op::Srlw | Op::Srliw => b.ins().ushr(x, y),
        Op::Sraw | Op::Sraiw => b.ins().sshr(x, y),
        Op::Rolw => b.ins().rotl(x, y),
        Op::Rorw | Op::Roriw => b.ins().rotr(x, y),
        Op::Divw | Op::Divuw | Op::Remw | Op::Remuw => {
            let y = low(b);
            divide(b, op, x, y, I32)
        }
        Op::Clzw => b.ins().clz(x),
        Op::Ctzw => b.ins().ctz(x),
        Op::Cpopw => b.ins().popcnt(x),
        _ => unreachable!("{op:?} is not arithmetic"),
    };
    b.ins().sextend(I64, value)
}

fn compare(b: &mut FunctionBuilder, condition: IntCC, x: Value, y: Value) -> Value {
    let value = b.ins().icmp(condition, x, y);
    b.ins().uextend(I64, value)
}

fn bit(b: &mut FunctionBuilder, amount: Value) -> Value {
    let one = b.ins().iconst(I64, 1);
    b.ins().ishl(one, amount)
}

fn zero_extend(b: &mut FunctionBuilder, x: Value, from: Type) -> Value {
    let x = b.ins().ireduce(from, x);
    b.ins().uextend(I64, x)
}

fn sign_extend(b: &mut FunctionBuilder, x: Value, from: Type) -> Value {
    let x = b.ins().ireduce(from, x);
    b.ins().sextend(I64, x)
}

fn shift_add(b: &mut FunctionBuilder, x: Value, y: Value, amount: i64) -> Value {
    let x = b.ins().ishl_imm_s(x, amount);
    b.ins().iadd(x, y)
}

fn shift_add_word(b: &mut FunctionBuilder, x: Value, y: Value, amount: i64) -> Value {
    let x = zero_extend(b, x, I32);
    shift_add(b, x, y, amount)
}

/// Where the divisor is zero, or the quotient does not fit, the host divides by one instead: that gives the overflow's result.
fn divide(b: &mut FunctionBuilder, op: Op, x: Value, y: Value, width: Type) -> Value {
    let signed = matches!(op, Op::Div | Op::Rem | Op::Divw | Op::Remw);
    let remainder = matches!(op, Op::Rem | Op::Remu | Op::Remw | Op::Remuw);
    let by_zero = b.ins().icmp_imm_s(IntCC::Equal, y, 0);
    let unfit = if signed {
        let min = if width == I32 { i64::from(i32::MIN) } else { i64::MIN };
        let min = b.ins().icmp_imm_s(IntCC::Equal, x, min);
        let minus_one = b.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let overflow = b.ins().band(min, minus_one);
        b.ins().bor(by_zero, overflow)
    } else {
        by_zero
    };
    let one = b.ins().iconst(width, 1);
    let divisor = b.ins().select(unfit, one, y);
    let value = match (signed, remainder) {
        (true, false) => b.ins().sdiv(x, divisor),
        (true, true) => b.ins().srem(x, divisor),
        (false, false) => b.ins().udiv(x, divisor),
        (false, true) => b.ins().urem(x, divisor),
    };
    let otherwise = if remainder { x } else { b.ins().iconst(width, -1) };
    b.ins().select(by_zero, otherwise, value)
}

/// Every byte that is not zero becomes 0xff.
fn or_combine(b: &mut FunctionBuilder, x: Value) -> Value {
    let mut value = x;
    for (shift, mask) in [(4, 0x0f0f_0f0f_0f0f_0f0f), (2, 0x0303_0303_0303_0303), (1, 0x0101_0101_0101_0101)]
    {
        let shifted = b.ins().ushr_imm_s(value, shift);
        value = b.ins().bor(value, shifted);
        let mask = b.ins().iconst(I64, mask);
        value = b.ins().band(value, mask);
    }
    b.ins().imul_imm_s(value, 0xff)
}
