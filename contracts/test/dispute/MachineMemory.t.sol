// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice Loads and stores, at every alignment and at the ends of memory.
contract MachineMemoryTest is MachineFixture {
    using SparseTree for Leaf[];

    uint32 private constant LB = 0x00058503; // lb a0,0(a1)
    uint32 private constant LH = 0x00059503;
    uint32 private constant LW = 0x0005a503;
    uint32 private constant LD = 0x0005b503;
    uint32 private constant LBU = 0x0005c503;
    uint32 private constant LHU = 0x0005d503;
    uint32 private constant LWU = 0x0005e503;
    uint32 private constant SB = 0x00c58023; // sb a2,0(a1)
    uint32 private constant SH = 0x00c59023;
    uint32 private constant SW = 0x00c5a023;
    uint32 private constant SD = 0x00c5b023;

    uint64 private constant BASE = 0x4000_1000; // begins a page of 4096 bytes
    uint64 private constant TOP = 1 << 32;
    uint64 private constant ONES = type(uint64).max;
    bytes32 private constant BYTES =
        0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f;
    bytes32 private constant NEXT =
        0xf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f;

    /// @dev `word` with `where` in `a1`; two leaves of known bytes at BASE, and one at memory's end.
    function _accessing(uint32 word, uint64 where) private pure returns (Run memory r) {
        r = running(word);
        r.x[A1] = where;
        r.x[A2] = 0x1122334455667788;
        r.mem = r.mem.with(BASE / 32, BYTES).with(BASE / 32 + 1, NEXT);
        r.mem = r.mem.with(BASE / 32 - 1, NEXT).with(TOP / 32 - 1, BYTES);
    }

    function _loads(uint32 word, uint64 where, uint64 expected) private view {
        assertWrites(_accessing(word, where), A0, expected, vm.toString(where));
    }

    // ------------------------------------------------------------------ loads

    function test_LoadsAreLittleEndianAndExtend() public view {
        _loads(LB, BASE, 0xffffffffffffff80);
        _loads(LBU, BASE, 0x80);
        _loads(LB, BASE + 16, 0x70);
        _loads(LBU, BASE + 31, 0x7f);
        _loads(LH, BASE, 0xffffffffffff8180);
        _loads(LHU, BASE, 0x8180);
        _loads(LH, BASE + 16, 0x7170);
        _loads(LW, BASE, 0xffffffff83828180);
        _loads(LWU, BASE, 0x83828180);
        _loads(LW, BASE + 16, 0x73727170);
        _loads(LD, BASE, 0x8786858483828180);
        _loads(LD, BASE + 24, 0x7f7e7d7c7b7a7978);
    }

    function test_LoadsAtEveryAlignment() public view {
        _loads(LD, BASE + 1, 0x8887868584838281);
        _loads(LD, BASE + 23, 0x7e7d7c7b7a797877);
        _loads(LW, BASE + 27, 0x7e7d7c7b);
        _loads(LH, BASE + 29, 0x7e7d);
    }

    function test_LoadsAcrossLeaves() public view {
        _loads(LH, BASE + 31, 0xfffffffffffff07f);
        _loads(LHU, BASE + 31, 0xf07f);
        _loads(LW, BASE + 29, 0xfffffffff07f7e7d);
        _loads(LWU, BASE + 30, 0xf1f07f7e);
        _loads(LW, BASE + 31, 0xfffffffff2f1f07f);
        _loads(LD, BASE + 25, 0xf07f7e7d7c7b7a79);
        _loads(LD, BASE + 28, 0xf3f2f1f07f7e7d7c);
        _loads(LD, BASE + 31, 0xf6f5f4f3f2f1f07f);
    }

    function test_LoadsAcrossPages() public view {
        _loads(LD, BASE - 1, 0x868584838281800f);
        _loads(LD, BASE - 7, 0x800f0e0d0c0b0a09);
    }

    function test_LoadsReachTheEndOfMemory() public view {
        _loads(LB, TOP - 1, 0x7f);
        _loads(LH, TOP - 2, 0x7f7e);
        _loads(LW, TOP - 4, 0x7f7e7d7c);
        _loads(LD, TOP - 8, 0x7f7e7d7c7b7a7978);
        _loads(LD, 0, uint64(uint256(_swap(keccak256("first leaf")))));
    }

    function _swap(bytes32 leaf) private pure returns (uint64 value) {
        for (uint256 i; i < 8; ++i) {
            value |= uint64(uint8(leaf[i])) << uint64(8 * i);
        }
    }

    function test_LoadsPastTheEndTrap() public view {
        assertTraps(_accessing(LB, TOP));
        assertTraps(_accessing(LBU, ONES));
        assertTraps(_accessing(LH, TOP - 1));
        assertTraps(_accessing(LHU, ONES));
        assertTraps(_accessing(LW, TOP - 3));
        assertTraps(_accessing(LWU, ONES - 2));
        assertTraps(_accessing(LD, TOP - 7));
        assertTraps(_accessing(LD, TOP - 1));
        // Would wrap around to the beginning.
        assertTraps(_accessing(LD, ONES - 3));
        assertTraps(_accessing(LD, ONES - 7));
    }

    function test_AddressesWrapBeforeTheCheck() public view {
        // ld a0,-8(a1): -8 mod 2^64 with a1 = 0 is no memory, with a1 = 8 it is the beginning.
        Run memory r = _accessing(0xff85b503, 0);
        assertTraps(r);
        r = _accessing(0xff85b503, BASE + 8);
        assertWrites(r, A0, 0x8786858483828180, "ld a0,-8(a1)");
        // ld a0,2047(a1)
        r = _accessing(0x7ff5b503, BASE - 2047);
        assertWrites(r, A0, 0x8786858483828180, "ld a0,2047(a1)");
        unchecked {
            r = _accessing(0x7ff5b503, BASE + (1 << 32) - 2047);
            assertTraps(r);
            r = _accessing(0x7ff5b503, uint64(0) - 2047);
            assertWrites(r, A0, _swap(keccak256("first leaf")), "wraps to 0");
        }
    }

    function test_LoadsToX0() public view {
        Run memory r = _accessing(0x0005b003, BASE);
        assertWrites(r, 0, 0, "ld x0,0(a1)");
        assertTraps(_accessing(0x0005b003, TOP));
    }

    function test_LoadsOverTheirBase() public view {
        assertWrites(_accessing(0x0005b583, BASE), A1, 0x8786858483828180, "ld a1,0(a1)");
    }

    function test_LoadsZeroWhereNothingIs() public view {
        _loads(LD, 0x8000_0000, 0);
        _loads(LD, 0x8000_001d, 0);
    }

    // ----------------------------------------------------------------- stores

    /// @dev The leaves at BASE become `first` and `second`.
    function _stores(uint32 word, uint64 where, bytes32 first, bytes32 second) private view {
        Run memory r = _accessing(word, where);
        Run memory next = copyOf(r);
        next.mem = next.mem.with(BASE / 32, first).with(BASE / 32 + 1, second);
        next.pc += 4;
        assertStep(r, next, vm.toString(where));
    }

    function test_StoresAreLittleEndian() public view {
        bytes32 leaf = 0x888182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f;
        _stores(SB, BASE, leaf, NEXT);
        leaf = 0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d7e88;
        _stores(SB, BASE + 31, leaf, NEXT);
        leaf = 0x808182838485868788898a8b8c8d8e8f708877737475767778797a7b7c7d7e7f;
        _stores(SH, BASE + 17, leaf, NEXT);
        leaf = 0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b88776655;
        _stores(SW, BASE + 28, leaf, NEXT);
        leaf = 0x887766554433221188898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f;
        _stores(SD, BASE, leaf, NEXT);
        leaf = 0x808182838485868788898a8b8c8d8e8f70717273747576778877665544332211;
        _stores(SD, BASE + 24, leaf, NEXT);
    }

    function test_StoresAcrossLeaves() public view {
        bytes32 leaf = 0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d7e88;
        bytes32 next = 0x77f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f;
        _stores(SH, BASE + 31, leaf, next);
        leaf = 0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d8877;
        next = 0x6655f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f;
        _stores(SW, BASE + 30, leaf, next);
        leaf = 0x808182838485868788898a8b8c8d8e8f70717273747576777888776655443322;
        next = 0x11f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f;
        _stores(SD, BASE + 25, leaf, next);
        leaf = 0x808182838485868788898a8b8c8d8e8f707172737475767778797a7b7c7d7e88;
        next = 0x77665544332211f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f;
        _stores(SD, BASE + 31, leaf, next);
    }

    function test_StoresReachTheEndOfMemory() public view {
        Run memory r = _accessing(SD, TOP - 8);
        Run memory next = copyOf(r);
        next.mem = next.mem
            .with(TOP / 32 - 1, 0x808182838485868788898a8b8c8d8e8f70717273747576778877665544332211);
        next.pc += 4;
        assertStep(r, next);
    }

    function test_StoresPastTheEndTrap() public view {
        assertTraps(_accessing(SB, TOP));
        assertTraps(_accessing(SH, TOP - 1));
        assertTraps(_accessing(SW, TOP - 3));
        assertTraps(_accessing(SD, TOP - 7));
        assertTraps(_accessing(SD, ONES - 3));
        assertTraps(_accessing(SD, ONES));
    }

    function test_StoresAtEitherEndOfTheirReach() public view {
        Run memory r = _accessing(0x80c5b023, BASE + 2048); // sd a2,-2048(a1)
        Run memory next = copyOf(r);
        next.mem = next.mem
            .with(BASE / 32, 0x887766554433221188898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f);
        next.pc += 4;
        assertStep(r, next);
        r = _accessing(0x7ec5bfa3, BASE - 2047); // sd a2,2047(a1)
        next.x[A1] = BASE - 2047;
        assertStep(r, next);
    }

    function test_StoresX0AndTheirBase() public view {
        Run memory r = _accessing(0x0005b023, BASE); // sd x0,0(a1)
        Run memory next = copyOf(r);
        next.mem = next.mem
            .with(BASE / 32, 0x000000000000000088898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f);
        next.pc += 4;
        assertStep(r, next);
        r = _accessing(0x00b5b023, BASE); // sd a1,0(a1)
        next.mem = next.mem
            .with(BASE / 32, 0x001000400000000088898a8b8c8d8e8f707172737475767778797a7b7c7d7e7f);
        assertStep(r, next);
    }

    // ------------------------------------------------------------------- both

    /// @dev Against memory written byte by byte.
    function testFuzz_StoresAreBytes(uint64 where, uint64 value, uint256 size, bool nearTheEnd)
        public
        view
    {
        where = nearTheEnd ? uint64(TOP - where % 40) : uint64(BASE + where % 40);
        size = size % 4;
        Run memory r = _accessing(uint32(SB | (size << 12)), where);
        r.x[A2] = value;
        if (uint256(where) + (2 ** size) > TOP) return assertTraps(r);
        Run memory next = copyOf(r);
        next.mem = next.mem.poke(where, 2 ** size, value);
        next.pc += 4;
        assertStep(r, next);
    }

    function testFuzz_LoadsAreBytes(uint64 where, uint256 size, bool isUnsigned, bool nearTheEnd)
        public
        view
    {
        where = nearTheEnd ? uint64(TOP - where % 40) : uint64(BASE + where % 40);
        size = isUnsigned ? size % 3 : size % 4;
        Run memory r = _accessing(uint32(LB | (size << 12) | (isUnsigned ? 4 << 12 : 0)), where);
        uint64 count = uint64(2 ** size);
        if (uint256(where) + count > TOP) return assertTraps(r);
        uint64 expected;
        uint8 last;
        for (uint64 i; i < count; ++i) {
            last = uint8(r.mem.valueAt((where + i) / 32)[(where + i) % 32]);
            expected |= uint64(last) << (8 * i);
        }
        if (!isUnsigned && last >= 0x80 && count < 8) expected |= ONES << (8 * count);
        assertWrites(r, A0, expected, "");
    }
}
