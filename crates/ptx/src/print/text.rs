//! The one-to-one printer.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::bytecode::inst::Class;
use crate::bytecode::inst::{Inst, NEG_C};
use crate::bytecode::op::Op;
use crate::bytecode::{Image, Kernel, Param};
use crate::launch::Space;
use crate::print::mnemonic::{mnemonic, source_type};
use crate::print::names::{Names, declared, stem};

/// PTX text of an image, one line an instruction: `Image::from_ptx(&print(&i)) == Ok(i)`.
///
/// [`crate::Fault::line`] counts lines of this text.
pub fn print(image: &Image) -> String {
    let mut out = header(image);
    constants(&mut out, &image.constants);
    for kernel in &image.kernels {
        print_kernel(&mut out, kernel);
    }
    out
}

/// Version and target: the lowest that have every instruction of the image.
pub(crate) fn header(image: &Image) -> String {
    let redux = image.kernels.iter().any(|k| k.code.iter().any(|i| i.op == Op::Redux));
    format!(".version 7.1\n.target {}\n.address_size 64\n", if redux { "sm_80" } else { "sm_75" })
}

/// Line of a kernel's instruction in [`print()`]'s text, from 1.
pub(crate) fn line_of(image: &Image, kernel: u32, pc: u32) -> u32 {
    let mut line = 3 + u32::from(!image.constants.is_empty());
    for (index, k) in (0..).zip(&image.kernels) {
        let labels = targets(k);
        line += head_lines(k);
        if index == kernel {
            return line + labels.range(..=pc).count() as u32 + pc + 1;
        }
        line += labels.len() as u32 + k.code.len() as u32 + 1;
    }
    line
}

pub(crate) fn constants(out: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let list: Vec<String> = bytes.iter().map(|b| format!("{b}")).collect();
    let _ = writeln!(out, ".const .align 128 .b8 constants[{}] = {{{}}};", bytes.len(), list.join(", "));
}

pub(crate) fn targets(k: &Kernel) -> BTreeSet<u32> {
    k.code.iter().filter(|i| i.op == Op::Bra).map(|i| i.imm as u32).collect()
}

pub(crate) fn parameter(p: &Param, name: &str) -> String {
    let ty = match (p.bytes, p.align) {
        (1, 1) => "b8",
        (2, 2) => "b16",
        (4, 4) => "b32",
        (8, 8) => "b64",
        (bytes, align) => return format!(".param .align {align} .b8 {name}[{bytes}]"),
    };
    format!(".param .{ty} {name}")
}

fn head_lines(k: &Kernel) -> u32 {
    let classes = Class::ALL.iter().filter(|c| k.regs.contains(c)).count() as u32;
    1 + k.params.len() as u32 + 2 + u32::from(k.shared > 0) + u32::from(k.local > 0) + classes
}

fn print_kernel(out: &mut String, k: &Kernel) {
    let names = Names::new(k);
    let _ = writeln!(out, ".visible .entry {}(", k.name);
    for (i, p) in k.params.iter().enumerate() {
        let comma = if i + 1 < k.params.len() { "," } else { "" };
        let _ = writeln!(out, "\t{}{comma}", parameter(p, &format!("p{i}")));
    }
    out.push_str(")\n{\n");
    if k.shared > 0 {
        let _ = writeln!(out, "\t.shared .align 128 .b8 shared_memory[{}];", k.shared);
    }
    if k.local > 0 {
        let _ = writeln!(out, "\t.local .align 128 .b8 local_memory[{}];", k.local);
    }
    for class in Class::ALL {
        if names.counts[class as usize] > 0 {
            let _ = writeln!(
                out,
                "\t.reg .{} {}<{}>;",
                declared(class),
                stem(class),
                names.counts[class as usize]
            );
        }
    }
    let labels = targets(k);
    for (pc, inst) in (0u32..).zip(&k.code) {
        if labels.contains(&pc) {
            let _ = writeln!(out, "$L{pc}:");
        }
        let _ = writeln!(out, "\t{}", statement(k, &names, inst));
    }
    out.push_str("}\n");
}

pub(crate) fn guard(names: &Names<'_>, inst: &Inst) -> String {
    match inst.guard.as_reg() {
        Some(r) => format!("@{}{} ", if inst.negate { "!" } else { "" }, names.reg(r)),
        None => String::new(),
    }
}

/// One instruction with its guard and semicolon.
fn statement(k: &Kernel, names: &Names<'_>, inst: &Inst) -> String {
    format!("{}{};", guard(names, inst), bare(k, names, inst, &Replaced::default()))
}

/// Operands to write differently, by position; addresses with their brackets.
pub(crate) type Replaced = [Option<String>; 6];

/// One instruction without its guard.
pub(crate) fn bare(k: &Kernel, names: &Names<'_>, inst: &Inst, replaced: &Replaced) -> String {
    let op = mnemonic(inst);
    let arg = |i: usize| replaced[i].clone().unwrap_or_else(|| names.arg(inst.args[i], source_type(inst, i)));
    let address = |i: usize| replaced[i].clone().unwrap_or_else(|| address(k, names, inst, i));
    let not = |i: usize| format!("{}{}", if inst.m2 & 1 != 0 { "!" } else { "" }, arg(i));
    let list = |range: core::ops::Range<usize>| {
        let parts: Vec<String> = range.map(arg).collect();
        if parts.len() == 1 { parts.concat() } else { format!("{{{}}}", parts.join(", ")) }
    };
    let pair =
        |i: usize| if inst.args[i + 1].is_none() { arg(i) } else { format!("{}|{}", arg(i), arg(i + 1)) };
    match inst.op {
        Op::Ret | Op::Trap => op,
        Op::Bra => format!("{op} $L{}", inst.imm),
        Op::Bar => format!("{op} 0"),
        Op::BarRed => format!("{op} {}, 0, {}", arg(0), not(1)),
        Op::Vote => format!("{op} {}, {}, {}", arg(0), not(1), arg(2)),
        Op::Shfl => format!("{op} {}, {}, {}, {}, {}", pair(0), arg(2), arg(3), arg(4), arg(5)),
        Op::Match => format!("{op} {}, {}, {}", pair(0), arg(2), arg(3)),
        Op::Unpack => {
            format!("{op} {}, {}", list(1..1 + (inst.ty.bits() / inst.ty2.bits()) as usize), arg(0))
        }
        Op::Pack => format!("{op} {}, {}", arg(0), list(1..1 + (inst.ty.bits() / inst.ty2.bits()) as usize)),
        Op::Ld => format!("{op} {}, {}", list(0..inst.vector()), address(4)),
        Op::St => format!("{op} {}, {}", address(0), list(1..1 + inst.vector())),
        Op::Red => format!("{op} {}, {}", address(0), arg(1)),
        Op::Lop3 => format!("{op} {}, {}, {}, {}, {}", arg(0), arg(1), arg(2), arg(3), inst.imm),
        Op::Setp | Op::Set => {
            let (d, first) = if inst.op == Op::Setp { (pair(0), 2) } else { (arg(0), 1) };
            let c = match inst.m2 & 3 {
                0 => String::new(),
                _ => format!(", {}{}", if inst.m2 & NEG_C != 0 { "!" } else { "" }, arg(first + 2)),
            };
            format!("{op} {d}, {}, {}{c}", arg(first), arg(first + 1))
        }
        _ => {
            let count = inst.args.iter().take_while(|a| !a.is_none()).count();
            let parts: Vec<String> = (0..count).map(arg).collect();
            format!("{op} {}", parts.join(", "))
        }
    }
}

fn address(k: &Kernel, names: &Names<'_>, inst: &Inst, position: usize) -> String {
    let base = inst.args[position];
    match (names.constant_of(base), inst.imm) {
        (Some(at), _) if inst.m == Space::Param as u8 => parameter_address(k, at),
        (Some(at), _) => format!("[{at}]"),
        (None, 0) => format!("[{}]", names.arg(base, inst.ty)),
        (None, imm) => format!("[{}+{imm}]", names.arg(base, inst.ty)),
    }
}

/// `[p2+4]`; an address outside every parameter is written as a number.
fn parameter_address(k: &Kernel, at: u64) -> String {
    let inside = |p: &Param| (u64::from(p.offset)..u64::from(p.offset + p.bytes)).contains(&at);
    match k.params.iter().enumerate().find(|(_, p)| inside(p)) {
        Some((i, p)) if at == u64::from(p.offset) => format!("[p{i}]"),
        Some((i, p)) => format!("[p{i}+{}]", at - u64::from(p.offset)),
        None => format!("[{at}]"),
    }
}
