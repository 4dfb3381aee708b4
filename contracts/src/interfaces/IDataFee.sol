// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IDataFee
/// @notice Tells what a byte of transaction data costs on top of L2 gas.
/// @dev Predeploy 0xA55A000000000000000000000000000000000003. Slot 0 is the price; the protocol
/// writes it at the end of each block, within an eighth of the old one and the configured bounds.
interface IDataFee {
    /// @notice Wei for each byte of a transaction's signed encoding, in the current block.
    function dataPrice() external view returns (uint256);

    /// @notice Wei that a transaction of `size` bytes pays before it runs; never refunded.
    function dataFee(uint256 size) external view returns (uint256);
}
