//! Loads, stores and atomic reductions.

use alloc::vec::Vec;

use crate::bytecode::Opnd;
use crate::bytecode::inst::{Inst, NC};
use crate::bytecode::op::{Op, RedOp, Ty};
use crate::launch::Space;
use crate::lower::Why;
use crate::lower::func::{Binding, Func};
use crate::lower::operand::{Number, Operand};
use crate::lower::words::Words;

const HINTS: [&str; 18] = [
    "weak",
    "relaxed",
    "volatile",
    "cta",
    "gpu",
    "sys",
    "ca",
    "cg",
    "cs",
    "cv",
    "lu",
    "wb",
    "wt",
    "shared::cta",
    "noftz",
    "evict_last",
    "evict_first",
    "no_allocate",
];

impl<'a> Func<'a> {
    /// Lowers an instruction of this file; `false` if it is not one.
    pub(crate) fn lower_memory(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<bool, Why> {
        match w.base {
            "ld" | "ldu" => self.load(w, ops)?,
            "st" => self.store(w, ops)?,
            "red" | "atom" => self.reduction(w, ops)?,
            "membar" | "fence" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the state space; none means generic, which in the profile is global.
    fn space(&mut self, w: &mut Words<'a>) -> Space {
        let shared_cta = w.flag("shared::cta");
        w.ignore(&HINTS);
        if shared_cta {
            return Space::Shared;
        }
        w.find(Space::from_word).unwrap_or_else(|| {
            self.generic.get_or_insert(self.line);
            Space::Global
        })
    }

    fn vector(w: &mut Words<'a>) -> u8 {
        match w.one_of(&["v2", "v4"]) {
            Some("v2") => 2,
            Some(_) => 4,
            None => 1,
        }
    }

    fn load(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let space = self.space(w);
        let nc = w.flag("nc");
        let n = Self::vector(w);
        let ty = w.need_ty()?;
        w.finish()?;
        let [d, address] = ops else { return Err(Why::new("ld takes a destination and an address")) };
        let ty = if ty.is_float() { ty.untyped() } else { ty };
        let inst = Inst { m: space as u8, m2: n | if nc { NC } else { 0 }, ..Inst::new(Op::Ld, ty) };
        let mut args = [Opnd::None; 6];
        let parts: &[Operand<'a>] =
            if let Operand::Vector(parts) = d { parts } else { core::slice::from_ref(d) };
        if parts.len() != usize::from(n) {
            return Err(Why::new("the vector has another length than the instruction"));
        }
        for (arg, part) in args.iter_mut().zip(parts) {
            *arg = self.dst(part)?;
        }
        let (base, imm) = self.address(address, space)?;
        args[4] = base;
        self.emit(Inst { imm, ..inst }, &args);
        Ok(())
    }

    fn store(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let space = self.space(w);
        let n = Self::vector(w);
        let ty = w.need_ty()?;
        w.finish()?;
        let [address, s] = ops else { return Err(Why::new("st takes an address and a source")) };
        let parts: &[Operand<'a>] =
            if let Operand::Vector(parts) = s { parts } else { core::slice::from_ref(s) };
        if parts.len() != usize::from(n) {
            return Err(Why::new("the vector has another length than the instruction"));
        }
        let (base, imm) = self.address(address, space)?;
        let mut args: Vec<Opnd> = alloc::vec![base];
        for part in parts {
            args.push(self.src(part, ty)?);
        }
        self.emit(Inst { m: space as u8, m2: n, imm, ..Inst::new(Op::St, ty.untyped()) }, &args);
        Ok(())
    }

    fn reduction(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let space = self.space(w);
        let Some(op) = w.find(RedOp::from_word) else {
            w.finish()?;
            return Err(Why::new("this atomic is not in the profile"));
        };
        let ty = w.need_ty()?;
        w.finish()?;
        if ty.is_float() {
            return Err(Why {
                reason: "a sum of floats depends on the order in which threads arrive",
                instead: "a reduction in fixed order, or integers",
            });
        }
        let (ops, dead) = match (w.base, ops) {
            ("atom", [d, rest @ ..]) => (rest, self.dst_or_none(d)?),
            _ => (ops, Opnd::None),
        };
        if let Opnd::Reg(id, _) = dead {
            self.dead.push((id, self.line));
        }
        let [address, s] = ops else { return Err(Why::new("this atomic takes an address and a value")) };
        let ty = match op {
            RedOp::Add => ty.unsigned(),
            RedOp::Min | RedOp::Max => ty,
            _ => ty.untyped(),
        };
        let (base, imm) = self.address(address, space)?;
        let value = self.src(s, ty)?;
        self.emit(Inst { m: space as u8, m2: op as u8, imm, ..Inst::new(Op::Red, ty) }, &[base, value]);
        Ok(())
    }

    /// Base and offset of `[x]`.
    fn address(&mut self, operand: &Operand<'a>, space: Space) -> Result<(Opnd, i32), Why> {
        let Operand::Address(inner) = operand else {
            return Err(Why::new("an address in brackets is expected"));
        };
        let (name, offset) = match &**inner {
            Operand::Number(Number::Int(n)) => return Ok((Opnd::Const(*n), 0)),
            Operand::Name(name) => (*name, 0),
            Operand::Offset(name, offset) => (*name, *offset),
            _ => return Err(Why::new("an address is a register or a variable, and an offset")),
        };
        match self.lookup(name)? {
            Binding::Reg(id, class) => {
                let imm = i32::try_from(offset).map_err(|_| Why::new("the offset has more than 32 bits"))?;
                Ok((Opnd::Reg(id, class), imm))
            }
            Binding::Variable(of, at) if of == space => Ok((Opnd::Const(at.wrapping_add_signed(offset)), 0)),
            Binding::Dynamic(_) if space == Space::Shared => Ok((Opnd::Dynamic(offset as u64), 0)),
            _ => Err(Why::new("the variable is in another state space")),
        }
    }
}

/// Bytes of a declared type.
pub(crate) fn declared_bytes(ty: Ty) -> u32 {
    ty.bytes().max(1)
}
