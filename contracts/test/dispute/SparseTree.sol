// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A leaf that is not zero, or zero on purpose.
struct Leaf {
    uint256 index;
    bytes32 value;
}

/// @notice Trees of few leaves, hashed the obvious way.
library SparseTree {
    function root(Leaf[] memory leaves, uint256 depth) internal pure returns (bytes32) {
        return _node(leaves, depth, 0, zeros(depth));
    }

    /// @dev `leaf ‖ siblings` from the leaf up.
    function opening(Leaf[] memory leaves, uint256 depth, uint256 index)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(valueAt(leaves, index), siblings(leaves, depth, index, 0));
    }

    /// @dev Siblings of the node of `height` over leaf `index`, from there up.
    function siblings(Leaf[] memory leaves, uint256 depth, uint256 index, uint256 height)
        internal
        pure
        returns (bytes memory path)
    {
        bytes32[] memory z = zeros(depth);
        for (; height < depth; ++height) {
            path = abi.encodePacked(path, _node(leaves, height, (index >> height) ^ 1, z));
        }
    }

    function valueAt(Leaf[] memory leaves, uint256 index) internal pure returns (bytes32) {
        for (uint256 i; i < leaves.length; ++i) {
            if (leaves[i].index == index) return leaves[i].value;
        }
        return 0;
    }

    /// @dev A copy with leaf `index` set.
    function with(Leaf[] memory leaves, uint256 index, bytes32 value)
        internal
        pure
        returns (Leaf[] memory copy)
    {
        copy = new Leaf[](leaves.length + 1);
        copy[0] = Leaf(index, value); // the first of an index counts
        for (uint256 i; i < leaves.length; ++i) {
            copy[i + 1] = Leaf(leaves[i].index, leaves[i].value);
        }
    }

    /// @dev A copy with `count` bytes from byte address `where` set to the low bytes of `value`, one by one;
    /// they lie in two leaves at most.
    function poke(Leaf[] memory leaves, uint256 where, uint256 count, uint64 value)
        internal
        pure
        returns (Leaf[] memory)
    {
        uint256 last = (where + count - 1) / 32;
        leaves = with(leaves, last, valueAt(leaves, last));
        leaves = with(leaves, where / 32, valueAt(leaves, where / 32));
        for (uint256 i; i < count; ++i) {
            uint256 shift = 248 - 8 * ((where + i) % 32);
            uint256 k = (where + i) / 32 == where / 32 ? 0 : 1;
            uint256 leaf = uint256(leaves[k].value) & ~(uint256(0xff) << shift);
            leaves[k].value = bytes32(leaf | (((uint256(value) >> (8 * i)) & 0xff) << shift));
        }
        return leaves;
    }

    function zeros(uint256 depth) internal pure returns (bytes32[] memory z) {
        z = new bytes32[](depth + 1);
        for (uint256 i; i < depth; ++i) {
            z[i + 1] = keccak256(abi.encodePacked(z[i], z[i]));
        }
    }

    function _node(Leaf[] memory leaves, uint256 height, uint256 index, bytes32[] memory z)
        private
        pure
        returns (bytes32)
    {
        if (height == 0) return valueAt(leaves, index);
        bool isZero = true;
        for (uint256 i; i < leaves.length; ++i) {
            if (leaves[i].index >> height == index) isZero = false;
        }
        if (isZero) return z[height];
        bytes32 left = _node(leaves, height - 1, 2 * index, z);
        return keccak256(abi.encodePacked(left, _node(leaves, height - 1, 2 * index + 1, z)));
    }
}
