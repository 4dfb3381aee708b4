//! Names of registers and constants in printed text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bytecode::Kernel;
use crate::bytecode::inst::{Arg, ArgKind, Class};
use crate::bytecode::op::{Special, Ty};

/// Stem of a class's register names.
pub(crate) const fn stem(class: Class) -> &'static str {
    match class {
        Class::Pred => "%p",
        Class::B16 => "%rs",
        Class::B32 => "%r",
        Class::B64 => "%rd",
    }
}

/// Type in a class's `.reg` directive.
pub(crate) const fn declared(class: Class) -> &'static str {
    match class {
        Class::Pred => "pred",
        Class::B16 => "b16",
        Class::B32 => "b32",
        Class::B64 => "b64",
    }
}

/// Register names of a kernel: numbered within their class.
pub(crate) struct Names<'k> {
    kernel: &'k Kernel,
    number: Vec<u32>,
    /// Registers of each class.
    pub(crate) counts: [u32; 4],
}

impl<'k> Names<'k> {
    pub(crate) fn new(kernel: &'k Kernel) -> Self {
        let mut counts = [0; 4];
        let number = kernel.regs.iter().map(|c| {
            counts[*c as usize] += 1;
            counts[*c as usize] - 1
        });
        let number = number.collect();
        Self { kernel, number, counts }
    }

    pub(crate) fn reg(&self, index: u16) -> String {
        let index = usize::from(index);
        format!("{}{}", stem(self.kernel.regs[index]), self.number[index])
    }

    /// An operand; constants are written as the type wants them.
    pub(crate) fn arg(&self, arg: Arg, ty: Ty) -> String {
        match arg.kind() {
            Some(ArgKind::Reg(r)) => self.reg(r),
            Some(ArgKind::Special(s)) => Special::word(s).to_string(),
            Some(ArgKind::Const(c)) => constant(self.kernel.consts[usize::from(c)], ty),
            None | Some(ArgKind::None) => "_".to_string(),
        }
    }

    pub(crate) fn constant_of(&self, arg: Arg) -> Option<u64> {
        match arg.kind() {
            Some(ArgKind::Const(c)) => Some(self.kernel.consts[usize::from(c)]),
            _ => None,
        }
    }
}

fn constant(value: u64, ty: Ty) -> String {
    match ty {
        Ty::F32 => format!("0f{value:08X}"),
        Ty::F64 => format!("0d{value:016X}"),
        _ if value < 1 << 16 => format!("{value}"),
        _ => format!("0x{value:X}"),
    }
}
