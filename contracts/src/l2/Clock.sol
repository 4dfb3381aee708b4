// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IClock} from "../interfaces/IClock.sol";

/// @title Clock
contract Clock is IClock {
    /// @inheritdoc IClock
    /// @dev Slot 0, written by the protocol.
    uint64 public timestamp;

    constructor(uint64 genesisTime) {
        timestamp = genesisTime;
    }
}
