//! One trie: get, insert, remove, root.

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

use super::{
    NodeSource, TrieError,
    node::{Child, Kind, Node},
};

/// A Merkle-Patricia trie with 32-byte keys, of which only the touched part is in memory.
///
/// The owner of a trie gives every call the same source, which must answer for all nodes of the
/// root it started from. The structure is canonical at all times, whatever the order of changes.
#[derive(Clone, Debug, Default)]
pub struct Trie {
    owner: Option<B256>,
    root: Child,
}

enum Removed {
    Nothing,
    Something,
    Everything,
}

impl Trie {
    /// The empty trie; `owner` as in [`NodeSource::node`].
    pub const fn empty(owner: Option<B256>) -> Self {
        Self { owner, root: None }
    }

    /// The trie with that root.
    pub fn from_root(owner: Option<B256>, root: B256) -> Self {
        if root == EMPTY_ROOT_HASH {
            return Self::empty(owner);
        }
        Self { owner, root: Some(Box::new(Node::unresolved(RlpNode::word_rlp(&root)))) }
    }

    /// Whether it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The value under `key`.
    pub fn get<S: NodeSource>(&mut self, key: B256, source: &S) -> Result<Option<&[u8]>, TrieError> {
        let key = Nibbles::unpack(key);
        let mut depth = 0;
        let mut next = self.root.as_deref_mut();
        while let Some(node) = next {
            resolve(node, self.owner, &key, depth, source)?;
            match &mut node.kind {
                Kind::Unresolved => return Ok(None),
                Kind::Leaf { path, value } => {
                    return Ok((key.slice(depth..) == *path).then_some(&**value));
                }
                Kind::Extension { path, child } => {
                    if !key.slice(depth..).starts_with(path) {
                        return Ok(None);
                    }
                    depth += path.len();
                    next = Some(child);
                }
                Kind::Branch(children) => {
                    let Some(nibble) = key.get(depth) else { return Ok(None) };
                    depth += 1;
                    next = children[usize::from(nibble)].as_deref_mut();
                }
            }
        }
        Ok(None)
    }

    /// Sets the value under `key`.
    pub fn insert<S: NodeSource>(&mut self, key: B256, value: &[u8], source: &S) -> Result<(), TrieError> {
        let cursor = Cursor { owner: self.owner, key: Nibbles::unpack(key), source };
        cursor.insert_child(&mut self.root, 0, value).map(|_| ())
    }

    /// Removes `key` if it is there.
    pub fn remove<S: NodeSource>(&mut self, key: B256, source: &S) -> Result<(), TrieError> {
        let cursor = Cursor { owner: self.owner, key: Nibbles::unpack(key), source };
        if let Some(node) = self.root.as_deref_mut()
            && matches!(cursor.remove(node, 0)?, Removed::Everything)
        {
            self.root = None;
        }
        Ok(())
    }

    /// The root, hashing what changed since the last call.
    pub fn root(&mut self) -> B256 {
        let Some(node) = self.root.as_deref_mut() else { return EMPTY_ROOT_HASH };
        let rlp = node.commit(&mut Vec::with_capacity(600));
        rlp.as_hash().unwrap_or_else(|| keccak256(rlp))
    }

    /// The RLP of the nodes from the root toward `key`, without embedded ones: a proof of the
    /// value under it, or of its absence.
    pub fn prove<S: NodeSource>(&mut self, key: B256, source: &S) -> Result<Vec<Bytes>, TrieError> {
        self.root();
        self.get(key, source)?;
        let key = Nibbles::unpack(key);
        let mut proof = Vec::new();
        let mut depth = 0;
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            if depth == 0 || node.rlp.as_ref().is_some_and(RlpNode::is_hash) {
                proof.push(encoded(node));
            }
            (next, depth) = step(node, &key, depth);
        }
        Ok(proof)
    }

    /// The RLP of the node at `path`, if it is in memory and hashed.
    pub(super) fn node_at(&self, path: &Nibbles) -> Option<Bytes> {
        let mut depth = 0;
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            if depth == path.len() {
                let known = node.rlp.is_some() && !matches!(node.kind, Kind::Unresolved);
                return known.then(|| encoded(node));
            }
            (next, depth) = step(node, path, depth);
        }
        None
    }
}

/// The next node toward `key`.
fn step<'a>(node: &'a Node, key: &Nibbles, depth: usize) -> (Option<&'a Node>, usize) {
    match &node.kind {
        Kind::Unresolved | Kind::Leaf { .. } => (None, depth),
        Kind::Extension { path, child } => {
            let toward = key.slice(depth..).starts_with(path);
            (toward.then_some(&**child), depth + path.len())
        }
        Kind::Branch(children) => {
            let child = key.get(depth).and_then(|nibble| children[usize::from(nibble)].as_deref());
            (child, depth + 1)
        }
    }
}

fn encoded(node: &Node) -> Bytes {
    let mut out = Vec::with_capacity(600);
    node.encode(&mut out);
    out.into()
}

fn resolve<S: NodeSource>(
    node: &mut Node,
    owner: Option<B256>,
    key: &Nibbles,
    depth: usize,
    source: &S,
) -> Result<(), TrieError> {
    if !matches!(node.kind, Kind::Unresolved) {
        return Ok(());
    }
    let hash = node.rlp.as_ref().and_then(RlpNode::as_hash).expect("an unresolved node is a hash");
    let path = key.slice(..depth);
    let bytes = source.node(owner, &path, hash).ok_or(TrieError::MissingNode { hash, path })?;
    let kind = Node::decode(&bytes).ok_or(TrieError::MalformedNode(hash))?.kind;
    node.kind = kind;
    Ok(())
}

/// One change of one key.
struct Cursor<'a, S> {
    owner: Option<B256>,
    key: Nibbles,
    source: &'a S,
}

impl<S: NodeSource> Cursor<'_, S> {
    fn insert_child(&self, child: &mut Child, depth: usize, value: &[u8]) -> Result<bool, TrieError> {
        match child {
            Some(node) => self.insert(node, depth, value),
            None => {
                *child = Some(Node::leaf(self.key.slice(depth..), value.into()));
                Ok(true)
            }
        }
    }

    /// Returns whether anything changed.
    fn insert(&self, node: &mut Node, depth: usize, value: &[u8]) -> Result<bool, TrieError> {
        resolve(node, self.owner, &self.key, depth, self.source)?;
        let rest = self.key.slice(depth..);
        let changed = match &mut node.kind {
            Kind::Unresolved => false,
            Kind::Leaf { path, value: old } if *path == rest => {
                let changed = **old != *value;
                *old = value.into();
                changed
            }
            Kind::Leaf { path, value: old } => {
                let (path, old) = (*path, core::mem::take(old));
                let common = path.common_prefix_length(&rest);
                let mut children: Box<[Child; 16]> = Box::default();
                children[nibble(&path, common)] = Some(Node::leaf(path.slice(common + 1..), old));
                children[nibble(&rest, common)] = Some(Node::leaf(rest.slice(common + 1..), value.into()));
                *node = Node::branch(rest.slice(..common), children);
                true
            }
            Kind::Extension { path, child } if rest.starts_with(path) => {
                self.insert(child, depth + path.len(), value)?
            }
            Kind::Extension { .. } => {
                let kind = core::mem::replace(&mut node.kind, Kind::Unresolved);
                let Kind::Extension { path, child } = kind else { unreachable!("matched above") };
                let common = path.common_prefix_length(&rest);
                let mut children: Box<[Child; 16]> = Box::default();
                let below = Node::extended(path.slice(common + 1..), child);
                children[nibble(&path, common)] = Some(Box::new(below));
                children[nibble(&rest, common)] = Some(Node::leaf(rest.slice(common + 1..), value.into()));
                *node = Node::branch(rest.slice(..common), children);
                true
            }
            Kind::Branch(children) => self.insert_child(&mut children[nibble(&rest, 0)], depth + 1, value)?,
        };
        if changed {
            node.rlp = None;
        }
        Ok(changed)
    }

    fn remove(&self, node: &mut Node, depth: usize) -> Result<Removed, TrieError> {
        resolve(node, self.owner, &self.key, depth, self.source)?;
        let rest = self.key.slice(depth..);
        match &mut node.kind {
            Kind::Unresolved => Ok(Removed::Nothing),
            Kind::Leaf { path, .. } => Ok(if *path == rest { Removed::Everything } else { Removed::Nothing }),
            Kind::Extension { path, child } => {
                if !rest.starts_with(path) {
                    return Ok(Removed::Nothing);
                }
                let removed = self.remove(child, depth + path.len())?;
                if matches!(removed, Removed::Something) {
                    let kind = core::mem::replace(&mut node.kind, Kind::Unresolved);
                    let Kind::Extension { path, child } = kind else { unreachable!("matched above") };
                    *node = Node::extended(path, child);
                }
                Ok(removed)
            }
            Kind::Branch(children) => {
                let slot = &mut children[nibble(&rest, 0)];
                let Some(child) = slot.as_deref_mut() else { return Ok(Removed::Nothing) };
                match self.remove(child, depth + 1)? {
                    Removed::Nothing => return Ok(Removed::Nothing),
                    Removed::Something => {}
                    Removed::Everything => *slot = None,
                }
                node.rlp = None;
                self.collapse(node, depth)
            }
        }
    }

    /// A branch with one child left is not a branch.
    fn collapse(&self, node: &mut Node, depth: usize) -> Result<Removed, TrieError> {
        let Kind::Branch(children) = &mut node.kind else { return Ok(Removed::Something) };
        let mut left = children.iter_mut().enumerate().filter(|(_, child)| child.is_some());
        let Some((index, only)) = left.next() else { return Ok(Removed::Everything) };
        if left.next().is_some() {
            return Ok(Removed::Something);
        }
        let mut path = self.key.slice(..depth);
        path.push(index as u8);
        let Some(mut only) = only.take() else { return Ok(Removed::Everything) };
        resolve(&mut only, self.owner, &path, depth + 1, self.source)?;
        *node = Node::extended(path.slice(depth..), only);
        Ok(Removed::Something)
    }
}

/// Keys all have 64 nibbles, so two that differ do so before either ends.
fn nibble(path: &Nibbles, index: usize) -> usize {
    usize::from(path.get(index).expect("keys have equal lengths"))
}
