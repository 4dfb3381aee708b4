//! The arena as kernels see it.

use alloc::vec;
use alloc::vec::Vec;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;

/// One page.
pub type Page = [u8; PAGE_BYTES];

/// Device memory by pages: a flat vector on a host, an oracle with page witnesses in a proof.
///
/// The interpreter asks only for pages below [`Memory::bytes`]; the last page is whole, its tail is zero.
pub trait Memory {
    /// Length of the arena in bytes.
    fn bytes(&self) -> u64;

    /// Address of the arena's first byte. Not [`crate::ARENA_BASE`] only for a device stand-in.
    fn base(&self) -> u64 {
        crate::ARENA_BASE
    }

    /// A page to read.
    fn page(&mut self, index: u64) -> &Page;

    /// A page to write.
    fn page_mut(&mut self, index: u64) -> &mut Page;

    /// This memory, if it is a [`FlatMemory`]: the interpreter then reads it without virtual calls.
    fn as_flat(&mut self) -> Option<&mut FlatMemory> {
        None
    }
}

/// An arena in one vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatMemory {
    bytes: u64,
    pages: Vec<Page>,
}

impl FlatMemory {
    /// A zeroed arena.
    pub fn new(bytes: u64) -> Self {
        let pages = bytes.div_ceil(PAGE_BYTES as u64) as usize;
        Self { bytes, pages: vec![[0; PAGE_BYTES]; pages] }
    }

    /// All pages, the last one padded with zeros.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// The arena's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.pages.as_flattened()[..self.bytes as usize]
    }

    /// The arena's bytes, to fill before a run.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.pages.as_flattened_mut()[..self.bytes as usize]
    }
}

impl Memory for FlatMemory {
    fn as_flat(&mut self) -> Option<&mut FlatMemory> {
        Some(self)
    }

    #[inline(always)]
    fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline(always)]
    fn page(&mut self, index: u64) -> &Page {
        &self.pages[index as usize]
    }

    #[inline(always)]
    fn page_mut(&mut self, index: u64) -> &mut Page {
        &mut self.pages[index as usize]
    }
}
