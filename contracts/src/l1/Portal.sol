// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "../interfaces/IInbox.sol";
import {IPortal} from "../interfaces/IPortal.sol";
import {AddressAliasing} from "../libraries/AddressAliasing.sol";

/// @title Portal
contract Portal is IPortal {
    /// @notice L2 gas of a plain ether deposit.
    uint64 public constant RECEIVE_GAS = 100_000;

    uint256 private constant EVENT_VERSION = 0;

    /// @inheritdoc IPortal
    IInbox public immutable inbox;

    constructor(IInbox inbox_) {
        address expected = inbox_.portal();
        require(expected == address(this), WrongInbox(expected, address(this)));
        inbox = inbox_;
    }

    /// @inheritdoc IPortal
    receive() external payable {
        uint256 fee = depositFee(RECEIVE_GAS);
        require(msg.value >= fee, InsufficientFee(fee, msg.value));
        _deposit(msg.sender, msg.value - fee, RECEIVE_GAS, false, "", fee);
    }

    /// @inheritdoc IPortal
    function depositTransaction(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external payable {
        uint256 fee = depositFee(gasLimit);
        require(msg.value >= fee, InsufficientFee(fee, msg.value));
        require(!isCreation || to == address(0), CreationWithTarget(to));
        uint64 min = minimumGasLimit(uint64(data.length));
        require(gasLimit >= min, GasLimitTooLow(min, gasLimit));
        _deposit(to, value, gasLimit, isCreation, data, fee);
    }

    /// @inheritdoc IPortal
    function depositFee(uint64 gasLimit) public view returns (uint256) {
        return gasLimit * inbox.queueBaseFee();
    }

    /// @inheritdoc IPortal
    function minimumGasLimit(uint64 byteCount) public pure returns (uint64) {
        return byteCount * 40 + 21_000;
    }

    function _deposit(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes memory data,
        uint256 fee
    ) private {
        address from = AddressAliasing.callerOnL2();
        uint256 mint = msg.value - fee;
        emit TransactionDeposited(
            from, to, EVENT_VERSION, abi.encodePacked(mint, value, gasLimit, isCreation, data)
        );
        inbox.enqueue{value: fee}(from, mint, value, gasLimit, isCreation, to, data);
    }
}
