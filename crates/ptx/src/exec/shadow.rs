//! The launch-scope shadow of global memory: per byte, what blocks of this launch did to it.

use alloc::boxed::Box;

use alloc::vec::Vec;

use crate::exec::stamps::{Cell, SplitCells, Touch, Who};
use crate::launch::{FaultKind, Space};
use crate::memory::{PAGE_BYTES, Page};

const READ: u32 = 1;
const WRITTEN: u32 = 2;
const ATOMIC: u32 = 4;
const NON_COHERENT: u32 = 8;
const ALL_BYTES: u32 = 0x0101_0101;

/// What the blocks of a launch did to each byte of the arena: bit 0 read, bit 1 written, bit 2 atomically updated,
/// bit 3 read non-coherently. One flag byte for a memory byte, page for page, so it commits like memory does.
///
/// Within a block, barriers and warp-level synchronisation order accesses; between blocks of one launch nothing does.
/// Empty at the start of each launch ([`Shadow::clear`]). A fault or lack of fuel leaves it unspecified.
pub struct Shadow {
    tracking: bool,
    /// Page of the arena to slot, plus one.
    slot_of: Vec<u32>,
    slots: Vec<Slot>,
    /// Slots the current block touched.
    touched: Vec<u32>,
    stamps: Vec<Box<[Cell; PAGE_BYTES / 4]>>,
    split: SplitCells,
}

struct Slot {
    page: u64,
    flags: Box<Page>,
    /// Cells of the current block, plus one.
    stamps: u32,
}

impl Shadow {
    /// An empty shadow.
    pub fn new() -> Self {
        Self {
            tracking: true,
            slot_of: Vec::new(),
            slots: Vec::new(),
            touched: Vec::new(),
            stamps: Vec::new(),
            split: SplitCells::default(),
        }
    }

    /// A shadow that tracks nothing: no race is found, in shared memory neither. For device stand-ins.
    pub fn off() -> Self {
        Self { tracking: false, ..Self::new() }
    }

    /// Forgets everything: the state at the start of a launch.
    pub fn clear(&mut self) {
        *self = Self { tracking: self.tracking, ..Self::new() };
    }

    /// Pages with flags, in rising order, after any number of whole blocks.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &Page)> {
        let mut order: Vec<&Slot> = self.slots.iter().collect();
        order.sort_by_key(|s| s.page);
        order.into_iter().map(|s| (s.page, &*s.flags))
    }

    /// Puts back a page of flags (to go on from a committed state). High bits are dropped.
    pub fn load(&mut self, page: u64, flags: &Page) {
        let slot = self.slot(page);
        for (to, from) in self.slots[slot].flags.iter_mut().zip(flags) {
            *to = from & 0x0F;
        }
    }

    #[inline(always)]
    pub(crate) fn is_tracking(&self) -> bool {
        self.tracking
    }

    #[inline(always)]
    fn slot(&mut self, page: u64) -> usize {
        match self.slot_of.get(page as usize) {
            Some(slot) if *slot != 0 => *slot as usize - 1,
            _ => self.new_slot(page),
        }
    }

    #[cold]
    fn new_slot(&mut self, page: u64) -> usize {
        let page_index = page as usize;
        if page_index >= self.slot_of.len() {
            self.slot_of.resize((page_index + 1).next_power_of_two(), 0);
        }
        self.slots.push(Slot { page, flags: Box::new([0; PAGE_BYTES]), stamps: 0 });
        self.slot_of[page_index] = self.slots.len() as u32;
        self.slots.len() - 1
    }

    /// Cells of a slot for the current block.
    #[inline(always)]
    fn cells(&mut self, slot: usize) -> usize {
        match self.slots[slot].stamps {
            0 => self.new_cells(slot),
            cells => cells as usize - 1,
        }
    }

    fn new_cells(&mut self, slot: usize) -> usize {
        let used = self.touched.len();
        if used == self.stamps.len() {
            self.stamps.push(Box::new([Cell::default(); PAGE_BYTES / 4]));
        } else {
            self.stamps[used].fill(Cell::default());
        }
        self.touched.push(slot as u32);
        self.slots[slot].stamps = used as u32 + 1;
        used
    }

    pub(crate) fn begin_block(&mut self) {
        self.split.clear();
    }

    /// Makes what the block did visible to the blocks after it.
    pub(crate) fn end_block(&mut self) {
        for slot in self.touched.drain(..) {
            let slot = &mut self.slots[slot as usize];
            slot.stamps = 0;
            for flags in slot.flags.iter_mut() {
                *flags = (*flags | *flags >> 4) & 0x0F;
            }
        }
    }

    /// Records an access of 1, 2, 4 or 8 bytes, aligned to its size, at an offset in the arena.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        touch: Touch,
        nc: bool,
        offset: u64,
        bytes: u32,
        who: &Who<'_>,
    ) -> Result<(), FaultKind> {
        let slot = self.slot(offset / PAGE_BYTES as u64);
        let stamps = self.cells(slot);
        let mut at = offset as usize % PAGE_BYTES;
        let mut left = bytes;
        while left > 0 {
            let (word, skip) = (at & !3, at & 3);
            let n = left.min(4 - skip as u32);
            let mask = ((1u32 << n) - 1) << skip;
            let lanes = spread(mask);
            let flags = &mut self.slots[slot].flags[word..word + 4];
            let old = u32::from_le_bytes([flags[0], flags[1], flags[2], flags[3]]);
            let address = crate::ARENA_BASE.wrapping_add(offset);
            let new = classify(touch, nc, old, lanes).map_err(|race| match race {
                true => FaultKind::Race { space: Space::Global, address },
                false => FaultKind::NonCoherent { address },
            })?;
            flags.copy_from_slice(&new.to_le_bytes());
            let cell = &mut self.stamps[stamps][word / 4];
            if !(touch == Touch::Read && mask == 0xF && cell.is_settled_read(who)) {
                let result = cell.touch(&mut self.split, touch, mask as u8, who);
                result.map_err(|_| FaultKind::Race { space: Space::Global, address })?;
            }
            at += n as usize;
            left -= n;
        }
        Ok(())
    }
}

impl Default for Shadow {
    fn default() -> Self {
        Self::new()
    }
}

/// A one in each byte that the mask names.
#[inline(always)]
fn spread(mask: u32) -> u32 {
    if mask == 0xF { ALL_BYTES } else { (mask & 1) | (mask & 2) << 7 | (mask & 4) << 14 | (mask & 8) << 21 }
}

/// Flags after the access (this block's are the high four bits of each byte), or whether it is a race (`true`) or an
/// incoherent access (`false`).
#[inline(always)]
fn classify(touch: Touch, nc: bool, old: u32, lanes: u32) -> Result<u32, bool> {
    let any = (old | old >> 4) & (ALL_BYTES * 0x0F);
    let (barred, set) = match touch {
        Touch::Read => (WRITTEN | ATOMIC, if nc { READ | NON_COHERENT } else { READ }),
        Touch::Write => (READ | WRITTEN | ATOMIC, WRITTEN),
        Touch::Atomic => (READ | WRITTEN, ATOMIC),
    };
    if nc && any & (lanes * (WRITTEN | ATOMIC)) != 0 {
        return Err(false);
    }
    if touch != Touch::Read && any & (lanes * NON_COHERENT) != 0 {
        return Err(false);
    }
    if old & (lanes * barred) != 0 {
        return Err(true);
    }
    Ok(old | (lanes * (set << 4)))
}
