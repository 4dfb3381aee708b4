//! A small chain for the tests of this crate.

use std::collections::VecDeque;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::network::TxSignerSync;
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy::signers::local::PrivateKeySigner;
use assay_execution::{BlockInput, Genesis, GenesisAccount};
use assay_primitives::{ChainConfig, QueueEntry, QueueKind};

use crate::genesis;

/// Emits one event with its calldata's first word as topic, stores it in slot 1, and reverts with `Error("no")` when it
/// gets no data.
pub(crate) const EMITTER: Address = Address::repeat_byte(0xE1);

pub(crate) fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[7; 32]).unwrap()
}

/// `calldatasize; jumpi; revert` and otherwise `sstore(1, word); log1(0, 0, word); return word`.
fn emitter_code() -> Bytes {
    let mut code = vec![0x36, 0x60, 0x00, 0x57]; // calldatasize, push 'work', jumpi
    // mstore(0, selector Error(string)), offset, length, "no": 0x08c379a0 | 0x20 | 2 | "no"
    let data = alloy::sol_types::SolError::abi_encode(&alloy::sol_types::Revert::from("no"));
    let start = code.len() + 12;
    code.extend([0x60, data.len() as u8, 0x60, 0, 0x60, 0, 0x39, 0x60, data.len() as u8, 0x60, 0, 0xfd]);
    code[start - 12 + 3] = start as u8;
    code.extend(&data);
    let work = code.len() as u8;
    code[2] = work;
    code.push(0x5b);
    code.extend([0x60, 0, 0x35, 0x60, 1, 0x55]); // sstore(1, calldataload(0))
    code.extend([0x60, 0, 0x35, 0x60, 0, 0x60, 0, 0xa1]); // log1(0, 0, calldataload(0))
    code.extend([0x60, 0, 0x35, 0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]);
    code.into()
}

pub(crate) fn test_genesis() -> Genesis {
    let mut genesis = genesis(ChainConfig::dev());
    let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(21)), ..Default::default() };
    genesis.alloc.insert(signer().address(), rich);
    genesis.alloc.insert(EMITTER, GenesisAccount { code: emitter_code(), ..Default::default() });
    genesis
}

pub(crate) fn tx(nonce: u64, to: TxKind, value: u64, input: impl Into<Bytes>) -> Bytes {
    let mut tx = TxEip1559 {
        chain_id: ChainConfig::dev().l2_chain_id,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to,
        value: U256::from(value),
        input: input.into(),
        ..TxEip1559::default()
    };
    let signature = signer().sign_transaction_sync(&mut tx).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

pub(crate) fn transfer(nonce: u64, to: u8) -> Bytes {
    tx(nonce, TxKind::Call(Address::repeat_byte(to)), 1_000, Bytes::new())
}

pub(crate) fn deposit(index: u64) -> QueueEntry {
    QueueEntry {
        kind: QueueKind::Transaction,
        index,
        l1_block: 1,
        l1_time: 1,
        from: Address::repeat_byte(0xD0),
        mint: U256::from(5_000),
        value: U256::from(1_000),
        gas_limit: 50_000,
        is_creation: false,
        to: Address::repeat_byte(0xD1),
        data: Bytes::new(),
    }
}

/// The block input `number` seconds after genesis.
pub(crate) fn input(number: u64, txs: Vec<Bytes>) -> BlockInput {
    let config = ChainConfig::dev();
    BlockInput {
        timestamp: config.genesis_time + number,
        data_price: config.data_price_initial,
        queue: Vec::new(),
        txs,
    }
}

/// Inputs of blocks 1 to `count`: transfers, an event, a deposit in every third.
pub(crate) fn inputs(count: u64) -> VecDeque<BlockInput> {
    let mut nonce = 0;
    let mut next = || {
        nonce += 1;
        nonce - 1
    };
    (1..=count)
        .map(|number| {
            let word = U256::from(number).to_be_bytes::<32>();
            let mut block = input(
                number,
                vec![transfer(next(), number as u8), tx(next(), TxKind::Call(EMITTER), 0, word.to_vec())],
            );
            if number % 3 == 0 {
                block.queue.push(deposit(number));
            }
            block
        })
        .collect()
}
