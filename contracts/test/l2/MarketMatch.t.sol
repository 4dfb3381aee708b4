// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {
    Attributes,
    Cause,
    InputFaultKind,
    JobState,
    Order,
    Price,
    Refusal,
    Replica,
    ReplicaState
} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

contract MarketMatchTest is MarketFixture {
    // --- take ---

    function test_TakeFreezesTheAskAndLocksTheBacking() public {
        joinAll();
        uint256 id = post(2);

        vm.expectEmit(address(market));
        emit IMarket.ReplicaTaken(id, alice, askOf(alice), BOND, backingOf(alice));
        take(id, alice);
        assertState(id, JobState.Open);
        vm.assertEq(locked(alice), backingOf(alice));

        vm.prank(alice);
        registry.setAsk(Price(1, 1, 1, 1));
        Replica memory replica = market.replicas(id)[0];
        vm.assertEq(replica.provider, alice);
        vm.assertEq(uint256(replica.state), uint256(ReplicaState.Taken));
        vm.assertEq(abi.encode(replica.ask), abi.encode(askOf(alice)));
        vm.assertEq(uint256(replica.locked), backingOf(alice));
    }

    function test_TheLastReplicaMakesTheJobAssigned() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        advance(40);
        expectMoved(id, JobState.Open, JobState.Assigned, Cause.Filled, START + 40 + 50);
        take(id, bob);
        assertState(id, JobState.Assigned);
    }

    function test_RevertWhen_TheJobIsUnknown() public {
        joinAll();
        _refused(7, alice, Refusal.UnknownJob, 0, 0);
    }

    function test_RevertWhen_TheJobIsNotOpen() public {
        uint256 id = assigned();
        _refused(id, carol, Refusal.NotOpen, uint256(JobState.Open), uint256(JobState.Assigned));
    }

    function test_RevertWhen_TheMatchDeadlineIsOver() public {
        joinAll();
        uint256 id = post(2);
        advance(99);
        (Refusal code,,) = market.refusal(id, alice);
        vm.assertEq(uint256(code), uint256(Refusal.None));
        advance(1);
        _refused(id, alice, Refusal.MatchClosed, START + 100, START + 100);
    }

    function test_RevertWhen_TheClientTakesItsOwnJob() public {
        uint256 id = post(1);
        join(client);
        _refused(id, client, Refusal.OwnJob, 0, 0);
    }

    function test_RevertWhen_TakenAlready() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        _refused(id, alice, Refusal.AlreadyTaken, 0, 0);
    }

    function test_RevertWhen_LeftBefore() public {
        uint256 id = assigned();
        vm.prank(alice);
        market.quit(id);
        _refused(id, alice, Refusal.LeftBefore, 0, 0);
    }

    function test_RevertWhen_NotRegistered() public {
        uint256 id = post(1);
        _refused(id, alice, Refusal.NotRegistered, 0, 0);
    }

    function test_RevertWhen_Inactive() public {
        join(alice);
        uint256 id = post(1);
        vm.prank(alice);
        registry.deactivate();
        _refused(id, alice, Refusal.Inactive, 0, 0);
    }

    function test_RevertWhen_SlashedBelowTheMinimumStake() public {
        uint256 id = post(1);
        vm.deal(alice, 1 ether);
        vm.prank(alice);
        registry.register{value: 1 ether}(attributesOf(), askOf(alice), endpointOf());
        take(id, alice);
        ack(id, alice);
        advance(1000);
        market.poke(id);
        id = post(1);
        _refused(id, alice, Refusal.StakeBelowMinimum, 1 ether, 1 ether - BOND);
    }

    function test_RevertWhen_TheHardwareFallsShort() public {
        join(alice);
        uint256 id = post(1);
        _attributes(8191, 80, 1e6);
        _refused(id, alice, Refusal.VramMib, 8192, 8191);
        _attributes(8192, 79, 1e6);
        _refused(id, alice, Refusal.ComputeCapability, 80, 79);
        _attributes(8192, 80, 1e6 - 1);
        _refused(id, alice, Refusal.UnitsPerSecond, 1e6, 1e6 - 1);
        _attributes(8192, 80, 1e6);
        take(id, alice);
    }

    function test_RevertWhen_TheAskIsAboveTheCap() public {
        join(alice);
        uint256 id = post(1);
        _ask(1e15 + 1, 1e14, 1e9, 2e9);
        _refused(id, alice, Refusal.BaseFee, 1e15, 1e15 + 1);
        _ask(1e15, 1e14 + 1, 1e9, 2e9);
        _refused(id, alice, Refusal.MegaUnitPrice, 1e14, 1e14 + 1);
        _ask(1e15, 1e14, 1e9 + 1, 2e9);
        _refused(id, alice, Refusal.InputBytePrice, 1e9, 1e9 + 1);
        _ask(1e15, 1e14, 1e9, 2e9 + 1);
        _refused(id, alice, Refusal.OutputBytePrice, 2e9, 2e9 + 1);
        _ask(1e15, 1e14, 1e9, 2e9);
        take(id, alice);
    }

    function test_RevertWhen_TheExposureExceedsTheStake() public {
        join(alice);
        uint256 backing = backingOf(alice);
        uint256 taken;
        while (2 ether - taken * backing >= backing) {
            take(post(2), alice);
            taken += 1;
        }
        vm.assertEq(locked(alice), taken * backing);
        uint256 id = post(2);
        _refused(id, alice, Refusal.Exposure, backing, 2 ether - taken * backing);
    }

    // --- quit ---

    function test_QuitFreesThePlaceForOthers() public {
        uint256 id = assigned();
        vm.expectEmit(address(market));
        emit IMarket.ReplicaLeft(id, alice, Cause.Quit);
        expectMoved(id, JobState.Assigned, JobState.Open, Cause.Quit, START + 100);
        vm.prank(alice);
        market.quit(id);
        vm.assertEq(locked(alice), 0);
        vm.assertTrue(market.hasLeft(id, alice));
        vm.assertEq(market.replicas(id).length, 1);
        vm.assertEq(market.replicas(id)[0].provider, bob);
        take(id, carol);
        assertState(id, JobState.Assigned);
    }

    function test_QuitFromAnOpenJobKeepsItOpen() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        vm.prank(alice);
        market.quit(id);
        assertState(id, JobState.Open);
        vm.assertEq(market.replicas(id).length, 0);
    }

    function test_AnAcknowledgedReplicaMayStillQuitBeforeTheRun() public {
        uint256 id = assigned();
        ack(id, alice);
        vm.prank(alice);
        market.quit(id);
        take(id, carol);
        ack(id, carol);
        assertState(id, JobState.Assigned);
        ack(id, bob);
        assertState(id, JobState.Running);
    }

    function test_RevertWhen_QuittingLateOrFromOutside() public {
        uint256 id = running();
        expectError(
            abi.encodeWithSelector(IMarket.WrongState.selector, JobState.Open, JobState.Running)
        );
        vm.prank(alice);
        market.quit(id);

        id = post(2);
        expectError(abi.encodeWithSelector(IMarket.NotReplica.selector, carol));
        vm.prank(carol);
        market.quit(id);

        take(id, alice);
        advance(100);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, START + 100, START + 100)
        );
        vm.prank(alice);
        market.quit(id);

        expectError(abi.encodeWithSelector(IMarket.UnknownJob.selector, 99));
        market.quit(99);
    }

    // --- input faults ---

    function test_AsManyReportsAsReplicasEndTheJob() public {
        uint256 id = assigned();
        vm.expectEmit(address(market));
        emit IMarket.InputFaultReported(id, alice, InputFaultKind.Unavailable, 1);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaLeft(id, alice, Cause.InputsFaulty);
        expectMoved(id, JobState.Assigned, JobState.Open, Cause.InputsFaulty, START + 100);
        vm.prank(alice);
        market.inputFault(id, InputFaultKind.Unavailable);

        vm.expectEmit(address(market));
        emit IMarket.InputFaultReported(id, bob, InputFaultKind.RootMismatch, 2);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaLeft(id, bob, Cause.InputsFaulty);
        expectMoved(id, JobState.Open, JobState.InputFault, Cause.InputsFaulty, 0);
        vm.expectEmit(address(market));
        emit IMarket.ClientRefunded(id, client, escrowOf(2));
        vm.prank(bob);
        market.inputFault(id, InputFaultKind.RootMismatch);

        vm.assertEq(market.credits(client), escrowOf(2));
        vm.assertEq(locked(alice) + locked(bob), 0);
    }

    function test_TheEndByFaultReleasesWhoSaidNothing() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        vm.prank(alice);
        market.inputFault(id, InputFaultKind.PlanRefused);
        take(id, bob);
        take(id, carol);
        vm.prank(bob);
        market.inputFault(id, InputFaultKind.ImageRefused);
        assertState(id, JobState.InputFault);
        vm.assertEq(locked(carol), 0);
    }

    function test_AnAcknowledgementContradictsTheReports() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        vm.prank(alice);
        market.inputFault(id, InputFaultKind.Unavailable);
        take(id, bob);
        take(id, carol);
        ack(id, carol);
        vm.prank(bob);
        market.inputFault(id, InputFaultKind.Unavailable);
        assertState(id, JobState.Open);
        vm.assertEq(uint256(market.job(id).faultReports), 2);
        vm.assertEq(market.replicas(id)[0].provider, carol);
    }

    function test_RevertWhen_AFaultIsReportedWrongly() public {
        uint256 id = assigned();
        expectError(abi.encodeWithSelector(IMarket.NoFaultKind.selector));
        vm.prank(alice);
        market.inputFault(id, InputFaultKind.None);

        expectError(abi.encodeWithSelector(IMarket.NotReplica.selector, carol));
        vm.prank(carol);
        market.inputFault(id, InputFaultKind.Unavailable);

        ack(id, alice);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongReplicaState.selector, ReplicaState.Taken, ReplicaState.Acked
            )
        );
        vm.prank(alice);
        market.inputFault(id, InputFaultKind.Unavailable);

        ack(id, bob);
        expectError(
            abi.encodeWithSelector(IMarket.WrongState.selector, JobState.Open, JobState.Running)
        );
        vm.prank(bob);
        market.inputFault(id, InputFaultKind.Unavailable);
    }

    // --- ack ---

    function test_TheLastAcknowledgementStartsTheRun() public {
        uint256 id = assigned();
        vm.expectEmit(address(market));
        emit IMarket.ReplicaAcked(id, alice);
        ack(id, alice);
        assertState(id, JobState.Assigned);
        advance(49);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaAcked(id, bob);
        expectMoved(id, JobState.Assigned, JobState.Running, Cause.Acknowledged, START + 49 + 1000);
        ack(id, bob);
    }

    function test_RevertWhen_AcknowledgingWrongly() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        expectError(
            abi.encodeWithSelector(IMarket.WrongState.selector, JobState.Assigned, JobState.Open)
        );
        ack(id, alice);

        take(id, bob);
        expectError(abi.encodeWithSelector(IMarket.NotReplica.selector, carol));
        ack(id, carol);

        ack(id, alice);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongReplicaState.selector, ReplicaState.Taken, ReplicaState.Acked
            )
        );
        ack(id, alice);

        advance(50);
        expectError(abi.encodeWithSelector(IMarket.DeadlinePassed.selector, START + 50, START + 50));
        ack(id, bob);
    }

    // --- cancel ---

    function test_CancelIsFreeBeforeTheRun() public {
        uint256 id = assigned();
        ack(id, alice);
        expectMoved(id, JobState.Assigned, JobState.Cancelled, Cause.ClientCancelled, 0);
        vm.expectEmit(address(market));
        emit IMarket.ClientRefunded(id, client, escrowOf(2));
        vm.prank(client);
        market.cancel(id);
        vm.assertEq(market.credits(client), escrowOf(2));
        vm.assertEq(market.totalEscrow(), 0);
        vm.assertEq(locked(alice) + locked(bob), 0);
    }

    function test_CancelOfARunningJobPaysTheKillFees() public {
        uint256 id = running();
        uint256 toAlice = worthOf(askOf(alice), 10_000_000) * KILL_FEE_BPS / 10_000;
        uint256 toBob = worthOf(askOf(bob), 10_000_000) * KILL_FEE_BPS / 10_000;
        vm.expectEmit(address(market));
        emit IMarket.ReplicaPaid(id, alice, toAlice);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaPaid(id, bob, toBob);
        expectMoved(id, JobState.Running, JobState.Cancelled, Cause.ClientCancelled, 0);
        vm.prank(client);
        market.cancel(id);
        vm.assertEq(market.credits(alice), toAlice);
        vm.assertEq(market.credits(bob), toBob);
        vm.assertEq(market.credits(client), escrowOf(2) - toAlice - toBob);
        vm.assertEq(locked(alice) + locked(bob), 0);
    }

    function test_RevertWhen_CancellingWrongly() public {
        uint256 id = running();
        expectError(abi.encodeWithSelector(IMarket.NotClient.selector, client, anyone));
        vm.prank(anyone);
        market.cancel(id);

        commit(id, alice, ROOT, UNITS);
        expectError(abi.encodeWithSelector(IMarket.ResultCommitted.selector, alice));
        vm.prank(client);
        market.cancel(id);

        commit(id, bob, ROOT, UNITS);
        expectError(
            abi.encodeWithSelector(IMarket.WrongState.selector, JobState.Open, JobState.Committed)
        );
        vm.prank(client);
        market.cancel(id);

        id = post(1);
        take(id, carol);
        ack(id, carol);
        advance(1000);
        expectError(abi.encodeWithSelector(IMarket.DeadlinePassed.selector, time(), time()));
        vm.prank(client);
        market.cancel(id);
    }

    function _attributes(uint32 vramMib, uint16 computeCapability, uint64 unitsPerSecond) private {
        Attributes memory attributes = attributesOf();
        attributes.vramMib = vramMib;
        attributes.computeCapability = computeCapability;
        attributes.unitsPerSecond = unitsPerSecond;
        vm.prank(alice);
        registry.setAttributes(attributes);
    }

    function _ask(uint64 baseFee, uint64 megaUnit, uint64 inputByte, uint64 outputByte) private {
        vm.prank(alice);
        registry.setAsk(Price(baseFee, megaUnit, inputByte, outputByte));
    }

    /// @dev `take` and `refusal` say the same.
    function _refused(uint256 id, address who, Refusal code, uint256 needed, uint256 have) private {
        (Refusal code_, uint256 needed_, uint256 have_) = market.refusal(id, who);
        vm.assertEq(uint256(code_), uint256(code), "code");
        vm.assertEq(needed_, needed, "needed");
        vm.assertEq(have_, have, "have");
        expectError(abi.encodeWithSelector(IMarket.Refused.selector, code, needed, have));
        vm.prank(who);
        market.take(id);
    }
}
