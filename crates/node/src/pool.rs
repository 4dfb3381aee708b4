//! What the RPC needs of a transaction pool. The sequencer has a real one; a verifier has [`NoPool`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256};
use assay_execution::{Receipt, Recovered, TxError};
use futures::future::BoxFuture;
use tokio::sync::broadcast;

/// Why a transaction was not accepted. The display text is what geth says, because wallets match on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The bytes are no transaction of this chain.
    #[error(transparent)]
    Invalid(#[from] TxError),
    /// It is in the pool, or in a recent block.
    #[error("already known")]
    AlreadyKnown,
    /// The sender has used this nonce.
    #[error("nonce too low: next nonce {expected}, tx nonce {found}")]
    NonceTooLow {
        /// Next nonce of the sender.
        expected: u64,
        /// Nonce of the transaction.
        found: u64,
    },
    /// The nonce is too far ahead to be kept.
    #[error("nonce too high: next nonce {expected}, tx nonce {found}")]
    NonceTooHigh {
        /// Next nonce of the sender.
        expected: u64,
        /// Nonce of the transaction.
        found: u64,
    },
    /// The sender cannot pay for it and what is queued before it.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}", .cost.saturating_sub(*.balance))]
    InsufficientFunds {
        /// Balance of the sender in wei.
        balance: U256,
        /// Wei that the transaction can cost, data fee included.
        cost: U256,
    },
    /// The gas limit does not cover the intrinsic gas (EIP-7623's floor included).
    #[error("intrinsic gas too low: gas {found}, minimum needed {needed}")]
    IntrinsicGasTooLow {
        /// Gas limit of the transaction.
        found: u64,
        /// Least gas limit.
        needed: u64,
    },
    /// The gas limit is above the block's.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit,
    /// The tip is above the fee cap.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The fee cap is below what a block can charge.
    #[error("transaction underpriced: fee cap {found}, needed {needed}")]
    Underpriced {
        /// Fee cap of the transaction in wei.
        found: u128,
        /// Least fee cap in wei.
        needed: u128,
    },
    /// It does not pay enough more than the one it would replace.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The init code is too long (EIP-3860).
    #[error("max initcode size exceeded: code size {found}, limit {limit}")]
    InitCodeTooLarge {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa")]
    SenderNotEoa,
    /// The sender has too many transactions waiting.
    #[error("account limit exceeded: {limit} transactions")]
    AccountLimit {
        /// The limit.
        limit: usize,
    },
    /// The pool is full of better-paying transactions.
    #[error("txpool is full")]
    Full,
    /// Execution could never include it, for the reason given.
    #[error("{0}")]
    Rejected(String),
    /// This node takes no transactions.
    #[error("this node is read-only: send transactions to the sequencer")]
    ReadOnly,
    /// The sequencer is stopping, throttled or not the leader.
    #[error("not accepting transactions: {0}")]
    Unavailable(String),
}

/// Why [`TxPool::submit_sync`] has no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// It was not accepted.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// It was accepted, but not executed in time; it stays in the pool.
    #[error("the transaction was added to the pool but was not executed within {}ms", timeout.as_millis())]
    Timeout {
        /// Hash of the transaction.
        hash: B256,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// It was accepted and then dropped.
    #[error("the transaction was dropped: {reason}")]
    Dropped {
        /// Hash of the transaction.
        hash: B256,
        /// Why.
        reason: PoolError,
    },
}

/// A receipt from a durable segment of a block that is still open.
#[derive(Clone, Debug)]
pub struct PreconfReceipt {
    /// The transaction.
    pub tx: Arc<Recovered>,
    /// Its receipt.
    pub receipt: Receipt,
    /// Number of the open block.
    pub block_number: u64,
    /// Timestamp of the open block in seconds.
    pub timestamp: u64,
    /// Place of the transaction in the block.
    pub index: u64,
    /// Place of its first log among the block's logs.
    pub log_index: u64,
}

/// How many transactions wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Executable now.
    pub pending: u64,
    /// Behind a nonce gap.
    pub queued: u64,
}

/// Waiting transactions by sender and nonce.
pub type PoolSide = BTreeMap<Address, BTreeMap<u64, Arc<Recovered>>>;

/// Everything that waits.
#[derive(Clone, Debug, Default)]
pub struct PoolContent {
    /// Executable now.
    pub pending: PoolSide,
    /// Behind a nonce gap.
    pub queued: PoolSide,
}

/// A transaction pool, as the RPC sees it.
pub trait TxPool: Send + Sync + 'static {
    /// Admits raw EIP-2718 bytes and returns the transaction's hash.
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, PoolError>>;

    /// Admits and waits until the segment that executed it is durable.
    fn submit_sync(&self, raw: Bytes, timeout: Duration) -> BoxFuture<'_, Result<PreconfReceipt, SyncError>>;

    /// Next nonce of the sender after everything of it that is executable; `None` when nothing waits.
    fn pending_nonce(&self, sender: Address) -> Option<u64>;

    /// A waiting transaction.
    fn transaction(&self, hash: B256) -> Option<Arc<Recovered>>;

    /// How many wait.
    fn status(&self) -> PoolStatus;

    /// What waits; with a sender, only that sender's.
    fn content(&self, sender: Option<Address>) -> PoolContent;

    /// Transactions as they become executable.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Recovered>>;
}

/// The pool of a node that takes no transactions.
#[derive(Clone, Debug)]
pub struct NoPool {
    // Keeps the channel open: a subscription on a read-only node stays silent instead of ending.
    announcements: broadcast::Sender<Arc<Recovered>>,
}

impl Default for NoPool {
    fn default() -> Self {
        Self { announcements: broadcast::channel(1).0 }
    }
}

impl TxPool for NoPool {
    fn submit(&self, _raw: Bytes) -> BoxFuture<'_, Result<B256, PoolError>> {
        Box::pin(async { Err(PoolError::ReadOnly) })
    }

    fn submit_sync(
        &self,
        _raw: Bytes,
        _timeout: Duration,
    ) -> BoxFuture<'_, Result<PreconfReceipt, SyncError>> {
        Box::pin(async { Err(PoolError::ReadOnly.into()) })
    }

    fn pending_nonce(&self, _sender: Address) -> Option<u64> {
        None
    }

    fn transaction(&self, _hash: B256) -> Option<Arc<Recovered>> {
        None
    }

    fn status(&self) -> PoolStatus {
        PoolStatus::default()
    }

    fn content(&self, _sender: Option<Address>) -> PoolContent {
        PoolContent::default()
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Recovered>> {
        self.announcements.subscribe()
    }
}
