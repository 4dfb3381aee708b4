//! The body of one kernel: scopes, names, labels, and operands with types.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::bytecode::inst::{Class, Inst};
use crate::bytecode::op::{Op, Special, Ty};
use crate::bytecode::{Opnd, RawInst, RawKernel};
use crate::float;
use crate::launch::Space;
use crate::lower::operand::{Number, Operand};
use crate::lower::{Why, reasons};

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding {
    Reg(u32, Class),
    /// A variable at an address.
    Variable(Space, u64),
    /// Dynamic shared memory with this alignment.
    Dynamic(u32),
    /// A module-scope shared variable not yet given an address: alignment, bytes.
    Demoted(u32, u32),
    /// `%r<count>`: the name is the stem; first register and count.
    Range(u32, Class, u32),
    Refused(Why),
}

/// Where generic addresses of the other state spaces begin. Fixed, so that they are the same on every device.
pub(crate) const fn window(space: Space) -> u64 {
    match space {
        Space::Shared => 1 << 32,
        Space::Local => 2 << 32,
        Space::Const => 3 << 32,
        Space::Param | Space::Global => 0,
    }
}

struct Scope<'a> {
    parent: Option<usize>,
    names: BTreeMap<&'a str, Binding>,
    labels: BTreeMap<&'a str, u32>,
}

/// A fault of the whole body, found at its end.
pub(crate) struct Late {
    pub(crate) line: u32,
    pub(crate) why: Why,
}

/// One kernel being lowered.
pub(crate) struct Func<'a> {
    pub(crate) raw: RawKernel,
    scopes: Vec<Scope<'a>>,
    scope: usize,
    regs: u32,
    /// Guard and line of the statement being lowered.
    pub(crate) guard: (Opnd, bool),
    pub(crate) line: u32,
    jumps: Vec<(usize, usize, &'a str)>,
    /// Destinations of atomics, which nothing may read.
    pub(crate) dead: Vec<(u32, u32)>,
    /// Lines of the first generic access, and of the first generic address of another space.
    pub(crate) generic: Option<u32>,
    pub(crate) windowed: Option<u32>,
}

impl<'a> Func<'a> {
    pub(crate) fn new(raw: RawKernel, globals: BTreeMap<&'a str, Binding>) -> Self {
        let root = Scope { parent: None, names: globals, labels: BTreeMap::new() };
        Self {
            raw,
            scopes: vec![root],
            scope: 0,
            regs: 0,
            guard: (Opnd::None, false),
            line: 0,
            jumps: Vec::new(),
            dead: Vec::new(),
            generic: None,
            windowed: None,
        }
    }

    pub(crate) fn open(&mut self) {
        self.scopes.push(Scope { parent: Some(self.scope), names: BTreeMap::new(), labels: BTreeMap::new() });
        self.scope = self.scopes.len() - 1;
    }

    /// Closes the innermost scope; false if it is the kernel's own.
    pub(crate) fn close(&mut self) -> bool {
        match self.scopes[self.scope].parent {
            Some(parent) => {
                self.scope = parent;
                true
            }
            None => false,
        }
    }

    pub(crate) fn bind(&mut self, name: &'a str, binding: Binding) -> Result<(), Why> {
        match self.scopes[self.scope].names.insert(name, binding) {
            None => Ok(()),
            Some(_) if self.scope == 0 => Ok(()),
            Some(_) => Err(Why::new("a name declared twice")),
        }
    }

    pub(crate) fn bind_reg(&mut self, name: &'a str, class: Class) -> Result<(), Why> {
        let id = self.regs;
        self.regs += 1;
        self.bind(name, Binding::Reg(id, class))
    }

    /// Registers declared as `%r<100>`: found by their stem and number.
    pub(crate) fn bind_range(&mut self, stem: &'a str, class: Class, count: u32) -> Result<(), Why> {
        let base = self.regs;
        self.regs = base.checked_add(count).filter(|n| *n < 1 << 24).ok_or(Why::new("too many registers"))?;
        self.bind(stem, Binding::Range(base, class, count))
    }

    /// Allocates a variable of the kernel.
    pub(crate) fn allocate(&mut self, space: Space, align: u32, bytes: u32) -> Result<Binding, Why> {
        let size = if space == Space::Shared { &mut self.raw.shared } else { &mut self.raw.local };
        let at = size.checked_next_multiple_of(align).ok_or(Why::new("the variable is too large"))?;
        *size = at.checked_add(bytes).ok_or(Why::new("the variable is too large"))?;
        Ok(Binding::Variable(space, u64::from(at)))
    }

    pub(crate) fn lookup(&mut self, name: &'a str) -> Result<Binding, Why> {
        let mut scope = Some(self.scope);
        while let Some(s) = scope {
            if let Some(found) =
                self.scopes[s].names.get(name).copied().filter(|b| !matches!(b, Binding::Range(..)))
            {
                return self.settle(s, name, found);
            }
            if let Some(reg) = self.in_range(s, name) {
                return Ok(reg);
            }
            scope = self.scopes[s].parent;
        }
        Err(reasons::name(name))
    }

    fn settle(&mut self, scope: usize, name: &'a str, found: Binding) -> Result<Binding, Why> {
        match found {
            Binding::Demoted(align, bytes) => {
                let variable = self.allocate(Space::Shared, align, bytes)?;
                self.scopes[scope].names.insert(name, variable);
                Ok(variable)
            }
            Binding::Dynamic(align) => {
                self.raw.dynamic_align = Some(self.raw.dynamic_align.unwrap_or(16).max(align));
                Ok(found)
            }
            Binding::Refused(why) => Err(why),
            other => Ok(other),
        }
    }

    fn in_range(&self, scope: usize, name: &str) -> Option<Binding> {
        let digits = name.len() - name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (stem, number) = name.split_at(digits);
        if number.is_empty() || (number.len() > 1 && number.starts_with('0')) {
            return None;
        }
        let Some(Binding::Range(base, class, count)) = self.scopes[scope].names.get(stem).copied() else {
            return None;
        };
        let index: u32 = number.parse().ok().filter(|n| *n < count)?;
        Some(Binding::Reg(base + index, class))
    }

    pub(crate) fn label(&mut self, name: &'a str) -> Result<(), Why> {
        let at = self.raw.code.len() as u32;
        match self.scopes[self.scope].labels.insert(name, at) {
            None => Ok(()),
            Some(_) => Err(Why::new("a label declared twice")),
        }
    }

    pub(crate) fn jump(&mut self, target: &'a str) {
        self.jumps.push((self.raw.code.len(), self.scope, target));
    }

    /// Adds an instruction under the statement's guard.
    pub(crate) fn emit(&mut self, mut inst: Inst, args: &[Opnd]) {
        let mut all = [Opnd::None; 6];
        all[..args.len()].copy_from_slice(args);
        inst.negate = self.guard.1;
        self.raw.code.push(RawInst { inst, guard: self.guard.0, args: all, line: self.line });
    }

    /// Resolves labels, ends the body and checks what only the whole body can tell.
    pub(crate) fn finish(mut self) -> Result<RawKernel, Late> {
        self.guard = (Opnd::None, false);
        let ends = self.raw.code.last().is_some_and(|r| r.guard == Opnd::None && r.inst.is_terminator());
        let reaches_end =
            self.scopes.iter().flat_map(|s| s.labels.values()).any(|pc| *pc as usize == self.raw.code.len());
        if !ends || reaches_end {
            self.emit(Inst::new(Op::Ret, Ty::None), &[]);
        }
        for (pc, scope, name) in core::mem::take(&mut self.jumps) {
            let mut at = Some(scope);
            let target = loop {
                let Some(s) = at else {
                    return Err(Late {
                        line: self.raw.code[pc].line,
                        why: Why::new("a branch to a label that does not exist"),
                    });
                };
                if let Some(t) = self.scopes[s].labels.get(name) {
                    break *t;
                }
                at = self.scopes[s].parent;
            };
            self.raw.code[pc].inst.imm = target as i32;
        }
        if let (Some(line), Some(_)) = (self.generic, self.windowed) {
            let why = Why {
                reason: "a generic access in a kernel that also makes generic addresses of shared or local memory",
                instead: "pointers whose space the compiler can see (no mixing of shared and global pointers in one variable)",
            };
            return Err(Late { line, why });
        }
        for (reg, line) in &self.dead {
            let read = self.raw.code.iter().any(|r| {
                let sources = if r.inst.op == Op::Ld { 4..6 } else { 0..6 };
                is_reg(r.guard, *reg)
                    || (r.args[sources]
                        .iter()
                        .enumerate()
                        .any(|(i, a)| is_reg(*a, *reg) && !is_dst(&r.inst, i)))
            });
            if read {
                let why = Why {
                    reason: "the result of an atomic depends on the order in which threads arrive",
                    instead: "an atomic whose result is not used, or a second launch",
                };
                return Err(Late { line: *line, why });
            }
        }
        Ok(self.raw)
    }

    /// A destination register.
    pub(crate) fn dst(&mut self, operand: &Operand<'a>) -> Result<Opnd, Why> {
        let Operand::Name(name) = operand else { return Err(Why::new("the destination is not a register")) };
        match self.lookup(name)? {
            Binding::Reg(id, class) => Ok(Opnd::Reg(id, class)),
            _ => Err(Why::new("the destination is not a register")),
        }
    }

    /// A destination that may be `_`.
    pub(crate) fn dst_or_none(&mut self, operand: &Operand<'a>) -> Result<Opnd, Why> {
        if *operand == Operand::Name("_") { Ok(Opnd::None) } else { self.dst(operand) }
    }

    /// A source of this type: a register, a number, a special register, an address of a variable.
    pub(crate) fn src(&mut self, operand: &Operand<'a>, ty: Ty) -> Result<Opnd, Why> {
        match operand {
            Operand::Number(n) => literal(*n, ty).map(Opnd::Const),
            Operand::Name("WARP_SZ") => Ok(Opnd::Const(32)),
            Operand::Name(name) => {
                if let Some(special) = Special::from_word(name) {
                    return Ok(Opnd::Special(special));
                }
                match self.lookup(name)? {
                    Binding::Reg(id, class) => Ok(Opnd::Reg(id, class)),
                    binding => address_of(binding, 0),
                }
            }
            Operand::Offset(name, offset) => {
                let binding = self.lookup(name)?;
                address_of(binding, *offset)
            }
            _ => Err(Why::new("an operand of another form is expected")),
        }
    }

    /// A predicate source that may be negated.
    pub(crate) fn pred(&mut self, operand: &Operand<'a>) -> Result<(Opnd, bool), Why> {
        match operand {
            Operand::Not(name) => Ok((self.src(&Operand::Name(name), Ty::Pred)?, true)),
            other => Ok((self.src(other, Ty::Pred)?, false)),
        }
    }
}

fn is_reg(opnd: Opnd, reg: u32) -> bool {
    matches!(opnd, Opnd::Reg(id, _) if id == reg)
}

fn is_dst(inst: &Inst, position: usize) -> bool {
    use crate::bytecode::inst::Kind;
    inst.shape().is_ok_and(|s| matches!(s[position], Kind::D(_) | Kind::O(_) | Kind::Dw(_)))
}

fn address_of(binding: Binding, offset: i64) -> Result<Opnd, Why> {
    match binding {
        Binding::Variable(Space::Param, _) => {
            Err(Why::new("the address of a parameter is not in the profile"))
        }
        Binding::Variable(_, at) => Ok(Opnd::Const(at.wrapping_add_signed(offset))),
        Binding::Dynamic(_) => Ok(Opnd::Dynamic(offset as u64)),
        _ => Err(Why::new("an offset can only follow a variable")),
    }
}

fn literal(n: Number, ty: Ty) -> Result<u64, Why> {
    Ok(match (n, ty) {
        (Number::Int(_), Ty::F32 | Ty::F64) => return Err(Why::new("an integer where a float is expected")),
        (Number::Int(n), Ty::Pred) => u64::from(n != 0),
        (Number::Int(n), _) => n & ty.mask(),
        (Number::F32(n), Ty::F64) => float::f64_of_f32(n),
        (Number::F32(n), _) => u64::from(n) & ty.mask(),
        (Number::F64(n), Ty::F32) => u64::from(float::f32_of_f64(n, float::Round::Rn)),
        (Number::F64(n), _) => n & ty.mask(),
    })
}
