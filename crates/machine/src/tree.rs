//! Binary keccak trees over leaves of 32 bytes.

use alloy_primitives::{B256, b256, keccak256};

/// Levels of the memory tree.
pub const MEMORY_DEPTH: usize = 27;
/// Levels of the code tree.
pub const CODE_DEPTH: usize = 20;
/// Levels within a page.
pub const PAGE_DEPTH: usize = 7;
/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 32;
/// Bytes of a page, the unit in which memory is kept and marked as written.
pub const PAGE_BYTES: usize = LEAF_BYTES << PAGE_DEPTH;

/// The bytes of a page.
pub type Page = [u8; PAGE_BYTES];

/// A page of zeros.
pub(crate) static ZERO_PAGE: Page = [0; PAGE_BYTES];

/// The hash of an inner node.
#[inline]
pub fn node(left: &B256, right: &B256) -> B256 {
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(left.as_slice());
    bytes[32..].copy_from_slice(right.as_slice());
    keccak256(bytes)
}

/// The root over the node `value` at `index` of its level, whose siblings from there upwards are given.
pub fn fold(value: B256, index: u64, siblings: &[B256]) -> B256 {
    siblings.iter().enumerate().fold(value, |value, (level, sibling)| match index >> level & 1 {
        0 => node(&value, sibling),
        _ => node(sibling, &value),
    })
}

/// The root of a page; subtrees of zeros cost nothing.
pub fn page_root(page: &Page) -> B256 {
    page_nodes(page)[1]
}

/// A page's nodes in heap order: the root is entry 1, leaf `i` is entry `128 + i`.
pub(crate) fn page_nodes(page: &Page) -> [B256; 2 << PAGE_DEPTH] {
    let mut nodes = [B256::ZERO; 2 << PAGE_DEPTH];
    for (leaf, bytes) in nodes[1 << PAGE_DEPTH..].iter_mut().zip(page.chunks_exact(LEAF_BYTES)) {
        leaf.copy_from_slice(bytes);
    }
    for height in 1..=PAGE_DEPTH {
        let first = 1 << (PAGE_DEPTH - height);
        for i in first..2 * first {
            let zero = &ZERO_ROOTS[height - 1];
            nodes[i] = match (&nodes[2 * i], &nodes[2 * i + 1]) {
                (left, right) if left == zero && right == zero => ZERO_ROOTS[height],
                (left, right) => node(left, right),
            };
        }
    }
    nodes
}

/// The roots of subtrees of zeros: entry `k` has height `k`.
#[rustfmt::skip]
pub const ZERO_ROOTS: [B256; MEMORY_DEPTH + 1] = [
    b256!("0x0000000000000000000000000000000000000000000000000000000000000000"),
    b256!("0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5"),
    b256!("0xb4c11951957c6f8f642c4af61cd6b24640fec6dc7fc607ee8206a99e92410d30"),
    b256!("0x21ddb9a356815c3fac1026b6dec5df3124afbadb485c9ba5a3e3398a04b7ba85"),
    b256!("0xe58769b32a1beaf1ea27375a44095a0d1fb664ce2dd358e7fcbfb78c26a19344"),
    b256!("0x0eb01ebfc9ed27500cd4dfc979272d1f0913cc9f66540d7e8005811109e1cf2d"),
    b256!("0x887c22bd8750d34016ac3c66b5ff102dacdd73f6b014e710b51e8022af9a1968"),
    b256!("0xffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83"),
    b256!("0x9867cc5f7f196b93bae1e27e6320742445d290f2263827498b54fec539f756af"),
    b256!("0xcefad4e508c098b9a7e1d8feb19955fb02ba9675585078710969d3440f5054e0"),
    b256!("0xf9dc3e7fe016e050eff260334f18a5d4fe391d82092319f5964f2e2eb7c1c3a5"),
    b256!("0xf8b13a49e282f609c317a833fb8d976d11517c571d1221a265d25af778ecf892"),
    b256!("0x3490c6ceeb450aecdc82e28293031d10c7d73bf85e57bf041a97360aa2c5d99c"),
    b256!("0xc1df82d9c4b87413eae2ef048f94b4d3554cea73d92b0f7af96e0271c691e2bb"),
    b256!("0x5c67add7c6caf302256adedf7ab114da0acfe870d449a3a489f781d659e8becc"),
    b256!("0xda7bce9f4e8618b6bd2f4132ce798cdc7a60e7e1460a7299e3c6342a579626d2"),
    b256!("0x2733e50f526ec2fa19a22b31e8ed50f23cd1fdf94c9154ed3a7609a2f1ff981f"),
    b256!("0xe1d3b5c807b281e4683cc6d6315cf95b9ade8641defcb32372f1c126e398ef7a"),
    b256!("0x5a2dce0a8a7f68bb74560f8f71837c2c2ebbcbf7fffb42ae1896f13f7c7479a0"),
    b256!("0xb46a28b6f55540f89444f63de0378e3d121be09e06cc9ded1c20e65876d36aa0"),
    b256!("0xc65e9645644786b620e2dd2ad648ddfcbf4a7e5b1a3a4ecfe7f64667a3f0b7e2"),
    b256!("0xf4418588ed35a2458cffeb39b93d26f18d2ab13bdce6aee58e7b99359ec2dfd9"),
    b256!("0x5a9c16dc00d6ef18b7933a6f8dc65ccb55667138776f7dea101070dc8796e377"),
    b256!("0x4df84f40ae0c8229d0d6069e5c8f39a7c299677a09d367fc7b05e3bc380ee652"),
    b256!("0xcdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef"),
    b256!("0x0abf5ac974a1ed57f4050aa510dd9c74f508277b39d7973bb2dfccc5eeb0618d"),
    b256!("0xb8cd74046ff337f0a7bf2c8e03e10f642c1886798d71806ab1e888d9e5ee87d0"),
    b256!("0x838c5655cb21c6cb83313b5a631175dff4963772cce9108188b34ac87c81c41e"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_roots_are_hashes_of_each_other() {
        assert_eq!(ZERO_ROOTS[0], B256::ZERO);
        for pair in ZERO_ROOTS.windows(2) {
            assert_eq!(node(&pair[0], &pair[0]), pair[1]);
        }
        assert_eq!(page_root(&ZERO_PAGE), ZERO_ROOTS[PAGE_DEPTH]);
    }

    #[test]
    fn a_leaf_folds_to_its_page() {
        let mut page = ZERO_PAGE;
        page[37 * 32 + 5] = 1;
        let nodes = page_nodes(&page);
        let siblings: [B256; PAGE_DEPTH] = core::array::from_fn(|level| nodes[((128 + 37) >> level) ^ 1]);
        assert_eq!(fold(nodes[128 + 37], 37, &siblings), page_root(&page));
        assert_ne!(page_root(&page), ZERO_ROOTS[PAGE_DEPTH]);
    }
}
