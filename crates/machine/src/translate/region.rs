//! Which instructions are translated together.
//!
//! A region grows from its entry along direct jumps, calls included, into code that has run before. A return goes back to the
//! calls in the same region without leaving it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::cold::Words;
use crate::isa::{Inst, Op};

/// Calls of a function in one region that a return looks for.
const RETURNS_MAX: usize = 4;

/// Straight code; only its last instruction jumps.
#[derive(Debug)]
pub(super) struct Block {
    /// The index of the first instruction.
    pub(super) first: u32,
    /// The index behind the last one.
    pub(super) end: u32,
    /// Whether some block jumps back to here: every loop goes through a head.
    pub(super) head: bool,
    /// The registers that may have been written on the way from the entry to here, one bit each.
    pub(super) written: u32,
    /// The blocks a return at the end may go to.
    pub(super) returns: Vec<u32>,
}

/// A part of a program with one entry.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) entry: u32,
    /// By first instruction.
    pub(super) blocks: BTreeMap<u32, Block>,
    /// Instructions of all blocks. From the entry or a head no more are executed before the next head or the end.
    pub(super) instructions: u32,
}

impl Region {
    /// The region from `entry`, up to about `instructions_max` instructions, of blocks that `warm` says have run.
    pub(super) fn new(
        words: &Words,
        entry: u32,
        instructions_max: usize,
        warm: impl Fn(u32) -> bool,
    ) -> Self {
        let mut held = BTreeSet::new();
        let mut leaders = BTreeSet::from([entry]);
        let mut queue = VecDeque::from([entry]);
        while let Some(leader) = queue.pop_front() {
            if leader != entry && (held.len() >= instructions_max || !warm(leader)) {
                continue;
            }
            leaders.insert(leader);
            for index in leader..words.len() as u32 {
                if held.len() >= 2 * instructions_max {
                    break;
                }
                if !held.insert(index) {
                    leaders.insert(index);
                    break;
                }
                let inst = words.get(index);
                if inst.op.ends_block() {
                    let to = target(words, index, &inst);
                    queue.extend(to);
                    let comes_back = is_call(&inst) && to.is_some_and(&warm);
                    if (is_branch(inst.op) || comes_back) && index + 1 < words.len() as u32 {
                        queue.push_back(index + 1);
                    }
                    break;
                }
            }
        }
        Self::of(words, entry, &held, leaders)
    }

    /// The region of the instructions in `held`, with blocks at `leaders` and wherever a jump goes.
    fn of(words: &Words, entry: u32, held: &BTreeSet<u32>, mut leaders: BTreeSet<u32>) -> Self {
        for index in held {
            let inst = words.get(*index);
            if inst.op.ends_block() {
                leaders.extend(target(words, *index, &inst));
                leaders.insert(index + 1);
            }
        }
        leaders.retain(|leader| held.contains(leader));
        let mut blocks = BTreeMap::new();
        let mut starts = leaders.iter().copied().peekable();
        while let Some(first) = starts.next() {
            let mut end = first + 1;
            while starts.peek() != Some(&end) && held.contains(&end) && !words.get(end - 1).op.ends_block() {
                end += 1;
            }
            blocks.insert(first, Block { first, end, head: false, written: 0, returns: Vec::new() });
        }
        let mut region = Self { entry, blocks, instructions: 0 };
        region.find_returns(words);
        region.prune(words);
        region.find_heads(words);
        region.find_written(words);
        region
    }

    /// For each return the places behind the calls, in this region, of the functions it may end.
    fn find_returns(&mut self, words: &Words) {
        let mut calls: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for block in self.blocks.values() {
            let last = words.get(block.end - 1);
            if let Some(callee) = target(words, block.end - 1, &last).filter(|_| is_call(&last))
                && self.blocks.contains_key(&callee)
                && self.blocks.contains_key(&block.end)
            {
                calls.entry(callee).or_default().push(block.end);
            }
        }
        for (callee, places) in calls {
            let mut seen = BTreeSet::new();
            let mut stack = vec![callee];
            while let Some(first) = stack.pop() {
                if !seen.insert(first) {
                    continue;
                }
                let Some(block) = self.blocks.get_mut(&first) else { continue };
                let last = words.get(block.end - 1);
                if is_return(&last) {
                    for place in &places {
                        if block.returns.len() < RETURNS_MAX && !block.returns.contains(place) {
                            block.returns.push(*place);
                        }
                    }
                } else if is_call(&last) || last.op == Op::Jalr && links(&last) {
                    stack.push(block.end);
                } else {
                    stack.extend(successors(words, block));
                }
            }
        }
    }

    /// Drops what cannot be reached from the entry.
    fn prune(&mut self, words: &Words) {
        let mut reached = BTreeSet::new();
        let mut stack = vec![self.entry];
        while let Some(first) = stack.pop() {
            if let Some(block) = self.blocks.get(&first)
                && reached.insert(first)
            {
                stack.extend(successors(words, block));
            }
        }
        self.blocks.retain(|first, _| reached.contains(first));
        self.instructions = self.blocks.values().map(|block| block.end - block.first).sum();
    }

    fn find_heads(&mut self, words: &Words) {
        let back: Vec<u32> = self
            .blocks
            .values()
            .flat_map(|block| successors(words, block).into_iter().filter(|next| *next < block.end))
            .collect();
        for first in back.into_iter().chain([self.entry]) {
            if let Some(block) = self.blocks.get_mut(&first) {
                block.head = true;
            }
        }
    }

    fn find_written(&mut self, words: &Words) {
        let mut queue = VecDeque::from([self.entry]);
        let mut reached = BTreeSet::new();
        while let Some(first) = queue.pop_front() {
            reached.insert(first);
            let Some(block) = self.blocks.get(&first) else { continue };
            let written =
                (block.first..block.end).fold(block.written, |all, i| all | written_by(&words.get(i)));
            for next in successors(words, block) {
                if let Some(block) = self.blocks.get_mut(&next)
                    && (block.written | written != block.written || !reached.contains(&next))
                {
                    block.written |= written;
                    queue.push_back(next);
                }
            }
        }
    }
}

/// The bit of the register that an instruction writes; `x0` is none.
pub(super) fn written_by(inst: &Inst) -> u32 {
    1 << inst.rd & !1
}

/// Whether the register written is one that may hold a return address.
fn links(inst: &Inst) -> bool {
    inst.rd != 0
}

fn is_call(inst: &Inst) -> bool {
    inst.op == Op::Jal && links(inst)
}

/// `jalr x0, (x1)`, or by way of `x5`.
pub(super) fn is_return(inst: &Inst) -> bool {
    inst.op == Op::Jalr && inst.rd == 0 && inst.imm == 0 && matches!(inst.rs1, 1 | 5)
}

pub(super) fn is_branch(op: Op) -> bool {
    matches!(op, Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu)
}

/// The index a branch or `jal` at `index` jumps to, if there is code that can be fetched.
pub(super) fn target(words: &Words, index: u32, inst: &Inst) -> Option<u32> {
    let jumps = is_branch(inst.op) || inst.op == Op::Jal;
    words.index(words.address(index).wrapping_add(i64::from(inst.imm) as u64)).filter(|_| jumps)
}

/// Where a block may go, as first instructions of blocks that may be in the region or not.
fn successors(words: &Words, block: &Block) -> Vec<u32> {
    let last = block.end - 1;
    let inst = words.get(last);
    let mut next: Vec<u32> = target(words, last, &inst).into_iter().collect();
    match inst.op {
        op if is_branch(op) || !op.ends_block() => next.push(block.end),
        Op::Jalr => next.extend(&block.returns),
        _ => {}
    }
    next
}
