//! Memory that engines reach through a pointer: one mapping, of which the system holds the pages that were touched.
//!
//! ```text
//! base - 2^20   one byte for each page, every bit set by a write to the page
//! base          2^32 bytes
//! base + 2^32   64 KiB that nobody writes
//! ```

use std::io;

use memmap2::{Advice, MmapMut, MmapOptions};

use crate::{
    memory::{Memory, PAGE_LEAVES},
    step::Leaf,
    tree::{LEAF_BYTES, PAGE_BYTES, Page},
};

/// Pages of the memory, and bytes of the marks before it.
const PAGES: usize = 1 << 20;
const GUARD_BYTES: usize = 1 << 16;
/// Marks that are looked at together.
const GROUP: usize = 1024;

/// Who wants to know which pages were written; each has a bit of a page's mark.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    Tree = 1,
    Snapshot = 2,
}

/// 2^32 bytes in one mapping.
#[derive(Debug)]
pub struct FlatMemory(MmapMut);

impl FlatMemory {
    /// What an engine's store writes into the mark of each page it touches.
    pub const MARK: u8 = 0xff;
    /// Where the mark of page 0 lies, seen from [`Self::as_mut_ptr`]; page `i` has the byte `i` further.
    pub const MARKS: isize = -(PAGES as isize);

    /// Zeros. Costs address space, not memory. Errors when the system gives no mapping.
    pub fn new() -> io::Result<Self> {
        let bytes = PAGES + PAGES * PAGE_BYTES + GUARD_BYTES;
        let map = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
        // A huge page for each byte touched would cost up to 512 times the memory that was used. Kernels without huge pages
        // refuse the advice.
        let _ = map.advise(Advice::NoHugePage);
        Ok(Self(map))
    }

    /// The first byte of memory. Valid for reads and writes of 2^32 bytes and of the marks before them, as long as `self` is borrowed.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0[PAGES..].as_mut_ptr()
    }

    pub(crate) fn set_page(&mut self, index: u32, page: &Page) {
        self.0[index as usize] = Self::MARK;
        let at = PAGES + index as usize * PAGE_BYTES;
        self.0[at..at + PAGE_BYTES].copy_from_slice(page);
    }

    /// The pages written since `reader` asked last, in ascending order.
    pub(crate) fn take(&mut self, reader: Reader) -> Vec<u32> {
        let bit = reader as u8;
        let mut written = Vec::new();
        for (group, marks) in self.0[..PAGES].chunks_exact_mut(GROUP).enumerate() {
            if marks.iter().fold(0, |all, mark| all | mark) & bit == 0 {
                continue;
            }
            for (i, mark) in marks.iter_mut().enumerate().filter(|(_, mark)| **mark & bit != 0) {
                *mark &= !bit;
                written.push((group * GROUP + i) as u32);
            }
        }
        written
    }
}

impl Memory for FlatMemory {
    #[inline]
    fn leaf(&self, index: u32) -> Leaf {
        let at = PAGES + index as usize * LEAF_BYTES;
        let mut leaf = [0; LEAF_BYTES];
        leaf.copy_from_slice(&self.0[at..at + LEAF_BYTES]);
        leaf
    }

    #[inline]
    fn set_leaf(&mut self, index: u32, leaf: &Leaf) {
        self.0[(index / PAGE_LEAVES) as usize] = Self::MARK;
        let at = PAGES + index as usize * LEAF_BYTES;
        self.0[at..at + LEAF_BYTES].copy_from_slice(leaf);
    }

    fn page(&self, index: u32) -> &Page {
        let at = PAGES + index as usize * PAGE_BYTES;
        match self.0[at..].first_chunk() {
            Some(page) => page,
            None => unreachable!("2^20 pages are mapped"),
        }
    }

    fn take_written(&mut self) -> Vec<u32> {
        self.take(Reader::Tree)
    }
}
