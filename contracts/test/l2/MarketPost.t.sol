// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Market} from "../../src/l2/Market.sol";
import {
    Audience,
    Cause,
    Job,
    JobState,
    MarketParams,
    Order,
    Price,
    Window
} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

contract MarketPostTest is MarketFixture {
    function test_PostStoresTheOrderAndSaysAll() public {
        Order memory order = orderOf(2);
        uint256 escrow = escrowOf(2);
        bytes32 specRoot = keccak256(abi.encode(order.imageId, order.planRoot));
        vm.assertEq(market.nextJobId(), 1);

        vm.expectEmit(address(market));
        emit IMarket.JobPosted(1, client, specRoot, escrow, START + 100, order);
        expectMoved(1, JobState.None, JobState.Open, Cause.Posted, START + 100);
        vm.prank(client);
        vm.assertEq(market.post{value: escrow}(order), 1);

        Job memory job = market.job(1);
        vm.assertEq(job.client, client);
        vm.assertEq(uint256(job.state), uint256(JobState.Open));
        vm.assertEq(uint256(job.class), 1);
        vm.assertEq(uint256(job.replicas), 2);
        vm.assertEq(uint256(job.deadline), START + 100);
        vm.assertEq(uint256(job.matchDeadline), START + 100);
        vm.assertEq(uint256(job.maxUnits), order.maxUnits);
        vm.assertEq(uint256(job.inputBytes), order.inputBytes);
        vm.assertEq(uint256(job.outputBytes), order.outputBytes);
        vm.assertEq(abi.encode(job.cap), abi.encode(order.cap));
        vm.assertEq(abi.encode(job.needs), abi.encode(order.needs));
        vm.assertEq(abi.encode(job.windows), abi.encode(order.windows));
        vm.assertEq(job.specRoot, specRoot);
        vm.assertEq(uint256(job.escrow), escrow);
        vm.assertEq(uint256(job.audience), uint256(Audience.Assigned));
        vm.assertEq(market.totalEscrow(), escrow);
        vm.assertEq(address(market).balance, escrow);
        vm.assertEq(market.nextJobId(), 2);
    }

    function test_ExcessIsCredited() public {
        uint256 escrow = escrowOf(1);
        vm.expectEmit(address(market));
        emit IMarket.ExcessCredited(1, client, 7);
        vm.prank(client);
        market.post{value: escrow + 7}(orderOf(1));
        vm.assertEq(market.credits(client), 7);
        vm.assertEq(market.totalCredits(), 7);
        vm.assertEq(uint256(market.job(1).escrow), escrow);
    }

    function test_QuoteIsTheCapTimesReplicas() public view {
        vm.assertEq(market.quote(orderOf(1)), 1e15 + 10e14 + 1e12 + 4e12);
        vm.assertEq(market.quote(orderOf(8)), 8 * market.quote(orderOf(1)));
    }

    function test_QuoteOfTheDearestOrderDoesNotOverflow() public view {
        Order memory order = orderOf(8);
        uint64 max = type(uint64).max;
        order.cap = Price(max, max, max, max);
        (order.inputBytes, order.outputBytes) = (max, max);
        uint256 each = uint256(max) + uint256(1e12) * max / 1e6 + 2 * uint256(max) * max;
        order.maxUnits = 1e12;
        vm.assertEq(market.quote(order), 8 * each);
    }

    function test_RevertWhen_EscrowIsShort() public {
        uint256 escrow = escrowOf(2);
        expectError(abi.encodeWithSelector(IMarket.InsufficientEscrow.selector, escrow, escrow - 1));
        vm.prank(client);
        market.post{value: escrow - 1}(orderOf(2));
    }

    function test_RevertWhen_ClassIsUnknown() public {
        Order memory order = orderOf(2);
        for (uint8 class = 0; class < 4; ++class) {
            if (class == 1) continue;
            order.class = class;
            _reverts(order, abi.encodeWithSelector(IMarket.UnknownClass.selector, 1, class));
        }
    }

    function test_RevertWhen_ReplicasAreOutOfRange() public {
        _reverts(orderOf(0), abi.encodeWithSelector(IMarket.ReplicasOutOfRange.selector, 1, 8, 0));
        _reverts(orderOf(9), abi.encodeWithSelector(IMarket.ReplicasOutOfRange.selector, 1, 8, 9));
    }

    function test_RevertWhen_UnitsAreOutOfRange() public {
        Order memory order = orderOf(1);
        order.maxUnits = 0;
        _reverts(order, abi.encodeWithSelector(IMarket.UnitsOutOfRange.selector, 1, 1e12, 0));
        order.maxUnits = 1e12 + 1;
        _reverts(order, abi.encodeWithSelector(IMarket.UnitsOutOfRange.selector, 1, 1e12, 1e12 + 1));
    }

    function test_RevertWhen_SpecOrAudienceIsMissing() public {
        Order memory order = orderOf(1);
        order.imageId = 0;
        _reverts(order, abi.encodeWithSelector(IMarket.NoImage.selector));
        order = orderOf(1);
        order.planRoot = 0;
        _reverts(order, abi.encodeWithSelector(IMarket.NoPlan.selector));
        order = orderOf(1);
        order.audience = Audience.None;
        _reverts(order, abi.encodeWithSelector(IMarket.NoAudience.selector));
    }

    function test_RevertWhen_LocatorIsTooLong() public {
        Order memory order = orderOf(1);
        order.locator = new bytes(1024);
        market.quote(order);
        order.locator = new bytes(1025);
        _reverts(order, abi.encodeWithSelector(IMarket.LocatorTooLong.selector, 1024, 1025));
    }

    function test_RevertWhen_AWindowIsOutOfRange() public {
        MarketParams memory p = paramsOf();
        uint32[5] memory mins =
            [p.matchSecsMin, p.ackSecsMin, p.runSecsMin, p.revealSecsMin, p.challengeSecsMin];
        uint32[5] memory maxs =
            [p.matchSecsMax, p.ackSecsMax, p.runSecsMax, p.revealSecsMax, p.challengeSecsMax];
        for (uint256 i = 0; i < 5; ++i) {
            market.quote(_withWindow(i, mins[i]));
            market.quote(_withWindow(i, maxs[i]));
            _reverts(_withWindow(i, mins[i] - 1), _windowError(i, mins[i], maxs[i], mins[i] - 1));
            _reverts(_withWindow(i, maxs[i] + 1), _windowError(i, mins[i], maxs[i], maxs[i] + 1));
        }
    }

    function testFuzz_EscrowCoversEveryPaymentWithinTheCap(
        Price memory cap,
        Price memory ask,
        uint64 maxUnits,
        uint64 units,
        uint64 inputBytes,
        uint64 outputBytes,
        uint256 replicas
    ) public view {
        Order memory order = orderOf(uint8(bound(replicas, 1, 8)));
        order.cap = cap;
        order.maxUnits = uint64(bound(maxUnits, 1, 1e12));
        (order.inputBytes, order.outputBytes) = (inputBytes, outputBytes);
        ask.baseFee = uint64(bound(ask.baseFee, 0, cap.baseFee));
        ask.megaUnit = uint64(bound(ask.megaUnit, 0, cap.megaUnit));
        ask.inputByte = uint64(bound(ask.inputByte, 0, cap.inputByte));
        ask.outputByte = uint64(bound(ask.outputByte, 0, cap.outputByte));
        uint256 pay = ask.total(uint64(bound(units, 0, order.maxUnits)), inputBytes, outputBytes);
        vm.assertLe(pay * order.replicas, market.quote(order));
    }

    function test_ParamsReadBack() public view {
        vm.assertEq(abi.encode(market.params()), abi.encode(paramsOf()));
    }

    function test_RevertWhen_ParametersContradictEachOther() public {
        MarketParams memory p = paramsOf();
        p.bondWei = p.minStakeWei + 1;
        _badParams(p, "bondWei", p.minStakeWei, p.bondWei);
        p.bondWei = 0;
        _badParams(p, "bondWei", p.minStakeWei, 0);
        p = paramsOf();
        p.unitsMax = 0;
        _badParams(p, "unitsMax", type(uint64).max, 0);
        p = paramsOf();
        p.killFeeBps = 10_001;
        _badParams(p, "killFeeBps", 10_000, 10_001);
        p = paramsOf();
        p.compensationBps = 10_001;
        _badParams(p, "compensationBps", 10_000, 10_001);
        p = paramsOf();
        p.matchSecsMin = 0;
        _badParams(p, "matchSecsMin", p.matchSecsMax, 0);
        p = paramsOf();
        p.ackSecsMin = p.ackSecsMax + 1;
        _badParams(p, "ackSecsMin", p.ackSecsMax, p.ackSecsMin);
        p = paramsOf();
        p.runSecsMin = 0;
        _badParams(p, "runSecsMin", p.runSecsMax, 0);
        p = paramsOf();
        p.revealSecsMin = 0;
        _badParams(p, "revealSecsMin", p.revealSecsMax, 0);
        p = paramsOf();
        p.challengeSecsMin = 0;
        _badParams(p, "challengeSecsMin", p.challengeSecsMax, 0);
        p = paramsOf();
        p.resolveTimeoutSecs = p.challengeSecsMin - 1;
        _badParams(p, "resolveTimeoutSecs", p.challengeSecsMin, p.resolveTimeoutSecs);
    }

    function _badParams(MarketParams memory p, bytes32 name, uint256 expected, uint256 found)
        private
    {
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.BadParameter.selector, name, expected, found)
        );
        new Market(p);
    }

    /// @dev `post` and `quote` refuse alike.
    function _reverts(Order memory order, bytes memory data) private {
        expectError(data);
        market.quote(order);
        expectError(data);
        vm.prank(client);
        market.post{value: 100 ether}(order);
    }

    function _withWindow(uint256 i, uint32 secs) private pure returns (Order memory order) {
        order = orderOf(1);
        if (i == 0) order.windows.matchSecs = secs;
        if (i == 1) order.windows.ackSecs = secs;
        if (i == 2) order.windows.runSecs = secs;
        if (i == 3) order.windows.revealSecs = secs;
        if (i == 4) order.windows.challengeSecs = secs;
    }

    function _windowError(uint256 i, uint256 min, uint256 max, uint256 found)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IMarket.WindowOutOfRange.selector, Window(i + 1), min, max, found
        );
    }
}
