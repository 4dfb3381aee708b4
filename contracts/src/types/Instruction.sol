// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What the machine does with a word. Zero is no instruction: it traps.
enum Kind {
    Invalid,
    /// `rd := op(rs1, rs2 or imm)`.
    Compute,
    /// `rd := pc + imm`.
    Auipc,
    Jal,
    Jalr,
    Branch,
    Load,
    Store,
    Fence,
    Ecall
}

/// @notice What the ALU computes, by the names of the RISC-V manual. Zero is no operation. Groups of
/// eight are in the order of their `funct3`.
enum Op {
    None,
    // RV64I
    Add,
    Sll,
    Slt,
    Sltu,
    Xor,
    Srl,
    Or,
    And,
    Sub,
    Sra,
    Addw,
    Subw,
    Sllw,
    Srlw,
    Sraw,
    // M
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
    Mulw,
    Divw,
    Divuw,
    Remw,
    Remuw,
    // Zba
    AddUw,
    Sh1add,
    Sh2add,
    Sh3add,
    Sh1addUw,
    Sh2addUw,
    Sh3addUw,
    SlliUw,
    // Zbb
    Andn,
    Orn,
    Xnor,
    Max,
    Maxu,
    Min,
    Minu,
    Rol,
    Rolw,
    Ror,
    Rorw,
    Clz,
    Clzw,
    Ctz,
    Ctzw,
    Cpop,
    Cpopw,
    SextB,
    SextH,
    ZextH,
    OrcB,
    Rev8,
    // Zbs
    Bclr,
    Bext,
    Binv,
    Bset
}

/// @notice A decoded word. Fields that its kind does not use are zero.
struct Instruction {
    Kind kind;
    Op op;
    /// Condition of a branch, width and sign of an access.
    uint8 funct3;
    uint8 rd;
    uint8 rs1;
    uint8 rs2;
    /// Whether the second operand is `imm`, not `rs2`.
    bool hasImm;
    /// Sign-extended.
    uint64 imm;
}
