//! Loads, stores and reductions: bounds, alignment, shadow, bytes.

use alloc::vec::Vec;

use crate::bytecode::op::{RedOp, Ty};
use crate::exec::eval::sext;
use crate::exec::shadow::Shadow;
use crate::exec::stamps::{Cell, SplitCells, Touch, Who, cells};
use crate::launch::{FaultKind, Space};
use crate::memory::{Memory, PAGE_BYTES};

/// Shared memory of a block with its stamps.
pub(crate) struct Shared {
    pub(crate) bytes: Vec<u8>,
    cells: Vec<Cell>,
    split: SplitCells,
}

impl Shared {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: alloc::vec![0; bytes], cells: cells(bytes), split: SplitCells::default() }
    }

    pub(crate) fn reset(&mut self) {
        self.bytes.fill(0);
        self.cells.fill(Cell::default());
        self.split.clear();
    }

    /// Checks and records an aligned access of at most 8 bytes inside shared memory.
    #[inline(always)]
    fn touch(&mut self, touch: Touch, at: usize, bytes: u32, who: &Who<'_>) -> Result<(), FaultKind> {
        if bytes == 4 {
            let cell = &mut self.cells[at / 4];
            if touch == Touch::Read && cell.is_settled_read(who) && cell.written(&self.split, 0xF) {
                return Ok(());
            }
        }
        self.touch_slow(touch, at, bytes, who)
    }

    fn touch_slow(&mut self, touch: Touch, at: usize, bytes: u32, who: &Who<'_>) -> Result<(), FaultKind> {
        let (mut word, mut left) = (at, bytes);
        while left > 0 {
            let skip = word & 3;
            let n = left.min(4 - skip as u32);
            let mask = (((1u32 << n) - 1) << skip) as u8;
            let cell = &mut self.cells[word / 4];
            if touch != Touch::Write && !cell.written(&self.split, mask) {
                return Err(FaultKind::UninitialisedShared { address: at as u64 });
            }
            let result = cell.touch(&mut self.split, touch, mask, who);
            result.map_err(|_| FaultKind::Race { space: Space::Shared, address: at as u64 })?;
            word += n as usize;
            left -= n;
        }
        Ok(())
    }
}

/// Offset of an access in a space, if it is inside and aligned.
#[inline(always)]
pub(crate) fn place(space: Space, base: u64, len: u64, address: u64, bytes: u32) -> Result<usize, FaultKind> {
    let offset = address.wrapping_sub(base);
    if offset > len || len.wrapping_sub(offset) < u64::from(bytes) {
        return Err(FaultKind::OutOfBounds { space, address, bytes });
    }
    if address & u64::from(bytes.wrapping_sub(1)) != 0 {
        return Err(FaultKind::Misaligned { space, address, bytes });
    }
    Ok(offset as usize)
}

/// The memories one thread sees.
pub(crate) struct View<'v, M: Memory + ?Sized> {
    pub(crate) global: &'v mut M,
    pub(crate) shadow: &'v mut Shadow,
    pub(crate) shared: &'v mut Shared,
    pub(crate) local: &'v mut [u8],
    pub(crate) constants: &'v [u8],
    pub(crate) params: &'v [u8],
    pub(crate) who: Who<'v>,
}

/// Little-endian value of up to 8 bytes.
#[inline(always)]
fn get(bytes: &[u8], at: usize, n: u32) -> u64 {
    let mut out = [0; 8];
    let n = n as usize;
    out[..n].copy_from_slice(&bytes[at..at + n]);
    u64::from_le_bytes(out)
}

#[inline(always)]
fn get32(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|b| b.first_chunk::<4>()) {
        Some(b) => u64::from(u32::from_le_bytes(*b)),
        None => 0,
    }
}

#[inline(always)]
fn put(bytes: &mut [u8], at: usize, n: u32, value: u64) {
    let n = n as usize;
    bytes[at..at + n].copy_from_slice(&value.to_le_bytes()[..n]);
}

#[inline(always)]
fn put32(bytes: &mut [u8], at: usize, value: u64) {
    if let Some(b) = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut::<4>()) {
        *b = (value as u32).to_le_bytes();
    }
}

impl<M: Memory + ?Sized> View<'_, M> {
    #[inline(always)]
    pub(crate) fn load_shared32(&mut self, address: u64) -> Result<u64, FaultKind> {
        let at = place(Space::Shared, 0, self.shared.bytes.len() as u64, address, 4)?;
        if self.shadow.is_tracking() {
            self.shared.touch(Touch::Read, at, 4, &self.who)?;
        }
        Ok(get32(&self.shared.bytes, at))
    }

    #[inline(always)]
    pub(crate) fn store_shared32(&mut self, address: u64, value: u64) -> Result<(), FaultKind> {
        let at = place(Space::Shared, 0, self.shared.bytes.len() as u64, address, 4)?;
        if self.shadow.is_tracking() {
            self.shared.touch(Touch::Write, at, 4, &self.who)?;
        }
        put32(&mut self.shared.bytes, at, value);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn load_global32(&mut self, address: u64, nc: bool) -> Result<u64, FaultKind> {
        let at = place(Space::Global, self.global.base(), self.global.bytes(), address, 4)?;
        if self.shadow.is_tracking() {
            self.shadow.touch(Touch::Read, nc, at as u64, 4, &self.who)?;
        }
        Ok(get32(self.global.page((at / PAGE_BYTES) as u64), at % PAGE_BYTES))
    }

    #[inline(always)]
    pub(crate) fn store_global32(&mut self, address: u64, value: u64) -> Result<(), FaultKind> {
        let at = place(Space::Global, self.global.base(), self.global.bytes(), address, 4)?;
        if self.shadow.is_tracking() {
            self.shadow.touch(Touch::Write, false, at as u64, 4, &self.who)?;
        }
        put32(self.global.page_mut((at / PAGE_BYTES) as u64), at % PAGE_BYTES, value);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn load_local32(&mut self, address: u64) -> Result<u64, FaultKind> {
        let at = place(Space::Local, 0, self.local.len() as u64, address, 4)?;
        Ok(get32(self.local, at))
    }

    #[inline(always)]
    pub(crate) fn store_local32(&mut self, address: u64, value: u64) -> Result<(), FaultKind> {
        let at = place(Space::Local, 0, self.local.len() as u64, address, 4)?;
        put32(self.local, at, value);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn load_const32(&mut self, address: u64) -> Result<u64, FaultKind> {
        let at = place(Space::Const, 0, self.constants.len() as u64, address, 4)?;
        Ok(get32(self.constants, at))
    }

    /// Checks a whole vector access: it is aligned to its total size.
    pub(crate) fn check(&self, space: Space, address: u64, bytes: u32) -> Result<usize, FaultKind> {
        let (base, len) = match space {
            Space::Global => (self.global.base(), self.global.bytes()),
            Space::Shared => (0, self.shared.bytes.len() as u64),
            Space::Local => (0, self.local.len() as u64),
            Space::Const => (0, self.constants.len() as u64),
            Space::Param => (0, self.params.len() as u64),
        };
        place(space, base, len, address, bytes)
    }

    fn touch(
        &mut self,
        touch: Touch,
        nc: bool,
        space: Space,
        at: usize,
        bytes: u32,
    ) -> Result<(), FaultKind> {
        if !self.shadow.is_tracking() {
            return Ok(());
        }
        match space {
            Space::Global => self.shadow.touch(touch, nc, at as u64, bytes, &self.who),
            Space::Shared => self.shared.touch(touch, at, bytes, &self.who),
            _ => Ok(()),
        }
    }

    /// Loads an element that [`View::check`] placed.
    pub(crate) fn load(&mut self, space: Space, nc: bool, at: usize, bytes: u32) -> Result<u64, FaultKind> {
        self.touch(Touch::Read, nc, space, at, bytes)?;
        Ok(match space {
            Space::Global => get(self.global.page((at / PAGE_BYTES) as u64), at % PAGE_BYTES, bytes),
            Space::Shared => get(&self.shared.bytes, at, bytes),
            Space::Local => get(self.local, at, bytes),
            Space::Const => get(self.constants, at, bytes),
            Space::Param => get(self.params, at, bytes),
        })
    }

    fn write(&mut self, space: Space, at: usize, bytes: u32, value: u64) {
        match space {
            Space::Global => {
                put(self.global.page_mut((at / PAGE_BYTES) as u64), at % PAGE_BYTES, bytes, value)
            }
            Space::Shared => put(&mut self.shared.bytes, at, bytes, value),
            Space::Local => put(self.local, at, bytes, value),
            Space::Const | Space::Param => {}
        }
    }

    /// Stores an element that [`View::check`] placed.
    pub(crate) fn store(&mut self, space: Space, at: usize, bytes: u32, value: u64) -> Result<(), FaultKind> {
        self.touch(Touch::Write, false, space, at, bytes)?;
        self.write(space, at, bytes, value);
        Ok(())
    }

    /// `red`: one atomic update.
    pub(crate) fn reduce(
        &mut self,
        space: Space,
        op: RedOp,
        ty: Ty,
        address: u64,
        value: u64,
    ) -> Result<(), FaultKind> {
        let bytes = ty.bytes();
        let at = self.check(space, address, bytes)?;
        self.touch(Touch::Atomic, false, space, at, bytes)?;
        let old = match space {
            Space::Shared => get(&self.shared.bytes, at, bytes),
            _ => get(self.global.page((at / PAGE_BYTES) as u64), at % PAGE_BYTES, bytes),
        };
        self.write(space, at, bytes, combine(op, ty, old, value));
        Ok(())
    }
}

/// One step of a reduction.
pub(crate) fn combine(op: RedOp, ty: Ty, a: u64, b: u64) -> u64 {
    let less = if ty.is_signed() { sext(a, ty.bits()) < sext(b, ty.bits()) } else { a < b };
    match op {
        RedOp::Add => a.wrapping_add(b) & ty.mask(),
        RedOp::Min => {
            if less {
                a
            } else {
                b
            }
        }
        RedOp::Max => {
            if less {
                b
            } else {
                a
            }
        }
        RedOp::And => a & b,
        RedOp::Or => a | b,
        RedOp::Xor => a ^ b,
    }
}
