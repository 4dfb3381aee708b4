// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Cause, Job, JobState, Replica, ReplicaState} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

contract MarketRunTest is MarketFixture {
    // --- commit ---

    function test_CommitHidesTheResultAndTheLastOneStartsTheReveal() public {
        uint256 id = running();
        bytes32 commitment = market.commitmentOf(id, alice, saltOf(alice), ROOT, UNITS);
        vm.assertEq(
            commitment, keccak256(abi.encode(id, alice, saltOf(alice), ROOT, uint256(UNITS)))
        );
        vm.expectEmit(address(market));
        emit IMarket.ReplicaCommitted(id, alice, commitment);
        vm.prank(alice);
        market.commit(id, commitment);
        assertState(id, JobState.Running);
        vm.assertEq(market.replicas(id)[0].commitment, commitment);

        advance(999);
        expectMoved(id, JobState.Running, JobState.Committed, Cause.AllCommitted, START + 999 + 200);
        commit(id, bob, ROOT, UNITS);
    }

    function test_RevertWhen_CommittingWrongly() public {
        uint256 id = assigned();
        expectError(
            abi.encodeWithSelector(IMarket.WrongState.selector, JobState.Running, JobState.Assigned)
        );
        vm.prank(alice);
        market.commit(id, ROOT);

        ack(id, alice);
        ack(id, bob);
        expectError(abi.encodeWithSelector(IMarket.NoCommitment.selector));
        vm.prank(alice);
        market.commit(id, 0);

        expectError(abi.encodeWithSelector(IMarket.NotReplica.selector, carol));
        vm.prank(carol);
        market.commit(id, ROOT);

        commit(id, alice, ROOT, UNITS);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongReplicaState.selector, ReplicaState.Acked, ReplicaState.Committed
            )
        );
        vm.prank(alice);
        market.commit(id, ROOT);

        advance(1000);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, START + 1000, START + 1000)
        );
        vm.prank(bob);
        market.commit(id, ROOT);
    }

    // --- reveal ---

    function test_EqualResultsBecomeChallengeable() public {
        uint256 id = committed(ROOT);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaRevealed(id, alice, ROOT, UNITS);
        reveal(id, alice, ROOT, UNITS);
        assertState(id, JobState.Committed);
        advance(199);
        vm.expectEmit(address(market));
        emit IMarket.ReplicaRevealed(id, bob, ROOT, UNITS);
        expectMoved(id, JobState.Committed, JobState.Challengeable, Cause.Agreed, START + 199 + 300);
        reveal(id, bob, ROOT, UNITS);
        Job memory job = market.job(id);
        vm.assertEq(job.resultRoot, ROOT);
        vm.assertEq(uint256(job.units), UNITS);
    }

    function test_DifferentRootsAreADispute() public {
        uint256 id = committed(LIE);
        reveal(id, alice, ROOT, UNITS);
        expectMoved(id, JobState.Committed, JobState.Disputed, Cause.Conflict, START + 30 days);
        reveal(id, bob, LIE, UNITS);
        vm.assertEq(market.job(id).resultRoot, bytes32(0));
        vm.assertEq(uint256(market.job(id).escrow), escrowOf(2));
        vm.assertEq(locked(alice), backingOf(alice));
        vm.assertEq(locked(bob), backingOf(bob));
    }

    function test_DifferentUnitsAreADispute() public {
        uint256 id = running();
        commit(id, alice, ROOT, UNITS);
        commit(id, bob, ROOT, UNITS + 1);
        reveal(id, alice, ROOT, UNITS);
        reveal(id, bob, ROOT, UNITS + 1);
        assertState(id, JobState.Disputed);
    }

    /// The copier has the neighbour's bytes, and even its salt after the reveal: nothing opens it.
    function test_ACopiedCommitmentCannotBeRevealed() public {
        uint256 id = running();
        bytes32 hers = market.commitmentOf(id, alice, saltOf(alice), ROOT, UNITS);
        commit(id, alice, ROOT, UNITS);
        vm.prank(bob);
        market.commit(id, hers);
        reveal(id, alice, ROOT, UNITS);

        bytes32 his = market.commitmentOf(id, bob, saltOf(alice), ROOT, UNITS);
        expectError(abi.encodeWithSelector(IMarket.WrongCommitment.selector, hers, his));
        vm.prank(bob);
        market.reveal(id, saltOf(alice), ROOT, UNITS);

        advance(200);
        market.poke(id);
        assertState(id, JobState.Challengeable);
        vm.assertEq(uint256(registry.provider(bob).stake), 2 ether - BOND);
    }

    function test_RevertWhen_RevealingWrongly() public {
        uint256 id = running();
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongState.selector, JobState.Committed, JobState.Running
            )
        );
        reveal(id, alice, ROOT, UNITS);

        commit(id, alice, ROOT, UNITS);
        commit(id, bob, ROOT, UNITS);
        expectError(abi.encodeWithSelector(IMarket.NoResult.selector));
        reveal(id, alice, 0, UNITS);

        expectError(abi.encodeWithSelector(IMarket.UnitsAboveFuel.selector, 10_000_000, 10_000_001));
        reveal(id, alice, ROOT, 10_000_001);

        expectError(
            abi.encodeWithSelector(
                IMarket.WrongCommitment.selector,
                market.commitmentOf(id, alice, saltOf(alice), ROOT, UNITS),
                market.commitmentOf(id, alice, saltOf(alice), ROOT, UNITS + 1)
            )
        );
        reveal(id, alice, ROOT, UNITS + 1);

        expectError(abi.encodeWithSelector(IMarket.NotReplica.selector, carol));
        reveal(id, carol, ROOT, UNITS);

        reveal(id, alice, ROOT, UNITS);
        expectError(
            abi.encodeWithSelector(
                IMarket.WrongReplicaState.selector, ReplicaState.Committed, ReplicaState.Revealed
            )
        );
        reveal(id, alice, ROOT, UNITS);

        advance(200);
        expectError(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, START + 200, START + 200)
        );
        reveal(id, bob, ROOT, UNITS);
    }

    function testFuzz_OnlyTheCommittedResultOpens(
        bytes32 salt,
        bytes32 root,
        uint64 units,
        bytes32 otherSalt,
        bytes32 otherRoot,
        uint64 otherUnits
    ) public {
        vm.assume(root != 0 && otherRoot != 0);
        units = uint64(bound(units, 0, 10_000_000));
        otherUnits = uint64(bound(otherUnits, 0, 10_000_000));
        vm.assume(salt != otherSalt || root != otherRoot || units != otherUnits);
        join(alice);
        uint256 id = post(1);
        take(id, alice);
        ack(id, alice);
        bytes32 commitment = market.commitmentOf(id, alice, salt, root, units);
        vm.prank(alice);
        market.commit(id, commitment);

        expectError(
            abi.encodeWithSelector(
                IMarket.WrongCommitment.selector,
                commitment,
                market.commitmentOf(id, alice, otherSalt, otherRoot, otherUnits)
            )
        );
        vm.prank(alice);
        market.reveal(id, otherSalt, otherRoot, otherUnits);
        vm.prank(alice);
        market.reveal(id, salt, root, units);
        assertState(id, JobState.Challengeable);
    }

    // --- time-outs of the run ---

    function test_SilentReplicaLosesItsBondAndTheOthersGoOn() public {
        uint256 id = running();
        commit(id, alice, ROOT, UNITS);
        advance(1000);
        uint256 compensation = BOND * COMPENSATION_BPS / 10_000;
        vm.expectEmit(address(market));
        emit IMarket.ReplicaDefaulted(id, bob, Cause.CommitTimeout, BOND, compensation);
        expectMoved(
            id, JobState.Running, JobState.Committed, Cause.CommitTimeout, START + 1000 + 200
        );
        vm.prank(anyone);
        market.poke(id);

        vm.assertEq(market.credits(client), compensation);
        vm.assertEq(registry.burned(), BOND - compensation);
        vm.assertEq(uint256(registry.provider(bob).stake), 2 ether - BOND);
        vm.assertEq(locked(bob), 0);
        Replica memory replica = market.replicas(id)[1];
        vm.assertEq(uint256(replica.state), uint256(ReplicaState.Defaulted));
        vm.assertEq(uint256(replica.locked), 0);

        reveal(id, alice, ROOT, UNITS);
        assertState(id, JobState.Challengeable);
        vm.prank(client);
        market.accept(id);
        vm.assertEq(market.credits(alice), worthOf(askOf(alice), UNITS));
        vm.assertEq(market.credits(bob), 0);
    }

    function test_NoCommitmentAtAllExpiresTheJob() public {
        uint256 id = running();
        advance(1000);
        expectMoved(id, JobState.Running, JobState.Expired, Cause.CommitTimeout, 0);
        market.poke(id);
        vm.assertEq(market.credits(client), escrowOf(2) + 2 * (BOND * COMPENSATION_BPS / 10_000));
        vm.assertEq(market.totalEscrow(), 0);
        vm.assertEq(locked(alice) + locked(bob), 0);
    }

    function test_WhoDoesNotRevealLosesItsBondAndTheOthersGoOn() public {
        uint256 id = committed(LIE);
        reveal(id, alice, ROOT, UNITS);
        advance(200);
        uint256 compensation = BOND * COMPENSATION_BPS / 10_000;
        vm.expectEmit(address(market));
        emit IMarket.ReplicaDefaulted(id, bob, Cause.RevealTimeout, BOND, compensation);
        expectMoved(id, JobState.Committed, JobState.Challengeable, Cause.Agreed, START + 200 + 300);
        market.poke(id);
        vm.assertEq(market.job(id).resultRoot, ROOT);
    }

    function test_NoRevealAtAllExpiresTheJob() public {
        uint256 id = committed(ROOT);
        advance(200);
        expectMoved(id, JobState.Committed, JobState.Expired, Cause.RevealTimeout, 0);
        market.poke(id);
        vm.assertEq(market.credits(client), escrowOf(2) + 2 * (BOND * COMPENSATION_BPS / 10_000));
        vm.assertEq(registry.burned(), 2 * (BOND - BOND * COMPENSATION_BPS / 10_000));
    }

    function test_TwoOfThreeThatRevealDifferentlyAreADisputeAfterTheTimeout() public {
        joinAll();
        uint256 id = post(3);
        take(id, alice);
        take(id, bob);
        take(id, carol);
        ack(id, alice);
        ack(id, bob);
        ack(id, carol);
        commit(id, alice, ROOT, UNITS);
        commit(id, bob, LIE, UNITS);
        commit(id, carol, ROOT, UNITS);
        reveal(id, alice, ROOT, UNITS);
        reveal(id, bob, LIE, UNITS);
        advance(200);
        market.poke(id);
        assertState(id, JobState.Disputed);
        vm.assertEq(locked(carol), 0);
        vm.assertEq(locked(alice), backingOf(alice));
    }
}
