//! Page trees: long data as a Merkle tree of 4 KiB pages, with proofs of page ranges.
//!
//! Pages are zero-padded; a leaf is `keccak(page)`, a node `keccak(left || right)`; the leaf level is padded
//! with zero pages to a power of two; the root is `keccak(uint256 byte length || top)`. Data of length zero
//! has one zero page.

use crate::merkle::node;
use alloc::{vec, vec::Vec};
use alloy_primitives::{B256, U256, keccak256};
use core::ops::Range;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;

/// How many pages `len` bytes take; at least one.
pub fn page_count(len: u64) -> u64 {
    len.div_ceil(PAGE_BYTES as u64).max(1)
}

/// The leaf of a page; `page` is at most [`PAGE_BYTES`] long and is zero-padded. Longer input is cut.
pub fn page_leaf(page: &[u8]) -> B256 {
    if page.len() == PAGE_BYTES {
        return keccak256(page);
    }
    let mut padded = [0u8; PAGE_BYTES];
    let len = page.len().min(PAGE_BYTES);
    padded[..len].copy_from_slice(&page[..len]);
    keccak256(padded)
}

fn bind_length(len: u64, top: B256) -> B256 {
    node(B256::from(U256::from(len)), top)
}

/// Levels above the leaves of a tree with `pages` pages.
fn height(pages: u64) -> u32 {
    pages.next_power_of_two().trailing_zeros()
}

/// The page root of `data`. Cost: one keccak per 136 bytes, memory for the hashes of half the pages.
pub fn page_root(data: &[u8]) -> B256 {
    PageTree::new(data).root()
}

/// All hashes of a page tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTree {
    len: u64,
    /// Real nodes per level, leaves first, the top alone in the last.
    levels: Vec<Vec<B256>>,
    /// The zero subtree of each level.
    zeros: Vec<B256>,
}

impl PageTree {
    /// Builds the tree of `data`.
    pub fn new(data: &[u8]) -> Self {
        let leaves = match data.is_empty() {
            true => vec![page_leaf(&[])],
            false => data.chunks(PAGE_BYTES).map(page_leaf).collect(),
        };
        Self::build(data.len() as u64, leaves)
    }

    /// Builds the tree of `len` bytes from its page leaves (see [`page_leaf`]), which a caller may have hashed in
    /// parallel; `None` unless there are exactly [`page_count`] of them.
    pub fn from_leaves(len: u64, leaves: Vec<B256>) -> Option<Self> {
        (leaves.len() as u64 == page_count(len)).then(|| Self::build(len, leaves))
    }

    fn build(len: u64, leaves: Vec<B256>) -> Self {
        let height = height(leaves.len() as u64) as usize;
        let mut zeros = vec![page_leaf(&[])];
        let mut levels = vec![leaves];
        for level in 0..height {
            let zero = zeros[level];
            let parents = levels[level]
                .chunks(2)
                .map(|pair| node(pair[0], pair.get(1).copied().unwrap_or(zero)))
                .collect();
            levels.push(parents);
            zeros.push(node(zero, zero));
        }
        Self { len, levels, zeros }
    }

    /// The length of the data in bytes.
    pub fn byte_len(&self) -> u64 {
        self.len
    }

    /// How many pages the data has; at least one.
    pub fn pages(&self) -> u64 {
        page_count(self.len)
    }

    /// The page root.
    pub fn root(&self) -> B256 {
        bind_length(self.len, self.top())
    }

    /// The root without the length.
    pub fn top(&self) -> B256 {
        self.levels.last().map_or(B256::ZERO, |level| level[0])
    }

    /// Replaces the leaf of a page and its path. Returns false, changing nothing, if the page does not exist.
    pub fn set_leaf(&mut self, page: u64, leaf: B256) -> bool {
        if page >= self.pages() {
            return false;
        }
        let mut index = page as usize;
        self.levels[0][index] = leaf;
        for level in 0..self.levels.len() - 1 {
            index /= 2;
            let right = self.at(level, 2 * index + 1);
            let parent = node(self.levels[level][2 * index], right);
            self.levels[level + 1][index] = parent;
        }
        true
    }

    fn at(&self, level: usize, index: usize) -> B256 {
        self.levels[level].get(index).copied().unwrap_or(self.zeros[level])
    }

    /// The siblings that prove `pages`: per level, lowest first, the left neighbour of the range if its first node is a right
    /// child, then the right neighbour if its last node is a left child. `None` if the range is empty or leaves the data.
    pub fn prove(&self, pages: Range<u64>) -> Option<Vec<B256>> {
        if pages.is_empty() || pages.end > self.pages() {
            return None;
        }
        let (mut first, mut last) = (pages.start as usize, pages.end as usize - 1);
        let mut proof = Vec::new();
        for level in 0..self.levels.len() - 1 {
            if first % 2 == 1 {
                proof.push(self.at(level, first - 1));
            }
            if last.is_multiple_of(2) {
                proof.push(self.at(level, last + 1));
            }
            first /= 2;
            last /= 2;
        }
        Some(proof)
    }
}

/// Whether `bytes` are the pages of the data with this `root` and byte length `len`, starting with page `first_page`.
///
/// `bytes` are whole pages, but for the data's last page, which ends with the data. `proof` is what [`PageTree::prove`]
/// gives. Total: any input gives an answer.
pub fn verify_range(root: B256, len: u64, first_page: u64, bytes: &[u8], proof: &[B256]) -> bool {
    let total = page_count(len);
    let count = page_count(bytes.len() as u64);
    let Some(end) = first_page.checked_add(count).filter(|end| *end <= total) else {
        return false;
    };
    let Some(start_byte) = first_page.checked_mul(PAGE_BYTES as u64) else {
        return false;
    };
    let expected = len.min(end.saturating_mul(PAGE_BYTES as u64)).saturating_sub(start_byte);
    if bytes.len() as u64 != expected {
        return false;
    }
    let mut nodes: Vec<B256> = match bytes.is_empty() {
        true => vec![page_leaf(&[])],
        false => bytes.chunks(PAGE_BYTES).map(page_leaf).collect(),
    };
    let mut proof = proof.iter().copied();
    let mut first = first_page;
    for _ in 0..height(total) {
        if first % 2 == 1 {
            match proof.next() {
                Some(left) => nodes.insert(0, left),
                None => return false,
            }
        }
        if nodes.len() % 2 == 1 {
            match proof.next() {
                Some(right) => nodes.push(right),
                None => return false,
            }
        }
        nodes = nodes.chunks(2).map(|pair| node(pair[0], pair[1])).collect();
        first /= 2;
    }
    proof.next().is_none() && nodes.len() == 1 && bind_length(len, nodes[0]) == root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, written down once more without sharing code with the tree.
    fn slow_root(data: &[u8]) -> B256 {
        let mut padded = data.to_vec();
        let pages = data.len().div_ceil(4096).max(1).next_power_of_two();
        padded.resize(pages * 4096, 0);
        let mut level: Vec<B256> = padded.chunks(4096).map(keccak256).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|p| keccak256([p[0].as_slice(), p[1].as_slice()].concat())).collect();
        }
        keccak256([U256::from(data.len()).to_be_bytes::<32>().as_slice(), level[0].as_slice()].concat())
    }

    fn data(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 / 7 + i / 4096) as u8).collect()
    }

    #[test]
    fn equals_the_definition_at_the_edges() {
        for len in [0, 1, 4095, 4096, 4097, 8192, 3 * 4096, 5 * 4096 + 1, 16 * 4096, 17 * 4096 - 1] {
            assert_eq!(page_root(&data(len)), slow_root(&data(len)), "{len}");
        }
    }

    #[test]
    fn trailing_zeros_change_the_root() {
        assert_ne!(page_root(&[0; 5]), page_root(&[0; 6]));
        assert_ne!(page_root(&[]), page_root(&[0]));
    }

    #[test]
    fn every_range_of_a_small_tree_verifies_and_nothing_else_does() {
        for len in [0, 1, 4096, 4097, 5 * 4096 + 17, 8 * 4096] {
            let data = data(len);
            let tree = PageTree::new(&data);
            let (root, len, pages) = (tree.root(), len as u64, tree.pages());
            for first in 0..pages {
                for end in first + 1..=pages {
                    let proof = tree.prove(first..end).unwrap();
                    let bytes = &data[first as usize * 4096..data.len().min(end as usize * 4096)];
                    assert!(verify_range(root, len, first, bytes, &proof), "{len} {first}..{end}");
                    assert!(!verify_range(root, len + 1, first, bytes, &proof));
                    assert!(!verify_range(root, len, first + 1, bytes, &proof));
                    let mut long = proof.clone();
                    long.push(B256::ZERO);
                    assert!(!verify_range(root, len, first, bytes, &long));
                    if let Some((_, short)) = proof.split_last() {
                        assert!(!verify_range(root, len, first, bytes, short));
                    }
                    if !bytes.is_empty() {
                        let mut bad = bytes.to_vec();
                        bad[bytes.len() / 2] ^= 1;
                        assert!(!verify_range(root, len, first, &bad, &proof));
                    }
                }
            }
            assert_eq!(tree.prove(0..pages + 1), None);
            assert_eq!(tree.prove(1..1), None);
        }
    }

    proptest! {
        #[test]
        fn changing_a_page_equals_building_anew(len in 1usize..70_000, at in any::<prop::sample::Index>(), byte in 1u8..) {
            let mut data = data(len);
            let mut tree = PageTree::new(&data);
            let at = at.index(len);
            data[at] ^= byte;
            let page = at / 4096;
            prop_assert!(tree.set_leaf(page as u64, page_leaf(&data[page * 4096..len.min(page * 4096 + 4096)])));
            prop_assert_eq!(&tree, &PageTree::new(&data));
            let leaves = data.chunks(4096).map(page_leaf).collect();
            prop_assert_eq!(PageTree::from_leaves(len as u64, leaves), Some(tree));
        }

        #[test]
        fn any_proof_gets_an_answer(
            len in any::<u64>(), first in any::<u64>(),
            bytes in prop::collection::vec(any::<u8>(), 0..9000),
            proof in prop::collection::vec(any::<[u8; 32]>(), 0..8),
        ) {
            let proof: Vec<B256> = proof.into_iter().map(B256::from).collect();
            prop_assert!(!verify_range(B256::ZERO, len, first, &bytes, &proof));
        }
    }
}
