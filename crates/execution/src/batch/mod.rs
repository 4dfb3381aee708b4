//! The batch codec: L2 blocks as few bytes on L1.
//!
//! ```text
//! version    1 byte, 1
//! parent     number (varint), hash (32 bytes)
//! blocks     how many, length and decoded length of the block columns (varints)
//! sections   how many; for each: transactions, signed ones among them, length and decoded length of its columns
//! bodies     the block columns; for each section its columns, parity bits, signatures
//! ```
//!
//! Columns are brotli streams, or stored when that is not longer (length = decoded length). All lengths come first and each
//! section stands alone, so damage to one costs its own transactions and no others; damage to a signature, its own
//! transaction only. What is lost is skipped, as an undecodable transaction is.

mod columns;
mod compress;
#[cfg(test)]
pub(crate) mod tests;
mod wire;

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use assay_primitives::limits;
use wire::Reader;

/// The format's number, first byte of every batch.
pub const BATCH_VERSION: u8 = 1;

/// A run of L2 blocks as the sequencer posts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Number of the L2 block that the first one follows.
    pub parent_number: u64,
    /// Hash of that block.
    pub parent_hash: B256,
    /// The blocks in order.
    pub blocks: Vec<BatchBlock>,
}

/// One block of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchBlock {
    /// Time in seconds.
    pub timestamp: u64,
    /// Proposed next data price in wei per byte; zero proposes none.
    pub data_price: u64,
    /// How many entries of the forced queue open the block.
    pub queue_count: u64,
    /// Transactions as EIP-2718 bytes; any bytes are allowed.
    pub txs: Vec<Bytes>,
}

/// A batch as read from L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedBatch {
    /// The batch; transactions of damaged sections are missing.
    pub batch: Batch,
    /// How many transactions are missing.
    pub lost_txs: usize,
}

/// Why bytes are no batch, or a batch cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Another format.
    #[error("batch version {found}, expected {BATCH_VERSION}")]
    Version {
        /// The first byte, zero if there is none.
        found: u8,
    },
    /// The envelope ends early, or a count in it is over its limit.
    #[error("malformed batch envelope")]
    Envelope,
    /// The columns of the blocks are damaged.
    #[error("malformed block columns")]
    Blocks,
    /// The blocks' transactions are not as many as the sections'.
    #[error("blocks name {blocks} transactions, sections {sections}")]
    TxCount {
        /// Sum over the blocks.
        blocks: usize,
        /// Sum over the sections.
        sections: usize,
    },
    /// A batch over one of `limits`.
    #[error("{what}: {found} exceeds the limit of {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: usize,
        /// The limit.
        max: usize,
    },
}

/// What the envelope says about a section.
struct SectionHead {
    txs: usize,
    signed: usize,
    len: usize,
    decoded_len: usize,
}

impl SectionHead {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let txs = reader.count(limits::BATCH_TXS_MAX)?;
        Some(Self {
            txs,
            signed: reader.count(txs)?,
            len: reader.count(limits::BATCH_BYTES_MAX)?,
            decoded_len: reader.count(limits::SECTION_DECODED_BYTES_MAX)?,
        })
    }

    /// The section's transactions; `None` if it is cut, damaged or beyond the `budget` of decoded bytes.
    fn decode(
        &self,
        bodies: &mut Reader<'_>,
        budget: &mut usize,
        chain_id: u64,
    ) -> Option<Vec<Option<Bytes>>> {
        let columns = bodies.take(self.len)?;
        let signatures = bodies.take_up_to(columns::signature_bytes(self.signed));
        *budget = budget.checked_sub(self.decoded_len)?;
        let columns = compress::unpack(columns, self.decoded_len)?;
        columns::decode(&columns, signatures, self.txs, self.signed, chain_id)
    }
}

impl Batch {
    /// Reads a batch; `chain_id` is the one that its transactions are signed for.
    ///
    /// Total: any bytes give a batch or an error, with time and memory bounded by `limits`. Bytes after the last section are ignored.
    pub fn decode(bytes: &[u8], chain_id: u64) -> Result<DecodedBatch, BatchError> {
        let mut reader = Reader::new(bytes);
        match reader.byte() {
            Some(BATCH_VERSION) => {}
            found => return Err(BatchError::Version { found: found.unwrap_or(0) }),
        }
        let (mut batch, block_count, block_len, block_decoded_len, heads) =
            read_envelope(&mut reader).ok_or(BatchError::Envelope)?;
        let sections: usize = heads.iter().map(|head| head.txs).sum();
        let mut budget = limits::BATCH_DECODED_BYTES_MAX;

        let columns = reader.take(block_len).ok_or(BatchError::Blocks)?;
        budget = budget.checked_sub(block_decoded_len).ok_or(BatchError::Blocks)?;
        let columns = compress::unpack(columns, block_decoded_len).ok_or(BatchError::Blocks)?;
        let (blocks, tx_counts) = read_blocks(&columns, block_count).ok_or(BatchError::Blocks)?;
        batch.blocks = blocks;
        let named = tx_counts.iter().fold(0usize, |sum, count| sum.saturating_add(*count));
        if named != sections {
            return Err(BatchError::TxCount { blocks: named, sections });
        }

        // One slot a transaction keeps the rest in their blocks when a section is lost.
        let mut slots = Vec::with_capacity(sections);
        for head in &heads {
            match head.decode(&mut reader, &mut budget, chain_id) {
                Some(txs) => slots.extend(txs),
                None => slots.extend((0..head.txs).map(|_| None)),
            }
        }
        let lost_txs = slots.iter().filter(|slot| slot.is_none()).count();
        let mut slots = slots.into_iter();
        for (block, count) in batch.blocks.iter_mut().zip(tx_counts) {
            block.txs = slots.by_ref().take(count).flatten().collect();
        }
        Ok(DecodedBatch { batch, lost_txs })
    }
}

type Envelope = (Batch, usize, usize, usize, Vec<SectionHead>);

fn read_envelope(reader: &mut Reader<'_>) -> Option<Envelope> {
    let batch = Batch {
        parent_number: reader.varint()?,
        parent_hash: B256::from(reader.array()?),
        blocks: Vec::new(),
    };
    let block_count = reader.count(limits::BATCH_BLOCKS_MAX)?;
    let block_len = reader.count(limits::BATCH_BYTES_MAX)?;
    let block_decoded_len = reader.count(limits::SECTION_DECODED_BYTES_MAX)?;
    let section_count = reader.count(limits::BATCH_SECTIONS_MAX)?;
    let heads: Vec<SectionHead> =
        (0..section_count).map(|_| SectionHead::read(reader)).collect::<Option<_>>()?;
    let txs: usize = heads.iter().map(|head| head.txs).sum();
    (txs <= limits::BATCH_TXS_MAX).then_some((batch, block_count, block_len, block_decoded_len, heads))
}

/// Times, prices, queue counts and transaction counts of `count` blocks.
fn read_blocks(columns: &[u8], count: usize) -> Option<(Vec<BatchBlock>, Vec<usize>)> {
    let mut reader = Reader::new(columns);
    let mut blocks = Vec::with_capacity(count);
    let (mut time, mut price) = (0, 0);
    for _ in 0..count {
        time = reader.delta(time)?;
        blocks.push(BatchBlock { timestamp: time, ..BatchBlock::default() });
    }
    for block in &mut blocks {
        price = reader.delta(price)?;
        block.data_price = price;
    }
    for block in &mut blocks {
        block.queue_count = reader.varint()?;
    }
    let tx_counts = (0..count).map(|_| reader.count(limits::BATCH_TXS_MAX)).collect::<Option<Vec<_>>>()?;
    reader.is_empty().then_some((blocks, tx_counts))
}

#[cfg(feature = "std")]
mod encode {
    use super::{BATCH_VERSION, Batch, BatchBlock, BatchError, columns, compress, limits, wire::Writer};
    use alloc::vec::Vec;
    use alloy_primitives::Bytes;

    /// Where the encoder ends a section: damage stays small, likeness is still used.
    const SECTION_TXS: usize = 128;
    const SECTION_BYTES: usize = 64 * 1024;

    impl Batch {
        /// Writes the batch, compressed with brotli `quality` 0 (fast) to 11 (small). `std` only.
        ///
        /// `decode` of the result gives the batch back, byte for byte. Errors if a limit is exceeded.
        pub fn encode(&self, chain_id: u64, quality: u8) -> Result<Vec<u8>, BatchError> {
            let txs: Vec<Bytes> = self.blocks.iter().flat_map(|block| block.txs.iter().cloned()).collect();
            at_most("blocks", self.blocks.len(), limits::BATCH_BLOCKS_MAX)?;
            at_most("transactions", txs.len(), limits::BATCH_TXS_MAX)?;
            let sections: Vec<columns::Section> =
                split(&txs).into_iter().map(|section| columns::encode(section, chain_id)).collect();
            at_most("sections", sections.len(), limits::BATCH_SECTIONS_MAX)?;

            let blocks = block_columns(&self.blocks);
            let packed_blocks = compress::pack(&blocks, quality);
            let mut out = Writer::default();
            out.byte(BATCH_VERSION);
            out.varint(self.parent_number);
            out.bytes(self.parent_hash.as_slice());
            out.count(self.blocks.len());
            out.count(packed_blocks.len());
            out.count(blocks.len());
            out.count(sections.len());
            let mut decoded = blocks.len();
            let mut bodies = packed_blocks;
            for section in sections {
                at_most("a section", section.columns.len(), limits::SECTION_DECODED_BYTES_MAX)?;
                decoded += section.columns.len();
                let packed = compress::pack(&section.columns, quality);
                out.count(section.txs);
                out.count(section.signed);
                out.count(packed.len());
                out.count(section.columns.len());
                bodies.extend(packed);
                bodies.extend(section.signatures);
            }
            at_most("columns", decoded, limits::BATCH_DECODED_BYTES_MAX)?;
            out.bytes(&bodies);
            at_most("batch", out.0.len(), limits::BATCH_BYTES_MAX)?;
            Ok(out.0)
        }
    }

    fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), BatchError> {
        match found <= max {
            true => Ok(()),
            false => Err(BatchError::TooLarge { what, found, max }),
        }
    }

    fn block_columns(blocks: &[BatchBlock]) -> Vec<u8> {
        let mut out = Writer::default();
        let (mut time, mut price) = (0, 0);
        for block in blocks {
            out.delta(time, block.timestamp);
            time = block.timestamp;
        }
        for block in blocks {
            out.delta(price, block.data_price);
            price = block.data_price;
        }
        blocks.iter().for_each(|block| out.varint(block.queue_count));
        blocks.iter().for_each(|block| out.count(block.txs.len()));
        out.0
    }

    fn split(txs: &[Bytes]) -> Vec<&[Bytes]> {
        let mut sections = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, tx) in txs.iter().enumerate() {
            if index > start && (index - start == SECTION_TXS || bytes + tx.len() > SECTION_BYTES) {
                sections.push(&txs[start..index]);
                (start, bytes) = (index, 0);
            }
            bytes += tx.len();
        }
        if start < txs.len() {
            sections.push(&txs[start..]);
        }
        sections
    }
}
