// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Machine} from "../../src/dispute/Machine.sol";
import {Oracle} from "../../src/dispute/Oracle.sol";
import {IMachine} from "../../src/interfaces/IMachine.sol";
import {Base, vm} from "../Base.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice A machine before one step, in the clear.
struct Run {
    uint8 window;
    Leaf[] code;
    uint64 pc;
    uint64[32] x;
    Leaf[] mem;
    bytes32 input;
    bytes32 output;
    uint8 status;
    uint8 exitCode;
    /// What the oracle knows for the key of a `preimage` call.
    bytes value;
}

/// @notice Builds states and witnesses from the specification, with nothing of the contract's code.
abstract contract MachineFixture is Base {
    using SparseTree for Leaf[];

    uint256 internal constant CODE_DEPTH = 20;
    uint256 internal constant MEMORY_DEPTH = 27;

    uint8 internal constant RUNNING = 1;
    uint8 internal constant EXITED = 2;
    uint8 internal constant TRAPPED = 3;

    uint32 internal constant ECALL = 0x00000073;
    uint256 internal constant A0 = 10;
    uint256 internal constant A1 = 11;
    uint256 internal constant A2 = 12;
    uint256 internal constant A7 = 17;

    uint64 internal constant PC = (5 << 25) | 0x0a5f6d4;

    Oracle internal oracle;
    Machine internal machine;

    function setUp() public virtual {
        oracle = new Oracle();
        machine = new Machine(oracle);
    }

    // ------------------------------------------------------------------- runs

    /// @dev A machine about to execute `word`, with something everywhere.
    function running(uint32 word) internal pure returns (Run memory r) {
        r.window = 5;
        setPc(r, PC, word);
        for (uint256 i = 1; i < 32; ++i) {
            r.x[i] = uint64(uint256(keccak256(abi.encode("register", i))));
        }
        r.mem = new Leaf[](3);
        r.mem[0] = Leaf(0, keccak256("first leaf"));
        r.mem[1] = Leaf(0x2c5a3d1, keccak256("some leaf"));
        r.mem[2] = Leaf((2 ** MEMORY_DEPTH) - 1, keccak256("last leaf"));
        r.input = keccak256("input");
        r.output = keccak256("output");
        r.status = RUNNING;
        r.exitCode = 0;
    }

    /// @dev Puts `word` at `pc`, among other code.
    function setPc(Run memory r, uint64 pc, uint32 word) internal pure {
        r.pc = pc;
        uint256 index = (pc >> 5) % (2 ** CODE_DEPTH);
        r.code = new Leaf[](2);
        r.code[0] = Leaf(index, keccak256("code"));
        r.code[1] = Leaf(index ^ 3, keccak256("other code"));
        r.code = r.code.poke(pc % (1 << 25), 4, word);
    }

    /// @dev A system call.
    function calling(uint64 number, uint64 a0, uint64 a1) internal pure returns (Run memory r) {
        r = running(ECALL);
        r.x[A7] = number;
        r.x[A0] = a0;
        r.x[A1] = a1;
    }

    function copyOf(Run memory r) internal pure returns (Run memory) {
        return abi.decode(abi.encode(r), (Run));
    }

    // --------------------------------------------------------- what goes in

    function pack(Run memory r) internal pure returns (bytes memory state) {
        state = abi.encodePacked(r.pc);
        for (uint256 i = 1; i < 32; ++i) {
            state = abi.encodePacked(state, r.x[i]);
        }
        bytes32 root = r.mem.root(MEMORY_DEPTH);
        return abi.encodePacked(state, root, r.input, r.output, r.status, r.exitCode);
    }

    function codeRoot(Run memory r) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(r.window, r.code.root(CODE_DEPTH)));
    }

    function witness(Run memory r) internal pure returns (bytes memory w) {
        if (r.status != RUNNING) return "";
        if (r.pc % 4 != 0 || r.pc >> 25 != r.window) {
            return abi.encodePacked(r.window, r.code.root(CODE_DEPTH));
        }
        uint256 index = (r.pc >> 5) % (2 ** CODE_DEPTH);
        w = abi.encodePacked(r.window, r.code.opening(CODE_DEPTH, index));
        uint32 word = wordOf(r);
        uint256 opcode = word & 0x7f;
        uint256 funct3 = (word >> 12) & 7;
        if (word == ECALL) return abi.encodePacked(w, _callWitness(r));
        bool isStore = opcode == 0x23 && funct3 <= 3;
        if (!isStore && (opcode != 0x03 || funct3 == 7)) return w;

        uint256 where = addressOf(r);
        uint256 size = 2 ** (funct3 & 3);
        if (where + size > 1 << 32) return w;
        w = abi.encodePacked(w, r.mem.opening(MEMORY_DEPTH, where / 32));
        if (where / 32 == (where + size - 1) / 32) return w;
        Leaf[] memory mem = r.mem;
        if (isStore) mem = mem.poke(where, 32 - where % 32, r.x[(word >> 20) & 31]);
        return abi.encodePacked(w, mem.opening(MEMORY_DEPTH, where / 32 + 1));
    }

    function _callWitness(Run memory r) private pure returns (bytes memory) {
        uint64 number = r.x[A7];
        uint64 a0 = r.x[A0];
        uint64 a1 = r.x[A1];
        if (a0 >= 1 << 32) return "";
        if (number == 1 || number == 2) {
            return a0 % 32 == 0 ? r.mem.opening(MEMORY_DEPTH, a0 / 32) : bytes("");
        }
        if (number == 4) {
            if (a0 % 64 != 0 || a1 % 32 != 0 || a1 > 65_504) return "";
            bytes memory opened = r.mem.opening(MEMORY_DEPTH, a0 / 32);
            uint8 kind = uint8(opened[0]);
            if (kind != 2 && kind != 4 && kind != 5 && kind != 6) return opened;
            return abi.encodePacked(opened, partOf(r.value, a1), uint32(r.value.length));
        }
        if (number == 5 && a0 % 256 == 0) {
            bytes memory leaves;
            for (uint256 i; i < 8; ++i) {
                leaves = abi.encodePacked(leaves, r.mem.valueAt(a0 / 32 + i));
            }
            return abi.encodePacked(leaves, r.mem.siblings(MEMORY_DEPTH, a0 / 32, 3));
        }
        return "";
    }

    /// @dev The word at `pc`, read byte by byte.
    function wordOf(Run memory r) internal pure returns (uint32 word) {
        bytes32 leaf = r.code.valueAt((r.pc >> 5) % (2 ** CODE_DEPTH));
        for (uint256 i; i < 4; ++i) {
            word |= uint32(uint8(leaf[r.pc % 32 + i])) << uint32(8 * i);
        }
    }

    /// @dev The address that a load or store reaches.
    function addressOf(Run memory r) internal pure returns (uint64) {
        uint32 word = wordOf(r);
        uint64 imm = word >> 20;
        if (word & 0x7f == 0x23) imm = ((word >> 25) << 5) | ((word >> 7) & 31);
        uint64 base = r.x[(word >> 15) & 31];
        unchecked {
            return imm < 2048 ? base + imm : base + imm - 4096;
        }
    }

    /// @dev 32 bytes from `offset`, zeros after the end, copied byte by byte.
    function partOf(bytes memory value, uint256 offset) internal pure returns (bytes32 part) {
        for (uint256 i; i < 32 && offset + i < value.length; ++i) {
            part |= bytes32(value[offset + i]) >> (8 * i);
        }
    }

    // ------------------------------------------------------- what comes out

    /// @dev `before` steps to `after_`, both by their hashes.
    function assertStep(Run memory before, Run memory after_, string memory name) internal view {
        bytes memory state = pack(before);
        (bytes32 pre, bytes32 post) = machine.step(codeRoot(before), state, witness(before));
        vm.assertEq(pre, keccak256(state), name);
        vm.assertEq(post, keccak256(pack(after_)), name);
    }

    function assertStep(Run memory before, Run memory after_) internal view {
        assertStep(before, after_, "");
    }

    /// @dev Only the status changes.
    function assertTraps(Run memory r) internal view {
        assertTraps(r, "");
    }

    function assertTraps(Run memory r, string memory name) internal view {
        Run memory trapped = copyOf(r);
        trapped.status = TRAPPED;
        assertStep(r, trapped, name);
    }

    /// @dev `rd` becomes `value`, the machine goes on.
    function assertWrites(Run memory r, uint256 rd, uint64 value, string memory name)
        internal
        view
    {
        Run memory next = copyOf(r);
        if (rd != 0) next.x[rd] = value;
        next.pc += 4;
        assertStep(r, next, name);
    }

    /// @dev `word`, with `a` in `a1` and `b` in `a2`, leaves `expected` in `a0`.
    function check(uint32 word, uint64 a, uint64 b, uint64 expected, string memory name)
        internal
        view
    {
        Run memory r = running(word);
        r.x[A1] = a;
        r.x[A2] = b;
        assertWrites(r, A0, expected, name);
    }

    /// @dev The step reverts, with any error.
    function assertRejects(bytes32 root, bytes memory state, bytes memory w, string memory why)
        internal
        view
    {
        try machine.step(root, state, w) {
            vm.assertTrue(false, why);
        } catch {}
    }
}
