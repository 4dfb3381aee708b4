//! Images and kernels.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytecode::inst::{Class, Inst};

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
    pub(crate) shared: u32,
    pub(crate) local: u32,
    /// Class of each register, in order of first appearance.
    pub(crate) regs: Vec<Class>,
    /// Constants, in order of first appearance.
    pub(crate) consts: Vec<u64>,
    pub(crate) code: Vec<Inst>,
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

    /// Length of the parameter bytes a launch takes.
    pub fn param_bytes(&self) -> usize {
        self.params.last().map_or(0, |p| (p.offset + p.bytes) as usize)
    }

    /// Static shared memory in bytes; dynamic shared memory follows it.
    pub fn shared_bytes(&self) -> u32 {
        self.shared
    }

    /// Local memory of a thread in bytes.
    pub fn local_bytes(&self) -> u32 {
        self.local
    }

    /// Instructions in the bytecode.
    pub fn instructions(&self) -> usize {
        self.code.len()
    }
}

/// Kernels in canonical bytecode and the constants they share: what a job's image id commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub(crate) constants: Vec<u8>,
    pub(crate) kernels: Vec<Kernel>,
}

impl Image {
    /// Kernels in the order of the text.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The kernel of this name and its index.
    pub fn kernel(&self, name: &str) -> Option<(u32, &Kernel)> {
        (0..).zip(&self.kernels).find(|(_, k)| k.name == name)
    }
}
