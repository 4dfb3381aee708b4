// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title PrecompileGas
/// @notice Which precompile calls the oracle replays, and with how much gas.
/// @dev L2's precompiles are Prague's, 0x01 to 0x11. The gas is fixed for each: at least four times L2's
/// dearest price of an admitted input (for MODEXP also above EIP-7883's, which L1 has), so a call that
/// fails does so for its input, not for its gas; and the dearest replay fits a transaction (EIP-7825).
/// L2 refuses what is not admitted here, from genesis; a program never asks for it.
library PrecompileGas {
    /// @dev The result, one byte more, has to fit a value.
    uint256 private constant INPUT_MAX = 65_535;
    /// @dev Pairings: 64 pairs; sums: 128 pairs.
    uint256 private constant BN254_PAIRING_MAX = 64 * 192;
    uint256 private constant G1_SUM_MAX = 128 * 160;
    uint256 private constant G2_SUM_MAX = 128 * 288;
    uint256 private constant PAIRING_MAX = 64 * 384;
    /// @dev MODEXP: any numbers up to 256 bytes, or up to 1024 (EIP-7823) with a short exponent.
    uint256 private constant MODEXP_MAX = 96 + 1024 + 32 + 1024;
    uint256 private constant BLAKE2F_ROUNDS_MAX = 1 << 20;

    /// @notice Most bytes of input, and the gas that a replay forwards; zeros for what is no precompile.
    function limits(address precompile) internal pure returns (uint256 inputMax, uint256 gas) {
        uint256 number = uint160(precompile);
        if (number == 0x01) return (INPUT_MAX, 100_000); // ECRECOVER: 3,000
        if (number == 0x02) return (INPUT_MAX, 100_000); // SHA256: 24,636
        if (number == 0x03) return (INPUT_MAX, 1_000_000); // RIPEMD160: 246,360
        if (number == 0x04) return (INPUT_MAX, 100_000); // IDENTITY: 6,159
        if (number == 0x05) return (MODEXP_MAX, 12_000_000); // MODEXP: 1,392,640, on L1 8,355,840
        if (number == 0x06) return (INPUT_MAX, 100_000); // BN254_ADD: 150
        if (number == 0x07) return (INPUT_MAX, 100_000); // BN254_MUL: 6,000
        if (number == 0x08) return (BN254_PAIRING_MAX, 9_000_000); // BN254_PAIRING: 2,221,000
        if (number == 0x09) return (INPUT_MAX, 4_200_000); // BLAKE2F: 1,048,576
        if (number == 0x0a) return (INPUT_MAX, 200_000); // KZG_POINT_EVALUATION: 50,000
        if (number == 0x0b) return (INPUT_MAX, 100_000); // BLS12_G1ADD: 375
        if (number == 0x0c) return (G1_SUM_MAX, 3_200_000); // BLS12_G1MSM: 797,184
        if (number == 0x0d) return (INPUT_MAX, 100_000); // BLS12_G2ADD: 600
        if (number == 0x0e) return (G2_SUM_MAX, 6_100_000); // BLS12_G2MSM: 1,509,120
        if (number == 0x0f) return (PAIRING_MAX, 8_500_000); // BLS12_PAIRING_CHECK: 2,124,100
        if (number == 0x10) return (INPUT_MAX, 100_000); // BLS12_MAP_FP_TO_G1: 5,500
        if (number == 0x11) return (INPUT_MAX, 100_000); // BLS12_MAP_FP2_TO_G2: 23,800
        return (0, 0);
    }

    /// @notice Whether the work that the input asks for, whatever its size, is bounded by the gas.
    function admits(address precompile, bytes memory input) internal pure returns (bool) {
        if (precompile == address(0x05)) return _admitsModexp(input);
        // BLAKE2F fails unless its input has 213 bytes, which begin with the rounds.
        if (precompile == address(0x09)) {
            return input.length != 213 || uint32(bytes4(input)) <= BLAKE2F_ROUNDS_MAX;
        }
        return true;
    }

    /// @dev The input begins with the lengths of base, exponent and modulus, missing bytes being zero.
    function _admitsModexp(bytes memory input) private pure returns (bool) {
        (uint256 base, uint256 exponent, uint256 modulus) =
            abi.decode(bytes.concat(input, new bytes(96)), (uint256, uint256, uint256));
        uint256 size = base > modulus ? base : modulus;
        return size <= 256 ? exponent <= 256 : size <= 1024 && exponent <= 32;
    }
}
