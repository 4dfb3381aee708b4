//! One thread block: threads in linear order between the points where they wait for each other.

use alloc::vec::Vec;

use crate::bytecode::Image;
use crate::bytecode::inst::Inst;
use crate::bytecode::op::{BarRedOp, Op, Special};
use crate::error::LaunchError;
use crate::exec::fast::{Meter, Stop, run};
use crate::exec::memory::{Shared, View};
use crate::exec::program::Program;
use crate::exec::shadow::Shadow;
use crate::exec::stamps::{Clocks, Who};
use crate::exec::units::UnitTable;
use crate::exec::warp::Lanes;
use crate::launch::{BlockOutcome, Fault, FaultKind, LaunchDims, SHARED_MAX};
use crate::memory::Memory;

/// Where a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Runs from this instruction.
    Ready(u32),
    /// Waits at a barrier.
    Barrier(u32),
    /// Waits at a warp-level instruction.
    Warp(u32),
    Done,
}

/// A launch of a program: runs its blocks in any order the caller likes (jobs use the linear one).
pub struct Launch<'p> {
    program: &'p Program,
    dims: LaunchDims,
    params: Vec<u8>,
    threads: usize,
    regs: Vec<u64>,
    local: Vec<u8>,
    shared: Shared,
    states: Vec<State>,
    clocks: Clocks,
}

/// Runs one block once. For more than one block of a launch, decode once and use [`Launch`].
#[allow(clippy::too_many_arguments, reason = "the whole of what a block depends on")]
pub fn run_block(
    image: &Image,
    kernel: &str,
    dims: LaunchDims,
    params: &[u8],
    block: u64,
    memory: &mut dyn Memory,
    shadow: &mut Shadow,
    fuel: u64,
) -> Result<BlockOutcome, LaunchError> {
    let program = Program::new(image, kernel, &UnitTable::V1)?;
    Launch::new(&program, dims, params)?.run_block(block, memory, shadow, fuel)
}

impl<'p> Launch<'p> {
    /// Checks the shape and the parameters of a launch and allocates what a block needs.
    pub fn new(program: &'p Program, dims: LaunchDims, params: &[u8]) -> Result<Self, LaunchError> {
        dims.check()?;
        let shared = u64::from(program.shared) + u64::from(dims.dynamic_shared);
        if shared > SHARED_MAX {
            return Err(LaunchError::Shared { found: shared, limit: SHARED_MAX });
        }
        if params.len() != program.param_bytes {
            return Err(LaunchError::Params { expected: program.param_bytes, found: params.len() });
        }
        let threads = dims.threads() as usize;
        Ok(Self {
            program,
            dims,
            params: params.to_vec(),
            threads,
            regs: alloc::vec![0; threads * program.template.len()],
            local: alloc::vec![0; threads * program.local as usize],
            shared: Shared::new(shared as usize),
            states: Vec::with_capacity(threads),
            clocks: Clocks::default(),
        })
    }

    /// Runs one block from `memory` with at most `fuel` work units.
    ///
    /// On anything but [`BlockOutcome::Done`] memory and shadow are partly written: put back those of the launch start.
    pub fn run_block(
        &mut self,
        block: u64,
        memory: &mut dyn Memory,
        shadow: &mut Shadow,
        fuel: u64,
    ) -> Result<BlockOutcome, LaunchError> {
        // Compiled here for both, so that the speed does not depend on the caller's optimisation level.
        match memory.as_flat() {
            Some(flat) => self.run_in(block, flat, shadow, fuel),
            None => self.run_in(block, memory, shadow, fuel),
        }
    }

    fn run_in<M: Memory + ?Sized>(
        &mut self,
        block: u64,
        memory: &mut M,
        shadow: &mut Shadow,
        fuel: u64,
    ) -> Result<BlockOutcome, LaunchError> {
        let blocks = self.dims.blocks();
        if block >= blocks {
            return Err(LaunchError::Block { found: block, blocks });
        }
        self.reset(block);
        shadow.begin_block();
        let mut run = Running {
            program: self.program,
            params: &self.params,
            regs: &mut self.regs,
            local: &mut self.local,
            shared: &mut self.shared,
            states: &mut self.states,
            clocks: &mut self.clocks,
            memory,
            shadow,
            meter: Meter { units: 0, instructions: 0, fuel },
            epoch: 1,
        };
        let ended = run.block();
        let Meter { units, instructions, .. } = run.meter;
        Ok(match ended {
            Ok(()) => {
                shadow.end_block();
                BlockOutcome::Done { units, instructions }
            }
            Err((_, Stop::Fault(kind))) if units <= fuel => {
                self.fault(kind, block, ended_thread(&ended), units)
            }
            Err(_) => BlockOutcome::OutOfFuel,
        })
    }

    fn fault(&self, kind: FaultKind, block: u64, (thread, pc): (u32, u32), units: u64) -> BlockOutcome {
        let line = self.program.lines[pc as usize];
        let fault = Fault { kind, kernel: self.program.kernel_index, block, thread, pc, line };
        BlockOutcome::Fault { fault, units }
    }

    fn reset(&mut self, block: u64) {
        let p = self.program;
        let stride = p.template.len();
        let [gx, gy, _] = self.dims.grid.map(u64::from);
        let ctaid = [block % gx, block / gx % gy, block / gx / gy];
        let [bx, by, _] = self.dims.block;
        for thread in 0..self.threads as u32 {
            let regs = &mut self.regs[thread as usize * stride..][..stride];
            regs.copy_from_slice(&p.template);
            let tid = [thread % bx, thread / bx % by, thread / bx / by];
            for (special, slot) in &p.specials {
                regs[usize::from(*slot)] = special_value(*special, &self.dims, ctaid, tid, thread & 31);
            }
        }
        self.local.fill(0);
        self.shared.reset();
        self.states.clear();
        self.states.resize(self.threads, State::Ready(0));
        self.clocks.reset(if p.uses_warps { self.threads } else { 0 });
    }
}

/// Where a block stopped early: thread and instruction.
type Place = (u32, u32);

fn ended_thread(ended: &Result<(), (Place, Stop)>) -> Place {
    ended.as_ref().err().map_or((0, 0), |(place, _)| *place)
}

fn special_value(s: Special, dims: &LaunchDims, ctaid: [u64; 3], tid: [u32; 3], lane: u32) -> u64 {
    let below = (1u64 << lane) - 1;
    let me = 1u64 << lane;
    match s {
        Special::TidX | Special::TidY | Special::TidZ => u64::from(tid[s as usize]),
        Special::NtidX | Special::NtidY | Special::NtidZ => u64::from(dims.block[s as usize - 3]),
        Special::CtaidX | Special::CtaidY | Special::CtaidZ => ctaid[s as usize - 6],
        Special::NctaidX | Special::NctaidY | Special::NctaidZ => u64::from(dims.grid[s as usize - 9]),
        Special::LaneId => u64::from(lane),
        Special::MaskEq => me,
        Special::MaskLt => below,
        Special::MaskLe => below | me,
        Special::MaskGt => !(below | me) & 0xFFFF_FFFF,
        Special::MaskGe => !below & 0xFFFF_FFFF,
    }
}

struct Running<'r, M: Memory + ?Sized> {
    program: &'r Program,
    params: &'r [u8],
    regs: &'r mut [u64],
    local: &'r mut [u8],
    shared: &'r mut Shared,
    states: &'r mut [State],
    clocks: &'r mut Clocks,
    memory: &'r mut M,
    shadow: &'r mut Shadow,
    meter: Meter,
    epoch: u32,
}

impl<M: Memory + ?Sized> Running<'_, M> {
    fn block(&mut self) -> Result<(), (Place, Stop)> {
        loop {
            for first in (0..self.states.len()).step_by(32) {
                self.warp(first)?;
            }
            if self.states.iter().all(|s| *s == State::Done) {
                return Ok(());
            }
            self.barrier()?;
        }
    }

    /// Runs a warp until each lane is at a barrier or done.
    fn warp(&mut self, first: usize) -> Result<(), (Place, Stop)> {
        let end = (first + 32).min(self.states.len());
        loop {
            for thread in first..end {
                if let State::Ready(pc) = self.states[thread] {
                    self.thread(thread, pc)?;
                }
            }
            let Some(waiting) = (first..end).find(|t| matches!(self.states[*t], State::Warp(_))) else {
                return Ok(());
            };
            let complete = (waiting..end).find(|t| self.complete(first, end, *t));
            match (complete, self.states[waiting]) {
                (Some(thread), _) => self.collective(first, thread)?,
                (None, State::Warp(pc)) => {
                    return Err(((waiting as u32, pc), Stop::Fault(FaultKind::DivergentWarp)));
                }
                (None, _) => return Ok(()),
            }
        }
    }

    fn thread(&mut self, thread: usize, pc: u32) -> Result<(), (Place, Stop)> {
        let (stride, local) = (self.program.template.len(), self.program.local as usize);
        let regs = &mut self.regs[thread * stride..][..stride];
        let mut view = View {
            global: &mut *self.memory,
            shadow: self.shadow,
            shared: self.shared,
            local: &mut self.local[thread * local..][..local],
            constants: &self.program.constants,
            params: self.params,
            who: Who::new(thread as u32, self.epoch, self.clocks.row(thread as u32)),
        };
        let mut at = pc as usize;
        let stop = run(self.program, regs, &mut at, &mut view, &mut self.meter);
        let pc = at as u32;
        if stop != Stop::Sync {
            return Err(((thread as u32, pc), stop));
        }
        self.states[thread] = match self.program.insts[at].op {
            Op::Ret => State::Done,
            Op::Bar | Op::BarRed => State::Barrier(pc),
            Op::Trap => return Err(((thread as u32, pc), Stop::Fault(FaultKind::Trap))),
            _ => State::Warp(pc),
        };
        Ok(())
    }

    /// The lanes a waiting thread names. A device stand-in leaves out lanes that have ended or never were, as hardware does.
    fn mask(&self, first: usize, end: usize, thread: usize, pc: u32) -> u32 {
        let stride = self.program.template.len();
        let position = self.program.mask_position(pc as usize);
        let named = self.program.value(pc as usize, position, &self.regs[thread * stride..][..stride]) as u32;
        if self.shadow.is_tracking() {
            return named;
        }
        let alive = |lane: &usize| first + lane < end && self.states[first + lane] != State::Done;
        (0..32).filter(alive).fold(0, |m, lane| m | 1 << lane) & named
    }

    /// Whether all lanes that the thread names wait at its instruction and name the same lanes.
    fn complete(&self, first: usize, end: usize, thread: usize) -> bool {
        let State::Warp(pc) = self.states[thread] else { return false };
        let mask = self.mask(first, end, thread, pc);
        let named = |lane: usize| mask >> lane & 1 == 1;
        named(thread - first)
            && (0..32).filter(|lane| named(*lane)).all(|lane| {
                let other = first + lane;
                other < end
                    && self.states[other] == State::Warp(pc)
                    && self.mask(first, end, other, pc) == mask
            })
    }

    fn collective(&mut self, first: usize, thread: usize) -> Result<(), (Place, Stop)> {
        let State::Warp(pc) = self.states[thread] else { return Ok(()) };
        let end = (first + 32).min(self.states.len());
        let mask = self.mask(first, end, thread, pc);
        let stride = self.program.template.len();
        let mut lanes = Lanes { regs: &mut self.regs[first * stride..], stride };
        let done = self.program.collective(pc as usize, mask, &mut lanes);
        done.map_err(|lane| (((first + lane) as u32, pc), Stop::Fault(FaultKind::DivergentWarp)))?;
        self.clocks.sync(first / 32, mask);
        for lane in (0..32).filter(|lane| mask >> lane & 1 == 1) {
            self.states[first + lane] = State::Ready(pc + 1);
        }
        Ok(())
    }

    /// Every thread waits at a barrier or is done, and not all are done.
    fn barrier(&mut self) -> Result<(), (Place, Stop)> {
        let waiting = self.states.iter().enumerate().find_map(|(t, s)| match s {
            State::Barrier(pc) => Some((t as u32, *pc)),
            _ => None,
        });
        let Some((thread, pc)) = waiting else { return Ok(()) };
        // On a device, and so in its stand-in, threads that have ended count as arrived.
        let lenient = !self.shadow.is_tracking();
        let arrived =
            |s: &State| *s == State::Barrier(pc) || (lenient && matches!(s, State::Done | State::Barrier(_)));
        if !self.states.iter().all(arrived) {
            return Err(((thread, pc), Stop::Fault(FaultKind::DivergentBarrier)));
        }
        let inst = self.program.insts[pc as usize];
        if inst.op == Op::BarRed {
            self.barrier_reduction(&inst, pc as usize);
        }
        self.epoch = self.epoch.saturating_add(1);
        for state in self.states.iter_mut() {
            if let State::Barrier(pc) = *state {
                *state = State::Ready(pc + 1);
            }
        }
        Ok(())
    }

    fn barrier_reduction(&mut self, inst: &Inst, pc: usize) {
        let stride = self.program.template.len();
        let (mut votes, mut threads) = (0u64, 0u64);
        for (regs, _) in
            self.regs.chunks_exact(stride).zip(self.states.iter()).filter(|(_, s)| **s != State::Done)
        {
            votes += u64::from((self.program.value(pc, 1, regs) & 1 == 1) != (inst.m2 == 1));
            threads += 1;
        }
        let result = match BarRedOp::from_byte(inst.m) {
            Some(BarRedOp::And) => u64::from(votes == threads),
            Some(BarRedOp::Or) => u64::from(votes > 0),
            _ => votes,
        };
        for (regs, state) in self.regs.chunks_exact_mut(stride).zip(self.states.iter()) {
            if *state != State::Done {
                self.program.set(pc, 0, regs, result);
            }
        }
    }
}
