// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Decoder} from "../../src/libraries/Decoder.sol";
import {Instruction, Kind, Op} from "../../src/types/Instruction.sol";
import {Base, vm} from "../Base.sol";

/// @notice The decoder against a table of masks and patterns.
/// @dev The table is what GNU as 2.40 writes for each instruction: bits that its operands do not change
/// are the mask. Fields of `fence` are free and `ecall` is one word (specification).
contract DecoderTest is Base {
    struct Row {
        uint32 mask;
        uint32 pattern;
        Kind kind;
        Op op;
    }

    Row[] private _rows;

    function _row(uint32 mask, uint32 pattern, Kind kind, Op op) private {
        _rows.push(Row(mask, pattern, kind, op));
    }

    function setUp() public {
        _row(0xfe00707f, 0x00000033, Kind.Compute, Op.Add); // add
        _row(0xfe00707f, 0x40000033, Kind.Compute, Op.Sub); // sub
        _row(0xfe00707f, 0x00001033, Kind.Compute, Op.Sll); // sll
        _row(0xfe00707f, 0x00002033, Kind.Compute, Op.Slt); // slt
        _row(0xfe00707f, 0x00003033, Kind.Compute, Op.Sltu); // sltu
        _row(0xfe00707f, 0x00004033, Kind.Compute, Op.Xor); // xor
        _row(0xfe00707f, 0x00005033, Kind.Compute, Op.Srl); // srl
        _row(0xfe00707f, 0x40005033, Kind.Compute, Op.Sra); // sra
        _row(0xfe00707f, 0x00006033, Kind.Compute, Op.Or); // or
        _row(0xfe00707f, 0x00007033, Kind.Compute, Op.And); // and
        _row(0xfe00707f, 0x0000003b, Kind.Compute, Op.Addw); // addw
        _row(0xfe00707f, 0x4000003b, Kind.Compute, Op.Subw); // subw
        _row(0xfe00707f, 0x0000103b, Kind.Compute, Op.Sllw); // sllw
        _row(0xfe00707f, 0x0000503b, Kind.Compute, Op.Srlw); // srlw
        _row(0xfe00707f, 0x4000503b, Kind.Compute, Op.Sraw); // sraw
        _row(0xfe00707f, 0x02000033, Kind.Compute, Op.Mul); // mul
        _row(0xfe00707f, 0x02001033, Kind.Compute, Op.Mulh); // mulh
        _row(0xfe00707f, 0x02002033, Kind.Compute, Op.Mulhsu); // mulhsu
        _row(0xfe00707f, 0x02003033, Kind.Compute, Op.Mulhu); // mulhu
        _row(0xfe00707f, 0x02004033, Kind.Compute, Op.Div); // div
        _row(0xfe00707f, 0x02005033, Kind.Compute, Op.Divu); // divu
        _row(0xfe00707f, 0x02006033, Kind.Compute, Op.Rem); // rem
        _row(0xfe00707f, 0x02007033, Kind.Compute, Op.Remu); // remu
        _row(0xfe00707f, 0x0200003b, Kind.Compute, Op.Mulw); // mulw
        _row(0xfe00707f, 0x0200403b, Kind.Compute, Op.Divw); // divw
        _row(0xfe00707f, 0x0200503b, Kind.Compute, Op.Divuw); // divuw
        _row(0xfe00707f, 0x0200603b, Kind.Compute, Op.Remw); // remw
        _row(0xfe00707f, 0x0200703b, Kind.Compute, Op.Remuw); // remuw
        _row(0xfe00707f, 0x0800003b, Kind.Compute, Op.AddUw); // add.uw
        _row(0xfe00707f, 0x20002033, Kind.Compute, Op.Sh1add); // sh1add
        _row(0xfe00707f, 0x20004033, Kind.Compute, Op.Sh2add); // sh2add
        _row(0xfe00707f, 0x20006033, Kind.Compute, Op.Sh3add); // sh3add
        _row(0xfe00707f, 0x2000203b, Kind.Compute, Op.Sh1addUw); // sh1add.uw
        _row(0xfe00707f, 0x2000403b, Kind.Compute, Op.Sh2addUw); // sh2add.uw
        _row(0xfe00707f, 0x2000603b, Kind.Compute, Op.Sh3addUw); // sh3add.uw
        _row(0xfe00707f, 0x40007033, Kind.Compute, Op.Andn); // andn
        _row(0xfe00707f, 0x40006033, Kind.Compute, Op.Orn); // orn
        _row(0xfe00707f, 0x40004033, Kind.Compute, Op.Xnor); // xnor
        _row(0xfe00707f, 0x0a006033, Kind.Compute, Op.Max); // max
        _row(0xfe00707f, 0x0a007033, Kind.Compute, Op.Maxu); // maxu
        _row(0xfe00707f, 0x0a004033, Kind.Compute, Op.Min); // min
        _row(0xfe00707f, 0x0a005033, Kind.Compute, Op.Minu); // minu
        _row(0xfe00707f, 0x60001033, Kind.Compute, Op.Rol); // rol
        _row(0xfe00707f, 0x6000103b, Kind.Compute, Op.Rolw); // rolw
        _row(0xfe00707f, 0x60005033, Kind.Compute, Op.Ror); // ror
        _row(0xfe00707f, 0x6000503b, Kind.Compute, Op.Rorw); // rorw
        _row(0xfe00707f, 0x48001033, Kind.Compute, Op.Bclr); // bclr
        _row(0xfe00707f, 0x48005033, Kind.Compute, Op.Bext); // bext
        _row(0xfe00707f, 0x68001033, Kind.Compute, Op.Binv); // binv
        _row(0xfe00707f, 0x28001033, Kind.Compute, Op.Bset); // bset
        _row(0xfff0707f, 0x60001013, Kind.Compute, Op.Clz); // clz
        _row(0xfff0707f, 0x6000101b, Kind.Compute, Op.Clzw); // clzw
        _row(0xfff0707f, 0x60101013, Kind.Compute, Op.Ctz); // ctz
        _row(0xfff0707f, 0x6010101b, Kind.Compute, Op.Ctzw); // ctzw
        _row(0xfff0707f, 0x60201013, Kind.Compute, Op.Cpop); // cpop
        _row(0xfff0707f, 0x6020101b, Kind.Compute, Op.Cpopw); // cpopw
        _row(0xfff0707f, 0x60401013, Kind.Compute, Op.SextB); // sext.b
        _row(0xfff0707f, 0x60501013, Kind.Compute, Op.SextH); // sext.h
        _row(0xfff0707f, 0x0800403b, Kind.Compute, Op.ZextH); // zext.h
        _row(0xfff0707f, 0x28705013, Kind.Compute, Op.OrcB); // orc.b
        _row(0xfff0707f, 0x6b805013, Kind.Compute, Op.Rev8); // rev8
        _row(0x0000707f, 0x00000013, Kind.Compute, Op.Add); // addi
        _row(0x0000707f, 0x00002013, Kind.Compute, Op.Slt); // slti
        _row(0x0000707f, 0x00003013, Kind.Compute, Op.Sltu); // sltiu
        _row(0x0000707f, 0x00004013, Kind.Compute, Op.Xor); // xori
        _row(0x0000707f, 0x00006013, Kind.Compute, Op.Or); // ori
        _row(0x0000707f, 0x00007013, Kind.Compute, Op.And); // andi
        _row(0x0000707f, 0x0000001b, Kind.Compute, Op.Addw); // addiw
        _row(0xfc00707f, 0x00001013, Kind.Compute, Op.Sll); // slli
        _row(0xfc00707f, 0x00005013, Kind.Compute, Op.Srl); // srli
        _row(0xfc00707f, 0x40005013, Kind.Compute, Op.Sra); // srai
        _row(0xfc00707f, 0x0800101b, Kind.Compute, Op.SlliUw); // slli.uw
        _row(0xfc00707f, 0x60005013, Kind.Compute, Op.Ror); // rori
        _row(0xfc00707f, 0x48001013, Kind.Compute, Op.Bclr); // bclri
        _row(0xfc00707f, 0x48005013, Kind.Compute, Op.Bext); // bexti
        _row(0xfc00707f, 0x68001013, Kind.Compute, Op.Binv); // binvi
        _row(0xfc00707f, 0x28001013, Kind.Compute, Op.Bset); // bseti
        _row(0xfe00707f, 0x0000101b, Kind.Compute, Op.Sllw); // slliw
        _row(0xfe00707f, 0x0000501b, Kind.Compute, Op.Srlw); // srliw
        _row(0xfe00707f, 0x4000501b, Kind.Compute, Op.Sraw); // sraiw
        _row(0xfe00707f, 0x6000501b, Kind.Compute, Op.Rorw); // roriw
        _row(0x0000707f, 0x00000003, Kind.Load, Op.None); // lb
        _row(0x0000707f, 0x00001003, Kind.Load, Op.None); // lh
        _row(0x0000707f, 0x00002003, Kind.Load, Op.None); // lw
        _row(0x0000707f, 0x00003003, Kind.Load, Op.None); // ld
        _row(0x0000707f, 0x00004003, Kind.Load, Op.None); // lbu
        _row(0x0000707f, 0x00005003, Kind.Load, Op.None); // lhu
        _row(0x0000707f, 0x00006003, Kind.Load, Op.None); // lwu
        _row(0x0000707f, 0x00000023, Kind.Store, Op.None); // sb
        _row(0x0000707f, 0x00001023, Kind.Store, Op.None); // sh
        _row(0x0000707f, 0x00002023, Kind.Store, Op.None); // sw
        _row(0x0000707f, 0x00003023, Kind.Store, Op.None); // sd
        _row(0x0000007f, 0x00000037, Kind.Compute, Op.Add); // lui
        _row(0x0000007f, 0x00000017, Kind.Auipc, Op.None); // auipc
        _row(0x0000707f, 0x00000067, Kind.Jalr, Op.None); // jalr
        _row(0x0000007f, 0x0000006f, Kind.Jal, Op.None); // jal
        _row(0x0000707f, 0x00000063, Kind.Branch, Op.None); // beq
        _row(0x0000707f, 0x00001063, Kind.Branch, Op.None); // bne
        _row(0x0000707f, 0x00004063, Kind.Branch, Op.None); // blt
        _row(0x0000707f, 0x00005063, Kind.Branch, Op.None); // bge
        _row(0x0000707f, 0x00006063, Kind.Branch, Op.None); // bltu
        _row(0x0000707f, 0x00007063, Kind.Branch, Op.None); // bgeu
        _row(0x0000707f, 0x0000000f, Kind.Fence, Op.None); // fence
        _row(0xffffffff, 0x00000073, Kind.Ecall, Op.None); // ecall
    }

    /// @dev By the table; the rows do not overlap.
    function _assertDecodes(uint32 word, Row[] memory rows) private pure {
        Kind kind;
        Op op;
        uint256 hits;
        for (uint256 i; i < rows.length; ++i) {
            Row memory row = rows[i];
            if (word & row.mask != row.pattern) continue;
            (kind, op) = (row.kind, row.op);
            ++hits;
        }
        vm.assertLe(hits, 1, "rows overlap");
        Instruction memory found = Decoder.decode(word);
        if (found.kind == kind && found.op == op) return;
        vm.assertEq(vm.toString(bytes32(uint256(word))), "a word that decodes as the table says");
    }

    /// @dev An instruction with random operands, whole and with one or two bits of its pattern flipped.
    function testFuzz_InstructionsAndTheirNeighbours(uint256 seed) public view {
        Row[] memory rows = _rows;
        for (uint256 k; k < 10; ++k) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 i = (seed >> 128) % rows.length;
            uint32 word = rows[i].pattern | (uint32(seed) & ~rows[i].mask);
            _assertDecodes(word, rows);
            uint32 flipped = word ^ uint32(2 ** ((seed >> 32) % 32));
            _assertDecodes(flipped, rows);
            _assertDecodes(flipped ^ uint32(2 ** ((seed >> 64) % 32)), rows);
        }
    }

    function testFuzz_AnyWords(uint256 seed) public view {
        Row[] memory rows = _rows;
        for (uint256 i; i < 10; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _assertDecodes(uint32(seed), rows);
            _assertDecodes(
                (uint32(seed) & ~uint32(0x7f)) | (rows[seed % rows.length].pattern & 0x7f), rows
            );
        }
    }

    /// @dev Every `funct7` and `funct3` with the lowest and the highest `rs2`.
    function test_EveryFunction() public view {
        Row[] memory rows = _rows;
        uint8[4] memory opcodes = [0x13, 0x1b, 0x33, 0x3b];
        Row[] memory some = new Row[](rows.length);
        for (uint256 k; k < 4; ++k) {
            uint256 count;
            for (uint256 i; i < rows.length; ++i) {
                if (rows[i].pattern & 0x7f == opcodes[k]) some[count++] = rows[i];
            }
            Row[] memory these = new Row[](count);
            for (uint256 i; i < count; ++i) {
                these[i] = some[i];
            }
            for (uint32 funct = 0; funct < 1024; ++funct) {
                uint32 word = opcodes[k] | ((funct & 7) << 12) | ((funct >> 3) << 25);
                _assertDecodes(word, these);
                _assertDecodes(word | (31 << 20), these);
            }
        }
    }

    /// @dev The unary instructions: every second operand.
    function test_EverySecondOperand() public view {
        Row[] memory rows = _rows;
        uint32[8] memory words = [
            uint32(0x60001013),
            0x60005013,
            0x6000101b,
            0x6000501b,
            0x28005013,
            0x68005013,
            0x6a005013,
            0x0800403b
        ];
        for (uint256 k; k < 8; ++k) {
            for (uint32 rs2; rs2 < 32; ++rs2) {
                _assertDecodes(words[k] | (rs2 << 20), rows);
            }
        }
    }

    /// @dev Which operand of each kind is the immediate is tested by whole steps; its bits are here.
    function testFuzz_Immediates(uint32 word) public pure {
        int64 i = int64(int32(word) >> 20);
        int64 u = int64(int32((word >> 12) << 12));
        _assertImm((word & ~uint32(0x707f)) | 0x13, i);
        _assertImm((word & ~uint32(0x707f)) | 0x03, i);
        _assertImm((word & ~uint32(0x707f)) | 0x67, i);
        _assertImm((word & ~uint32(0x7f)) | 0x37, u);
        _assertImm((word & ~uint32(0x7f)) | 0x17, u);
        uint8[12] memory s = [7, 8, 9, 10, 11, 25, 26, 27, 28, 29, 30, 31];
        int64 imm;
        for (uint256 k; k < 12; ++k) {
            if ((word >> s[k]) & 1 == 1) imm += int64(uint64(2 ** k));
        }
        _assertImm((word & ~uint32(0x707f)) | 0x23, _signed(imm, 11));
        uint8[13] memory b = [0, 8, 9, 10, 11, 25, 26, 27, 28, 29, 30, 7, 31];
        imm = 0;
        for (uint256 k = 1; k < 13; ++k) {
            if ((word >> b[k]) & 1 == 1) imm += int64(uint64(2 ** k));
        }
        _assertImm((word & ~uint32(0x707f)) | 0x63, _signed(imm, 12));
        uint8[21] memory j =
            [0, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 20, 12, 13, 14, 15, 16, 17, 18, 19, 31];
        imm = 0;
        for (uint256 k = 1; k < 21; ++k) {
            if ((word >> j[k]) & 1 == 1) imm += int64(uint64(2 ** k));
        }
        _assertImm((word & ~uint32(0x7f)) | 0x6f, _signed(imm, 20));
    }

    function _signed(int64 imm, uint256 bit) private pure returns (int64) {
        return (imm >> bit) & 1 == 1 ? imm - int64(2 * (int256(1) << bit)) : imm;
    }

    function _assertImm(uint32 word, int64 expected) private pure {
        vm.assertEq(int64(Decoder.decode(word).imm), int256(expected));
    }
}
