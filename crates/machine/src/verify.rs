//! One step from its witness alone: what the contract computes, for challengers that want to know before they send.

use alloy_primitives::{B256, keccak256};
use assay_primitives::OracleKey;

use crate::{
    code::code_root,
    state::State,
    step::{Bus, KECCAK_LEAVES, Leaf, Part, step},
    tree::{CODE_DEPTH, LEAF_BYTES, MEMORY_DEPTH, fold, node},
};

/// Siblings of the subtree that `keccak_f` opens.
const KECCAK_SIBLINGS: usize = MEMORY_DEPTH - KECCAK_LEAVES.ilog2() as usize;

/// Why a witness proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// It ends too early.
    #[error("the witness ends after {found} bytes, {needed} are needed so far")]
    TooShort {
        /// Bytes given.
        found: usize,
        /// Bytes that the step needs up to here.
        needed: usize,
    },
    /// It goes on after the step.
    #[error("the witness has {found} bytes, the step needs {needed}")]
    TooLong {
        /// Bytes given.
        found: usize,
        /// Bytes that the step needs.
        needed: usize,
    },
    /// It opens another code.
    #[error("the witness opens the code root {found}, not {expected}")]
    CodeRoot {
        /// The code root of the computation.
        expected: B256,
        /// The code root it opens.
        found: B256,
    },
    /// It opens another memory.
    #[error("the witness opens the memory root {found}, not {expected}")]
    MemoryRoot {
        /// The root the step has come to.
        expected: B256,
        /// The root it opens.
        found: B256,
    },
    /// It shows a part of a pre-image that nobody stored.
    #[error("no oracle stored the part with the hash {0}")]
    UnknownPart(B256),
}

/// What `Oracle.sol` stores of a part: `H(key ‖ u32(offset) ‖ part ‖ u32(length))`.
pub fn part_hash(key: OracleKey, offset: u32, part: &Part) -> B256 {
    let mut bytes = [0; 72];
    bytes[..32].copy_from_slice(key.as_b256().as_slice());
    bytes[32..36].copy_from_slice(&offset.to_be_bytes());
    bytes[36..68].copy_from_slice(&part.bytes);
    bytes[68..].copy_from_slice(&part.length.to_be_bytes());
    keccak256(bytes)
}

/// The successor of `state` under the code with this root. `stored` says whether the oracle holds a part with this hash.
pub fn verify_step(
    expected: B256,
    state: &State,
    witness: &[u8],
    stored: impl FnMut(&B256) -> bool,
) -> Result<State, WitnessError> {
    let mut next = state.clone();
    let mut reader = Reader { witness, used: 0 };
    if next.cpu.is_running() {
        let word = fetch(expected, next.cpu.pc, &mut reader)?;
        let mut bus =
            Witness { reader, root: next.memory_root, opened: None, octet: (0, [B256::ZERO; _]), stored };
        step(&mut next.cpu, word, &mut bus)?;
        (reader, next.memory_root) = (bus.reader, bus.root);
    }
    if reader.used != witness.len() {
        return Err(WitnessError::TooLong { found: witness.len(), needed: reader.used });
    }
    Ok(next)
}

/// The word at `pc`, `None` if it cannot be fetched.
fn fetch(expected: B256, pc: u64, reader: &mut Reader<'_>) -> Result<Option<u32>, WitnessError> {
    let [window] = reader.take()?;
    let fetches = pc.is_multiple_of(4) && pc >> 25 == u64::from(window);
    let (tree, word) = if fetches {
        let leaf: Leaf = reader.take()?;
        let siblings: [B256; CODE_DEPTH] = reader.hashes()?;
        let at = pc as usize % LEAF_BYTES;
        let word = u32::from_le_bytes([leaf[at], leaf[at + 1], leaf[at + 2], leaf[at + 3]]);
        (fold(B256::new(leaf), pc % (1 << 25) / LEAF_BYTES as u64, &siblings), Some(word))
    } else {
        (B256::new(reader.take()?), None)
    };
    match code_root(window, &tree) {
        found if found == expected => Ok(word),
        found => Err(WitnessError::CodeRoot { expected, found }),
    }
}

struct Reader<'a> {
    witness: &'a [u8],
    used: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WitnessError> {
        let short = WitnessError::TooShort { found: self.witness.len(), needed: self.used + N };
        let (bytes, _) = self.witness[self.used..].split_first_chunk::<N>().ok_or(short)?;
        self.used += N;
        Ok(*bytes)
    }

    fn hashes<const N: usize>(&mut self) -> Result<[B256; N], WitnessError> {
        let mut hashes = [B256::ZERO; N];
        for hash in &mut hashes {
            *hash = B256::new(self.take()?);
        }
        Ok(hashes)
    }
}

/// A memory of which only the witness is known.
struct Witness<'a, F> {
    reader: Reader<'a>,
    root: B256,
    /// The leaf opened last and its siblings.
    opened: Option<(u32, Leaf, [B256; MEMORY_DEPTH])>,
    /// The eight leaves opened last: index and siblings.
    octet: (u32, [B256; KECCAK_SIBLINGS]),
    stored: F,
}

impl<F> Witness<'_, F> {
    fn expect(&self, found: B256) -> Result<(), WitnessError> {
        match self.root == found {
            true => Ok(()),
            false => Err(WitnessError::MemoryRoot { expected: self.root, found }),
        }
    }
}

/// The root of eight leaves.
fn octet_root(leaves: &[Leaf; KECCAK_LEAVES]) -> B256 {
    let [a, b, c, d, e, f, g, h] = leaves.map(B256::new);
    node(&node(&node(&a, &b), &node(&c, &d)), &node(&node(&e, &f), &node(&g, &h)))
}

impl<F: FnMut(&B256) -> bool> Bus for Witness<'_, F> {
    type Error = WitnessError;

    fn leaf(&mut self, index: u32) -> Result<Leaf, WitnessError> {
        let leaf = self.reader.take()?;
        let siblings = self.reader.hashes()?;
        self.expect(fold(B256::new(leaf), index.into(), &siblings))?;
        self.opened = Some((index, leaf, siblings));
        Ok(leaf)
    }

    fn set_leaf(&mut self, index: u32, leaf: &Leaf) -> Result<(), WitnessError> {
        let Some((opened, old, mut siblings)) = self.opened else { unreachable!("a leaf is opened before") };
        self.root = if opened == index {
            fold(B256::new(*leaf), index.into(), &siblings)
        } else {
            debug_assert_eq!(opened ^ 1, index);
            siblings[0] = B256::new(*leaf);
            fold(B256::new(old), opened.into(), &siblings)
        };
        Ok(())
    }

    fn leaves(&mut self, index: u32) -> Result<[Leaf; KECCAK_LEAVES], WitnessError> {
        let mut leaves = [[0; LEAF_BYTES]; KECCAK_LEAVES];
        for leaf in &mut leaves {
            *leaf = self.reader.take()?;
        }
        let siblings = self.reader.hashes()?;
        let octet = index / KECCAK_LEAVES as u32;
        self.expect(fold(octet_root(&leaves), octet.into(), &siblings))?;
        self.octet = (octet, siblings);
        Ok(leaves)
    }

    fn set_leaves(&mut self, _index: u32, leaves: &[Leaf; KECCAK_LEAVES]) -> Result<(), WitnessError> {
        let (octet, siblings) = &self.octet;
        self.root = fold(octet_root(leaves), (*octet).into(), siblings);
        Ok(())
    }

    fn part(&mut self, key: OracleKey, offset: u32) -> Result<Part, WitnessError> {
        let part = Part { bytes: self.reader.take()?, length: u32::from_be_bytes(self.reader.take()?) };
        let hash = part_hash(key, offset, &part);
        match (self.stored)(&hash) {
            true => Ok(part),
            false => Err(WitnessError::UnknownPart(hash)),
        }
    }

    fn hint(&mut self, _address: u64, _bytes: u64) {}
}
