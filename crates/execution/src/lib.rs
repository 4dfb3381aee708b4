#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod batch;
mod blob;
mod builder;
mod changes;
mod crypto;
mod derive;
mod executor;
mod genesis;
mod overlay;
mod receipt;
mod rules;
#[cfg(test)]
mod testing;
mod trie;
mod tx;
mod types;

pub use batch::{BATCH_VERSION, Batch, BatchBlock, BatchError, DecodedBatch};
pub use blob::{BlobError, blobs_decode, blobs_encode};
pub use builder::{BlockBuilder, PushError, execute_block, execute_recovered};
pub use changes::{Account, AccountChange, ChangedState, StateChanges};
pub use derive::{BatchFault, Cursor, Derivation, derive, derive_explained};
pub use executor::{BlockError, Charge, Executor};
pub use genesis::{Genesis, GenesisAccount, GenesisError};
pub use overlay::Overlay;
pub use receipt::Receipt;
pub use rules::{Fees, Rules, TxRejected, block_env, next_base_fee, tx_env};
pub use trie::{
    AccountProof, InMemory, Nibbles, NodeSource, StateTrie, StorageProof, Trie, TrieDb, TrieError, Witness,
    WitnessDb, WitnessNodes, record_witness,
};
pub use tx::{DEPOSIT_TX_TYPE, DepositTx, L2Tx, Recovered, TxError, recover};
pub use types::{
    BlockAttributes, BlockInput, ExecutedBlock, Outcome, Reads, SealedBlock, SealedHeader, SkipReason,
    TxResult, data_size,
};
