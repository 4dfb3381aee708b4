// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IBeacon
/// @notice Keeps hashes of L1 blocks: randomness nobody on L2 can choose.
/// @dev Predeploy 0xA55A000000000000000000000000000000000002. Storage is read by the protocol:
/// slot 0 is the last recorded hash (the next block's `prevrandao`), slot 1 its number, slot 2 the
/// mapping from number to hash. The Inbox's `recordBeacon` sends the hash through the forced queue.
interface IBeacon {
    /// @notice An L1 block hash arrived.
    event BeaconRecorded(uint256 indexed number, bytes32 hash);

    /// @notice Only the protocol's system address may record.
    error NotSystem(address expected, address found);
    /// @notice A record must be newer than the last one.
    error NotNewer(uint256 last, uint256 found);
    /// @notice No hash of this L1 block was ever brought.
    error NotRecorded(uint256 number);

    /// @notice Stores the hash of L1 block `number`. Called by a forced entry of kind 2 only.
    function record(uint256 number, bytes32 hash) external;

    /// @notice The newest recorded hash; zero before the first.
    function latestHash() external view returns (bytes32);

    /// @notice The number of the newest recorded L1 block; zero before the first.
    function latestNumber() external view returns (uint256);

    /// @notice Whether the hash of L1 block `number` is known.
    function isRecorded(uint256 number) external view returns (bool);

    /// @notice The hash of L1 block `number`; reverts `NotRecorded` when unknown, so that a missing
    /// seed can never be taken for a seed of zero.
    function hashOf(uint256 number) external view returns (bytes32);
}
