// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Clock} from "../../src/l2/Clock.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Cause, JobState, ReplicaState} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

/// @notice Refuses ether until it is told otherwise.
contract Refuser {
    bool public open;

    function setOpen() external {
        open = true;
    }

    function relay(address to, uint256 value, bytes calldata data) external {
        (bool ok, bytes memory answer) = to.call{value: value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    receive() external payable {
        require(open, "closed");
    }
}

/// @notice Withdraws again from inside of its own withdrawal.
contract Reenterer {
    uint256 public received;

    function post(uint256 excess, bytes calldata data) external payable {
        (bool ok,) = Predeploys.MARKET.call{value: msg.value}(data);
        require(ok && excess > 0);
    }

    function withdraw() external {
        IMarket(payable(Predeploys.MARKET)).withdraw(address(this));
    }

    receive() external payable {
        received += msg.value;
        try IMarket(payable(Predeploys.MARKET)).withdraw(address(this)) {} catch {}
    }
}

contract MarketEndsTest is MarketFixture {
    // --- final ---

    function test_FinalizePaysEveryAgreeingReplicaAtItsAsk() public {
        uint256 id = challengeable();
        uint256 toAlice = worthOf(askOf(alice), UNITS);
        uint256 toBob = worthOf(askOf(bob), UNITS);
        advance(300);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaPaid(id, alice, toAlice);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaPaid(id, bob, toBob);
        expectMoved(id, JobState.Challengeable, JobState.Final, Cause.WindowPassed, 0);
        vm.expectEmit(address(market));
        emit IMarket.ClientRefunded(id, client, escrowOf(2) - toAlice - toBob);
        vm.prank(anyone);
        market.finalize(id);

        vm.assertEq(market.credits(alice), toAlice);
        vm.assertEq(market.credits(bob), toBob);
        vm.assertEq(market.credits(client), escrowOf(2) - toAlice - toBob);
        vm.assertEq(market.totalEscrow(), 0);
        vm.assertEq(locked(alice) + locked(bob), 0);
        vm.assertEq(uint256(registry.provider(alice).stake), 2 ether);
    }

    function test_AcceptEndsTheWindowEarly() public {
        uint256 id = challengeable();
        expectMoved(id, JobState.Challengeable, JobState.Final, Cause.Accepted, 0);
        vm.prank(client);
        market.accept(id);
        vm.assertEq(market.credits(bob), worthOf(askOf(bob), UNITS));
    }

    function test_AResultWithoutUnitsCostsTheBaseFeeAndTheBytes() public {
        join(alice);
        uint256 id = post(1);
        take(id, alice);
        ack(id, alice);
        commit(id, alice, ROOT, 0);
        reveal(id, alice, ROOT, 0);
        vm.prank(client);
        market.accept(id);
        vm.assertEq(market.credits(alice), 2e14 + 1000 * 1e8 + 2000 * 2e8);
    }

    function test_RevertWhen_FinalizingEarlyOrTwice() public {
        uint256 id = challengeable();
        advance(299);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlineNotReached.selector, START + 300, START + 299)
        );
        market.finalize(id);
        advance(1);
        market.finalize(id);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongState.selector, JobState.Challengeable, JobState.Final
            )
        );
        market.finalize(id);
        expectError(abi.encodeWithSelector(IMarket.UnknownJob.selector, 9));
        market.finalize(9);
    }

    function test_RevertWhen_AcceptingWrongly() public {
        uint256 id = challengeable();
        expectError(abi.encodeWithSelector(IMarket.NotClient.selector, client, alice));
        vm.prank(alice);
        market.accept(id);
        advance(300);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, START + 300, START + 300)
        );
        vm.prank(client);
        market.accept(id);
    }

    // --- void ---

    function test_VoidDisputeReturnsEverythingUnslashed() public {
        uint256 id = disputed();
        advance(30 days);
        expectMoved(id, JobState.Disputed, JobState.Void, Cause.ResolveTimeout, 0);
        vm.expectEmit(address(market));
        emit IMarket.ClientRefunded(id, client, escrowOf(2));
        vm.prank(anyone);
        market.voidDispute(id);
        vm.assertEq(market.credits(client), escrowOf(2));
        vm.assertEq(locked(alice) + locked(bob), 0);
        vm.assertEq(uint256(registry.provider(alice).stake), 2 ether);
        vm.assertEq(uint256(registry.provider(bob).stake), 2 ether);
        vm.assertEq(registry.burned(), 0);
    }

    function test_ADisputeFreezesStakeAndEscrow() public {
        uint256 id = disputed();
        vm.prank(alice);
        vm.expectRevert();
        registry.unregister(alice);
        expectError(abi.encodeWithSelector(IMarket.NoExit.selector, JobState.Disputed));
        market.poke(id);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlineNotReached.selector, START + 30 days, START)
        );
        market.voidDispute(id);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongState.selector, JobState.Challengeable, JobState.Disputed
            )
        );
        vm.prank(client);
        market.accept(id);
        vm.assertEq(market.credits(client), 0);
    }

    function test_RevertWhen_VoidingAJobWithoutADispute() public {
        uint256 id = challengeable();
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongState.selector, JobState.Disputed, JobState.Challengeable
            )
        );
        market.voidDispute(id);
    }

    // --- poke ---

    function test_AnUnmatchedJobExpires() public {
        joinAll();
        uint256 id = post(2);
        take(id, alice);
        advance(99);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlineNotReached.selector, START + 100, START + 99)
        );
        market.poke(id);
        advance(1);
        expectMoved(id, JobState.Open, JobState.Expired, Cause.MatchTimeout, 0);
        vm.prank(anyone);
        market.poke(id);
        vm.assertEq(market.credits(client), escrowOf(2));
        vm.assertEq(locked(alice), 0);
    }

    function test_SilentReplicasAreReleasedAndTheJobLooksForOthers() public {
        uint256 id = assigned();
        ack(id, bob);
        advance(50);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaLeft(id, alice, Cause.AckTimeout);
        expectMoved(id, JobState.Assigned, JobState.Open, Cause.AckTimeout, START + 100);
        market.poke(id);
        vm.assertEq(locked(alice), 0);
        vm.assertEq(uint256(registry.provider(alice).stake), 2 ether);
        vm.assertEq(locked(bob), backingOf(bob));
        vm.assertTrue(market.hasLeft(id, alice));
        vm.assertEq(uint256(market.replicas(id)[0].state), uint256(ReplicaState.Acked));
        take(id, carol);
        ack(id, carol);
        assertState(id, JobState.Running);
    }

    function test_AnUnacknowledgedJobExpiresAfterTheMatchDeadline() public {
        uint256 id = assigned();
        ack(id, alice);
        advance(100);
        expectMoved(id, JobState.Assigned, JobState.Expired, Cause.AckTimeout, 0);
        market.poke(id);
        vm.assertEq(market.credits(client), escrowOf(2));
        vm.assertEq(locked(alice) + locked(bob), 0);
    }

    function test_RevertWhen_ThereIsNothingToPoke() public {
        expectError(abi.encodeWithSelector(IMarket.UnknownJob.selector, 1));
        market.poke(1);
        uint256 id = challengeable();
        expectError(abi.encodeWithSelector(IMarket.NoExit.selector, JobState.Challengeable));
        market.poke(id);
        vm.prank(client);
        market.accept(id);
        expectError(abi.encodeWithSelector(IMarket.NoExit.selector, JobState.Final));
        market.poke(id);
    }

    function test_ExitNamesTheNextTimeout() public {
        joinAll();
        uint256 id = post(2);
        _exit(id, Cause.MatchTimeout, START + 100, false);
        advance(100);
        _exit(id, Cause.MatchTimeout, START + 100, true);
        market.poke(id);
        _exit(id, Cause.None, 0, false);

        uint64 now_ = time();
        id = post(1);
        take(id, alice);
        _exit(id, Cause.AckTimeout, now_ + 50, false);
        ack(id, alice);
        _exit(id, Cause.CommitTimeout, now_ + 1000, false);
        commit(id, alice, ROOT, UNITS);
        _exit(id, Cause.RevealTimeout, now_ + 200, false);
        reveal(id, alice, ROOT, UNITS);
        _exit(id, Cause.WindowPassed, now_ + 300, false);
        expectError(abi.encodeWithSelector(IMarket.UnknownJob.selector, 99));
        market.exit(99);
    }

    function test_ExitOfADispute() public {
        uint256 id = disputed();
        _exit(id, Cause.ResolveTimeout, START + 30 days, false);
        advance(30 days);
        _exit(id, Cause.ResolveTimeout, START + 30 days, true);
    }

    /// Only the Clock counts: the block's own time may run ahead of it during an outage.
    function test_BlockTimeDoesNotMoveDeadlines() public {
        joinAll();
        uint256 id = post(2);
        vm.warp(START + 365 days);
        take(id, alice);
        take(id, bob);
        ack(id, alice);
        vm.assertEq(uint256(Clock(Predeploys.CLOCK).timestamp()), START);
        assertState(id, JobState.Assigned);
    }

    // --- money ---

    function test_WithdrawSendsTheWholeCredit() public {
        uint256 id = challengeable();
        vm.prank(client);
        market.accept(id);
        uint256 amount = market.credits(alice);
        uint256 before = anyone.balance;
        vm.expectEmit(address(market));
        emit IMarket.Withdrawn(alice, anyone, amount);
        vm.prank(alice);
        vm.assertEq(market.withdraw(anyone), amount);
        vm.assertEq(anyone.balance - before, amount);
        vm.assertEq(market.credits(alice), 0);
        vm.assertEq(market.totalCredits(), address(market).balance);
    }

    function test_RevertWhen_ThereIsNothingToWithdraw() public {
        expectError(abi.encodeWithSelector(IMarket.NothingToWithdraw.selector, anyone));
        vm.prank(anyone);
        market.withdraw(anyone);
        expectError(abi.encodeWithSelector(IMarket.ZeroAddress.selector));
        vm.prank(anyone);
        market.withdraw(address(0));
    }

    function test_RevertWhen_AStrangerSendsEther() public {
        vm.prank(client);
        (bool ok, bytes memory answer) = address(market).call{value: 1}("");
        vm.assertFalse(ok);
        vm.assertEq(
            answer, abi.encodeWithSelector(IMarket.NotRegistry.selector, address(registry), client)
        );
    }

    function test_ARefusingClientBlocksNobody() public {
        Refuser refuser = new Refuser();
        vm.deal(address(refuser), 1 ether);
        refuser.relay(address(market), escrowOf(1), abi.encodeCall(IMarket.post, (orderOf(1))));
        join(alice);
        take(1, alice);
        ack(1, alice);
        commit(1, alice, ROOT, UNITS);
        reveal(1, alice, ROOT, UNITS);
        advance(300);
        market.finalize(1);
        vm.prank(alice);
        market.withdraw(alice);

        uint256 rest = market.credits(address(refuser));
        // through the refuser, which passes the market's error on
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.TransferFailed.selector, address(refuser), rest)
        );
        refuser.relay(address(market), 0, abi.encodeCall(IMarket.withdraw, (address(refuser))));
        vm.assertEq(market.credits(address(refuser)), rest);
        refuser.setOpen();
        refuser.relay(address(market), 0, abi.encodeCall(IMarket.withdraw, (address(refuser))));
        vm.assertEq(market.credits(address(refuser)), 0);
    }

    function test_ReenteringAWithdrawalBringsNothing() public {
        uint256 id = challengeable();
        vm.prank(client);
        market.accept(id);
        Reenterer thief = new Reenterer();
        uint256 escrow = escrowOf(1);
        thief.post{value: escrow + 5}(5, abi.encodeCall(IMarket.post, (orderOf(1))));
        thief.withdraw();
        vm.assertEq(thief.received(), 5);
        vm.assertEq(address(market).balance, market.totalCredits() + market.totalEscrow());
    }

    function _exit(uint256 id, Cause cause, uint64 deadline, bool due) private view {
        (Cause cause_, uint64 deadline_, bool due_) = market.exit(id);
        vm.assertEq(uint256(cause_), uint256(cause), "cause");
        vm.assertEq(uint256(deadline_), uint256(deadline), "deadline");
        vm.assertEq(due_, due);
    }
}
