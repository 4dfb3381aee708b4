//! Reading the chain: from memory where it is recent, from the index where it is old.

use std::sync::Arc;

use alloy::primitives::{Address, B256, U256};
use assay_execution::{AccountProof, BlockInput, SealedHeader};
use assay_primitives::ChainConfig;
use assay_storage::{BlockLog, Index, LogQuery, LogRow};
use tokio::sync::broadcast;

use super::{Chain, ChainError};
use crate::block::{Block, PendingBlock};
use crate::codec;
use crate::head::{BlockRef, ChainEvent, Head, Heads};
use crate::state::{StateError, StateView};

/// Which logs are wanted, as `eth_getLogs` asks for them.
pub type LogFilter = LogQuery;

impl Chain {
    /// Protocol parameters.
    pub fn config(&self) -> &Arc<ChainConfig> {
        &self.inner.config
    }

    /// Block 0.
    pub fn genesis(&self) -> &Arc<Block> {
        &self.inner.genesis
    }

    /// All heads.
    pub fn heads(&self) -> Heads {
        self.inner.blocks.read().heads
    }

    /// One head.
    pub fn head(&self, head: Head) -> BlockRef {
        self.heads().get(head)
    }

    /// The newest block.
    pub fn latest(&self) -> Arc<Block> {
        self.inner.blocks.read().latest()
    }

    /// A block that is still in memory.
    pub fn recent_block(&self, number: u64) -> Option<Arc<Block>> {
        self.inner.blocks.read().by_number(number).cloned()
    }

    /// The block with this number.
    ///
    /// # Errors
    /// [`ChainError::Index`], [`ChainError::Row`].
    pub async fn block_by_number(&self, number: u64) -> Result<Option<Arc<Block>>, ChainError> {
        if let Some(block) = self.recent_block(number) {
            return Ok(Some(block));
        }
        if number == 0 {
            return Ok(Some(self.inner.genesis.clone()));
        }
        let Some(index) = self.index() else { return Ok(None) };
        if number > self.heads().latest.number {
            return Ok(None);
        }
        let Some(row) = index.block_by_number(number).await? else { return Ok(None) };
        Ok(Some(Arc::new(codec::decode_block(&row)?)))
    }

    /// The block with this hash, if it is on the chain.
    ///
    /// # Errors
    /// As [`Chain::block_by_number`].
    pub async fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<Block>>, ChainError> {
        if let Some(block) = self.inner.blocks.read().by_hash(hash) {
            return Ok(Some(block.clone()));
        }
        if hash == self.inner.genesis.hash() {
            return Ok(Some(self.inner.genesis.clone()));
        }
        let Some(index) = self.index() else { return Ok(None) };
        let Some(row) = index.header_by_hash(hash).await? else { return Ok(None) };
        let block = self.block_by_number(row.number).await?;
        Ok(block.filter(|block| block.hash() == hash))
    }

    /// The header with this number.
    ///
    /// # Errors
    /// As [`Chain::block_by_number`].
    pub async fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, ChainError> {
        if let Some(block) = self.recent_block(number) {
            return Ok(Some(block.header.clone()));
        }
        if number == 0 {
            return Ok(Some(self.inner.genesis.header.clone()));
        }
        let Some(index) = self.index() else { return Ok(None) };
        if number > self.heads().latest.number {
            return Ok(None);
        }
        Ok(index.header_by_number(number).await?.as_ref().map(codec::decode_header).transpose()?)
    }

    /// The block that holds the transaction, and its place there.
    ///
    /// # Errors
    /// As [`Chain::block_by_number`].
    pub async fn transaction(&self, hash: B256) -> Result<Option<(Arc<Block>, usize)>, ChainError> {
        if let Some((block, index)) = self.inner.blocks.read().tx(hash) {
            return Ok(Some((block.clone(), index)));
        }
        let Some(index) = self.index() else { return Ok(None) };
        let Some(row) = index.tx(hash).await? else { return Ok(None) };
        let Some(block) = self.block_by_number(row.block).await? else { return Ok(None) };
        let at = usize::try_from(row.index).unwrap_or(usize::MAX);
        Ok(block.txs.get(at).is_some_and(|tx| tx.hash == hash).then_some((block, at)))
    }

    /// What a batch says of block `number`.
    ///
    /// # Errors
    /// As [`Chain::block_by_number`].
    pub async fn input(&self, number: u64) -> Result<Option<BlockInput>, ChainError> {
        Ok(self.block_by_number(number).await?.map(|block| block.input()))
    }

    /// Logs that match, in chain order, at most `filter.limit`. Recent blocks come from memory, older from the index.
    ///
    /// # Errors
    /// [`ChainError::Index`].
    pub async fn logs(&self, filter: &LogFilter) -> Result<Vec<LogRow>, ChainError> {
        let limit = filter.limit as usize;
        let (recent, first) = {
            let blocks = self.inner.blocks.read();
            let first = blocks.oldest();
            let to = filter.to.min(blocks.heads.latest.number);
            let recent: Vec<_> =
                (filter.from.max(first)..=to).filter_map(|n| blocks.by_number(n).cloned()).collect();
            (recent, first)
        };
        let mut rows = Vec::new();
        if filter.from < first
            && let Some(index) = self.index()
        {
            rows = index
                .logs(&LogQuery { to: filter.to.min(first.saturating_sub(1)), ..filter.clone() })
                .await?;
        }
        for block in &recent {
            if rows.len() >= limit {
                break;
            }
            if may_match(filter, &block.header.logs_bloom) {
                rows.extend(block_logs(block).filter(|log| matches(filter, log)));
            }
        }
        rows.truncate(limit);
        Ok(rows)
    }

    /// The state after block `number`.
    ///
    /// # Errors
    /// [`StateError`] when it is not kept.
    pub fn state_at(&self, number: u64) -> Result<StateView, StateError> {
        StateView::at(&self.inner.state, number)
    }

    /// The head's state.
    pub fn latest_state(&self) -> StateView {
        StateView::latest(&self.inner.state)
    }

    /// The state with the open block's durable segments on top; the head's where no block is open.
    pub fn pending_state(&self) -> StateView {
        let pending = self.inner.pending.read().clone();
        let view = self.latest_state();
        match pending {
            Some(pending) if pending.header.parent_hash == view.block().hash => view.with_pending(pending),
            _ => view,
        }
    }

    /// The open block after its last durable segment.
    pub fn pending(&self) -> Option<Arc<PendingBlock>> {
        self.inner.pending.read().clone()
    }

    /// Proof of an account and some of its slots against the state root of block `number`.
    /// Blocks the writer for as long as undoing the blocks after it takes.
    ///
    /// # Errors
    /// [`ChainError::State`] when the state is not kept.
    pub fn proof(&self, number: u64, address: Address, slots: &[U256]) -> Result<AccountProof, ChainError> {
        let mut writer = self.inner.writer.lock();
        if let Some(reason) = &writer.stopped {
            return Err(ChainError::Stopped(reason.clone()));
        }
        let (back, forth) = self.inner.state.read().between(number)?;
        if back.is_empty() {
            return Ok(writer.trie.proof(address, slots)?);
        }
        let head_root = writer.trie.root();
        writer.trie.apply(&back)?;
        let proof = writer.trie.proof(address, slots);
        let found = writer.trie.apply(&forth)?;
        if found != head_root {
            let error = ChainError::RollbackRoot { number, expected: head_root, found };
            writer.stopped = Some(error.to_string());
            return Err(error);
        }
        Ok(proof?)
    }

    /// Oldest block whose state can be read.
    pub fn oldest_state(&self) -> u64 {
        self.inner.state.read().oldest()
    }

    /// Accounts in the head's state.
    pub fn accounts(&self) -> usize {
        self.inner.state.read().len()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.inner.events.subscribe()
    }

    /// The block log; `None` for a chain in memory.
    pub fn log(&self) -> Option<&Arc<BlockLog>> {
        self.inner.disk.as_ref().map(|disk| &disk.log)
    }

    /// The index; `None` for a chain in memory.
    pub fn index(&self) -> Option<&Index> {
        self.inner.disk.as_ref().map(|disk| &disk.index)
    }
}

/// The logs of a block as rows.
pub(crate) fn block_logs(block: &Block) -> impl Iterator<Item = LogRow> + '_ {
    let all = block.txs.iter().zip(&block.receipts).enumerate();
    let logs = all
        .flat_map(|(tx_index, (tx, receipt))| receipt.logs.iter().map(move |log| (tx_index, tx.hash, log)));
    logs.enumerate().map(|(index, (tx_index, tx_hash, log))| LogRow {
        block: block.number(),
        index: index as u64,
        tx_index: tx_index as u64,
        tx_hash,
        address: log.address,
        topics: log.topics().to_vec(),
        data: log.data.data.clone(),
    })
}

/// Whether a log passes the address and topic conditions.
pub(crate) fn matches(filter: &LogFilter, log: &LogRow) -> bool {
    let topic = |(wanted, found): (&Vec<B256>, Option<&B256>)| {
        wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
    };
    (filter.addresses.is_empty() || filter.addresses.contains(&log.address))
        && log.topics.len() >= usize::from(filter.topics_min)
        && filter.topics.iter().enumerate().all(|(i, wanted)| topic((wanted, log.topics.get(i))))
}

fn may_match(filter: &LogFilter, bloom: &alloy::primitives::Bloom) -> bool {
    use alloy::primitives::BloomInput;
    let any = |inputs: &mut dyn Iterator<Item = &[u8]>| {
        let mut empty = true;
        for input in inputs {
            empty = false;
            if bloom.contains_input(BloomInput::Raw(input)) {
                return true;
            }
        }
        empty
    };
    any(&mut filter.addresses.iter().map(|address| address.as_slice()))
        && filter.topics.iter().all(|wanted| any(&mut wanted.iter().map(|topic| topic.as_slice())))
}
