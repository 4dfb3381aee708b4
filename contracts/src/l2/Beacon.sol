// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {Predeploys} from "../libraries/Predeploys.sol";

/// @title Beacon
contract Beacon is IBeacon {
    /// @inheritdoc IBeacon
    /// @dev Slot 0, read by the protocol.
    bytes32 public latestHash;
    /// @inheritdoc IBeacon
    uint256 public latestNumber;
    mapping(uint256 number => bytes32) private _hashes;

    /// @inheritdoc IBeacon
    function record(uint256 number, bytes32 hash) external {
        require(msg.sender == Predeploys.SYSTEM, NotSystem(Predeploys.SYSTEM, msg.sender));
        require(number > latestNumber, NotNewer(latestNumber, number));
        latestHash = hash;
        latestNumber = number;
        _hashes[number] = hash;
        emit BeaconRecorded(number, hash);
    }

    /// @inheritdoc IBeacon
    function isRecorded(uint256 number) external view returns (bool) {
        return _hashes[number] != 0;
    }

    /// @inheritdoc IBeacon
    function hashOf(uint256 number) external view returns (bytes32 hash) {
        hash = _hashes[number];
        require(hash != 0, NotRecorded(number));
    }
}
