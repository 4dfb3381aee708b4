//! The inbox's Merkle trees: binary, keccak, append-only, depth 32, as the beacon deposit contract
//! keeps them, without mixing in the count (the inbox stores it beside the root).

use alloy_primitives::{B256, keccak256};

/// Levels between the root and a leaf.
pub const TREE_DEPTH: usize = 32;

/// A tree with no room left: 2^32 - 1 leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree holds 2^32 - 1 leaves, no more fit")]
pub struct TreeFull;

/// An append-only tree kept as its right edge: 32 hashes and a count.
///
/// Equals `Inbox`'s trees leaf by leaf, root by root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleTree32 {
    branch: [B256; TREE_DEPTH],
    count: u64,
}

impl Default for MerkleTree32 {
    fn default() -> Self {
        Self { branch: [B256::ZERO; TREE_DEPTH], count: 0 }
    }
}

/// The hash of an inner node.
pub(crate) fn node(left: B256, right: B256) -> B256 {
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(left.as_slice());
    bytes[32..].copy_from_slice(right.as_slice());
    keccak256(bytes)
}

impl MerkleTree32 {
    /// Restores a tree from what [`Self::branch`] and [`Self::count`] gave.
    pub fn from_parts(branch: [B256; TREE_DEPTH], count: u64) -> Self {
        Self { branch, count }
    }

    /// How many leaves were appended.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The right edge, lowest level first; entries of levels that the count does not use are stale.
    pub fn branch(&self) -> &[B256; TREE_DEPTH] {
        &self.branch
    }

    /// Appends a leaf. Errors when the tree is full.
    pub fn append(&mut self, leaf: B256) -> Result<(), TreeFull> {
        if self.count >= u64::from(u32::MAX) {
            return Err(TreeFull);
        }
        self.count += 1;
        let mut hash = leaf;
        let mut size = self.count;
        for slot in &mut self.branch {
            if size & 1 == 1 {
                *slot = hash;
                return Ok(());
            }
            hash = node(*slot, hash);
            size >>= 1;
        }
        Err(TreeFull)
    }

    /// The root of the zero-padded tree. 32 hashes.
    pub fn root(&self) -> B256 {
        let mut hash = B256::ZERO;
        let mut zero = B256::ZERO;
        let mut size = self.count;
        for slot in &self.branch {
            hash = if size & 1 == 1 { node(*slot, hash) } else { node(hash, zero) };
            zero = node(zero, zero);
            size >>= 1;
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};
    use alloy_primitives::b256;
    use proptest::prelude::*;

    /// The root computed from all leaves, level by level.
    fn slow_root(leaves: &[B256]) -> B256 {
        let mut level: Vec<B256> = leaves.to_vec();
        let mut zero = B256::ZERO;
        for _ in 0..TREE_DEPTH {
            if level.len() % 2 == 1 {
                level.push(zero);
            }
            level = level.chunks(2).map(|pair| node(pair[0], pair[1])).collect();
            zero = node(zero, zero);
        }
        level.first().copied().unwrap_or(zero)
    }

    #[test]
    fn empty_root_is_the_known_constant() {
        // The root of 2^32 zero leaves, also in every zkSync- and Hyperlane-style keccak tree.
        let empty = b256!("0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757");
        assert_eq!(MerkleTree32::default().root(), empty);
    }

    #[test]
    fn a_full_tree_refuses_leaves() {
        let mut tree = MerkleTree32::from_parts([B256::ZERO; 32], u64::from(u32::MAX) - 1);
        assert_eq!(tree.append(B256::ZERO), Ok(()));
        assert_eq!(tree.append(B256::ZERO), Err(TreeFull));
    }

    proptest! {
        #[test]
        fn equals_the_slow_tree(leaves in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
            let leaves: Vec<B256> = leaves.into_iter().map(B256::from).collect();
            let mut tree = MerkleTree32::default();
            let mut seen = vec![];
            for leaf in &leaves {
                prop_assert_eq!(tree.root(), slow_root(&seen));
                tree.append(*leaf).unwrap();
                seen.push(*leaf);
            }
            prop_assert_eq!(tree.root(), slow_root(&seen));
            let back = MerkleTree32::from_parts(*tree.branch(), tree.count());
            prop_assert_eq!(back, tree);
        }
    }
}
