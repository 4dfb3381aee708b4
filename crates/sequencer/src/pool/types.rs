//! What goes into the pool, what bounds it and why it refuses.

use alloy::primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

/// Bounds of the pool. Every queue has a limit; reaching one is an error for the sender, never growth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Transactions in the pool, gapped ones included.
    pub max_txs: usize,
    /// Bytes of encoded transactions in the pool.
    pub max_bytes: usize,
    /// Bytes of one encoded transaction.
    pub max_tx_bytes: usize,
    /// Transactions of one sender.
    pub sender_slots: usize,
    /// Transactions of one sender that wait behind a nonce gap.
    pub sender_gapped_slots: usize,
    /// A sender with more executable transactions than this is the first to lose its tail when the pool is full.
    pub fair_slots: usize,
    /// How far behind the gap a nonce may lie.
    pub max_nonce_gap: u64,
    /// Gapped transactions in the pool, all senders together.
    pub max_gapped: usize,
    /// Age at which a gapped transaction is dropped, in seconds.
    pub gapped_ttl_secs: u64,
    /// By how much both fees of a replacement must exceed the replaced ones, in percent.
    pub price_bump_percent: u64,
    /// EIP-7702 authorisations of one transaction.
    pub max_authorizations: usize,
    /// Lowest tip accepted, in wei per gas.
    pub min_tip: u128,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_txs: 200_000,
            max_bytes: 256 << 20,
            max_tx_bytes: 128 << 10,
            sender_slots: 1024,
            sender_gapped_slots: 64,
            fair_slots: 64,
            max_nonce_gap: 256,
            max_gapped: 20_000,
            gapped_ttl_secs: 1800,
            price_bump_percent: 10,
            max_authorizations: 64,
            min_tip: 0,
        }
    }
}

/// A transaction as the pool sees it: what ordering and limits need, and a payload it only carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTx<T> {
    /// Transaction hash.
    pub hash: B256,
    /// Recovered signer.
    pub sender: Address,
    /// Nonce.
    pub nonce: u64,
    /// Most the sender pays per gas, in wei.
    pub max_fee: u128,
    /// Most the sender tips per gas, in wei; equals `max_fee` for types 0 and 1.
    pub max_tip: u128,
    /// Gas limit.
    pub gas_limit: u64,
    /// ETH sent along, in wei.
    pub value: U256,
    /// Bytes of the EIP-2718 encoding.
    pub size: usize,
    /// Bytes that the data fee is charged for.
    pub data_size: u64,
    /// Signers of the EIP-7702 authorisations.
    pub authorities: Vec<Address>,
    /// EIP-7702 authorisations carried, recoverable or not.
    pub authorizations: usize,
    /// What the builder executes.
    pub payload: T,
}

impl<T> PoolTx<T> {
    /// Most this transaction can take from its sender, in wei; saturates.
    pub fn cost(&self, data_price: u128) -> U256 {
        let gas = U256::from(self.gas_limit).saturating_mul(U256::from(self.max_fee));
        let data = U256::from(self.data_size).saturating_mul(U256::from(data_price));
        self.value.saturating_add(gas).saturating_add(data)
    }

    /// Tip per gas that the fee vault gets at `base_fee`, in wei; zero below it.
    pub fn effective_tip(&self, base_fee: u128) -> u128 {
        effective_tip(self.max_fee, self.max_tip, base_fee)
    }
}

pub(super) fn effective_tip(max_fee: u128, max_tip: u128, base_fee: u128) -> u128 {
    max_tip.min(max_fee.saturating_sub(base_fee))
}

/// What code an account holds, as far as admission cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCode {
    /// A plain key.
    None,
    /// An EIP-7702 delegation: anybody may move its nonce or balance, so it gets one slot.
    Delegated,
    /// A contract; EIP-3607 bars it from sending.
    Contract,
}

/// A sender's account in the state after the open block so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Next nonce.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Code class.
    pub code: AccountCode,
}

/// What the chain itself bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLimits {
    /// Lowest base fee the chain can have, in wei per gas.
    pub base_fee_min: u128,
    /// Most gas one transaction may ask for.
    pub tx_gas_limit: u64,
}

/// Prices of the open block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BlockFees {
    /// Base fee in wei per gas.
    pub base_fee: u128,
    /// Data price in wei per byte.
    pub data_price: u128,
}

/// Where an admitted transaction landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It can run in the open block.
    Executable,
    /// It waits for an earlier nonce or a lower base fee.
    Waiting,
}

/// Why a transaction left the pool without being included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// A dearer transaction of the same sender and nonce took its place.
    Replaced,
    /// The pool was full and this was the cheapest, or the tail of the largest sender.
    Evicted,
    /// The account moved past its nonce.
    Stale,
    /// The builder found it invalid.
    Invalid,
    /// It waited behind a gap for too long.
    Expired,
}

/// Why the pool refuses a transaction. Both sides of each comparison, so that a wallet can tell what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The same transaction is here already.
    #[error("already known")]
    AlreadyKnown,
    /// The account is past this nonce.
    #[error("nonce too low: next nonce {next}, tx nonce {found}")]
    NonceTooLow {
        /// Next nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        found: u64,
    },
    /// The nonce is too far ahead.
    #[error("nonce too high: next nonce {next}, tx nonce {found}, at most {gap} ahead")]
    NonceTooHigh {
        /// First missing nonce.
        next: u64,
        /// Nonce of the transaction.
        found: u64,
        /// How far ahead is accepted.
        gap: u64,
    },
    /// The fee cap is below the lowest base fee the chain can have.
    #[error("transaction underpriced: fee cap {found}, minimum needed {min}")]
    FeeTooLow {
        /// Lowest fee cap accepted, in wei.
        min: u128,
        /// Fee cap of the transaction, in wei.
        found: u128,
    },
    /// The tip is below the configured minimum.
    #[error("transaction underpriced: gas tip cap {found}, minimum needed {min}")]
    TipTooLow {
        /// Lowest tip accepted, in wei.
        min: u128,
        /// Tip cap of the transaction, in wei.
        found: u128,
    },
    /// The tip cap exceeds the fee cap.
    #[error("max priority fee per gas higher than max fee per gas: tip {tip}, fee cap {fee}")]
    TipAboveFee {
        /// Tip cap in wei.
        tip: u128,
        /// Fee cap in wei.
        fee: u128,
    },
    /// A replacement must raise both fees.
    #[error("replacement transaction underpriced: needs fee cap {fee} and tip {tip}")]
    ReplacementUnderpriced {
        /// Fee cap needed, in wei.
        fee: u128,
        /// Tip cap needed, in wei.
        tip: u128,
    },
    /// The balance does not cover this and the sender's other transactions.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}"
    )]
    InsufficientFunds {
        /// Balance in wei.
        balance: U256,
        /// Cost of the sender's other transactions in the pool, in wei.
        queued: U256,
        /// Cost of this one, in wei.
        cost: U256,
    },
    /// The gas limit exceeds a block's.
    #[error("exceeds block gas limit: limit {limit}, tx gas {found}")]
    GasLimitTooHigh {
        /// Most gas accepted.
        limit: u64,
        /// Gas limit of the transaction.
        found: u64,
    },
    /// The encoding is too long.
    #[error("oversized data: transaction size {found}, limit {limit}")]
    TooLarge {
        /// Most bytes accepted.
        limit: usize,
        /// Bytes of the encoding.
        found: usize,
    },
    /// The sender has a full queue.
    #[error("account limit exceeded: at most {limit} transactions of one sender")]
    SenderSlots {
        /// Slots of one sender.
        limit: usize,
    },
    /// Too many transactions wait behind gaps.
    #[error("account limit exceeded: at most {limit} transactions behind a nonce gap")]
    GappedSlots {
        /// Slots for gapped transactions.
        limit: usize,
    },
    /// The pool is full of transactions that pay at least as much.
    #[error("txpool is full")]
    Full,
    /// EIP-3607.
    #[error("sender not an eoa: {0}")]
    SenderHasCode(Address),
    /// A delegated account may have one transaction in flight.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedInFlight,
    /// A delegated account's transaction must carry the next nonce.
    #[error("gapped-nonce tx from delegated accounts: next nonce {next}, tx nonce {found}")]
    DelegatedGap {
        /// Next nonce of the account.
        next: u64,
        /// Nonce of the transaction.
        found: u64,
    },
    /// An authorisation would invalidate transactions that wait in the pool.
    #[error("authority already reserved: {0}")]
    AuthorityReserved(Address),
    /// Too many EIP-7702 authorisations.
    #[error("too many authorizations: limit {limit}, found {found}")]
    TooManyAuthorizations {
        /// Most accepted.
        limit: usize,
        /// Carried by the transaction.
        found: usize,
    },
}

/// How full the pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolStats {
    /// Transactions that form a gapless run from their sender's next nonce.
    pub pending: usize,
    /// Transactions behind a nonce gap.
    pub queued: usize,
    /// Bytes of all of them.
    pub bytes: usize,
    /// Senders.
    pub senders: usize,
}
