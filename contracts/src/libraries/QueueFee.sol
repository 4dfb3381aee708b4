// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title QueueFee
/// @notice Prices the forced queue's gas: EIP-1559 over L1 blocks.
/// @dev A block that took more than `target` gas raises the next block's fee by an eighth of the
/// relative excess (at least 1 wei), one that took less lowers it likewise, never below `floor`. There
/// is no cap on a block's gas, so nobody can close the queue; filling it gets dear instead.
library QueueFee {
    struct Meter {
        /// Wei for each unit of gas in block `blockNumber`.
        uint128 baseFee;
        /// Gas taken in block `blockNumber`.
        uint64 gasUsed;
        uint64 blockNumber;
    }

    uint256 private constant DENOMINATOR = 8;

    /// @dev The fee in the current block.
    function current(Meter memory self, uint256 target, uint256 floor)
        internal
        view
        returns (uint128)
    {
        uint256 elapsed = block.number - self.blockNumber;
        uint256 fee = self.baseFee;
        if (elapsed == 0) return uint128(fee);
        fee = next(fee, self.gasUsed, target, floor);
        // Blocks that took nothing. Ends at the latest after ln(2^128) / ln(8/7) = 665 rounds and the
        // few in which the fee no longer falls.
        for (uint256 i = 1; i < elapsed && fee > floor; ++i) {
            uint256 lower = next(fee, 0, target, floor);
            if (lower == fee) break;
            fee = lower;
        }
        return uint128(fee);
    }

    /// @dev Moves the meter to the current block and takes `gas`. Returns the fee that applied.
    function take(Meter storage self, uint64 gas, uint256 target, uint256 floor)
        internal
        returns (uint128 fee)
    {
        Meter memory meter = self;
        fee = current(meter, target, floor);
        if (meter.blockNumber != block.number) meter.gasUsed = 0;
        meter.baseFee = fee;
        meter.gasUsed += gas;
        meter.blockNumber = uint64(block.number);
        self.baseFee = meter.baseFee;
        self.gasUsed = meter.gasUsed;
        self.blockNumber = meter.blockNumber;
    }

    /// @dev The fee of the block after one with fee `fee` that took `used` gas.
    function next(uint256 fee, uint256 used, uint256 target, uint256 floor)
        internal
        pure
        returns (uint256)
    {
        if (used > target) {
            uint256 rise = fee * (used - target) / target / DENOMINATOR;
            fee += rise == 0 ? 1 : rise;
            return fee > type(uint128).max ? type(uint128).max : fee;
        }
        fee -= fee * (target - used) / target / DENOMINATOR;
        return fee < floor ? floor : fee;
    }
}
