// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title OracleKey
/// @notice Keys of the pre-image oracle: a type byte, then the last 31 bytes of a hash.
library OracleKey {
    uint8 internal constant KECCAK = 2;
    uint8 internal constant SHA256 = 4;
    uint8 internal constant BLOB = 5;
    uint8 internal constant PRECOMPILE = 6;

    /// @notice Whether the first byte is a type.
    function isKey(bytes32 key) internal pure returns (bool) {
        uint8 kind = uint8(key[0]);
        return kind == KECCAK || kind == SHA256 || kind == BLOB || kind == PRECOMPILE;
    }

    /// @param hash keccak256 of the value.
    function ofKeccak(bytes32 hash) internal pure returns (bytes32) {
        return _tagged(KECCAK, hash);
    }

    /// @param hash SHA-256 of the value.
    function ofSha256(bytes32 hash) internal pure returns (bytes32) {
        return _tagged(SHA256, hash);
    }

    /// @param index Of a field element, in blob order.
    function ofBlob(bytes32 versionedHash, uint16 index) internal pure returns (bytes32) {
        return _tagged(BLOB, keccak256(abi.encodePacked(versionedHash, index)));
    }

    function ofPrecompile(address precompile, bytes memory input) internal pure returns (bytes32) {
        return _tagged(PRECOMPILE, keccak256(abi.encodePacked(precompile, input)));
    }

    function _tagged(uint8 kind, bytes32 hash) private pure returns (bytes32) {
        return bytes32((uint256(kind) << 248) | (uint256(hash) & type(uint248).max));
    }
}
