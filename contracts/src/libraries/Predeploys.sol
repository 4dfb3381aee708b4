// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Predeploys
/// @notice Addresses that exist on L2 from its genesis.
library Predeploys {
    /// @dev The protocol itself as a caller; no key signs for it.
    address internal constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    address internal constant FEE_VAULT = 0x4200000000000000000000000000000000000011;
    address internal constant MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;
    address internal constant CLOCK = 0xA55A000000000000000000000000000000000001;
    address internal constant BEACON = 0xa55a000000000000000000000000000000000002;
    address internal constant DATA_FEE = 0xa55a000000000000000000000000000000000003;
    address internal constant REGISTRY = 0xA55a000000000000000000000000000000000010;
    address internal constant MARKET = 0xA55A000000000000000000000000000000000011;
}
