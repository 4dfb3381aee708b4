//! What goes into a block and what comes out of it.

use alloc::vec::Vec;

use alloy_consensus::{Header, Sealed};
use alloy_primitives::{Address, B256, Bytes, U256};
use assay_primitives::{QueueEntry, predeploys};

use crate::{Receipt, Recovered, StateChanges, StateTrie, TrieError, TxError, TxRejected, trie::NodeSource};

/// A header with its hash.
pub type SealedHeader = Sealed<Header>;

/// What the data fee charges for: the length of the EIP-2718 bytes.
///
/// Linear on purpose: neither the order nor the neighbours of a transaction change its fee.
pub const fn data_size(raw: &[u8]) -> u64 {
    raw.len() as u64
}

/// The fields of a block that its parent does not fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct BlockAttributes {
    /// Seconds since the epoch, after the parent's.
    pub timestamp: u64,
    /// Proposed next data price, in wei per byte; zero proposes none. Clamped to one eighth of the current one either
    /// way and to the configured bounds when it is applied, at the end of the block.
    pub data_price: u64,
}

/// All that a block is made from: what derivation gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInput {
    /// Seconds since the epoch, after the parent's.
    pub timestamp: u64,
    /// Proposed next data price, as in [`BlockAttributes`].
    pub data_price: u64,
    /// Forced entries that open the block.
    pub queue: Vec<QueueEntry>,
    /// EIP-2718 transactions after them; those that are invalid are skipped.
    pub txs: Vec<Bytes>,
}

impl BlockInput {
    /// The fields that the header takes.
    pub const fn attributes(&self) -> BlockAttributes {
        BlockAttributes { timestamp: self.timestamp, data_price: self.data_price }
    }
}

/// How execution of an included transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it said.
    Success,
    /// `REVERT`; the output is the reason.
    Reverted,
    /// Out of gas or another exceptional halt.
    Halted(revm::context::result::HaltReason),
    /// A forced entry that could not start: it kept its mint, its gas is burnt.
    Refused(TxRejected),
}

/// What an included transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxResult {
    /// The receipt.
    pub receipt: Receipt,
    /// Gas used, also in the receipt.
    pub gas_used: u64,
    /// Data fee in wei, also in the receipt; 0 for a deposit.
    pub l1_fee: U256,
    /// Whether the outcome is [`Outcome::Success`].
    pub success: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Return data, created code, or revert data.
    pub output: Bytes,
}

/// Why a transaction of a [`BlockInput`] is not in the block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It is no transaction of this chain.
    #[error(transparent)]
    Invalid(#[from] TxError),
    /// It cannot be included in this state.
    #[error(transparent)]
    Rejected(#[from] TxRejected),
}

/// A block after execution and before its state root is known.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The header; `state_root` and `withdrawals_root` are still the parent's place holders (zero).
    pub header: Header,
    /// Included transactions in order; deposits first.
    pub txs: Vec<Recovered>,
    /// One receipt per transaction.
    pub receipts: Vec<Receipt>,
    /// What the block changes in the state of its parent.
    pub changes: StateChanges,
    /// Accounts and slots that were read.
    pub reads: Reads,
    /// Transactions of the input that are not in the block: index and reason.
    pub skipped: Vec<(usize, SkipReason)>,
}

impl ExecutedBlock {
    /// Completes the header: the roots are those after the block, `withdrawals_root` the storage
    /// root of the message passer.
    pub fn with_root(mut self, state_root: B256, withdrawals_root: B256) -> SealedBlock {
        self.header.state_root = state_root;
        self.header.withdrawals_root = Some(withdrawals_root);
        SealedBlock {
            header: Sealed::new(self.header),
            txs: self.txs,
            receipts: self.receipts,
            changes: self.changes,
        }
    }

    /// Applies the changes to the parent's `trie` and completes the header with the new roots.
    pub fn seal<S: NodeSource>(self, trie: &mut StateTrie<S>) -> Result<SealedBlock, TrieError> {
        let state_root = trie.apply(&self.changes)?;
        let withdrawals_root = trie.storage_root(predeploys::MESSAGE_PASSER)?;
        Ok(self.with_root(state_root, withdrawals_root))
    }
}

/// Accounts and slots that executing a block read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Accounts with the slots read in each, sorted.
    pub accounts: Vec<(Address, Vec<U256>)>,
    /// Hashes of the codes that were loaded, sorted.
    pub codes: Vec<B256>,
}

/// A block with its hash.
#[derive(Clone, Debug)]
pub struct SealedBlock {
    /// The header and its hash.
    pub header: SealedHeader,
    /// Transactions in order; deposits first.
    pub txs: Vec<Recovered>,
    /// One receipt per transaction.
    pub receipts: Vec<Receipt>,
    /// What the block changes in the state of its parent.
    pub changes: StateChanges,
}

impl SealedBlock {
    /// The block's hash.
    pub fn hash(&self) -> B256 {
        self.header.hash()
    }
}
