//! Which rules a block runs under, and the environment that follows from them.

use alloc::boxed::Box;

use alloy_consensus::{Header, Transaction, Typed2718};
use alloy_eips::eip7702::{RecoveredAuthority, RecoveredAuthorization};
use alloy_primitives::{B256, U256};
use assay_primitives::{ChainConfig, predeploys};
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv, either::Either},
    context_interface::block::BlobExcessGasAndPrice,
    context_interface::result::InvalidTransaction,
    primitives::hardfork::SpecId,
};

use crate::{Recovered, types::BlockAttributes};

/// Most that the data price moves in a block: one part in this.
const DATA_PRICE_STEP: u64 = 8;

/// Who gets which fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fees {
    /// Base fee, tip and data fee go to the beneficiary; block hashes come from EIP-2935 storage.
    Assay,
    /// The base fee is burnt, the tip goes to the beneficiary, there is no data fee.
    Ethereum,
}

/// The rules that a transaction is executed under. One code path serves both sets; plain Ethereum
/// exists to be checked against Ethereum's own tests.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Fees.
    pub fees: Fees,
    /// Fork and chain id.
    pub evm: CfgEnv,
}

impl Rules {
    /// The rules of the L2: Prague with this chain's fees.
    pub fn assay(cfg: &ChainConfig) -> Self {
        Self { fees: Fees::Assay, evm: evm_cfg(SpecId::PRAGUE, cfg.l2_chain_id) }
    }

    /// Ethereum's rules at `spec`.
    pub fn ethereum(spec: SpecId, chain_id: u64) -> Self {
        Self { fees: Fees::Ethereum, evm: evm_cfg(spec, chain_id) }
    }
}

fn evm_cfg(spec: SpecId, chain_id: u64) -> CfgEnv {
    let mut cfg = CfgEnv::default();
    cfg.set_spec_and_mainnet_gas_params(spec);
    cfg.chain_id = chain_id;
    cfg
}

/// The base fee of the block after `parent`, in wei per gas: EIP-1559 with the configured
/// elasticity and denominator, never below `base_fee_min`.
pub fn next_base_fee(cfg: &ChainConfig, parent: &Header) -> u64 {
    let base = u128::from(parent.base_fee_per_gas.unwrap_or(cfg.base_fee_initial));
    let target = u128::from((parent.gas_limit / cfg.fee_elasticity.max(1)).max(1));
    let used = u128::from(parent.gas_used);
    let step = |gas: u128| base * gas / target / u128::from(cfg.fee_denominator.max(1));
    let next = if used > target { base + step(used - target).max(1) } else { base - step(target - used) };
    u64::try_from(next).unwrap_or(u64::MAX).max(cfg.base_fee_min)
}

/// The data price after a block that proposed `proposed` while the price was `current`; zero proposes none.
pub(crate) fn next_data_price(cfg: &ChainConfig, current: U256, proposed: u64) -> U256 {
    let step = (current / U256::from(DATA_PRICE_STEP)).max(U256::from(1));
    let proposed = if proposed == 0 { current } else { U256::from(proposed) };
    proposed
        .max(current.saturating_sub(step))
        .min(current.saturating_add(step))
        .max(U256::from(cfg.data_price_min))
        .min(U256::from(cfg.data_price_max))
}

/// The header of the block after `parent`, as far as it is known before execution.
pub(crate) fn open_header(
    cfg: &ChainConfig,
    parent: &crate::SealedHeader,
    attributes: &BlockAttributes,
    mix_hash: B256,
) -> Header {
    Header {
        parent_hash: parent.hash(),
        beneficiary: predeploys::FEE_VAULT,
        number: parent.number + 1,
        gas_limit: cfg.block_gas_limit,
        timestamp: attributes.timestamp,
        mix_hash,
        base_fee_per_gas: Some(next_base_fee(cfg, parent)),
        withdrawals_root: Some(B256::ZERO),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Default::default()
    }
}

/// What the EVM sees of a block: of an L2 block when it was executed, or for a call on top of it.
pub fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}

/// What the EVM sees of a transaction.
pub fn tx_env(recovered: &Recovered) -> TxEnv {
    let tx = &recovered.tx;
    let authorizations = tx.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: tx.ty(),
        caller: recovered.sender,
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        authorization_list: authorizations
            .iter()
            .zip(&recovered.authorities)
            .map(|(signed, signer)| {
                let authority = signer.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
                Either::Right(RecoveredAuthorization::new_unchecked(signed.inner().clone(), authority))
            })
            .collect(),
        ..Default::default()
    }
}

/// Why a well-formed transaction cannot be included in this state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxRejected {
    /// A deposit outside the queue.
    #[error("deposits come from the forced queue only")]
    DepositOutsideQueue,
    /// Signed for another chain.
    #[error("invalid chain id for signer: expected {expected}")]
    WrongChainId {
        /// This chain.
        expected: u64,
    },
    /// A transaction with this nonce was included already.
    #[error("nonce too low: next nonce {state}, tx nonce {tx}")]
    NonceTooLow {
        /// Of the transaction.
        tx: u64,
        /// The sender's.
        state: u64,
    },
    /// Transactions before it are missing.
    #[error("nonce too high: next nonce {state}, tx nonce {tx}")]
    NonceTooHigh {
        /// Of the transaction.
        tx: u64,
        /// The sender's.
        state: u64,
    },
    /// The account can never send again (EIP-2681).
    #[error("nonce has max value")]
    NonceMax,
    /// The balance does not cover gas, value and data fee.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {required}")]
    InsufficientFunds {
        /// Wei needed at most, data fee included.
        required: Box<U256>,
        /// Wei there.
        balance: Box<U256>,
    },
    /// gas * price + value does not fit 256 bits.
    #[error("gas * price + value exceeds 256 bits")]
    CostOverflow,
    /// The fee cap is below the base fee.
    #[error("max fee per gas less than block base fee: maxFeePerGas {fee_cap}, baseFee {base_fee}")]
    FeeCapTooLow {
        /// Wei per gas offered.
        fee_cap: u128,
        /// Wei per gas needed.
        base_fee: u64,
    },
    /// The tip is above the fee cap.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The gas limit is below what the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas_limit}, minimum needed {required}")]
    IntrinsicGas {
        /// Gas needed.
        required: u64,
        /// Gas given.
        gas_limit: u64,
    },
    /// The gas limit is below the price floor of the calldata (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas_limit}, minimum needed {required}")]
    FloorGas {
        /// Gas needed.
        required: u64,
        /// Gas given.
        gas_limit: u64,
    },
    /// The gas limit exceeds what the block has left.
    #[error("exceeds block gas limit: gas {gas_limit}, available {available}")]
    BlockGas {
        /// Gas left in the block.
        available: u64,
        /// Gas asked for.
        gas_limit: u64,
    },
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa")]
    SenderHasCode,
    /// The init code is longer than EIP-3860 allows.
    #[error("max initcode size exceeded")]
    InitCodeTooLarge,
    /// An EIP-7702 transaction without authorisations.
    #[error("EIP-7702 transaction with empty auth list")]
    NoAuthorizations,
    /// The fork does not know it, or another rule of it was broken.
    #[error("transaction not supported: {0}")]
    Unsupported(Box<InvalidTransaction>),
}

impl TxRejected {
    /// Names what revm refused.
    pub(crate) fn from_evm(error: InvalidTransaction, tx: &TxEnv, base_fee: u64, chain_id: u64) -> Self {
        use InvalidTransaction as I;
        match error {
            I::InvalidChainId | I::MissingChainId => Self::WrongChainId { expected: chain_id },
            I::NonceTooLow { tx, state } => Self::NonceTooLow { tx, state },
            I::NonceTooHigh { tx, state } => Self::NonceTooHigh { tx, state },
            I::NonceOverflowInTransaction => Self::NonceMax,
            I::LackOfFundForMaxFee { fee, balance } => Self::InsufficientFunds { required: fee, balance },
            I::OverflowPaymentInTransaction => Self::CostOverflow,
            I::GasPriceLessThanBasefee => Self::FeeCapTooLow { fee_cap: tx.gas_price, base_fee },
            I::PriorityFeeGreaterThanMaxFee => Self::TipAboveFeeCap,
            I::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                Self::IntrinsicGas { required: initial_gas, gas_limit }
            }
            I::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                Self::FloorGas { required: gas_floor, gas_limit }
            }
            I::CallerGasLimitMoreThanBlock => Self::BlockGas { available: 0, gas_limit: tx.gas_limit },
            I::RejectCallerWithCode => Self::SenderHasCode,
            I::CreateInitCodeSizeLimit => Self::InitCodeTooLarge,
            I::EmptyAuthorizationList => Self::NoAuthorizations,
            other => Self::Unsupported(Box::new(other)),
        }
    }
}
