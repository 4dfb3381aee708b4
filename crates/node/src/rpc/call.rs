//! `eth_call`, `eth_estimateGas`, `eth_createAccessList`: execution on a state that is thrown away.

use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy::primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy::rpc::types::state::StateOverride;
use alloy::rpc::types::{AccessListResult, BlockOverrides, TransactionRequest};
use assay_execution::{Account, AccountChange, Charge, Executor, Rules, StateChanges, block_env};
use assay_primitives::{ChainConfig, predeploys};
use revm::DatabaseRef;
use revm::context::result::ExecutionResult;
use revm::context::{BlockEnv, TxEnv};

use super::access::access_list;
use super::error::RpcError;
use crate::state::StateView;

/// Gas that a read-only call may use.
pub(crate) const CALL_GAS_MAX: u64 = 50_000_000;
/// An estimate may be this much too high: 1.5 %, as geth's.
const ESTIMATE_ERROR_PER_MILLE: u64 = 15;
/// Gas that a call with value gives its callee for free; an estimate must not count on it.
const CALL_STIPEND: u64 = 2_300;
const TRANSFER_GAS: u64 = 21_000;
/// Signature, nonce, fees and addresses of an ordinary transaction, in bytes.
const TX_OVERHEAD_BYTES: u64 = 130;
/// Runs of `eth_createAccessList` before it gives up on a stable list.
const ACCESS_LIST_ROUNDS: usize = 16;
/// EIP-2929 and EIP-2930 warm these anyway: precompiles of Prague.
const PRECOMPILES: u8 = 0x11;

/// Everything that a call runs on.
#[derive(Clone, Debug)]
pub(crate) struct CallState {
    pub(crate) view: StateView,
    pub(crate) overrides: StateChanges,
    pub(crate) env: BlockEnv,
    pub(crate) rules: Rules,
}

impl CallState {
    /// The state after a block, in the environment of that block, with overrides.
    pub(crate) fn new(
        config: &ChainConfig,
        view: StateView,
        header: &alloy::consensus::Header,
        state: Option<StateOverride>,
        block: Option<Box<BlockOverrides>>,
    ) -> Result<Self, RpcError> {
        let overrides = state_overrides(&view, state.unwrap_or_default())?;
        let mut env = block_env(header);
        if let Some(block) = block {
            override_block(&mut env, *block);
        }
        let mut rules = Rules::assay(config);
        rules.evm.disable_nonce_check = true;
        rules.evm.disable_eip3607 = true;
        rules.evm.disable_block_gas_limit = true;
        Ok(Self { view, overrides, env, rules })
    }

    fn account(&self, address: Address) -> Result<Account, RpcError> {
        let info = self.overrides.over(&self.view).basic_ref(address)?.unwrap_or_default();
        Ok(Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash })
    }

    fn run(&self, tx: TxEnv) -> Result<ExecutionResult, RpcError> {
        let mut rules = self.rules.clone();
        rules.evm.disable_base_fee = tx.gas_price == 0;
        let mut executor = Executor::new(&rules, self.env.clone(), self.overrides.over(&self.view));
        // The data fee depends on the signed bytes, which do not exist yet; estimates check that it can be paid.
        let ran = executor.transact(tx, Charge::L2 { data_fee: U256::ZERO })?;
        ran.map_err(RpcError::InvalidTransaction)
    }

    /// What a plain call returns.
    pub(crate) fn call(&self, request: TransactionRequest) -> Result<Bytes, RpcError> {
        let mut tx = self.tx(request)?;
        tx.gas_limit = tx.gas_limit.min(CALL_GAS_MAX);
        output(self.run(tx)?)
    }

    /// The least gas limit with which the transaction succeeds, 1.5 % too high at most.
    pub(crate) fn estimate(&self, request: TransactionRequest) -> Result<u64, RpcError> {
        let asked = request.gas.filter(|gas| *gas >= TRANSFER_GAS);
        let mut tx = self.tx(request)?;
        let most = self.affordable(&tx, asked.unwrap_or(self.env.gas_limit))?.min(CALL_GAS_MAX);
        tx.gas_limit = most;
        if self.is_plain_transfer(&tx)? {
            let transfer = TxEnv { gas_limit: TRANSFER_GAS, ..tx.clone() };
            if most >= TRANSFER_GAS && self.run(transfer).is_ok_and(|result| result.is_success()) {
                return Ok(TRANSFER_GAS);
            }
        }
        let result = match self.run(tx.clone()) {
            Err(RpcError::InvalidTransaction(error)) if is_gas(&error) => {
                return Err(RpcError::GasAllowance(most));
            }
            other => other?,
        };
        let (used, spent) = match &result {
            ExecutionResult::Success { .. } => (result.tx_gas_used(), gas_spent(&result)),
            ExecutionResult::Halt { reason, .. } if is_out_of_gas(reason) => {
                return Err(RpcError::GasAllowance(most));
            }
            _ => return output(result).map(|_| most),
        };
        let (mut low, mut high) = (used.saturating_sub(1), most);
        // Most transactions need what they spent before refunds, and what EIP-150 holds back of it.
        let guess = spent.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
        if guess < high {
            if self.succeeds(&tx, guess)? { high = guess } else { low = guess }
        }
        while low + 1 < high && (high - low).saturating_mul(1_000) / high > ESTIMATE_ERROR_PER_MILLE {
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2)).max(low + 1);
            if self.succeeds(&tx, middle)? { high = middle } else { low = middle }
        }
        Ok(high)
    }

    fn succeeds(&self, tx: &TxEnv, gas_limit: u64) -> Result<bool, RpcError> {
        match self.run(TxEnv { gas_limit, ..tx.clone() }) {
            Ok(result) => Ok(result.is_success()),
            Err(RpcError::InvalidTransaction(error)) if is_gas(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gas that the sender can pay for, after value and data fee.
    fn affordable(&self, tx: &TxEnv, most: u64) -> Result<u64, RpcError> {
        if tx.gas_price == 0 {
            return Ok(most);
        }
        let balance = self.account(tx.caller)?.balance;
        let needed = tx.value.saturating_add(self.data_fee(tx)?);
        let Some(left) = balance.checked_sub(needed) else {
            return Err(RpcError::Server("insufficient funds for transfer".into()));
        };
        Ok(most.min(u64::try_from(left / U256::from(tx.gas_price)).unwrap_or(u64::MAX)))
    }

    /// What the transaction's bytes will cost, by their probable length.
    fn data_fee(&self, tx: &TxEnv) -> Result<U256, RpcError> {
        let slots: u64 = tx.access_list.iter().map(|item| 24 + 33 * item.storage_keys.len() as u64).sum();
        let bytes =
            TX_OVERHEAD_BYTES + tx.data.len() as u64 + slots + 110 * tx.authorization_list.len() as u64;
        let price = self.overrides.over(&self.view).storage_ref(predeploys::DATA_FEE, U256::ZERO)?;
        Ok(price.saturating_mul(U256::from(bytes)))
    }

    fn is_plain_transfer(&self, tx: &TxEnv) -> Result<bool, RpcError> {
        let TxKind::Call(to) = tx.kind else { return Ok(false) };
        let bare = tx.data.is_empty() && tx.access_list.is_empty() && tx.authorization_list.is_empty();
        let code = self.account(to)?.code_hash;
        Ok(bare && (code == alloy::primitives::KECCAK256_EMPTY || code.is_zero()))
    }

    /// The addresses and slots that the transaction touches, and its gas with them listed.
    pub(crate) fn access_list(&self, request: TransactionRequest) -> Result<AccessListResult, RpcError> {
        let mut tx = self.tx(request)?;
        tx.gas_limit = tx.gas_limit.min(CALL_GAS_MAX);
        if tx.tx_type == 0 {
            tx.tx_type = 1;
        }
        let created = match tx.kind {
            TxKind::Call(to) => to,
            TxKind::Create => tx.caller.create(self.account(tx.caller)?.nonce),
        };
        let free = |address: &Address| {
            *address == tx.caller
                || *address == created
                || *address == self.env.beneficiary
                || is_precompile(address)
        };
        for _ in 0..ACCESS_LIST_ROUNDS {
            let (result, touched) = access_list(self, tx.clone())?;
            let found = touched
                .into_iter()
                // A warm address is only worth listing for its slots.
                .filter(|(address, slots)| !free(address) || !slots.is_empty())
                .map(|(address, slots)| AccessListItem {
                    address,
                    storage_keys: slots.into_iter().map(B256::from).collect(),
                })
                .collect();
            let found = AccessList(found);
            if found == tx.access_list {
                let error = output(result.clone()).err().map(|error| error.to_string());
                return Ok(AccessListResult {
                    access_list: found,
                    gas_used: U256::from(result.tx_gas_used()),
                    error,
                });
            }
            tx.access_list = found;
        }
        Err(RpcError::Server("the access list does not settle".into()))
    }

    /// The request as the EVM takes it. What it leaves open is chosen so that it runs.
    fn tx(&self, request: TransactionRequest) -> Result<TxEnv, RpcError> {
        if request.blob_versioned_hashes.is_some() || request.max_fee_per_blob_gas.is_some() {
            return Err(RpcError::InvalidParams("blob transactions are not supported".into()));
        }
        let chain_id = self.rules.evm.chain_id;
        if let Some(found) = request.chain_id.filter(|found| *found != chain_id) {
            return Err(RpcError::InvalidParams(format!(
                "chainId does not match node's (have={found}, want={chain_id})"
            )));
        }
        if request.gas_price.is_some()
            && (request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some())
        {
            let message = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
            return Err(RpcError::InvalidParams(message.into()));
        }
        let data = request.input.try_into_unique_input().map_err(|_| {
            RpcError::InvalidParams(r#"both "data" and "input" are set and not equal"#.into())
        })?;
        let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
        let tip = request.max_priority_fee_per_gas;
        // A tip alone means: as much above the base fee.
        let cap = request.max_fee_per_gas.or(tip.map(|tip| tip + u128::from(self.env.basefee)));
        let authorizations = request.authorization_list.unwrap_or_default();
        let access_list = request.access_list.unwrap_or_default();
        let tx_type = match (authorizations.is_empty(), dynamic, access_list.is_empty()) {
            (false, ..) => 4,
            (true, true, _) => 2,
            (true, false, false) => 1,
            (true, false, true) => 0,
        };
        let caller = request.from.unwrap_or_default();
        Ok(TxEnv {
            tx_type,
            caller,
            gas_limit: request.gas.unwrap_or(self.env.gas_limit),
            gas_price: request.gas_price.or(cap).unwrap_or_default(),
            gas_priority_fee: if tx_type == 2 || tx_type == 4 { Some(tip.unwrap_or_default()) } else { None },
            kind: request.to.unwrap_or(TxKind::Create),
            value: request.value.unwrap_or_default(),
            data: data.unwrap_or_default(),
            nonce: request.nonce.unwrap_or(self.account(caller)?.nonce),
            chain_id: Some(chain_id),
            access_list,
            authorization_list: authorizations.into_iter().map(revm::context::either::Either::Left).collect(),
            ..TxEnv::default()
        })
    }
}

/// Return data, or the error that geth gives.
fn output(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::Halted(reason)),
    }
}

fn is_gas(error: &revm::context::result::InvalidTransaction) -> bool {
    use revm::context::result::InvalidTransaction as I;
    matches!(error, I::CallGasCostMoreThanGasLimit { .. } | I::GasFloorMoreThanGasLimit { .. })
}

const fn is_out_of_gas(reason: &revm::context::result::HaltReason) -> bool {
    matches!(reason, revm::context::result::HaltReason::OutOfGas(_))
}

/// Gas before refunds.
fn gas_spent(result: &ExecutionResult) -> u64 {
    result.gas().total_gas_spent().max(result.tx_gas_used())
}

fn is_precompile(address: &Address) -> bool {
    let (head, last) = address.split_at(19);
    head.iter().all(|byte| *byte == 0) && (1..=PRECOMPILES).contains(&last[0])
}

fn override_block(env: &mut BlockEnv, block: BlockOverrides) {
    if let Some(number) = block.number {
        env.number = number;
    }
    if let Some(time) = block.time {
        env.timestamp = U256::from(time);
    }
    if let Some(gas_limit) = block.gas_limit {
        env.gas_limit = gas_limit;
    }
    if let Some(coinbase) = block.coinbase {
        env.beneficiary = coinbase;
    }
    if let Some(random) = block.random {
        env.prevrandao = Some(random);
    }
    if let Some(base_fee) = block.base_fee {
        env.basefee = u64::try_from(base_fee).unwrap_or(u64::MAX);
    }
}

fn state_overrides(view: &StateView, wanted: StateOverride) -> Result<StateChanges, RpcError> {
    let mut changes = StateChanges::default();
    for (address, wanted) in wanted {
        if wanted.state.is_some() && wanted.state_diff.is_some() {
            return Err(RpcError::InvalidParams(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        if wanted.move_precompile_to.is_some() {
            return Err(RpcError::InvalidParams("movePrecompileToAddress is not supported".into()));
        }
        let mut account = view.account(address)?.unwrap_or_default();
        account.balance = wanted.balance.unwrap_or(account.balance);
        account.nonce = wanted.nonce.unwrap_or(account.nonce);
        if let Some(code) = wanted.code {
            account.code_hash = keccak256(&code);
            changes.codes.insert(account.code_hash, code);
        }
        let storage = wanted.state.as_ref().or(wanted.state_diff.as_ref());
        let storage =
            storage.into_iter().flatten().map(|(slot, value)| ((*slot).into(), (*value).into())).collect();
        changes.accounts.insert(
            address,
            AccountChange { account: Some(account), wiped: wanted.state.is_some(), storage },
        );
    }
    Ok(changes)
}
