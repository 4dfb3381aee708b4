// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BPS, MEGA_UNIT, Price} from "../types/MarketTypes.sol";

/// @title PriceLib
/// @notice What a price list comes to.
/// @dev Terms are 64 bits, so a total is below 2^130 and no sum here can overflow.
library PriceLib {
    /// @notice Wei for `units` work units and the bytes; part of a million units is rounded down.
    function total(Price memory price, uint64 units, uint64 inputBytes, uint64 outputBytes)
        internal
        pure
        returns (uint256)
    {
        return uint256(price.baseFee) + uint256(units) * price.megaUnit / MEGA_UNIT
            + uint256(inputBytes) * price.inputByte + uint256(outputBytes) * price.outputByte;
    }

    /// @notice `bps` basis points of `amount`, rounded down.
    function share(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return amount * bps / BPS;
    }
}
