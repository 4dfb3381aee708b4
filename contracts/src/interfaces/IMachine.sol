// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IOracle} from "./IOracle.sol";

/// @title IMachine
/// @notice Proves one step of the RISC-V machine of `crates/machine/README.md`, which is the law here.
/// @dev Stateless and trustless: every byte that a result depends on is bound by the code root, by the
/// hash of the state or by the oracle. Every state has a successor; whoever knows the memory can show it.
interface IMachine {
    /// @notice A state has `expected` bytes.
    error WrongStateLength(uint256 expected, uint256 found);
    /// @notice This step's witness has `expected` bytes, or the shown part of it asks for so many.
    error WrongWitnessLength(uint256 expected, uint256 found);
    /// @notice The witness opens other code.
    error WrongCodeRoot(bytes32 expected, bytes32 found);
    /// @notice The witness opens other memory.
    error WrongMemoryRoot(bytes32 expected, bytes32 found);
    /// @notice The oracle holds another commitment, or none (zero), for the part of `key` at `offset`.
    error WrongPart(bytes32 key, uint256 offset, bytes32 expected, bytes32 found);

    /// @notice The step from one state to the next.
    /// @param codeRoot Of the program: `keccak256(u8(window) ‖ treeRoot)`.
    /// @param state The packed state, 354 bytes.
    /// @param witness What the step reads, exactly: see "Witness" in the specification.
    /// @return pre Hash of `state`.
    /// @return post Hash of its successor.
    function step(bytes32 codeRoot, bytes calldata state, bytes calldata witness)
        external
        view
        returns (bytes32 pre, bytes32 post);

    /// @notice Where loaded parts of pre-images are read.
    function oracle() external view returns (IOracle);
}
