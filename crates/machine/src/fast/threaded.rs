//! The fast interpreter: each instruction is decoded once to a function and its operands, and each function jumps to the next one's.
//!
//! The jump is a call in tail position, which optimised builds without debug assertions turn into a jump; `build.rs` says which are
//! optimised, and in others nothing here runs: the executor then takes the reference's steps. Counting is free within straight code: with `acc` constant, `acc + ip` grows by one
//! instruction's size for each instruction executed, and a jump makes up for its distance.

use std::sync::Arc;

use super::{Engine, memory::FlatMemory};
use crate::{code::Code, state::Cpu};

/// A program's code decoded for the interpreter; cheap to clone.
#[derive(Clone)]
pub struct Interpreter {
    code: Arc<Threads>,
}

impl Interpreter {
    /// Decodes `code`. Takes 16 bytes for each word.
    pub fn new(code: &Code) -> Self {
        Self { code: Arc::new(Threads::new(code)) }
    }
}

impl Engine for Interpreter {
    #[cfg(all(tail_calls, not(debug_assertions)))]
    fn run(&mut self, cpu: &mut Cpu, memory: &mut FlatMemory, steps: u64) -> u64 {
        self.code.run(cpu, memory, steps)
    }

    #[cfg(not(all(tail_calls, not(debug_assertions))))]
    fn run(&mut self, _cpu: &mut Cpu, _memory: &mut FlatMemory, _steps: u64) -> u64 {
        0
    }
}

#[cfg(not(all(tail_calls, not(debug_assertions))))]
struct Threads;

#[cfg(not(all(tail_calls, not(debug_assertions))))]
impl Threads {
    fn new(_code: &Code) -> Self {
        Self
    }
}

#[cfg(all(tail_calls, not(debug_assertions)))]
use threads::Threads;

#[cfg(all(tail_calls, not(debug_assertions)))]
mod threads {
    use super::super::memory::FlatMemory;
    use crate::{
        alu::{alu, branches},
        code::Code,
        isa::{Inst, Op, decode},
        state::Cpu,
        step::width,
        tree::PAGE_BYTES,
    };

    /// A decoded instruction.
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Thread {
        run: Handler,
        /// Of branches and jumps the distance in instructions.
        imm: i32,
        rd: u8,
        rs1: u8,
        rs2: u8,
    }

    const SIZE: i64 = size_of::<Thread>() as i64;
    const _: () = assert!(SIZE == 16);

    /// Takes the instruction, the registers, the memory, the run, and the count less the instruction's address.
    type Handler = unsafe extern "C" fn(*const Thread, *mut u64, *mut u8, *mut Run, i64);

    /// What stays the same during a run, and where it ended.
    struct Run {
        /// The address of the first instruction held.
        base: u64,
        first: *const Thread,
        count: u64,
        /// No jump is taken once this many instructions, times their size, are done.
        limit: i64,
        stopped: *const Thread,
        done: i64,
    }

    /// Every word of a program, and one behind that stops.
    pub(super) struct Threads {
        base: u64,
        threads: Vec<Thread>,
        /// The most instructions between two looks at the limit.
        slack: u64,
    }

    impl Threads {
        pub(super) fn new(code: &Code) -> Self {
            let words = code.words();
            let mut threads = Vec::with_capacity(words.len() + 1);
            let (mut slack, mut straight) = (0, 0);
            for (i, word) in words.iter().enumerate() {
                let inst = decode(*word);
                threads.push(thread(inst, i as i64, words.len() as i64, code.base()));
                straight = if matches!(inst.op, Op::Jal | Op::Jalr | Op::Ecall | Op::Illegal) {
                    0
                } else {
                    straight + 1
                };
                slack = slack.max(straight + 1);
            }
            threads.push(Thread { run: stop, imm: 0, rd: 0, rs1: 0, rs2: 0 });
            Self { base: code.base(), threads, slack: slack + 1 }
        }

        pub(super) fn run(&self, cpu: &mut Cpu, memory: &mut FlatMemory, steps: u64) -> u64 {
            /// Counts above this would not fit; a run that long goes on in another one.
            const STEPS_MAX: u64 = 1 << 58;
            let words = self.threads.len() as u64 - 1;
            let offset = cpu.pc.wrapping_sub(self.base);
            let limit = steps.min(STEPS_MAX).saturating_sub(self.slack);
            if limit == 0 || !offset.is_multiple_of(4) || offset / 4 >= words {
                return 0;
            }
            let first = self.threads.as_ptr();
            let mut run = Run {
                base: self.base,
                first,
                count: words,
                limit: limit as i64 * SIZE,
                stopped: first,
                done: 0,
            };
            // SAFETY: the index was checked above. Handlers move within the array: straight on, which ends at its last entry, that
            // stops; by distances checked when they were decoded; to `jalr` targets that they check. They reach registers by
            // 5-bit numbers and memory by addresses they check. Nothing else uses `cpu` or `memory` meanwhile.
            unsafe {
                let start = first.add((offset / 4) as usize);
                let acc = (start as i64).wrapping_neg();
                ((*start).run)(start, cpu.x.as_mut_ptr(), memory.as_mut_ptr(), &mut run, acc);
                cpu.pc = self.base + 4 * run.stopped.offset_from_unsigned(first) as u64;
            }
            (run.done / SIZE) as u64
        }
    }

    // SAFETY: the pointers in it are functions.
    unsafe impl Send for Threads {}
    // SAFETY: nothing in it changes after it was built.
    unsafe impl Sync for Threads {}

    /// The word at index `i` of `count` words from `base`.
    fn thread(inst: Inst, i: i64, count: i64, base: u64) -> Thread {
        let distance = i64::from(inst.imm / 4);
        let lands = inst.imm % 4 == 0 && (0..count).contains(&(i + distance));
        let (run, imm) = match inst.op {
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu if lands => {
                (handler(inst), distance as i32)
            }
            Op::Jal if lands => (if inst.rd == 0 { jump } else { jump_and_link }, distance as i32),
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu | Op::Jal => (stop as Handler, 0),
            Op::Auipc => {
                let value = (base + 4 * i as u64).wrapping_add(i64::from(inst.imm) as u64);
                match (i32::try_from(value as i64), u32::try_from(value)) {
                    _ if inst.rd == 0 => (nothing as Handler, 0),
                    (Ok(value), _) => (load_signed as Handler, value),
                    (_, Ok(value)) => (load_unsigned as Handler, value as i32),
                    _ => (stop as Handler, 0),
                }
            }
            _ => (handler(inst), inst.imm),
        };
        Thread { run, imm, rd: inst.rd, rs1: inst.rs1, rs2: inst.rs2 }
    }

    /// The handler among those that have one instance for each instruction.
    fn handler(inst: Inst) -> Handler {
        macro_rules! pick {
            ($($handler:ident: $($op:ident)*;)*) => {
                match inst.op {
                    $($(Op::$op => $handler::<{ Op::$op as u8 }>,)*)*
                    _ => stop,
                }
            };
        }
        match inst.op {
            Op::Fence => return nothing,
            Op::Jalr => return if inst.rd == 0 { jump_to } else { jump_and_link_to },
            op if op < Op::Lb && inst.rd == 0 => return nothing,
            // A load to x0 is only its trap: rare enough to leave it to the reference.
            op if op < Op::Sb && inst.rd == 0 => return stop,
            _ => {}
        }
        pick! {
            registers: Add Sub Sll Slt Sltu Xor Srl Sra Or And Addw Subw Sllw Srlw Sraw
                Mul Mulh Mulhsu Mulhu Div Divu Rem Remu Mulw Divw Divuw Remw Remuw
                AddUw Sh1add Sh2add Sh3add Sh1addUw Sh2addUw Sh3addUw
                Andn Orn Xnor Max Maxu Min Minu Rol Ror Rolw Rorw Bclr Bext Binv Bset
                Clz Ctz Cpop Clzw Ctzw Cpopw SextB SextH ZextH OrcB Rev8;
            immediate: Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Addiw Slliw Srliw Sraiw
                SlliUw Rori Roriw Bclri Bexti Binvi Bseti Lui;
            load: Lb Lh Lw Ld Lbu Lhu Lwu;
            store: Sb Sh Sw Sd;
            branch: Beq Bne Blt Bge Bltu Bgeu;
        }
    }

    /// The parameters of every handler.
    macro_rules! handlers {
        ($($(#[$doc:meta])* fn $name:ident $(<const $op:ident: u8>)? ($ip:ident, $x:ident, $m:ident, $run:ident, $acc:ident) $body:block)*) => {
            $(
                $(#[$doc])*
                ///
                /// # Safety
                /// See [`Threads::run`].
                unsafe extern "C" fn $name $(<const $op: u8>)? (
                    $ip: *const Thread, $x: *mut u64, $m: *mut u8, $run: *mut Run, $acc: i64,
                ) {
                    // SAFETY: see `Threads::run`.
                    unsafe { $body }
                }
            )*
        };
    }

    /// Goes on at an instruction.
    macro_rules! go {
        ($ip:expr, $x:expr, $m:expr, $run:expr, $acc:expr) => {{
            let ip = $ip;
            return ((*ip).run)(ip, $x, $m, $run, $acc);
        }};
    }

    /// Goes on `distance` instructions away, unless the limit is reached.
    macro_rules! leap {
        ($ip:expr, $x:expr, $m:expr, $run:expr, $acc:expr, $distance:expr) => {{
            let distance = $distance as i64;
            let ip = $ip.offset(distance as isize);
            let acc = $acc.wrapping_sub(distance.wrapping_sub(1).wrapping_mul(SIZE));
            if acc.wrapping_add(ip as i64) >= (*$run).limit {
                return stop(ip, $x, $m, $run, acc);
            }
            go!(ip, $x, $m, $run, acc)
        }};
    }

    macro_rules! reg {
        ($x:ident, $number:expr) => {
            *$x.add(usize::from($number))
        };
    }

    handlers! {
        /// Ends the run before this instruction.
        fn stop(ip, _x, _m, run, acc) {
            (*run).stopped = ip;
            (*run).done = acc.wrapping_add(ip as i64);
        }

        fn nothing(ip, x, m, run, acc) {
            go!(ip.add(1), x, m, run, acc)
        }

        fn registers<const OP: u8>(ip, x, m, run, acc) {
            reg!(x, (*ip).rd) = alu(const { Op::from_u8(OP) }, reg!(x, (*ip).rs1), reg!(x, (*ip).rs2));
            go!(ip.add(1), x, m, run, acc)
        }

        fn immediate<const OP: u8>(ip, x, m, run, acc) {
            reg!(x, (*ip).rd) = alu(const { Op::from_u8(OP) }, reg!(x, (*ip).rs1), i64::from((*ip).imm) as u64);
            go!(ip.add(1), x, m, run, acc)
        }

        fn load_signed(ip, x, m, run, acc) {
            reg!(x, (*ip).rd) = i64::from((*ip).imm) as u64;
            go!(ip.add(1), x, m, run, acc)
        }

        fn load_unsigned(ip, x, m, run, acc) {
            reg!(x, (*ip).rd) = u64::from((*ip).imm as u32);
            go!(ip.add(1), x, m, run, acc)
        }

        fn load<const OP: u8>(ip, x, m, run, acc) {
            let op = const { Op::from_u8(OP) };
            let address = reg!(x, (*ip).rs1).wrapping_add(i64::from((*ip).imm) as u64);
            if address > (1 << 32) - const { width(Op::from_u8(OP)) as u64 } {
                return stop(ip, x, m, run, acc);
            }
            let at = m.add(address as usize);
            reg!(x, (*ip).rd) = match op {
                Op::Lb => *at as i8 as u64,
                Op::Lh => at.cast::<i16>().read_unaligned() as u64,
                Op::Lw => at.cast::<i32>().read_unaligned() as u64,
                Op::Ld => at.cast::<u64>().read_unaligned(),
                Op::Lbu => u64::from(*at),
                Op::Lhu => u64::from(at.cast::<u16>().read_unaligned()),
                _ => u64::from(at.cast::<u32>().read_unaligned()),
            };
            go!(ip.add(1), x, m, run, acc)
        }

        fn store<const OP: u8>(ip, x, m, run, acc) {
            let width = const { width(Op::from_u8(OP)) };
            let address = reg!(x, (*ip).rs1).wrapping_add(i64::from((*ip).imm) as u64);
            if address > (1 << 32) - width as u64 || address as usize % PAGE_BYTES > PAGE_BYTES - width {
                return stop(ip, x, m, run, acc);
            }
            let (at, value) = (m.add(address as usize), reg!(x, (*ip).rs2));
            match width {
                1 => *at = value as u8,
                2 => at.cast::<u16>().write_unaligned(value as u16),
                4 => at.cast::<u32>().write_unaligned(value as u32),
                _ => at.cast::<u64>().write_unaligned(value),
            }
            *m.offset(FlatMemory::MARKS).add(address as usize / PAGE_BYTES) = FlatMemory::MARK;
            go!(ip.add(1), x, m, run, acc)
        }

        fn branch<const OP: u8>(ip, x, m, run, acc) {
            if branches(const { Op::from_u8(OP) }, reg!(x, (*ip).rs1), reg!(x, (*ip).rs2)) {
                leap!(ip, x, m, run, acc, (*ip).imm)
            }
            go!(ip.add(1), x, m, run, acc)
        }

        fn jump(ip, x, m, run, acc) {
            leap!(ip, x, m, run, acc, (*ip).imm)
        }

        fn jump_and_link(ip, x, m, run, acc) {
            let here = ip.offset_from((*run).first) as u64;
            reg!(x, (*ip).rd) = (*run).base.wrapping_add(here.wrapping_add(1) << 2);
            leap!(ip, x, m, run, acc, (*ip).imm)
        }

        fn jump_to(ip, x, m, run, acc) {
            let target = reg!(x, (*ip).rs1).wrapping_add(i64::from((*ip).imm) as u64) & !1;
            let offset = target.wrapping_sub((*run).base);
            if offset & 3 != 0 || offset >> 2 >= (*run).count {
                return stop(ip, x, m, run, acc);
            }
            leap!(ip, x, m, run, acc, ((offset >> 2) as i64).wrapping_sub(ip.offset_from((*run).first) as i64))
        }

        fn jump_and_link_to(ip, x, m, run, acc) {
            let target = reg!(x, (*ip).rs1).wrapping_add(i64::from((*ip).imm) as u64) & !1;
            let offset = target.wrapping_sub((*run).base);
            if offset & 3 != 0 || offset >> 2 >= (*run).count {
                return stop(ip, x, m, run, acc);
            }
            let here = ip.offset_from((*run).first) as i64;
            reg!(x, (*ip).rd) = (*run).base.wrapping_add((here as u64).wrapping_add(1) << 2);
            leap!(ip, x, m, run, acc, ((offset >> 2) as i64).wrapping_sub(here))
        }
    }
}
