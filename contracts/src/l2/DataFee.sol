// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDataFee} from "../interfaces/IDataFee.sol";

/// @title DataFee
contract DataFee is IDataFee {
    /// @inheritdoc IDataFee
    /// @dev Slot 0, written by the protocol.
    uint256 public dataPrice;

    constructor(uint256 initialPrice) {
        dataPrice = initialPrice;
    }

    /// @inheritdoc IDataFee
    function dataFee(uint256 size) external view returns (uint256) {
        return dataPrice * size;
    }
}
