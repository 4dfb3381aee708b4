// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IClock
/// @notice Tells the time that every L2 deadline is measured with.
/// @dev Predeploy 0xA55A000000000000000000000000000000000001. The protocol, not a transaction,
/// advances it: each block adds `min(elapsed, forceDelay)` to storage slot 0 at its end, so an outage
/// of any length takes at most two force delays off anybody's deadline, and forced transactions that
/// waited during it see the time from before.
interface IClock {
    /// @notice Seconds; the genesis block's timestamp at first, never falls, never ahead of
    /// `block.timestamp`.
    function timestamp() external view returns (uint64);
}
