//! The stable encoding of an image. README.md, "Encoding", is the specification.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytecode::check::{CODE_MAX, CONSTANTS_MAX, KERNELS_MAX, NAME_MAX, PARAMS_MAX, limit};
use crate::bytecode::image::{Image, Kernel, Param};
use crate::bytecode::inst::{Arg, CONSTS_MAX, Class, Inst, REGS_MAX};
use crate::bytecode::op::{Op, Ty};
use crate::error::DecodeError;

/// Magic and version of the encoding.
const MAGIC: &[u8; 8] = b"ASSAYPT\x01";

impl Image {
    /// The canonical bytes: little-endian, fields in order, instructions of 24 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_bytes(&mut out, &self.constants);
        put(&mut out, self.kernels.len());
        for kernel in &self.kernels {
            encode_kernel(&mut out, kernel);
        }
        out
    }

    /// The image of these bytes, if they are the encoding of one: every rule of the bytecode is checked, so
    /// `decode(b)? == i` implies `i.encode() == b`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader { bytes, at: 0 };
        if r.take(MAGIC.len()).map_err(|_| DecodeError::Magic)? != MAGIC {
            return Err(DecodeError::Magic);
        }
        let constants = r.bytes("constant bytes", CONSTANTS_MAX)?.to_vec();
        let count = r.count("number of kernels", KERNELS_MAX)?;
        let kernels = (0..count).map(|k| decode_kernel(&mut r, k as u32)).collect::<Result<_, _>>()?;
        if r.at != bytes.len() {
            return Err(DecodeError::Trailing { extra: bytes.len() - r.at });
        }
        let image = Self { constants, kernels };
        image.check()?;
        Ok(image)
    }
}

fn put(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&(value as u32).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn encode_kernel(out: &mut Vec<u8>, k: &Kernel) {
    put_bytes(out, k.name.as_bytes());
    put(out, k.params.len());
    for p in &k.params {
        put(out, p.offset as usize);
        put(out, p.bytes as usize);
        put(out, p.align as usize);
    }
    put(out, k.shared as usize);
    put(out, k.local as usize);
    put(out, k.regs.len());
    out.extend(k.regs.iter().map(|c| *c as u8));
    put(out, k.consts.len());
    for c in &k.consts {
        out.extend_from_slice(&c.to_le_bytes());
    }
    put(out, k.code.len());
    for i in &k.code {
        out.extend_from_slice(&[i.op as u8, i.ty as u8, i.ty2 as u8, i.m, i.m2, u8::from(i.negate)]);
        out.extend_from_slice(&i.guard.0.to_le_bytes());
        for a in i.args {
            out.extend_from_slice(&a.0.to_le_bytes());
        }
        out.extend_from_slice(&i.imm.to_le_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(n).filter(|e| *e <= self.bytes.len());
        let end = end.ok_or(DecodeError::Truncated { at: self.bytes.len() })?;
        let part = &self.bytes[self.at..end];
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    fn count(&mut self, what: &'static str, max: usize) -> Result<usize, DecodeError> {
        let n = self.u32()?;
        limit(what, u64::from(n), max as u64)?;
        Ok(n as usize)
    }

    fn bytes(&mut self, what: &'static str, max: usize) -> Result<&'a [u8], DecodeError> {
        let n = self.count(what, max)?;
        self.take(n)
    }
}

fn decode_kernel(r: &mut Reader<'_>, kernel: u32) -> Result<Kernel, DecodeError> {
    let name = core::str::from_utf8(r.bytes("name bytes", NAME_MAX)?)
        .map_err(|_| DecodeError::Kernel { kernel, reason: "the name is not an identifier" })?;
    let name = String::from(name);
    let count = r.count("parameters", PARAMS_MAX)?;
    let mut params = Vec::new();
    for _ in 0..count {
        params.push(Param { offset: r.u32()?, bytes: r.u32()?, align: r.u32()? });
    }
    let (shared, local) = (r.u32()?, r.u32()?);
    let mut regs = Vec::new();
    for byte in r.bytes("registers", REGS_MAX)? {
        let class = Class::ALL.get(usize::from(*byte));
        regs.push(*class.ok_or(DecodeError::Kernel { kernel, reason: "an unknown register class" })?);
    }
    let count = r.count("constants", CONSTS_MAX)?;
    let consts = (0..count).map(|_| r.array().map(u64::from_le_bytes)).collect::<Result<_, _>>()?;
    let count = r.count("instructions", CODE_MAX)?;
    let mut code = Vec::new();
    for pc in 0..count {
        let fail = |reason| DecodeError::Instruction { kernel, pc: pc as u32, reason };
        let [op, ty, ty2, m, m2, negate] = r.array()?;
        let u16s: [u8; 14] = r.array()?;
        let arg = |i: usize| Arg(u16::from_le_bytes([u16s[2 * i], u16s[2 * i + 1]]));
        if negate > 1 {
            return Err(fail("a flag is neither 0 nor 1"));
        }
        code.push(Inst {
            op: Op::from_byte(op).ok_or(fail("an unknown operation"))?,
            ty: Ty::from_byte(ty).ok_or(fail("an unknown type"))?,
            ty2: Ty::from_byte(ty2).ok_or(fail("an unknown type"))?,
            m,
            m2,
            guard: arg(0),
            negate: negate == 1,
            args: core::array::from_fn(|i| arg(i + 1)),
            imm: r.array().map(i32::from_le_bytes)?,
        });
    }
    Ok(Kernel { name, params, shared, local, regs, consts, code })
}
