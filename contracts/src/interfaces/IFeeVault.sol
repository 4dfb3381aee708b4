// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IFeeVault
/// @notice Collects base fees, priority fees and data fees, and pays them to one recipient.
/// @dev Predeploy 0x4200000000000000000000000000000000000011: the coinbase of every block.
interface IFeeVault {
    /// @notice `amount` wei went to `recipient`; `caller` asked for it.
    event Withdrawn(address indexed recipient, address indexed caller, uint256 amount);

    /// @notice The recipient refused `amount` wei; nothing moved.
    error PaymentRefused(address recipient, uint256 amount);
    /// @notice A vault needs somebody to pay.
    error ZeroRecipient();

    /// @notice Sends the whole balance to the recipient. Anyone may call; only the recipient gains.
    function withdraw() external returns (uint256 amount);

    /// @notice Who is paid; fixed at genesis.
    function recipient() external view returns (address);
}
