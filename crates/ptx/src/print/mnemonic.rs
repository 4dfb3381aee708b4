//! The opcode of an instruction as PTX writes it. `lower` reads exactly this back.

use alloc::format;
use alloc::string::{String, ToString};

use crate::bytecode::inst::{CARRY_IN, CARRY_OUT, Inst, NC, SAT};
use crate::bytecode::op::{BarRedOp, Cmp, Combine, Op, RedOp, Round, ShflMode, Test, Ty, VoteMode};
use crate::launch::Space;

const CVT_ROUNDS: [&str; 9] = ["", ".rn", ".rz", ".rm", ".rp", ".rni", ".rzi", ".rmi", ".rpi"];

fn word<T>(found: Option<T>, word: impl Fn(T) -> &'static str) -> &'static str {
    found.map_or("", word)
}

/// Opcode with all modifiers. The instruction is well formed.
pub(crate) fn mnemonic(i: &Inst) -> String {
    let (op, ty, ty2) = (i.op.word(), i.ty.word(), i.ty2.word());
    let bits = i.ty.untyped().word();
    match i.op {
        Op::Mov | Op::Pack | Op::Unpack => format!("mov.{ty}"),
        Op::Add | Op::Sub if i.m == SAT => format!("{op}.sat.{ty}"),
        Op::MulLo | Op::MadLo | Op::Mul24Lo | Op::Mad24Lo => format!("{op}.lo.{ty}"),
        Op::MulHi | Op::MadHi => format!("{op}.hi.{ty}"),
        Op::MulWide | Op::MadWide => format!("{op}.wide.{ty}"),
        Op::AddC | Op::SubC | Op::MadLoC | Op::MadHiC => {
            let carry_in = if i.m & CARRY_IN != 0 { "c" } else { "" };
            let carry_out = if i.m & CARRY_OUT != 0 { ".cc" } else { "" };
            let half = match i.op {
                Op::MadLoC => ".lo",
                Op::MadHiC => ".hi",
                _ => "",
            };
            format!("{op}{carry_in}{half}{carry_out}.{ty}")
        }
        Op::Bfind if i.m == 1 => format!("bfind.shiftamt.{ty}"),
        Op::Dp4a => format!("dp4a.{ty}.{ty2}"),
        Op::Dp2a => format!("dp2a.{}.{ty}.{ty2}", if i.m == 1 { "hi" } else { "lo" }),
        Op::ShfL | Op::ShfR => {
            let side = if i.op == Op::ShfL { "l" } else { "r" };
            format!("shf.{side}.{}.{ty}", if i.m == 1 { "wrap" } else { "clamp" })
        }
        Op::FAdd | Op::FSub | Op::FMul | Op::Fma | Op::FDiv | Op::Rcp | Op::Sqrt => {
            let sat = if i.m2 == SAT { ".sat" } else { "" };
            format!("{op}.{}{sat}.{ty}", word(Round::from_byte(i.m), Round::word))
        }
        Op::Testp => format!("testp.{}.{ty}", word(Test::from_byte(i.m), Test::word)),
        Op::Setp | Op::Set => {
            let combine = match Combine::from_byte(i.m2 & 3) {
                None | Some(Combine::None) => String::new(),
                Some(c) => format!(".{}", c.word()),
            };
            let to = if i.op == Op::Set { format!(".{ty2}") } else { String::new() };
            format!("{op}.{}{combine}{to}.{ty}", word(Cmp::from_byte(i.m), Cmp::word))
        }
        Op::Slct => format!("slct.{ty}.{ty2}"),
        Op::Cvt => {
            let sat = if i.m2 == SAT { ".sat" } else { "" };
            format!("cvt{}{sat}.{ty}.{ty2}", CVT_ROUNDS.get(usize::from(i.m)).copied().unwrap_or(""))
        }
        Op::Ld | Op::St => {
            let vector = match i.vector() {
                1 => "",
                2 => ".v2",
                _ => ".v4",
            };
            let nc = if i.m2 & NC != 0 { ".nc" } else { "" };
            format!("{op}.{}{nc}{vector}.{ty}", word(Space::from_byte(i.m), Space::word))
        }
        Op::Red => {
            format!(
                "red.{}.{}.{ty}",
                word(Space::from_byte(i.m), Space::word),
                word(RedOp::from_byte(i.m2), RedOp::word)
            )
        }
        Op::Bra | Op::Ret | Op::Trap => op.to_string(),
        Op::Bar => "bar.sync".to_string(),
        Op::BarWarp => "bar.warp.sync".to_string(),
        Op::BarRed => {
            let of = if i.m == BarRedOp::Popc as u8 { "u32" } else { "pred" };
            format!("bar.red.{}.{of}", word(BarRedOp::from_byte(i.m), BarRedOp::word))
        }
        Op::Shfl => format!("shfl.sync.{}.b32", word(ShflMode::from_byte(i.m), ShflMode::word)),
        Op::Vote => {
            let of = if i.m == VoteMode::Ballot as u8 { "b32" } else { "pred" };
            format!("vote.sync.{}.{of}", word(VoteMode::from_byte(i.m), VoteMode::word))
        }
        Op::Match => format!("match.{}.sync.{ty}", if i.m == 1 { "all" } else { "any" }),
        Op::Redux => format!("redux.sync.{}.{ty}", word(RedOp::from_byte(i.m), RedOp::word)),
        Op::Prmt | Op::Lop3 | Op::Popc | Op::Clz | Op::Brev | Op::Bfi | Op::Selp => format!("{op}.{bits}"),
        _ => format!("{op}.{ty}"),
    }
}

/// The type in which a source operand's constants are written.
pub(crate) fn source_type(i: &Inst, position: usize) -> Ty {
    match (i.op, position) {
        (Op::Pack, _) | (Op::Cvt, _) => i.ty2,
        (Op::Slct, 3) => i.ty2,
        (Op::Shl | Op::Shr, 2) | (Op::ShfL | Op::ShfR, 3) | (Op::Bfe, 2 | 3) | (Op::Bfi, 3 | 4) => Ty::U32,
        (Op::MulWide | Op::MadWide, 3) => i.ty.wide(),
        (Op::Shfl | Op::Vote | Op::BarWarp | Op::BarRed, _) => Ty::U32,
        (Op::Match, 3) | (Op::Redux, 2) => Ty::U32,
        _ => i.ty,
    }
}
