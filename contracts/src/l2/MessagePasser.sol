// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMessagePasser} from "../interfaces/IMessagePasser.sol";

/// @title MessagePasser
contract MessagePasser is IMessagePasser {
    /// @notice Version in the two top bytes of a nonce.
    uint16 public constant MESSAGE_VERSION = 1;

    uint256 private constant RECEIVE_GAS = 100_000;

    /// @inheritdoc IMessagePasser
    /// @dev Slot 0: the storage proofs of withdrawals open this mapping.
    mapping(bytes32 withdrawalHash => bool) public sentMessages;
    /// @dev Slot 1.
    uint240 private _nonce;

    /// @inheritdoc IMessagePasser
    receive() external payable {
        _pass(msg.sender, RECEIVE_GAS, "");
    }

    /// @inheritdoc IMessagePasser
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data)
        external
        payable
    {
        _pass(target, gasLimit, data);
    }

    /// @inheritdoc IMessagePasser
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | _nonce;
    }

    function _pass(address target, uint256 gasLimit, bytes memory data) private {
        uint256 nonce = messageNonce();
        bytes32 hash = keccak256(abi.encode(nonce, msg.sender, target, msg.value, gasLimit, data));
        sentMessages[hash] = true;
        unchecked {
            ++_nonce;
        }
        emit MessagePassed(nonce, msg.sender, target, msg.value, gasLimit, data, hash);
    }
}
