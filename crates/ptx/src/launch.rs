//! Launch shapes and what running one block can end in.

use crate::error::LaunchError;

/// Address of the arena's first byte as kernels see it. Never zero, so that a null pointer is out of bounds.
pub const ARENA_BASE: u64 = 1 << 36;

/// Threads in a block, at most.
pub(crate) const THREADS_MAX: u64 = 1024;
/// Grid dimension along y and z, at most.
pub(crate) const GRID_YZ_MAX: u64 = 65_535;
/// Grid dimension along x, at most.
pub(crate) const GRID_X_MAX: u64 = (1 << 31) - 1;
/// Static plus dynamic shared memory of a block, at most (what every device from sm_75 gives without opting in).
pub(crate) const SHARED_MAX: u64 = 48 * 1024;

/// The shape of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchDims {
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y, z.
    pub block: [u32; 3],
    /// Dynamic shared memory of a block in bytes.
    pub dynamic_shared: u32,
}

impl LaunchDims {
    /// A launch without dynamic shared memory.
    pub const fn new(grid: [u32; 3], block: [u32; 3]) -> Self {
        Self { grid, block, dynamic_shared: 0 }
    }

    /// Checks every limit except that on shared memory, which needs the kernel.
    pub fn check(&self) -> Result<(), LaunchError> {
        let limits = [("grid x", GRID_X_MAX), ("grid y", GRID_YZ_MAX), ("grid z", GRID_YZ_MAX)];
        for ((what, limit), found) in limits.into_iter().zip(self.grid) {
            dimension(what, u64::from(found), limit)?;
        }
        let limits = [("block x", 1024), ("block y", 1024), ("block z", 64)];
        for ((what, limit), found) in limits.into_iter().zip(self.block) {
            dimension(what, u64::from(found), limit)?;
        }
        dimension("threads of a block", self.block.iter().map(|d| u64::from(*d)).product(), THREADS_MAX)
    }

    /// Blocks of the grid; saturates for shapes that [`LaunchDims::check`] refuses.
    pub fn blocks(&self) -> u64 {
        self.grid.iter().fold(1, |n, d| u64::saturating_mul(n, u64::from(*d)))
    }

    /// Threads of a block; saturates for shapes that [`LaunchDims::check`] refuses.
    pub fn threads(&self) -> u32 {
        self.block.iter().fold(1, |n, d| u32::saturating_mul(n, *d))
    }
}

fn dimension(what: &'static str, found: u64, limit: u64) -> Result<(), LaunchError> {
    if found == 0 || found > limit { Err(LaunchError::Dimension { what, found, limit }) } else { Ok(()) }
}

/// A state space of PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Space {
    /// Kernel parameters.
    Param = 1,
    /// The arena.
    Global = 2,
    /// Memory of one block.
    Shared = 3,
    /// Memory of one thread.
    Local = 4,
    /// Constants of the image.
    Const = 5,
}

/// What a program did that the profile defines as a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An access outside the arena, or outside shared, local or constant memory.
    OutOfBounds {
        /// Where.
        space: Space,
        /// First byte of the access.
        address: u64,
        /// Length in bytes.
        bytes: u32,
    },
    /// An address that is not a multiple of the access size.
    Misaligned {
        /// Where.
        space: Space,
        /// First byte of the access.
        address: u64,
        /// Length in bytes.
        bytes: u32,
    },
    /// Two threads touched one byte, at least one wrote, and nothing orders them.
    Race {
        /// Global or shared.
        space: Space,
        /// First byte of the access that completed the race.
        address: u64,
    },
    /// A shared byte was read that no thread of the block had written.
    UninitialisedShared {
        /// First byte of the access.
        address: u64,
    },
    /// `ld.global.nc` of a byte that this launch writes.
    NonCoherent {
        /// First byte of the access.
        address: u64,
    },
    /// Not every thread of the block reached the same barrier.
    DivergentBarrier,
    /// A lane named by a `.sync` instruction did not reach it, or named other lanes.
    DivergentWarp,
    /// The program executed `trap`.
    Trap,
}

/// A fault and where it happened. Bits of a result: equal on every host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// Kernel index in the image.
    pub kernel: u32,
    /// Linear block index in the grid.
    pub block: u64,
    /// Linear thread index in the block.
    pub thread: u32,
    /// Instruction index in the kernel's bytecode.
    pub pc: u32,
    /// Line in the canonical text of the image (`print`).
    pub line: u32,
}

/// What running one block ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockOutcome {
    /// Every thread ended; memory holds the new state.
    Done {
        /// Work units the block used.
        units: u64,
        /// Instructions the block executed, over all threads.
        instructions: u64,
    },
    /// The program broke a rule; memory is partly written and must be restored to the launch start.
    Fault {
        /// What and where.
        fault: Fault,
        /// Work units until then.
        units: u64,
    },
    /// The block needs more than the fuel given; it is charged exactly the fuel. Memory as for a fault.
    OutOfFuel,
}
