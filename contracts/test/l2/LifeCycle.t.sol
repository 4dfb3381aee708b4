// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LifeCycle} from "../../src/libraries/LifeCycle.sol";
import {Cause, JobState} from "../../src/types/MarketTypes.sol";
import {Base, vm} from "../Base.sol";

/// @notice The table of the README, written a second time as a list.
contract LifeCycleTest is Base {
    uint256 private constant STATES = 12;

    function test_ExactlyTheListedTransitionsAreAllowed() public pure {
        JobState[2][18] memory list = [
            [JobState.None, JobState.Open],
            [JobState.Open, JobState.Assigned],
            [JobState.Open, JobState.Cancelled],
            [JobState.Open, JobState.Expired],
            [JobState.Open, JobState.InputFault],
            [JobState.Assigned, JobState.Open],
            [JobState.Assigned, JobState.Running],
            [JobState.Assigned, JobState.Cancelled],
            [JobState.Assigned, JobState.Expired],
            [JobState.Assigned, JobState.InputFault],
            [JobState.Running, JobState.Committed],
            [JobState.Running, JobState.Cancelled],
            [JobState.Running, JobState.Expired],
            [JobState.Committed, JobState.Challengeable],
            [JobState.Committed, JobState.Disputed],
            [JobState.Committed, JobState.Expired],
            [JobState.Challengeable, JobState.Final],
            [JobState.Disputed, JobState.Void]
        ];
        uint256 allowed;
        for (uint256 from = 0; from < STATES; ++from) {
            for (uint256 to = 0; to < STATES; ++to) {
                if (LifeCycle.allowed(JobState(from), JobState(to))) ++allowed;
            }
        }
        vm.assertEq(allowed, list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            vm.assertTrue(LifeCycle.allowed(list[i][0], list[i][1]));
        }
    }

    /// A state has a time-out exit exactly when some transition leads out of it.
    function test_EveryStateThatIsNoEndHasAnExit() public pure {
        for (uint256 from = 1; from < STATES; ++from) {
            bool leads;
            for (uint256 to = 0; to < STATES; ++to) {
                leads = leads || LifeCycle.allowed(JobState(from), JobState(to));
            }
            vm.assertEq(LifeCycle.exitOf(JobState(from)) != Cause.None, leads);
        }
    }
}
