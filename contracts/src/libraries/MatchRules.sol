// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {
    BPS,
    Job,
    MarketParams,
    Price,
    Provider,
    ProviderState,
    Refusal,
    Replica,
    ReplicaState
} from "../types/MarketTypes.sol";

/// @title MatchRules
/// @notice Whether a provider fits a job, what the match locks, and whether results agree.
library MatchRules {
    /// @notice Why a provider's standing, hardware or price does not fit a job, with both sides. When
    /// they fit: `Refusal.None`, and `needed` is the stake the match locks.
    function refusal(Job memory job, Provider memory who, MarketParams memory params)
        internal
        pure
        returns (Refusal code, uint256 needed, uint256 have)
    {
        if (who.state == ProviderState.None) return (Refusal.NotRegistered, 0, 0);
        if (who.state != ProviderState.Active) return (Refusal.Inactive, 0, 0);
        if (who.stake < params.minStakeWei) {
            return (Refusal.StakeBelowMinimum, params.minStakeWei, who.stake);
        }
        (code, needed, have) = _hardware(job, who);
        if (code != Refusal.None) return (code, needed, have);
        (code, needed, have) = _price(job.cap, who.ask);
        if (code != Refusal.None) return (code, needed, have);

        needed = backing(job, who.ask, params);
        have = who.stake - who.locked;
        if (have < needed) return (Refusal.Exposure, needed, have);
        return (Refusal.None, needed, have);
    }

    /// @notice Most that a replica at this price can earn, wei.
    function worth(Job memory job, Price memory ask) internal pure returns (uint256) {
        return ask.total(job.maxUnits, job.inputBytes, job.outputBytes);
    }

    /// @notice Wei of stake that a replica at this price locks: the bond and the exposure's backing.
    function backing(Job memory job, Price memory ask, MarketParams memory params)
        internal
        pure
        returns (uint256)
    {
        return params.bondWei + worth(job, ask) * params.exposureBps / BPS;
    }

    /// @notice Whether all revealed results are the same in root and units, and the first of them.
    /// At least one replica must have revealed.
    function agreement(Replica[] memory replicas)
        internal
        pure
        returns (bool equal, bytes32 resultRoot, uint64 units)
    {
        equal = true;
        for (uint256 i = 0; i < replicas.length; ++i) {
            Replica memory replica = replicas[i];
            if (replica.state != ReplicaState.Revealed) continue;
            if (resultRoot == bytes32(0)) {
                (resultRoot, units) = (replica.resultRoot, replica.units);
            } else if (replica.resultRoot != resultRoot || replica.units != units) {
                equal = false;
            }
        }
    }

    function _hardware(Job memory job, Provider memory who)
        private
        pure
        returns (Refusal, uint256, uint256)
    {
        if (who.attributes.vramMib < job.needs.vramMib) {
            return (Refusal.VramMib, job.needs.vramMib, who.attributes.vramMib);
        }
        if (who.attributes.computeCapability < job.needs.computeCapability) {
            return (
                Refusal.ComputeCapability,
                job.needs.computeCapability,
                who.attributes.computeCapability
            );
        }
        if (who.attributes.unitsPerSecond < job.needs.unitsPerSecond) {
            return (Refusal.UnitsPerSecond, job.needs.unitsPerSecond, who.attributes.unitsPerSecond);
        }
        return (Refusal.None, 0, 0);
    }

    function _price(Price memory cap, Price memory ask)
        private
        pure
        returns (Refusal, uint256, uint256)
    {
        if (ask.baseFee > cap.baseFee) return (Refusal.BaseFee, cap.baseFee, ask.baseFee);
        if (ask.megaUnit > cap.megaUnit) {
            return (Refusal.MegaUnitPrice, cap.megaUnit, ask.megaUnit);
        }
        if (ask.inputByte > cap.inputByte) {
            return (Refusal.InputBytePrice, cap.inputByte, ask.inputByte);
        }
        if (ask.outputByte > cap.outputByte) {
            return (Refusal.OutputBytePrice, cap.outputByte, ask.outputByte);
        }
        return (Refusal.None, 0, 0);
    }
}
