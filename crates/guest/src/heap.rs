//! A heap that only grows: where the next block lies.

use core::alloc::Layout;

/// Free memory between two addresses, taken from the low end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    next: usize,
    end: usize,
    /// Start of the last block.
    last: usize,
}

impl Heap {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { next: start, end, last: 0 }
    }

    /// Address of a new block; `None` when it does not fit.
    pub(crate) fn take(&mut self, layout: Layout) -> Option<usize> {
        let at = self.next.checked_add(layout.align() - 1)? & !(layout.align() - 1);
        let next = at.checked_add(layout.size())?;
        if next > self.end {
            return None;
        }
        (self.last, self.next) = (at, next);
        Some(at)
    }

    /// Changes the size of the block at `at` without moving it, which works for the last block only.
    pub(crate) fn resize(&mut self, at: usize, size: usize) -> bool {
        let next = at.checked_add(size).filter(|next| *next <= self.end);
        match next {
            Some(next) if at == self.last => {
                self.next = next;
                true
            }
            _ => false,
        }
    }

    /// Gives the last block back; others stay.
    pub(crate) fn give(&mut self, at: usize) {
        if at == self.last {
            self.next = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_and_do_not_overlap() {
        let mut heap = Heap::new(1001, 2000);
        assert_eq!(heap.take(layout(3, 1)), Some(1001));
        assert_eq!(heap.take(layout(8, 64)), Some(1024));
        assert_eq!(heap.take(layout(1, 1)), Some(1032));
        assert_eq!(heap.take(layout(968, 1)), None, "one byte too many");
        assert_eq!(heap.take(layout(967, 1)), Some(1033));
        assert_eq!(heap.take(layout(usize::MAX >> 1, 1)), None);
    }

    #[test]
    fn only_the_last_block_changes_in_place() {
        let mut heap = Heap::new(0x100, 0x200);
        let first = heap.take(layout(16, 8)).unwrap();
        let second = heap.take(layout(16, 8)).unwrap();
        assert!(!heap.resize(first, 8));
        assert!(heap.resize(second, 0xf0) && !heap.resize(second, 0xf1));
        heap.give(first);
        assert_eq!(heap.take(layout(1, 1)), None);
        heap.give(second);
        assert_eq!(heap.take(layout(1, 1)), Some(second));
    }
}
