// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {Clock} from "../../src/l2/Clock.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {
    Cause,
    Job,
    JobState,
    MarketParams,
    Provider,
    Replica,
    ReplicaState
} from "../../src/types/MarketTypes.sol";
import {Base, vm} from "../Base.sol";
import {MarketHandler} from "./MarketHandler.sol";

/// @notice The numbered invariants of contracts/README.md.
contract MarketInvariantTest is Base {
    IMarket private constant market = IMarket(payable(Predeploys.MARKET));
    IRegistry private constant registry = IRegistry(Predeploys.REGISTRY);
    MarketHandler private handler;

    function setUp() public {
        handler = new MarketHandler();
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), _actions()));
    }

    /// What the Market holds is what it owes: credits and escrows.
    function invariant_I1_MarketOwesWhatItHolds() public view {
        vm.assertEq(
            address(market).balance, market.totalCredits() + market.totalEscrow(), "balance"
        );
        uint256 escrows;
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            escrows += market.job(id).escrow;
        }
        vm.assertEq(market.totalEscrow(), escrows, "escrows");
        uint256 credits = market.credits(handler.clients(1));
        for (uint256 i = 0; i < handler.PROVIDERS(); ++i) {
            credits += market.credits(handler.providers(i));
        }
        vm.assertEq(market.totalCredits(), credits, "credits");
    }

    /// What the Registry holds is stakes and what was burned.
    function invariant_I2_RegistryHoldsStakesAndBurned() public view {
        vm.assertEq(address(registry).balance, registry.totalStake() + registry.burned(), "balance");
        uint256 stakes;
        for (uint256 i = 0; i < handler.PROVIDERS(); ++i) {
            stakes += registry.provider(handler.providers(i)).stake;
        }
        vm.assertEq(registry.totalStake(), stakes, "stakes");
    }

    /// A provider's locked stake is the sum of what its replicas hold, and never above its stake.
    function invariant_I3_LocksAreBackedByStake() public view {
        for (uint256 i = 0; i < handler.PROVIDERS(); ++i) {
            address account = handler.providers(i);
            Provider memory who = registry.provider(account);
            uint256 locked;
            for (uint256 id = 1; id < market.nextJobId(); ++id) {
                Replica[] memory all = market.replicas(id);
                for (uint256 k = 0; k < all.length; ++k) {
                    if (all[k].provider == account) locked += all[k].locked;
                }
            }
            vm.assertEq(uint256(who.locked), locked, "locked");
            vm.assertLe(who.locked, who.stake, "locked above stake");
        }
    }

    /// Only the transitions of the life cycle, in time, by the right party (checked call by call).
    function invariant_I4_OnlyAllowedTransitionsInTime() public view {
        vm.assertEq(handler.broken(), "");
    }

    /// An end holds nothing and waits for nothing.
    function invariant_I5_EndsAreEmpty() public view {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Job memory job = market.job(id);
            (Cause cause,,) = market.exit(id);
            vm.assertEq(cause == Cause.None, _isEnd(job.state));
            if (!_isEnd(job.state)) continue;
            vm.assertEq(uint256(job.escrow), 0, "escrow");
            vm.assertEq(uint256(job.deadline), 0, "deadline");
            Replica[] memory all = market.replicas(id);
            for (uint256 k = 0; k < all.length; ++k) {
                vm.assertEq(uint256(all[k].locked), 0, "lock");
            }
            if (job.state == JobState.InputFault) {
                vm.assertEq(uint256(job.faultReports), job.replicas, "reports");
            }
        }
    }

    /// A job's ether goes out once: to replicas, each at most once and at its own price, the rest to
    /// the client.
    function invariant_I6_EscrowIsPaidOutOnce() public view {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Job memory job = market.job(id);
            if (!_isEnd(job.state)) {
                vm.assertEq(handler.paid(id) + handler.refunded(id), 0, "early");
                vm.assertEq(uint256(job.escrow), handler.posted(id), "held");
                continue;
            }
            vm.assertEq(handler.paid(id) + handler.refunded(id), handler.posted(id), "sum");
            uint256 due;
            Replica[] memory all = market.replicas(id);
            for (uint256 k = 0; k < all.length; ++k) {
                (uint256 amount, uint256 times) = _due(job, all[k], _ran(job, all));
                due += amount;
                vm.assertEq(handler.payments(id, all[k].provider), times, "payments");
            }
            vm.assertEq(handler.paid(id), due, "paid");
        }
    }

    /// Stake shrinks by missed deadlines only: once a replica, by the bond, which was locked for it.
    function invariant_I7_SlashedOnceAndAtMostWhatWasLocked() public view {
        uint256 bond = market.params().bondWei;
        for (uint256 i = 0; i < handler.PROVIDERS(); ++i) {
            address account = handler.providers(i);
            vm.assertEq(
                uint256(registry.provider(account).stake),
                handler.stakeIn(account) - handler.slashed(account),
                "stake"
            );
            for (uint256 id = 1; id < market.nextJobId(); ++id) {
                uint256 times = handler.defaults(id, account);
                vm.assertLe(times, 1, "twice");
                vm.assertLe(times * bond, handler.lockedAtMatch(id, account), "above lock");
            }
        }
    }

    /// Time and strangers alone bring every job to an end.
    function invariant_I8_EveryStateHasAnExitForAnybody() public {
        uint256 snapshot = vm.snapshotState();
        address stranger = address(0xBEEF);
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            for (uint256 step = 0; step < 4; ++step) {
                (Cause cause, uint64 deadline,) = market.exit(id);
                if (cause == Cause.None) break;
                uint64 now_ = Clock(Predeploys.CLOCK).timestamp();
                vm.assertLe(deadline, now_ + 30 days, "deadline out of reach");
                if (deadline > now_) {
                    vm.store(Predeploys.CLOCK, 0, bytes32(uint256(deadline)));
                }
                JobState before = market.jobState(id);
                vm.prank(stranger);
                if (cause == Cause.WindowPassed) market.finalize(id);
                else if (cause == Cause.ResolveTimeout) market.voidDispute(id);
                else market.poke(id);
                vm.assertTrue(market.jobState(id) != before, "exit without a change");
            }
            vm.assertTrue(_isEnd(market.jobState(id)), "no end");
        }
        vm.revertToState(snapshot);
    }

    /// A dispute freezes the escrow and the stake of everybody who revealed.
    function invariant_I9_DisputesFreezeEverything() public view {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Job memory job = market.job(id);
            if (job.state != JobState.Disputed) continue;
            vm.assertEq(uint256(job.escrow), handler.posted(id), "escrow");
            bool differ;
            Replica[] memory all = market.replicas(id);
            bytes32 first;
            for (uint256 k = 0; k < all.length; ++k) {
                if (all[k].state != ReplicaState.Revealed) continue;
                vm.assertEq(
                    uint256(all[k].locked), handler.lockedAtMatch(id, all[k].provider), "stake"
                );
                bytes32 result = keccak256(abi.encode(all[k].resultRoot, all[k].units));
                differ = differ || (first != 0 && first != result);
                if (first == 0) first = result;
            }
            vm.assertTrue(differ, "nothing to dispute");
        }
    }

    /// A result that is challengeable or paid is what every replica that revealed has revealed, within
    /// the fuel.
    function invariant_I10_PaidResultsAreUnanimous() public view {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Job memory job = market.job(id);
            bool agreed = job.state == JobState.Challengeable || job.state == JobState.Final;
            vm.assertEq(job.resultRoot != 0, agreed);
            Replica[] memory all = market.replicas(id);
            for (uint256 k = 0; k < all.length; ++k) {
                if (all[k].state != ReplicaState.Revealed) continue;
                vm.assertLe(all[k].units, job.maxUnits, "units above fuel");
                if (!agreed) continue;
                vm.assertEq(all[k].resultRoot, job.resultRoot, "root");
                vm.assertEq(uint256(all[k].units), job.units, "units");
            }
        }
    }

    /// Whoever does its duties in time never loses stake, whatever the others do.
    function invariant_I11_TheHonestAreNeverSlashed() public view {
        for (uint256 i = 0; i < handler.HONEST(); ++i) {
            vm.assertEq(handler.slashed(handler.providers(i)), 0);
        }
    }

    /// Replicas are as many as ordered at most, of different providers, none of them the client, each
    /// at a price within the cap and as far as the job's state says.
    function invariant_I12_ReplicasFitTheOrder() public view {
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Job memory job = market.job(id);
            Replica[] memory all = market.replicas(id);
            vm.assertLe(all.length, job.replicas, "too many");
            bool full = job.state != JobState.Open && uint256(job.state) < uint256(JobState.Final);
            if (full) vm.assertEq(all.length, job.replicas, "too few");
            for (uint256 k = 0; k < all.length; ++k) {
                vm.assertTrue(all[k].provider != job.client, "own job");
                vm.assertLe(all[k].ask.baseFee, job.cap.baseFee, "base fee");
                vm.assertLe(all[k].ask.megaUnit, job.cap.megaUnit, "unit price");
                for (uint256 l = 0; l < k; ++l) {
                    vm.assertTrue(all[k].provider != all[l].provider, "twice");
                }
                if (job.state == JobState.Running || job.state == JobState.Committed) {
                    vm.assertTrue(all[k].state != ReplicaState.Taken, "not acknowledged");
                }
                if (job.state == JobState.Cancelled) {
                    vm.assertTrue(all[k].commitment == 0, "cancelled after a commitment");
                }
                bool beyond = job.state == JobState.Challengeable || job.state == JobState.Disputed
                    || job.state == JobState.Final;
                if (beyond) {
                    vm.assertTrue(all[k].state >= ReplicaState.Revealed, "not revealed");
                }
            }
        }
    }

    /// The handler gets everywhere: walks with fixed seeds reach every state, and a copier tries. All
    /// invariants hold along them.
    function test_WalksReachEveryState() public {
        uint256[14] memory total = _walks(0, 30);
        for (uint256 s = 1; s < 14; ++s) {
            vm.assertTrue(total[s] > 0, string.concat("state ", vm.toString(s)));
        }
    }

    /// Two tests, because one may not use more gas.
    function test_WalksGoOn() public {
        uint256[14] memory total = _walks(30, 60);
        vm.assertGt(total[uint256(JobState.Final)], 0);
    }

    function _walks(uint256 from, uint256 to) private returns (uint256[14] memory total) {
        for (uint256 seed = from; seed < to; ++seed) {
            uint256 snapshot = vm.snapshotState();
            uint256[14] memory reached = this.walk(seed);
            vm.revertToState(snapshot);
            for (uint256 s = 0; s < 14; ++s) {
                total[s] += reached[s];
            }
        }
    }

    /// @dev A frame of its own, so that memory is given back. How often each state was reached, how
    /// often a commitment was copied, and how often a job was paid after a replica had defaulted.
    function walk(uint256 seed) external returns (uint256[14] memory reached) {
        for (uint256 step = 0; step < 120; ++step) {
            _step(uint256(keccak256(abi.encode(seed, step))));
            if (step % 20 == 19) this.checkAll();
        }
        for (uint256 s = 0; s < 12; ++s) {
            reached[s] = handler.reached(JobState(s));
        }
        reached[12] = handler.copies();
        for (uint256 id = 1; id < market.nextJobId(); ++id) {
            Replica[] memory all = market.replicas(id);
            for (uint256 k = 0; k < all.length; ++k) {
                bool silent = all[k].state == ReplicaState.Defaulted;
                if (silent && market.jobState(id) == JobState.Final) ++reached[13];
            }
        }
    }

    function _step(uint256 seed) private {
        bytes4[] memory actions = _actions();
        bytes4 action = actions[seed % actions.length];
        (bool ok,) =
            address(handler).call(abi.encodePacked(action, seed >> 8, seed >> 16, seed >> 24));
        vm.assertTrue(ok, "the handler failed");
    }

    function checkAll() external {
        invariant_I1_MarketOwesWhatItHolds();
        invariant_I2_RegistryHoldsStakesAndBurned();
        invariant_I3_LocksAreBackedByStake();
        invariant_I4_OnlyAllowedTransitionsInTime();
        invariant_I5_EndsAreEmpty();
        invariant_I6_EscrowIsPaidOutOnce();
        invariant_I7_SlashedOnceAndAtMostWhatWasLocked();
        invariant_I8_EveryStateHasAnExitForAnybody();
        invariant_I9_DisputesFreezeEverything();
        invariant_I10_PaidResultsAreUnanimous();
        invariant_I11_TheHonestAreNeverSlashed();
        invariant_I12_ReplicasFitTheOrder();
    }

    /// @dev Moves a job forward, and time, more often than the rest.
    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](31);
        actions[0] = MarketHandler.postJob.selector;
        actions[1] = MarketHandler.postJob.selector;
        actions[2] = MarketHandler.progress.selector;
        actions[3] = MarketHandler.progress.selector;
        actions[4] = MarketHandler.progress.selector;
        actions[5] = MarketHandler.progress.selector;
        actions[6] = MarketHandler.progress.selector;
        actions[7] = MarketHandler.progress.selector;
        actions[8] = MarketHandler.progress.selector;
        actions[9] = MarketHandler.progress.selector;
        actions[10] = MarketHandler.takeJob.selector;
        actions[11] = MarketHandler.quitJob.selector;
        actions[12] = MarketHandler.reportFault.selector;
        actions[13] = MarketHandler.ackJob.selector;
        actions[14] = MarketHandler.commitResult.selector;
        actions[15] = MarketHandler.revealResult.selector;
        actions[16] = MarketHandler.cancelJob.selector;
        actions[17] = MarketHandler.acceptJob.selector;
        actions[18] = MarketHandler.acceptJob.selector;
        actions[19] = MarketHandler.exitJob.selector;
        actions[20] = MarketHandler.exitJob.selector;
        actions[21] = MarketHandler.exitJob.selector;
        actions[22] = MarketHandler.exitJob.selector;
        actions[23] = MarketHandler.withdrawCredit.selector;
        actions[24] = MarketHandler.withdrawFreeStake.selector;
        actions[25] = MarketHandler.addToStake.selector;
        actions[26] = MarketHandler.leaveOrJoin.selector;
        actions[27] = MarketHandler.changeAsk.selector;
        actions[28] = MarketHandler.pass.selector;
        actions[29] = MarketHandler.pass.selector;
        actions[30] = MarketHandler.pass.selector;
    }

    /// @dev What a replica of an ended job was due, worked out from the order.
    function _due(Job memory job, Replica memory replica, bool ran)
        private
        view
        returns (uint256 amount, uint256 times)
    {
        MarketParams memory params = market.params();
        uint256 bytesPrice = uint256(job.inputBytes) * replica.ask.inputByte
            + uint256(job.outputBytes) * replica.ask.outputByte;
        if (job.state == JobState.Final && replica.state == ReplicaState.Revealed) {
            return
                (
                    replica.ask.baseFee + uint256(job.units) * replica.ask.megaUnit / 1e6
                        + bytesPrice,
                    1
                );
        }
        if (job.state == JobState.Cancelled && ran) {
            amount = replica.ask.baseFee + uint256(job.maxUnits) * replica.ask.megaUnit / 1e6
                + bytesPrice;
            return (amount * params.killFeeBps / 10_000, 1);
        }
    }

    /// @dev Whether an ended job had all of its replicas acknowledged.
    function _ran(Job memory job, Replica[] memory all) private pure returns (bool) {
        for (uint256 k = 0; k < all.length; ++k) {
            if (all[k].state == ReplicaState.Taken) return false;
        }
        return all.length == job.replicas;
    }

    function _isEnd(JobState state) private pure returns (bool) {
        return state >= JobState.Final;
    }
}
