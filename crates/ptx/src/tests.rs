//! Random kernels of every instruction: they survive print, lowering and the encoding, and their device text
//! computes the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloc::string::ToString;
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::bytecode::inst::{Class, Inst, Kind};
use crate::bytecode::op::{Op, Special, Ty};
use crate::bytecode::{Opnd, Param, RawInst, RawKernel};
use crate::{
    ARENA_BASE, BlockOutcome, DeviceArgs, FlatMemory, Image, Launch, LaunchDims, Module, Program, Shadow,
    UnitTable, print, print_device,
};

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number that is often a corner.
    fn number(&mut self, bits: u32) -> u64 {
        let value = match self.below(6) {
            0 => self.pick(&[
                0,
                1,
                u64::MAX,
                1 << 31,
                1 << 63,
                (1 << 31) - 1,
                0x7F80_0000,
                0x7FC0_0001,
                0xFFC0_0000,
                0x7FF8_0000_0000_0001,
            ]),
            1 => self.next() & 0xFF,
            2 => 0x3F80_0000 | self.next() & 0x00FF_FFFF,
            3 => 0x3FF0_0000_0000_0000 | self.next() & 0xF_FFFF_FFFF_FFFF,
            _ => self.next(),
        };
        if bits == 64 { value } else { value & ((1 << bits) - 1) }
    }

    /// A well-formed instruction with any modifiers.
    fn inst(&mut self, ops: &[Op]) -> Inst {
        let tys: Vec<Ty> = Ty::ALL.to_vec();
        loop {
            let op = self.pick(ops);
            let mut i = Inst::new(op, self.pick(&tys));
            if self.below(3) == 0 {
                i.ty2 = self.pick(&tys);
            }
            if self.below(2) == 0 {
                i.m = self.below(14) as u8;
            }
            if self.below(2) == 0 {
                i.m2 = self.below(12) as u8;
            }
            if op == Op::Lop3 {
                i.imm = self.below(256) as i32;
            }
            if i.shape().is_ok() {
                return i;
            }
        }
    }
}

const REGS_OF_CLASS: u32 = 6;

/// Register `n` of a class, by a number that is its own.
fn reg(class: Class, n: u32) -> Opnd {
    Opnd::Reg(class as u32 * 100 + n, class)
}

fn class_of(bits: u32) -> Class {
    Class::ALL.into_iter().find(|c| c.bits() == bits).unwrap_or(Class::B16)
}

fn operands(dice: &mut Dice, i: &Inst) -> [Opnd; 6] {
    let mut out = [Opnd::None; 6];
    let wide = dice.pick(&[Class::B16, Class::B32, Class::B64]);
    let at_least = |bits: u32| if wide.bits() >= bits.max(16) { wide } else { class_of(bits.max(16)) };
    for (position, kind) in i.shape().unwrap().into_iter().enumerate() {
        let n = dice.below(REGS_OF_CLASS as usize) as u32;
        out[position] = match kind {
            Kind::N => Opnd::None,
            Kind::D(bits) => reg(class_of(bits), n),
            Kind::O(bits) => {
                if dice.below(2) == 0 && (i.op, position) != (Op::Unpack, 1) {
                    Opnd::None
                } else {
                    reg(class_of(bits), n)
                }
            }
            Kind::Dw(bits) => reg(at_least(bits), n),
            Kind::S(1) => reg(Class::Pred, n),
            Kind::S(32) if i.op == Op::Mov && dice.below(2) == 0 => Opnd::Special(dice.pick(Special::ALL)),
            Kind::S(bits) if dice.below(4) == 0 => {
                let field = matches!((i.op, position), (Op::Bfe, 2 | 3) | (Op::Bfi, 3 | 4));
                Opnd::Const(dice.number(bits) & if field { 0xFF } else { u64::MAX })
            }
            Kind::S(bits) => reg(class_of(bits), n),
            Kind::Sw(bits) if dice.below(4) == 0 => Opnd::Const(dice.number(bits)),
            Kind::Sw(bits) => reg(at_least(bits), n),
            Kind::A(_) if i.m == 1 || dice.below(3) == 0 => Opnd::Const(dice.number(64)),
            Kind::A(narrow) => reg(if narrow && dice.below(2) == 0 { Class::B32 } else { Class::B64 }, n),
        };
    }
    out
}

fn raw(inst: Inst, args: &[Opnd]) -> RawInst {
    let mut all = [Opnd::None; 6];
    all[..args.len()].copy_from_slice(args);
    RawInst { inst, guard: Opnd::None, args: all, line: 1 }
}

fn any_kernel(dice: &mut Dice, name: &str) -> RawKernel {
    let len = 1 + dice.below(40);
    let mut kernel = RawKernel {
        name: name.to_string(),
        shared: dice.below(3) as u32 * 64,
        local: dice.below(2) as u32 * 32,
        ..RawKernel::default()
    };
    let mut offset = 0u32;
    for _ in 0..dice.below(4) {
        let bytes = dice.pick(&[1u32, 2, 4, 8, 24]);
        let align = if bytes == 24 { 8 } else { bytes };
        offset = offset.next_multiple_of(align);
        kernel.params.push(Param { offset, bytes, align });
        offset += bytes;
    }
    for _ in 0..len {
        let mut inst = dice.inst(Op::ALL);
        let args = operands(dice, &inst);
        match inst.op {
            Op::Bra => inst.imm = dice.below(len + 1) as i32,
            Op::Ld | Op::St | Op::Red => inst.imm = dice.pick(&[0, 4, -8, i32::MAX, i32::MIN]),
            _ => {}
        }
        let mut raw = raw(inst, &args);
        if dice.below(4) == 0 {
            raw.guard = reg(Class::Pred, dice.below(3) as u32);
            raw.inst.negate = dice.below(2) == 0;
        }
        kernel.code.push(raw);
    }
    kernel.code.push(raw(Inst::new(Op::Ret, Ty::None), &[]));
    kernel
}

#[test]
fn random_images_survive_print_and_encoding() {
    let mut dice = Dice(7);
    for round in 0..4000 {
        let constants = (0..dice.below(20)).map(|_| dice.next() as u8).collect();
        let kernels = (0..1 + dice.below(3))
            .map(|k| any_kernel(&mut dice, &format!("k{k}")).canonical().unwrap())
            .collect();
        let image = Image { constants, kernels };
        image.check().unwrap_or_else(|e| panic!("round {round}: {e}\n{}", print(&image)));
        let text = print(&image);
        let lowered = Image::from_ptx(&text).unwrap_or_else(|e| panic!("round {round}: {e}\n{text}"));
        assert_eq!(lowered, image, "round {round}\n{text}");
        let bytes = image.encode();
        assert_eq!(Image::decode(&bytes).as_ref(), Ok(&image));
        let lines: Vec<&str> = text.lines().collect();
        for (index, k) in (0u32..).zip(&image.kernels) {
            let last = crate::print::line_of(&image, index, k.code.len() as u32 - 1);
            assert_eq!(lines[last as usize - 1], "\tret;", "round {round}\n{text}");
            assert_eq!(lines.get(last as usize), Some(&"}"));
        }
    }
}

/// Any bytes, and any change of good bytes, decode to an error or to an image with exactly these bytes.
#[test]
fn decoding_is_total_and_canonical() {
    let mut dice = Dice(8);
    let mut accepted = 0;
    for _ in 0..3000 {
        let image =
            Image { constants: Vec::new(), kernels: vec![any_kernel(&mut dice, "k").canonical().unwrap()] };
        let mut bytes = image.encode();
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(bytes.len());
            bytes[at] = dice.pick(&[0, 1, 2, 0xFF, dice.0 as u8, bytes[at] ^ 1]);
        }
        if dice.below(8) == 0 {
            bytes.truncate(dice.below(bytes.len()));
        }
        if let Ok(image) = Image::decode(&bytes) {
            accepted += 1;
            assert_eq!(image.encode(), bytes);
            assert_eq!(Image::from_ptx(&print(&image)), Ok(image));
        }
    }
    assert!(accepted > 100, "only {accepted} mutants were still images");
    for len in 0..200 {
        let noise: Vec<u8> = (0..len).map(|_| dice.next() as u8).collect();
        assert!(Image::decode(&noise).is_err());
    }
}

/// Registers from a table in memory, random arithmetic with forward branches and a loop, all registers stored.
fn arithmetic_kernel(dice: &mut Dice) -> RawKernel {
    let compute: Vec<Op> = Op::ALL.iter().copied().filter(|op| (*op as u8) < 96).collect();
    let param = |offset| Param { offset, bytes: 8, align: 8 };
    let mut kernel =
        RawKernel { name: "k".to_string(), params: vec![param(0), param(8)], ..RawKernel::default() };
    let code = &mut kernel.code;
    let memory = |op, ty, space: u8, m2: u8| Inst { m: space, m2, ..Inst::new(op, ty) };
    let (input, output, index) = (reg(Class::B64, 90), reg(Class::B64, 91), reg(Class::B64, 92));
    for (to, at) in [(input, 0), (output, 8)] {
        code.push(raw(
            memory(Op::Ld, Ty::B64, 1, 1),
            &[to, Opnd::None, Opnd::None, Opnd::None, Opnd::Const(at)],
        ));
    }
    let row = u64::from(REGS_OF_CLASS) * 24;
    let tid = reg(Class::B32, 93);
    code.push(raw(Inst::new(Op::Mov, Ty::B32), &[tid, Opnd::Special(Special::TidX)]));
    code.push(raw(Inst::new(Op::MulWide, Ty::U32), &[index, tid, Opnd::Const(row)]));
    for base in [input, output] {
        code.push(raw(Inst::new(Op::Add, Ty::U64), &[base, base, index]));
    }
    let classes = [(Class::B64, Ty::B64), (Class::B32, Ty::B32), (Class::B16, Ty::B16)];
    let slot = |c: usize, n: u32| (c as u32 * REGS_OF_CLASS + n) as i32 * 8;
    for (c, (class, ty)) in classes.into_iter().enumerate() {
        for n in 0..REGS_OF_CLASS {
            let mut load =
                raw(memory(Op::Ld, ty, 2, 1), &[reg(class, n), Opnd::None, Opnd::None, Opnd::None, input]);
            load.inst.imm = slot(c, n);
            code.push(load);
        }
    }
    let start = code.len();
    let len = 10 + dice.below(60);
    for k in 0..len {
        let mut one = if dice.below(8) == 0 {
            let mut bra = raw(Inst::new(Op::Bra, Ty::None), &[]);
            bra.inst.imm = (start + k + 1 + dice.below(len - k)) as i32;
            bra
        } else {
            let inst = dice.inst(&compute);
            let args = operands(dice, &inst);
            raw(inst, &args)
        };
        if one.inst.op == Op::Bra || dice.below(5) == 0 {
            one.guard = reg(Class::Pred, dice.below(REGS_OF_CLASS as usize) as u32);
            one.inst.negate = dice.below(2) == 0;
        }
        code.push(one);
    }
    // Once more from the start, three times.
    let (count, again) = (reg(Class::B32, 95), reg(Class::Pred, 96));
    code.push(raw(Inst::new(Op::Add, Ty::U32), &[count, count, Opnd::Const(1)]));
    code.push(raw(
        Inst { m: 2, ..Inst::new(Op::Setp, Ty::U32) },
        &[again, Opnd::None, count, Opnd::Const(3)],
    ));
    let mut bra = raw(Inst { imm: start as i32, ..Inst::new(Op::Bra, Ty::None) }, &[]);
    bra.guard = again;
    code.push(bra);
    for (c, (class, ty)) in classes.into_iter().enumerate() {
        for n in 0..REGS_OF_CLASS {
            let mut store = raw(memory(Op::St, ty, 2, 1), &[output, reg(class, n)]);
            store.inst.imm = slot(c, n);
            code.push(store);
        }
    }
    code.push(raw(Inst::new(Op::Ret, Ty::None), &[]));
    kernel
}

#[test]
fn device_text_computes_what_the_bytecode_does() {
    let mut dice = Dice(9);
    for round in 0..400 {
        let image =
            Image { constants: Vec::new(), kernels: vec![arithmetic_kernel(&mut dice).canonical().unwrap()] };
        image.check().unwrap_or_else(|e| panic!("{e}\n{}", print(&image)));
        let mut memory = FlatMemory::new(32 << 10);
        for word in memory.as_bytes_mut()[..4608].chunks_mut(8) {
            let bits = dice.pick(&[16, 32, 64]);
            word.copy_from_slice(&dice.number(bits).to_le_bytes());
        }
        let before = memory.clone();
        let dims = LaunchDims::new([2, 1, 1], [32, 1, 1]);
        let words = |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
        let program = Program::new(&image, "k", &UnitTable::V1).unwrap();
        let mut launch = Launch::new(&program, dims, &words(&[ARENA_BASE, ARENA_BASE + 8192])).unwrap();
        let BlockOutcome::Done { units, .. } =
            launch.run_block(0, &mut memory, &mut Shadow::new(), u64::MAX).unwrap()
        else {
            panic!("round {round}\n{}", print(&image));
        };
        let text = print_device(&image, &UnitTable::V1);
        let module = Module::from_device_ptx(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let device = Program::new(module.image(), "k", &UnitTable::V1).unwrap();
        let args = DeviceArgs {
            arena: ARENA_BASE,
            arena_bytes: 24 << 10,
            units: ARENA_BASE + 28672,
            status: ARENA_BASE + 30720,
            fuel: u64::MAX,
            shared_bytes: 0,
        };
        let mut params = words(&args.words());
        params.extend(words(&[ARENA_BASE, ARENA_BASE + 8192]));
        let mut on_device = before;
        let mut launch = Launch::new(&device, dims, &params).unwrap();
        let outcome = launch.run_block(0, &mut on_device, &mut Shadow::off(), u64::MAX).unwrap();
        assert!(matches!(outcome, BlockOutcome::Done { .. }), "{outcome:?}\n{text}");
        let same = memory.as_bytes()[..24576] == on_device.as_bytes()[..24576];
        assert!(same, "round {round}\n{}\n{text}", print(&image));
        assert_eq!(on_device.as_bytes()[28672..28680], units.to_le_bytes(), "round {round}: units");
        assert_eq!(on_device.as_bytes()[30720..30724], [0; 4]);
    }
}
