//! Histories: 16-ary trees over the states after each stride.
//!
//! A leaf is the state after one stride. An inner node is `keccak(level, height, (E_0, R_0), ..., (E_15, R_15))`, level and height as
//! 32-byte words; its end is `E_15`. A leaf's root is [`LEAF_ROOT`].

use alloc::{vec, vec::Vec};
use alloy_primitives::{B256, U256, b256, keccak256};

/// Children of an inner node.
pub const ARITY: usize = 16;

/// The root of every leaf: `keccak256("assay.history.leaf")`.
pub const LEAF_ROOT: B256 = b256!("0x789932fb125f61f6531fc29d8d338deefa4c3f2c966146212179d16196802a43");

/// End state and history root of a claim.
pub type Child = (B256, B256);

/// The sixteen children of an opened claim.
pub type Children = [Child; ARITY];

/// States that are no history of the height asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No state at all: even a history that stands still has an end.
    #[error("a history needs at least one state")]
    Empty,
    /// More states than strides.
    #[error("{found} states, a history of height {height} has {max}")]
    TooLong {
        /// The height.
        height: u32,
        /// States given.
        found: usize,
        /// Strides of that height.
        max: u64,
    },
}

/// The history of one claim, with every node that its changing part needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    level: u32,
    height: u32,
    /// Nodes by height, leaves first: those left of where the state stops changing, then the rest are `still`.
    nodes: Vec<Vec<Child>>,
    /// The node of each height whose every stride ends in the last state.
    still: Vec<Child>,
}

impl History {
    /// The history of `16^height` strides of `level` with these end states; after the last one the state stays.
    ///
    /// Cost: one hash of 1,088 bytes for each 15 states, and `height` more.
    pub fn new(level: u32, height: u32, ends: &[B256]) -> Result<Self, HistoryError> {
        let Some(last) = ends.last() else { return Err(HistoryError::Empty) };
        let max = 16u64.saturating_pow(height);
        if ends.len() as u64 > max {
            return Err(HistoryError::TooLong { height, found: ends.len(), max });
        }
        let mut still = vec![(*last, LEAF_ROOT)];
        let mut nodes = vec![ends.iter().map(|end| (*end, LEAF_ROOT)).collect::<Vec<Child>>()];
        for above in 1..=height {
            let (below, tail) = (&nodes[above as usize - 1], still[above as usize - 1]);
            let parents = below.chunks(ARITY).map(|group| {
                let children: Children = core::array::from_fn(|i| group.get(i).copied().unwrap_or(tail));
                (children[ARITY - 1].0, Self::node(level, above, &children))
            });
            let parents = parents.collect();
            still.push((*last, Self::node(level, above, &[tail; ARITY])));
            nodes.push(parents);
        }
        Ok(Self { level, height, nodes, still })
    }

    /// The hash of an inner node of `height`.
    pub fn node(level: u32, height: u32, children: &Children) -> B256 {
        let mut bytes = Vec::with_capacity(64 + 64 * ARITY);
        bytes.extend_from_slice(&U256::from(level).to_be_bytes::<32>());
        bytes.extend_from_slice(&U256::from(height).to_be_bytes::<32>());
        for (end, root) in children {
            bytes.extend_from_slice(end.as_slice());
            bytes.extend_from_slice(root.as_slice());
        }
        keccak256(bytes)
    }

    /// The level.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// The height.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// End state and root.
    pub fn claim(&self) -> Child {
        self.at(self.height, 0)
    }

    /// The children of the claim at `path`: the child taken at each height, from the root on. `None` if the path is longer than
    /// the tree is high, or takes a child that does not exist; a leaf has no children.
    pub fn open(&self, path: &[u8]) -> Option<Children> {
        let height = self.height.checked_sub(u32::try_from(path.len()).ok()? + 1)?;
        let mut index = 0u64;
        for child in path {
            if usize::from(*child) >= ARITY {
                return None;
            }
            index = index * ARITY as u64 + u64::from(*child);
        }
        Some(core::array::from_fn(|i| self.at(height, index * ARITY as u64 + i as u64)))
    }

    fn at(&self, height: u32, index: u64) -> Child {
        let known = &self.nodes[height as usize];
        usize::try_from(index)
            .ok()
            .and_then(|index| known.get(index))
            .copied()
            .unwrap_or(self.still[height as usize])
    }
}

/// The first child in which two openings of rivals differ: where the dispute goes on.
pub fn first_difference(a: &Children, b: &Children) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(number: u64) -> B256 {
        keccak256(number.to_be_bytes())
    }

    /// The definition, from all `16^height` states.
    fn slow(level: u32, height: u32, ends: &[B256]) -> Child {
        if height == 0 {
            return (ends[0], LEAF_ROOT);
        }
        let children: Vec<Child> =
            ends.chunks(ends.len() / 16).map(|part| slow(level, height - 1, part)).collect();
        let words = |number: u32| U256::from(number).to_be_bytes::<32>();
        let mut bytes = [words(level), words(height)].concat();
        children.iter().for_each(|(end, root)| bytes.extend([end.0, root.0].concat()));
        (children[15].0, keccak256(bytes))
    }

    #[test]
    fn the_leaf_root_is_the_hash_of_its_name() {
        assert_eq!(LEAF_ROOT, keccak256("assay.history.leaf"));
    }

    #[test]
    fn level_and_height_are_in_the_root() {
        let ends = [state(1)];
        let roots = [(0, 1), (1, 1), (0, 2)]
            .map(|(level, height)| History::new(level, height, &ends).unwrap().claim());
        assert_ne!(roots[0], roots[1]);
        assert_ne!(roots[0], roots[2]);
    }

    #[test]
    fn refuses_what_is_no_history() {
        assert_eq!(History::new(0, 1, &[]), Err(HistoryError::Empty));
        let ends: Vec<B256> = (0..17).map(state).collect();
        assert_eq!(History::new(0, 1, &ends), Err(HistoryError::TooLong { height: 1, found: 17, max: 16 }));
        assert!(History::new(0, 2, &ends).is_ok());
    }

    #[test]
    fn opening_stops_at_the_leaves() {
        let history = History::new(0, 2, &[state(1), state(2)]).unwrap();
        assert!(history.open(&[15]).is_some());
        assert_eq!(history.open(&[16]), None);
        assert_eq!(history.open(&[0, 0]), None);
        assert_eq!(History::new(0, 0, &[state(1)]).unwrap().open(&[]), None);
    }

    #[test]
    fn a_whole_epoch_that_soon_stands_still_is_cheap() {
        let ends: Vec<B256> = (0..100).map(state).collect();
        let history = History::new(0, 4, &ends).unwrap();
        let nodes: usize = history.nodes.iter().map(Vec::len).sum();
        assert!(nodes < 120, "{nodes}");
        assert_eq!(history.claim().0, state(99));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_the_definition(count in 1usize..4097, level in 0u32..4) {
            let mut ends: Vec<B256> = (0..count as u64).map(state).collect();
            let history = History::new(level, 3, &ends).unwrap();
            ends.resize(4096, state(count as u64 - 1));
            prop_assert_eq!(history.claim(), slow(level, 3, &ends));
        }

        /// Opening two rivals down to a leaf always ends at the first stride in which they differ.
        #[test]
        fn bisection_finds_the_first_difference(count in 2usize..4097, at in any::<prop::sample::Index>(), from in 0u64..3) {
            let truth: Vec<B256> = (0..count as u64).map(state).collect();
            let at = at.index(count);
            let mut lie = truth.clone();
            lie[at..].iter_mut().zip(from..).for_each(|(end, i)| *end = state(1_000_000 + i));
            let (truth, lie) = (History::new(2, 3, &truth).unwrap(), History::new(2, 3, &lie).unwrap());
            let mut path = vec![];
            for height in (0..3).rev() {
                let (a, b) = (truth.open(&path).unwrap(), lie.open(&path).unwrap());
                prop_assert_eq!(History::node(2, height + 1, &a) == History::node(2, height + 1, &b), false);
                path.push(first_difference(&a, &b).unwrap() as u8);
            }
            let index = path.iter().fold(0usize, |index, child| index * 16 + usize::from(*child));
            prop_assert_eq!(index, at);
        }
    }
}
