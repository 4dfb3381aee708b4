//! A chain in memory, keys, and small contracts. Every block is executed twice: on the whole state
//! and from its witness alone.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, hex, keccak256};
use assay_execution::{
    BlockAttributes, BlockBuilder, BlockInput, ExecutedBlock, Genesis, GenesisAccount, InMemory, L2Tx,
    SealedBlock, SealedHeader, StateChanges, StateTrie, WitnessDb, execute_block, record_witness,
};
use assay_primitives::{ChainConfig, QueueEntry, QueueKind, predeploys};
use revm::{DatabaseRef, database_interface::EmptyDB};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// Adds 1 to slot 0 and logs.
pub const COUNTER: Address = address!("0x00000000000000000000000000000000000c0001");
/// Writes a slot, then reverts.
pub const REVERTER: Address = address!("0x00000000000000000000000000000000000c0002");
/// Writes slot calldata[0..32] := calldata[32..64].
pub const STORE: Address = address!("0x00000000000000000000000000000000000c0003");
/// Creates a contract that destroys itself in favour of the factory, with the call's value.
pub const FACTORY: Address = address!("0x00000000000000000000000000000000000c0004");
/// Stores the parent's hash, prevrandao and the coinbase's balance in slots 0 to 2.
pub const OBSERVER: Address = address!("0x00000000000000000000000000000000000c0005");
/// Loops until its gas is gone.
pub const LOOP: Address = address!("0x00000000000000000000000000000000000c0006");
/// Keeps what it is sent.
pub const SINK: Address = address!("0x00000000000000000000000000000000000c0007");

pub const ETHER: u128 = 1_000_000_000_000_000_000;

pub fn key(index: u8) -> SecretKey {
    SecretKey::from_byte_array([index + 1; 32]).unwrap()
}

pub fn account(index: u8) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, &key(index)).serialize_uncompressed();
    Address::from_word(keccak256(&public[1..]))
}

pub fn sign_hash(index: u8, hash: B256) -> Signature {
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &key(index));
    let (id, rs) = signature.serialize_compact();
    Signature::from_bytes_and_parity(&rs, i32::from(id) == 1)
}

pub fn sign(index: u8, tx: TxEip1559) -> Bytes {
    let signature = sign_hash(index, tx.signature_hash());
    L2Tx::Eip1559(tx.into_signed(signature)).encoded_2718().into()
}

pub fn sign_legacy(index: u8, tx: TxLegacy) -> Bytes {
    let signature = sign_hash(index, tx.signature_hash());
    L2Tx::Legacy(tx.into_signed(signature)).encoded_2718().into()
}

pub fn authorize(index: u8, chain_id: u64, address: Address, nonce: u64) -> SignedAuthorization {
    let auth = Authorization { chain_id: U256::from(chain_id), address, nonce };
    let signature = sign_hash(index, auth.signature_hash());
    auth.into_signed(signature)
}

fn contract(code: &[u8]) -> GenesisAccount {
    GenesisAccount { code: Bytes::copy_from_slice(code), ..Default::default() }
}

pub fn genesis() -> Genesis {
    let stop = contract(&[0]);
    let beacon = contract(&hex!("602435 5f 55 600435 6001 55 00"));
    let mut alloc: std::collections::BTreeMap<_, _> = [
        (predeploys::MESSAGE_PASSER, contract(&hex!("60203560003555 00"))),
        (predeploys::FEE_VAULT, stop.clone()),
        (predeploys::CLOCK, stop.clone()),
        (predeploys::DATA_FEE, stop),
        (predeploys::BEACON, beacon),
        (COUNTER, contract(&hex!("5f54600101 5f55 5f5fa0 00"))),
        (REVERTER, contract(&hex!("60015f55 5f5ffd"))),
        (STORE, contract(&hex!("602035 5f35 55 00"))),
        (FACTORY, contract(&hex!("6133ff5f52 5f6002601e34f5 00"))),
        (OBSERVER, contract(&hex!("6001430340 5f55 44600155 4131600255 00"))),
        (LOOP, contract(&hex!("5b5f56"))),
        (SINK, contract(&[0])),
    ]
    .into();
    for index in 0..8 {
        let balance = U256::from(1000 * ETHER);
        alloc.insert(account(index), GenesisAccount { balance, ..Default::default() });
    }
    Genesis { config: ChainConfig::dev(), alloc }
}

pub struct Chain {
    pub cfg: ChainConfig,
    pub head: SealedHeader,
    pub state: StateChanges,
    pub trie: StateTrie<InMemory>,
}

impl Chain {
    pub fn new() -> Self {
        Self::from_genesis(&genesis())
    }

    pub fn from_genesis(genesis: &Genesis) -> Self {
        let (head, state) = genesis.build().unwrap();
        let mut trie = StateTrie::empty();
        assert_eq!(trie.apply(&state).unwrap(), head.state_root);
        Self { cfg: genesis.config.clone(), head, state, trie }
    }

    pub fn db(&self) -> impl DatabaseRef<Error = core::convert::Infallible> + '_ {
        self.state.over(EmptyDB::new())
    }

    pub fn attributes(&self) -> BlockAttributes {
        BlockAttributes { timestamp: self.head.timestamp + 1, data_price: self.cfg.data_price_initial }
    }

    pub fn builder(
        &self,
    ) -> BlockBuilder<impl DatabaseRef<Error = core::convert::Infallible> + core::fmt::Debug + '_> {
        BlockBuilder::open(&self.cfg, &self.head, self.attributes(), self.state.over(EmptyDB::new())).unwrap()
    }

    pub fn input(&self, queue: Vec<QueueEntry>, txs: Vec<Bytes>) -> BlockInput {
        let BlockAttributes { timestamp, data_price } = self.attributes();
        BlockInput { timestamp, data_price, queue, txs }
    }

    /// Executes and appends a block; checks it against its witness and alloy's state root.
    pub fn append(&mut self, input: &BlockInput) -> (SealedBlock, ExecutedBlock) {
        let executed = execute_block(&self.cfg, &self.head, input, self.db()).unwrap();
        let code = |hash| self.state.codes.get(&hash).cloned();
        let witness = record_witness(&self.trie, &executed, code).unwrap();
        let block = executed.clone().seal(&mut self.trie).unwrap();

        let db = WitnessDb::from_witness(&witness, self.head.state_root);
        let again = execute_block(&self.cfg, &self.head, input, &db).unwrap();
        assert_eq!(again.changes, executed.changes);
        let mut lazy = db.into_trie();
        assert_eq!(again.seal(&mut lazy).unwrap().header, block.header);

        self.state.extend(executed.changes.clone());
        self.head = block.header.clone();
        (block, executed)
    }

    pub fn run(&mut self, queue: Vec<QueueEntry>, txs: Vec<Bytes>) -> (SealedBlock, ExecutedBlock) {
        self.append(&self.input(queue, txs))
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.db().basic_ref(address).unwrap().unwrap_or_default().balance
    }

    pub fn nonce(&self, address: Address) -> u64 {
        self.db().basic_ref(address).unwrap().unwrap_or_default().nonce
    }

    pub fn slot(&self, address: Address, key: u64) -> U256 {
        self.db().storage_ref(address, U256::from(key)).unwrap()
    }

    pub fn supply(&self) -> U256 {
        let accounts = self.state.accounts.values().filter_map(|change| change.account);
        accounts.map(|account| account.balance).fold(U256::ZERO, |sum, balance| sum + balance)
    }

    /// A transfer-like transaction with fees that are enough.
    pub fn tx(&self, nonce: u64, to: TxKind, value: u128) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.cfg.l2_chain_id,
            nonce,
            gas_limit: 100_000,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value: U256::from(value),
            ..Default::default()
        }
    }
}

pub fn entry(index: u64, from: Address, mint: u128, value: u128, to: Address) -> QueueEntry {
    QueueEntry {
        kind: QueueKind::Transaction,
        index,
        l1_block: 7,
        l1_time: 1,
        from,
        mint: U256::from(mint),
        value: U256::from(value),
        gas_limit: 100_000,
        is_creation: false,
        to,
        data: Bytes::new(),
    }
}
