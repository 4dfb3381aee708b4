//! A kernel decoded once for running.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::bytecode::inst::{Arg, ArgKind, Inst};
use crate::bytecode::op::{Cmp, Op, Round, Special, Ty};
use crate::bytecode::{Image, Kernel};
use crate::error::LaunchError;
use crate::exec::units::UnitTable;
use crate::launch::Space;
use crate::print::line_of;

/// What the fast loop does itself; everything else is [`Code::Slow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Slow,
    Mov,
    Add32,
    Add64,
    Sub32,
    MulLo32,
    MadLo32,
    MulWideU32,
    MulWideS32,
    And,
    Or,
    Xor,
    Not32,
    Shl32,
    ShrU32,
    ShrS32,
    Rotate,
    Lop3,
    Prmt,
    Dp4a,
    Selp,
    SetU,
    SetS32,
    SextS32,
    Low32,
    FAdd32,
    FMul32,
    Fma32,
    LdShared32,
    StShared32,
    LdGlobal32,
    StGlobal32,
    LdLocal32,
    StLocal32,
    LdConst32,
    Bra,
    BraIf,
    BraUnless,
    Stop,
}

/// One decoded instruction: slots of the register file instead of operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) code: Code,
    /// Comparison, if the code is one.
    pub(crate) cmp: Cmp,
    pub(crate) nc: bool,
    pub(crate) d: u16,
    pub(crate) a: u16,
    pub(crate) b: u16,
    pub(crate) c: u16,
    pub(crate) imm: i32,
}

/// Slot number of an absent operand.
pub(crate) const NO_SLOT: u16 = u16::MAX;

/// A kernel ready to run: decode once, launch often.
pub struct Program {
    pub(crate) kernel_index: u32,
    pub(crate) steps: Vec<Step>,
    pub(crate) insts: Vec<Inst>,
    /// Slots of each instruction's operands, guard last.
    pub(crate) slots: Vec<[u16; 7]>,
    /// Units of all instructions before this one in the text.
    pub(crate) prefix: Vec<u64>,
    /// Lines of the canonical text.
    pub(crate) lines: Vec<u32>,
    /// Initial registers of a thread: zeros, constants, special registers, carry.
    pub(crate) template: Vec<u64>,
    pub(crate) specials: Vec<(Special, u16)>,
    /// Width of each register slot in bits.
    pub(crate) widths: Vec<u8>,
    pub(crate) constants: Vec<u8>,
    pub(crate) param_bytes: usize,
    pub(crate) shared: u32,
    pub(crate) local: u32,
    /// Whether any instruction synchronises lanes.
    pub(crate) uses_warps: bool,
}

impl Program {
    /// Decodes a kernel of an image.
    pub fn new(image: &Image, kernel: &str, units: &UnitTable) -> Result<Self, LaunchError> {
        let found = image.kernel(kernel);
        let (kernel_index, k) = found.ok_or_else(|| LaunchError::NoKernel { name: kernel.to_string() })?;
        let mut specials = Vec::new();
        let mut slots = Vec::with_capacity(k.code.len());
        for inst in &k.code {
            let mut all = [NO_SLOT; 7];
            for (slot, arg) in all.iter_mut().zip(inst.args.into_iter().chain([inst.guard])) {
                *slot = slot_of(k, &mut specials, arg);
            }
            slots.push(all);
        }
        let mut template = alloc::vec![0; k.regs.len()];
        template.extend_from_slice(&k.consts);
        template.resize(template.len() + specials.len() + 1, 0);
        let mut prefix = Vec::with_capacity(k.code.len() + 1);
        let mut sum = 0;
        for inst in &k.code {
            prefix.push(sum);
            sum += units.weight(inst);
        }
        prefix.push(sum);
        let sync = |i: &Inst| matches!(i.op, Op::Shfl | Op::Vote | Op::Match | Op::Redux | Op::BarWarp);
        Ok(Self {
            kernel_index,
            steps: k.code.iter().zip(&slots).map(|(i, s)| step(k, i, s)).collect(),
            insts: k.code.clone(),
            slots,
            prefix,
            lines: (0..k.code.len() as u32).map(|pc| line_of(image, kernel_index, pc)).collect(),
            template,
            specials,
            widths: k.regs.iter().map(|c| c.bits() as u8).collect(),
            constants: image.constants.clone(),
            param_bytes: k.param_bytes(),
            shared: k.shared,
            local: k.local,
            uses_warps: k.code.iter().any(sync),
        })
    }

    /// Slot that holds the carry flag.
    pub(crate) fn carry_slot(&self) -> usize {
        self.template.len() - 1
    }
}

fn slot_of(k: &Kernel, specials: &mut Vec<(Special, u16)>, arg: Arg) -> u16 {
    let base = k.regs.len() as u16;
    match arg.kind() {
        Some(ArgKind::Reg(r)) => r,
        Some(ArgKind::Const(c)) => base + c,
        Some(ArgKind::Special(s)) => {
            let first = base + k.consts.len() as u16;
            if let Some((_, slot)) = specials.iter().find(|(x, _)| *x == s) {
                return *slot;
            }
            specials.push((s, first + specials.len() as u16));
            first + specials.len() as u16 - 1
        }
        None | Some(ArgKind::None) => NO_SLOT,
    }
}

fn step(k: &Kernel, i: &Inst, s: &[u16; 7]) -> Step {
    let code = if i.guard.is_none() {
        code(k, i)
    } else {
        match (i.op, i.negate) {
            (Op::Bra, false) => Code::BraIf,
            (Op::Bra, true) => Code::BraUnless,
            _ => Code::Slow,
        }
    };
    let cmp = Cmp::from_byte(i.m).unwrap_or(Cmp::Eq);
    let nc = i.op == Op::Ld && i.m2 & crate::bytecode::inst::NC != 0;
    let [d, a, b, c] = match code {
        Code::LdShared32 | Code::LdGlobal32 | Code::LdLocal32 | Code::LdConst32 => {
            [s[0], s[4], NO_SLOT, NO_SLOT]
        }
        Code::StShared32 | Code::StGlobal32 | Code::StLocal32 => [NO_SLOT, s[0], s[1], NO_SLOT],
        Code::SetU | Code::SetS32 => [s[0], s[2], s[3], NO_SLOT],
        Code::BraIf | Code::BraUnless => [NO_SLOT, s[6], NO_SLOT, NO_SLOT],
        _ => [s[0], s[1], s[2], s[3]],
    };
    Step { code, cmp, nc, d, a, b, c, imm: i.imm }
}

/// Conversions between registers of exactly the widths of the types.
fn cvt_code(k: &Kernel, i: &Inst) -> Code {
    let width = |arg: Arg| arg.as_reg().map_or(0, |r| k.regs[usize::from(r)].bits());
    let exact = i.m2 == 0 && width(i.args[0]) == i.ty.bits() && width(i.args[1]) == i.ty2.bits();
    match (i.ty, i.ty2) {
        (Ty::U64 | Ty::S64, Ty::U32) if exact => Code::Mov,
        (Ty::U64 | Ty::S64, Ty::S32) if exact => Code::SextS32,
        (Ty::U32 | Ty::S32, Ty::U64 | Ty::S64) if exact => Code::Low32,
        _ => Code::Slow,
    }
}

fn code(k: &Kernel, i: &Inst) -> Code {
    let rn = i.m == Round::Rn as u8 && i.m2 == 0;
    match (i.op, i.ty) {
        (Op::Mov, _) => Code::Mov,
        (Op::Cvt, _) => cvt_code(k, i),
        (Op::Add, Ty::U32) => Code::Add32,
        (Op::Add, Ty::U64) => Code::Add64,
        (Op::Sub, Ty::U32) => Code::Sub32,
        (Op::MulLo, Ty::U32) => Code::MulLo32,
        (Op::MadLo, Ty::U32) => Code::MadLo32,
        (Op::MulWide, Ty::U32) => Code::MulWideU32,
        (Op::MulWide, Ty::S32) => Code::MulWideS32,
        (Op::And, _) => Code::And,
        (Op::Or, _) => Code::Or,
        (Op::Xor, _) => Code::Xor,
        (Op::Not, Ty::B32) => Code::Not32,
        (Op::Shl, Ty::B32) => Code::Shl32,
        (Op::Shr, Ty::U32) => Code::ShrU32,
        (Op::Shr, Ty::S32) => Code::ShrS32,
        (Op::ShfL, _) if i.m == 1 => Code::Rotate,
        (Op::Lop3, _) => Code::Lop3,
        (Op::Prmt, _) => Code::Prmt,
        (Op::Dp4a, Ty::S32) if i.ty2 == Ty::S32 => Code::Dp4a,
        (Op::Selp, _) => Code::Selp,
        (Op::Setp, Ty::U16 | Ty::U32 | Ty::U64) if i.m2 == 0 && i.args[1].is_none() => Code::SetU,
        (Op::Setp, Ty::S32) if i.m2 == 0 && i.args[1].is_none() => Code::SetS32,
        (Op::FAdd, Ty::F32) if rn => Code::FAdd32,
        (Op::FMul, Ty::F32) if rn => Code::FMul32,
        (Op::Fma, Ty::F32) if rn => Code::Fma32,
        (Op::Ld, Ty::B32) if i.vector() == 1 => match Space::from_byte(i.m) {
            Some(Space::Shared) => Code::LdShared32,
            Some(Space::Global) => Code::LdGlobal32,
            Some(Space::Local) => Code::LdLocal32,
            Some(Space::Const) => Code::LdConst32,
            _ => Code::Slow,
        },
        // A wider source register is cut to the word.
        (Op::St, Ty::B32) if i.vector() == 1 => match Space::from_byte(i.m) {
            Some(Space::Shared) => Code::StShared32,
            Some(Space::Global) => Code::StGlobal32,
            Some(Space::Local) => Code::StLocal32,
            _ => Code::Slow,
        },
        (Op::Bra, _) => Code::Bra,
        (
            Op::Ret
            | Op::Trap
            | Op::Bar
            | Op::BarRed
            | Op::BarWarp
            | Op::Shfl
            | Op::Vote
            | Op::Match
            | Op::Redux,
            _,
        ) => Code::Stop,
        _ => Code::Slow,
    }
}
