// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMachine} from "../interfaces/IMachine.sol";
import {IOracle} from "../interfaces/IOracle.sol";
import {Alu} from "../libraries/Alu.sol";
import {Bytes8} from "../libraries/Bytes8.sol";
import {Decoder} from "../libraries/Decoder.sol";
import {KeccakF} from "../libraries/KeccakF.sol";
import {MachineState} from "../libraries/MachineState.sol";
import {MemoryWord} from "../libraries/MemoryWord.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {OracleKey} from "../libraries/OracleKey.sol";
import {Parts} from "../libraries/Parts.sol";
import {Instruction, Kind} from "../types/Instruction.sol";

/// @title Machine
contract Machine is IMachine {
    using MachineState for bytes;

    /// `size` bytes from byte `start` of leaf `index`, or across it and the next.
    struct Access {
        uint256 index;
        uint256 start;
        uint256 size;
        bool isInMemory;
        bool straddles;
    }

    uint256 private constant MEMORY_BYTES = 1 << 32;
    uint256 private constant LEAF_BYTES = 32;
    /// @dev Code lies in one window of 2^25 bytes.
    uint256 private constant WINDOW_BYTES = 1 << 25;

    // A witness, piece by piece: each begins where the one before it ends.

    /// @dev `u8(window) ‖ treeRoot`, where nothing can be fetched.
    uint256 private constant HEADER = 1 + 32;
    /// @dev `u8(window) ‖ leaf ‖ 20 siblings`.
    uint256 private constant CODE = 1 + 32 * (1 + 20);
    /// @dev `leaf ‖ 27 siblings`, once or twice.
    uint256 private constant OPENING = 32 * (1 + 27);
    uint256 private constant ONE_LEAF = CODE + OPENING;
    uint256 private constant TWO_LEAVES = CODE + 2 * OPENING;
    /// @dev `part ‖ u32(length)`.
    uint256 private constant PREIMAGE = ONE_LEAF + 32 + 4;
    /// @dev 8 leaves, 24 siblings.
    uint256 private constant EIGHT_LEAVES = CODE + 32 * 8;
    uint256 private constant KECCAK_F = EIGHT_LEAVES + 32 * 24;

    // Registers of system calls: `a0`, `a1`, `a7`.
    uint256 private constant A0 = 10;
    uint256 private constant A1 = 11;
    uint256 private constant A7 = 17;

    // Numbers of system calls.
    uint64 private constant CALL_READ_INPUT = 1;
    uint64 private constant CALL_WRITE_OUTPUT = 2;
    uint64 private constant CALL_HINT = 3;
    uint64 private constant CALL_PREIMAGE = 4;
    uint64 private constant CALL_KECCAK_F = 5;
    uint64 private constant CALL_EXIT = 93;

    /// @inheritdoc IMachine
    IOracle public immutable oracle;

    constructor(IOracle oracle_) {
        oracle = oracle_;
    }

    /// @inheritdoc IMachine
    function step(bytes32 codeRoot, bytes calldata state, bytes calldata witness)
        external
        view
        returns (bytes32 pre, bytes32 post)
    {
        require(
            state.length == MachineState.BYTES, WrongStateLength(MachineState.BYTES, state.length)
        );
        bytes memory s = state;
        pre = keccak256(s);
        if (s.isRunning()) {
            (bool fetched, uint32 word) = _fetch(codeRoot, s.pc(), witness);
            if (fetched) _execute(Decoder.decode(word), s, witness);
            else s.trap();
        } else {
            _needs(witness, 0);
        }
        post = keccak256(s);
    }

    // ------------------------------------------------------------------- code

    function _fetch(bytes32 codeRoot, uint64 pc, bytes calldata witness)
        private
        pure
        returns (bool fetched, uint32 word)
    {
        require(witness.length >= HEADER, WrongWitnessLength(HEADER, witness.length));
        uint8 window = uint8(witness[0]);
        fetched = pc % 4 == 0 && pc / WINDOW_BYTES == window;

        bytes32 node = bytes32(witness[1:HEADER]); // the leaf, or the root where nothing is fetched
        if (fetched) {
            require(witness.length >= CODE, WrongWitnessLength(CODE, witness.length));
            uint256 offset = pc % WINDOW_BYTES;
            word = uint32(MemoryWord.read(node, 0, offset % LEAF_BYTES, 4));
            node = MerklePath.root(node, offset / LEAF_BYTES, witness[HEADER:CODE]);
        } else {
            _needs(witness, HEADER);
        }
        bytes32 found = keccak256(abi.encodePacked(window, node));
        require(found == codeRoot, WrongCodeRoot(codeRoot, found));
    }

    function _execute(Instruction memory i, bytes memory s, bytes calldata witness) private view {
        unchecked {
            uint64 a = s.register(i.rs1);
            uint64 b = i.hasImm ? i.imm : s.register(i.rs2);
            if (i.kind == Kind.Load) return _load(i, a + i.imm, s, witness);
            if (i.kind == Kind.Store) return _store(i, a + i.imm, b, s, witness);
            if (i.kind == Kind.Ecall) return _ecall(s, witness);

            _needs(witness, CODE);
            if (i.kind == Kind.Invalid) return s.trap();
            uint64 pc = s.pc();
            uint64 next = pc + 4;
            if (i.kind == Kind.Compute) {
                s.setRegister(i.rd, Alu.compute(i.op, a, b));
            } else if (i.kind == Kind.Auipc) {
                s.setRegister(i.rd, pc + i.imm);
            } else if (i.kind == Kind.Jal) {
                s.setRegister(i.rd, next);
                next = pc + i.imm;
            } else if (i.kind == Kind.Jalr) {
                s.setRegister(i.rd, next);
                next = (a + i.imm) & ~uint64(1);
            } else if (i.kind == Kind.Branch) {
                if (Alu.taken(i.funct3, a, b)) next = pc + i.imm;
            } // else Fence: nothing
            s.setPc(next);
        }
    }

    // ----------------------------------------------------------------- memory

    function _load(Instruction memory i, uint64 address_, bytes memory s, bytes calldata witness)
        private
        pure
    {
        Access memory x = _access(address_, i.funct3);
        if (!x.isInMemory) return _trap(s, witness, CODE);
        _needs(witness, x.straddles ? TWO_LEAVES : ONE_LEAF);

        bytes32 root = s.memoryRoot();
        bytes32 first = _open(root, x.index, witness[CODE:ONE_LEAF]);
        bytes32 second = x.straddles ? _open(root, x.index + 1, witness[ONE_LEAF:]) : bytes32(0);
        uint64 value = MemoryWord.read(first, second, x.start, x.size);
        s.setRegister(i.rd, i.funct3 < 4 ? _signed(value, x.size) : value);
        _advance(s);
    }

    function _store(
        Instruction memory i,
        uint64 address_,
        uint64 value,
        bytes memory s,
        bytes calldata witness
    ) private pure {
        Access memory x = _access(address_, i.funct3);
        if (!x.isInMemory) return _trap(s, witness, CODE);
        _needs(witness, x.straddles ? TWO_LEAVES : ONE_LEAF);

        bytes calldata opening = witness[CODE:ONE_LEAF];
        bytes32 leaf = _open(s.memoryRoot(), x.index, opening);
        (leaf,) = MemoryWord.write(leaf, 0, x.start, x.size, value);
        bytes32 root = _replace(leaf, x.index, opening);
        if (x.straddles) {
            opening = witness[ONE_LEAF:];
            leaf = _open(root, x.index + 1, opening);
            (, leaf) = MemoryWord.write(0, leaf, x.start, x.size, value);
            root = _replace(leaf, x.index + 1, opening);
        }
        s.setMemoryRoot(root);
        _advance(s);
    }

    function _access(uint64 address_, uint8 funct3) private pure returns (Access memory x) {
        x.size = 2 ** (funct3 & 3);
        x.index = address_ / LEAF_BYTES;
        x.start = address_ % LEAF_BYTES;
        x.isInMemory = address_ + x.size <= MEMORY_BYTES;
        x.straddles = x.start + x.size > LEAF_BYTES;
    }

    /// @dev Sign-extends `size` bytes.
    function _signed(uint64 value, uint256 size) private pure returns (uint64) {
        uint64 unused = uint64(64 - 8 * size);
        return uint64(int64(value << unused) >> unused);
    }

    // ----------------------------------------------------------- system calls

    function _ecall(bytes memory s, bytes calldata witness) private view {
        uint64 number = s.register(A7);
        if (number == CALL_READ_INPUT) return _readInput(s, witness);
        if (number == CALL_WRITE_OUTPUT) return _writeOutput(s, witness);
        if (number == CALL_PREIMAGE) return _preimage(s, witness);
        if (number == CALL_KECCAK_F) return _keccakF(s, witness);

        _needs(witness, CODE);
        if (number == CALL_EXIT) s.exit(uint8(s.register(A0)));
        else if (number == CALL_HINT) _advance(s);
        else s.trap();
    }

    function _readInput(bytes memory s, bytes calldata witness) private pure {
        uint64 pointer = s.register(A0);
        if (!_isPointer(pointer, 32)) return _trap(s, witness, CODE);
        _needs(witness, ONE_LEAF);
        uint256 index = pointer / LEAF_BYTES;
        bytes calldata opening = witness[CODE:];
        _open(s.memoryRoot(), index, opening);
        s.setMemoryRoot(_replace(s.input(), index, opening));
        _advance(s);
    }

    function _writeOutput(bytes memory s, bytes calldata witness) private pure {
        uint64 pointer = s.register(A0);
        if (!_isPointer(pointer, 32)) return _trap(s, witness, CODE);
        _needs(witness, ONE_LEAF);
        s.setOutput(_open(s.memoryRoot(), pointer / LEAF_BYTES, witness[CODE:]));
        _advance(s);
    }

    function _preimage(bytes memory s, bytes calldata witness) private view {
        uint64 pointer = s.register(A0);
        uint64 offset = s.register(A1);
        if (!_isPointer(pointer, 64) || offset % Parts.PART_BYTES != 0 || offset > Parts.OFFSET_MAX)
        {
            return _trap(s, witness, CODE);
        }
        require(witness.length >= ONE_LEAF, WrongWitnessLength(ONE_LEAF, witness.length));
        bytes calldata opening = witness[CODE:ONE_LEAF];
        bytes32 key = _open(s.memoryRoot(), pointer / LEAF_BYTES, opening);
        if (!OracleKey.isKey(key)) return _trap(s, witness, ONE_LEAF);

        _needs(witness, PREIMAGE);
        bytes32 part = bytes32(witness[ONE_LEAF:]);
        uint32 length = uint32(bytes4(witness[ONE_LEAF + 32:]));
        bytes32 expected = oracle.partOf(key, offset);
        bytes32 found = Parts.commit(key, uint32(offset), part, length);
        require(found == expected, WrongPart(key, offset, expected, found));

        // The part replaces the key's sibling: the parent of both, from there up as before.
        bytes32 parent = MerklePath.parent(key, part);
        s.setMemoryRoot(_replace(parent, pointer / (2 * LEAF_BYTES), opening[32:]));
        s.setRegister(A0, length);
        _advance(s);
    }

    function _keccakF(bytes memory s, bytes calldata witness) private pure {
        uint64 pointer = s.register(A0);
        if (!_isPointer(pointer, 256)) return _trap(s, witness, CODE);
        _needs(witness, KECCAK_F);
        bytes32[8] memory leaves = abi.decode(witness[CODE:EIGHT_LEAVES], (bytes32[8]));
        bytes calldata siblings = witness[EIGHT_LEAVES:];
        uint256 index = pointer / (8 * LEAF_BYTES);
        bytes32 root = MerklePath.root(MerklePath.root8(leaves), index, siblings);
        require(root == s.memoryRoot(), WrongMemoryRoot(s.memoryRoot(), root));

        _permute(leaves);
        s.setMemoryRoot(MerklePath.root(MerklePath.root8(leaves), index, siblings));
        _advance(s);
    }

    /// @dev keccak-f on the first 200 bytes; the other seven words stay.
    function _permute(bytes32[8] memory leaves) private pure {
        unchecked {
            uint256[25] memory lanes;
            for (uint256 i; i < 8; ++i) {
                leaves[i] = Bytes8.reverse(leaves[i]);
            }
            for (uint256 i; i < 25; ++i) {
                lanes[i] = uint64(uint256(leaves[i / 4]) >> (192 - 64 * (i % 4)));
            }
            KeccakF.permute(lanes);
            for (uint256 i; i < 25; ++i) {
                uint256 shift = 192 - 64 * (i % 4);
                uint256 others = uint256(leaves[i / 4]) & ~(uint256(type(uint64).max) << shift);
                leaves[i / 4] = bytes32(others | (lanes[i] << shift));
            }
            for (uint256 i; i < 8; ++i) {
                leaves[i] = Bytes8.reverse(leaves[i]);
            }
        }
    }

    function _isPointer(uint64 pointer, uint256 alignment) private pure returns (bool) {
        return pointer % alignment == 0 && pointer < MEMORY_BYTES;
    }

    // ---------------------------------------------------------------- helpers

    /// @dev `opening` is `leaf ‖ siblings`.
    function _open(bytes32 root, uint256 index, bytes calldata opening)
        private
        pure
        returns (bytes32 leaf)
    {
        leaf = bytes32(opening);
        bytes32 found = MerklePath.root(leaf, index, opening[32:]);
        require(found == root, WrongMemoryRoot(root, found));
    }

    /// @dev Root with `node` in the place of what `opening`, which is checked, begins with.
    function _replace(bytes32 node, uint256 index, bytes calldata opening)
        private
        pure
        returns (bytes32)
    {
        return MerklePath.root(node, index, opening[32:]);
    }

    function _advance(bytes memory s) private pure {
        unchecked {
            s.setPc(s.pc() + 4);
        }
    }

    function _trap(bytes memory s, bytes calldata witness, uint256 length) private pure {
        _needs(witness, length);
        s.trap();
    }

    function _needs(bytes calldata witness, uint256 length) private pure {
        require(witness.length == length, WrongWitnessLength(length, witness.length));
    }
}
