//! Every instruction that the fast loop does not do itself.

use crate::bytecode::inst::{CARRY_IN, CARRY_OUT, Inst, NC};
use crate::bytecode::op::{Op, RedOp, Ty};
use crate::exec::eval::{eval, setp, sext};
use crate::exec::memory::View;
use crate::exec::program::{NO_SLOT, Program};
use crate::launch::{FaultKind, Space};
use crate::memory::Memory;

impl Inst {
    /// Whether a thread stops here for others, or ends.
    pub(crate) fn stops(&self) -> bool {
        matches!(
            self.op,
            Op::Ret
                | Op::Trap
                | Op::Bar
                | Op::BarRed
                | Op::BarWarp
                | Op::Shfl
                | Op::Vote
                | Op::Match
                | Op::Redux
        )
    }
}

impl Program {
    pub(crate) fn guard_holds(&self, pc: usize, regs: &[u64]) -> bool {
        match self.slots[pc][6] {
            NO_SLOT => true,
            slot => (regs[usize::from(slot)] & 1 == 1) != self.insts[pc].negate,
        }
    }

    /// Value of an operand, 0 if it is absent.
    pub(crate) fn value(&self, pc: usize, position: usize, regs: &[u64]) -> u64 {
        match self.slots[pc][position] {
            NO_SLOT => 0,
            slot => regs[usize::from(slot)],
        }
    }

    pub(crate) fn set(&self, pc: usize, position: usize, regs: &mut [u64], value: u64) {
        if let Some(r) = regs.get_mut(usize::from(self.slots[pc][position])) {
            *r = value;
        }
    }

    /// Executes an instruction that does not stop and is not a branch. Its guard holds.
    pub(crate) fn slow<M: Memory + ?Sized>(
        &self,
        pc: usize,
        regs: &mut [u64],
        view: &mut View<'_, M>,
    ) -> Result<(), FaultKind> {
        let i = &self.insts[pc];
        let v = |position| self.value(pc, position, regs);
        match i.op {
            Op::Ld => return self.load(pc, regs, view),
            Op::St => return self.store(pc, regs, view),
            Op::Red => {
                let op = RedOp::from_byte(i.m2).unwrap_or(RedOp::Add);
                let space = Space::from_byte(i.m).unwrap_or(Space::Global);
                return view.reduce(space, op, i.ty, v(0).wrapping_add_signed(i64::from(i.imm)), v(1));
            }
            Op::Setp => {
                let (p, q) = setp(i, v(2), v(3), v(4));
                self.set(pc, 0, regs, u64::from(p));
                self.set(pc, 1, regs, u64::from(q));
            }
            Op::Pack => {
                let bits = i.ty2.bits();
                let parts = i.ty.bits() / bits;
                let whole = (0..parts).fold(0, |w, k| w | v(1 + k as usize) << (k * bits));
                self.set(pc, 0, regs, whole);
            }
            Op::Unpack => {
                let (whole, bits) = (v(0), i.ty2.bits());
                for k in 0..i.ty.bits() / bits {
                    self.set(pc, 1 + k as usize, regs, whole >> (k * bits) & i.ty2.mask());
                }
            }
            Op::AddC | Op::SubC | Op::MadLoC | Op::MadHiC => self.carry(pc, regs),
            Op::Cvt => {
                let out = eval(i, v(1), 0, 0, 0);
                let out = self.extended(pc, 0, i.ty, out);
                self.set(pc, 0, regs, out);
            }
            _ => {
                let out = eval(i, v(1), v(2), v(3), v(4));
                self.set(pc, 0, regs, out);
            }
        }
        Ok(())
    }

    /// A value of a type as it stands in the destination register, which may be wider.
    fn extended(&self, pc: usize, position: usize, ty: Ty, value: u64) -> u64 {
        let width = self.widths.get(usize::from(self.slots[pc][position])).map_or(64, |w| u32::from(*w));
        if !ty.is_signed() || width <= ty.bits() {
            return value;
        }
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        sext(value, ty.bits()) as u64 & mask
    }

    fn carry(&self, pc: usize, regs: &mut [u64]) {
        let i = &self.insts[pc];
        let slot = self.carry_slot();
        let v = |position| u128::from(self.value(pc, position, regs));
        let carry = if i.m & CARRY_IN != 0 { u128::from(regs[slot]) } else { 0 };
        let bits = i.ty.bits();
        let mask = u128::from(i.ty.mask());
        let (a, b, c) = (v(1), v(2), v(3));
        let product = || {
            let signed = |x: u128| sext(x as u64, bits) as i128 as u128;
            let full = if i.ty.is_signed() { signed(a).wrapping_mul(signed(b)) } else { a.wrapping_mul(b) };
            if i.op == Op::MadHiC { full >> bits & mask } else { full & mask }
        };
        let wide = match i.op {
            Op::AddC => a + b + carry,
            Op::SubC => a.wrapping_sub(b).wrapping_sub(carry),
            _ => product() + c + carry,
        };
        if i.m & CARRY_OUT != 0 {
            regs[slot] = u64::from(wide >> bits & 1 == 1);
        }
        self.set(pc, 0, regs, (wide & mask) as u64);
    }

    fn load<M: Memory + ?Sized>(
        &self,
        pc: usize,
        regs: &mut [u64],
        view: &mut View<'_, M>,
    ) -> Result<(), FaultKind> {
        let i = &self.insts[pc];
        let space = Space::from_byte(i.m).unwrap_or(Space::Global);
        let (n, bytes) = (i.vector(), i.ty.bytes());
        let address = self.value(pc, 4, regs).wrapping_add_signed(i64::from(i.imm));
        let at = view.check(space, address, bytes * n as u32)?;
        for k in 0..n {
            let value = view.load(space, i.m2 & NC != 0, at + k * bytes as usize, bytes)?;
            let value = self.extended(pc, k, i.ty, value);
            self.set(pc, k, regs, value);
        }
        Ok(())
    }

    fn store<M: Memory + ?Sized>(
        &self,
        pc: usize,
        regs: &mut [u64],
        view: &mut View<'_, M>,
    ) -> Result<(), FaultKind> {
        let i = &self.insts[pc];
        let space = Space::from_byte(i.m).unwrap_or(Space::Global);
        let (n, bytes) = (i.vector(), i.ty.bytes());
        let address = self.value(pc, 0, regs).wrapping_add_signed(i64::from(i.imm));
        let at = view.check(space, address, bytes * n as u32)?;
        for k in 0..n {
            view.store(space, at + k * bytes as usize, bytes, self.value(pc, 1 + k, regs))?;
        }
        Ok(())
    }
}
