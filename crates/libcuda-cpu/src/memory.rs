//! Device memory: one address range, page-aligned allocations inside it.

use std::collections::BTreeMap;

use assay_ptx::{Memory, PAGE_BYTES, Page};

/// Device address of the first byte: nothing like a host address or the canonical arena's base.
const BASE: u64 = 0x7f00_0000_0000;
/// Memory the device says it has, in bytes.
pub(crate) const TOTAL_BYTES: u64 = 16 << 30;

/// All device memory; grows with what is allocated.
#[derive(Debug)]
pub(crate) struct DeviceMemory {
    pages: Vec<Page>,
    /// First page and pages of each allocation.
    taken: BTreeMap<u64, u64>,
}

impl DeviceMemory {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), taken: BTreeMap::new() }
    }

    /// Allocates zeroed pages for `bytes`; `None` when the device is full.
    pub(crate) fn allocate(&mut self, bytes: u64) -> Option<u64> {
        let wanted = bytes.div_ceil(PAGE_BYTES as u64).max(1);
        let mut first = 0;
        for (start, pages) in &self.taken {
            if start - first >= wanted {
                break;
            }
            first = start + pages;
        }
        let end = first.checked_add(wanted).filter(|end| *end <= TOTAL_BYTES / PAGE_BYTES as u64)?;
        let end = usize::try_from(end).ok()?;
        if end > self.pages.len() {
            self.pages.resize(end, [0; PAGE_BYTES]);
        }
        self.pages[first as usize..end].fill([0; PAGE_BYTES]);
        self.taken.insert(first, wanted);
        Some(BASE + first * PAGE_BYTES as u64)
    }

    /// Frees what [`DeviceMemory::allocate`] returned; false for any other address.
    pub(crate) fn free(&mut self, address: u64) -> bool {
        let Some(offset) = address.checked_sub(BASE) else { return false };
        if !offset.is_multiple_of(PAGE_BYTES as u64) {
            return false;
        }
        let found = self.taken.remove(&(offset / PAGE_BYTES as u64)).is_some();
        if self.taken.is_empty() {
            self.pages = Vec::new();
        }
        found
    }

    /// Bytes allocated.
    pub(crate) fn used(&self) -> u64 {
        self.taken.values().sum::<u64>() * PAGE_BYTES as u64
    }

    /// The bytes at a device address; `None` unless they lie in one allocation.
    pub(crate) fn range(&mut self, address: u64, len: u64) -> Option<&mut [u8]> {
        let start = address.checked_sub(BASE)?;
        let end = start.checked_add(len)?;
        let (first, pages) = self.taken.range(..=start / PAGE_BYTES as u64).next_back()?;
        if end > (first + pages) * PAGE_BYTES as u64 {
            return None;
        }
        let bytes = self.pages.as_flattened_mut();
        bytes.get_mut(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

impl Memory for DeviceMemory {
    fn bytes(&self) -> u64 {
        self.pages.len() as u64 * PAGE_BYTES as u64
    }

    fn base(&self) -> u64 {
        BASE
    }

    fn page(&mut self, index: u64) -> &Page {
        &self.pages[index as usize]
    }

    fn page_mut(&mut self, index: u64) -> &mut Page {
        &mut self.pages[index as usize]
    }
}
