// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IOracle} from "../interfaces/IOracle.sol";

/// @title Replay
/// @notice Calls a precompile with exactly so much gas, or reverts.
/// @dev A call asked to forward more than 63/64 of what is left forwards less without a word (EIP-150):
/// starved of gas, a good call would look like a failed one. So the check and the call stand together.
library Replay {
    /// @dev More than everything between the check and the call costs.
    uint256 private constant OVERHEAD = 5_000;

    /// @return ok Whether the call succeeded; if not, there is no output.
    function call(address precompile, uint256 forwarded, bytes memory input)
        internal
        view
        returns (bool ok, bytes memory output)
    {
        uint256 needed = forwarded + forwarded / 63 + OVERHEAD;
        uint256 left = gasleft();
        require(left >= needed, IOracle.NotEnoughGas(needed, left));
        assembly ("memory-safe") {
            ok := staticcall(forwarded, precompile, add(input, 32), mload(input), 0, 0)
            if ok {
                output := mload(0x40)
                mstore(output, returndatasize())
                returndatacopy(add(output, 32), 0, returndatasize())
                mstore(0x40, and(add(add(output, 63), returndatasize()), not(31)))
            }
        }
    }
}
