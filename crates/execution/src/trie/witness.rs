//! Everything a block needs from the state of its parent.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cell::RefCell;

use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use alloy_trie::Nibbles;
use assay_primitives::predeploys;

use super::{NodeSource, StateTrie, TrieDb, TrieError};
use crate::ExecutedBlock;

/// The trie nodes and codes that executing one block and updating the state reads. With the
/// parent's header and the block's input it is all that the state transition needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Witness {
    /// RLP of trie nodes, ordered by hash.
    pub nodes: Vec<Bytes>,
    /// Codes, ordered by hash.
    pub codes: Vec<Bytes>,
}

/// A witness by hash. Hashing is the check: bytes that do not belong are never found.
#[derive(Clone, Debug, Default)]
pub struct WitnessNodes {
    preimages: B256Map<Bytes>,
}

impl WitnessNodes {
    /// Hashes everything in `witness`.
    pub fn new(witness: &Witness) -> Self {
        let all = witness.nodes.iter().chain(&witness.codes);
        Self { preimages: all.map(|bytes| (keccak256(bytes), bytes.clone())).collect() }
    }
}

impl NodeSource for WitnessNodes {
    fn node(&self, _owner: Option<B256>, _path: &Nibbles, hash: B256) -> Option<Bytes> {
        self.preimages.get(&hash).cloned()
    }

    fn code(&self, hash: B256) -> Option<Bytes> {
        self.preimages.get(&hash).cloned()
    }
}

/// The parent state as a witness tells it.
pub type WitnessDb = TrieDb<WitnessNodes>;

impl WitnessDb {
    /// The state with root `state_root`, as far as `witness` shows it.
    pub fn from_witness(witness: &Witness, state_root: B256) -> Self {
        Self::new(StateTrie::new(WitnessNodes::new(witness), state_root))
    }
}

struct Recorder<'a, S> {
    state: &'a StateTrie<S>,
    seen: RefCell<BTreeMap<B256, Bytes>>,
}

impl<S: NodeSource> NodeSource for Recorder<'_, S> {
    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Option<Bytes> {
        let node = self.state.node(owner, path, hash)?;
        self.seen.borrow_mut().insert(hash, node.clone());
        Some(node)
    }

    fn code(&self, _hash: B256) -> Option<Bytes> {
        None
    }
}

/// Collects the witness of `block`, executed on `parent` and not yet applied to it.
///
/// Repeats the block's reads and its update on a lazy copy of the trie, the very code that runs
/// on the witness, so exactly the nodes that it will ask for are there.
pub fn record_witness<S: NodeSource>(
    parent: &StateTrie<S>,
    block: &ExecutedBlock,
    code: impl Fn(B256) -> Option<Bytes>,
) -> Result<Witness, TrieError> {
    let recorder = Recorder { state: parent, seen: RefCell::default() };
    let mut lazy = StateTrie::new(recorder, parent.root());
    for (address, slots) in &block.reads.accounts {
        lazy.account(*address)?;
        for slot in slots {
            lazy.slot(*address, *slot)?;
        }
    }
    lazy.apply(&block.changes)?;
    lazy.storage_root(predeploys::MESSAGE_PASSER)?;
    let codes = block.reads.codes.iter().map(|hash| code(*hash).ok_or(TrieError::MissingCode(*hash)));
    Ok(Witness {
        codes: codes.collect::<Result<_, _>>()?,
        nodes: lazy.source().seen.take().into_values().collect(),
    })
}
