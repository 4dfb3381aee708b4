// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title MerklePath
/// @notice Roots of binary keccak trees from one node and its siblings.
/// @dev A leaf is its own 32 bytes, a node is `keccak256(left ‖ right)`. In assembly because a step
/// hashes up to 150 nodes; hashes in the scratch space, so it leaves memory alone.
library MerklePath {
    /// @notice Root of the tree that has `node` at `index` of its level.
    /// @param siblings 32 bytes for each level, from the node up.
    function root(bytes32 node, uint256 index, bytes calldata siblings)
        internal
        pure
        returns (bytes32 result)
    {
        assembly ("memory-safe") {
            result := node
            let from := siblings.offset
            for { let end := add(from, siblings.length) } lt(from, end) { from := add(from, 32) } {
                let side := shl(5, and(index, 1))
                mstore(side, result)
                mstore(xor(side, 32), calldataload(from))
                result := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }

    /// @notice Parent of two nodes.
    function parent(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            result := keccak256(0, 64)
        }
    }

    /// @notice Root of a full tree of eight leaves.
    function root8(bytes32[8] memory leaves) internal pure returns (bytes32) {
        return parent(
            parent(parent(leaves[0], leaves[1]), parent(leaves[2], leaves[3])),
            parent(parent(leaves[4], leaves[5]), parent(leaves[6], leaves[7]))
        );
    }
}
