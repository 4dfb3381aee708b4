//! Code that is not worth translating, or whose translation does not fit what is left of a run: one block at a time.

use crate::{
    alu::{alu, branches},
    fast::FlatMemory,
    isa::{Inst, Op},
    state::Cpu,
    step::width,
    tree::PAGE_BYTES,
};

/// Every word of a program, decoded.
pub(super) struct Words {
    base: u64,
    insts: Box<[Inst]>,
}

impl Words {
    pub(super) fn new(code: &crate::code::Code) -> Self {
        Self { base: code.base(), insts: code.words().iter().map(|word| crate::isa::decode(*word)).collect() }
    }

    /// The address of the first word.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn len(&self) -> usize {
        self.insts.len()
    }

    pub(super) fn get(&self, index: u32) -> Inst {
        self.insts[index as usize]
    }

    /// The index of the word at `pc`.
    pub(super) fn index(&self, pc: u64) -> Option<u32> {
        let offset = pc.wrapping_sub(self.base);
        (offset.is_multiple_of(4) && offset / 4 < self.insts.len() as u64).then_some((offset / 4) as u32)
    }

    /// The address of the word at `index`.
    pub(super) fn address(&self, index: u32) -> u64 {
        self.base + 4 * u64::from(index)
    }
}

/// Executes up to the end of a block, at most `steps` instructions, and gives how many. Stops before what needs the reference.
pub(super) fn run_block(words: &Words, cpu: &mut Cpu, memory: &mut FlatMemory, steps: u64) -> u64 {
    let Some(start) = words.index(cpu.pc) else { return 0 };
    let mut done = 0;
    for inst in &words.insts[start as usize..] {
        if done == steps || !run_one(inst, cpu, memory) {
            break;
        }
        done += 1;
        if inst.op.ends_block() {
            break;
        }
    }
    done
}

/// Executes one instruction; `false`, and nothing happened, if that needs the reference.
#[inline]
fn run_one(inst: &Inst, cpu: &mut Cpu, memory: &mut FlatMemory) -> bool {
    let (a, b) = (cpu.x[usize::from(inst.rs1 & 31)], cpu.x[usize::from(inst.rs2 & 31)]);
    let imm = i64::from(inst.imm) as u64;
    let next = cpu.pc.wrapping_add(4);
    let target = cpu.pc.wrapping_add(imm);
    let (value, pc) = match inst.op {
        Op::Illegal | Op::Ecall => return false,
        Op::Fence => (0, next),
        Op::Auipc => (target, next),
        Op::Jal => (next, target),
        Op::Jalr => (next, a.wrapping_add(imm) & !1),
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
            (0, if branches(inst.op, a, b) { target } else { next })
        }
        Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu => {
            let Some(value) = load(inst.op, a.wrapping_add(imm), memory) else { return false };
            (value, next)
        }
        Op::Sb | Op::Sh | Op::Sw | Op::Sd => {
            if !store(inst.op, a.wrapping_add(imm), b, memory) {
                return false;
            }
            (0, next)
        }
        op if op.takes_immediate() => (alu(op, a, imm), next),
        op => (alu(op, a, b), next),
    };
    // What writes no register has `rd = 0`.
    cpu.x[usize::from(inst.rd & 31)] = value;
    cpu.x[0] = 0;
    cpu.pc = pc;
    true
}

/// `None` if the access traps.
#[inline]
fn load(op: Op, address: u64, memory: &mut FlatMemory) -> Option<u64> {
    if address > (1 << 32) - width(op) as u64 {
        return None;
    }
    // SAFETY: the access ends by 2^32, where the memory does.
    unsafe {
        let at = memory.as_mut_ptr().add(address as usize);
        Some(match op {
            Op::Lb => at.read() as i8 as u64,
            Op::Lh => i16::from_le(at.cast::<i16>().read_unaligned()) as u64,
            Op::Lw => i32::from_le(at.cast::<i32>().read_unaligned()) as u64,
            Op::Lbu => u64::from(at.read()),
            Op::Lhu => u64::from(u16::from_le(at.cast::<u16>().read_unaligned())),
            Op::Lwu => u64::from(u32::from_le(at.cast::<u32>().read_unaligned())),
            _ => u64::from_le(at.cast::<u64>().read_unaligned()),
        })
    }
}

/// `false` if the access traps or lies in two pages.
#[inline]
fn store(op: Op, address: u64, value: u64, memory: &mut FlatMemory) -> bool {
    let width = width(op);
    if address > (1 << 32) - width as u64 || address as usize % PAGE_BYTES > PAGE_BYTES - width {
        return false;
    }
    // SAFETY: the access ends by 2^32, where the memory does; before the memory lies a mark for each page.
    unsafe {
        let memory = memory.as_mut_ptr();
        let at = memory.add(address as usize);
        match op {
            Op::Sb => at.write(value as u8),
            Op::Sh => at.cast::<u16>().write_unaligned((value as u16).to_le()),
            Op::Sw => at.cast::<u32>().write_unaligned((value as u32).to_le()),
            _ => at.cast::<u64>().write_unaligned(value.to_le()),
        }
        memory.offset(FlatMemory::MARKS).add(address as usize / PAGE_BYTES).write(FlatMemory::MARK);
    }
    true
}
