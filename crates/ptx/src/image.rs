//! The canonical object: kernels in register bytecode.

use alloc::string::String;
use alloc::vec::Vec;

/// A parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Offset in the parameter bytes.
    pub offset: u32,
    /// Length in bytes: 1, 2, 4 or 8 for scalars, more for arrays.
    pub bytes: u32,
    /// Alignment in bytes.
    pub align: u32,
}

/// One kernel of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
}

impl Kernel {
    /// The entry's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parameters in order; pointers are 8-byte scalars.
    pub fn params(&self) -> &[Param] {
        &self.params
    }
}

/// Kernels in canonical bytecode and the constants they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub(crate) kernels: Vec<Kernel>,
}

impl Image {
    /// Kernels in the order of the text.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }
}
