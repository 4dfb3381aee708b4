//! Recent blocks in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::primitives::B256;
use alloy::primitives::map::B256Map;

use crate::block::Block;
use crate::head::Heads;

/// Recent blocks by number, hash and transaction. The head is always there.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) heads: Heads,
    by_number: BTreeMap<u64, Arc<Block>>,
    by_hash: B256Map<u64>,
    txs: B256Map<(u64, usize)>,
    bytes: usize,
    bytes_max: usize,
    /// Blocks up to this number are in the index and may leave memory.
    pub(crate) indexed: u64,
}

impl Blocks {
    pub(crate) fn new(head: Arc<Block>, bytes_max: usize) -> Self {
        let at = head.block_ref();
        let mut blocks = Self {
            heads: Heads { latest: at, safe: at, finalized: at },
            by_number: BTreeMap::new(),
            by_hash: B256Map::default(),
            txs: B256Map::default(),
            bytes: 0,
            bytes_max,
            indexed: 0,
        };
        blocks.insert(head);
        blocks
    }

    pub(crate) fn latest(&self) -> Arc<Block> {
        self.by_number[&self.heads.latest.number].clone()
    }

    pub(crate) fn by_number(&self, number: u64) -> Option<&Arc<Block>> {
        self.by_number.get(&number)
    }

    pub(crate) fn by_hash(&self, hash: B256) -> Option<&Arc<Block>> {
        self.by_number.get(self.by_hash.get(&hash)?)
    }

    pub(crate) fn tx(&self, hash: B256) -> Option<(&Arc<Block>, usize)> {
        let (number, index) = self.txs.get(&hash)?;
        Some((self.by_number.get(number)?, *index))
    }

    /// Oldest block of the gapless run of blocks that ends at the head.
    pub(crate) fn oldest(&self) -> u64 {
        let mut oldest = self.heads.latest.number;
        for number in self.by_number.keys().rev() {
            if number + 1 < oldest {
                break;
            }
            oldest = *number;
        }
        oldest
    }

    pub(crate) fn insert(&mut self, block: Arc<Block>) {
        let number = block.number();
        self.remove(number);
        self.bytes += block.weight();
        self.by_hash.insert(block.hash(), number);
        for (index, tx) in block.txs.iter().enumerate() {
            self.txs.insert(tx.hash, (number, index));
        }
        self.by_number.insert(number, block);
    }

    pub(crate) fn push_head(&mut self, block: Arc<Block>) {
        self.heads.latest = block.block_ref();
        self.insert(block);
        self.evict();
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Arc<Block>> {
        let block = self.by_number.remove(&number)?;
        self.bytes -= block.weight();
        self.by_hash.remove(&block.hash());
        for tx in &block.txs {
            if self.txs.get(&tx.hash).is_some_and(|(at, _)| *at == number) {
                self.txs.remove(&tx.hash);
            }
        }
        Some(block)
    }

    pub(crate) fn evict(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.by_number.keys().next().copied() else { return };
            if oldest > self.indexed || oldest >= self.heads.latest.number {
                return;
            }
            self.remove(oldest);
        }
    }
}
