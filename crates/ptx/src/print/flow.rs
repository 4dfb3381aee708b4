//! What the device printer must know of a kernel: basic blocks, registers read before they are written, registers
//! that hold only results of float arithmetic.

use alloc::vec;
use alloc::vec::Vec;

use crate::bytecode::Kernel;
use crate::bytecode::inst::{Inst, Kind};
use crate::bytecode::op::{Op, Ty};

/// First instructions of basic blocks, in order.
pub(crate) fn leaders(k: &Kernel) -> Vec<usize> {
    let mut is_leader = vec![false; k.code.len() + 1];
    is_leader[0] = true;
    for (pc, i) in k.code.iter().enumerate() {
        if i.op == Op::Bra {
            is_leader[i.imm as usize] = true;
        }
        if matches!(i.op, Op::Bra | Op::Ret | Op::Trap) {
            is_leader[pc + 1] = true;
        }
    }
    (0..k.code.len()).filter(|pc| is_leader[*pc]).collect()
}

/// Registers an instruction reads, guard included, and those it writes.
fn uses_and_defs(i: &Inst) -> (Vec<u16>, Vec<u16>) {
    let (mut uses, mut defs) = (Vec::new(), Vec::new());
    uses.extend(i.guard.as_reg());
    let shape = i.shape().unwrap_or([Kind::N; 6]);
    for (arg, kind) in i.args.iter().zip(shape) {
        let side = if matches!(kind, Kind::D(_) | Kind::O(_) | Kind::Dw(_)) { &mut defs } else { &mut uses };
        side.extend(arg.as_reg());
    }
    (uses, defs)
}

/// Registers that may be read before they are written; they read as zero.
pub(crate) fn read_before_written(k: &Kernel) -> Vec<u16> {
    let leaders = leaders(k);
    let words = k.regs.len().div_ceil(64);
    if leaders.len().saturating_mul(words) > 1 << 20 {
        return (0..k.regs.len() as u16).collect();
    }
    let block_of = |pc: usize| leaders.partition_point(|l| *l <= pc) - 1;
    let mut live = vec![vec![0u64; words]; leaders.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for b in (0..leaders.len()).rev() {
            let end = leaders.get(b + 1).copied().unwrap_or(k.code.len());
            let last = &k.code[end - 1];
            let mut now = vec![0u64; words];
            let mut join = |from: &[u64]| now.iter_mut().zip(from).for_each(|(n, f)| *n |= f);
            if last.op == Op::Bra {
                join(&live[block_of(last.imm as usize)]);
            }
            if !last.is_terminator() && b + 1 < leaders.len() {
                join(&live[b + 1]);
            }
            for i in k.code[leaders[b]..end].iter().rev() {
                let (uses, defs) = uses_and_defs(i);
                if i.guard.is_none() {
                    defs.iter().for_each(|d| now[usize::from(*d) / 64] &= !(1 << (d % 64)));
                }
                uses.iter().for_each(|u| now[usize::from(*u) / 64] |= 1 << (u % 64));
            }
            changed |= now != live[b];
            live[b] = now;
        }
    }
    let bit = |r: &u16| live.first().is_some_and(|l| l[usize::from(*r) / 64] >> (r % 64) & 1 == 1);
    (0..k.regs.len() as u16).filter(bit).collect()
}

/// Whether the result may be a NaN whose bits the device chooses.
pub(crate) fn makes_nan(i: &Inst) -> bool {
    match i.op {
        Op::Testp => false,
        Op::Cvt => i.ty.is_float() && i.ty2.is_float(),
        op => (64..80).contains(&(op as u8)),
    }
}

/// Whether the bits of a NaN in this operand cannot be told from any other NaN's.
pub(crate) fn takes_nan(i: &Inst, position: usize) -> bool {
    match i.op {
        Op::Copysign => position == 2,
        Op::Setp | Op::Set => i.ty.is_float(),
        Op::Cvt => i.ty2.is_float(),
        Op::Slct => position == 3 && i.ty2 == Ty::F32,
        op => (64..80).contains(&(op as u8)),
    }
}

/// For each register, whether every value it gets is a float result, a number that is no NaN, or a copy of such a
/// register. Their NaNs are made canonical where they escape; other registers' where they are made.
pub(crate) fn float_only(k: &Kernel) -> Vec<bool> {
    let mut pure = vec![true; k.regs.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for i in &k.code {
            let fine = makes_nan(i) || (i.op == Op::Mov && copies_float(k, i, &pure));
            for d in uses_and_defs(i).1 {
                let d = usize::from(d);
                changed |= pure[d] && !fine;
                pure[d] &= fine;
            }
        }
    }
    pure
}

fn copies_float(k: &Kernel, i: &Inst, pure: &[bool]) -> bool {
    use crate::bytecode::inst::ArgKind;
    match i.args[1].kind() {
        Some(ArgKind::Reg(r)) => pure[usize::from(r)],
        Some(ArgKind::Const(c)) => {
            let bits = k.consts[usize::from(c)];
            match i.ty {
                Ty::B32 => !crate::float::f32::is_nan(bits as u32),
                Ty::B64 => !crate::float::f64::is_nan(bits),
                _ => false,
            }
        }
        _ => false,
    }
}
