// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Bytes8
/// @notice RISC-V's memory is little-endian, hashes are big-endian.
library Bytes8 {
    uint256 private constant BYTES =
        0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIRS =
        0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant FOURS =
        0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    /// @dev Each eight bytes from their other end.
    function reverse(bytes32 words) internal pure returns (bytes32) {
        uint256 x = uint256(words);
        x = ((x >> 8) & BYTES) | ((x & BYTES) << 8);
        x = ((x >> 16) & PAIRS) | ((x & PAIRS) << 16);
        return bytes32(((x >> 32) & FOURS) | ((x & FOURS) << 32));
    }

    function reverse(uint64 word) internal pure returns (uint64) {
        return uint64(uint256(reverse(bytes32(uint256(word)))));
    }
}
