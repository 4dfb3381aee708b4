//! Instruction words (The RISC-V Instruction Set Manual, volume I, 2024: RV64I, M, Zba, Zbb, Zbs).

use core::fmt::{self, Write as _};

/// What an instruction does; the names are the manual's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[rustfmt::skip]
#[allow(missing_docs, reason = "the manual's names")]
pub enum Op {
    // Two registers.
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And, Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu, Mulw, Divw, Divuw, Remw, Remuw,
    AddUw, Sh1add, Sh2add, Sh3add, Sh1addUw, Sh2addUw, Sh3addUw,
    Andn, Orn, Xnor, Max, Maxu, Min, Minu, Rol, Ror, Rolw, Rorw, Bclr, Bext, Binv, Bset,
    // One register.
    Clz, Ctz, Cpop, Clzw, Ctzw, Cpopw, SextB, SextH, ZextH, OrcB, Rev8,
    // A register and an immediate.
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai, Addiw, Slliw, Srliw, Sraiw,
    SlliUw, Rori, Roriw, Bclri, Bexti, Binvi, Bseti, Lui,
    // Memory.
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu, Sb, Sh, Sw, Sd,
    // Control.
    Beq, Bne, Blt, Bge, Bltu, Bgeu, Jal, Jalr, Auipc, Fence, Ecall,
    /// Every word that is no instruction of this machine: it traps.
    Illegal,
}

impl Op {
    /// The inverse of `self as u8`.
    ///
    /// # Panics
    /// If the number is no operation's.
    #[cfg(feature = "std")]
    pub(crate) const fn from_u8(number: u8) -> Self {
        assert!(number <= Op::Illegal as u8);
        // SAFETY: the operations are numbered from zero without gaps, and `Illegal` is the last.
        unsafe { core::mem::transmute(number) }
    }

    /// Whether the second operand is the immediate rather than `rs2`.
    pub const fn takes_immediate(self) -> bool {
        self as u8 >= Op::Addi as u8 && self as u8 <= Op::Lui as u8
    }

    /// Whether the next instruction need not be the one behind it, or cannot be known without running it.
    pub const fn ends_block(self) -> bool {
        self as u8 >= Op::Beq as u8 && !matches!(self, Op::Auipc | Op::Fence)
    }
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inst {
    /// What it does.
    pub op: Op,
    /// The register written; zero of those that write none.
    pub rd: u8,
    /// The first register read.
    pub rs1: u8,
    /// The second register read.
    pub rs2: u8,
    /// The immediate, sign-extended: of branches and `jal` in bytes, of `lui` and `auipc` with its low 12 bits zero, of shifts the
    /// amount.
    pub imm: i32,
}

impl fmt::Display for Op {
    /// The manual's mnemonic.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Writes a name such as `Sh1addUw` as `sh1add.uw`.
        struct Mnemonic<'a, 'b>(&'a mut fmt::Formatter<'b>, bool);

        impl fmt::Write for Mnemonic<'_, '_> {
            fn write_str(&mut self, name: &str) -> fmt::Result {
                name.chars().try_for_each(|letter| {
                    if letter.is_ascii_uppercase() && self.1 {
                        self.0.write_char('.')?;
                    }
                    self.1 = true;
                    self.0.write_char(letter.to_ascii_lowercase())
                })
            }
        }
        write!(Mnemonic(f, false), "{self:?}")
    }
}

impl fmt::Display for Inst {
    /// Assembly with numbered registers; jumps and branches say how far.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, rd, rs1, rs2, imm } = self;
        match op {
            Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu | Op::Jalr => {
                write!(f, "{op} x{rd}, {imm}(x{rs1})")
            }
            Op::Sb | Op::Sh | Op::Sw | Op::Sd => write!(f, "{op} x{rs2}, {imm}(x{rs1})"),
            Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
                write!(f, "{op} x{rs1}, x{rs2}, {imm:+}")
            }
            Op::Jal => write!(f, "{op} x{rd}, {imm:+}"),
            Op::Lui | Op::Auipc => write!(f, "{op} x{rd}, {:#x}", *imm as u32 >> 12),
            Op::Fence | Op::Ecall | Op::Illegal => write!(f, "{op}"),
            _ if op.takes_immediate() => write!(f, "{op} x{rd}, x{rs1}, {imm}"),
            _ if *op as u8 >= Op::Clz as u8 && *op as u8 <= Op::Rev8 as u8 => write!(f, "{op} x{rd}, x{rs1}"),
            _ => write!(f, "{op} x{rd}, x{rs1}, x{rs2}"),
        }
    }
}

/// Decodes a word. Total: what is no instruction is [`Op::Illegal`].
pub const fn decode(word: u32) -> Inst {
    let (op, imm) = match word & 0x7f {
        0x37 => (Op::Lui, imm_u(word)),
        0x17 => (Op::Auipc, imm_u(word)),
        0x6f => (Op::Jal, imm_j(word)),
        0x67 if funct3(word) == 0 => (Op::Jalr, imm_i(word)),
        0x63 => (branch(word), imm_b(word)),
        0x03 => (load(word), imm_i(word)),
        0x23 => (store(word), imm_s(word)),
        0x13 => op_imm(word),
        0x1b => op_imm_32(word),
        0x33 => (op(word), 0),
        0x3b => (op_32(word), 0),
        0x0f if funct3(word) == 0 => (Op::Fence, 0),
        0x73 if word == 0x73 => (Op::Ecall, 0),
        _ => (Op::Illegal, 0),
    };
    let writes = !matches!(op, Op::Sb | Op::Sh | Op::Sw | Op::Sd | Op::Fence | Op::Ecall | Op::Illegal)
        && !matches!(op, Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu);
    let rd = if writes { (word >> 7 & 31) as u8 } else { 0 };
    Inst { op, rd, rs1: (word >> 15 & 31) as u8, rs2: (word >> 20 & 31) as u8, imm }
}

/// `bits` bits of a word from bit `at`.
const fn field(word: u32, at: u32, bits: u32) -> u32 {
    word >> at & ((1 << bits) - 1)
}

const fn funct3(word: u32) -> u32 {
    word >> 12 & 7
}

const fn imm_i(word: u32) -> i32 {
    word as i32 >> 20
}

const fn imm_s(word: u32) -> i32 {
    word as i32 >> 25 << 5 | (word >> 7 & 31) as i32
}

const fn imm_b(word: u32) -> i32 {
    let low = (field(word, 7, 1) << 11) | (field(word, 25, 6) << 5) | (field(word, 8, 4) << 1);
    ((word as i32 >> 31) << 12) | low as i32
}

const fn imm_u(word: u32) -> i32 {
    (word & 0xffff_f000) as i32
}

const fn imm_j(word: u32) -> i32 {
    let low = (field(word, 12, 8) << 12) | (field(word, 20, 1) << 11) | (field(word, 21, 10) << 1);
    ((word as i32 >> 31) << 20) | low as i32
}

const fn branch(word: u32) -> Op {
    match funct3(word) {
        0 => Op::Beq,
        1 => Op::Bne,
        4 => Op::Blt,
        5 => Op::Bge,
        6 => Op::Bltu,
        7 => Op::Bgeu,
        _ => Op::Illegal,
    }
}

const fn load(word: u32) -> Op {
    match funct3(word) {
        0 => Op::Lb,
        1 => Op::Lh,
        2 => Op::Lw,
        3 => Op::Ld,
        4 => Op::Lbu,
        5 => Op::Lhu,
        6 => Op::Lwu,
        _ => Op::Illegal,
    }
}

const fn store(word: u32) -> Op {
    match funct3(word) {
        0 => Op::Sb,
        1 => Op::Sh,
        2 => Op::Sw,
        3 => Op::Sd,
        _ => Op::Illegal,
    }
}

const fn op_imm(word: u32) -> (Op, i32) {
    let shamt = (word >> 20 & 63) as i32;
    match (funct3(word), word >> 26) {
        (0, _) => (Op::Addi, imm_i(word)),
        (2, _) => (Op::Slti, imm_i(word)),
        (3, _) => (Op::Sltiu, imm_i(word)),
        (4, _) => (Op::Xori, imm_i(word)),
        (6, _) => (Op::Ori, imm_i(word)),
        (7, _) => (Op::Andi, imm_i(word)),
        (1, 0b000000) => (Op::Slli, shamt),
        (1, 0b001010) => (Op::Bseti, shamt),
        (1, 0b010010) => (Op::Bclri, shamt),
        (1, 0b011010) => (Op::Binvi, shamt),
        (5, 0b000000) => (Op::Srli, shamt),
        (5, 0b010000) => (Op::Srai, shamt),
        (5, 0b010010) => (Op::Bexti, shamt),
        (5, 0b011000) => (Op::Rori, shamt),
        (form, _) => match (form, word >> 20) {
            (1, 0x600) => (Op::Clz, 0),
            (1, 0x601) => (Op::Ctz, 0),
            (1, 0x602) => (Op::Cpop, 0),
            (1, 0x604) => (Op::SextB, 0),
            (1, 0x605) => (Op::SextH, 0),
            (5, 0x287) => (Op::OrcB, 0),
            (5, 0x6b8) => (Op::Rev8, 0),
            _ => (Op::Illegal, 0),
        },
    }
}

const fn op_imm_32(word: u32) -> (Op, i32) {
    let shamt = (word >> 20 & 31) as i32;
    match (funct3(word), word >> 25) {
        (0, _) => (Op::Addiw, imm_i(word)),
        (1, 0x00) => (Op::Slliw, shamt),
        (1, 0x04 | 0x05) => (Op::SlliUw, (word >> 20 & 63) as i32),
        (1, 0x30) => match shamt {
            0 => (Op::Clzw, 0),
            1 => (Op::Ctzw, 0),
            2 => (Op::Cpopw, 0),
            _ => (Op::Illegal, 0),
        },
        (5, 0x00) => (Op::Srliw, shamt),
        (5, 0x20) => (Op::Sraiw, shamt),
        (5, 0x30) => (Op::Roriw, shamt),
        _ => (Op::Illegal, 0),
    }
}

const fn op(word: u32) -> Op {
    match (word >> 25, funct3(word)) {
        (0x00, 0) => Op::Add,
        (0x00, 1) => Op::Sll,
        (0x00, 2) => Op::Slt,
        (0x00, 3) => Op::Sltu,
        (0x00, 4) => Op::Xor,
        (0x00, 5) => Op::Srl,
        (0x00, 6) => Op::Or,
        (0x00, 7) => Op::And,
        (0x20, 0) => Op::Sub,
        (0x20, 5) => Op::Sra,
        (0x20, 4) => Op::Xnor,
        (0x20, 6) => Op::Orn,
        (0x20, 7) => Op::Andn,
        (0x01, 0) => Op::Mul,
        (0x01, 1) => Op::Mulh,
        (0x01, 2) => Op::Mulhsu,
        (0x01, 3) => Op::Mulhu,
        (0x01, 4) => Op::Div,
        (0x01, 5) => Op::Divu,
        (0x01, 6) => Op::Rem,
        (0x01, 7) => Op::Remu,
        (0x05, 4) => Op::Min,
        (0x05, 5) => Op::Minu,
        (0x05, 6) => Op::Max,
        (0x05, 7) => Op::Maxu,
        (0x10, 2) => Op::Sh1add,
        (0x10, 4) => Op::Sh2add,
        (0x10, 6) => Op::Sh3add,
        (0x30, 1) => Op::Rol,
        (0x30, 5) => Op::Ror,
        (0x24, 1) => Op::Bclr,
        (0x24, 5) => Op::Bext,
        (0x34, 1) => Op::Binv,
        (0x14, 1) => Op::Bset,
        _ => Op::Illegal,
    }
}

const fn op_32(word: u32) -> Op {
    match (word >> 25, funct3(word)) {
        (0x00, 0) => Op::Addw,
        (0x00, 1) => Op::Sllw,
        (0x00, 5) => Op::Srlw,
        (0x20, 0) => Op::Subw,
        (0x20, 5) => Op::Sraw,
        (0x01, 0) => Op::Mulw,
        (0x01, 4) => Op::Divw,
        (0x01, 5) => Op::Divuw,
        (0x01, 6) => Op::Remw,
        (0x01, 7) => Op::Remuw,
        (0x04, 0) => Op::AddUw,
        (0x04, 4) if word >> 20 & 31 == 0 => Op::ZextH,
        (0x10, 2) => Op::Sh1addUw,
        (0x10, 4) => Op::Sh2addUw,
        (0x10, 6) => Op::Sh3addUw,
        (0x30, 1) => Op::Rolw,
        (0x30, 5) => Op::Rorw,
        _ => Op::Illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inst(op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Inst {
        Inst { op, rd, rs1, rs2, imm }
    }

    /// Words as GNU as 2.40 assembles them.
    #[test]
    fn decodes_what_an_assembler_wrote() {
        assert_eq!(decode(0xfff1_0093), inst(Op::Addi, 1, 2, 31, -1)); // addi ra, sp, -1
        assert_eq!(decode(0xfe20_bc23), inst(Op::Sd, 0, 1, 2, -8)); // sd sp, -8(ra)
        assert_eq!(decode(0xfe20_8ee3), inst(Op::Beq, 0, 1, 2, -4)); // beq ra, sp, .-4
        assert_eq!(decode(0xffdf_f06f), inst(Op::Jal, 0, 31, 29, -4)); // j .-4
        assert_eq!(decode(0x03f1_1093), inst(Op::Slli, 1, 2, 31, 63)); // slli ra, sp, 63
        assert_eq!(decode(0x0800_413b).op, Op::ZextH); // zext.h sp, zero
        assert_eq!(decode(0x6b80_d093).op, Op::Rev8);
        assert_eq!(decode(0x2870_d093).op, Op::OrcB);
        assert_eq!(decode(0x8000_00b7), inst(Op::Lui, 1, 0, 0, i32::MIN)); // lui ra, 0x80000
    }

    #[test]
    fn immediates_reach_their_ends() {
        let b = |imm: i32| {
            let i = imm as u32;
            (i >> 12 & 1) << 31 | (i >> 5 & 63) << 25 | (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7 | 0x63
        };
        let j = |imm: i32| {
            let i = imm as u32;
            (i >> 20 & 1) << 31 | (i >> 1 & 1023) << 21 | (i >> 11 & 1) << 20 | (i >> 12 & 255) << 12 | 0x6f
        };
        for imm in [-4096, -2, 0, 2, 2048, 4094] {
            assert_eq!(decode(b(imm)).imm, imm);
        }
        for imm in [-1_048_576, -2, 0, 2, 2048, 1_048_574] {
            assert_eq!(decode(j(imm)).imm, imm);
        }
    }

    #[test]
    fn words_that_are_no_instructions() {
        for (word, why) in [
            (0x0000_0000, "zeros"),
            (0xffff_ffff, "ones"),
            (0x0000_100f, "fence.i"),
            (0x0010_0073, "ebreak"),
            (0x3020_0073, "mret"),
            (0xc000_2573, "rdcycle"),
            (0x0200_109b, "slliw with bit 25"),
            (0x0200_509b, "srliw with bit 25"),
            (0x6200_509b, "roriw with bit 25"),
            (0x0811_413b, "packw"),
            (0x100f_202f, "lr.w"),
            (0x0000_7003, "load with funct3 7"),
            (0x0000_4023, "store with funct3 4"),
            (0x0000_2063, "branch with funct3 2"),
            (0x0000_1067, "jalr with funct3 1"),
            (0x0000_0001, "c.nop"),
            (0x6030_1093, "clz with 3 for its function"),
            (0x0a00_1033, "clmul"),
        ] {
            assert_eq!(decode(word).op, Op::Illegal, "{why}");
        }
        assert_eq!(decode(0xffff_8f8f).op, Op::Fence, "fence with every field set");
    }

    #[test]
    fn instructions_read_as_the_manual_writes_them() {
        for (word, text) in [
            (0x0070_0513, "addi x10, x0, 7"),
            (0x0000_0073, "ecall"),
            (0xff01_3103, "ld x2, -16(x2)"),
            (0x00a1_3423, "sd x10, 8(x2)"),
            (0xfe05_0ee3, "beq x10, x0, -4"),
            (0x0080_00ef, "jal x1, +8"),
            (0x0000_8067, "jalr x0, 0(x1)"),
            (0x1234_52b7, "lui x5, 0x12345"),
            (0x6005_9513, "clz x10, x11"),
            (0x20c5_a53b, "sh1add.uw x10, x11, x12"),
            (0x0805_453b, "zext.h x10, x10"),
            (0, "illegal"),
        ] {
            assert_eq!(decode(word).to_string(), text, "{word:#010x}");
        }
    }
}
