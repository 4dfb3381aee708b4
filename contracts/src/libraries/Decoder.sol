// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Instruction, Kind, Op} from "../types/Instruction.sol";

/// @title Decoder
/// @notice Reads RV64I, M, Zba, Zbb and Zbs from a 32-bit word.
/// @dev RISC-V Instruction Set Manual, volume I (2024), chapter 34 and the tables of "M" and "B". What is
/// not listed there is `Kind.Invalid`.
library Decoder {
    uint256 private constant LOAD = 0x03;
    uint256 private constant MISC_MEM = 0x0f;
    uint256 private constant OP_IMM = 0x13;
    uint256 private constant AUIPC = 0x17;
    uint256 private constant OP_IMM_32 = 0x1b;
    uint256 private constant STORE = 0x23;
    uint256 private constant OP = 0x33;
    uint256 private constant LUI = 0x37;
    uint256 private constant OP_32 = 0x3b;
    uint256 private constant BRANCH = 0x63;
    uint256 private constant JALR = 0x67;
    uint256 private constant JAL = 0x6f;
    uint32 private constant ECALL = 0x00000073;

    function decode(uint32 word) internal pure returns (Instruction memory i) {
        uint256 opcode = word & 0x7f;
        uint256 funct3 = (word >> 12) & 7;
        i.funct3 = uint8(funct3);
        i.rd = uint8((word >> 7) & 31);
        i.rs1 = uint8((word >> 15) & 31);
        i.rs2 = uint8((word >> 20) & 31);

        if (opcode == OP) {
            _compute(i, op(word >> 25, funct3));
        } else if (opcode == OP_32) {
            _compute(i, op32(word >> 25, funct3, i.rs2));
        } else if (opcode == OP_IMM) {
            _computeImm(i, opImm(word >> 20, funct3), word);
        } else if (opcode == OP_IMM_32) {
            _computeImm(i, opImm32(word >> 20, funct3), word);
        } else if (opcode == LUI) {
            i.rs1 = 0; // x0 + imm
            _compute(i, Op.Add);
            i.hasImm = true;
            i.imm = _immU(word);
        } else if (opcode == AUIPC) {
            i.kind = Kind.Auipc;
            i.imm = _immU(word);
        } else if (opcode == JAL) {
            i.kind = Kind.Jal;
            i.imm = _immJ(word);
        } else if (opcode == JALR && funct3 == 0) {
            i.kind = Kind.Jalr;
            i.imm = _immI(word);
        } else if (opcode == BRANCH && funct3 != 2 && funct3 != 3) {
            i.kind = Kind.Branch;
            i.imm = _immB(word);
        } else if (opcode == LOAD && funct3 != 7) {
            i.kind = Kind.Load;
            i.imm = _immI(word);
        } else if (opcode == STORE && funct3 <= 3) {
            i.kind = Kind.Store;
            i.imm = _immS(word);
        } else if (opcode == MISC_MEM && funct3 == 0) {
            i.kind = Kind.Fence;
        } else if (word == ECALL) {
            i.kind = Kind.Ecall;
        }
    }

    // ------------------------------------------------------------- operations

    /// @dev Two registers.
    function op(uint256 funct7, uint256 funct3) internal pure returns (Op) {
        if (funct7 == 0x00) return Op(uint256(Op.Add) + funct3);
        if (funct7 == 0x01) return Op(uint256(Op.Mul) + funct3);
        if (funct7 == 0x20) {
            if (funct3 == 0) return Op.Sub;
            if (funct3 == 4) return Op.Xnor;
            if (funct3 == 5) return Op.Sra;
            if (funct3 == 6) return Op.Orn;
            if (funct3 == 7) return Op.Andn;
        } else if (funct7 == 0x05) {
            if (funct3 == 4) return Op.Min;
            if (funct3 == 5) return Op.Minu;
            if (funct3 == 6) return Op.Max;
            if (funct3 == 7) return Op.Maxu;
        } else if (funct7 == 0x10) {
            if (funct3 == 2) return Op.Sh1add;
            if (funct3 == 4) return Op.Sh2add;
            if (funct3 == 6) return Op.Sh3add;
        } else if (funct7 == 0x14) {
            if (funct3 == 1) return Op.Bset;
        } else if (funct7 == 0x24) {
            if (funct3 == 1) return Op.Bclr;
            if (funct3 == 5) return Op.Bext;
        } else if (funct7 == 0x30) {
            if (funct3 == 1) return Op.Rol;
            if (funct3 == 5) return Op.Ror;
        } else if (funct7 == 0x34) {
            if (funct3 == 1) return Op.Binv;
        }
        return Op.None;
    }

    /// @dev Two registers, 32 bits.
    function op32(uint256 funct7, uint256 funct3, uint256 rs2) internal pure returns (Op) {
        if (funct7 == 0x00) {
            if (funct3 == 0) return Op.Addw;
            if (funct3 == 1) return Op.Sllw;
            if (funct3 == 5) return Op.Srlw;
        } else if (funct7 == 0x20) {
            if (funct3 == 0) return Op.Subw;
            if (funct3 == 5) return Op.Sraw;
        } else if (funct7 == 0x01) {
            if (funct3 == 0) return Op.Mulw;
            if (funct3 == 4) return Op.Divw;
            if (funct3 == 5) return Op.Divuw;
            if (funct3 == 6) return Op.Remw;
            if (funct3 == 7) return Op.Remuw;
        } else if (funct7 == 0x04) {
            if (funct3 == 0) return Op.AddUw;
            if (funct3 == 4 && rs2 == 0) return Op.ZextH;
        } else if (funct7 == 0x10) {
            if (funct3 == 2) return Op.Sh1addUw;
            if (funct3 == 4) return Op.Sh2addUw;
            if (funct3 == 6) return Op.Sh3addUw;
        } else if (funct7 == 0x30) {
            if (funct3 == 1) return Op.Rolw;
            if (funct3 == 5) return Op.Rorw;
        }
        return Op.None;
    }

    /// @dev Register and immediate; shifts take 6 bits of it and leave 6 to tell them apart.
    function opImm(uint256 funct12, uint256 funct3) internal pure returns (Op) {
        if (funct3 != 1 && funct3 != 5) return Op(uint256(Op.Add) + funct3);
        uint256 funct6 = funct12 >> 6;
        if (funct3 == 1) {
            if (funct6 == 0x00) return Op.Sll;
            if (funct6 == 0x0a) return Op.Bset;
            if (funct6 == 0x12) return Op.Bclr;
            if (funct6 == 0x1a) return Op.Binv;
            if (funct12 == 0x600) return Op.Clz;
            if (funct12 == 0x601) return Op.Ctz;
            if (funct12 == 0x602) return Op.Cpop;
            if (funct12 == 0x604) return Op.SextB;
            if (funct12 == 0x605) return Op.SextH;
        } else {
            if (funct6 == 0x00) return Op.Srl;
            if (funct6 == 0x10) return Op.Sra;
            if (funct6 == 0x12) return Op.Bext;
            if (funct6 == 0x18) return Op.Ror;
            if (funct12 == 0x287) return Op.OrcB;
            if (funct12 == 0x6b8) return Op.Rev8;
        }
        return Op.None;
    }

    /// @dev Register and immediate, 32 bits; all shifts but `slli.uw` take 5 bits and leave 7.
    function opImm32(uint256 funct12, uint256 funct3) internal pure returns (Op) {
        uint256 funct7 = funct12 >> 5;
        if (funct3 == 0) return Op.Addw;
        if (funct3 == 1) {
            if (funct7 == 0x00) return Op.Sllw;
            if (funct7 >> 1 == 0x02) return Op.SlliUw;
            if (funct12 == 0x600) return Op.Clzw;
            if (funct12 == 0x601) return Op.Ctzw;
            if (funct12 == 0x602) return Op.Cpopw;
        } else if (funct3 == 5) {
            if (funct7 == 0x00) return Op.Srlw;
            if (funct7 == 0x20) return Op.Sraw;
            if (funct7 == 0x30) return Op.Rorw;
        }
        return Op.None;
    }

    function _compute(Instruction memory i, Op which) private pure {
        i.op = which;
        if (which != Op.None) i.kind = Kind.Compute;
    }

    /// @dev Of a shift the immediate has the shift amount in its low bits, which is all the ALU looks at.
    function _computeImm(Instruction memory i, Op which, uint32 word) private pure {
        _compute(i, which);
        i.hasImm = true;
        i.imm = _immI(word);
    }

    // ------------------------------------------------------------- immediates

    function _immI(uint32 word) private pure returns (uint64) {
        return _signed(int32(word) >> 20);
    }

    function _immS(uint32 word) private pure returns (uint64) {
        return _signed((int32(word) >> 25 << 5) | int32((word >> 7) & 0x1f));
    }

    function _immB(uint32 word) private pure returns (uint64) {
        uint32 low = ((word >> 7) & 0x1e) | ((word >> 20) & 0x7e0) | ((word << 4) & 0x800);
        return _signed((int32(word) >> 31 << 12) | int32(low));
    }

    function _immU(uint32 word) private pure returns (uint64) {
        return _signed(int32(word & 0xfffff000));
    }

    function _immJ(uint32 word) private pure returns (uint64) {
        uint32 low = ((word >> 20) & 0x7fe) | ((word >> 9) & 0x800) | (word & 0xff000);
        return _signed((int32(word) >> 31 << 20) | int32(low));
    }

    function _signed(int32 imm) private pure returns (uint64) {
        return uint64(int64(imm));
    }
}
