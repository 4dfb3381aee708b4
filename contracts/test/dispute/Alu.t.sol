// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Alu} from "../../src/libraries/Alu.sol";
import {Op} from "../../src/types/Instruction.sol";
import {Base, vm} from "../Base.sol";
import {ReferenceAlu} from "./ReferenceAlu.sol";

/// @notice The ALU against a second formulation, on any operands and on those where mistakes live.
contract AluTest is Base {
    /// @dev Values at the edges of 8, 16, 32 and 64 bits, and small ones.
    function _edge(uint64 x) private pure returns (uint64) {
        uint64[16] memory edges = [
            uint64(0),
            1,
            2,
            63,
            64,
            0x7f,
            0x80,
            0xffff,
            0x7fffffff,
            0x80000000,
            0xffffffff,
            0x100000000,
            0x7fffffffffffffff,
            0x8000000000000000,
            0xffffffff80000000,
            0xffffffffffffffff
        ];
        return edges[x % 16];
    }

    function _assertAll(uint64 a, uint64 b) private pure {
        for (uint256 i = 1; i <= uint256(type(Op).max); ++i) {
            uint64 expected = ReferenceAlu.compute(Op(i), a, b);
            vm.assertEq(Alu.compute(Op(i), a, b), expected, vm.toString(i));
        }
        for (uint8 funct3; funct3 < 8; ++funct3) {
            if (funct3 == 2 || funct3 == 3) continue;
            bool expected = ReferenceAlu.taken(funct3, a, b);
            vm.assertEq(Alu.taken(funct3, a, b), expected);
        }
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_AnyOperands(uint64 a, uint64 b) public pure {
        _assertAll(a, b);
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_OneEdge(uint64 a, uint64 b, bool first) public pure {
        if (first) _assertAll(_edge(a), b);
        else _assertAll(a, _edge(b));
    }

    function test_AllEdges() public pure {
        for (uint64 i; i < 256; ++i) {
            _assertAll(_edge(i), _edge(i / 16));
        }
    }
}
