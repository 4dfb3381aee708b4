//! The words of an opcode: `ld.global.v2.u32` is `ld`, `global`, `v2`, `u32`.

use alloc::vec::Vec;

use crate::bytecode::op::{Round, Ty};
use crate::lower::{Why, reasons};

/// The modifiers of an opcode; each must be taken by somebody.
pub(crate) struct Words<'a> {
    pub(crate) base: &'a str,
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(opcode: &'a str) -> Self {
        let mut parts = opcode.split('.');
        Self { base: parts.next().unwrap_or(""), rest: parts.collect() }
    }

    /// Takes a modifier if it is there.
    pub(crate) fn flag(&mut self, word: &str) -> bool {
        let found = self.rest.iter().position(|w| *w == word);
        if let Some(i) = found {
            self.rest.remove(i);
        }
        found.is_some()
    }

    /// Takes the first of these that is there.
    pub(crate) fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|w| self.flag(w))
    }

    /// Takes the first modifier that the reader knows.
    pub(crate) fn find<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (i, value) = self.rest.iter().enumerate().find_map(|(i, w)| read(w).map(|v| (i, v)))?;
        self.rest.remove(i);
        Some(value)
    }

    /// Drops words that change nothing here.
    pub(crate) fn ignore(&mut self, words: &[&str]) {
        self.rest.retain(|w| !words.contains(w) && !w.starts_with("L1::") && !w.starts_with("L2::"));
    }

    /// Takes the next type.
    pub(crate) fn ty(&mut self) -> Option<Ty> {
        self.find(|w| Ty::from_word(w).filter(|t| *t != Ty::None))
    }

    /// Takes a type that must be there.
    pub(crate) fn need_ty(&mut self) -> Result<Ty, Why> {
        match self.ty() {
            Some(ty) => Ok(ty),
            None => Err(self.leftover().unwrap_or(Why::new("the instruction has no type"))),
        }
    }

    /// Takes the rounding; without one the profile says `.rn`.
    pub(crate) fn round(&mut self) -> u8 {
        self.find(Round::from_word).unwrap_or(Round::Rn) as u8
    }

    /// Fails if a word says that the result is not the exactly rounded one.
    pub(crate) fn finish_if_inexact(&self) -> Result<(), Why> {
        let inexact = self.rest.iter().find(|w| matches!(**w, "approx" | "full" | "ftz"));
        inexact.and_then(|w| reasons::modifier(w)).map_or(Ok(()), Err)
    }

    fn leftover(&self) -> Option<Why> {
        self.rest.iter().find_map(|w| reasons::modifier(w)).or_else(|| {
            (!self.rest.is_empty())
                .then_some(Why::new("a modifier that the profile does not have for this instruction"))
        })
    }

    /// Fails if a modifier was not taken.
    pub(crate) fn finish(&self) -> Result<(), Why> {
        self.leftover().map_or(Ok(()), Err)
    }
}
