// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../interfaces/IMarket.sol";
import {
    Audience,
    BPS,
    CLASS_PROVEN,
    LOCATOR_BYTES_MAX,
    MarketParams,
    Order,
    REPLICAS_MAX,
    Window,
    Windows
} from "../types/MarketTypes.sol";

/// @title OrderRules
/// @notice What an order and the market's parameters must be like.
library OrderRules {
    /// @notice Reverts unless the order can be posted.
    function check(Order memory order, MarketParams memory params) internal pure {
        require(order.class == CLASS_PROVEN, IMarket.UnknownClass(CLASS_PROVEN, order.class));
        require(
            order.replicas >= 1 && order.replicas <= REPLICAS_MAX,
            IMarket.ReplicasOutOfRange(1, REPLICAS_MAX, order.replicas)
        );
        require(
            order.maxUnits >= 1 && order.maxUnits <= params.unitsMax,
            IMarket.UnitsOutOfRange(1, params.unitsMax, order.maxUnits)
        );
        require(order.imageId != bytes32(0), IMarket.NoImage());
        require(order.planRoot != bytes32(0), IMarket.NoPlan());
        require(order.audience != Audience.None, IMarket.NoAudience());
        require(
            order.locator.length <= LOCATOR_BYTES_MAX,
            IMarket.LocatorTooLong(LOCATOR_BYTES_MAX, order.locator.length)
        );
        checkWindows(order.windows, params);
    }

    /// @notice Reverts unless every window lies within its bounds.
    function checkWindows(Windows memory windows, MarketParams memory params) internal pure {
        _check(Window.Match, params.matchSecsMin, params.matchSecsMax, windows.matchSecs);
        _check(Window.Ack, params.ackSecsMin, params.ackSecsMax, windows.ackSecs);
        _check(Window.Run, params.runSecsMin, params.runSecsMax, windows.runSecs);
        _check(Window.Reveal, params.revealSecsMin, params.revealSecsMax, windows.revealSecs);
        _check(
            Window.Challenge,
            params.challengeSecsMin,
            params.challengeSecsMax,
            windows.challengeSecs
        );
    }

    /// @notice Wei an order must bring: every replica at the cap with all of its fuel used.
    function escrow(Order memory order) internal pure returns (uint256) {
        return order.replicas * order.cap.total(order.maxUnits, order.inputBytes, order.outputBytes);
    }

    /// @notice Reverts unless the parameters agree with one another.
    function checkParams(MarketParams memory params) internal pure {
        _check("bondWei", params.minStakeWei, params.bondWei);
        _check("unitsMax", type(uint64).max, params.unitsMax);
        require(
            params.killFeeBps <= BPS, IMarket.BadParameter("killFeeBps", BPS, params.killFeeBps)
        );
        require(
            params.compensationBps <= BPS,
            IMarket.BadParameter("compensationBps", BPS, params.compensationBps)
        );
        _check("matchSecsMin", params.matchSecsMax, params.matchSecsMin);
        _check("ackSecsMin", params.ackSecsMax, params.ackSecsMin);
        _check("runSecsMin", params.runSecsMax, params.runSecsMin);
        _check("revealSecsMin", params.revealSecsMax, params.revealSecsMin);
        _check("challengeSecsMin", params.challengeSecsMax, params.challengeSecsMin);
        require(
            params.resolveTimeoutSecs >= params.challengeSecsMin,
            IMarket.BadParameter(
                "resolveTimeoutSecs", params.challengeSecsMin, params.resolveTimeoutSecs
            )
        );
    }

    /// @dev `value` must lie in [1, max].
    function _check(bytes32 name, uint256 max, uint256 value) private pure {
        require(value >= 1 && value <= max, IMarket.BadParameter(name, max, value));
    }

    function _check(Window window, uint256 min, uint256 max, uint256 found) private pure {
        require(found >= min && found <= max, IMarket.WindowOutOfRange(window, min, max, found));
    }
}
