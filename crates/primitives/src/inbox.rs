//! What L1's inbox holds: queue entries (deposits, forced transactions, beacons) and batches, with the
//! leaves that the contract hashes.

use crate::{limits, pages::page_root, predeploys, words::Words};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

/// What a queue entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum QueueKind {
    /// A deposit or a forced transaction.
    Transaction = 1,
    /// An L1 block hash for the beacon predeploy.
    Beacon = 2,
}

impl QueueKind {
    /// Reads the contract's number.
    pub fn parse(kind: u8) -> Option<Self> {
        match kind {
            1 => Some(Self::Transaction),
            2 => Some(Self::Beacon),
            _ => None,
        }
    }
}

/// One entry of the forced queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct QueueEntry {
    /// What it is.
    pub kind: QueueKind,
    /// Its place in the queue, from zero.
    pub index: u64,
    /// Number of the L1 block that enqueued it.
    pub l1_block: u64,
    /// Time of that block in seconds.
    pub l1_time: u64,
    /// The L2 sender, already aliased.
    pub from: Address,
    /// Wei created on L2 for the sender.
    pub mint: U256,
    /// Wei sent along with the call.
    pub value: U256,
    /// L2 gas, paid for on L1.
    pub gas_limit: u64,
    /// Whether the entry deploys `data` as initcode; `to` is then ignored.
    pub is_creation: bool,
    /// The callee.
    pub to: Address,
    /// Calldata or initcode.
    pub data: Bytes,
}

impl QueueEntry {
    /// The leaf of the queue's tree.
    pub fn leaf(&self) -> B256 {
        Words::default()
            .num(self.kind as u64)
            .num(self.index)
            .num(self.l1_block)
            .num(self.l1_time)
            .address(self.from)
            .uint(self.mint)
            .uint(self.value)
            .num(self.gas_limit)
            .flag(self.is_creation)
            .address(self.to)
            .word(keccak256(&self.data))
            .hash()
    }

    /// The entry that `Inbox.recordBeacon(number)` adds.
    pub fn beacon(index: u64, l1_block: u64, l1_time: u64, number: u64, hash: B256, gas_limit: u64) -> Self {
        Self {
            kind: QueueKind::Beacon,
            index,
            l1_block,
            l1_time,
            from: predeploys::SYSTEM_ADDRESS,
            mint: U256::ZERO,
            value: U256::ZERO,
            gas_limit,
            is_creation: false,
            to: predeploys::BEACON,
            data: record_call(number, hash),
        }
    }
}

/// Calldata of `Beacon.record(uint256 number, bytes32 hash)`.
pub fn record_call(number: u64, hash: B256) -> Bytes {
    let mut data = Vec::with_capacity(68);
    data.extend_from_slice(&keccak256("record(uint256,bytes32)")[..4]);
    data.extend_from_slice(&U256::from(number).to_be_bytes::<32>());
    data.extend_from_slice(hash.as_slice());
    data.into()
}

/// How a batch came into the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[repr(u8)]
pub enum BatchKind {
    /// Posted by the sequencer in blobs.
    Blobs = 1,
    /// Posted by the sequencer as calldata.
    Calldata = 2,
    /// Made by anyone with `forceBatch`: only forced entries.
    Forced = 3,
}

impl BatchKind {
    /// Reads the contract's number.
    pub fn parse(kind: u8) -> Option<Self> {
        match kind {
            1 => Some(Self::Blobs),
            2 => Some(Self::Calldata),
            3 => Some(Self::Forced),
            _ => None,
        }
    }
}

/// One batch of the inbox with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InboxEntry {
    /// How it was posted.
    pub kind: BatchKind,
    /// Its place in the inbox, from zero.
    pub index: u64,
    /// Number of the L1 block that includes it.
    pub l1_block: u64,
    /// Time of that block in seconds.
    pub l1_time: u64,
    /// The first queue entry it consumes.
    pub queue_from: u64,
    /// One past the last queue entry it consumes.
    pub queue_to: u64,
    /// Root of the queue's tree with `queue_to` entries.
    pub queue_root: B256,
    /// What the contract committed to: see [`blob_data_hash`] and [`page_root`]; zero for a forced batch.
    pub data_hash: B256,
    /// The blobs' 131,072-byte contents in order, or the calldata; empty for a forced batch.
    pub payload: Bytes,
}

impl InboxEntry {
    /// The leaf of the inbox's batch tree.
    pub fn leaf(&self) -> B256 {
        Words::default()
            .num(self.kind as u64)
            .num(self.index)
            .num(self.l1_block)
            .num(self.l1_time)
            .num(self.queue_from)
            .num(self.queue_to)
            .word(self.queue_root)
            .word(self.data_hash)
            .hash()
    }

    /// Whether the payload is what the contract committed to, as far as keccak can tell: blobs need their KZG
    /// versioned hashes checked by whoever fetched them.
    pub fn payload_matches(&self) -> bool {
        match self.kind {
            BatchKind::Blobs => {
                !self.payload.is_empty() && self.payload.len().is_multiple_of(limits::BLOB_BYTES)
            }
            BatchKind::Calldata => page_root(&self.payload) == self.data_hash,
            BatchKind::Forced => self.payload.is_empty() && self.data_hash.is_zero(),
        }
    }
}

/// The data hash of a batch in blobs: keccak over their packed versioned hashes.
pub fn blob_data_hash(versioned_hashes: &[B256]) -> B256 {
    let packed: Vec<u8> = versioned_hashes.iter().flat_map(|hash| hash.0).collect();
    keccak256(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn entry() -> QueueEntry {
        QueueEntry {
            kind: QueueKind::Transaction,
            index: 1,
            l1_block: 2,
            l1_time: 3,
            from: Address::repeat_byte(4),
            mint: U256::from(5),
            value: U256::from(6),
            gas_limit: 7,
            is_creation: true,
            to: Address::repeat_byte(8),
            data: Bytes::from_static(b"nine"),
        }
    }

    #[test]
    fn every_field_of_a_queue_entry_is_in_its_leaf() {
        let changes: [fn(&mut QueueEntry); 11] = [
            |e| e.kind = QueueKind::Beacon,
            |e| e.index += 1,
            |e| e.l1_block += 1,
            |e| e.l1_time += 1,
            |e| e.from = Address::ZERO,
            |e| e.mint += U256::ONE,
            |e| e.value += U256::ONE,
            |e| e.gas_limit += 1,
            |e| e.is_creation = false,
            |e| e.to = Address::ZERO,
            |e| e.data = Bytes::new(),
        ];
        let mut leaves = vec![entry().leaf()];
        for change in changes {
            let mut changed = entry();
            change(&mut changed);
            assert!(!leaves.contains(&changed.leaf()));
            leaves.push(changed.leaf());
        }
    }

    #[test]
    fn payload_is_bound_by_the_data_hash() {
        let payload = Bytes::from(vec![1u8; 5000]);
        let mut batch = InboxEntry {
            kind: BatchKind::Calldata,
            index: 0,
            l1_block: 1,
            l1_time: 2,
            queue_from: 0,
            queue_to: 0,
            queue_root: B256::ZERO,
            data_hash: page_root(&payload),
            payload,
        };
        assert!(batch.payload_matches());
        batch.payload = Bytes::from(vec![1u8; 5001]);
        assert!(!batch.payload_matches());
        batch.kind = BatchKind::Forced;
        assert!(!batch.payload_matches());
        (batch.payload, batch.data_hash) = (Bytes::new(), B256::ZERO);
        assert!(batch.payload_matches());
    }

    #[test]
    fn beacon_calldata_is_the_abi_call() {
        let data = record_call(64, B256::repeat_byte(0xab));
        assert_eq!(data.len(), 68);
        assert_eq!(data[35], 64);
        assert_eq!(data[36], 0xab);
    }
}
