// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Parts
/// @notice A value in pieces of 32 bytes, with zeros after its end.
library Parts {
    uint256 internal constant PART_BYTES = 32;
    /// @dev Most bytes of a value.
    uint256 internal constant VALUE_MAX = 65_536;
    /// @dev Highest offset of a part.
    uint256 internal constant OFFSET_MAX = VALUE_MAX - PART_BYTES;

    /// @notice The 32 bytes of `value` from `offset`.
    function partAt(bytes memory value, uint256 offset) internal pure returns (bytes32 part) {
        if (offset >= value.length) return 0;
        uint256 left = value.length - offset;
        assembly ("memory-safe") {
            part := mload(add(add(value, 32), offset))
        }
        if (left < PART_BYTES) part &= ~(bytes32(type(uint256).max) >> (8 * left));
    }

    /// @notice What the oracle stores of a part: everything that a machine learns from it.
    function commit(bytes32 key, uint32 offset, bytes32 part, uint32 length)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(key, offset, part, length));
    }
}
