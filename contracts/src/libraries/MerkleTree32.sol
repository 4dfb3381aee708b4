// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title MerkleTree32
/// @notice Appends to a binary keccak tree of depth 32 and keeps the root of every size it ever had.
/// @dev The structure is the beacon deposit contract's, without its length mix-in. Leaves not yet
/// there are zero; an inner node is `keccak256(left, right)`. An append writes one branch slot and one
/// root, and reads as many slots as the leaf's index has one bits.
library MerkleTree32 {
    struct Tree {
        uint64 count;
        /// `branch[h]` is the newest complete left subtree of height h.
        bytes32[32] branch;
        /// Root by number of leaves.
        mapping(uint256 count => bytes32) rootAt;
    }

    uint256 internal constant DEPTH = 32;
    uint64 internal constant CAPACITY = type(uint32).max;
    /// @dev Root of the tree with no leaves.
    bytes32 internal constant EMPTY_ROOT =
        0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757;

    error TreeFull();

    /// @dev Records the empty root; once, before the first append.
    function init(Tree storage self) internal {
        self.rootAt[0] = EMPTY_ROOT;
    }

    /// @dev Appends `leaf` and returns the new root.
    function append(Tree storage self, bytes32 leaf) internal returns (bytes32 root) {
        uint64 index = self.count;
        require(index < CAPACITY, TreeFull());
        root = leaf;
        bytes32 zero;
        bool stored;
        for (uint256 height; height < DEPTH; ++height) {
            if ((index >> height) & 1 == 1) {
                root = hashPair(self.branch[height], root);
            } else {
                if (!stored) {
                    self.branch[height] = root;
                    stored = true;
                }
                root = hashPair(root, zero);
            }
            zero = hashPair(zero, zero);
        }
        self.count = index + 1;
        self.rootAt[index + 1] = root;
    }

    /// @dev Parent of two nodes.
    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(left, right));
    }
}
