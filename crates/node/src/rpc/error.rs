//! Errors as geth words and numbers them: the only place where they are mapped.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::{Panic, PanicKind, Revert, SolError};
use assay_execution::BlockError;
use jsonrpsee::types::ErrorObjectOwned;
use revm::context::result::{HaltReason, InvalidTransaction, OutOfGasError};

use crate::chain::ChainError;
use crate::pool::{PoolError, SyncError};
use crate::state::StateError;

/// geth's code for everything that has none of its own.
const SERVER: i32 = -32000;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL: i32 = -32603;
const LIMIT: i32 = -32005;
const REVERTED: i32 = 3;
/// EIP-7966: the transaction was not executed in time.
const SYNC_TIMEOUT: i32 = 4;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    #[error("{0}")]
    InvalidParams(String),
    #[error("block not found")]
    BlockNotFound,
    #[error("header not found")]
    HeaderNotFound,
    #[error("filter not found")]
    FilterNotFound,
    #[error("{0}")]
    Limit(String),
    #[error("{0}")]
    Server(String),
    #[error("execution reverted{}", reason(.0).map(|text| format!(": {text}")).unwrap_or_default())]
    Reverted(Bytes),
    #[error("{}", halt_text(.0))]
    Halted(HaltReason),
    #[error("{}", invalid_text(.0))]
    InvalidTransaction(InvalidTransaction),
    #[error("gas required exceeds allowance ({0})")]
    GasAllowance(u64),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("internal error")]
    Internal(String),
}

impl From<BlockError<StateError>> for RpcError {
    fn from(error: BlockError<StateError>) -> Self {
        match error {
            BlockError::Database(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let message = error.to_string();
        let plain = |code, message: String| Self::owned(code, message, None::<()>);
        match error {
            RpcError::InvalidParams(_) => plain(INVALID_PARAMS, message),
            RpcError::Limit(_) => plain(LIMIT, message),
            RpcError::Reverted(data) => Self::owned(REVERTED, message, Some(data)),
            RpcError::Sync(SyncError::Timeout { hash, .. }) => Self::owned(SYNC_TIMEOUT, message, Some(hash)),
            RpcError::Chain(ChainError::State(_)) => plain(SERVER, message),
            RpcError::Internal(detail) => internal(&detail),
            RpcError::Chain(error) => internal(&error.to_string()),
            _ => plain(SERVER, message),
        }
    }
}

/// The client learns nothing about our disk; the log does.
fn internal(detail: &str) -> ErrorObjectOwned {
    tracing::error!(detail, "a call failed inside");
    ErrorObjectOwned::owned(INTERNAL, "internal error", None::<()>)
}

/// What Solidity's `Error(string)` or `Panic(uint256)` says.
fn reason(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(revert.reason);
    }
    let panic = Panic::abi_decode(data).ok()?;
    Some(match panic.kind() {
        Some(PanicKind::Generic) => "generic panic".into(),
        Some(PanicKind::Assert) => "assert(false)".into(),
        Some(PanicKind::UnderOverflow) => "arithmetic underflow or overflow".into(),
        Some(PanicKind::DivisionByZero) => "division or modulo by zero".into(),
        Some(PanicKind::EnumConversionError) => "enum overflow".into(),
        Some(PanicKind::StorageEncodingError) => "invalid encoded storage byte array accessed".into(),
        Some(PanicKind::EmptyArrayPop) => "out-of-bounds array access; popping on an empty array".into(),
        Some(PanicKind::ArrayOutOfBounds) => "out-of-bounds access of an array or bytesN".into(),
        Some(PanicKind::ResourceError) => "out of memory".into(),
        Some(PanicKind::InvalidInternalFunction) => "uninitialized function".into(),
        _ => format!("unknown panic code: {:#x}", panic.code),
    })
}

fn halt_text(halt: &HaltReason) -> String {
    match halt {
        HaltReason::OutOfGas(OutOfGasError::MemoryLimit) => "gas uint64 overflow".into(),
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => "invalid opcode".into(),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::StackUnderflow => "stack underflow".into(),
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)".into(),
        HaltReason::OutOfOffset => "return data out of bounds".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::NonceOverflow => "nonce uint64 overflow".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection".into()
        }
        HaltReason::OutOfFunds => "insufficient balance for transfer".into(),
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
        other => format!("execution failed: {other:?}"),
    }
}

fn invalid_text(error: &InvalidTransaction) -> String {
    match error {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: have {balance} want {fee}")
        }
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        InvalidTransaction::GasPriceLessThanBasefee => "max fee per gas less than block base fee".into(),
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".into()
        }
        InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        other => other.to_string(),
    }
}

/// A hash that the caller sent for a block that is not there.
pub(crate) fn unknown_hash(hash: B256) -> RpcError {
    RpcError::Server(format!("hash {hash} is not currently canonical"))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;

    fn parts(error: RpcError) -> (i32, String, Option<String>) {
        let object = ErrorObjectOwned::from(error);
        (object.code(), object.message().to_owned(), object.data().map(|data| data.get().to_owned()))
    }

    #[test]
    fn reverts_carry_reason_and_data() {
        let data = Bytes::from(Revert::from("no").abi_encode());
        let (code, message, got) = parts(RpcError::Reverted(data.clone()));
        assert_eq!((code, message.as_str()), (3, "execution reverted: no"));
        assert_eq!(got.unwrap(), format!("\"{data}\""));
        let (_, message, data) = parts(RpcError::Reverted(Bytes::new()));
        assert_eq!((message.as_str(), data.as_deref()), ("execution reverted", Some("\"0x\"")));
        let panic = Panic { code: U256::from(0x11) }.abi_encode();
        assert_eq!(
            parts(RpcError::Reverted(panic.into())).1,
            "execution reverted: arithmetic underflow or overflow"
        );
    }

    #[test]
    fn wallets_find_geths_words() {
        let low = PoolError::NonceTooLow { expected: 5, found: 4 };
        assert_eq!(parts(low.into()), (-32000, "nonce too low: next nonce 5, tx nonce 4".into(), None));
        let poor = PoolError::InsufficientFunds { balance: U256::from(1), cost: U256::from(3) };
        assert_eq!(
            parts(poor.into()).1,
            "insufficient funds for gas * price + value: balance 1, tx cost 3, overshot 2"
        );
        assert_eq!(parts(PoolError::AlreadyKnown.into()).1, "already known");
        assert_eq!(parts(PoolError::ReplacementUnderpriced.into()).1, "replacement transaction underpriced");
    }

    #[test]
    fn insides_stay_inside() {
        let error = RpcError::Internal("/data/secret/path is gone".into());
        assert_eq!(parts(error), (-32603, "internal error".into(), None));
    }
}
