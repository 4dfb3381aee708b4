//! Ethereum transactions executed with revm over a state in memory.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::convert::Infallible;

use alloy_primitives::{
    Address, B256, Bytes, TxKind, U256, address, hex, keccak256,
    map::{AddressMap, HashMap},
};
use revm::{
    Context, Database, DatabaseCommit, ExecuteCommitEvm, MainBuilder, MainContext,
    context::TxEnv,
    state::{Account, AccountInfo, Bytecode},
};

/// Accounts that pay.
const SENDERS: u64 = 16;
/// Accounts that are paid.
const RECEIVERS: u64 = 40;
const TOKEN: Address = address!("0x7000000000000000000000000000000000000000");
const COINBASE: Address = address!("0xc000000000000000000000000000000000000000");
/// Moves one unit from `slot(caller)` to `slot(first word of the input)` and logs; a slot is the hash of a word and zero.
const TOKEN_CODE: [u8; 39] =
    hex!("335f525f60205260405f2080546001900390555f355f5260405f208054600101905560205fa000");

#[derive(Default)]
struct State {
    accounts: HashMap<Address, AccountInfo>,
    slots: HashMap<U256, U256>,
}

impl Database for State {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).cloned())
    }

    fn code_by_hash(&mut self, _hash: B256) -> Result<Bytecode, Infallible> {
        Ok(Bytecode::new_raw(Bytes::from_static(&TOKEN_CODE)))
    }

    fn storage(&mut self, _address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.slots.get(&slot).copied().unwrap_or_default())
    }

    fn block_hash(&mut self, _number: u64) -> Result<B256, Infallible> {
        Ok(B256::ZERO)
    }
}

impl DatabaseCommit for State {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes.into_iter().filter(|(_, account)| account.is_touched()) {
            self.slots.extend(account.storage.iter().map(|(slot, value)| (*slot, value.present_value)));
            self.accounts.insert(address, account.info);
        }
    }
}

fn person(n: u64) -> Address {
    Address::from_word(keccak256(n.to_be_bytes()))
}

/// Executes `count` transactions, three transfers of ether and one call of a token-like contract in turn, and hashes all accounts and
/// slots.
pub fn run(count: u64) -> B256 {
    let mut state = State::default();
    let rich = AccountInfo { balance: U256::from(10u128.pow(24)), ..AccountInfo::default() };
    state.accounts.extend((0..SENDERS).map(|n| (person(n), rich.clone())));
    let code = Bytecode::new_raw(Bytes::from_static(&TOKEN_CODE));
    let token = AccountInfo { code_hash: code.hash_slow(), code: Some(code), ..AccountInfo::default() };
    state.accounts.insert(TOKEN, token);

    let mut context = Context::mainnet().with_db(state);
    context.block.basefee = 1_000_000_000;
    context.block.beneficiary = COINBASE;
    let mut evm = context.build_mainnet();
    for n in 0..count {
        let tx = TxEnv::builder()
            .tx_type(Some(2))
            .chain_id(Some(1))
            .caller(person(n % SENDERS))
            .nonce(n / SENDERS)
            .gas_price(3_000_000_000)
            .gas_priority_fee(Some(1_000_000_000));
        let tx = match n % 4 {
            3 => tx
                .kind(TxKind::Call(TOKEN))
                .data(Bytes::copy_from_slice(&U256::from(n % 31).to_be_bytes::<32>()))
                .gas_limit(200_000),
            _ => tx
                .kind(TxKind::Call(person(SENDERS + n % RECEIVERS)))
                .value(U256::from(12_345_678 + n))
                .gas_limit(21_000),
        };
        let done = evm.transact_commit(tx.build().expect("every field is set")).expect("a valid transaction");
        assert!(done.is_success(), "transaction {n} failed");
    }
    digest(&evm.ctx.journaled_state.database)
}

/// Hash of everything, in the order of addresses and slots.
fn digest(state: &State) -> B256 {
    let mut accounts: Vec<_> = state.accounts.iter().collect();
    accounts.sort_by_key(|(address, _)| **address);
    let mut slots: Vec<_> = state.slots.iter().collect();
    slots.sort();
    let mut bytes = Vec::new();
    for (address, account) in accounts {
        bytes.extend_from_slice(address.as_slice());
        bytes.extend_from_slice(&account.nonce.to_be_bytes());
        bytes.extend_from_slice(&account.balance.to_be_bytes::<32>());
    }
    for (slot, value) in slots {
        bytes.extend_from_slice(&slot.to_be_bytes::<32>());
        bytes.extend_from_slice(&value.to_be_bytes::<32>());
    }
    keccak256(&bytes)
}
