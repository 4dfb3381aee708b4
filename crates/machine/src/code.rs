//! Code: immutable, apart from memory, in one window of 32 MiB.

use alloc::{vec, vec::Vec};

use alloy_primitives::{B256, keccak256};

use crate::tree::{CODE_DEPTH, LEAF_BYTES, ZERO_ROOTS, node};

/// Address bits within a window.
const WINDOW_BITS: u32 = 25;
/// Bytes of a window.
pub const WINDOW_BYTES: u64 = 1 << WINDOW_BITS;

/// Code that is no code of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No bytes at all.
    #[error("no code")]
    Empty,
    /// Bytes at or above 2^32.
    #[error("code up to {end:#x}, addresses end at 2^32")]
    OutOfRange {
        /// The address behind the last byte.
        end: u64,
    },
    /// Bytes in two windows.
    #[error("code from {start:#x} to {end:#x} does not lie in one window of 32 MiB")]
    Windows {
        /// The lowest address.
        start: u64,
        /// The address behind the last byte.
        end: u64,
    },
}

/// A program's instructions and the tree over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    window: u8,
    /// Index in the window of the first word held; the first of a leaf.
    first: u32,
    /// Whole leaves.
    words: Vec<u32>,
    /// For each height the index of its first node and its nodes; everything outside is zero.
    levels: Vec<(u32, Vec<B256>)>,
}

impl Code {
    /// Code that consists of these bytes at these addresses, zero elsewhere; later parts overwrite earlier ones.
    ///
    /// Cost: a hash for each leaf between the first and the last byte; at most 64 MiB.
    pub fn new(parts: &[(u64, &[u8])]) -> Result<Self, CodeError> {
        let parts = || parts.iter().filter(|(_, bytes)| !bytes.is_empty());
        let start = parts().map(|(address, _)| *address).min().ok_or(CodeError::Empty)?;
        let ends = parts().map(|(address, bytes)| address.saturating_add(bytes.len() as u64));
        let end = ends.max().ok_or(CodeError::Empty)?;
        if end > 1 << 32 {
            return Err(CodeError::OutOfRange { end });
        }
        if start >> WINDOW_BITS != (end - 1) >> WINDOW_BITS {
            return Err(CodeError::Windows { start, end });
        }
        let base = start / LEAF_BYTES as u64 * LEAF_BYTES as u64;
        let mut bytes = vec![0u8; ((end - base) as usize).next_multiple_of(LEAF_BYTES)];
        for (address, part) in parts() {
            let at = (address - base) as usize;
            bytes[at..at + part.len()].copy_from_slice(part);
        }
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        Ok(Self {
            window: (start >> WINDOW_BITS) as u8,
            first: (base % WINDOW_BYTES / 4) as u32,
            words: bytes.chunks_exact(4).map(word).collect(),
            levels: levels((base % WINDOW_BYTES) as u32 / LEAF_BYTES as u32, &bytes),
        })
    }

    /// The window's number: bits 25 to 31 of every code address.
    pub fn window(&self) -> u8 {
        self.window
    }

    /// The address of the first word of [`Self::words`].
    pub fn base(&self) -> u64 {
        u64::from(self.window) << WINDOW_BITS | u64::from(self.first) << 2
    }

    /// Every word from the first leaf with code to the last.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The word at `pc`, zero where there is no code; `None` if it cannot be fetched.
    pub fn fetch(&self, pc: u64) -> Option<u32> {
        (pc.is_multiple_of(4) && pc >> WINDOW_BITS == u64::from(self.window)).then(|| {
            let index = pc.wrapping_sub(self.base()) / 4;
            usize::try_from(index).ok().and_then(|index| self.words.get(index)).copied().unwrap_or(0)
        })
    }

    /// The root of the tree, without the window.
    pub fn tree_root(&self) -> B256 {
        self.node(CODE_DEPTH, 0)
    }

    /// The code root: window and tree.
    pub fn root(&self) -> B256 {
        code_root(self.window, &self.tree_root())
    }

    /// The leaf that holds the word at `pc`, and its siblings from the leaf up.
    pub fn open(&self, pc: u64) -> (B256, [B256; CODE_DEPTH]) {
        let leaf = (pc % WINDOW_BYTES) as u32 / LEAF_BYTES as u32;
        (self.node(0, leaf), core::array::from_fn(|height| self.node(height, leaf >> height ^ 1)))
    }

    fn node(&self, height: usize, index: u32) -> B256 {
        let (first, nodes) = &self.levels[height];
        let held = index.checked_sub(*first).and_then(|i| nodes.get(i as usize));
        held.copied().unwrap_or(ZERO_ROOTS[height])
    }
}

/// `H(u8(window) ‖ treeRoot)`.
pub fn code_root(window: u8, tree_root: &B256) -> B256 {
    let mut bytes = [0u8; 33];
    bytes[0] = window;
    bytes[1..].copy_from_slice(tree_root.as_slice());
    keccak256(bytes)
}

fn levels(first: u32, bytes: &[u8]) -> Vec<(u32, Vec<B256>)> {
    let leaves: Vec<B256> = bytes.chunks_exact(LEAF_BYTES).map(B256::from_slice).collect();
    let mut levels = vec![(first, leaves)];
    for zero in &ZERO_ROOTS[..CODE_DEPTH] {
        let (first, nodes) = &levels[levels.len() - 1];
        let at = |index: u32| index.checked_sub(*first).and_then(|i| nodes.get(i as usize)).unwrap_or(zero);
        let last = first + (nodes.len() as u32 - 1);
        let above = (first / 2..=last / 2).map(|index| node(at(2 * index), at(2 * index + 1))).collect();
        levels.push((first / 2, above));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::fold;

    #[test]
    fn words_are_found_where_they_were_put() {
        let code = Code::new(&[(0x0200_0044, &[1, 2, 3, 4, 5]), (0x0200_0084, &[9])]).unwrap();
        assert_eq!(code.window(), 1);
        assert_eq!(code.base(), 0x0200_0040);
        assert_eq!(code.fetch(0x0200_0044), Some(0x0403_0201));
        assert_eq!(code.fetch(0x0200_0048), Some(5));
        assert_eq!(code.fetch(0x0200_0084), Some(9));
        assert_eq!(code.fetch(0x0200_0000), Some(0));
        assert_eq!(code.fetch(0x03ff_fffc), Some(0));
        assert_eq!(code.fetch(0x0400_0000), None);
        assert_eq!(code.fetch(0x0200_0046), None);
        assert_eq!(code.fetch(0x1_0200_0044), None);
        for pc in [0x0200_0044, 0x0200_0084, 0x0200_0000, 0x03ff_fffc] {
            let (leaf, siblings) = code.open(pc);
            assert_eq!(fold(leaf, pc % WINDOW_BYTES / 32, &siblings), code.tree_root(), "{pc:#x}");
            let at = pc as usize % 32;
            assert_eq!(&leaf[at..at + 4], code.fetch(pc).unwrap().to_le_bytes());
        }
    }

    #[test]
    fn refuses_code_that_is_not_in_one_window() {
        assert_eq!(Code::new(&[]), Err(CodeError::Empty));
        assert_eq!(Code::new(&[(4, &[])]), Err(CodeError::Empty));
        assert_eq!(
            Code::new(&[(0x01ff_fffc, &[0; 8])]),
            Err(CodeError::Windows { start: 0x01ff_fffc, end: 0x0200_0004 })
        );
        assert_eq!(Code::new(&[(0xffff_fffc, &[0; 5])]), Err(CodeError::OutOfRange { end: 0x1_0000_0001 }));
        assert!(Code::new(&[(0xffff_fffc, &[0; 4])]).is_ok());
        assert_eq!(Code::new(&[(u64::MAX, &[0; 4])]), Err(CodeError::OutOfRange { end: u64::MAX }));
    }
}
