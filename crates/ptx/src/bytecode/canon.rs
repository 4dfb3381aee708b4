//! From instructions with free names to the canonical numbering.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bytecode::check::canonical_load;
use crate::bytecode::image::{Kernel, Param};
use crate::bytecode::inst::{Arg, CONSTS_MAX, Class, Inst, Kind, REGS_MAX};
use crate::bytecode::op::{Op, Special};
use crate::launch::SHARED_MAX;

/// An operand before numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opnd {
    None,
    /// A register by any number, with its class.
    Reg(u32, Class),
    Const(u64),
    Special(Special),
    /// An address in dynamic shared memory, relative to its start.
    Dynamic(u64),
}

/// An instruction before numbering; `inst.args` and `inst.guard` are not used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawInst {
    pub(crate) inst: Inst,
    pub(crate) guard: Opnd,
    pub(crate) args: [Opnd; 6],
    /// Line in the text it came from.
    pub(crate) line: u32,
}

/// A kernel before numbering.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawKernel {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
    pub(crate) shared: u32,
    pub(crate) local: u32,
    /// Alignment of dynamic shared memory, if the kernel uses it.
    pub(crate) dynamic_align: Option<u32>,
    pub(crate) code: Vec<RawInst>,
}

impl RawKernel {
    /// Numbers registers and constants in order of first appearance. The line of the instruction that does not
    /// fit comes back with the reason.
    pub(crate) fn canonical(mut self) -> Result<Kernel, (u32, &'static str)> {
        if let Some(align) = self.dynamic_align {
            self.shared = self.shared.next_multiple_of(align.max(16));
        }
        if u64::from(self.shared) > SHARED_MAX {
            return Err((
                self.code.first().map_or(0, |i| i.line),
                "more static shared memory than a block may have",
            ));
        }
        let mut pool = Pool { dynamic: u64::from(self.shared), ..Pool::default() };
        let mut code = Vec::with_capacity(self.code.len());
        for raw in &self.code {
            code.push(pool.lower(raw).map_err(|reason| (raw.line, reason))?);
        }
        let Self { name, params, shared, local, .. } = self;
        Ok(Kernel { name, params, shared, local, regs: pool.regs, consts: pool.consts, code })
    }
}

#[derive(Default)]
struct Pool {
    dynamic: u64,
    reg_of: BTreeMap<u32, u16>,
    const_of: BTreeMap<u64, u16>,
    regs: Vec<Class>,
    consts: Vec<u64>,
}

impl Pool {
    fn lower(&mut self, raw: &RawInst) -> Result<Inst, &'static str> {
        let mut inst = raw.inst;
        inst.guard = self.arg(raw.guard)?;
        if inst.op == Op::Ld
            && let Opnd::Reg(_, class) = raw.args[0]
        {
            inst.ty = canonical_load(inst.ty, class.bits());
        }
        let shape = inst.shape()?;
        for (i, (opnd, kind)) in raw.args.into_iter().zip(shape).enumerate() {
            let opnd = match opnd {
                Opnd::Dynamic(offset) => Opnd::Const(self.dynamic.wrapping_add(offset)),
                other => other,
            };
            let opnd = match (kind, opnd) {
                (Kind::A(_), Opnd::Const(c)) => {
                    let address = c.wrapping_add_signed(i64::from(inst.imm));
                    inst.imm = 0;
                    Opnd::Const(address)
                }
                (Kind::S(bits) | Kind::Sw(bits), Opnd::Const(c)) if bits < 64 => {
                    Opnd::Const(c & ((1 << bits) - 1))
                }
                (_, other) => other,
            };
            inst.args[i] = self.arg(opnd)?;
        }
        Ok(inst)
    }

    fn arg(&mut self, opnd: Opnd) -> Result<Arg, &'static str> {
        Ok(match opnd {
            Opnd::None => Arg::NONE,
            Opnd::Special(s) => Arg::special(s),
            Opnd::Reg(id, class) => {
                let next = self.regs.len();
                let index = *self.reg_of.entry(id).or_insert(next as u16);
                if usize::from(index) == next {
                    if next == REGS_MAX {
                        return Err("the kernel uses more than 16384 registers");
                    }
                    self.regs.push(class);
                }
                Arg::reg(index)
            }
            Opnd::Const(c) => {
                let next = self.consts.len();
                let index = *self.const_of.entry(c).or_insert(next as u16);
                if usize::from(index) == next {
                    if next == CONSTS_MAX {
                        return Err("the kernel uses more than 16384 constants");
                    }
                    self.consts.push(c);
                }
                Arg::constant(index)
            }
            Opnd::Dynamic(_) => return Err("an address where no address can stand"),
        })
    }
}
