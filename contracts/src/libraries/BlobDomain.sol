// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title BlobDomain
/// @notice Where a blob's polynomial takes the values that the blob lists (EIP-4844).
library BlobDomain {
    /// @dev Order of the scalar field of BLS12-381.
    uint256 internal constant MODULUS =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 internal constant ELEMENTS = 4096;
    uint256 private constant LOG_ELEMENTS = 12;
    /// @dev A primitive 4096th root of unity: `7^((MODULUS - 1) / 4096)`.
    uint256 private constant ROOT =
        0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306;

    /// @notice The point of field element `index < 4096`: the root of unity to the power of the index
    /// with its 12 bits reversed.
    function point(uint256 index) internal pure returns (uint256 z) {
        z = 1;
        // The lowest bit of the index is the highest of the exponent.
        for (uint256 i; i < LOG_ELEMENTS; ++i) {
            z = mulmod(z, z, MODULUS);
            if ((index >> i) & 1 == 1) z = mulmod(z, ROOT, MODULUS);
        }
    }
}
