//! Native code for programs that run long.
//!
//! Code is immutable, so that what was translated once stays right: a translator can be cloned for many runs, which then
//! share what they translate. Code is interpreted until it has run a few times; then another thread
//! translates it, many regions at a time. When that happens changes nothing but the time a run takes.

mod arith;
mod cold;
mod emit;
mod jit;
mod region;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use cranelift_module::ModuleError;

pub use jit::Stats;
use worker::Shared;

use crate::{
    code::Code,
    fast::{Engine, FlatMemory},
    state::Cpu,
};

/// Why there is no translator.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// Not for this processor.
    #[error("no translator for this processor: {0}")]
    Host(&'static str),
    /// The compiler does not take its own settings.
    #[error("the compiler cannot be set up: {0}")]
    Compiler(String),
    /// The compiler cannot compile what the translator needs first.
    #[error("the translator's own code: {0}")]
    Module(#[from] Box<ModuleError>),
    /// There is no thread to be had.
    #[error("the translating thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<ModuleError> for TranslateError {
    fn from(error: ModuleError) -> Self {
        Self::Module(Box::new(error))
    }
}

/// Which thread translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translating {
    /// One of its own, while the runs go on.
    Beside,
    /// The one that runs, which waits for it.
    Inline,
}

/// What is translated, and when.
#[derive(Clone, Copy, Debug)]
pub struct TranslateOptions {
    /// How often a block is interpreted before it is translated.
    pub runs_before: u8,
    /// Where regions stop growing. A region of `n` instructions is only entered while `n` may still be executed.
    pub region_instructions_max: usize,
    /// Which thread translates.
    pub translating: Translating,
}

impl Default for TranslateOptions {
    fn default() -> Self {
        Self { runs_before: 200, region_instructions_max: 500, translating: Translating::Beside }
    }
}

/// An engine that translates the parts of a program that run often. Clones share the code.
#[derive(Clone)]
pub struct Translator {
    shared: Arc<Shared>,
}

impl Translator {
    /// A translator for this code. Takes 17 bytes for each word.
    pub fn new(code: &Code, options: TranslateOptions) -> Result<Self, TranslateError> {
        Shared::new(code, options).map(|shared| Self { shared })
    }

    /// What it and its clones have done so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Engine for Translator {
    fn run(&mut self, cpu: &mut Cpu, memory: &mut FlatMemory, steps: u64) -> u64 {
        let shared = &*self.shared;
        let mut left = steps;
        while left > 0 {
            let Some(index) = shared.words.index(cpu.pc) else { break };
            if shared.is_translated(index) {
                left = shared.enter(index, cpu, memory, left);
            }
            let Some(index) = shared.words.index(cpu.pc) else { break };
            if !shared.is_translated(index) {
                shared.warm_up(index);
            }
            let done = cold::run_block(&shared.words, cpu, memory, left);
            if done == 0 {
                break;
            }
            left -= done;
        }
        steps - left
    }
}
