//! Instruction words from their parts: the manual's tables once more, read in the other direction than the decoder.

use assay_machine::{Inst, Op, decode};

/// How the operands of an instruction are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Two registers; `funct7`.
    R(u32),
    /// One register; the whole upper field.
    Unary(u32),
    /// 12-bit immediate.
    I,
    /// Shift amount of so many bits under the upper bits.
    Shift(u32, u32),
    /// Store.
    S,
    /// Branch.
    B,
    /// Upper immediate.
    U,
    /// `jal`.
    J,
    /// Every field free.
    Free,
    /// One word.
    Fixed,
}

/// Every instruction: what it is called, opcode, `funct3`, layout.
#[rustfmt::skip]
pub(crate) const TABLE: &[(Op, u32, u32, Form)] = {
    use Form::*;
    use Op::*;
    &[
        (Add, 0x33, 0, R(0)), (Sub, 0x33, 0, R(0x20)), (Sll, 0x33, 1, R(0)), (Slt, 0x33, 2, R(0)), (Sltu, 0x33, 3, R(0)),
        (Xor, 0x33, 4, R(0)), (Srl, 0x33, 5, R(0)), (Sra, 0x33, 5, R(0x20)), (Or, 0x33, 6, R(0)), (And, 0x33, 7, R(0)),
        (Addw, 0x3b, 0, R(0)), (Subw, 0x3b, 0, R(0x20)), (Sllw, 0x3b, 1, R(0)), (Srlw, 0x3b, 5, R(0)), (Sraw, 0x3b, 5, R(0x20)),
        (Mul, 0x33, 0, R(1)), (Mulh, 0x33, 1, R(1)), (Mulhsu, 0x33, 2, R(1)), (Mulhu, 0x33, 3, R(1)),
        (Div, 0x33, 4, R(1)), (Divu, 0x33, 5, R(1)), (Rem, 0x33, 6, R(1)), (Remu, 0x33, 7, R(1)),
        (Mulw, 0x3b, 0, R(1)), (Divw, 0x3b, 4, R(1)), (Divuw, 0x3b, 5, R(1)), (Remw, 0x3b, 6, R(1)), (Remuw, 0x3b, 7, R(1)),
        (AddUw, 0x3b, 0, R(4)), (Sh1add, 0x33, 2, R(0x10)), (Sh2add, 0x33, 4, R(0x10)), (Sh3add, 0x33, 6, R(0x10)),
        (Sh1addUw, 0x3b, 2, R(0x10)), (Sh2addUw, 0x3b, 4, R(0x10)), (Sh3addUw, 0x3b, 6, R(0x10)), (SlliUw, 0x1b, 1, Shift(6, 0x080)),
        (Andn, 0x33, 7, R(0x20)), (Orn, 0x33, 6, R(0x20)), (Xnor, 0x33, 4, R(0x20)),
        (Max, 0x33, 6, R(5)), (Maxu, 0x33, 7, R(5)), (Min, 0x33, 4, R(5)), (Minu, 0x33, 5, R(5)),
        (Rol, 0x33, 1, R(0x30)), (Ror, 0x33, 5, R(0x30)), (Rolw, 0x3b, 1, R(0x30)), (Rorw, 0x3b, 5, R(0x30)),
        (Rori, 0x13, 5, Shift(6, 0x600)), (Roriw, 0x1b, 5, Shift(5, 0x600)),
        (Clz, 0x13, 1, Unary(0x600)), (Ctz, 0x13, 1, Unary(0x601)), (Cpop, 0x13, 1, Unary(0x602)),
        (Clzw, 0x1b, 1, Unary(0x600)), (Ctzw, 0x1b, 1, Unary(0x601)), (Cpopw, 0x1b, 1, Unary(0x602)),
        (SextB, 0x13, 1, Unary(0x604)), (SextH, 0x13, 1, Unary(0x605)), (ZextH, 0x3b, 4, Unary(0x080)),
        (OrcB, 0x13, 5, Unary(0x287)), (Rev8, 0x13, 5, Unary(0x6b8)),
        (Bclr, 0x33, 1, R(0x24)), (Bext, 0x33, 5, R(0x24)), (Binv, 0x33, 1, R(0x34)), (Bset, 0x33, 1, R(0x14)),
        (Bclri, 0x13, 1, Shift(6, 0x480)), (Bexti, 0x13, 5, Shift(6, 0x480)), (Binvi, 0x13, 1, Shift(6, 0x680)), (Bseti, 0x13, 1, Shift(6, 0x280)),
        (Addi, 0x13, 0, I), (Slti, 0x13, 2, I), (Sltiu, 0x13, 3, I), (Xori, 0x13, 4, I), (Ori, 0x13, 6, I), (Andi, 0x13, 7, I),
        (Slli, 0x13, 1, Shift(6, 0)), (Srli, 0x13, 5, Shift(6, 0)), (Srai, 0x13, 5, Shift(6, 0x400)),
        (Addiw, 0x1b, 0, I), (Slliw, 0x1b, 1, Shift(5, 0)), (Srliw, 0x1b, 5, Shift(5, 0)), (Sraiw, 0x1b, 5, Shift(5, 0x400)),
        (Lui, 0x37, 0, U), (Auipc, 0x17, 0, U), (Jal, 0x6f, 0, J), (Jalr, 0x67, 0, I),
        (Beq, 0x63, 0, B), (Bne, 0x63, 1, B), (Blt, 0x63, 4, B), (Bge, 0x63, 5, B), (Bltu, 0x63, 6, B), (Bgeu, 0x63, 7, B),
        (Lb, 0x03, 0, I), (Lh, 0x03, 1, I), (Lw, 0x03, 2, I), (Ld, 0x03, 3, I), (Lbu, 0x03, 4, I), (Lhu, 0x03, 5, I), (Lwu, 0x03, 6, I),
        (Sb, 0x23, 0, S), (Sh, 0x23, 1, S), (Sw, 0x23, 2, S), (Sd, 0x23, 3, S),
        (Fence, 0x0f, 0, Free), (Ecall, 0x73, 0, Fixed),
    ]
};

/// The word of an instruction; what its layout has no room for is dropped.
pub(crate) fn encode(op: Op, rd: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let (_, opcode, funct3, form) = TABLE.iter().find(|row| row.0 == op).expect("an instruction");
    let (rd, rs1, rs2, imm) = (rd << 7, rs1 << 15, rs2 << 20, imm as u32);
    let base = opcode | funct3 << 12;
    match form {
        Form::R(funct7) => base | rd | rs1 | rs2 | funct7 << 25,
        Form::Unary(upper) => base | rd | rs1 | upper << 20,
        Form::I => base | rd | rs1 | imm << 20,
        Form::Shift(bits, upper) => base | rd | rs1 | (upper | imm & ((1 << bits) - 1)) << 20,
        Form::S => base | rs1 | rs2 | (imm & 31) << 7 | (imm >> 5 & 127) << 25,
        Form::B => {
            base | rs1
                | rs2
                | (imm >> 11 & 1) << 7
                | (imm >> 1 & 15) << 8
                | (imm >> 5 & 63) << 25
                | (imm >> 12 & 1) << 31
        }
        Form::U => opcode | rd | imm & 0xffff_f000,
        Form::J => {
            opcode
                | rd
                | imm & 0xff000
                | (imm >> 11 & 1) << 20
                | (imm >> 1 & 1023) << 21
                | (imm >> 20 & 1) << 31
        }
        Form::Free => base | rd | rs1 | imm << 20,
        Form::Fixed => *opcode,
    }
}

/// Asserts that the decoder reads every word of the table as what it was written as.
#[allow(dead_code, reason = "one of several users checks")]
pub(crate) fn check_table() {
    for (op, _, _, form) in TABLE {
        let shift = if let Form::Shift(bits, _) = form { (1 << bits) - 1 } else { 0 };
        for (rd, rs1, rs2, imm) in [(31, 0, 17, 2046), (0, 31, 0, -2048), (5, 6, 7, 0x7fff_f000u32 as i32)] {
            let Inst { op: found, rd: d, rs1: a, rs2: b, imm: i } = decode(encode(*op, rd, rs1, rs2, imm));
            assert_eq!(found, *op);
            let (d, a, b) = (u32::from(d), u32::from(a), u32::from(b));
            match form {
                Form::R(_) => assert_eq!((d, a, b), (rd, rs1, rs2)),
                Form::Unary(_) => assert_eq!((d, a), (rd, rs1)),
                Form::I => assert_eq!((d, a, i), (rd, rs1, imm << 20 >> 20)),
                Form::Shift(..) => assert_eq!((d, a, i), (rd, rs1, imm & shift)),
                Form::S => assert_eq!((a, b, i), (rs1, rs2, imm << 20 >> 20)),
                Form::B => assert_eq!((a, b, i), (rs1, rs2, (imm & !1) << 19 >> 19)),
                Form::U => assert_eq!((d, i), (rd, imm & !0xfff)),
                Form::J => assert_eq!((d, i), (rd, (imm & !1) << 11 >> 11)),
                Form::Free | Form::Fixed => {}
            }
        }
    }
}
