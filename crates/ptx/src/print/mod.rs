//! Bytecode back to PTX: `text` one to one, `device` for GPUs.

mod mnemonic;
mod names;
mod text;

pub(crate) use text::line_of;
pub use text::print;
