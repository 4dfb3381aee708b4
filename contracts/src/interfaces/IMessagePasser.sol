// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IMessagePasser
/// @notice Records messages from L2 to L1 where a storage proof can find them.
/// @dev Predeploy 0x4200000000000000000000000000000000000016. Storage layout, event and hash are
/// those of the OP Stack's `L2ToL1MessagePasser` (slot 0 `sentMessages`, slot 1 the nonce), so its
/// tools can read them. The storage root is in every block header as `withdrawalsRoot`.
interface IMessagePasser {
    /// @notice A message was recorded; its `value` is out of L2's supply from now on.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice Ether sent here with no data: a message to the sender itself, with 100,000 gas on L1.
    receive() external payable;

    /// @notice Records a call of `target` on L1 with the ether sent along.
    /// @param target who is called on L1
    /// @param gasLimit least gas of that call
    /// @param data its calldata
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data)
        external
        payable;

    /// @notice Whether a message with this hash was recorded; the hash is
    /// `keccak256(abi.encode(nonce, sender, target, value, gasLimit, data))`.
    function sentMessages(bytes32 withdrawalHash) external view returns (bool);

    /// @notice The next message's nonce; its two top bytes are the version, 1.
    function messageNonce() external view returns (uint256);
}
