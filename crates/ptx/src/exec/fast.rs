//! The loop that runs one thread until it must stop.

use crate::bytecode::op::{Cmp, Round};
use crate::exec::eval::{dp4a_signed, lop3, prmt, sext};
use crate::exec::memory::View;
use crate::exec::program::{Code, Program, Step};
use crate::float::f32;
use crate::launch::FaultKind;
use crate::memory::Memory;

/// Why a thread stopped. `pc` of the thread is the instruction that stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At `ret`, `trap`, a barrier or a warp-level instruction, whose guard (if any) holds.
    Sync,
    /// The fuel is used up.
    Fuel,
    Fault(FaultKind),
}

/// Units and instructions, and the limit on units.
pub(crate) struct Meter {
    pub(crate) units: u64,
    pub(crate) instructions: u64,
    pub(crate) fuel: u64,
}

impl Meter {
    /// Charges the instructions from `from` up to and including `last`.
    #[inline(always)]
    pub(crate) fn charge(&mut self, program: &Program, from: usize, last: usize) {
        let units = program.prefix[last + 1].wrapping_sub(program.prefix[from]);
        self.units = self.units.wrapping_add(units);
        self.instructions = self.instructions.wrapping_add((last - from + 1) as u64);
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.units > self.fuel
    }
}

#[inline(always)]
fn address(s: &Step, regs: &[u64]) -> u64 {
    regs[s.a as usize].wrapping_add_signed(i64::from(s.imm))
}

#[inline(always)]
fn order<T: Ord>(cmp: Cmp, a: T, b: T) -> u64 {
    u64::from(match cmp {
        Cmp::Eq => a == b,
        Cmp::Ne => a != b,
        Cmp::Lt => a < b,
        Cmp::Le => a <= b,
        Cmp::Gt => a > b,
        _ => a >= b,
    })
}

/// Runs a thread from `*pc`. Fuel is compared where a branch is taken and where the thread stops.
pub(crate) fn run<M: Memory + ?Sized>(
    program: &Program,
    regs: &mut [u64],
    pc: &mut usize,
    view: &mut View<'_, M>,
    meter: &mut Meter,
) -> Stop {
    let steps = program.steps.as_slice();
    let mut at = *pc;
    let mut from = at;
    macro_rules! r {
        ($slot:expr) => {
            regs[$slot as usize]
        };
    }
    macro_rules! stop {
        ($why:expr) => {{
            meter.charge(program, from, at);
            *pc = at;
            return $why;
        }};
    }
    macro_rules! jump {
        ($s:expr) => {{
            meter.charge(program, from, at);
            if meter.is_empty() {
                *pc = at;
                return Stop::Fuel;
            }
            at = $s.imm as usize;
            from = at;
            continue;
        }};
    }
    macro_rules! fallible {
        ($e:expr) => {
            match $e {
                Ok(v) => v,
                Err(kind) => stop!(Stop::Fault(kind)),
            }
        };
    }
    loop {
        let s = &steps[at];
        match s.code {
            Code::Mov => r!(s.d) = r!(s.a),
            Code::Add32 => r!(s.d) = u64::from((r!(s.a) as u32).wrapping_add(r!(s.b) as u32)),
            Code::Add64 => r!(s.d) = r!(s.a).wrapping_add(r!(s.b)),
            Code::Sub32 => r!(s.d) = u64::from((r!(s.a) as u32).wrapping_sub(r!(s.b) as u32)),
            Code::MulLo32 => r!(s.d) = u64::from((r!(s.a) as u32).wrapping_mul(r!(s.b) as u32)),
            Code::MadLo32 => {
                let product = (r!(s.a) as u32).wrapping_mul(r!(s.b) as u32);
                r!(s.d) = u64::from(product.wrapping_add(r!(s.c) as u32));
            }
            Code::MulWideU32 => r!(s.d) = r!(s.a).wrapping_mul(r!(s.b)),
            Code::MulWideS32 => r!(s.d) = sext(r!(s.a), 32).wrapping_mul(sext(r!(s.b), 32)) as u64,
            Code::And => r!(s.d) = r!(s.a) & r!(s.b),
            Code::Or => r!(s.d) = r!(s.a) | r!(s.b),
            Code::Xor => r!(s.d) = r!(s.a) ^ r!(s.b),
            Code::Not32 => r!(s.d) = u64::from(!(r!(s.a) as u32)),
            Code::Shl32 => {
                r!(s.d) = if r!(s.b) > 31 { 0 } else { u64::from((r!(s.a) as u32) << (r!(s.b) & 31)) }
            }
            Code::ShrU32 => r!(s.d) = if r!(s.b) > 31 { 0 } else { r!(s.a) >> (r!(s.b) & 31) },
            Code::ShrS32 => r!(s.d) = u64::from(((r!(s.a) as i32) >> (r!(s.b).min(31) & 31)) as u32),
            Code::Rotate => {
                let both = r!(s.b) << 32 | r!(s.a);
                r!(s.d) = (both << (r!(s.c) & 31)) >> 32;
            }
            Code::Lop3 => r!(s.d) = lop3(r!(s.a), r!(s.b), r!(s.c), s.imm as u32),
            Code::Prmt => r!(s.d) = prmt(r!(s.a), r!(s.b), r!(s.c)),
            Code::Dp4a => r!(s.d) = dp4a_signed(r!(s.a), r!(s.b), r!(s.c)),
            Code::Selp => r!(s.d) = if r!(s.c) & 1 == 1 { r!(s.a) } else { r!(s.b) },
            Code::SetU => r!(s.d) = order(s.cmp, r!(s.a), r!(s.b)),
            Code::SetS32 => r!(s.d) = order(s.cmp, r!(s.a) as i32, r!(s.b) as i32),
            Code::SextS32 => r!(s.d) = sext(r!(s.a), 32) as u64,
            Code::Low32 => r!(s.d) = r!(s.a) & 0xFFFF_FFFF,
            Code::FAdd32 => r!(s.d) = u64::from(f32::add(r!(s.a) as u32, r!(s.b) as u32, Round::Rn)),
            Code::FMul32 => r!(s.d) = u64::from(f32::mul(r!(s.a) as u32, r!(s.b) as u32, Round::Rn)),
            Code::Fma32 => {
                r!(s.d) = u64::from(f32::fma(r!(s.a) as u32, r!(s.b) as u32, r!(s.c) as u32, Round::Rn));
            }
            Code::LdShared32 => r!(s.d) = fallible!(view.load_shared32(address(s, regs))),
            Code::StShared32 => fallible!(view.store_shared32(address(s, regs), r!(s.b))),
            Code::LdGlobal32 => r!(s.d) = fallible!(view.load_global32(address(s, regs), s.nc)),
            Code::StGlobal32 => fallible!(view.store_global32(address(s, regs), r!(s.b))),
            Code::LdLocal32 => r!(s.d) = fallible!(view.load_local32(address(s, regs))),
            Code::StLocal32 => fallible!(view.store_local32(address(s, regs), r!(s.b))),
            Code::LdConst32 => r!(s.d) = fallible!(view.load_const32(address(s, regs))),
            Code::Bra => jump!(s),
            Code::BraIf => {
                if r!(s.a) & 1 == 1 {
                    jump!(s);
                }
            }
            Code::BraUnless => {
                if r!(s.a) & 1 == 0 {
                    jump!(s);
                }
            }
            Code::Stop => {
                meter.charge(program, from, at);
                *pc = at;
                return if meter.is_empty() { Stop::Fuel } else { Stop::Sync };
            }
            Code::Slow => {
                if program.guard_holds(at, regs) {
                    if program.insts[at].stops() {
                        meter.charge(program, from, at);
                        *pc = at;
                        return if meter.is_empty() { Stop::Fuel } else { Stop::Sync };
                    }
                    fallible!(program.slow(at, regs, view));
                }
            }
        }
        at += 1;
    }
}
