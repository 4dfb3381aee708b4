// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title MachineState
/// @notice Fields of the machine's packed state.
/// @dev `pc ‖ x1 .. x31 ‖ memoryRoot ‖ input ‖ output ‖ status ‖ exitCode`, 354 bytes. Every function
/// expects that length; words are read and written in assembly.
library MachineState {
    uint256 internal constant BYTES = 354;

    uint8 internal constant RUNNING = 1;
    uint8 internal constant EXITED = 2;
    uint8 internal constant TRAPPED = 3;

    uint256 private constant MEMORY_ROOT = 256;
    uint256 private constant INPUT = 288;
    uint256 private constant OUTPUT = 320;
    uint256 private constant STATUS = 352;
    uint256 private constant EXIT_CODE = 353;

    function pc(bytes memory self) internal pure returns (uint64) {
        return _get8(self, 0);
    }

    function setPc(bytes memory self, uint64 value) internal pure {
        _set8(self, 0, value);
    }

    /// @dev `x0` reads as zero.
    function register(bytes memory self, uint256 index) internal pure returns (uint64) {
        return index == 0 ? 0 : _get8(self, 8 * index);
    }

    /// @dev What is written to `x0` vanishes.
    function setRegister(bytes memory self, uint256 index, uint64 value) internal pure {
        if (index != 0) _set8(self, 8 * index, value);
    }

    function memoryRoot(bytes memory self) internal pure returns (bytes32) {
        return _get32(self, MEMORY_ROOT);
    }

    function setMemoryRoot(bytes memory self, bytes32 value) internal pure {
        _set32(self, MEMORY_ROOT, value);
    }

    function input(bytes memory self) internal pure returns (bytes32) {
        return _get32(self, INPUT);
    }

    function setOutput(bytes memory self, bytes32 value) internal pure {
        _set32(self, OUTPUT, value);
    }

    function isRunning(bytes memory self) internal pure returns (bool) {
        return uint8(self[STATUS]) == RUNNING;
    }

    function exit(bytes memory self, uint8 code) internal pure {
        self[STATUS] = bytes1(EXITED);
        self[EXIT_CODE] = bytes1(code);
    }

    function trap(bytes memory self) internal pure {
        self[STATUS] = bytes1(TRAPPED);
    }

    function _get8(bytes memory self, uint256 offset) private pure returns (uint64) {
        return uint64(uint256(_get32(self, offset)) >> 192);
    }

    function _set8(bytes memory self, uint256 offset, uint64 value) private pure {
        uint256 rest = uint256(_get32(self, offset)) & type(uint192).max;
        _set32(self, offset, bytes32((uint256(value) << 192) | rest));
    }

    function _get32(bytes memory self, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(self, 32), offset))
        }
    }

    function _set32(bytes memory self, uint256 offset, bytes32 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(self, 32), offset), word)
        }
    }
}
