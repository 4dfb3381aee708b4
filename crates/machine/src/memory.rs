//! The machine's memory: pages, and the tree over them.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use alloy_primitives::B256;

use crate::tree::{
    LEAF_BYTES, MEMORY_DEPTH, PAGE_BYTES, PAGE_DEPTH, Page, ZERO_PAGE, ZERO_ROOTS, fold, node, page_nodes,
    page_root,
};

/// Leaves of a page.
pub(crate) const PAGE_LEAVES: u32 = 1 << PAGE_DEPTH;
/// Levels between the root and a page's root.
const UPPER_DEPTH: usize = MEMORY_DEPTH - PAGE_DEPTH;
/// Levels kept in one block of nodes.
const BLOCK_DEPTH: usize = UPPER_DEPTH / 2;
const BLOCK_PAGES: u32 = 1 << BLOCK_DEPTH;

/// 2^32 bytes that remember which pages were written.
pub trait Memory {
    /// The 32 bytes at `32 * index`; `index < 2^27`.
    fn leaf(&self, index: u32) -> [u8; LEAF_BYTES];

    /// Replaces the 32 bytes at `32 * index`.
    fn set_leaf(&mut self, index: u32, leaf: &[u8; LEAF_BYTES]);

    /// The bytes at `4096 * index`; `index < 2^20`.
    fn page(&self, index: u32) -> &Page;

    /// The pages written since the last call, in ascending order.
    fn take_written(&mut self) -> Vec<u32>;
}

/// Memory that holds the pages that were written. Portable and slow; the reference.
#[derive(Clone, Debug, Default)]
pub struct SparseMemory {
    pages: BTreeMap<u32, Box<Page>>,
    written: BTreeSet<u32>,
}

impl SparseMemory {
    /// The pages that are held, in ascending order.
    pub fn pages(&self) -> impl Iterator<Item = (u32, &Page)> {
        self.pages.iter().map(|(index, page)| (*index, &**page))
    }

    /// Writes `bytes` at `address`.
    ///
    /// # Panics
    /// If they do not fit below 2^32.
    pub fn write(&mut self, address: u64, mut bytes: &[u8]) {
        assert!(address + bytes.len() as u64 <= 1 << 32, "{} bytes at {address:#x}", bytes.len());
        let mut address = address as usize;
        while !bytes.is_empty() {
            let offset = address % PAGE_BYTES;
            let (now, rest) = bytes.split_at(bytes.len().min(PAGE_BYTES - offset));
            self.page_mut((address / PAGE_BYTES) as u32)[offset..offset + now.len()].copy_from_slice(now);
            (address, bytes) = (address + now.len(), rest);
        }
    }

    fn page_mut(&mut self, index: u32) -> &mut Page {
        self.written.insert(index);
        self.pages.entry(index).or_insert_with(|| Box::new(ZERO_PAGE))
    }
}

impl Memory for SparseMemory {
    fn leaf(&self, index: u32) -> [u8; LEAF_BYTES] {
        let offset = (index % PAGE_LEAVES) as usize * LEAF_BYTES;
        let mut leaf = [0; LEAF_BYTES];
        leaf.copy_from_slice(&self.page(index / PAGE_LEAVES)[offset..offset + LEAF_BYTES]);
        leaf
    }

    fn set_leaf(&mut self, index: u32, leaf: &[u8; LEAF_BYTES]) {
        let offset = (index % PAGE_LEAVES) as usize * LEAF_BYTES;
        self.page_mut(index / PAGE_LEAVES)[offset..offset + LEAF_BYTES].copy_from_slice(leaf);
    }

    fn page(&self, index: u32) -> &Page {
        self.pages.get(&index).map_or(&ZERO_PAGE, |page| page)
    }

    fn take_written(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.written).into_iter().collect()
    }
}

/// A subtree of ten levels in heap order, entry 1 on top.
type Block = [B256; 2 * BLOCK_PAGES as usize];

/// The memory tree from the page roots upwards. Nodes within a page are computed when they are needed.
///
/// 64 KiB for each 4 MiB of which a page was written.
#[derive(Clone, Debug)]
pub struct MemoryTree {
    top: Box<Block>,
    blocks: Vec<Option<Box<Block>>>,
}

impl Default for MemoryTree {
    fn default() -> Self {
        Self { top: zero_block(PAGE_DEPTH + BLOCK_DEPTH), blocks: vec![None; BLOCK_PAGES as usize] }
    }
}

/// A block over leaves that are roots of zeros of height `base`.
fn zero_block(base: usize) -> Box<Block> {
    let mut block = vec![B256::ZERO; 2 * BLOCK_PAGES as usize];
    for (i, node) in block.iter_mut().enumerate().skip(1) {
        *node = ZERO_ROOTS[base + BLOCK_DEPTH - i.ilog2() as usize];
    }
    match block.into_boxed_slice().try_into() {
        Ok(block) => block,
        Err(_) => unreachable!("the length is a constant"),
    }
}

impl MemoryTree {
    /// The root.
    pub fn root(&self) -> B256 {
        self.top[1]
    }

    /// The root of one page.
    pub fn page_root(&self, page: u32) -> B256 {
        self.node(PAGE_DEPTH, page)
    }

    /// The node of `height >= 7` at `index` of its level.
    pub(crate) fn node(&self, height: usize, index: u32) -> B256 {
        if height >= PAGE_DEPTH + BLOCK_DEPTH {
            return self.top[(1 << (MEMORY_DEPTH - height)) + index as usize];
        }
        let span = BLOCK_PAGES >> (height - PAGE_DEPTH);
        match &self.blocks[(index / span) as usize] {
            Some(block) => block[(span + index % span) as usize],
            None => ZERO_ROOTS[height],
        }
    }

    /// Replaces the node of `height >= 7` at `index` of its level. Nodes above stay as they were.
    pub(crate) fn set_node(&mut self, height: usize, index: u32, value: B256) {
        if height > PAGE_DEPTH + BLOCK_DEPTH {
            self.top[(1 << (MEMORY_DEPTH - height)) + index as usize] = value;
            return;
        }
        let span = BLOCK_PAGES >> (height - PAGE_DEPTH);
        let block = &mut self.blocks[(index / span) as usize];
        block.get_or_insert_with(|| zero_block(PAGE_DEPTH))[(span + index % span) as usize] = value;
        if span == 1 {
            self.top[(BLOCK_PAGES + index) as usize] = value;
        }
    }

    /// Rehashes the given pages, ascending, and what is above them.
    ///
    /// Cost: 127 hashes for a page without zeros, up to 20 above it that neighbours share. With `std` on every core.
    pub fn update(&mut self, memory: &(impl Memory + Sync), written: &[u32]) {
        let roots = map(written, 2, |page| page_root(memory.page(*page)));
        let mut level: Vec<u32> = written.to_vec();
        for (page, root) in written.iter().zip(roots) {
            self.set_node(PAGE_DEPTH, *page, root);
        }
        for height in PAGE_DEPTH + 1..=MEMORY_DEPTH {
            for index in &mut level {
                *index /= 2;
            }
            level.dedup();
            let tree = &*self;
            let hashes = map(&level, 64, |index| {
                node(&tree.node(height - 1, 2 * index), &tree.node(height - 1, 2 * index + 1))
            });
            for (index, hash) in level.iter().zip(hashes) {
                self.set_node(height, *index, hash);
            }
        }
    }

    /// The siblings of leaf `index`, from the leaf up. The tree must be up to date with `memory`.
    ///
    /// Cost: the hashes of one page.
    pub fn siblings(&self, memory: &impl Memory, index: u32) -> [B256; MEMORY_DEPTH] {
        let page = page_nodes(memory.page(index / PAGE_LEAVES));
        let within = PAGE_LEAVES + index % PAGE_LEAVES;
        core::array::from_fn(|height| match height {
            0..PAGE_DEPTH => page[(within >> height ^ 1) as usize],
            _ => self.node(height, index >> height ^ 1),
        })
    }
}

/// `f` of each item; with `std` on every core, at least `least` items on each.
#[cfg(feature = "std")]
fn map<T: Sync>(items: &[T], least: usize, f: impl Fn(&T) -> B256 + Sync + Send) -> Vec<B256> {
    use rayon::prelude::*;
    items.par_iter().with_min_len(least).map(f).collect()
}

#[cfg(not(feature = "std"))]
fn map<T: Sync>(items: &[T], _least: usize, f: impl Fn(&T) -> B256 + Sync + Send) -> Vec<B256> {
    items.iter().map(f).collect()
}

/// The root of memory that is zero but for the given leaves, ascending, from nothing but the definition.
pub fn root_of_leaves(leaves: &[(u32, [u8; LEAF_BYTES])]) -> B256 {
    let mut level: Vec<(u32, B256)> = leaves.iter().map(|(index, leaf)| (*index, B256::new(*leaf))).collect();
    for zero in &ZERO_ROOTS[..MEMORY_DEPTH] {
        let mut above: Vec<(u32, B256)> = Vec::with_capacity(level.len());
        let mut rest = &level[..];
        while let Some(((index, value), tail)) = rest.split_first() {
            let pair = match tail.first() {
                Some((next, right)) if index % 2 == 0 && *next == index + 1 => {
                    rest = &tail[1..];
                    node(value, right)
                }
                _ => {
                    rest = tail;
                    fold(*value, u64::from(index % 2), &[*zero])
                }
            };
            above.push((index / 2, pair));
        }
        level = above;
    }
    level.first().map_or(ZERO_ROOTS[MEMORY_DEPTH], |(_, root)| *root)
}
