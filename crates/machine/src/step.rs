//! The step function: the meaning of every instruction and system call, written once.
//!
//! What it reads and writes beyond the registers comes through a [`Bus`]: a host's memory, a recorder of witnesses, or a
//! witness alone.

use alloy_primitives::B256;
use assay_primitives::OracleKey;

use crate::{
    alu::{alu, branches},
    isa::{Inst, Op, decode},
    state::{Cpu, Status},
    tree::LEAF_BYTES,
};

/// 32 bytes of memory.
pub type Leaf = [u8; LEAF_BYTES];

/// Leaves that `keccak_f` replaces.
pub const KECCAK_LEAVES: usize = 8;

/// The greatest offset of a pre-image part.
pub const PREIMAGE_OFFSET_MAX: u64 = 65_504;

/// 32 bytes of a pre-image, zeros after its end, and the length of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The bytes.
    pub bytes: Leaf,
    /// Bytes of the whole pre-image.
    pub length: u32,
}

/// What a step reaches beyond the registers.
///
/// Calls come in the order of the witness. An error is the host's or the witness's, never the program's.
pub trait Bus {
    /// Why something cannot be had.
    type Error;

    /// Opens the leaf at `32 * index`.
    fn leaf(&mut self, index: u32) -> Result<Leaf, Self::Error>;

    /// Replaces the leaf opened last, or its sibling.
    fn set_leaf(&mut self, index: u32, leaf: &Leaf) -> Result<(), Self::Error>;

    /// Opens the eight leaves from `32 * index`, a multiple of eight.
    fn leaves(&mut self, index: u32) -> Result<[Leaf; KECCAK_LEAVES], Self::Error>;

    /// Replaces the eight leaves opened last.
    fn set_leaves(&mut self, index: u32, leaves: &[Leaf; KECCAK_LEAVES]) -> Result<(), Self::Error>;

    /// The part of `key`'s pre-image at `offset`, a multiple of 32 not above [`PREIMAGE_OFFSET_MAX`].
    fn part(&mut self, key: OracleKey, offset: u32) -> Result<Part, Self::Error>;

    /// The program's word to the host about `bytes` bytes at `address`, neither of them checked.
    fn hint(&mut self, address: u64, bytes: u64);
}

/// Executes one step; `word` is what was fetched, `None` if nothing can be fetched at `pc`.
///
/// On an error the state is as before, unless the bus failed at the second leaf of a store.
pub fn step<B: Bus>(cpu: &mut Cpu, word: Option<u32>, bus: &mut B) -> Result<(), B::Error> {
    if !cpu.is_running() {
        return Ok(());
    }
    execute(cpu, word.map_or(decode(0), decode), bus)
}

/// Executes a decoded instruction on a running machine.
pub fn execute<B: Bus>(cpu: &mut Cpu, inst: Inst, bus: &mut B) -> Result<(), B::Error> {
    let (a, b) = (cpu.x[usize::from(inst.rs1)], cpu.x[usize::from(inst.rs2)]);
    let imm = i64::from(inst.imm) as u64;
    let next = cpu.pc.wrapping_add(4);
    let target = cpu.pc.wrapping_add(imm);
    let (value, pc) = match inst.op {
        Op::Illegal => return trap(cpu),
        Op::Ecall => return system_call(cpu, bus),
        Op::Fence => (None, next),
        Op::Auipc => (Some(target), next),
        Op::Jal => (Some(next), target),
        Op::Jalr => (Some(next), a.wrapping_add(imm) & !1),
        Op::Beq | Op::Bne | Op::Blt | Op::Bge | Op::Bltu | Op::Bgeu => {
            (None, if branches(inst.op, a, b) { target } else { next })
        }
        Op::Lb | Op::Lh | Op::Lw | Op::Ld | Op::Lbu | Op::Lhu | Op::Lwu => {
            let Some(place) = Place::of(a.wrapping_add(imm), width(inst.op)) else { return trap(cpu) };
            (Some(extend(inst.op, place.load(bus)?)), next)
        }
        Op::Sb | Op::Sh | Op::Sw | Op::Sd => {
            let Some(place) = Place::of(a.wrapping_add(imm), width(inst.op)) else { return trap(cpu) };
            place.store(b, bus)?;
            (None, next)
        }
        op if op.takes_immediate() => (Some(alu(op, a, imm)), next),
        op => (Some(alu(op, a, b)), next),
    };
    if let Some(value) = value
        && inst.rd != 0
    {
        cpu.x[usize::from(inst.rd)] = value;
    }
    cpu.pc = pc;
    Ok(())
}

fn trap<E>(cpu: &mut Cpu) -> Result<(), E> {
    cpu.status = Status::TRAPPED;
    Ok(())
}

/// Bytes that a load or store moves.
///
/// # Panics
/// If `op` is neither.
pub const fn width(op: Op) -> usize {
    match op {
        Op::Lb | Op::Lbu | Op::Sb => 1,
        Op::Lh | Op::Lhu | Op::Sh => 2,
        Op::Lw | Op::Lwu | Op::Sw => 4,
        Op::Ld | Op::Sd => 8,
        _ => panic!("neither a load nor a store"),
    }
}

fn extend(op: Op, value: u64) -> u64 {
    match op {
        Op::Lb => value as i8 as u64,
        Op::Lh => value as i16 as u64,
        Op::Lw => value as i32 as u64,
        _ => value,
    }
}

/// Where an access lies: within one leaf, or over its end into the next.
struct Place {
    leaf: u32,
    offset: usize,
    width: usize,
}

impl Place {
    /// `None` if the access does not end by 2^32.
    fn of(address: u64, width: usize) -> Option<Self> {
        (address <= (1 << 32) - width as u64).then_some(Self {
            leaf: (address / LEAF_BYTES as u64) as u32,
            offset: address as usize % LEAF_BYTES,
            width,
        })
    }

    fn straddles(&self) -> bool {
        self.offset + self.width > LEAF_BYTES
    }

    fn load<B: Bus>(&self, bus: &mut B) -> Result<u64, B::Error> {
        let mut bytes = [0; 2 * LEAF_BYTES];
        bytes[..LEAF_BYTES].copy_from_slice(&bus.leaf(self.leaf)?);
        if self.straddles() {
            bytes[LEAF_BYTES..].copy_from_slice(&bus.leaf(self.leaf + 1)?);
        }
        let bytes = &bytes[self.offset..self.offset + self.width];
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn store<B: Bus>(&self, value: u64, bus: &mut B) -> Result<(), B::Error> {
        let bytes = &value.to_le_bytes()[..self.width];
        let (here, beyond) = bytes.split_at(self.width.min(LEAF_BYTES - self.offset));
        let mut leaf = bus.leaf(self.leaf)?;
        leaf[self.offset..self.offset + here.len()].copy_from_slice(here);
        bus.set_leaf(self.leaf, &leaf)?;
        if self.straddles() {
            let mut leaf = bus.leaf(self.leaf + 1)?;
            leaf[..beyond.len()].copy_from_slice(beyond);
            bus.set_leaf(self.leaf + 1, &leaf)?;
        }
        Ok(())
    }
}

/// System calls: the number in `a7`.
mod call {
    pub(super) const READ_INPUT: u64 = 1;
    pub(super) const WRITE_OUTPUT: u64 = 2;
    pub(super) const HINT: u64 = 3;
    pub(super) const PREIMAGE: u64 = 4;
    pub(super) const KECCAK_F: u64 = 5;
    pub(super) const EXIT: u64 = 93;
}

fn system_call<B: Bus>(cpu: &mut Cpu, bus: &mut B) -> Result<(), B::Error> {
    let (a0, a1) = (cpu.x[10], cpu.x[11]);
    match cpu.x[17] {
        call::EXIT => {
            cpu.status = Status::EXITED;
            cpu.exit_code = a0 as u8;
            return Ok(());
        }
        call::READ_INPUT => {
            let Some(index) = pointer(a0, 32) else { return trap(cpu) };
            bus.leaf(index)?;
            bus.set_leaf(index, &cpu.input)?;
        }
        call::WRITE_OUTPUT => {
            let Some(index) = pointer(a0, 32) else { return trap(cpu) };
            cpu.output = B256::new(bus.leaf(index)?);
        }
        call::HINT => bus.hint(a0, a1),
        call::PREIMAGE => {
            let Some(index) = pointer(a0, 64) else { return trap(cpu) };
            if a1 % 32 != 0 || a1 > PREIMAGE_OFFSET_MAX {
                return trap(cpu);
            }
            let Some(key) = OracleKey::parse(B256::new(bus.leaf(index)?)) else { return trap(cpu) };
            let part = bus.part(key, a1 as u32)?;
            bus.set_leaf(index + 1, &part.bytes)?;
            cpu.x[10] = u64::from(part.length);
        }
        call::KECCAK_F => {
            let Some(index) = pointer(a0, 256) else { return trap(cpu) };
            let mut leaves = bus.leaves(index)?;
            permute(&mut leaves);
            bus.set_leaves(index, &leaves)?;
        }
        _ => return trap(cpu),
    }
    cpu.pc = cpu.pc.wrapping_add(4);
    Ok(())
}

/// The leaf a system call's pointer names; `None` if it is not a multiple of `alignment` below 2^32.
fn pointer(address: u64, alignment: u64) -> Option<u32> {
    (address.is_multiple_of(alignment) && address < 1 << 32).then_some((address / LEAF_BYTES as u64) as u32)
}

/// keccak-f[1600] on the first 200 bytes.
fn permute(leaves: &mut [Leaf; KECCAK_LEAVES]) {
    let bytes = leaves.as_flattened_mut();
    let mut lanes = [0u64; 25];
    for (lane, bytes) in lanes.iter_mut().zip(bytes.chunks_exact(8)) {
        *lane = bytes.iter().rev().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
    }
    keccak::Keccak::new().with_f1600(|f| f(&mut lanes));
    for (lane, bytes) in lanes.iter().zip(bytes.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
}
