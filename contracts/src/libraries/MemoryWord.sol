// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bytes8} from "./Bytes8.sol";

/// @title MemoryWord
/// @notice Little-endian words of 1, 2, 4 or 8 bytes in one leaf of memory, or across two neighbours.
/// @dev A word starts at byte `start < 32` of the first leaf. Bytes past its end lie in the second; if
/// there are none, the second neither matters nor changes. (A shift by 256 gives zero.)
library MemoryWord {
    /// @notice Reads `size` bytes, zero-extended.
    function read(bytes32 first, bytes32 second, uint256 start, uint256 size)
        internal
        pure
        returns (uint64)
    {
        bytes32 window = (first << (8 * start)) | (second >> (256 - 8 * start));
        return uint64(uint256(Bytes8.reverse(window & _mask(size))) >> 192);
    }

    /// @notice Writes the low `size` bytes of `value`.
    function write(bytes32 first, bytes32 second, uint256 start, uint256 size, uint64 value)
        internal
        pure
        returns (bytes32, bytes32)
    {
        bytes32 mask = _mask(size);
        bytes32 word = Bytes8.reverse(bytes32(uint256(value) << 192)) & mask;
        uint256 right = 8 * start;
        uint256 left = 256 - right;
        return
            (
                (first & ~(mask >> right)) | (word >> right),
                (second & ~(mask << left)) | (word << left)
            );
    }

    /// @dev The first `size` bytes.
    function _mask(uint256 size) private pure returns (bytes32) {
        return ~(bytes32(type(uint256).max) >> (8 * size));
    }
}
