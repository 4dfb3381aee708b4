//! The state of a job between two thread blocks: what a dispute is about.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use assay_ptx::FaultKind;

use crate::codec::{DecodeError, Reader, Writer};

const VERSION: u8 = 1;

/// Where a job stands: the next thread block to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Index of the launch, or the number of launches once the job is done.
    pub launch: u32,
    /// Linear index of the thread block in that launch; 0 between launches.
    pub block: u64,
}

/// How a job goes or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Between two launches, or before the first.
    Ready,
    /// Inside a launch: only the block level of a dispute sees it.
    InLaunch,
    /// Every launch ran.
    Done,
    /// A thread block broke a rule; the code is [`fault_code`]'s.
    Fault(u16),
    /// The fuel ran out.
    OutOfFuel,
}

/// The code of a fault kind: the kind in the high byte, the state space, where it has one, in the low.
pub fn fault_code(kind: &FaultKind) -> u16 {
    let (kind, space) = match *kind {
        FaultKind::OutOfBounds { space, .. } => (1, space as u16),
        FaultKind::Misaligned { space, .. } => (2, space as u16),
        FaultKind::Race { space, .. } => (3, space as u16),
        FaultKind::UninitialisedShared { .. } => (4, 0),
        FaultKind::NonCoherent { .. } => (5, 0),
        FaultKind::DivergentBarrier => (6, 0),
        FaultKind::DivergentWarp => (7, 0),
        FaultKind::Trap => (8, 0),
    };
    kind << 8 | space
}

/// The state of a job: `result_root` of the last one is what a provider commits to.
///
/// FAULT and out of fuel keep the memory root and position of the start of their launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// Hash of the protocol parameters.
    pub config_hash: B256,
    /// [`crate::spec_root`] of the image and the plan.
    pub spec_root: B256,
    /// Page root of the arena.
    pub memory_root: B256,
    /// Page root of the launch-scope shadow; of zeros between launches.
    pub shadow_root: B256,
    /// The next thread block.
    pub position: Position,
    /// Work units used so far.
    pub units: u64,
    /// How it goes or ended.
    pub status: Status,
}

impl JobState {
    /// The canonical encoding, 152 bytes: `config_hash` first.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        let (tag, fault) = match self.status {
            Status::Ready => (1, 0),
            Status::InLaunch => (2, 0),
            Status::Done => (3, 0),
            Status::Fault(kind) => (4, kind),
            Status::OutOfFuel => (5, 0),
        };
        w.u8(tag);
        w.u16(fault);
        w.u32(self.position.launch);
        w.u64(self.position.block);
        w.u64(self.units);
        for hash in [&self.memory_root, &self.shadow_root, &self.spec_root] {
            w.hash(hash);
        }
        let mut out = self.config_hash.to_vec();
        out.extend_from_slice(&w.0);
        out
    }

    /// Reads a canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but bytes that [`JobState::encode`] returns.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let config_hash = r.hash("config_hash")?;
        match r.u8("version")? {
            VERSION => {}
            found => return Err(DecodeError::UnknownTag { field: "version", found: found.into() }),
        }
        let tag = r.u8("status")?;
        let fault = r.u16("fault")?;
        let status = match (tag, fault) {
            (1, 0) => Status::Ready,
            (2, 0) => Status::InLaunch,
            (3, 0) => Status::Done,
            (4, kind) => Status::Fault(kind),
            (5, 0) => Status::OutOfFuel,
            (1..=5, _) => return Err(DecodeError::NotCanonical { field: "fault" }),
            _ => return Err(DecodeError::UnknownTag { field: "status", found: tag.into() }),
        };
        let position = Position { launch: r.u32("launch")?, block: r.u64("block")? };
        let units = r.u64("units")?;
        let memory_root = r.hash("memory_root")?;
        let shadow_root = r.hash("shadow_root")?;
        let spec_root = r.hash("spec_root")?;
        r.finish()?;
        Ok(Self { config_hash, spec_root, memory_root, shadow_root, position, units, status })
    }

    /// `keccak256` of the encoding: the hash that stands for the state on chain.
    pub fn root(&self) -> B256 {
        keccak256(self.encode())
    }
}
