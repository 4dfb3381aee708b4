//! Branches, barriers and instructions that whole warps execute together.

use crate::bytecode::Opnd;
use crate::bytecode::inst::Inst;
use crate::bytecode::op::{BarRedOp, Op, RedOp, ShflMode, Ty, VoteMode};
use crate::lower::Why;
use crate::lower::func::Func;
use crate::lower::operand::{Number, Operand};
use crate::lower::words::Words;

const COUNT: Why = Why { reason: "the wrong number of operands", instead: "" };
const NO_SYNC: Why = Why {
    reason: "without .sync the set of lanes is not defined by the program",
    instead: "the .sync form with a mask",
};

impl<'a> Func<'a> {
    /// Lowers an instruction of this file; `false` if it is not one.
    pub(crate) fn lower_control(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<bool, Why> {
        match w.base {
            "bra" => {
                let _ = w.flag("uni");
                w.finish()?;
                let [Operand::Name(target)] = ops else { return Err(COUNT) };
                self.jump(target);
                self.emit(Inst::new(Op::Bra, Ty::None), &[]);
            }
            "ret" | "exit" => {
                let _ = w.flag("uni");
                w.finish()?;
                self.emit(Inst::new(Op::Ret, Ty::None), &[]);
            }
            "trap" => self.emit(Inst::new(Op::Trap, Ty::None), &[]),
            "bar" | "barrier" => self.barrier(w, ops)?,
            "shfl" => self.shuffle(w, ops)?,
            "vote" => self.vote(w, ops)?,
            "match" => self.matching(w, ops)?,
            "redux" => self.redux(w, ops)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn barrier(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        w.ignore(&["cta", "aligned"]);
        if w.flag("warp") {
            let sync = w.flag("sync");
            w.finish()?;
            let [mask] = ops else { return Err(COUNT) };
            let mask = self.src(mask, Ty::U32)?;
            self.emit(Inst::new(Op::BarWarp, Ty::None), &[mask]);
            return if sync { Ok(()) } else { Err(NO_SYNC) };
        }
        let named =
            Why { reason: "only barrier 0 with all threads is in the profile", instead: "__syncthreads()" };
        if w.flag("red") {
            let op = w.find(BarRedOp::from_word).ok_or(named)?;
            let _ = w.ty();
            w.finish()?;
            let [d, Operand::Number(Number::Int(0)), p] = ops else { return Err(named) };
            let d = self.dst(d)?;
            let (p, negated) = self.pred(p)?;
            self.emit(
                Inst { m: op as u8, m2: u8::from(negated), ..Inst::new(Op::BarRed, Ty::None) },
                &[d, p],
            );
            return Ok(());
        }
        if !w.flag("sync") {
            return Err(named);
        }
        w.finish()?;
        let [Operand::Number(Number::Int(0))] = ops else { return Err(named) };
        self.emit(Inst::new(Op::Bar, Ty::None), &[]);
        Ok(())
    }

    fn shuffle(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        if !w.flag("sync") {
            return Err(NO_SYNC);
        }
        let mode = w.find(ShflMode::from_word).ok_or(Why::new("an unknown shuffle"))?;
        let ty = w.need_ty()?;
        w.finish()?;
        let [d, a, b, c, mask] = ops else { return Err(COUNT) };
        let (d, p) = self.pair(d)?;
        let args =
            [d, p, self.src(a, ty)?, self.src(b, Ty::U32)?, self.src(c, Ty::U32)?, self.src(mask, Ty::U32)?];
        self.emit(Inst { m: mode as u8, ..Inst::new(Op::Shfl, Ty::None) }, &args);
        Ok(())
    }

    fn pair(&mut self, d: &Operand<'a>) -> Result<(Opnd, Opnd), Why> {
        match d {
            Operand::Pair(d, p) => Ok((self.dst(d)?, self.dst_or_none(p)?)),
            d => Ok((self.dst(d)?, Opnd::None)),
        }
    }

    fn vote(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        if !w.flag("sync") {
            return Err(NO_SYNC);
        }
        let mode = w.find(VoteMode::from_word).ok_or(Why::new("an unknown vote"))?;
        let _ = w.need_ty()?;
        w.finish()?;
        let [d, p, mask] = ops else { return Err(COUNT) };
        let d = self.dst(d)?;
        let (p, negated) = self.pred(p)?;
        let mask = self.src(mask, Ty::U32)?;
        self.emit(
            Inst { m: mode as u8, m2: u8::from(negated), ..Inst::new(Op::Vote, Ty::None) },
            &[d, p, mask],
        );
        Ok(())
    }

    fn matching(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        let all = w.flag("all");
        if !w.flag("sync") || (!all && !w.flag("any")) {
            return Err(NO_SYNC);
        }
        let ty = w.need_ty()?.untyped();
        w.finish()?;
        let [d, a, mask] = ops else { return Err(COUNT) };
        let (d, p) = self.pair(d)?;
        let args = [d, p, self.src(a, ty)?, self.src(mask, Ty::U32)?];
        self.emit(Inst { m: u8::from(all), ..Inst::new(Op::Match, ty) }, &args);
        Ok(())
    }

    fn redux(&mut self, w: &mut Words<'a>, ops: &[Operand<'a>]) -> Result<(), Why> {
        if !w.flag("sync") {
            return Err(NO_SYNC);
        }
        let op = w.find(RedOp::from_word).ok_or(Why::new("an unknown reduction"))?;
        let ty = w.need_ty()?;
        w.finish()?;
        if ty.is_float() {
            return Err(Why::new("reductions of floats are not in the profile"));
        }
        let ty = match op {
            RedOp::Add => ty.unsigned(),
            RedOp::Min | RedOp::Max => ty,
            _ => ty.untyped(),
        };
        let [d, a, mask] = ops else { return Err(COUNT) };
        let args = [self.dst(d)?, self.src(a, ty)?, self.src(mask, Ty::U32)?];
        self.emit(Inst { m: op as u8, ..Inst::new(Op::Redux, ty) }, &args);
        Ok(())
    }
}
