//! The printer for GPUs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use crate::bytecode::inst::{Class, Inst, Kind};
use crate::bytecode::op::{Op, Ty};
use crate::bytecode::{Image, Kernel, Param};
use crate::error::Refusal;
use crate::exec::UnitTable;
use crate::float::{NAN32, NAN64};
use crate::launch::{ARENA_BASE, Space};
use crate::print::flow::{float_only, leaders, makes_nan, read_before_written, takes_nan};
use crate::print::names::{Names, declared, stem};
use crate::print::text::{Replaced, bare, constants, header, parameter, targets};

/// First line of every device text.
const MARK: &str = "// assay device text 1";

/// Parameters that device text puts before the kernel's own: all 64-bit, in the order of [`DeviceArgs::words`].
const RESERVED: [&str; 6] =
    ["assay_arena", "assay_arena_bytes", "assay_units", "assay_status", "assay_fuel", "assay_shared_bytes"];

/// The reserved parameters of a kernel in device text.
///
/// A launch passes these six words, then the kernel's own parameters, and **all** shared memory (static and dynamic)
/// as dynamic shared memory. Addresses are the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceArgs {
    /// Address of the arena's first byte, a multiple of 256.
    pub arena: u64,
    /// Length of the arena in bytes.
    pub arena_bytes: u64,
    /// Address of one u64 for each block of the grid, zero before the launch: work units of the block.
    pub units: u64,
    /// Address of a u32, zero before the launch: one of the `STATUS_*` bits if the launch must be judged by the
    /// reference interpreter from the memory at its start.
    pub status: u64,
    /// Units a single thread may use before it gives up.
    pub fuel: u64,
    /// Static plus dynamic shared memory in bytes.
    pub shared_bytes: u64,
}

impl DeviceArgs {
    /// Bit of the status word: a thread used more than the fuel.
    pub const STATUS_OUT_OF_FUEL: u32 = 1;
    /// Bit of the status word: a bounds guard or `trap` ended a thread.
    pub const STATUS_FAULT: u32 = 2;

    /// The words in parameter order.
    pub const fn words(&self) -> [u64; 6] {
        [self.arena, self.arena_bytes, self.units, self.status, self.fuel, self.shared_bytes]
    }
}

/// A module of device text, as a stand-in for a GPU loads it.
#[derive(Clone, Debug)]
pub struct Module {
    image: Image,
}

impl Module {
    /// Reads text that [`print_device`] wrote. Run its kernels with [`crate::Shadow::off`] and a memory whose
    /// [`crate::Memory::base`] is the device's: global addresses in it are device addresses.
    pub fn from_device_ptx(text: &str) -> Result<Self, Refusal> {
        if !text.starts_with(MARK) {
            let (line, instruction) = (1, text.lines().next().unwrap_or("").chars().take(120).collect());
            let reason = "a device runs only text that was printed from an image".to_string();
            return Err(Refusal {
                line,
                instruction,
                reason,
                instead: "Image::from_ptx, then print_device".to_string(),
            });
        }
        Image::from_ptx(text).map(|image| Self { image })
    }

    /// The kernels, with the reserved parameters first.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

/// PTX for a GPU, printed from the bytecode. Never lowered to an image that a job could name.
///
/// On top of the instructions: a 64-bit unit counter per thread (one add per basic block), summed per block at the
/// end; a fuel check on every backward branch; arena-relative addressing with bounds guards; guards of integer
/// division; canonical NaNs where a float's bits can be seen; zeroed local memory and registers.
pub fn print_device(image: &Image, units: &UnitTable) -> String {
    let mut out = format!("{MARK}\n{}.extern .shared .align 128 .b8 shared_memory[];\n", header(image));
    constants(&mut out, &image.constants);
    for kernel in &image.kernels {
        Printer::new(image, kernel, units).print(&mut out);
    }
    out
}

struct Printer<'k> {
    constant_bytes: u64,
    k: &'k Kernel,
    units: &'k UnitTable,
    names: Names<'k>,
    pure: Vec<bool>,
    body: String,
}

impl<'k> Printer<'k> {
    fn new(image: &Image, k: &'k Kernel, units: &'k UnitTable) -> Self {
        let constant_bytes = image.constants.len() as u64;
        Self { constant_bytes, k, units, names: Names::new(k), pure: float_only(k), body: String::new() }
    }

    fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.body, "\t{}", text.as_ref());
    }

    fn print(mut self, out: &mut String) {
        self.header();
        self.prologue();
        let leaders = leaders(self.k);
        let labels = targets(self.k);
        for (n, start) in leaders.iter().enumerate() {
            let end = leaders.get(n + 1).copied().unwrap_or(self.k.code.len());
            if labels.contains(&(*start as u32)) {
                let _ = writeln!(self.body, "$L{start}:");
            }
            let weight: u64 = self.k.code[*start..end].iter().map(|i| self.units.weight(i)).sum();
            self.line(format!("add.u64 %au, %au, {weight};"));
            for pc in *start..end {
                self.instruction(pc);
            }
        }
        self.epilogue();
        out.push_str(&self.body);
    }

    fn header(&mut self) {
        let _ = writeln!(self.body, ".visible .entry {}(", self.k.name);
        let mut params: Vec<String> = RESERVED.iter().map(|name| format!("\t.param .b64 {name}")).collect();
        params.extend(
            self.k.params.iter().enumerate().map(|(i, p)| format!("\t{}", parameter(p, &format!("p{i}")))),
        );
        self.body.push_str(&params.join(",\n"));
        self.body.push_str("\n)\n{\n");
        if self.k.local > 0 {
            self.line(format!(".local .align 128 .b8 local_memory[{}];", self.k.local.next_multiple_of(4)));
        }
        for class in Class::ALL {
            let count = self.names.counts[class as usize];
            if count > 0 {
                self.line(format!(".reg .{} {}<{count}>;", declared(class), stem(class)));
            }
        }
        self.line(".reg .pred %ap<2>; .reg .b16 %ah<2>; .reg .b32 %aw<8>; .reg .b64 %ad<8>;");
        self.line(".reg .b64 %au, %aunits, %astatus, %afuel, %aarena, %ashared, %aconst, %alocal, %ag<17>, %as<17>;");
    }

    fn prologue(&mut self) {
        self.line("mov.b64 %au, 0;");
        self.line("ld.param.b64 %astatus, [assay_status];");
        self.line("ld.param.b64 %afuel, [assay_fuel];");
        self.line("ld.param.b64 %aunits, [assay_units];");
        // Linear block index, eight bytes each.
        for (word, special) in
            ["%ctaid.z", "%nctaid.y", "%ctaid.y", "%nctaid.x", "%ctaid.x"].iter().enumerate()
        {
            self.line(format!("mov.u32 %aw{word}, {special};"));
        }
        self.line("mad.lo.u32 %aw0, %aw0, %aw1, %aw2;");
        self.line("cvt.u64.u32 %ad0, %aw4;");
        self.line("mad.wide.u32 %ad0, %aw0, %aw3, %ad0;");
        self.line("shl.b64 %ad0, %ad0, 3;");
        self.line("add.u64 %aunits, %aunits, %ad0;");
        self.limits(Space::Global, "assay_arena_bytes", "%ag");
        self.limits(Space::Shared, "assay_shared_bytes", "%as");
        self.line("ld.param.b64 %aarena, [assay_arena];");
        if self.touches(Space::Shared) {
            self.line("mov.u64 %ashared, shared_memory;");
        }
        if self.touches(Space::Const) && self.constant_bytes > 0 {
            self.line("mov.u64 %aconst, constants;");
        }
        if self.k.local > 0 {
            self.line("mov.u64 %alocal, local_memory;");
            self.line("mov.b32 %aw0, 0;");
            self.line("mov.b64 %ad0, 0;");
            self.body.push_str("$ASSAY_ZERO:\n");
            self.line("add.u64 %ad1, %alocal, %ad0;");
            self.line("st.local.b32 [%ad1], %aw0;");
            self.line("add.u64 %ad0, %ad0, 4;");
            self.line(format!("setp.lt.u64 %ap0, %ad0, {};", self.k.local));
            self.line("@%ap0 bra $ASSAY_ZERO;");
        }
        for r in read_before_written(self.k) {
            let (name, class) = (self.names.reg(r), self.k.regs[usize::from(r)]);
            self.line(format!("mov.{} {name}, 0;", declared(class)));
        }
        if self.k.code.iter().any(|i| matches!(i.op, Op::AddC | Op::SubC | Op::MadLoC | Op::MadHiC)) {
            self.line("mov.b32 %aw0, 0;");
            self.line("add.cc.u32 %aw0, %aw0, %aw0;");
        }
    }

    fn touches(&self, space: Space) -> bool {
        self.k.code.iter().any(|i| matches!(i.op, Op::Ld | Op::St | Op::Red) && i.m == space as u8)
    }

    /// For each access size used in a space: length minus size. A space shorter than an access is for the reference.
    fn limits(&mut self, space: Space, param: &str, limit: &str) {
        let mut sizes: Vec<u32> = self
            .k
            .code
            .iter()
            .filter(|i| matches!(i.op, Op::Ld | Op::St | Op::Red) && i.m == space as u8)
            .map(size)
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            self.line(format!("ld.param.b64 %ad0, [{param}];"));
            self.line(format!("setp.lt.u64 %ap0, %ad0, {size};"));
            self.line("@%ap0 bra $ASSAY_FAULT;");
            self.line(format!("sub.u64 {limit}{size}, %ad0, {size};"));
        }
    }

    fn epilogue(&mut self) {
        self.body.push_str("$ASSAY_END:\n");
        self.line("red.global.add.u64 [%aunits], %au;");
        self.line("ret;");
        for (label, bit) in
            [("$ASSAY_FUEL", DeviceArgs::STATUS_OUT_OF_FUEL), ("$ASSAY_FAULT", DeviceArgs::STATUS_FAULT)]
        {
            let _ = writeln!(self.body, "{label}:");
            self.line(format!("mov.b32 %aw0, {bit};"));
            self.line("red.global.or.b32 [%astatus], %aw0;");
            self.line("ret;");
        }
        self.body.push_str("}\n");
    }

    fn instruction(&mut self, pc: usize) {
        let i = self.k.code[pc];
        let guard = crate::print::text::guard(&self.names, &i);
        match i.op {
            Op::Bra => {
                if i.imm as usize <= pc {
                    self.line("setp.gt.u64 %ap0, %au, %afuel;");
                    self.line("@%ap0 bra $ASSAY_FUEL;");
                }
                return self.line(format!("{guard}bra $L{};", i.imm));
            }
            Op::Ret => return self.line(format!("{guard}bra $ASSAY_END;")),
            Op::Trap => return self.line(format!("{guard}bra $ASSAY_FAULT;")),
            _ => {}
        }
        // What needs more than one instruction is jumped over when the guard fails.
        let start = self.body.len();
        let mut statements = self.expanded(&i);
        match (statements.len(), i.guard.as_reg()) {
            (1, _) => self.line(format!("{guard}{}", statements.remove(0))),
            (_, Some(r)) => {
                let not = if i.negate { "" } else { "!" };
                let skip = format!("@{not}{} bra $S{pc};", self.names.reg(r));
                self.line(skip);
                statements.iter().for_each(|s| self.line(s));
                let _ = writeln!(self.body, "$S{pc}:");
            }
            (_, None) => statements.iter().for_each(|s| self.line(s)),
        }
        debug_assert!(self.body.len() > start, "every instruction prints something");
    }

    fn expanded(&self, i: &Inst) -> Vec<String> {
        let mut before = Vec::new();
        let mut replaced = Replaced::default();
        self.escapes(i, &mut before, &mut replaced);
        if matches!(i.op, Op::Ld | Op::St | Op::Red) && !self.place(i, &mut before, &mut replaced) {
            return alloc::vec!["bra $ASSAY_FAULT;".to_string()];
        }
        let mut out = before;
        if matches!(i.op, Op::Div | Op::Rem) {
            out.extend(self.division(i, &replaced));
            return out;
        }
        out.push(format!("{};", bare(self.k, &self.names, i, &replaced)));
        if makes_nan(i)
            && let Some(d) = i.args[0].as_reg().filter(|d| !self.pure[usize::from(*d)])
        {
            let d = self.names.reg(d);
            out.extend(canonical(&d, &d, i.ty.bits()));
        }
        out
    }

    /// Makes NaNs canonical in operands whose bits can be seen.
    fn escapes(&self, i: &Inst, before: &mut Vec<String>, replaced: &mut Replaced) {
        let shape = i.shape().unwrap_or([Kind::N; 6]);
        let into_pure = i.op == Op::Mov && i.args[0].as_reg().is_some_and(|d| self.pure[usize::from(d)]);
        for (position, kind) in shape.into_iter().enumerate() {
            let Some(r) =
                i.args[position].as_reg().filter(|_| matches!(kind, Kind::S(_) | Kind::Sw(_) | Kind::A(_)))
            else {
                continue;
            };
            let class = self.k.regs[usize::from(r)];
            let float = matches!(class, Class::B32 | Class::B64) && self.pure[usize::from(r)];
            if !float || into_pure || takes_nan(i, position) {
                continue;
            }
            let temp = format!("%a{}{}", if class == Class::B32 { "w" } else { "d" }, position + 2);
            before.extend(canonical(&temp, &self.names.reg(r), class.bits()));
            replaced[position] = Some(temp);
        }
    }

    /// Computes the address of an access; false if it is certainly outside.
    fn place(&self, i: &Inst, before: &mut Vec<String>, replaced: &mut Replaced) -> bool {
        let position = if i.op == Op::Ld { 4 } else { 0 };
        let space = Space::from_byte(i.m).unwrap_or(Space::Global);
        let base = replaced[position].take().unwrap_or_else(|| self.names.arg(i.args[position], Ty::B64));
        let constant = self.names.constant_of(i.args[position]);
        let size = u64::from(size(i));
        if space == Space::Param {
            let at = constant.unwrap_or(u64::MAX);
            let inside = |p: &Param| {
                u64::from(p.offset) <= at && at.saturating_add(size) <= u64::from(p.offset + p.bytes)
            };
            return self.k.params.iter().any(inside);
        }
        let origin = if space == Space::Global { ARENA_BASE } else { 0 };
        let offset = i64::from(i.imm).wrapping_sub(origin as i64);
        let narrow = i.args[position].as_reg().is_some_and(|r| self.k.regs[usize::from(r)] == Class::B32);
        match (constant, narrow) {
            (Some(at), _) => before.push(format!("mov.b64 %ad0, {};", at.wrapping_sub(origin))),
            (None, true) => {
                before.push(format!("cvt.u64.u32 %ad0, {base};"));
                before.push(format!("add.s64 %ad0, %ad0, {offset};"));
            }
            (None, false) => before.push(format!("add.s64 %ad0, {base}, {offset};")),
        }
        let (limit, start) = match space {
            Space::Global => (format!("%ag{size}"), "%aarena"),
            Space::Shared => (format!("%as{size}"), "%ashared"),
            Space::Local => (within(u64::from(self.k.local), size), "%alocal"),
            _ => (within(self.constant_bytes, size), "%aconst"),
        };
        if limit.is_empty() {
            return false;
        }
        before.push(format!("setp.gt.u64 %ap0, %ad0, {limit};"));
        before.push("@%ap0 bra $ASSAY_FAULT;".to_string());
        before.push(format!("add.s64 %ad0, %ad0, {start};"));
        replaced[position] = Some("[%ad0]".to_string());
        true
    }

    /// `x / 0` is all ones, `x % 0` is `x`, `MIN / -1` is `MIN`, `MIN % -1` is 0.
    fn division(&self, i: &Inst, replaced: &Replaced) -> Vec<String> {
        let (ty, bits) = (i.ty.word(), i.ty.untyped().word());
        let temp = match i.ty.bits() {
            16 => "%ah",
            32 => "%aw",
            _ => "%ad",
        };
        let arg = |n: usize| replaced[n].clone().unwrap_or_else(|| self.names.arg(i.args[n], i.ty));
        let (d, a, b, ones) = (arg(0), arg(1), arg(2), i.ty.mask());
        let by_zero = if i.op == Op::Div { format!("{ones}") } else { a.clone() };
        let quotient = [Some(format!("{temp}0")), Some(a.clone()), Some(b.clone()), None, None, None];
        let mut out = alloc::vec![
            format!("{};", bare(self.k, &self.names, i, &quotient)),
            format!("setp.eq.{} %ap0, {b}, 0;", i.ty.unsigned().word()),
            format!("selp.{bits} {temp}0, {by_zero}, {temp}0, %ap0;"),
        ];
        if i.ty.is_signed() {
            out.push(format!("setp.eq.{} %ap0, {b}, {ones};", i.ty.unsigned().word()));
            let by_minus_one = if i.op == Op::Div {
                out.push(format!("neg.{ty} {temp}1, {a};"));
                format!("{temp}1")
            } else {
                "0".to_string()
            };
            out.push(format!("selp.{bits} {temp}0, {by_minus_one}, {temp}0, %ap0;"));
        }
        out.push(format!("mov.{bits} {d}, {temp}0;"));
        out
    }
}

/// Largest offset of an access in a space of known length; empty if there is none.
fn within(len: u64, size: u64) -> String {
    len.checked_sub(size).map_or(String::new(), |limit| limit.to_string())
}

fn size(i: &Inst) -> u32 {
    let n = if i.op == Op::Red { 1 } else { i.vector() as u32 };
    n * i.ty.bytes()
}

fn canonical(to: &str, from: &str, bits: u32) -> [String; 2] {
    let nan = if bits == 32 { u64::from(NAN32) } else { NAN64 };
    [format!("setp.nan.f{bits} %ap0, {from}, {from};"), format!("selp.b{bits} {to}, {nan}, {from}, %ap0;")]
}
