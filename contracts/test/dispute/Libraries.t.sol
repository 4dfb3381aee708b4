// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bytes8} from "../../src/libraries/Bytes8.sol";
import {KeccakF} from "../../src/libraries/KeccakF.sol";
import {MachineState} from "../../src/libraries/MachineState.sol";
import {MemoryWord} from "../../src/libraries/MemoryWord.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";
import {Parts} from "../../src/libraries/Parts.sol";
import {Base, vm} from "../Base.sol";
import {ReferenceKeccak} from "./ReferenceKeccak.sol";

/// @notice What is written in assembly or with shifts, against the obvious way to write it.
contract MachineLibrariesTest is Base {
    using MachineState for bytes;
    using Parts for bytes;

    // ---------------------------------------------------------------- KeccakF

    function test_KeccakFOfZeros() public pure {
        uint256[25] memory lanes;
        KeccakF.permute(lanes);
        vm.assertEq(lanes[0], 0xf1258f7940e1dde7);
        vm.assertEq(lanes[1], 0x84d5ccf933c0478a);
        vm.assertEq(lanes[24], 0xeaf1ff7b5ceca249);
        KeccakF.permute(lanes);
        vm.assertEq(lanes[0], 0x2d5c954df96ecb3c);
    }

    function testFuzz_KeccakFIsFips202(bytes32 seed) public pure {
        uint256[25] memory lanes;
        uint64[25] memory expected;
        for (uint256 i; i < 25; ++i) {
            expected[i] = uint64(uint256(keccak256(abi.encode(seed, i))));
            lanes[i] = expected[i];
        }
        bytes32 before = keccak256(abi.encode(seed));
        KeccakF.permute(lanes);
        ReferenceKeccak.permute(expected);
        for (uint256 i; i < 25; ++i) {
            vm.assertEq(lanes[i], expected[i]);
        }
        vm.assertEq(keccak256(abi.encode(seed)), before); // memory is in order
    }

    /// @dev One block of the sponge.
    function testFuzz_KeccakFIsTheEvms(bytes memory message) public pure {
        if (message.length > 135) {
            assembly ("memory-safe") {
                mstore(message, 135)
            }
        }
        uint256[25] memory lanes;
        for (uint256 i; i < 136; ++i) {
            uint8 b = i < message.length ? uint8(message[i]) : i == message.length ? 1 : 0;
            if (i == 135) b |= 0x80;
            lanes[i / 8] |= uint256(b) << (8 * (i % 8));
        }
        KeccakF.permute(lanes);
        bytes32 hash;
        for (uint256 i; i < 32; ++i) {
            hash |= bytes32((lanes[i / 8] >> (8 * (i % 8))) & 0xff) << (248 - 8 * i);
        }
        vm.assertEq(hash, keccak256(message));
    }

    // ------------------------------------------------------------- MerklePath

    function root(bytes32 node, uint256 index, bytes calldata siblings)
        external
        pure
        returns (bytes32)
    {
        return MerklePath.root(node, index, siblings);
    }

    function testFuzz_MerklePath(bytes32 node, uint256 index, bytes32[] memory path) public view {
        bytes32 expected = node;
        for (uint256 i; i < path.length; ++i) {
            expected = i < 256 && (index >> i) % 2 == 1
                ? keccak256(abi.encodePacked(path[i], expected))
                : keccak256(abi.encodePacked(expected, path[i]));
        }
        vm.assertEq(this.root(node, index, abi.encodePacked(path)), expected);
    }

    function testFuzz_RootOfEight(bytes32[8] memory leaves) public pure {
        bytes32 copy = keccak256(abi.encode(leaves));
        bytes32[] memory row = new bytes32[](8);
        for (uint256 i; i < 8; ++i) {
            row[i] = leaves[i];
        }
        for (uint256 width = 4; width > 0; width /= 2) {
            for (uint256 i; i < width; ++i) {
                row[i] = keccak256(abi.encodePacked(row[2 * i], row[2 * i + 1]));
            }
        }
        vm.assertEq(MerklePath.root8(leaves), row[0]);
        vm.assertEq(keccak256(abi.encode(leaves)), copy);
    }

    function testFuzz_Parent(bytes32 left, bytes32 right) public pure {
        vm.assertEq(MerklePath.parent(left, right), keccak256(abi.encodePacked(left, right)));
    }

    // ----------------------------------------------------------- MachineState

    /// @dev Eight bytes at `offset`, byte by byte.
    function _assert8(bytes memory state, uint256 offset, uint64 expected) private pure {
        for (uint256 i; i < 8; ++i) {
            vm.assertEq(uint8(state[offset + i]), uint8(expected >> (56 - 8 * i)));
        }
    }

    function testFuzz_StateFields(bytes32 seed, uint256 index, uint64 value, bytes32 word)
        public
        pure
    {
        index = index % 32;
        bytes memory state = new bytes(354);
        for (uint256 i; i < 354; ++i) {
            state[i] = bytes1(keccak256(abi.encode(seed, i)));
        }
        bytes memory expected = bytes.concat(state);
        _assert8(state, 0, state.pc());
        if (index != 0) _assert8(state, 8 * index, state.register(index));
        else vm.assertEq(state.register(0), 0);

        state.setRegister(index, value);
        for (uint256 i; index != 0 && i < 8; ++i) {
            expected[8 * index + i] = bytes1(uint8(value >> (56 - 8 * i)));
        }
        vm.assertEq(state, expected);
        state.setPc(value);
        for (uint256 i; i < 8; ++i) {
            expected[i] = bytes1(uint8(value >> (56 - 8 * i)));
        }
        vm.assertEq(state, expected);
        state.setMemoryRoot(word);
        for (uint256 i; i < 32; ++i) {
            expected[256 + i] = word[i];
        }
        vm.assertEq(state, expected);
        vm.assertEq(state.memoryRoot(), word);
        state.setOutput(word);
        for (uint256 i; i < 32; ++i) {
            expected[320 + i] = word[i];
            vm.assertEq(uint8(state.input()[i]), uint8(expected[288 + i]));
        }
        vm.assertEq(state, expected);
        state.trap();
        expected[352] = 0x03;
        vm.assertEq(state, expected);
        vm.assertFalse(state.isRunning());
        state.exit(uint8(value));
        expected[352] = 0x02;
        expected[353] = bytes1(uint8(value));
        vm.assertEq(state, expected);
        vm.assertFalse(state.isRunning());
        state[352] = 0x01;
        vm.assertTrue(state.isRunning());
    }

    // ------------------------------------------------- MemoryWord and Bytes8

    function testFuzz_Reverse(bytes32 words) public pure {
        bytes32 reversed = Bytes8.reverse(words);
        for (uint256 i; i < 32; ++i) {
            vm.assertEq(uint8(reversed[i]), uint8(words[i + 7 - 2 * (i % 8)]));
        }
        uint64 word = Bytes8.reverse(uint64(uint256(words)));
        vm.assertEq(uint256(word), uint64(uint256(reversed)));
    }

    function testFuzz_WordsInLeaves(
        bytes32 first,
        bytes32 second,
        uint256 start,
        uint256 size,
        uint64 value
    ) public pure {
        start = start % 32;
        size = 2 ** (size % 4);
        bytes memory both = abi.encodePacked(first, second);
        uint64 read;
        for (uint256 i; i < size; ++i) {
            read |= uint64(uint8(both[start + i])) << uint64(8 * i);
            both[start + i] = bytes1(uint8(value >> (8 * i)));
        }
        vm.assertEq(MemoryWord.read(first, second, start, size), read);
        (first, second) = MemoryWord.write(first, second, start, size, value);
        vm.assertEq(abi.encodePacked(first, second), both);
    }

    // ------------------------------------------------------------------ Parts

    function testFuzz_Parts(bytes memory value, uint256 offset) public pure {
        uint256 length = value.length;
        offset = offset % (length + 70);
        value = bytes.concat(value, keccak256("dirt"), keccak256("more dirt"));
        assembly ("memory-safe") {
            mstore(value, length)
        }
        bytes32 part = value.partAt(offset);
        for (uint256 i; i < 32; ++i) {
            uint8 expected = offset + i < value.length ? uint8(value[offset + i]) : 0;
            vm.assertEq(uint8(part[i]), expected);
        }
    }

    function test_PartsAreBound() public pure {
        bytes32 key = bytes32(uint256(0x02) << 248);
        vm.assertEq(
            Parts.commit(key, 32, "part", 36),
            keccak256(bytes.concat(key, hex"00000020", bytes32("part"), hex"00000024"))
        );
    }
}
