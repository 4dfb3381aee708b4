// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Machine} from "../../src/dispute/Machine.sol";
import {Oracle} from "../../src/dispute/Oracle.sol";
import {Base, vm} from "../Base.sol";

interface VmSnapshot {
    function snapshotValue(string calldata name, uint256 value) external;
    function cool(address account) external;
}

/// @notice What a step, and a load, cost as transactions of their own: the larger of the standard price
/// (21,000 + 16 or 4 a byte + execution) and the floor (21,000 + 40 or 10 a byte) of EIP-7623.
/// @dev Every sibling and every byte of the state is as dear as it can be: not zero. Kept in
/// snapshots/MachineGasTest.json, with the code sizes.
contract MachineGasTest is Base {
    uint256 private constant CODE_BYTES_MAX = 24_576; // EIP-170
    uint256 private constant TX_GAS_MAX = 1 << 24; // EIP-7825
    uint256 private constant STEP_MAX = 150_000;
    uint256 private constant CALL_MAX = 200_000;

    uint32 private constant ECALL = 0x00000073;
    uint64 private constant PC = (5 << 25) | 0x1555554;
    /// @dev The last bytes of the leaf in the middle of memory: its neighbour's path has no node in common
    /// with its own.
    uint64 private constant MIDDLE = (1 << 31) - 3;
    uint64 private constant POINTER = 0x5a3c_0100;

    Oracle private oracle;
    Machine private machine;
    VmSnapshot private snapshots = VmSnapshot(address(vm));

    function setUp() public {
        oracle = new Oracle();
        machine = new Machine(oracle);
    }

    // ------------------------------------------------------------ worst cases

    /// @dev Words without a zero byte.
    function _noise(bytes memory seed, uint256 count) private pure returns (bytes memory out) {
        bytes32 ones = 0x0101010101010101010101010101010101010101010101010101010101010101;
        out = new bytes(32 * count);
        for (uint256 i; i < count; ++i) {
            _put(out, i, keccak256(abi.encodePacked(seed, i)) | ones);
        }
    }

    /// @dev Root from `node`, `siblings.length / 32` levels up.
    function _climb(bytes32 node, uint256 index, bytes memory siblings)
        private
        pure
        returns (bytes32)
    {
        for (uint256 i; i < siblings.length / 32; ++i) {
            bytes32 sibling = _at(siblings, i);
            node = (index >> i) & 1 == 0
                ? keccak256(abi.encodePacked(node, sibling))
                : keccak256(abi.encodePacked(sibling, node));
        }
        return node;
    }

    function _at(bytes memory words, uint256 i) private pure returns (bytes32 word) {
        for (uint256 j; j < 32; ++j) {
            word |= bytes32(words[32 * i + j]) >> (8 * j);
        }
    }

    function _code(uint64 pc, uint32 word)
        private
        pure
        returns (bytes32 codeRoot, bytes memory witness)
    {
        uint256 shift = 224 - 8 * (pc % 32);
        uint256 swapped = (uint256(word & 0xff) << 24) | (uint256(word & 0xff00) << 8)
            | ((word >> 8) & 0xff00) | (word >> 24);
        uint256 leaf = uint256(_at(_noise("code", 1), 0)) & ~(uint256(0xffffffff) << shift);
        leaf |= swapped << shift;
        bytes memory siblings = _noise("code siblings", 20);
        uint8 window = uint8(pc >> 25);
        bytes32 root = _climb(bytes32(leaf), (pc >> 5) % (1 << 20), siblings);
        return (keccak256(abi.encodePacked(window, root)), abi.encodePacked(window, leaf, siblings));
    }

    /// @dev With `a0`, `a1`, `a2` and `a7`; every other byte is noise.
    function _state(uint64 a0, uint64 a1, uint64 a7, bytes32 memoryRoot)
        private
        pure
        returns (bytes memory state)
    {
        state = abi.encodePacked(PC);
        for (uint256 i = 1; i < 32; ++i) {
            uint64 x = uint64(uint256(_at(_noise("register", 8), i / 4)) >> (64 * (i % 4)));
            if (i == 10) x = a0;
            if (i == 11) x = a1;
            if (i == 17) x = a7;
            state = abi.encodePacked(state, x);
        }
        return abi.encodePacked(
            state, memoryRoot, _noise("input", 1), _noise("output", 1), uint8(1), uint8(1)
        );
    }

    // -------------------------------------------------------------- measuring

    /// @dev Gas of a transaction that makes this call.
    function _transaction(address to, bytes memory data, string memory name)
        private
        returns (uint256 gas)
    {
        snapshots.cool(address(oracle));
        uint256 left = gasleft();
        (bool ok,) = to.call(data);
        uint256 execution = left - gasleft();
        vm.assertTrue(ok, name);
        uint256 zeros;
        for (uint256 i; i < data.length; ++i) {
            if (data[i] == 0) ++zeros;
        }
        uint256 tokens = 4 * (data.length - zeros) + zeros;
        gas = 21_000 + 4 * tokens + execution;
        uint256 floor = 21_000 + 10 * tokens;
        if (gas < floor) gas = floor;
        snapshots.snapshotValue(name, gas);
    }

    function _step(
        uint32 word,
        bytes memory state,
        bytes memory rest,
        uint256 max,
        string memory name
    ) private {
        (bytes32 codeRoot, bytes memory witness) = _code(PC, word);
        witness = bytes.concat(witness, rest);
        bytes memory data = abi.encodeCall(Machine.step, (codeRoot, state, witness));
        vm.assertLe(_transaction(address(machine), data, name), max, name);
    }

    /// @dev One leaf at `index` under noise.
    function _opening(uint256 index) private pure returns (bytes32 root, bytes memory opening) {
        opening = _noise("memory", 28);
        root = _climb(_at(opening, 0), index, _slice(opening, 1, 27));
    }

    // -------------------------------------------------------------- the steps

    function test_Compute() public {
        bytes memory state = _state(1 << 63, 1, 1, keccak256("memory"));
        // a0 := op(a0, a1)
        _step(0x00b50533, state, "", STEP_MAX, "step, add");
        _step(0x02b51533, state, "", STEP_MAX, "step, mulh");
        _step(0x02b54533, state, "", STEP_MAX, "step, div");
        _step(0x60051513, state, "", STEP_MAX, "step, clz");
        _step(0x60251513, state, "", STEP_MAX, "step, cpop");
        _step(0x28755513, state, "", STEP_MAX, "step, orc.b");
        _step(0x48b55533, state, "", STEP_MAX, "step, bext");
        _step(0x00b50863, state, "", STEP_MAX, "step, branch");
        _step(0x010000ef, state, "", STEP_MAX, "step, jal");
        _step(0x0ff0000f, state, "", STEP_MAX, "step, fence");
        _step(0x00000000, state, "", STEP_MAX, "step, trap");
    }

    function test_Halted() public {
        bytes memory state = _state(1, 1, 1, keccak256("memory"));
        state[352] = 0x02;
        bytes memory data = abi.encodeCall(Machine.step, (keccak256("code"), state, ""));
        vm.assertLe(_transaction(address(machine), data, "step, halted"), STEP_MAX);
    }

    function test_BadFetch() public {
        bytes memory state = _state(1, 1, 1, keccak256("memory"));
        state[7] = 0x55;
        bytes memory witness = abi.encodePacked(uint8(5), _noise("tree", 1));
        bytes memory data = abi.encodeCall(Machine.step, (keccak256(witness), state, witness));
        vm.assertLe(_transaction(address(machine), data, "step, bad fetch"), STEP_MAX);
    }

    function test_Memory() public {
        (bytes32 root, bytes memory opening) = _opening(POINTER / 32);
        bytes memory state = _state(POINTER, type(uint64).max, 1, root);
        _step(0x00053583, state, opening, STEP_MAX, "step, load"); // ld a1,0(a0)
        _step(0x00b53023, state, opening, STEP_MAX, "step, store"); // sd a1,0(a0)
    }

    function test_Straddle() public {
        bytes memory first = _noise("memory", 28);
        bytes memory second = _noise("more memory", 28);
        uint256 index = MIDDLE / 32;
        // Below the root the paths share nothing; each top sibling is the other's subtree.
        _put(first, 27, _climb(_at(second, 0), index + 1, _slice(second, 1, 26)));
        bytes32 root = _climb(_at(first, 0), index, _slice(first, 1, 27));

        bytes memory loaded = _copy(second);
        _put(loaded, 27, _climb(_at(first, 0), index, _slice(first, 1, 26)));
        bytes memory state = _state(MIDDLE, type(uint64).max, 1, root);
        _step(0x00053583, state, bytes.concat(first, loaded), STEP_MAX, "step, straddling load");

        // The first three bytes of -1 are in the first leaf now.
        bytes32 written = _at(first, 0) | bytes32(uint256(0xffffff));
        _put(second, 27, _climb(written, index, _slice(first, 1, 26)));
        _step(0x00b53023, state, bytes.concat(first, second), STEP_MAX, "step, straddling store");
    }

    function _copy(bytes memory a) private pure returns (bytes memory) {
        return bytes.concat(a, "");
    }

    /// @dev `count` words from word `from`.
    function _slice(bytes memory a, uint256 from, uint256 count)
        private
        pure
        returns (bytes memory out)
    {
        out = new bytes(32 * count);
        for (uint256 i; i < out.length; ++i) {
            out[i] = a[32 * from + i];
        }
    }

    function _put(bytes memory a, uint256 i, bytes32 word) private pure {
        for (uint256 j; j < 32; ++j) {
            a[32 * i + j] = word[j];
        }
    }

    function test_Calls() public {
        (bytes32 root, bytes memory opening) = _opening(POINTER / 32);
        bytes memory state = _state(POINTER, 1, 1, root);
        _step(ECALL, state, opening, STEP_MAX, "step, read_input");
        _step(ECALL, _state(POINTER, 1, 2, root), opening, STEP_MAX, "step, write_output");
        _step(ECALL, _state(POINTER, 1, 3, root), "", STEP_MAX, "step, hint");
        _step(ECALL, _state(POINTER, 1, 93, root), "", STEP_MAX, "step, exit");
    }

    function test_KeccakF() public {
        bytes memory leaves = _noise("leaves", 8);
        bytes32[8] memory nodes = abi.decode(leaves, (bytes32[8]));
        for (uint256 width = 4; width > 0; width /= 2) {
            for (uint256 i; i < width; ++i) {
                nodes[i] = keccak256(abi.encodePacked(nodes[2 * i], nodes[2 * i + 1]));
            }
        }
        bytes memory siblings = _noise("siblings", 24);
        bytes32 root = _climb(nodes[0], POINTER / 256, siblings);
        bytes memory state = _state(POINTER, 1, 5, root);
        _step(ECALL, state, bytes.concat(leaves, siblings), CALL_MAX, "step, keccak_f");
    }

    function test_Preimage() public {
        bytes memory value = _noise("value", 2048);
        bytes32 key = oracle.loadKeccak(value, 2047, 1);
        bytes memory opening = bytes.concat(key, _noise("memory", 27));
        bytes32 root = _climb(key, POINTER / 32, _slice(opening, 1, 27));
        bytes memory rest = bytes.concat(opening, _slice(value, 2047, 1), hex"00010000");
        _step(ECALL, _state(POINTER, 65_504, 4, root), rest, CALL_MAX, "step, preimage");
    }

    // -------------------------------------------------------------- the loads

    function _load(bytes memory data, uint256 bytes_, string memory name) private {
        uint256 gas = _transaction(address(oracle), data, name);
        vm.assertLe(gas, 60_000 + 45 * bytes_, name);
    }

    function test_Loads() public {
        bytes memory value = _noise("value", 2048);
        _load(abi.encodeCall(Oracle.loadKeccak, ("", 0, 1)), 0, "loadKeccak, empty");
        _load(abi.encodeCall(Oracle.loadKeccak, (value, 7, 1)), 65_536, "loadKeccak, 64 KiB");
        _load(abi.encodeCall(Oracle.loadSha256, (value, 7, 1)), 65_536, "loadSha256, 64 KiB");
        value = _noise("value", 17);
        _load(abi.encodeCall(Oracle.loadKeccak, (value, 1, 1)), 544, "loadKeccak, 544 bytes");
        _load(abi.encodeCall(Oracle.loadSha256, (value, 1, 1)), 544, "loadSha256, 544 bytes");
    }

    function test_LoadsByPrecompile() public {
        // The blob of zeros: the points at infinity.
        bytes memory infinity = bytes.concat(hex"c0", new bytes(47));
        bytes32 hash = bytes32((uint256(1) << 248) | (uint256(sha256(infinity)) << 8 >> 8));
        bytes memory data =
            abi.encodeCall(Oracle.loadBlob, (hash, 4095, 0, infinity, infinity, 0, 1));
        uint256 gas = _transaction(address(oracle), data, "loadBlob");
        vm.assertLe(gas, 60_000 + 50_000 + 45 * 32);
        data = abi.encodeCall(Oracle.loadPrecompile, (address(1), _noise("signature", 4), 0, 1));
        gas = _transaction(address(oracle), data, "loadPrecompile, ecrecover");
        vm.assertLe(gas, 60_000 + 3000 + 45 * 128);
    }

    function test_DearestReplaysFitATransaction() public {
        // Noise is no point, and a call that fails uses up its gas.
        bytes memory input = _noise("pairs", 64 * 6);
        bytes memory data = abi.encodeCall(Oracle.loadPrecompile, (address(8), input, 0, 1));
        vm.assertLe(
            _transaction(address(oracle), data, "loadPrecompile, failing pairing"), TX_GAS_MAX
        );
        input = abi.encodePacked(uint256(1024), uint256(32), uint256(1024), _noise("numbers", 65));
        data = abi.encodeCall(Oracle.loadPrecompile, (address(5), input, 0, 1));
        vm.assertLe(
            _transaction(address(oracle), data, "loadPrecompile, dearest MODEXP"), TX_GAS_MAX
        );
    }

    // ------------------------------------------------------------------ sizes

    function test_CodeFits() public {
        snapshots.snapshotValue("code bytes of Machine", address(machine).code.length);
        snapshots.snapshotValue("code bytes of Oracle", address(oracle).code.length);
        vm.assertLe(address(machine).code.length, CODE_BYTES_MAX);
        vm.assertLe(address(oracle).code.length, CODE_BYTES_MAX);
    }
}
