//! The front end: PTX text to canonical bytecode.

mod alu;
mod body;
mod control;
mod func;
mod lex;
mod memory;
mod module;
mod operand;
mod reasons;
mod words;

/// Why one instruction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) reason: &'static str,
    pub(crate) instead: &'static str,
}

impl Why {
    const fn new(reason: &'static str) -> Self {
        Self { reason, instead: "" }
    }
}
