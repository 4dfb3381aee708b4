//! Which addresses and slots a transaction touches (EIP-2930).

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, U256};
use revm::bytecode::opcode;
use revm::context::result::{EVMError, ExecutionResult};
use revm::context::{BlockEnv, CfgEnv, Context, Journal, TxEnv};
use revm::database_interface::WrapDatabaseRef;
use revm::inspector::{InspectEvm, Inspector};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{InputsTr, Jumps};
use revm::interpreter::{CallInputs, CallOutcome, Interpreter};
use revm::{MainBuilder, MainContext};

use super::call::CallState;
use super::error::RpcError;

pub(crate) type Touched = BTreeMap<Address, BTreeSet<U256>>;

/// Collects what is touched.
#[derive(Debug, Default)]
struct Collector {
    touched: Touched,
}

impl Collector {
    fn address(&mut self, word: U256) {
        self.touched.entry(Address::from_word(word.into())).or_default();
    }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Collector {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        let top = |depth| interp.stack.peek(depth).ok();
        match interp.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(slot) = top(0) {
                    self.touched.entry(interp.input.target_address()).or_default().insert(slot);
                }
            }
            opcode::BALANCE
            | opcode::EXTCODESIZE
            | opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::SELFDESTRUCT => {
                if let Some(address) = top(0) {
                    self.address(address);
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(address) = top(1) {
                    self.address(address);
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, _context: &mut CTX, _inputs: &mut CallInputs) -> Option<CallOutcome> {
        None
    }
}

/// Runs the transaction and says what it touched.
pub(crate) fn access_list(state: &CallState, tx: TxEnv) -> Result<(ExecutionResult, Touched), RpcError> {
    let mut config: CfgEnv = state.rules.evm.clone();
    config.disable_base_fee = tx.gas_price == 0;
    let db = WrapDatabaseRef(state.overrides.over(&state.view));
    let context: Context<BlockEnv, TxEnv, CfgEnv, _, Journal<_>, ()> =
        Context::mainnet().with_db(db).with_cfg(config).with_block(state.env.clone());
    let mut evm = context.build_mainnet_with_inspector(Collector::default());
    let result = evm.inspect_one_tx(tx).map_err(|error| match error {
        EVMError::Transaction(error) => RpcError::InvalidTransaction(error),
        EVMError::Database(error) => RpcError::State(error),
        other => RpcError::Internal(other.to_string()),
    })?;
    Ok((result, evm.inspector.touched))
}
