//! The first state and the first block.

use alloc::{collections::BTreeMap, string::String};

use alloy_consensus::{Header, Sealed};
use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, TxKind, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use assay_primitives::{ChainConfig, ConfigError, predeploys};
use revm::{
    context::{TxEnv, result::ExecutionResult},
    database_interface::EmptyDB,
    primitives::{eip170::MAX_CODE_SIZE, hardfork::SpecId},
};

use crate::{
    Account, Charge, Executor, Rules, SealedHeader, StateChanges, StateTrie, rules,
    trie::{InMemory, TrieError},
};

/// Gas that a constructor may use at genesis.
const CONSTRUCTOR_GAS: u64 = 1 << 32;

/// An account at genesis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct GenesisAccount {
    /// Wei.
    pub balance: U256,
    /// Nonce; an account with code gets at least 1.
    pub nonce: u64,
    /// Runtime code.
    pub code: Bytes,
    /// Init code with its arguments, instead of `code`: it is run at the address, what it returns
    /// is the code and what it writes is the storage.
    pub initcode: Bytes,
    /// Storage, before `initcode` runs.
    pub storage: BTreeMap<U256, U256>,
}

/// A chain before its first block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Genesis {
    /// Protocol parameters.
    pub config: ChainConfig,
    /// Accounts. The protocol adds the EIP-2935 contract and the slots it owns itself.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// Why a genesis cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The parameters contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Both code and initcode.
    #[error("{0} has both code and initcode")]
    TwoCodes(Address),
    /// A constructor reverted, halted or could not start.
    #[error("constructor of {address} failed: {reason}")]
    Constructor {
        /// Whose.
        address: Address,
        /// What the EVM said.
        reason: String,
    },
    /// More code than EIP-170 allows.
    #[error("code of {address} has {found} bytes, at most {MAX_CODE_SIZE} are allowed")]
    CodeTooLarge {
        /// Whose.
        address: Address,
        /// Bytes.
        found: usize,
    },
    /// A bug: the state in memory is complete.
    #[error(transparent)]
    Trie(#[from] TrieError),
}

impl Genesis {
    /// The genesis block's header and the state it starts with, as changes of the empty state.
    ///
    /// Deterministic: the same genesis gives the same hash everywhere.
    pub fn build(&self) -> Result<(SealedHeader, StateChanges), GenesisError> {
        self.config.check()?;
        let mut changes = StateChanges::default();
        for (address, account) in &self.alloc {
            if !account.code.is_empty() && !account.initcode.is_empty() {
                return Err(GenesisError::TwoCodes(*address));
            }
            place(&mut changes, *address, account);
        }
        let history = GenesisAccount { code: HISTORY_STORAGE_CODE.clone(), ..Default::default() };
        place(&mut changes, predeploys::HISTORY, &history);
        for (address, account) in &self.alloc {
            if !account.initcode.is_empty() {
                etch(&self.config, &mut changes, *address, &account.initcode)?;
            }
        }
        self.set_protocol_slots(&mut changes);
        let header = self.header(&changes)?;
        Ok((header, changes))
    }

    /// The slots that the protocol writes, whatever a constructor left there.
    fn set_protocol_slots(&self, changes: &mut StateChanges) {
        for (address, value) in [
            (predeploys::CLOCK, self.config.genesis_time),
            (predeploys::DATA_FEE, self.config.data_price_initial),
        ] {
            if let Some(change) = changes.accounts.get_mut(&address) {
                change.storage.insert(U256::ZERO, U256::from(value));
            }
        }
    }

    fn header(&self, changes: &StateChanges) -> Result<SealedHeader, GenesisError> {
        let mut trie = StateTrie::<InMemory>::empty();
        let state_root = trie.apply(changes)?;
        Ok(Sealed::new(Header {
            beneficiary: predeploys::FEE_VAULT,
            state_root,
            gas_limit: self.config.block_gas_limit,
            timestamp: self.config.genesis_time,
            base_fee_per_gas: Some(self.config.base_fee_initial),
            withdrawals_root: Some(trie.storage_root(predeploys::MESSAGE_PASSER)?),
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(Default::default()),
            requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
            ..Default::default()
        }))
    }
}

fn place(changes: &mut StateChanges, address: Address, account: &GenesisAccount) {
    let has_code = !account.code.is_empty() || !account.initcode.is_empty();
    let code_hash = if account.code.is_empty() { KECCAK256_EMPTY } else { keccak256(&account.code) };
    let change = changes.accounts.entry(address).or_default();
    let nonce = account.nonce.max(u64::from(has_code));
    change.account = Some(Account { nonce, balance: account.balance, code_hash });
    change.storage.extend(account.storage.iter().filter(|(_, value)| !value.is_zero()));
    if !account.code.is_empty() {
        changes.codes.insert(code_hash, account.code.clone());
    }
}

/// Runs `initcode` as the code of `address` and makes what it returns the code.
fn etch(
    config: &ChainConfig,
    changes: &mut StateChanges,
    address: Address,
    initcode: &Bytes,
) -> Result<(), GenesisError> {
    let failed = |reason: String| GenesisError::Constructor { address, reason };
    let mut before = changes.clone();
    let init_hash = keccak256(initcode);
    before.codes.insert(init_hash, initcode.clone());
    if let Some(account) = before.accounts.get_mut(&address).and_then(|change| change.account.as_mut()) {
        account.code_hash = init_hash;
    }
    let rules = Rules::ethereum(SpecId::PRAGUE, config.l2_chain_id);
    let header = Header {
        timestamp: config.genesis_time,
        gas_limit: CONSTRUCTOR_GAS,
        base_fee_per_gas: Some(0),
        ..Default::default()
    };
    let mut executor = Executor::new(&rules, rules::block_env(&header), before.over(EmptyDB::new()));
    let tx = TxEnv {
        caller: predeploys::SYSTEM_ADDRESS,
        kind: TxKind::Call(address),
        gas_limit: CONSTRUCTOR_GAS,
        gas_price: 0,
        chain_id: None,
        ..TxEnv::default()
    };
    let run = executor.transact(tx, Charge::Deposit).map_err(|error| failed(alloc::format!("{error}")))?;
    let code = match run.map_err(|error| failed(alloc::format!("{error}")))? {
        ExecutionResult::Success { output, .. } => output.into_data(),
        other => return Err(failed(alloc::format!("{other:?}"))),
    };
    if code.len() > MAX_CODE_SIZE {
        return Err(GenesisError::CodeTooLarge { address, found: code.len() });
    }
    let mut made = executor.state().changes();
    made.accounts.remove(&predeploys::SYSTEM_ADDRESS);
    changes.extend(made);
    let code_hash = keccak256(&code);
    if let Some(account) = changes.accounts.get_mut(&address).and_then(|change| change.account.as_mut()) {
        account.code_hash = code_hash;
    }
    changes.codes.insert(code_hash, code);
    Ok(())
}
