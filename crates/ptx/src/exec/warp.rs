//! Instructions that the named lanes of a warp execute together.

use crate::bytecode::op::{Op, RedOp, ShflMode, Ty, VoteMode};
use crate::exec::memory::combine;
use crate::exec::program::Program;

/// Registers of a warp's lanes.
pub(crate) struct Lanes<'r> {
    pub(crate) regs: &'r mut [u64],
    pub(crate) stride: usize,
}

impl Lanes<'_> {
    fn of(&mut self, lane: usize) -> &mut [u64] {
        &mut self.regs[lane * self.stride..(lane + 1) * self.stride]
    }
}

impl Program {
    /// Position of the mask operand.
    pub(crate) fn mask_position(&self, pc: usize) -> usize {
        match self.insts[pc].op {
            Op::Shfl => 5,
            Op::Match => 3,
            Op::BarWarp => 0,
            _ => 2,
        }
    }

    /// Executes a warp-level instruction for all lanes of the mask; each is at `pc`. `Err` is a lane that reads a lane
    /// outside the mask.
    pub(crate) fn collective(&self, pc: usize, mask: u32, lanes: &mut Lanes<'_>) -> Result<(), usize> {
        let i = &self.insts[pc];
        let each = |mask: u32| (0..32usize).filter(move |l| mask >> l & 1 == 1);
        let mut gather = |position: usize| {
            let mut out = [0u64; 32];
            for l in each(mask) {
                out[l] = self.value(pc, position, lanes.of(l));
            }
            out
        };
        let mut first = [0u64; 32];
        let mut second = [0u64; 32];
        match i.op {
            Op::Shfl => {
                let (a, b, c) = (gather(2), gather(3), gather(4));
                let mode = ShflMode::from_byte(i.m).unwrap_or(ShflMode::Idx);
                for l in each(mask) {
                    let (from, inside) = source(mode, l as i32, b[l] as u32, c[l] as u32);
                    if mask >> (from & 31) & 1 == 0 {
                        return Err(l);
                    }
                    first[l] = a[(from & 31) as usize];
                    second[l] = u64::from(inside);
                }
            }
            Op::Vote => {
                let p = gather(1);
                let ballot =
                    each(mask).filter(|l| (p[*l] & 1 == 1) != (i.m2 == 1)).fold(0u32, |b, l| b | 1 << l);
                first = [vote(i.m, ballot, mask); 32];
            }
            Op::Match => {
                let a = gather(2);
                let mut equal = [0u32; 32];
                for l in each(mask) {
                    equal[l] = each(mask).filter(|k| a[*k] == a[l]).fold(0, |m, k| m | 1 << k);
                }
                for l in each(mask) {
                    let all = equal[l] == mask;
                    first[l] = u64::from(if i.m == 0 || all { equal[l] } else { 0 });
                    second[l] = u64::from(all);
                }
            }
            Op::Redux => {
                let a = gather(1);
                let op = RedOp::from_byte(i.m).unwrap_or(RedOp::Add);
                let ty = if i.ty == Ty::None { Ty::U32 } else { i.ty };
                let sum = each(mask).map(|l| a[l]).reduce(|x, y| combine(op, ty, x, y));
                first = [sum.unwrap_or(0); 32];
            }
            _ => return Ok(()),
        }
        for l in each(mask) {
            let regs = lanes.of(l);
            self.set(pc, 0, regs, first[l]);
            if matches!(i.op, Op::Shfl | Op::Match) {
                self.set(pc, 1, regs, second[l]);
            }
        }
        Ok(())
    }
}

fn vote(mode: u8, ballot: u32, mask: u32) -> u64 {
    match VoteMode::from_byte(mode) {
        Some(VoteMode::All) => u64::from(ballot == mask),
        Some(VoteMode::Any) => u64::from(ballot != 0),
        Some(VoteMode::Uni) => u64::from(ballot == 0 || ballot == mask),
        _ => u64::from(ballot),
    }
}

/// Source lane of a shuffle and whether it lies in the segment (ISA 9.7.9.6).
fn source(mode: ShflMode, lane: i32, b: u32, c: u32) -> (u32, bool) {
    let by = (b & 31) as i32;
    let (clamp, segment) = ((c & 31) as i32, (c >> 8 & 31) as i32);
    let max = (lane & segment) | (clamp & !segment);
    let min = lane & segment;
    let (from, inside) = match mode {
        ShflMode::Up => (lane - by, lane - by >= max),
        ShflMode::Down => (lane + by, lane + by <= max),
        ShflMode::Bfly => (lane ^ by, (lane ^ by) <= max),
        ShflMode::Idx => {
            let from = min | (by & !segment & 31);
            (from, from <= max)
        }
    };
    (if inside { from } else { lane } as u32, inside)
}
