//! From raw bytes to a place in the pool: decoding, signatures and static checks, once, in parallel.

use crate::pool::{PoolConfig, PoolError, PoolTx};
use alloy::consensus::Transaction;
use assay_execution::{L2Tx, Recovered, data_size, recover};
use assay_node::PoolError as Refusal;
use assay_primitives::ChainConfig;
use revm::{context_interface::cfg::gas_params::GasParams, primitives::hardfork::SpecId};
use std::sync::Arc;

/// EIP-3860.
const INITCODE_BYTES_MAX: usize = 49_152;
/// First byte of an EIP-7702 transaction.
const SET_CODE_TYPE: u8 = 4;

/// A transaction in the pool carries what recovery found out.
pub(crate) type Payload = Arc<Recovered>;

/// Checks that need no state.
#[derive(Debug)]
pub(crate) struct StaticChecks {
    chain: Arc<ChainConfig>,
    gas: GasParams,
    max_tx_bytes: usize,
    max_authorizations: usize,
}

impl StaticChecks {
    pub(crate) fn new(chain: Arc<ChainConfig>, pool: &PoolConfig) -> Self {
        Self {
            chain,
            gas: GasParams::new_spec(SpecId::PRAGUE),
            max_tx_bytes: pool.max_tx_bytes,
            max_authorizations: pool.max_authorizations,
        }
    }

    /// Decodes `raw`, recovers its signers and checks all that can be known without state.
    ///
    /// Costs one signature recovery (27 us), and one more for each EIP-7702 authorisation.
    pub(crate) fn admit(&self, raw: &[u8]) -> Result<PoolTx<Payload>, Refusal> {
        if raw.len() > self.max_tx_bytes {
            return Err(PoolError::TooLarge { limit: self.max_tx_bytes, found: raw.len() }.into());
        }
        // each authorisation costs a recovery, so they are counted before anything is recovered
        if raw.first() == Some(&SET_CODE_TYPE) {
            let found = authorizations(&L2Tx::decode_2718(raw)?);
            if found > self.max_authorizations {
                return Err(PoolError::TooManyAuthorizations { limit: self.max_authorizations, found }.into());
            }
        }
        let recovered = recover(raw, &self.chain)?;
        self.check_gas(&recovered.tx)?;
        if recovered.tx.nonce() == u64::MAX {
            return Err(Refusal::Rejected("nonce has max value".into()));
        }
        Ok(pool_tx(Arc::new(recovered)))
    }

    fn check_gas(&self, tx: &L2Tx) -> Result<(), Refusal> {
        let (accounts, slots) = tx.access_list().map_or((0, 0), |list| {
            (list.len() as u64, list.iter().map(|item| item.storage_keys.len() as u64).sum())
        });
        let authorizations = authorizations(tx);
        if tx.input().len() > INITCODE_BYTES_MAX && tx.is_create() {
            return Err(Refusal::InitCodeTooLarge { found: tx.input().len(), limit: INITCODE_BYTES_MAX });
        }
        if tx.authorization_list().is_some() && authorizations == 0 {
            return Err(Refusal::Rejected("EIP-7702 transaction with empty auth list".into()));
        }
        let gas =
            self.gas.initial_tx_gas(tx.input(), tx.is_create(), accounts, slots, authorizations as u64, None);
        let needed = gas.initial_total_gas().max(gas.floor_gas());
        if tx.gas_limit() < needed {
            return Err(Refusal::IntrinsicGasTooLow { found: tx.gas_limit(), needed });
        }
        Ok(())
    }
}

fn authorizations(tx: &L2Tx) -> usize {
    tx.authorization_list().map_or(0, <[_]>::len)
}

/// The transaction as the pool sees it.
pub(crate) fn pool_tx(recovered: Arc<Recovered>) -> PoolTx<Payload> {
    let tx = &recovered.tx;
    PoolTx {
        hash: recovered.hash,
        sender: recovered.sender,
        nonce: tx.nonce(),
        max_fee: tx.max_fee_per_gas(),
        max_tip: tx.priority_fee_or_price(),
        gas_limit: tx.gas_limit(),
        value: tx.value(),
        size: recovered.raw.len(),
        data_size: data_size(&recovered.raw),
        authorities: recovered.authorities.iter().flatten().copied().collect(),
        authorizations: authorizations(tx),
        payload: recovered,
    }
}

impl From<PoolError> for Refusal {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::AlreadyKnown => Self::AlreadyKnown,
            PoolError::NonceTooLow { next, found } => Self::NonceTooLow { expected: next, found },
            PoolError::NonceTooHigh { next, found, .. } => Self::NonceTooHigh { expected: next, found },
            PoolError::FeeTooLow { min, found } | PoolError::TipTooLow { min, found } => {
                Self::Underpriced { found, needed: min }
            }
            PoolError::TipAboveFee { .. } => Self::TipAboveFeeCap,
            PoolError::ReplacementUnderpriced { .. } => Self::ReplacementUnderpriced,
            PoolError::InsufficientFunds { balance, queued, cost } => {
                Self::InsufficientFunds { balance, cost: queued.saturating_add(cost) }
            }
            PoolError::GasLimitTooHigh { .. } => Self::ExceedsBlockGasLimit,
            PoolError::SenderSlots { limit } | PoolError::GappedSlots { limit } => {
                Self::AccountLimit { limit }
            }
            PoolError::Full => Self::Full,
            PoolError::SenderHasCode(_) => Self::SenderNotEoa,
            PoolError::TooLarge { .. }
            | PoolError::DelegatedInFlight
            | PoolError::DelegatedGap { .. }
            | PoolError::AuthorityReserved(_)
            | PoolError::TooManyAuthorizations { .. } => Self::Rejected(error.to_string()),
        }
    }
}
