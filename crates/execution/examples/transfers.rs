//! Measures plain transfers through the whole of block building, on one core.
//!
//! `cargo run --release -p assay-execution --example transfers [TRANSFERS] [ACCOUNTS]`
#![allow(clippy::unwrap_used, reason = "an example")]

use std::{sync::OnceLock, time::Instant};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use assay_execution::{
    BlockAttributes, BlockBuilder, Genesis, GenesisAccount, L2Tx, StateTrie, record_witness, recover,
};
use assay_primitives::ChainConfig;
use revm::database_interface::EmptyDB;
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

fn key(index: u64) -> SecretKey {
    SecretKey::from_byte_array(keccak256(index.to_be_bytes()).0).unwrap()
}

fn address(index: u64) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, &key(index)).serialize_uncompressed();
    Address::from_word(keccak256(&public[1..]))
}

fn transfer(cfg: &ChainConfig, from: u64, to: Address) -> Bytes {
    let tx = TxEip1559 {
        chain_id: cfg.l2_chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(to),
        value: U256::from(from + 1),
        ..Default::default()
    };
    let message = Message::from_digest(tx.signature_hash().0);
    let (id, rs) = SECP256K1.sign_ecdsa_recoverable(message, &key(from)).serialize_compact();
    let signature = Signature::from_bytes_and_parity(&rs, i32::from(id) == 1);
    L2Tx::Eip1559(tx.into_signed(signature)).encoded_2718().into()
}

/// Seconds of processor time used so far (Linux; elsewhere wall-clock time), so that a busy machine
/// does not spoil the figures.
fn now() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let on_cpu = text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok());
    on_cpu.map_or(wall, |nanos| nanos / 1e9)
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<u64>().unwrap());
    let transfers = numbers.next().unwrap_or(10_000);
    let accounts = numbers.next().unwrap_or(100_000).max(transfers);
    let rich = GenesisAccount { balance: U256::from(10u64.pow(18)), ..Default::default() };
    let addresses: Vec<Address> = (0..accounts).map(address).collect();
    let alloc = addresses.iter().map(|address| (*address, rich.clone())).collect();
    let genesis = Genesis { config: ChainConfig::dev(), alloc };
    let (head, state) = genesis.build().unwrap();
    let mut trie = StateTrie::empty();
    trie.apply(&state).unwrap();
    let to = |from: u64| addresses[(from * 7919 % accounts) as usize];
    let raw: Vec<Bytes> = (0..transfers).map(|from| transfer(&genesis.config, from, to(from))).collect();

    let report = |what: &str, start: f64| {
        let secs = now() - start;
        println!(
            "{what:<28}{:>10.0} transfers/s {:>9.2} us each",
            transfers as f64 / secs,
            secs * 1e6 / transfers as f64
        );
    };
    println!("{transfers} transfers over {accounts} accounts");
    let whole = now();
    let start = now();
    let txs: Vec<_> = raw.iter().map(|raw| recover(raw, &genesis.config).unwrap()).collect();
    report("decode and recover", start);

    let start = now();
    let attributes = BlockAttributes { timestamp: head.timestamp + 1, data_price: 0 };
    let db = state.over(EmptyDB::new());
    let mut builder = BlockBuilder::open(&genesis.config, &head, attributes, db).unwrap();
    for tx in &txs {
        builder.push(tx).unwrap();
    }
    report("execute", start);

    let start = now();
    let executed = builder.seal().unwrap();
    report("tx and receipt roots, diff", start);

    let start = now();
    let witness = record_witness(&trie, &executed, |_| None).unwrap();
    report("record the witness (extra)", start);
    let bytes: usize = witness.nodes.iter().map(|node| node.len()).sum();
    let recording = now() - start;

    let start = now();
    let block = executed.seal(&mut trie).unwrap();
    report("state root", start);
    let total = now() - whole - recording;
    println!("{:<28}{:>10.0} transfers/s", "all, without the witness", transfers as f64 / total);
    println!("block {} uses {} gas; its witness has {bytes} bytes", block.hash(), block.header.gas_used);
}
