//! The rules of the bytecode. The front end and the decoder go through the same ones.

use alloc::collections::BTreeSet;

use crate::bytecode::image::{Image, Kernel};
use crate::bytecode::inst::{Arg, ArgKind, CONSTS_MAX, Class, Inst, Kind, REGS_MAX};
use crate::bytecode::op::{Op, Ty};
use crate::error::DecodeError;
use crate::launch::{SHARED_MAX, Space};

/// Kernels of an image, at most.
pub(crate) const KERNELS_MAX: usize = 256;
/// Instructions of a kernel, at most.
pub(crate) const CODE_MAX: usize = 1 << 18;
/// Constant bytes of an image, at most.
pub(crate) const CONSTANTS_MAX: usize = 1 << 16;
/// Parameter bytes of a kernel, at most (PTX ISA 5.1.6.1).
pub(crate) const PARAMS_MAX: usize = 4096;
/// Local memory of a thread, at most.
pub(crate) const LOCAL_MAX: u64 = 1 << 14;
/// Bytes of a kernel's name, at most.
pub(crate) const NAME_MAX: usize = 1024;

pub(crate) fn limit(what: &'static str, found: u64, limit: u64) -> Result<(), DecodeError> {
    if found > limit { Err(DecodeError::Limit { what, found, limit }) } else { Ok(()) }
}

/// Whether a name is a PTX identifier (ISA 4.4).
pub(crate) fn is_identifier(name: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let mut chars = name.chars();
    let head = match chars.next() {
        Some(c) if c.is_ascii_alphabetic() => true,
        Some('_' | '$') => chars.clone().next().is_some(),
        _ => false,
    };
    head && chars.all(tail)
}

impl Image {
    /// Checks every rule of the bytecode, canonical form included.
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        limit("number of kernels", self.kernels.len() as u64, KERNELS_MAX as u64)?;
        limit("constant bytes", self.constants.len() as u64, CONSTANTS_MAX as u64)?;
        let mut names = BTreeSet::new();
        for (kernel, k) in (0..).zip(&self.kernels) {
            k.check(kernel)?;
            if !names.insert(k.name.as_str()) {
                return Err(DecodeError::Kernel { kernel, reason: "two kernels have one name" });
            }
        }
        if self.kernels.is_empty() {
            return Err(DecodeError::Kernel { kernel: 0, reason: "an image has at least one kernel" });
        }
        Ok(())
    }
}

impl Kernel {
    fn check(&self, kernel: u32) -> Result<(), DecodeError> {
        let fail = |reason| Err(DecodeError::Kernel { kernel, reason });
        limit("name bytes", self.name.len() as u64, NAME_MAX as u64)?;
        limit("instructions", self.code.len() as u64, CODE_MAX as u64)?;
        limit("registers", self.regs.len() as u64, REGS_MAX as u64)?;
        limit("constants", self.consts.len() as u64, CONSTS_MAX as u64)?;
        limit("shared bytes", u64::from(self.shared), SHARED_MAX)?;
        limit("local bytes", u64::from(self.local), LOCAL_MAX)?;
        if !is_identifier(&self.name) {
            return fail("the name is not an identifier");
        }
        let mut end = 0u32;
        for p in &self.params {
            if !matches!(p.align, 1 | 2 | 4 | 8 | 16) || p.bytes == 0 || p.bytes as usize > PARAMS_MAX {
                return fail("a parameter has a bad size or alignment");
            }
            if p.offset != end.next_multiple_of(p.align) {
                return fail("parameters are not laid out in order");
            }
            end = p.offset + p.bytes;
            limit("parameter bytes", u64::from(end), PARAMS_MAX as u64)?;
        }
        if !self.code.last().is_some_and(Inst::is_terminator) {
            return fail("the last instruction falls through");
        }
        let mut order = Order { regs: 0, consts: 0 };
        for (pc, inst) in (0..).zip(&self.code) {
            self.check_inst(inst, &mut order).map_err(|reason| DecodeError::Instruction {
                kernel,
                pc,
                reason,
            })?;
        }
        if usize::from(order.regs) != self.regs.len() || usize::from(order.consts) != self.consts.len() {
            return fail("a register or constant is never used");
        }
        let mut seen = BTreeSet::new();
        if !self.consts.iter().all(|c| seen.insert(*c)) {
            return fail("a constant is listed twice");
        }
        Ok(())
    }

    fn check_inst(&self, inst: &Inst, order: &mut Order) -> Result<(), &'static str> {
        let shape = inst.shape()?;
        if !inst.guard.is_none() {
            order.visit(inst.guard)?;
            self.check_reg(inst.guard, 1, 1)?;
        }
        for (position, (arg, kind)) in inst.args.into_iter().zip(shape).enumerate() {
            order.visit(arg)?;
            self.check_arg(inst, arg, kind)?;
            let field = matches!((inst.op, position), (Op::Bfe, 2 | 3) | (Op::Bfi, 3 | 4));
            if let (true, Some(ArgKind::Const(c))) = (field, arg.kind())
                && self.consts[usize::from(c)] > 255
            {
                return Err("positions and lengths of bit fields are at most 255");
            }
        }
        match inst.op {
            Op::Bra if inst.imm < 0 || inst.imm as usize >= self.code.len() => {
                Err("a branch leaves the kernel")
            }
            Op::Ld => self.check_load(inst),
            Op::Unpack if inst.args[1..].iter().all(|a| a.is_none()) => {
                Err("a vector of which nothing is kept")
            }
            _ => Ok(()),
        }
    }

    fn check_arg(&self, inst: &Inst, arg: Arg, kind: Kind) -> Result<(), &'static str> {
        match (kind, arg.kind().ok_or("a malformed operand")?) {
            (Kind::N | Kind::O(_), ArgKind::None) => Ok(()),
            (Kind::N, _) => Err("an operand too many"),
            (_, ArgKind::None) => Err("an operand is missing"),
            (Kind::D(bits) | Kind::O(bits), ArgKind::Reg(_)) => self.check_reg(arg, bits, bits),
            (Kind::Dw(bits), ArgKind::Reg(_)) => self.check_reg(arg, bits.max(16), 64),
            (Kind::S(bits), ArgKind::Reg(_)) => self.check_reg(arg, bits, bits),
            (Kind::Sw(bits), ArgKind::Reg(_)) => self.check_reg(arg, bits.max(16), 64),
            (Kind::A(narrow), ArgKind::Reg(_)) => self.check_reg(arg, if narrow { 32 } else { 64 }, 64),
            (Kind::S(1), ArgKind::Const(_)) if inst.op != Op::Mov => {
                Err("only mov takes a constant predicate")
            }
            (Kind::S(bits) | Kind::Sw(bits), ArgKind::Const(i)) => {
                let value = *self.consts.get(usize::from(i)).ok_or("a constant that does not exist")?;
                if bits < 64 && value >> bits != 0 {
                    Err("a constant wider than its operand")
                } else {
                    Ok(())
                }
            }
            (Kind::A(_), ArgKind::Const(i)) => {
                let _ = self.consts.get(usize::from(i)).ok_or("a constant that does not exist")?;
                if inst.imm == 0 { Ok(()) } else { Err("a constant address with an offset") }
            }
            (Kind::S(32), ArgKind::Special(_)) if inst.op == Op::Mov => Ok(()),
            (_, ArgKind::Special(_)) => Err("special registers are read by mov.u32 only"),
            (_, ArgKind::Const(_)) => Err("a constant cannot be written"),
        }
    }

    fn check_reg(&self, arg: Arg, at_least: u32, at_most: u32) -> Result<(), &'static str> {
        let class = arg
            .as_reg()
            .and_then(|r| self.regs.get(usize::from(r)))
            .ok_or("a register that does not exist")?;
        if (at_least..=at_most).contains(&class.bits()) {
            Ok(())
        } else {
            Err("a register of the wrong width")
        }
    }

    /// A load into registers of its own width is untyped; one into wider registers says how it extends.
    fn check_load(&self, inst: &Inst) -> Result<(), &'static str> {
        if inst.m == Space::Param as u8 && !matches!(inst.args[4].kind(), Some(ArgKind::Const(_))) {
            return Err("parameters are addressed by constants");
        }
        let class = |arg: &Arg| arg.as_reg().map(|r| self.regs[usize::from(r)]);
        let first = class(&inst.args[0]);
        if inst.args[..inst.vector()].iter().any(|a| class(a) != first) {
            return Err("a vector of registers of different width");
        }
        let extends = first.map(Class::bits) != Some(inst.ty.bits());
        if extends == inst.ty.is_untyped() {
            Err("an extending load is typed, any other is not")
        } else {
            Ok(())
        }
    }
}

/// Checks that registers and constants are numbered in order of first appearance.
struct Order {
    regs: u16,
    consts: u16,
}

impl Order {
    fn visit(&mut self, arg: Arg) -> Result<(), &'static str> {
        let (next, index) = match arg.kind() {
            Some(ArgKind::Reg(i)) => (&mut self.regs, i),
            Some(ArgKind::Const(i)) => (&mut self.consts, i),
            _ => return Ok(()),
        };
        if index > *next {
            return Err("registers and constants are not numbered in order of appearance");
        }
        *next += u16::from(index == *next);
        Ok(())
    }
}

/// The type a load has in canonical form, given the width of its destinations.
pub(crate) fn canonical_load(ty: Ty, class_bits: u32) -> Ty {
    match (ty.bits() == class_bits, ty.is_signed()) {
        (true, _) => ty.untyped(),
        (false, true) => ty,
        (false, false) => ty.unsigned(),
    }
}
