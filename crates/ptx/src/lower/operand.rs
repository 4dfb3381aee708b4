//! Operands as written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lower::Why;
use crate::lower::lex::Tok;

/// A number as written, before a type gives it bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(u64),
    /// `0f`: bits of an f32.
    F32(u32),
    /// `0d` or a decimal fraction: bits of an f64.
    F64(u64),
}

/// An operand as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand<'a> {
    Name(&'a str),
    /// `name + offset`
    Offset(&'a str, i64),
    Number(Number),
    /// `!name`
    Not(&'a str),
    /// `a | b`
    Pair(Box<Self>, Box<Self>),
    /// `{a, b}`
    Vector(Vec<Self>),
    /// `[x]`
    Address(Box<Self>),
}

/// Splits what stands between the opcode and the semicolon.
pub(crate) fn operands<'a>(toks: &[Tok<'a>]) -> Result<Vec<Operand<'a>>, Why> {
    let mut s = Stream { toks, at: 0 };
    let mut out = Vec::new();
    if toks.is_empty() {
        return Ok(out);
    }
    loop {
        out.push(s.operand(0)?);
        if s.at == toks.len() {
            return Ok(out);
        }
        s.expect(",")?;
    }
}

struct Stream<'t, 'a> {
    toks: &'t [Tok<'a>],
    at: usize,
}

const SYNTAX: Why = Why { reason: "the operands cannot be read", instead: "" };

impl<'a> Stream<'_, 'a> {
    fn peek(&self) -> &'a str {
        self.toks.get(self.at).map_or("", |t| t.text)
    }

    fn next(&mut self) -> &'a str {
        let text = self.peek();
        self.at += 1;
        text
    }

    fn eat(&mut self, text: &str) -> bool {
        let hit = self.peek() == text;
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, text: &str) -> Result<(), Why> {
        if self.eat(text) { Ok(()) } else { Err(SYNTAX) }
    }

    fn operand(&mut self, depth: u8) -> Result<Operand<'a>, Why> {
        if depth > 2 {
            return Err(SYNTAX);
        }
        if self.eat("[") {
            let inner = self.simple()?;
            self.expect("]")?;
            return Ok(Operand::Address(Box::new(inner)));
        }
        if self.eat("{") {
            let mut parts = Vec::new();
            loop {
                parts.push(self.operand(depth + 1)?);
                if self.eat("}") {
                    return Ok(Operand::Vector(parts));
                }
                self.expect(",")?;
            }
        }
        let first = self.simple()?;
        if self.eat("|") {
            let second = self.simple()?;
            return Ok(Operand::Pair(Box::new(first), Box::new(second)));
        }
        Ok(first)
    }

    fn simple(&mut self) -> Result<Operand<'a>, Why> {
        if self.eat("!") {
            return Ok(Operand::Not(self.name()?));
        }
        let first = self.peek();
        if first == "-" || first.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number().map(Operand::Number);
        }
        let name = self.name()?;
        let negative = match self.peek() {
            "+" => false,
            "-" => true,
            _ => return Ok(Operand::Name(name)),
        };
        self.at += 1;
        match self.number()? {
            Number::Int(n) => Ok(Operand::Offset(name, (if negative { n.wrapping_neg() } else { n }) as i64)),
            _ => Err(SYNTAX),
        }
    }

    fn name(&mut self) -> Result<&'a str, Why> {
        let word = self.next();
        let ok = word.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '%'));
        if ok { Ok(word) } else { Err(SYNTAX) }
    }

    fn number(&mut self) -> Result<Number, Why> {
        let negative = self.eat("-");
        let n = number(self.next()).ok_or(SYNTAX)?;
        Ok(match (negative, n) {
            (false, n) => n,
            (true, Number::Int(n)) => Number::Int(n.wrapping_neg()),
            (true, Number::F32(n)) => Number::F32(n ^ (1 << 31)),
            (true, Number::F64(n)) => Number::F64(n ^ (1 << 63)),
        })
    }
}

/// A literal of PTX ISA 4.5, without its sign.
pub(crate) fn number(word: &str) -> Option<Number> {
    let hex = |digits: &str, len: usize| {
        let plain = digits.len() == len && digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    };
    let lower = word.get(..2).unwrap_or("");
    match lower {
        "0f" | "0F" => return hex(&word[2..], 8).map(|b| Number::F32(b as u32)),
        "0d" | "0D" => return hex(&word[2..], 16).map(Number::F64),
        _ => {}
    }
    if !word.starts_with(|c: char| c.is_ascii_digit()) || word.contains('+') {
        return None;
    }
    if word.contains('.') {
        return word.parse::<f64>().ok().map(|x| Number::F64(x.to_bits()));
    }
    let digits = word.strip_suffix('U').unwrap_or(word);
    let (digits, radix) = match lower {
        "0x" | "0X" => (&digits[2..], 16),
        "0b" | "0B" => (&digits[2..], 2),
        _ if digits.len() > 1 && digits.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    u64::from_str_radix(digits, radix).ok().map(Number::Int)
}
