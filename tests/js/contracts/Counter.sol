// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the wallet scripts deploy: something to call, to read, to listen to and to be refused by.
contract Counter {
    event Increased(address indexed by, uint256 number);

    error TooLarge(uint256 max, uint256 found);

    uint256 public number;

    constructor(uint256 start) {
        number = start;
    }

    function increase(uint256 by) external {
        require(by <= 100, TooLarge(100, by));
        number += by;
        emit Increased(msg.sender, number);
    }
}
