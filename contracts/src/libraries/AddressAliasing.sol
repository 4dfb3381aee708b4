// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title AddressAliasing
/// @notice Keeps an L1 contract from acting on L2 as the unrelated account with the same address.
/// @dev The offset is the one Arbitrum and the OP Stack use.
library AddressAliasing {
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @dev L2 address of the L1 contract `account`.
    function toL2(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) + OFFSET);
        }
    }

    /// @dev L1 contract whose L2 address is `account`.
    function toL1(address account) internal pure returns (address) {
        unchecked {
            return address(uint160(account) - OFFSET);
        }
    }

    /// @dev L2 address of the caller: its own when it signed the transaction, aliased otherwise.
    function callerOnL2() internal view returns (address) {
        return msg.sender == tx.origin ? msg.sender : toL2(msg.sender);
    }
}
