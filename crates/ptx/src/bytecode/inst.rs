//! One instruction, and the rules that make it well formed.

use crate::bytecode::op::{BarRedOp, Cmp, Op, RedOp, Round, ShflMode, Special, Test, Ty, VoteMode};
use crate::launch::Space;

/// Registers of a kernel, at most.
pub(crate) const REGS_MAX: usize = 0x4000;
/// Distinct constants of a kernel, at most.
pub(crate) const CONSTS_MAX: usize = 0x4000;

/// An operand: a register, a constant of the kernel's pool, a special register, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arg(pub(crate) u16);

/// An operand taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgKind {
    None,
    Reg(u16),
    Const(u16),
    Special(Special),
}

impl Arg {
    pub(crate) const NONE: Self = Self(0xFFFF);

    pub(crate) const fn reg(index: u16) -> Self {
        Self(index)
    }

    pub(crate) const fn constant(index: u16) -> Self {
        Self(0x8000 | index)
    }

    pub(crate) const fn special(special: Special) -> Self {
        Self(0xFF00 | special as u16)
    }

    /// `None` for bit patterns that mean nothing.
    pub(crate) fn kind(self) -> Option<ArgKind> {
        Some(match self.0 {
            0xFFFF => ArgKind::None,
            0xFF00..=0xFFFE => ArgKind::Special(Special::from_byte(self.0 as u8)?),
            0x8000..=0xBFFF => ArgKind::Const(self.0 & 0x3FFF),
            0..=0x3FFF => ArgKind::Reg(self.0),
            _ => return None,
        })
    }

    pub(crate) fn as_reg(self) -> Option<u16> {
        (self.0 < 0x4000).then_some(self.0)
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Register classes: what `.reg` declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Class {
    Pred = 0,
    B16 = 1,
    B32 = 2,
    B64 = 3,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Pred, Self::B16, Self::B32, Self::B64];

    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::Pred => 1,
            Self::B16 => 16,
            Self::B32 => 32,
            Self::B64 => 64,
        }
    }

    pub(crate) const fn of(ty: Ty) -> Option<Self> {
        match ty.bits() {
            1 => Some(Self::Pred),
            16 => Some(Self::B16),
            32 => Some(Self::B32),
            64 => Some(Self::B64),
            _ => None,
        }
    }
}

/// What one operand position takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    N,
    /// A destination of this width.
    D(u32),
    /// A destination that may be absent.
    O(u32),
    /// A destination at least this wide.
    Dw(u32),
    /// A source of this width.
    S(u32),
    /// A source at least this wide; its low bits count.
    Sw(u32),
    /// An address: a 64-bit register or a constant; 32-bit registers too if the flag is set.
    A(bool),
}

use Kind::{A, D, Dw, N, O, S, Sw};

/// `Inst::m2` of float arithmetic: saturate to [0, 1].
pub(crate) const SAT: u8 = 1;
/// `Inst::m` of carry arithmetic.
pub(crate) const CARRY_IN: u8 = 1;
/// `Inst::m` of carry arithmetic.
pub(crate) const CARRY_OUT: u8 = 2;
/// `Inst::m2` of `ld`: non-coherent.
pub(crate) const NC: u8 = 8;
/// `Inst::m2` of `setp` and `set`: the combined predicate is negated.
pub(crate) const NEG_C: u8 = 4;

/// One instruction. What `m` and `m2` mean depends on `op`; [`Inst::shape`] is the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inst {
    pub(crate) op: Op,
    pub(crate) ty: Ty,
    pub(crate) ty2: Ty,
    pub(crate) m: u8,
    pub(crate) m2: u8,
    /// Guard register; executes only if it is true (false, if `negate`).
    pub(crate) guard: Arg,
    pub(crate) negate: bool,
    pub(crate) args: [Arg; 6],
    /// Address offset, branch target or look-up table.
    pub(crate) imm: i32,
}

impl Inst {
    pub(crate) const fn new(op: Op, ty: Ty) -> Self {
        Self {
            op,
            ty,
            ty2: Ty::None,
            m: 0,
            m2: 0,
            guard: Arg::NONE,
            negate: false,
            args: [Arg::NONE; 6],
            imm: 0,
        }
    }

    /// Whether control never falls through.
    pub(crate) fn is_terminator(&self) -> bool {
        self.guard.is_none() && matches!(self.op, Op::Bra | Op::Ret | Op::Trap)
    }

    /// Vector length of a load or store.
    pub(crate) fn vector(&self) -> usize {
        usize::from(self.m2 & 7)
    }

    /// What each operand position takes, or why the modifiers do not fit the operation.
    pub(crate) fn shape(&self) -> Result<[Kind; 6], &'static str> {
        let uses_imm = matches!(self.op, Op::Lop3 | Op::Ld | Op::St | Op::Red | Op::Bra);
        if !uses_imm && self.imm != 0 {
            return Err("an unused field is not zero");
        }
        if self.guard.is_none() && self.negate {
            return Err("negation without a guard");
        }
        match self.op as u8 {
            1..=3 => self.shape_move(),
            8..=31 => self.shape_int(),
            32..=63 => self.shape_bits(),
            64..=79 => self.shape_float(),
            80..=95 => self.shape_select(),
            96..=111 => self.shape_memory(),
            _ => self.shape_control(),
        }
    }

    fn plain(&self, allowed: bool, shape: [Kind; 6]) -> Result<[Kind; 6], &'static str> {
        if !allowed {
            return Err("this type is not one the operation has");
        }
        if self.ty2 != Ty::None || self.m != 0 || self.m2 != 0 {
            return Err("a modifier that the operation does not have");
        }
        Ok(shape)
    }

    fn shape_move(&self) -> Result<[Kind; 6], &'static str> {
        let bits = self.ty.bits();
        if self.op == Op::Mov {
            let allowed = matches!(self.ty, Ty::Pred | Ty::B16 | Ty::B32 | Ty::B64);
            return self.plain(allowed, [D(bits), S(bits), N, N, N, N]);
        }
        let elem = self.ty2.bits();
        let allowed =
            matches!((self.ty, self.ty2), (Ty::B32, Ty::B16) | (Ty::B64, Ty::B32) | (Ty::B64, Ty::B16));
        if !allowed || self.m != 0 || self.m2 != 0 {
            return Err("vectors are moved as b16 in b32, b32 in b64 or b16 in b64");
        }
        let (whole, part) = if self.op == Op::Pack { (D(bits), S(elem)) } else { (S(bits), O(elem)) };
        let mut shape = [N; 6];
        shape[0] = whole;
        for kind in &mut shape[1..=(bits / elem) as usize] {
            *kind = part;
        }
        Ok(shape)
    }

    fn shape_int(&self) -> Result<[Kind; 6], &'static str> {
        let (ty, bits) = (self.ty, self.ty.bits());
        let unsigned = ty.is_int() && !ty.is_signed();
        let two = [D(bits), S(bits), S(bits), N, N, N];
        let three = [D(bits), S(bits), S(bits), S(bits), N, N];
        match self.op {
            Op::Add | Op::Sub if ty == Ty::S32 && self.m == SAT => Self { m: 0, ..*self }.plain(true, two),
            Op::Add | Op::Sub | Op::MulLo => self.plain(unsigned, two),
            Op::MadLo => self.plain(unsigned, three),
            Op::MulHi | Op::Div | Op::Rem | Op::Min | Op::Max => self.plain(ty.is_int(), two),
            Op::MadHi | Op::Sad => self.plain(ty.is_int(), three),
            Op::MulWide => self.plain(ty.is_int() && bits < 64, [D(2 * bits), S(bits), S(bits), N, N, N]),
            Op::MadWide => {
                self.plain(ty.is_int() && bits < 64, [D(2 * bits), S(bits), S(bits), S(2 * bits), N, N])
            }
            Op::Abs | Op::Neg => self.plain(ty.is_signed() && ty.is_int(), [D(bits), S(bits), N, N, N, N]),
            Op::Mul24Lo => self.plain(matches!(ty, Ty::U32 | Ty::S32), two),
            Op::Mad24Lo => self.plain(matches!(ty, Ty::U32 | Ty::S32), three),
            Op::AddC | Op::SubC | Op::MadLoC | Op::MadHiC => {
                if self.m == 0 || self.m > 3 {
                    return Err("a carry operation that neither takes nor gives a carry");
                }
                let signed_hi = self.op == Op::MadHiC && ty.is_signed();
                let shape = if matches!(self.op, Op::AddC | Op::SubC) { two } else { three };
                Self { m: 0, ..*self }.plain((unsigned || signed_hi) && bits >= 32, shape)
            }
            _ => Err("unknown integer operation"),
        }
    }

    fn shape_bits(&self) -> Result<[Kind; 6], &'static str> {
        let (ty, bits) = (self.ty, self.ty.bits());
        let untyped = matches!(ty, Ty::B32 | Ty::B64);
        let logic = matches!(ty, Ty::Pred | Ty::B16 | Ty::B32 | Ty::B64);
        let ints = ty.is_int() && bits >= 32;
        match self.op {
            Op::Popc | Op::Clz => self.plain(untyped, [D(32), S(bits), N, N, N, N]),
            Op::Brev => self.plain(untyped, [D(bits), S(bits), N, N, N, N]),
            Op::Bfind => Self { m: self.m & !1, ..*self }.plain(ints, [D(32), S(bits), N, N, N, N]),
            Op::Bfe => self.plain(ints, [D(bits), S(bits), S(32), S(32), N, N]),
            Op::Bfi => self.plain(untyped, [D(bits), S(bits), S(bits), S(32), S(32), N]),
            Op::Prmt => self.plain(ty == Ty::B32, [D(32), S(32), S(32), S(32), N, N]),
            Op::Dp4a | Op::Dp2a => {
                let types = matches!(ty, Ty::U32 | Ty::S32) && matches!(self.ty2, Ty::U32 | Ty::S32);
                let half = if self.op == Op::Dp2a { self.m & !1 } else { self.m };
                Self { ty2: Ty::None, m: half, ..*self }.plain(types, [D(32), S(32), S(32), S(32), N, N])
            }
            Op::And | Op::Or | Op::Xor => self.plain(logic, [D(bits), S(bits), S(bits), N, N, N]),
            Op::Not => self.plain(logic, [D(bits), S(bits), N, N, N, N]),
            Op::Cnot => self.plain(logic && bits > 1, [D(bits), S(bits), N, N, N, N]),
            Op::Lop3 if !(0..256).contains(&self.imm) => Err("the look-up table has eight bits"),
            Op::Lop3 => self.plain(ty == Ty::B32, [D(32), S(32), S(32), S(32), N, N]),
            Op::Shl => self.plain(logic && bits > 1, [D(bits), S(bits), S(32), N, N, N]),
            Op::Shr => self.plain(ty.is_int(), [D(bits), S(bits), S(32), N, N, N]),
            Op::ShfL | Op::ShfR => {
                Self { m: self.m & !1, ..*self }.plain(ty == Ty::B32, [D(32), S(32), S(32), S(32), N, N])
            }
            _ => Err("unknown bit operation"),
        }
    }

    fn shape_float(&self) -> Result<[Kind; 6], &'static str> {
        let (ty, bits) = (self.ty, self.ty.bits());
        let two = [D(bits), S(bits), S(bits), N, N, N];
        let one = [D(bits), S(bits), N, N, N, N];
        if self.op == Op::Testp {
            let _ = Test::from_byte(self.m).ok_or("unknown test")?;
            return Self { m: 0, ..*self }.plain(ty.is_float(), [D(1), S(bits), N, N, N, N]);
        }
        let mut rest = *self;
        let arithmetic = matches!(self.op, Op::FAdd | Op::FSub | Op::FMul | Op::Fma);
        if arithmetic || matches!(self.op, Op::FDiv | Op::Rcp | Op::Sqrt) {
            let _ = Round::from_byte(self.m).ok_or("unknown rounding")?;
            rest.m = 0;
        }
        if arithmetic && ty == Ty::F32 {
            rest.m2 &= !SAT;
        }
        let shape = match self.op {
            Op::FAdd | Op::FSub | Op::FMul | Op::FDiv | Op::FMin | Op::FMax | Op::Copysign => two,
            Op::Fma => [D(bits), S(bits), S(bits), S(bits), N, N],
            Op::Rcp | Op::Sqrt | Op::FAbs | Op::FNeg => one,
            _ => return Err("unknown float operation"),
        };
        rest.plain(ty.is_float(), shape)
    }

    fn shape_select(&self) -> Result<[Kind; 6], &'static str> {
        let (ty, bits) = (self.ty, self.ty.bits());
        match self.op {
            Op::Setp | Op::Set => {
                let cmp = Cmp::from_byte(self.m).ok_or("unknown comparison")?;
                let float_only = cmp as u8 >= Cmp::Equ as u8;
                let equality = matches!(cmp, Cmp::Eq | Cmp::Ne);
                let typed = ty.is_float() || (ty.is_int() && !float_only);
                if !typed || (ty.is_signed() && equality) {
                    return Err("this comparison does not exist for the type");
                }
                let combine = self.m2 & 3;
                if self.m2 > 7 || (combine == 0 && self.m2 != 0) {
                    return Err("negation without a predicate");
                }
                let c = if combine == 0 { N } else { S(1) };
                if self.op == Op::Setp {
                    let ok = self.ty2 == Ty::None;
                    return if ok {
                        Ok([D(1), O(1), S(bits), S(bits), c, N])
                    } else {
                        Err("setp has one type")
                    };
                }
                let ok = matches!(self.ty2, Ty::U32 | Ty::F32);
                if ok { Ok([D(32), S(bits), S(bits), c, N, N]) } else { Err("set gives u32 or f32") }
            }
            Op::Selp => self.plain(ty.is_untyped() && bits > 8, [D(bits), S(bits), S(bits), S(1), N, N]),
            Op::Slct => {
                let ok = ty.is_untyped() && bits > 8 && matches!(self.ty2, Ty::S32 | Ty::F32);
                Self { ty2: Ty::None, ..*self }.plain(ok, [D(bits), S(bits), S(bits), S(32), N, N])
            }
            Op::Cvt => self.shape_cvt(),
            _ => Err("unknown operation"),
        }
    }

    fn shape_cvt(&self) -> Result<[Kind; 6], &'static str> {
        let (to, from) = (self.ty, self.ty2);
        let convertible = |t: Ty| !t.is_untyped() && t.bits() >= 8;
        if !convertible(to) || !convertible(from) || self.m > 8 || self.m2 > 1 {
            return Err("cvt needs two number types");
        }
        let (float_round, int_round) = ((1..=4).contains(&self.m), self.m >= 5);
        let fits = match (to.is_float(), from.is_float()) {
            (false, false) => self.m == 0,
            (false, true) => int_round,
            (true, false) => float_round,
            (true, true) if to.bits() < from.bits() => float_round,
            (true, true) if to.bits() == from.bits() => int_round || self.m == 0,
            (true, true) => self.m == 0,
        };
        if !fits {
            return Err("this conversion does not take this rounding");
        }
        if !to.is_float() && self.m2 != 0 && (from.is_float() || Self::holds_all(to, from)) {
            return Err("a conversion that cannot overflow, or always saturates, takes no .sat");
        }
        let dst = if to.is_float() { D(to.bits()) } else { Dw(to.bits()) };
        let src = if from.is_float() { S(from.bits()) } else { Sw(from.bits()) };
        Ok([dst, src, N, N, N, N])
    }

    /// Whether an integer type has every value of another.
    pub(crate) fn holds_all(to: Ty, from: Ty) -> bool {
        match (to.is_signed(), from.is_signed()) {
            (true, false) => from.bits() < to.bits(),
            (false, true) => false,
            _ => from.bits() <= to.bits(),
        }
    }

    fn shape_memory(&self) -> Result<[Kind; 6], &'static str> {
        let space = Space::from_byte(self.m).ok_or("unknown state space")?;
        let (ty, bits) = (self.ty, self.ty.bits());
        if self.ty2 != Ty::None {
            return Err("memory operations have one type");
        }
        let narrow = !matches!(space, Space::Global);
        if self.op == Op::Red {
            let op = RedOp::from_byte(self.m2).ok_or("unknown reduction")?;
            let typed = match op {
                RedOp::Add => matches!(ty, Ty::U32 | Ty::U64),
                RedOp::Min | RedOp::Max => ty.is_int() && bits >= 32,
                _ => matches!(ty, Ty::B32 | Ty::B64),
            };
            let ok = typed && matches!(space, Space::Global | Space::Shared);
            return if ok { Ok([A(narrow), S(bits), N, N, N, N]) } else { Err("no such reduction") };
        }
        let n = self.vector();
        if !matches!(n, 1 | 2 | 4) || n as u32 * bits > 128 || bits < 8 || ty.is_float() {
            return Err("vectors have 1, 2 or 4 elements and at most 16 bytes");
        }
        let nc = self.m2 & NC != 0;
        if self.m2 & !(NC | 7) != 0 || (nc && (space != Space::Global || self.op == Op::St)) {
            return Err("only global loads are non-coherent");
        }
        let mut shape = [N; 6];
        if self.op == Op::Ld {
            shape[..n].fill(Dw(bits));
            shape[4] = A(narrow);
        } else {
            if matches!(space, Space::Param | Space::Const) || !ty.is_untyped() {
                return Err("no such store");
            }
            shape[0] = A(narrow);
            shape[1..=n].fill(Sw(bits));
        }
        Ok(shape)
    }

    fn shape_control(&self) -> Result<[Kind; 6], &'static str> {
        let ty = self.ty;
        let none = self.ty == Ty::None && self.ty2 == Ty::None;
        let bare =
            |ok: bool, shape| if ok { Ok(shape) } else { Err("a modifier that the operation does not have") };
        match self.op {
            Op::Bra | Op::Ret | Op::Trap | Op::Bar => self.plain(ty == Ty::None, [N; 6]),
            Op::BarWarp => self.plain(ty == Ty::None, [S(32), N, N, N, N, N]),
            Op::BarRed => {
                let op = BarRedOp::from_byte(self.m).ok_or("unknown reduction")?;
                let d = if op == BarRedOp::Popc { D(32) } else { D(1) };
                bare(none && self.m2 < 2, [d, S(1), N, N, N, N])
            }
            Op::Shfl => {
                let _ = ShflMode::from_byte(self.m).ok_or("unknown shuffle")?;
                bare(none && self.m2 == 0, [D(32), O(1), S(32), S(32), S(32), S(32)])
            }
            Op::Vote => {
                let mode = VoteMode::from_byte(self.m).ok_or("unknown vote")?;
                let d = if mode == VoteMode::Ballot { D(32) } else { D(1) };
                bare(none && self.m2 < 2, [d, S(1), S(32), N, N, N])
            }
            Op::Match => {
                let p = if self.m == 1 { O(1) } else { N };
                let ok =
                    matches!(ty, Ty::B32 | Ty::B64) && self.ty2 == Ty::None && self.m < 2 && self.m2 == 0;
                bare(ok, [D(32), p, S(ty.bits()), S(32), N, N])
            }
            Op::Redux => {
                let typed = match RedOp::from_byte(self.m).ok_or("unknown reduction")? {
                    RedOp::Add => ty == Ty::U32,
                    RedOp::Min | RedOp::Max => matches!(ty, Ty::U32 | Ty::S32),
                    _ => ty == Ty::B32,
                };
                bare(typed && self.ty2 == Ty::None && self.m2 == 0, [D(32), S(32), S(32), N, N, N])
            }
            _ => Err("unknown operation"),
        }
    }
}
