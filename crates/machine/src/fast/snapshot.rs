//! Snapshots: a machine at one instruction, sharing with others every page that did not change between them.

use std::{io, sync::Arc};

use super::memory::{FlatMemory, Reader};
use crate::{
    memory::{Memory, MemoryTree},
    state::Cpu,
    tree::{Page, ZERO_PAGE},
};

/// Pages that are kept and cloned together.
const GROUP: u32 = 1024;

type Group = [Option<Arc<Page>>; GROUP as usize];

/// The pages that are not zero.
#[derive(Clone, Debug)]
pub(super) struct Pages(Vec<Option<Arc<Group>>>);

impl Default for Pages {
    fn default() -> Self {
        Self(vec![None; (1 << 20) / GROUP as usize])
    }
}

impl Pages {
    /// Copies the pages written since the last time.
    pub(super) fn take(&mut self, memory: &mut FlatMemory) {
        for index in memory.take(Reader::Snapshot) {
            let page = memory.page(index);
            let group = self.0[(index / GROUP) as usize].get_or_insert_with(|| Arc::new([const { None }; _]));
            Arc::make_mut(group)[(index % GROUP) as usize] = (*page != ZERO_PAGE).then(|| Arc::new(*page));
        }
    }

    /// A memory with these pages, none of them marked.
    fn restore(&self) -> io::Result<FlatMemory> {
        let mut memory = FlatMemory::new()?;
        for (group, pages) in (0u32..).zip(&self.0) {
            for (i, page) in (0u32..).zip(pages.iter().flat_map(|pages| pages.iter())) {
                if let Some(page) = page {
                    memory.set_page(group * GROUP + i, page);
                }
            }
        }
        memory.take(Reader::Tree);
        memory.take(Reader::Snapshot);
        Ok(memory)
    }
}

/// A machine at one instruction. Cheap to clone.
///
/// Holds a copy of each page that is not zero, shared with the snapshots taken before and after it by the same executor where the
/// page did not change.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) cpu: Cpu,
    pub(super) steps: u64,
    pub(super) tree: MemoryTree,
    pub(super) pages: Pages,
}

impl Snapshot {
    /// Everything but the memory.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The instructions executed before it.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn restore(&self) -> io::Result<FlatMemory> {
        self.pages.restore()
    }
}
