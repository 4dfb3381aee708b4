//! The body of an entry: declarations, labels and statements.

use crate::bytecode::Opnd;
use crate::bytecode::inst::Class;
use crate::bytecode::op::Ty;
use crate::error::Refusal;
use crate::launch::Space;
use crate::lower::func::{Binding, Func};
use crate::lower::lex::Tok;
use crate::lower::module::{Parser, SYNTAX};
use crate::lower::operand::{Operand, operands};
use crate::lower::words::Words;
use crate::lower::{Why, reasons};

impl<'a> Parser<'a, '_> {
    pub(super) fn body(&mut self, f: &mut Func<'a>) -> Result<(), Refusal> {
        let mut depth = 1u32;
        while depth > 0 {
            let start = self.at;
            if self.at >= self.toks.len() {
                return Err(self.refuse(start, Why::new("the kernel does not end")));
            }
            match self.peek() {
                "{" => {
                    self.at += 1;
                    depth += 1;
                    f.open();
                }
                "}" => {
                    self.at += 1;
                    depth -= 1;
                    let _ = f.close();
                }
                ";" => self.at += 1,
                ".loc" | ".file" => self.skip_line(),
                ".section" => self.skip_braces(),
                ".pragma" => self.skip_until(";"),
                ".reg" => self.registers(f)?,
                ".shared" | ".local" | ".extern" => self.variable(f)?,
                word if word.starts_with('.') => return Err(self.refuse(start, SYNTAX)),
                name if self.toks.get(self.at + 1).is_some_and(|t| t.text == ":") => {
                    f.label(name).map_err(|why| self.refuse(start, why))?;
                    self.at += 2;
                }
                _ => self.statement(f)?,
            }
            if f.raw.code.len() > 1 << 18 {
                return Err(self.refuse(start, Why::new("more than 2^18 instructions")));
            }
        }
        Ok(())
    }

    fn registers(&mut self, f: &mut Func<'a>) -> Result<(), Refusal> {
        let start = self.at;
        self.at += 1;
        let word = self.next();
        let ty = word.strip_prefix('.').and_then(Ty::from_word);
        let class = ty.and_then(Class::of).ok_or_else(|| {
            let modifier = word.strip_prefix('.').and_then(reasons::modifier);
            self.refuse(start, modifier.unwrap_or(Why::new("registers have 1 (pred), 16, 32 or 64 bits")))
        })?;
        loop {
            let name = self.next();
            let bound = if self.eat("<") {
                let count = self.int()?;
                self.expect(">")?;
                let count = u32::try_from(count).ok().filter(|n| *n < 1 << 24);
                count.ok_or(Why::new("too many registers")).and_then(|n| f.bind_range(name, class, n))
            } else {
                f.bind_reg(name, class)
            };
            bound.map_err(|why| self.refuse(start, why))?;
            if self.eat(";") {
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    fn variable(&mut self, f: &mut Func<'a>) -> Result<(), Refusal> {
        let start = self.at;
        let _ = self.eat(".extern");
        let space = match self.next() {
            ".shared" => Space::Shared,
            ".local" => Space::Local,
            _ => return Err(self.refuse(start, SYNTAX)),
        };
        let v = self.declared()?;
        if self.peek() == "=" {
            return Err(self.refuse(start, Why::new("shared and local memory have no initial value")));
        }
        self.expect(";")?;
        let binding = match (v.open, space) {
            (true, Space::Shared) => Ok(Binding::Dynamic(v.align)),
            (true, _) => Err(Why::new("a local array without a size")),
            (false, _) => f.allocate(space, v.align, v.bytes),
        };
        binding.and_then(|b| f.bind(v.name, b)).map_err(|why| self.refuse(start, why))
    }

    fn statement(&mut self, f: &mut Func<'a>) -> Result<(), Refusal> {
        let start = self.at;
        f.line = self.line();
        f.guard = (Opnd::None, false);
        if self.eat("@") {
            let negate = self.eat("!");
            let name = self.next();
            let guard = f.src(&Operand::Name(name), Ty::Pred);
            f.guard = (guard.map_err(|why| self.refuse(start, why))?, negate);
        }
        let opcode = self.next();
        let from = self.at;
        let mut end = from;
        while end < self.toks.len() && self.toks[end].text != ";" {
            end += 1;
        }
        if end == self.toks.len() {
            return Err(self.refuse(start, Why::new("the statement does not end")));
        }
        self.at = end + 1;
        lower(f, opcode, &self.toks[from..end]).map_err(|why| self.refuse(start, why))
    }
}

fn lower<'a>(f: &mut Func<'a>, opcode: &'a str, toks: &[Tok<'a>]) -> Result<(), Why> {
    let mut w = Words::new(opcode);
    if let Some(why) = reasons::never(w.base) {
        return Err(why);
    }
    let ops = operands(toks)?;
    if f.lower_alu(&mut w, &ops)? || f.lower_memory(&mut w, &ops)? || f.lower_control(&mut w, &ops)? {
        return Ok(());
    }
    Err(Why::new("the profile does not have this instruction"))
}
