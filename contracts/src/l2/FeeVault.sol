// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IFeeVault} from "../interfaces/IFeeVault.sol";

/// @title FeeVault
contract FeeVault is IFeeVault {
    /// @inheritdoc IFeeVault
    address public immutable recipient;

    constructor(address recipient_) {
        require(recipient_ != address(0), ZeroRecipient());
        recipient = recipient_;
    }

    /// @notice Anyone may add to the vault.
    receive() external payable {}

    /// @inheritdoc IFeeVault
    function withdraw() external returns (uint256 amount) {
        amount = address(this).balance;
        emit Withdrawn(recipient, msg.sender, amount);
        (bool ok,) = recipient.call{value: amount}("");
        require(ok, PaymentRefused(recipient, amount));
    }
}
