//! Modules: directives, variables, entries and their statements.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bytecode::op::Ty;
use crate::bytecode::{Image, Kernel, Param, RawKernel};
use crate::error::{DecodeError, Refusal};
use crate::launch::Space;
use crate::lower::Why;
use crate::lower::func::{Binding, Func};
use crate::lower::lex::{Tok, tokens};
use crate::lower::memory::declared_bytes;
use crate::lower::operand::{Number, number};

impl Image {
    /// Lowers PTX text to canonical bytecode.
    ///
    /// The text is what NVRTC 12 and clang 19 emit (PTX ISA 6.3 to 8.8, 64-bit addresses). Whatever the profile does
    /// not have is refused with its line, the reason and what to use instead. Unused `.func`s are skipped.
    pub fn from_ptx(text: &str) -> Result<Self, Refusal> {
        let toks = tokens(text)?;
        let mut p = Parser {
            text,
            toks: &toks,
            at: 0,
            globals: BTreeMap::new(),
            constants: Vec::new(),
            kernels: Vec::new(),
            lines: Vec::new(),
        };
        while p.at < toks.len() {
            p.item()?;
        }
        let Parser { constants, kernels, lines, .. } = p;
        let image = Self { constants, kernels };
        image.check().map_err(|e| refusal_of(&e, &image, &lines, text))?;
        Ok(image)
    }
}

/// A broken rule of the bytecode, told in terms of the text.
fn refusal_of(error: &DecodeError, image: &Image, lines: &[Vec<u32>], text: &str) -> Refusal {
    let (line, reason) = match error {
        DecodeError::Instruction { kernel, pc, reason } => (
            lines.get(*kernel as usize).and_then(|l| l.get(*pc as usize)).copied().unwrap_or(0),
            (*reason).to_string(),
        ),
        DecodeError::Kernel { kernel, .. } if (*kernel as usize) < image.kernels.len() => {
            (lines[*kernel as usize].first().copied().unwrap_or(0), error.to_string())
        }
        other => (0, other.to_string()),
    };
    let source = text.lines().nth((line as usize).wrapping_sub(1)).unwrap_or("").trim();
    Refusal { line, instruction: source.chars().take(120).collect(), reason, instead: String::new() }
}

pub(super) struct Parser<'a, 't> {
    text: &'a str,
    pub(super) toks: &'t [Tok<'a>],
    pub(super) at: usize,
    globals: BTreeMap<&'a str, Binding>,
    constants: Vec<u8>,
    kernels: Vec<Kernel>,
    lines: Vec<Vec<u32>>,
}

/// A variable as declared.
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    pub(super) align: u32,
    pub(super) bytes: u32,
    /// `name[]`
    pub(super) open: bool,
    ty: Ty,
}

pub(super) const SYNTAX: Why = Why { reason: "this is not PTX", instead: "" };

impl<'a> Parser<'a, '_> {
    pub(super) fn peek(&self) -> &'a str {
        self.toks.get(self.at).map_or("", |t| t.text)
    }

    pub(super) fn line(&self) -> u32 {
        self.toks.get(self.at).or(self.toks.last()).map_or(1, |t| t.line)
    }

    pub(super) fn next(&mut self) -> &'a str {
        let text = self.peek();
        self.at = self.toks.len().min(self.at + 1);
        text
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let hit = self.peek() == text;
        self.at += usize::from(hit);
        hit
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Refusal> {
        if self.eat(text) { Ok(()) } else { Err(self.refuse(self.at, SYNTAX)) }
    }

    /// A refusal of the statement that begins at this token.
    pub(super) fn refuse(&self, from: usize, why: Why) -> Refusal {
        let Some(first) = self.toks.get(from.min(self.toks.len().saturating_sub(1))) else {
            return Refusal {
                line: 1,
                instruction: String::new(),
                reason: "the text is empty".to_string(),
                instead: String::new(),
            };
        };
        let statement = self.text[first.start..].split([';', '{', '\n']).next().unwrap_or("").trim();
        Refusal {
            line: first.line,
            instruction: statement.chars().take(120).collect(),
            reason: why.reason.to_string(),
            instead: why.instead.to_string(),
        }
    }

    pub(super) fn int(&mut self) -> Result<u64, Refusal> {
        match number(self.peek()) {
            Some(Number::Int(n)) => {
                self.at += 1;
                Ok(n)
            }
            _ => Err(self.refuse(self.at, SYNTAX)),
        }
    }

    pub(super) fn skip_line(&mut self) {
        let line = self.line();
        while self.at < self.toks.len() && self.toks[self.at].line == line {
            self.at += 1;
        }
    }

    pub(super) fn skip_until(&mut self, end: &str) {
        while self.at < self.toks.len() && self.peek() != end {
            self.at += 1;
        }
        let _ = self.next();
    }

    pub(super) fn skip_braces(&mut self) {
        let mut depth = 0u32;
        while self.at < self.toks.len() {
            match self.next() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn item(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        match self.next() {
            ".version" => {
                let _ = self.next();
            }
            ".target" => {
                let _ = self.next();
                while self.eat(",") {
                    let _ = self.next();
                }
            }
            ".file" => {
                self.at = start;
                self.skip_line();
            }
            ".address_size" => {
                if self.int()? != 64 {
                    return Err(self.refuse(start, Why::new("addresses have 64 bits in the profile")));
                }
            }
            ".section" => self.skip_braces(),
            ".pragma" => self.skip_until(";"),
            ".visible" | ".weak" | ".extern" | ".common" => {}
            ".func" => self.skip_func(),
            ".entry" => self.entry(start)?,
            ".const" | ".global" | ".shared" => {
                self.at = start;
                self.global()?;
            }
            _ => return Err(self.refuse(start, SYNTAX)),
        }
        Ok(())
    }

    fn skip_func(&mut self) {
        while self.at < self.toks.len() && !matches!(self.peek(), ";" | "{") {
            self.at += 1;
        }
        if self.peek() == "{" { self.skip_braces() } else { self.at += 1 }
    }

    /// `.align 4 .b8 name[256]`, after the state space.
    pub(super) fn declared(&mut self) -> Result<Declared<'a>, Refusal> {
        let start = self.at;
        let mut align = None;
        let mut count = 1u64;
        let mut ty = None;
        let name = loop {
            match self.next() {
                ".align" => align = Some(self.int()?),
                ".ptr" | ".global" | ".const" | ".local" | ".shared" | ".managed" => {}
                ".v2" => count = 2,
                ".v4" => count = 4,
                word if word.starts_with('.') => {
                    let read = Ty::from_word(&word[1..]).filter(|t| *t != Ty::None);
                    ty =
                        Some(read.ok_or_else(|| {
                            self.refuse(start, Why::new("a type the profile does not have"))
                        })?);
                }
                word => break word,
            }
        };
        let Some(ty) = ty.filter(|_| self.toks.get(self.at - 1).is_some_and(Tok::is_word)) else {
            return Err(self.refuse(start, SYNTAX));
        };
        let scalar = u64::from(declared_bytes(ty));
        let natural = count * scalar;
        let mut open = false;
        while self.eat("[") {
            if self.peek() == "]" {
                open = true
            } else {
                count = count.saturating_mul(self.int()?)
            }
            self.expect("]")?;
        }
        let align = align.unwrap_or(natural);
        let bytes = count.saturating_mul(scalar);
        let fits = bytes <= 1 << 20 && (bytes > 0 || open) && align.is_power_of_two() && align <= 128;
        if !fits {
            return Err(
                self.refuse(start, Why::new("a variable of a size or alignment that is not in the profile"))
            );
        }
        let bytes = if open { 0 } else { bytes as u32 };
        Ok(Declared { name, align: (align as u32).max(scalar as u32), bytes, open, ty })
    }

    /// A module-scope variable.
    fn global(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let space = self.next();
        let v = self.declared()?;
        let mut data = Vec::new();
        if self.eat("=") {
            self.initialiser(&v, &mut data, start)?;
        }
        self.expect(";")?;
        let binding = match space {
            ".const" if v.open => return Err(self.refuse(start, Why::new("a constant without a size"))),
            ".const" => {
                let at = self.constants.len().next_multiple_of(v.align as usize);
                self.constants.resize(at, 0);
                data.resize(v.bytes as usize, 0);
                self.constants.extend_from_slice(&data);
                Binding::Variable(Space::Const, at as u64)
            }
            ".shared" if v.open => Binding::Dynamic(v.align),
            ".shared" if !data.is_empty() => {
                return Err(self.refuse(start, Why::new("shared memory has no initial value")));
            }
            ".shared" => Binding::Demoted(v.align, v.bytes),
            _ => Binding::Refused(Why {
                reason: "global variables of a module are not in the profile",
                instead: "a buffer passed as a parameter, or __constant__",
            }),
        };
        self.globals.insert(v.name, binding);
        Ok(())
    }

    fn initialiser(&mut self, v: &Declared<'a>, data: &mut Vec<u8>, start: usize) -> Result<(), Refusal> {
        let mut depth = 0u32;
        loop {
            match self.peek() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                "," => {}
                _ => {
                    let negative = self.eat("-");
                    let bits = match (number(self.peek()), v.ty) {
                        (Some(Number::Int(n)), _) => {
                            if negative {
                                n.wrapping_neg()
                            } else {
                                n
                            }
                        }
                        (Some(Number::F32(n)), Ty::F32 | Ty::B32) => {
                            u64::from(if negative { n ^ 1 << 31 } else { n })
                        }
                        (Some(Number::F64(n)), Ty::F64 | Ty::B64) => {
                            if negative {
                                n ^ 1 << 63
                            } else {
                                n
                            }
                        }
                        _ => {
                            return Err(self.refuse(
                                start,
                                Why::new("an initial value that is not a number of the variable's type"),
                            ));
                        }
                    };
                    data.extend_from_slice(&bits.to_le_bytes()[..declared_bytes(v.ty) as usize]);
                }
            }
            self.at += 1;
            if data.len() > v.bytes as usize || self.at >= self.toks.len() {
                return Err(self.refuse(start, Why::new("more initial values than the variable holds")));
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn entry(&mut self, start: usize) -> Result<(), Refusal> {
        let name = self.next();
        let mut raw = RawKernel { name: name.to_string(), ..RawKernel::default() };
        let mut params = BTreeMap::new();
        if self.eat("(") {
            let mut end = 0u32;
            while !self.eat(")") {
                self.expect(".param")?;
                let p = self.declared()?;
                let offset = end.next_multiple_of(p.align);
                if p.bytes == 0 || p.align > 16 || offset + p.bytes > 4096 {
                    return Err(
                        self.refuse(start, Why::new("parameters of more than 4096 bytes, or of no size"))
                    );
                }
                end = offset + p.bytes;
                raw.params.push(Param { offset, bytes: p.bytes, align: p.align });
                params.insert(p.name, Binding::Variable(Space::Param, u64::from(offset)));
                if self.peek() != ")" {
                    self.expect(",")?;
                }
            }
        }
        while matches!(
            self.peek(),
            ".maxntid"
                | ".reqntid"
                | ".minnctapersm"
                | ".maxnreg"
                | ".maxnctapersm"
                | ".pragma"
                | ".noreturn"
        ) {
            if self.next() == ".pragma" {
                self.skip_until(";");
                continue;
            }
            while number(self.peek()).is_some() || self.peek() == "," {
                self.at += 1;
            }
        }
        if self.eat(";") {
            return Ok(());
        }
        self.expect("{")?;
        let mut globals = self.globals.clone();
        globals.extend(params);
        let mut f = Func::new(raw, globals);
        f.open();
        self.body(&mut f)?;
        let raw = f.finish().map_err(|late| self.refuse_line(late.line, late.why))?;
        let lines = raw.code.iter().map(|i| i.line).collect();
        let kernel = raw.canonical().map_err(|(line, reason)| self.refuse_line(line, Why::new(reason)))?;
        self.lines.push(lines);
        self.kernels.push(kernel);
        if self.kernels.len() > crate::bytecode::KERNELS_MAX {
            return Err(self.refuse(start, Why::new("more than 256 kernels")));
        }
        Ok(())
    }

    fn refuse_line(&self, line: u32, why: Why) -> Refusal {
        let from = self.toks.iter().position(|t| t.line >= line).unwrap_or(0);
        self.refuse(from, why)
    }
}
