//! Arithmetic, logic, comparison, conversion and moves.

use alloc::vec::Vec;

use crate::bytecode::Opnd;
use crate::bytecode::inst::{CARRY_IN, CARRY_OUT, Inst, NEG_C, SAT};
use crate::bytecode::op::{Cmp, Combine, Op, Test, Ty};
use crate::launch::Space;
use crate::lower::Why;
use crate::lower::func::{Func, window};
use crate::lower::operand::Operand;
use crate::lower::words::Words;

const COUNT: Why = Why { reason: "the wrong number of operands", instead: "" };

impl<'a> Func<'a> {
    /// Lowers an instruction of this file; `false` if it is not one.
    pub(crate) fn lower_alu(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<bool, Why> {
        match w.base {
            "add" | "sub" | "mul" | "mad" | "fma" | "div" | "rem" | "abs" | "neg" | "min" | "max" | "sad"
            | "mul24" | "mad24" | "addc" | "subc" | "madc" | "rcp" | "sqrt" | "copysign" => {
                self.arithmetic(w, ops)?
            }
            "and" | "or" | "xor" | "not" | "cnot" | "shl" | "shr" | "popc" | "clz" | "brev" | "bfind"
            | "bfe" | "bfi" | "prmt" | "dp4a" | "dp2a" | "lop3" | "shf" => self.bits(w, ops)?,
            "setp" | "set" | "testp" => self.compare(w, ops)?,
            "selp" | "slct" | "cvt" => self.choose(w, ops)?,
            "mov" => self.mov(w, ops)?,
            "cvta" => self.cvta(w, ops)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Emits `op d, a, b, ...` with all sources of the types given.
    fn simple(&mut self, w: &Words<'a>, inst: Inst, ops: &[Operand<'a>], types: &[Ty]) -> Result<(), Why> {
        w.finish()?;
        if ops.len() != types.len() + 1 {
            return Err(COUNT);
        }
        let mut args = Vec::with_capacity(ops.len());
        args.push(self.dst(&ops[0])?);
        for (operand, ty) in ops[1..].iter().zip(types) {
            args.push(self.src(operand, *ty)?);
        }
        self.emit(inst, &args);
        Ok(())
    }

    fn arithmetic(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let ty = w.need_ty()?;
        if ty.is_float() {
            return self.float(w, ops, ty);
        }
        let carry_out = w.flag("cc");
        let carry_in = matches!(w.base, "addc" | "subc" | "madc");
        let width = w.one_of(&["lo", "hi", "wide"]);
        let mut inst = Inst::new(Op::Add, ty);
        let carries = carry_in || carry_out;
        inst.op = match (w.base, width) {
            ("add" | "addc", None) => {
                if carries {
                    Op::AddC
                } else {
                    Op::Add
                }
            }
            ("sub" | "subc", None) => {
                if carries {
                    Op::SubC
                } else {
                    Op::Sub
                }
            }
            ("mul", Some("lo")) => Op::MulLo,
            ("mul", Some("hi")) => Op::MulHi,
            ("mul", Some("wide")) => Op::MulWide,
            ("mad" | "madc", Some("lo")) => {
                if carries {
                    Op::MadLoC
                } else {
                    Op::MadLo
                }
            }
            ("mad" | "madc", Some("hi")) => {
                if carries {
                    Op::MadHiC
                } else {
                    Op::MadHi
                }
            }
            ("mad", Some("wide")) => Op::MadWide,
            ("mul24", Some("lo")) => Op::Mul24Lo,
            ("mad24", Some("lo")) => Op::Mad24Lo,
            ("div", None) => Op::Div,
            ("rem", None) => Op::Rem,
            ("abs", None) => Op::Abs,
            ("neg", None) => Op::Neg,
            ("min", None) => Op::Min,
            ("max", None) => Op::Max,
            ("sad", None) => Op::Sad,
            _ => return Err(Why::new("this form is not in the profile")),
        };
        if carries {
            inst.m = if carry_in { CARRY_IN } else { 0 } | if carry_out { CARRY_OUT } else { 0 };
        } else if matches!(inst.op, Op::Add | Op::Sub) && w.flag("sat") {
            inst.m = SAT;
        }
        let signless =
            matches!(inst.op, Op::Add | Op::Sub | Op::MulLo | Op::MadLo | Op::AddC | Op::SubC | Op::MadLoC);
        if signless && inst.m != SAT || matches!(inst.op, Op::AddC | Op::SubC | Op::MadLoC) {
            inst.ty = ty.unsigned();
        }
        let types: &[Ty] = match inst.op {
            Op::Abs | Op::Neg => &[ty],
            Op::MadLo | Op::MadHi | Op::Sad | Op::Mad24Lo | Op::MadLoC | Op::MadHiC => &[ty, ty, ty],
            Op::MadWide => &[ty, ty, ty.wide()],
            _ => &[ty, ty],
        };
        self.simple(w, inst, ops, types)
    }

    fn float(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>], ty: Ty) -> Result<(), Why> {
        let op = match w.base {
            "add" => Op::FAdd,
            "sub" => Op::FSub,
            "mul" => Op::FMul,
            "fma" | "mad" => Op::Fma,
            "div" => Op::FDiv,
            "rcp" => Op::Rcp,
            "sqrt" => Op::Sqrt,
            "abs" => Op::FAbs,
            "neg" => Op::FNeg,
            "min" => Op::FMin,
            "max" => Op::FMax,
            "copysign" => Op::Copysign,
            _ => return Err(Why::new("this form is not in the profile")),
        };
        let mut inst = Inst::new(op, ty);
        let arithmetic = matches!(op, Op::FAdd | Op::FSub | Op::FMul | Op::Fma);
        if arithmetic || matches!(op, Op::FDiv | Op::Rcp | Op::Sqrt) {
            w.finish_if_inexact()?;
            inst.m = w.round();
        }
        if arithmetic && w.flag("sat") {
            inst.m2 = SAT;
        }
        let types: &[Ty] = match op {
            Op::Rcp | Op::Sqrt | Op::FAbs | Op::FNeg => &[ty],
            Op::Fma => &[ty, ty, ty],
            _ => &[ty, ty],
        };
        // copysign.f32 d, a, b: the sign of a, the magnitude of b.
        self.simple(w, inst, ops, types)
    }

    fn bits(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let ty = w.need_ty()?;
        let (b, n) = (ty.untyped(), Ty::U32);
        let mut inst = Inst::new(Op::And, b);
        let (op, types): (Op, &[Ty]) = match w.base {
            "and" => (Op::And, &[b, b]),
            "or" => (Op::Or, &[b, b]),
            "xor" => (Op::Xor, &[b, b]),
            "not" => (Op::Not, &[b]),
            "cnot" => (Op::Cnot, &[b]),
            "shl" => (Op::Shl, &[b, n]),
            "shr" => (Op::Shr, &[b, n]),
            "popc" => (Op::Popc, &[b]),
            "clz" => (Op::Clz, &[b]),
            "brev" => (Op::Brev, &[b]),
            "bfind" => (Op::Bfind, &[b]),
            "bfe" => (Op::Bfe, &[b, n, n]),
            "bfi" => (Op::Bfi, &[b, b, n, n]),
            "prmt" => (Op::Prmt, &[b, b, b]),
            "dp4a" => (Op::Dp4a, &[n, n, n]),
            "dp2a" => (Op::Dp2a, &[n, n, n]),
            "lop3" => (Op::Lop3, &[b, b, b]),
            _ => (
                if w.flag("l") {
                    Op::ShfL
                } else if w.flag("r") {
                    Op::ShfR
                } else {
                    return Err(COUNT);
                },
                &[b, b, n],
            ),
        };
        inst.op = op;
        match op {
            Op::Shr => inst.ty = if ty.is_untyped() { ty.unsigned() } else { ty },
            Op::Bfe => inst.ty = ty,
            Op::Bfind => {
                inst.ty = ty;
                inst.m = u8::from(w.flag("shiftamt"));
            }
            Op::ShfL | Op::ShfR => {
                inst.m = u8::from(w.flag("wrap"));
                let _ = w.flag("clamp");
            }
            Op::Dp4a | Op::Dp2a => {
                inst.ty = ty;
                inst.ty2 = w.need_ty()?;
                inst.m = u8::from(op == Op::Dp2a && w.flag("hi"));
                let _ = op == Op::Dp2a && w.flag("lo");
            }
            Op::Lop3 => {
                let [head @ .., Operand::Number(crate::lower::operand::Number::Int(table))] = ops else {
                    return Err(COUNT);
                };
                inst.imm = i32::try_from(*table).map_err(|_| Why::new("the look-up table has eight bits"))?;
                return self.simple(w, inst, head, types);
            }
            _ => {}
        }
        self.simple(w, inst, ops, types)
    }

    fn compare(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        if w.base == "testp" {
            let test = w.find(Test::from_word).ok_or(Why::new("an unknown test"))?;
            let ty = w.need_ty()?;
            return self.simple(w, Inst { m: test as u8, ..Inst::new(Op::Testp, ty) }, ops, &[ty]);
        }
        let float_cmp = w.find(Cmp::from_word);
        let unsigned = |x: &str| ["lo", "ls", "hi", "hs"].iter().position(|y| *y == x);
        let cmp = float_cmp.or_else(|| {
            let at = w.find(unsigned)?;
            Some([Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge][at])
        });
        let cmp = cmp.ok_or(Why::new("an unknown comparison"))?;
        let combine =
            w.find(|x| Combine::from_word(x).filter(|c| *c != Combine::None)).unwrap_or(Combine::None);
        let to = if w.base == "set" { w.need_ty()? } else { Ty::None };
        let ty = w.need_ty()?;
        w.finish()?;
        let equality = matches!(cmp, Cmp::Eq | Cmp::Ne);
        let mut inst = Inst::new(if w.base == "set" { Op::Set } else { Op::Setp }, ty);
        if ty.is_untyped() && !equality {
            return Err(Why::new("untyped values have no order"));
        }
        if !ty.is_float() && (equality || float_cmp.is_none()) {
            inst.ty = ty.unsigned();
        }
        inst.ty2 = if to == Ty::S32 { Ty::U32 } else { to };
        inst.m = cmp as u8;
        inst.m2 = combine as u8;
        let extra = usize::from(combine != Combine::None);
        if ops.len() != 3 + extra {
            return Err(COUNT);
        }
        let mut args = Vec::new();
        match (&ops[0], w.base) {
            (Operand::Pair(p, q), "setp") => {
                args.push(self.dst(p)?);
                args.push(self.dst_or_none(q)?);
            }
            (d, "setp") => {
                args.push(self.dst(d)?);
                args.push(Opnd::None);
            }
            (d, _) => args.push(self.dst(d)?),
        }
        args.push(self.src(&ops[1], ty)?);
        args.push(self.src(&ops[2], ty)?);
        if extra == 1 {
            let (c, negated) = self.pred(&ops[3])?;
            inst.m2 |= if negated { NEG_C } else { 0 };
            args.push(c);
        }
        self.emit(inst, &args);
        Ok(())
    }

    fn choose(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        if w.base == "cvt" {
            return self.cvt(w, ops);
        }
        let ty = w.need_ty()?;
        let inst = Inst::new(Op::Selp, ty.untyped());
        if w.base == "selp" {
            return self.simple(w, inst, ops, &[ty, ty, Ty::Pred]);
        }
        let by = w.need_ty()?;
        self.simple(w, Inst { op: Op::Slct, ty2: by, ..inst }, ops, &[ty, ty, by])
    }

    fn cvt(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        const ROUNDS: [&str; 8] = ["rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"];
        let round = w.find(|x| ROUNDS.iter().position(|r| *r == x)).map_or(0, |i| i as u8 + 1);
        let saturate = w.flag("sat");
        let to = w.need_ty()?;
        let from = w.need_ty()?;
        let number = |t: Ty| if t.is_untyped() { t.unsigned() } else { t };
        let (to, from) = (number(to), number(from));
        // Converting floats to integers clamps in any case; where nothing can overflow there is nothing to clamp.
        let clamps = to.is_float() || !(from.is_float() || Inst::holds_all(to, from));
        let m2 = u8::from(saturate && clamps);
        self.simple(w, Inst { ty2: from, m: round, m2, ..Inst::new(Op::Cvt, to) }, ops, &[from])
    }

    fn mov(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let ty = w.need_ty()?;
        w.finish()?;
        let [d, s] = ops else { return Err(COUNT) };
        let elem = |n: usize| match ty.bits() as usize / n.max(1) {
            16 => Ok(Ty::B16),
            32 => Ok(Ty::B32),
            _ => Err(Why::new("a vector of this shape is not in the profile")),
        };
        match (d, s) {
            (Operand::Vector(parts), source) => {
                let inst = Inst { ty2: elem(parts.len())?, ..Inst::new(Op::Unpack, ty.untyped()) };
                let mut args = alloc::vec![self.src(source, ty)?];
                for p in parts {
                    args.push(self.dst_or_none(p)?);
                }
                self.emit(inst, &args);
            }
            (dest, Operand::Vector(parts)) => {
                let ty2 = elem(parts.len())?;
                let inst = Inst { ty2, ..Inst::new(Op::Pack, ty.untyped()) };
                let mut args = alloc::vec![self.dst(dest)?];
                for p in parts {
                    args.push(self.src(p, ty2)?);
                }
                self.emit(inst, &args);
            }
            (dest, source) => {
                let args = [self.dst(dest)?, self.src(source, ty)?];
                self.emit(Inst::new(Op::Mov, ty.untyped()), &args);
            }
        }
        Ok(())
    }

    /// Generic addresses: global ones are themselves, the other spaces have a window each.
    fn cvta(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let to = w.flag("to");
        let space = w.find(Space::from_word).ok_or(Why::new("cvta names a state space"))?;
        let ty = w.need_ty()?;
        if ty.bits() != 64 || space == Space::Param {
            return Err(Why::new("generic addresses are 64-bit and never of parameters"));
        }
        w.finish()?;
        let [d, s] = ops else { return Err(COUNT) };
        let (d, s) = (self.dst(d)?, self.src(s, Ty::U64)?);
        if space == Space::Global {
            self.emit(Inst::new(Op::Mov, Ty::B64), &[d, s]);
            return Ok(());
        }
        if !to {
            self.windowed.get_or_insert(self.line);
        }
        let op = if to { Op::Sub } else { Op::Add };
        self.emit(Inst::new(op, Ty::U64), &[d, s, Opnd::Const(window(space))]);
        Ok(())
    }
}
