// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Cause, JobState} from "../types/MarketTypes.sol";

/// @title LifeCycle
/// @notice Which changes of a job's state there are.
library LifeCycle {
    /// @notice Whether a job may go from one state to the other.
    function allowed(JobState from, JobState to) internal pure returns (bool) {
        if (from == JobState.None) return to == JobState.Open;
        if (from == JobState.Open) {
            return to == JobState.Assigned || to == JobState.Cancelled || to == JobState.Expired
                || to == JobState.InputFault;
        }
        if (from == JobState.Assigned) {
            return to == JobState.Open || to == JobState.Running || to == JobState.Cancelled
                || to == JobState.Expired || to == JobState.InputFault;
        }
        if (from == JobState.Running) {
            return to == JobState.Committed || to == JobState.Cancelled || to == JobState.Expired;
        }
        if (from == JobState.Committed) {
            return to == JobState.Challengeable || to == JobState.Disputed || to == JobState.Expired;
        }
        if (from == JobState.Challengeable) return to == JobState.Final;
        if (from == JobState.Disputed) return to == JobState.Void;
        return false;
    }

    /// @notice What the time-out exit of a state is called; `None` for an end.
    function exitOf(JobState state) internal pure returns (Cause) {
        if (state == JobState.Open) return Cause.MatchTimeout;
        if (state == JobState.Assigned) return Cause.AckTimeout;
        if (state == JobState.Running) return Cause.CommitTimeout;
        if (state == JobState.Committed) return Cause.RevealTimeout;
        if (state == JobState.Challengeable) return Cause.WindowPassed;
        if (state == JobState.Disputed) return Cause.ResolveTimeout;
        return Cause.None;
    }

    /// @notice Whether `poke` is the time-out exit of a state.
    function isPoked(JobState state) internal pure returns (bool) {
        return state == JobState.Open || state == JobState.Assigned || state == JobState.Running
            || state == JobState.Committed;
    }
}
