//! Bytecode back to PTX: `text` one to one, `device` for GPUs.

mod device;
mod flow;
mod mnemonic;
mod names;
mod text;

pub use device::{DeviceArgs, Module, print_device};
pub(crate) use text::line_of;
pub use text::print;
