//! Nodes and their encoding (Yellow Paper, appendix D).

use alloc::{boxed::Box, vec::Vec};

use alloy_rlp::{BufMut, Decodable, EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode, TrieNode},
};

/// A child of a branch.
pub(super) type Child = Option<Box<Node>>;

/// A node with what its parent holds of it: its RLP if shorter than 32 bytes, else its hash.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// `None` while the node differs from what was last hashed.
    pub(super) rlp: Option<RlpNode>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Not in memory; `rlp` is its hash.
    Unresolved,
    Leaf {
        path: Nibbles,
        value: Box<[u8]>,
    },
    Extension {
        path: Nibbles,
        child: Box<Node>,
    },
    Branch(Box<[Child; 16]>),
}

impl Node {
    pub(super) fn leaf(path: Nibbles, value: Box<[u8]>) -> Box<Self> {
        Box::new(Self { kind: Kind::Leaf { path, value }, rlp: None })
    }

    pub(super) fn unresolved(rlp: RlpNode) -> Self {
        Self { kind: Kind::Unresolved, rlp: Some(rlp) }
    }

    /// A branch below `path`; without a path the branch alone.
    pub(super) fn branch(path: Nibbles, children: Box<[Child; 16]>) -> Self {
        let branch = Self { kind: Kind::Branch(children), rlp: None };
        Self::extended(path, Box::new(branch))
    }

    /// `child` below `path`: joined with it unless it is a branch.
    pub(super) fn extended(path: Nibbles, child: Box<Self>) -> Self {
        if path.is_empty() {
            return *child;
        }
        let kind = match child.kind {
            Kind::Leaf { path: rest, value } => Kind::Leaf { path: path.join(&rest), value },
            Kind::Extension { path: rest, child } => Kind::Extension { path: path.join(&rest), child },
            Kind::Branch(_) | Kind::Unresolved => Kind::Extension { path, child },
        };
        Self { kind, rlp: None }
    }

    /// Reads a node; children stay unresolved, except those embedded in it.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let node = TrieNode::decode(&mut rest).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let kind = match node {
            TrieNode::EmptyRoot => return None,
            TrieNode::Leaf(leaf) => Kind::Leaf { path: leaf.key, value: leaf.value.into() },
            TrieNode::Extension(extension) => {
                Kind::Extension { path: extension.key, child: Box::new(Self::decode_child(extension.child)?) }
            }
            TrieNode::Branch(branch) => {
                let mut children: Box<[Child; 16]> = Box::default();
                let mut stack = branch.stack.into_iter();
                for (nibble, child) in children.iter_mut().enumerate() {
                    if branch.state_mask.is_bit_set(nibble as u8) {
                        *child = Some(Box::new(Self::decode_child(stack.next()?)?));
                    }
                }
                Kind::Branch(children)
            }
        };
        Some(Self { kind, rlp: Some(RlpNode::from_rlp(bytes)) })
    }

    /// An embedded child is shorter than its parent, so this ends.
    fn decode_child(rlp: RlpNode) -> Option<Self> {
        if rlp.is_hash() { Some(Self::unresolved(rlp)) } else { Self::decode(&rlp) }
    }

    /// What the parent holds, computed where something changed.
    pub(super) fn commit(&mut self, buffer: &mut Vec<u8>) -> &RlpNode {
        if self.rlp.is_none() {
            match &mut self.kind {
                Kind::Extension { child, .. } => {
                    child.commit(buffer);
                }
                Kind::Branch(children) => {
                    for child in children.iter_mut().flatten() {
                        child.commit(buffer);
                    }
                }
                Kind::Leaf { .. } | Kind::Unresolved => {}
            }
            buffer.clear();
            self.encode(buffer);
        }
        self.rlp.get_or_insert_with(|| RlpNode::from_rlp(buffer))
    }

    /// The node's RLP. Its children must be committed, itself not unresolved.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Unresolved => unreachable!("an unresolved node is never encoded"),
            Kind::Leaf { path, value } => LeafNodeRef::new(path, value).encode(out),
            Kind::Extension { path, child } => ExtensionNodeRef::new(path, child.reference()).encode(out),
            Kind::Branch(children) => {
                let length = |child: &Child| child.as_ref().map_or(1, |child| child.reference().len());
                let payload_length = children.iter().map(length).sum::<usize>() + 1;
                Header { list: true, payload_length }.encode(out);
                for child in children.iter() {
                    match child {
                        Some(child) => out.put_slice(child.reference()),
                        None => out.put_u8(EMPTY_STRING_CODE),
                    }
                }
                out.put_u8(EMPTY_STRING_CODE);
            }
        }
    }

    fn reference(&self) -> &RlpNode {
        self.rlp.as_ref().expect("children are committed before their parent")
    }
}
