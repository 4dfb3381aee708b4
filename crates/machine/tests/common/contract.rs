//! `Machine.sol` itself: its bytecode in an EVM, one call a step.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use assay_machine::STATE_BYTES;
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::TxEnv,
    database::InMemoryDB,
    state::{AccountInfo, Bytecode},
};

/// Stands for the Oracle: answers every call with the word in its first slot. A part's hash binds key and offset, so it needs no more.
const ORACLE: Address = address!("0x0000000000000000000000000000000000000a55");
const ORACLE_CODE: [u8; 8] = hex!("5f545f5260205ff3");
/// What one transaction may use (EIP-7825).
const GAS: u64 = 16_000_000;

pub(crate) struct Contract {
    db: InMemoryDB,
    machine: Address,
}

impl Contract {
    /// Deploys the committed artifact.
    pub(crate) fn new() -> Self {
        let artifact = include_str!("../../../bindings/artifacts/Machine.json");
        let artifact: serde_json::Value = serde_json::from_str(artifact).expect("JSON");
        let code = hex::decode(artifact["bytecode"].as_str().expect("bytecode")).expect("hex");
        let init = [code.as_slice(), ORACLE.into_word().as_slice()].concat();
        let mut db = InMemoryDB::default();
        let code = Bytecode::new_raw(Bytes::from_static(&ORACLE_CODE));
        let stand_in =
            AccountInfo { code_hash: code.hash_slow(), code: Some(code), ..AccountInfo::default() };
        db.insert_account_info(ORACLE, stand_in);
        let tx = TxEnv::builder().kind(TxKind::Create).data(init.into()).gas_limit(GAS);
        let done = Context::mainnet()
            .with_db(&mut db)
            .build_mainnet()
            .transact_commit(tx.build().expect("a transaction"))
            .expect("the contract is created");
        let machine = done.created_address().expect("an address");
        Self { db, machine }
    }

    /// `step(codeRoot, state, witness)`, with this part in the oracle: both hashes, or nothing when it reverts.
    pub(crate) fn step(
        &mut self,
        code_root: B256,
        state: &[u8; STATE_BYTES],
        witness: &[u8],
        part: Option<B256>,
    ) -> Option<(B256, B256)> {
        let part = U256::from_be_bytes(part.unwrap_or_default().0);
        self.db.insert_account_storage(ORACLE, U256::ZERO, part).expect("a database in memory");
        let word = |number: usize| B256::from(U256::from(number)).0;
        let bytes = |data: &[u8]| {
            let mut out = word(data.len()).to_vec();
            out.extend_from_slice(data);
            out.resize(out.len().next_multiple_of(32), 0);
            out
        };
        let mut data = keccak256("step(bytes32,bytes,bytes)")[..4].to_vec();
        data.extend_from_slice(code_root.as_slice());
        data.extend_from_slice(&word(96));
        let state = bytes(state);
        data.extend_from_slice(&word(96 + state.len()));
        data.extend_from_slice(&state);
        data.extend_from_slice(&bytes(witness));
        let tx = TxEnv::builder().nonce(1).kind(TxKind::Call(self.machine)).data(data.into()).gas_limit(GAS);
        let done = Context::mainnet()
            .with_db(&mut self.db)
            .build_mainnet()
            .transact(tx.build().expect("a transaction"))
            .expect("a call");
        if !done.result.is_success() {
            return None;
        }
        let output = done.result.output().expect("an answer");
        assert_eq!(output.len(), 64);
        Some((B256::from_slice(&output[..32]), B256::from_slice(&output[32..])))
    }
}
