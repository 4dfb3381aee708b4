//! The canonical bytecode: instructions, kernels, images, their rules and their encoding.

mod canon;
mod check;
mod codec;
mod image;
pub(crate) mod inst;
pub(crate) mod op;

pub(crate) use canon::{Opnd, RawInst, RawKernel};
pub(crate) use check::KERNELS_MAX;
pub use image::{Image, Kernel, Param};
