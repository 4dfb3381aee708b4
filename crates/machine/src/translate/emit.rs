//! A region as Cranelift IR.
//!
//! Guest registers are variables: loaded at the entry, stored where the region is left, if they may have been written. A region is a
//! function `(registers, memory, left, pc) -> (left, pc)` that ends in a jump to the next region's, found in the
//! table, or in a return to the host.
//!
//! Counting: `left` instructions may still be executed. It goes down by a block's instructions at the end of the block, and
//! entry and heads compare it with the instructions of the whole region, so that it never falls below zero.
//!
//! Accesses whose addresses differ by constants are checked together, before the first of them, or at the start of the
//! block if the register they build on is known there. If that check fails one of them traps, and the host goes on
//! from where the check is: what a block did before is kept, and what it would have done is done by the reference.

use std::collections::BTreeMap;

use cranelift_codegen::{
    ir::{
        self, InstBuilder, MemFlagsData, SigRef, Value,
        condcodes::IntCC,
        types::{I8, I64},
    },
    isa::TargetFrontendConfig,
};
use cranelift_frontend::{FunctionBuilder, Variable};

use super::{
    arith,
    cold::Words,
    region::{Block, Region, is_branch, is_return, written_by},
};
use crate::{
    fast::FlatMemory,
    isa::{Inst, Op},
    step::width,
};

/// Accesses at constant distances from one value.
#[derive(Debug)]
struct Group {
    /// The instruction before which they are checked.
    at: u32,
    /// The register that holds the value there, and what must be added to get the distances' zero.
    register: u8,
    offset: i64,
    /// The first byte accessed, and the one behind the last.
    range: (i64, i64),
    /// Distance and width of each store.
    stores: Vec<(i64, i64)>,
}

/// Bytes of a page.
const PAGE: i64 = crate::tree::PAGE_BYTES as i64;
const PAGE_BITS: i64 = PAGE.ilog2() as i64;
/// Distances that are followed; beyond, a register counts as new.
const DISTANCE_MAX: i64 = 1 << 20;

pub(super) struct Emitter<'a> {
    b: FunctionBuilder<'a>,
    words: &'a Words,
    region: &'a Region,
    /// The address of the table of regions: one pointer for each word.
    table: i64,
    signature: SigRef,
    blocks: BTreeMap<u32, ir::Block>,
    variables: [Option<Variable>; 32],
    left: Variable,
    registers: Value,
    memory: Value,
    /// Registers that may have been written since the entry.
    written: u32,
}

impl<'a> Emitter<'a> {
    /// Builds the region's function.
    pub(super) fn emit(
        mut b: FunctionBuilder<'a>,
        words: &'a Words,
        region: &'a Region,
        table: i64,
        signature: &ir::Signature,
        config: TargetFrontendConfig,
    ) {
        let signature = b.import_signature(signature.clone());
        let start = b.create_block();
        b.append_block_params_for_function_params(start);
        b.switch_to_block(start);
        let (registers, memory, budget) = match b.block_params(start) {
            [registers, memory, left, ..] => (*registers, *memory, *left),
            _ => unreachable!("the signature has four parameters"),
        };
        let left = b.declare_var(I64);
        b.def_var(left, budget);
        let blocks = region.blocks.keys().map(|first| (*first, b.create_block())).collect();
        let variables = [None; 32];
        let mut emitter = Self {
            b,
            words,
            region,
            table,
            signature,
            blocks,
            variables,
            left,
            registers,
            memory,
            written: 0,
        };
        emitter.load_registers();
        let entry = emitter.blocks[&region.entry];
        emitter.b.ins().jump(entry, &[]);
        for block in region.blocks.values() {
            emitter.block(block);
        }
        emitter.b.seal_all_blocks();
        emitter.b.finalize(config);
    }

    /// Loads every register that the region names; loads of what is not read vanish.
    fn load_registers(&mut self) {
        let insts = self.region.blocks.values().flat_map(|block| block.first..block.end);
        let used = insts.fold(0u32, |used, index| {
            let inst = self.words.get(index);
            used | 1 << inst.rs1 | 1 << inst.rs2 | 1 << inst.rd
        });
        for register in (1..32u8).filter(|register| used >> register & 1 == 1) {
            let variable = self.b.declare_var(I64);
            let at = 8 * i32::from(register);
            let value = self.b.ins().load(I64, MemFlagsData::trusted(), self.registers, at);
            self.b.def_var(variable, value);
            self.variables[usize::from(register)] = Some(variable);
        }
    }

    fn get(&mut self, register: u8) -> Value {
        match self.variables[usize::from(register)] {
            Some(variable) => self.b.use_var(variable),
            None => self.b.ins().iconst(I64, 0),
        }
    }

    fn set(&mut self, inst: &Inst, value: Value) {
        if let Some(variable) = self.variables[usize::from(inst.rd)] {
            self.b.def_var(variable, value);
            self.written |= written_by(inst);
        }
    }

    fn constant(&mut self, value: u64) -> Value {
        self.b.ins().iconst(I64, value as i64)
    }

    fn store_registers(&mut self) {
        let written = self.written;
        for register in (1..32u8).filter(|register| written >> register & 1 == 1) {
            let value = self.get(register);
            let at = 8 * i32::from(register);
            self.b.ins().store(MemFlagsData::trusted(), value, self.registers, at);
        }
    }

    /// Counts the instructions of the block that have been executed.
    fn count(&mut self, instructions: u32) {
        if instructions > 0 {
            let left = self.b.use_var(self.left);
            let left = self.b.ins().iadd_imm_s(left, -i64::from(instructions));
            self.b.def_var(self.left, left);
        }
    }

    /// Returns to the host, which goes on at `pc`.
    fn leave(&mut self, pc: Value) {
        self.store_registers();
        let left = self.b.use_var(self.left);
        self.b.ins().return_(&[left, pc]);
    }

    /// Goes on in the region whose address is in the table at `entry`.
    fn chain(&mut self, entry: Value, pc: Value) {
        self.store_registers();
        let next = self.b.ins().load(I64, MemFlagsData::trusted(), entry, 0);
        let left = self.b.use_var(self.left);
        let arguments = [self.registers, self.memory, left, pc];
        self.b.ins().return_call_indirect(self.signature, next, &arguments);
    }

    /// Goes on at a constant address outside the region.
    fn go(&mut self, pc: u64) {
        let index = self.words.index(pc);
        let pc = self.constant(pc);
        match index {
            Some(index) => {
                let entry = self.constant((self.table as u64).wrapping_add(8 * u64::from(index)));
                self.chain(entry, pc);
            }
            None => self.leave(pc),
        }
    }

    /// The block to jump to for going on at `pc`; one that leaves the region is still to be filled.
    fn destination(&mut self, pc: u64) -> (ir::Block, bool) {
        match self.words.index(pc).and_then(|index| self.blocks.get(&index)) {
            Some(block) => (*block, false),
            None => (self.b.create_block(), true),
        }
    }

    fn block(&mut self, block: &Block) {
        let entered = self.blocks[&block.first];
        self.b.switch_to_block(entered);
        self.written = block.written;
        let groups = groups(self.words, block);
        self.at_start(block, &groups);
        for index in block.first..block.end {
            if index > block.first
                && let Some(group) = groups.iter().find(|group| group.at == index)
            {
                let cold = self.cold_block();
                self.check(group, cold);
                self.fill_leave(cold, index, index - block.first);
                self.mark(group);
            }
            let inst = self.words.get(index);
            if inst.op.ends_block() {
                self.end(block, index, &inst);
                return;
            }
            self.inst(index, &inst);
        }
        self.count(block.end - block.first);
        self.go_to(self.words.address(block.end));
    }

    /// What is left before the first instruction: the budget, and accesses through registers that the block got.
    fn at_start(&mut self, block: &Block, groups: &[Group]) {
        let here = || groups.iter().filter(|group| group.at == block.first);
        if !block.head && here().next().is_none() {
            return;
        }
        let cold = self.cold_block();
        if block.head {
            let left = self.b.use_var(self.left);
            let needed = i64::from(self.region.instructions);
            let short = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, needed);
            self.leave_if(short, cold);
        }
        for group in here() {
            self.check(group, cold);
        }
        self.fill_leave(cold, block.first, 0);
        for group in here() {
            self.mark(group);
        }
    }

    fn cold_block(&mut self) -> ir::Block {
        let cold = self.b.create_block();
        self.b.set_cold_block(cold);
        cold
    }

    fn leave_if(&mut self, condition: Value, cold: ir::Block) {
        let on = self.b.create_block();
        self.b.ins().brif(condition, cold, &[], on, &[]);
        self.b.switch_to_block(on);
    }

    /// Fills a cold block: the host goes on at `index`, after `done` instructions of this block.
    fn fill_leave(&mut self, cold: ir::Block, index: u32, done: u32) {
        let Some(on) = self.b.current_block() else { unreachable!("a block is being filled") };
        self.b.switch_to_block(cold);
        self.store_registers();
        let left = self.b.use_var(self.left);
        let left = if done > 0 { self.b.ins().iadd_imm_s(left, -i64::from(done)) } else { left };
        let pc = self.constant(self.words.address(index));
        self.b.ins().return_(&[left, pc]);
        self.b.switch_to_block(on);
    }

    /// The address at `distance` of a group.
    fn address(&mut self, group: &Group, distance: i64) -> Value {
        let base = self.get(group.register);
        match group.offset + distance {
            0 => base,
            offset => self.b.ins().iadd_imm_s(base, offset),
        }
    }

    /// Leaves unless every access of the group ends by 2^32.
    fn check(&mut self, group: &Group, cold: ir::Block) {
        let (first, behind) = group.range;
        let lowest = self.address(group, first);
        let greatest = (1 << 32) - (behind - first);
        let beyond = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, lowest, greatest);
        self.leave_if(beyond, cold);
    }

    /// Marks the pages that the group's stores write.
    fn mark(&mut self, group: &Group) {
        let Some(first) = group.stores.iter().map(|(distance, _)| *distance).min() else { return };
        let last = group.stores.iter().map(|(distance, width)| distance + width - 1).max().unwrap_or(first);
        if last - first >= PAGE {
            for (distance, width) in &group.stores {
                self.mark_page(group, *distance);
                self.mark_page(group, distance + width - 1);
            }
            return;
        }
        self.mark_page(group, first);
        if first == last {
            return;
        }
        self.mark_page(group, last);
    }

    fn mark_page(&mut self, group: &Group, distance: i64) {
        let address = self.address(group, distance);
        let page = self.b.ins().ushr_imm_s(address, PAGE_BITS);
        let at = self.b.ins().iadd(self.memory, page);
        let mark = self.b.ins().iconst(I8, i64::from(FlatMemory::MARK));
        self.b.ins().store(MemFlagsData::trusted(), mark, at, FlatMemory::MARKS as i32);
    }

    /// An instruction that goes on to the next one.
    fn inst(&mut self, index: u32, inst: &Inst) {
        let imm = i64::from(inst.imm);
        let value = match inst.op {
            Op::Fence => return,
            Op::Auipc => self.constant(self.words.address(index).wrapping_add(imm as u64)),
            Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu => self.load(inst),
            Op::Sb | Op::Sh | Op::Sw | Op::Sd => return self.store(inst),
            op => {
                let x = self.get(inst.rs1);
                let y = if op.takes_immediate() { self.constant(imm as u64) } else { self.get(inst.rs2) };
                arith::emit(&mut self.b, op, x, y)
            }
        };
        self.set(inst, value);
    }

    fn load(&mut self, inst: &Inst) -> Value {
        let base = self.get(inst.rs1);
        let at = self.b.ins().iadd(self.memory, base);
        let flags = MemFlagsData::new().with_notrap();
        match inst.op {
            Op::Lb => self.b.ins().sload8(I64, flags, at, inst.imm),
            Op::Lh => self.b.ins().sload16(I64, flags, at, inst.imm),
            Op::Lw => self.b.ins().sload32(flags, at, inst.imm),
            Op::Lbu => self.b.ins().uload8(I64, flags, at, inst.imm),
            Op::Lhu => self.b.ins().uload16(I64, flags, at, inst.imm),
            Op::Lwu => self.b.ins().uload32(flags, at, inst.imm),
            _ => self.b.ins().load(I64, flags, at, inst.imm),
        }
    }

    fn store(&mut self, inst: &Inst) {
        let (base, value) = (self.get(inst.rs1), self.get(inst.rs2));
        let at = self.b.ins().iadd(self.memory, base);
        let flags = MemFlagsData::new().with_notrap();
        match inst.op {
            Op::Sb => self.b.ins().istore8(flags, value, at, inst.imm),
            Op::Sh => self.b.ins().istore16(flags, value, at, inst.imm),
            Op::Sw => self.b.ins().istore32(flags, value, at, inst.imm),
            _ => self.b.ins().store(flags, value, at, inst.imm),
        };
    }

    /// The instruction that ends a block.
    fn end(&mut self, block: &Block, index: u32, inst: &Inst) {
        let pc = self.words.address(index);
        let next = pc.wrapping_add(4);
        let jump = pc.wrapping_add(i64::from(inst.imm) as u64);
        let executed = index - block.first + 1;
        match inst.op {
            Op::Jal => {
                self.count(executed);
                let link = self.constant(next);
                self.set(inst, link);
                self.go_to(jump);
            }
            Op::Jalr => {
                self.count(executed);
                let base = self.get(inst.rs1);
                let sum = self.b.ins().iadd_imm_s(base, i64::from(inst.imm));
                let to = self.b.ins().band_imm_s(sum, -2);
                let link = self.constant(next);
                self.set(inst, link);
                if is_return(inst) {
                    self.return_to(block, to);
                }
                self.go_to_value(to);
            }
            op if is_branch(op) => {
                self.count(executed);
                self.branch(inst, jump, next);
            }
            // The host calls the system, or traps.
            _ => {
                self.count(executed - 1);
                let pc = self.constant(pc);
                self.leave(pc);
            }
        }
    }

    fn go_to(&mut self, pc: u64) {
        match self.destination(pc) {
            (block, false) => {
                self.b.ins().jump(block, &[]);
            }
            (block, true) => {
                self.b.ins().jump(block, &[]);
                self.b.switch_to_block(block);
                self.go(pc);
            }
        }
    }

    fn branch(&mut self, inst: &Inst, jump: u64, next: u64) {
        let (x, y) = (self.get(inst.rs1), self.get(inst.rs2));
        let condition = match inst.op {
            Op::Beq => IntCC::Equal,
            Op::Bne => IntCC::NotEqual,
            Op::Blt => IntCC::SignedLessThan,
            Op::Bge => IntCC::SignedGreaterThanOrEqual,
            Op::Bltu => IntCC::UnsignedLessThan,
            _ => IntCC::UnsignedGreaterThanOrEqual,
        };
        let taken = self.b.ins().icmp(condition, x, y);
        let (then, otherwise) = (self.destination(jump), self.destination(next));
        self.b.ins().brif(taken, then.0, &[], otherwise.0, &[]);
        for ((block, leaves), pc) in [(then, jump), (otherwise, next)] {
            if leaves {
                self.b.switch_to_block(block);
                self.go(pc);
            }
        }
    }

    /// Goes on behind a call in this region if that is where `to` leads.
    fn return_to(&mut self, block: &Block, to: Value) {
        for place in &block.returns {
            let address = self.words.address(*place) as i64;
            let here = self.b.ins().icmp_imm_s(IntCC::Equal, to, address);
            let on = self.b.create_block();
            self.b.ins().brif(here, self.blocks[place], &[], on, &[]);
            self.b.switch_to_block(on);
        }
    }

    fn go_to_value(&mut self, to: Value) {
        let offset = self.b.ins().iadd_imm_s(to, -(self.words.base() as i64));
        // An offset that is no multiple of 4 becomes an index beyond every word.
        let index = self.b.ins().rotr_imm_s(offset, 2);
        let cold = self.cold_block();
        let absent =
            self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, index, self.words.len() as i64);
        self.leave_if(absent, cold);
        let table = self.constant(self.table as u64);
        let distance = self.b.ins().ishl_imm_s(offset, 1);
        let entry = self.b.ins().iadd(table, distance);
        self.chain(entry, to);
        self.b.switch_to_block(cold);
        self.leave(to);
    }
}

/// The accesses of a block in groups, in the order of their checks.
fn groups(words: &Words, block: &Block) -> Vec<Group> {
    // Each register's value as a distance from a register at the block's start, or from what an instruction wrote.
    let mut roots: [(u32, i64); 32] = core::array::from_fn(|register| (register as u32, 0));
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for index in block.first..block.end {
        let inst = words.get(index);
        let (root, distance) = roots[usize::from(inst.rs1)];
        if matches!(inst.op, Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu)
            || matches!(inst.op, Op::Sb | Op::Sh | Op::Sw | Op::Sd)
        {
            let at = distance + i64::from(inst.imm);
            let width = width(inst.op) as i64;
            let group = groups.entry(root).or_insert_with(|| Group {
                at: if root < 32 { block.first } else { index },
                register: if root < 32 { root as u8 } else { inst.rs1 },
                offset: if root < 32 { 0 } else { -distance },
                range: (at, at + width),
                stores: Vec::new(),
            });
            group.range = (group.range.0.min(at), group.range.1.max(at + width));
            if inst.op >= Op::Sb {
                group.stores.push((at, width));
            }
        }
        if inst.rd != 0 {
            let moved = distance + i64::from(inst.imm);
            roots[usize::from(inst.rd)] = match inst.op {
                Op::Addi if moved.abs() < DISTANCE_MAX => (root, moved),
                _ => (32 + index - block.first, 0),
            };
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| group.at);
    groups
}
