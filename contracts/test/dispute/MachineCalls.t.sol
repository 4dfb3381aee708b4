// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {ReferenceKeccak} from "./ReferenceKeccak.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice System calls.
contract MachineCallsTest is MachineFixture {
    using SparseTree for Leaf[];

    uint64 private constant POINTER = 0x5a3c_0100; // a multiple of 256
    uint64 private constant TOP = 1 << 32;
    bytes32 private constant LEAF = keccak256("a leaf");

    function _trapsAt(uint64 number, uint64 a0) private view {
        assertTraps(calling(number, a0, 0), vm.toString(a0));
    }

    // ------------------------------------------------------------------- exit

    function test_ExitTakesAByteAndStays() public view {
        uint64[4] memory codes = [uint64(0), 7, 0xffffffffffffffff, 0x100];
        uint8[4] memory expected = [0, 7, 255, 0];
        for (uint256 i; i < 4; ++i) {
            Run memory r = calling(93, codes[i], 0);
            Run memory next = copyOf(r);
            next.status = EXITED;
            next.exitCode = expected[i];
            assertStep(r, next);
        }
    }

    // ------------------------------------------------------------------- hint

    function test_HintDoesNothing() public view {
        uint64[3] memory pointers = [uint64(0), 0x1234567, type(uint64).max];
        for (uint256 i; i < 3; ++i) {
            assertWrites(calling(3, pointers[i], type(uint64).max), 0, 0, "hint");
        }
    }

    // ------------------------------------------------------- unknown numbers

    function test_UnknownNumbersTrap() public view {
        _trapsAt(0, POINTER);
        _trapsAt(6, POINTER);
        _trapsAt(92, POINTER);
        _trapsAt(94, POINTER);
        _trapsAt((1 << 32) + 93, POINTER);
        _trapsAt((1 << 63) + 1, POINTER);
        _trapsAt(256 + 2, POINTER);
    }

    // ---------------------------------------------------------- input, output

    function _readsInput(uint64 where) private view {
        Run memory r = calling(1, where, 0);
        Run memory next = copyOf(r);
        next.mem = next.mem.with(where / 32, r.input);
        next.pc += 4;
        assertStep(r, next);
    }

    function test_ReadInputReplacesALeaf() public view {
        _readsInput(POINTER);
        _readsInput(POINTER + 32);
        _readsInput(0);
        _readsInput(TOP - 32);
    }

    function test_WriteOutputCopiesALeaf() public view {
        Run memory r = calling(2, POINTER + 32, 0);
        r.mem = r.mem.with(POINTER / 32 + 1, LEAF);
        Run memory next = copyOf(r);
        next.output = LEAF;
        next.pc += 4;
        assertStep(r, next);
        r.x[A0] = TOP - 32;
        next.x[A0] = TOP - 32;
        next.output = keccak256("last leaf");
        assertStep(r, next);
    }

    function test_InputAndOutputWantAligned32() public view {
        for (uint64 number = 1; number <= 2; ++number) {
            _trapsAt(number, POINTER + 1);
            _trapsAt(number, POINTER + 16);
            _trapsAt(number, TOP);
            _trapsAt(number, TOP + POINTER);
            _trapsAt(number, type(uint64).max - 31);
        }
    }

    // --------------------------------------------------------------- keccak_f

    /// @dev Leaf 6 keeps its last 24 bytes and leaf 7 all of them.
    function _permutes(uint64 where, bytes32 seed, bool isZero) private view {
        Run memory r = calling(5, where, 0);
        uint64[25] memory lanes;
        for (uint256 i; i < 25 && !isZero; ++i) {
            lanes[i] = uint64(uint256(keccak256(abi.encode(seed, i))));
            r.mem = r.mem.poke(where + 8 * i, 8, lanes[i]);
        }
        r.mem = r.mem.poke(where + 200, 8, 0x1122334455667788).with(where / 32 + 7, LEAF);
        ReferenceKeccak.permute(lanes);
        Run memory next = copyOf(r);
        for (uint256 i; i < 25; ++i) {
            next.mem = next.mem.poke(where + 8 * i, 8, lanes[i]);
        }
        next.pc += 4;
        assertStep(r, next);
    }

    function test_KeccakFPermutesZeros() public view {
        _permutes(POINTER, 0, true);
    }

    function test_KeccakFPermutesTheBeginning() public view {
        _permutes(0, "two", false);
    }

    function test_KeccakFPermutesTheEnd() public view {
        _permutes(TOP - 256, "three", false);
    }

    /// @dev One block of a sponge: the first leaf becomes the hash.
    function test_KeccakFIsTheHash() public view {
        bytes memory message = "nothing can be trusted that cannot be checked";
        bytes memory block_ = bytes.concat(message, new bytes(256 - message.length));
        block_[message.length] = 0x01;
        block_[135] = 0x80;
        Run memory r = calling(5, POINTER, 0);
        bytes32[8] memory leaves = abi.decode(block_, (bytes32[8]));
        uint64[25] memory lanes;
        for (uint256 i; i < 8; ++i) {
            r.mem = r.mem.with(POINTER / 32 + i, leaves[i]);
        }
        for (uint256 i; i < 200; ++i) {
            lanes[i / 8] |= uint64(uint8(block_[i])) << uint64(8 * (i % 8));
        }
        ReferenceKeccak.permute(lanes);
        Run memory next = copyOf(r);
        for (uint256 i; i < 25; ++i) {
            next.mem = next.mem.poke(POINTER + 8 * i, 8, lanes[i]);
        }
        vm.assertEq(next.mem.valueAt(POINTER / 32), keccak256(message));
        next.pc += 4;
        assertStep(r, next);
    }

    function test_KeccakFWantsAligned256() public view {
        _trapsAt(5, POINTER + 1);
        _trapsAt(5, POINTER + 32);
        _trapsAt(5, POINTER + 128);
        _trapsAt(5, TOP);
        _trapsAt(5, type(uint64).max - 255);
    }

    // --------------------------------------------------------------- preimage

    function _asking(bytes32 key, bytes memory value, uint64 where, uint64 offset)
        private
        pure
        returns (Run memory r)
    {
        r = calling(4, where, offset);
        r.mem = r.mem.with(where / 32, key).with(where / 32 + 1, LEAF);
        r.value = value;
    }

    /// @dev The leaf after the key becomes the part, `a0` the length.
    function _answers(Run memory r, bytes32 part, uint64 length) private view {
        Run memory next = copyOf(r);
        next.mem = next.mem.with(r.x[A0] / 32 + 1, part);
        next.x[A0] = length;
        next.pc += 4;
        assertStep(r, next);
    }

    function test_PreimageBringsAPart() public {
        bytes memory value = "thirty-two bytes make a single part and then some";
        bytes32 key = oracle.loadKeccak(value, 0, 3);
        _answers(_asking(key, value, POINTER, 0), bytes32("thirty-two bytes make a single p"), 49);
        _answers(_asking(key, value, 0, 32), bytes32("art and then some"), 49);
        _answers(_asking(key, value, TOP - 64, 64), 0, 49);
    }

    function test_PreimageOfEveryType() public {
        bytes memory value = "value";
        _answers(_asking(oracle.loadSha256(value, 0, 1), value, POINTER, 0), "value", 5);
        value = bytes.concat(hex"01", keccak256("data"));
        bytes32 key = oracle.loadPrecompile(address(4), abi.encodePacked(keccak256("data")), 0, 1);
        bytes32 part = bytes32((uint256(1) << 248) | (uint256(keccak256("data")) >> 8));
        _answers(_asking(key, value, POINTER, 0), part, 33);
    }

    function test_PreimageOfAnEmptyValueAtTheLastOffset() public {
        bytes32 key = oracle.loadKeccak("", 2047, 1);
        _answers(_asking(key, "", POINTER, 65_504), 0, 0);
    }

    function test_PreimageTrapsBeforeItOpens() public view {
        bytes32 key = bytes32(uint256(2) << 248);
        assertTraps(_asking(key, "", POINTER + 32, 0), "pointer of 32");
        assertTraps(_asking(key, "", POINTER + 1, 0), "pointer of 1");
        assertTraps(_asking(key, "", POINTER, 1), "offset 1");
        assertTraps(_asking(key, "", POINTER, 16), "offset 16");
        assertTraps(_asking(key, "", POINTER, 65_536), "offset 65,536");
        assertTraps(_asking(key, "", POINTER, (1 << 32)), "offset 2^32");
        assertTraps(_asking(key, "", POINTER, type(uint64).max - 31), "last offset");
        assertTraps(calling(4, TOP, 0), "pointer 2^32");
    }

    function test_PreimageTrapsWithoutAType() public view {
        uint8[10] memory kinds = [0, 1, 3, 7, 8, 18, 34, 130, 132, 255];
        for (uint256 i; i < kinds.length; ++i) {
            bytes32 key = bytes32((uint256(kinds[i]) << 248) | 0x02);
            assertTraps(_asking(key, "", POINTER, 0), vm.toString(kinds[i]));
        }
    }

    function test_RevertWhen_PreimageIsNotLoaded() public {
        bytes memory value = "thirty-two bytes make a single part and then some";
        bytes32 key = oracle.loadKeccak(value, 1, 1);
        _rejects(_asking(key, value, POINTER, 0), "another part");
        _rejects(_asking(bytes32(uint256(key) ^ 1), value, POINTER, 32), "another key");
        _rejects(_asking(key, "thirty-two bytes are one part, and then more", POINTER, 32), "part");
        _rejects(
            _asking(key, "thirty-two bytes are one part, and then some\x00", POINTER, 32), "length"
        );
    }

    function _rejects(Run memory r, string memory why) private view {
        assertRejects(codeRoot(r), pack(r), witness(r), why);
    }
}
