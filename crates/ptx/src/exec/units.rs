//! Work units: a weight for each kind of instruction, in a versioned table.

use crate::bytecode::inst::Inst;
use crate::bytecode::op::{Op, Ty};
use crate::launch::Space;

/// Weights of instruction classes. The version is part of what a job's bill depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitTable {
    /// Version of the table.
    pub version: u16,
    /// Integer, logic, moves, comparisons, branches.
    pub alu: u32,
    /// Integer products, dot products.
    pub mul: u32,
    /// Integer division and remainder.
    pub div: u32,
    /// f32 arithmetic.
    pub f32: u32,
    /// f64 arithmetic.
    pub f64: u32,
    /// f32 or f64 division and square root.
    pub fdiv: u32,
    /// Global loads and stores, per instruction.
    pub global: u32,
    /// Shared, local, constant and parameter accesses.
    pub near: u32,
    /// Atomic reductions.
    pub atomic: u32,
    /// Barriers, shuffles, votes.
    pub sync: u32,
}

impl UnitTable {
    /// The first table.
    pub const V1: Self = Self {
        version: 1,
        alu: 1,
        mul: 1,
        div: 8,
        f32: 2,
        f64: 4,
        fdiv: 12,
        global: 4,
        near: 2,
        atomic: 8,
        sync: 4,
    };

    pub(crate) fn weight(&self, i: &Inst) -> u64 {
        u64::from(match i.op {
            Op::MulLo
            | Op::MulHi
            | Op::MulWide
            | Op::MadLo
            | Op::MadHi
            | Op::MadWide
            | Op::Mul24Lo
            | Op::Mad24Lo
            | Op::MadLoC
            | Op::MadHiC
            | Op::Dp4a
            | Op::Dp2a
            | Op::Sad => self.mul,
            Op::Div | Op::Rem => self.div,
            Op::FDiv | Op::Rcp | Op::Sqrt => self.fdiv,
            Op::FAdd | Op::FSub | Op::FMul | Op::Fma if i.ty == Ty::F64 => self.f64,
            Op::FAdd | Op::FSub | Op::FMul | Op::Fma => self.f32,
            Op::Ld | Op::St if i.m == Space::Global as u8 => self.global,
            Op::Ld | Op::St => self.near,
            Op::Red => self.atomic,
            Op::Bar | Op::BarRed | Op::BarWarp | Op::Shfl | Op::Vote | Op::Match | Op::Redux => self.sync,
            _ => self.alu,
        })
    }
}

impl Default for UnitTable {
    fn default() -> Self {
        Self::V1
    }
}
