//! Whether a plan makes sense for an image: every refusal in words, with both sides.

use alloc::string::String;
use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::limits;
use crate::plan::{Arg, Launch, Plan};

/// What a plan must know of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Size of each parameter in bytes, in order.
    pub params: Vec<u32>,
    /// Shared memory that the kernel declares, in bytes.
    pub static_shared_bytes: u32,
}

/// Looks a kernel up by name.
pub trait Kernels {
    /// The kernel's signature, if there is such a kernel.
    fn signature(&self, kernel: &str) -> Option<Signature>;

    /// Names of all kernels, for a helpful refusal.
    fn names(&self) -> Vec<String>;
}

/// Why a plan cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to run.
    #[error("the plan launches nothing")]
    NoLaunches,
    /// More of something than a plan may have.
    #[error("the plan has {found} {what}, the limit is {limit}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// No fuel, or more than a job may use.
    #[error("the fuel is {found} work units; it must be 1 to {limit}")]
    FuelOutOfRange {
        /// The plan's fuel.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The arena is too large.
    #[error("the arena has {found} bytes, the limit is {limit}")]
    ArenaTooLarge {
        /// Its size.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The arena is empty or not a whole number of pages.
    #[error("the arena has {found} bytes; it must be a positive multiple of 4096")]
    ArenaNotPages {
        /// Its size.
        found: u64,
    },
    /// A buffer of no bytes.
    #[error("buffer {buffer} has no bytes")]
    EmptyBuffer {
        /// Index of the buffer.
        buffer: usize,
    },
    /// A buffer that does not begin at a page.
    #[error("buffer {buffer} begins at byte {offset}, which is not a multiple of 4096")]
    BufferNotAligned {
        /// Index of the buffer.
        buffer: usize,
        /// Its offset.
        offset: u64,
    },
    /// A buffer that leaves the arena.
    #[error("buffer {buffer} ends at byte {end} of an arena of {arena} bytes")]
    BufferOutsideArena {
        /// Index of the buffer.
        buffer: usize,
        /// Where it ends, saturated.
        end: u64,
        /// Size of the arena.
        arena: u64,
    },
    /// Two buffers share bytes or a page, or are not in rising order.
    #[error("buffer {buffer} begins at byte {offset}, inside or before the pages of buffer {}", .buffer - 1)]
    BuffersOverlap {
        /// Index of the later buffer.
        buffer: usize,
        /// Its offset.
        offset: u64,
    },
    /// The image has no such kernel.
    #[error("launch {launch} names the kernel `{kernel}`, which the image does not have (it has: {})", .has.join(", "))]
    UnknownKernel {
        /// Index of the launch.
        launch: usize,
        /// The name.
        kernel: String,
        /// The kernels there are.
        has: Vec<String>,
    },
    /// A wrong number of arguments.
    #[error("launch {launch}: `{kernel}` takes {expected} arguments, the plan gives {found}")]
    ArgumentCount {
        /// Index of the launch.
        launch: usize,
        /// The kernel.
        kernel: String,
        /// Parameters of the kernel.
        expected: usize,
        /// Arguments given.
        found: usize,
    },
    /// An argument of the wrong size.
    #[error(
        "launch {launch}: argument {argument} of `{kernel}` has {found} bytes, the kernel takes {expected}"
    )]
    ArgumentSize {
        /// Index of the launch.
        launch: usize,
        /// The kernel.
        kernel: String,
        /// Index of the argument.
        argument: usize,
        /// Bytes of the parameter.
        expected: u32,
        /// Bytes of the argument.
        found: u32,
    },
    /// A buffer that the plan does not have.
    #[error("{user} names buffer {buffer}, the plan has {buffers}")]
    NoSuchBuffer {
        /// What names it.
        user: String,
        /// The index.
        buffer: u32,
        /// How many buffers there are.
        buffers: usize,
    },
    /// An address outside of its buffer.
    #[error(
        "launch {launch}: argument {argument} points at byte {offset} of buffer {buffer}, which has {len}"
    )]
    PointerOutsideBuffer {
        /// Index of the launch.
        launch: usize,
        /// Index of the argument.
        argument: usize,
        /// Index of the buffer.
        buffer: u32,
        /// The offset.
        offset: u64,
        /// The buffer's length.
        len: u64,
    },
    /// A grid of no blocks, or too many.
    #[error(
        "launch {launch} has the grid {grid:?}; each side is at least 1, y and z at most 65535, all together at most 16777216 blocks"
    )]
    BadGrid {
        /// Index of the launch.
        launch: usize,
        /// The grid.
        grid: [u32; 3],
    },
    /// A block of no threads, or too many.
    #[error(
        "launch {launch} has the block {block:?}; each side is at least 1, z at most 64, all together at most 1024 threads"
    )]
    BadBlock {
        /// Index of the launch.
        launch: usize,
        /// The block.
        block: [u32; 3],
    },
    /// Too much shared memory.
    #[error("launch {launch} uses {found} bytes of shared memory in a block, the limit is {limit}")]
    SharedTooLarge {
        /// Index of the launch.
        launch: usize,
        /// Static and dynamic together.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// Outputs that are not in rising order, or repeat.
    #[error("output {output} repeats a buffer or is out of order")]
    OutputOrder {
        /// Index of the output.
        output: usize,
    },
    /// Inputs that do not match the plan.
    #[error("the plan has {expected} inputs, {found} were given")]
    InputCount {
        /// Inputs of the plan.
        expected: usize,
        /// Inputs given.
        found: usize,
    },
    /// An input of the wrong length.
    #[error("the input of buffer {buffer} has {found} bytes, the buffer has {expected}")]
    InputLength {
        /// Index of the buffer.
        buffer: usize,
        /// Length of the buffer.
        expected: u64,
        /// Length of the input.
        found: u64,
    },
    /// An input of the wrong content.
    #[error("the input of buffer {buffer} has page root {found}, the plan says {expected}")]
    InputRoot {
        /// Index of the buffer.
        buffer: usize,
        /// Root in the plan.
        expected: B256,
        /// Root of the bytes.
        found: B256,
    },
}

impl Plan {
    /// Checks everything about a plan that does not need its inputs.
    ///
    /// # Errors
    /// The first [`PlanError`] that applies.
    pub fn check(&self, kernels: &dyn Kernels) -> Result<(), PlanError> {
        self.check_sizes()?;
        self.check_buffers()?;
        for (i, output) in self.outputs.iter().enumerate() {
            if *output as usize >= self.buffers.len() {
                return Err(self.no_such_buffer(alloc::format!("output {i}"), *output));
            }
            if i > 0 && self.outputs[i - 1] >= *output {
                return Err(PlanError::OutputOrder { output: i });
            }
        }
        self.launches.iter().enumerate().try_for_each(|(i, launch)| self.check_launch(i, launch, kernels))
    }

    fn check_sizes(&self) -> Result<(), PlanError> {
        let counts = [
            ("buffers", self.buffers.len(), limits::MAX_BUFFERS),
            ("launches", self.launches.len(), limits::MAX_LAUNCHES),
            ("outputs", self.outputs.len(), limits::MAX_BUFFERS),
        ];
        for (what, found, limit) in counts {
            if found > limit {
                return Err(PlanError::TooMany { what, found, limit });
            }
        }
        if self.launches.is_empty() {
            return Err(PlanError::NoLaunches);
        }
        if self.fuel == 0 || self.fuel > limits::MAX_FUEL {
            return Err(PlanError::FuelOutOfRange { found: self.fuel, limit: limits::MAX_FUEL });
        }
        if self.arena_bytes > limits::MAX_ARENA_BYTES {
            let (found, limit) = (self.arena_bytes, limits::MAX_ARENA_BYTES);
            return Err(PlanError::ArenaTooLarge { found, limit });
        }
        if self.arena_bytes == 0 || !self.arena_bytes.is_multiple_of(limits::PAGE_BYTES) {
            return Err(PlanError::ArenaNotPages { found: self.arena_bytes });
        }
        Ok(())
    }

    fn check_buffers(&self) -> Result<(), PlanError> {
        let mut free_from = 0;
        for (buffer, b) in self.buffers.iter().enumerate() {
            if b.len == 0 {
                return Err(PlanError::EmptyBuffer { buffer });
            }
            if !b.offset.is_multiple_of(limits::PAGE_BYTES) {
                return Err(PlanError::BufferNotAligned { buffer, offset: b.offset });
            }
            let end = b.offset.saturating_add(b.len);
            if end > self.arena_bytes {
                return Err(PlanError::BufferOutsideArena { buffer, end, arena: self.arena_bytes });
            }
            if b.offset < free_from {
                return Err(PlanError::BuffersOverlap { buffer, offset: b.offset });
            }
            // `end` is within an arena of whole pages, so rounding up stays within it.
            free_from = end.next_multiple_of(limits::PAGE_BYTES);
        }
        Ok(())
    }

    fn check_launch(&self, launch: usize, l: &Launch, kernels: &dyn Kernels) -> Result<(), PlanError> {
        let Some(signature) = kernels.signature(&l.kernel) else {
            let (kernel, has) = (l.kernel.clone(), kernels.names());
            return Err(PlanError::UnknownKernel { launch, kernel, has });
        };
        let zero = l.grid.contains(&0);
        let wide = l.grid[1].max(l.grid[2]) > limits::MAX_GRID_YZ;
        if zero || wide || l.blocks() > limits::MAX_GRID_BLOCKS {
            return Err(PlanError::BadGrid { launch, grid: l.grid });
        }
        let zero = l.block.contains(&0);
        if zero || l.block[2] > limits::MAX_BLOCK_Z || l.threads() > limits::MAX_BLOCK_THREADS {
            return Err(PlanError::BadBlock { launch, block: l.block });
        }
        let found = u64::from(signature.static_shared_bytes) + u64::from(l.shared_bytes);
        if found > u64::from(limits::MAX_SHARED_BYTES) {
            return Err(PlanError::SharedTooLarge { launch, found, limit: limits::MAX_SHARED_BYTES });
        }
        let (expected, found) = (signature.params.len(), l.args.len());
        if expected != found {
            return Err(PlanError::ArgumentCount { launch, kernel: l.kernel.clone(), expected, found });
        }
        for (argument, (arg, expected)) in l.args.iter().zip(&signature.params).enumerate() {
            let (expected, found) = (*expected, u32::from(arg.size()));
            if expected != found {
                let kernel = l.kernel.clone();
                return Err(PlanError::ArgumentSize { launch, kernel, argument, expected, found });
            }
            self.check_pointer(launch, argument, arg)?;
        }
        Ok(())
    }

    fn check_pointer(&self, launch: usize, argument: usize, arg: &Arg) -> Result<(), PlanError> {
        let Arg::Buffer { buffer, offset } = *arg else { return Ok(()) };
        let Some(b) = self.buffers.get(buffer as usize) else {
            let user = alloc::format!("argument {argument} of launch {launch}");
            return Err(self.no_such_buffer(user, buffer));
        };
        if offset >= b.len {
            return Err(PlanError::PointerOutsideBuffer { launch, argument, buffer, offset, len: b.len });
        }
        Ok(())
    }

    fn no_such_buffer(&self, user: String, buffer: u32) -> PlanError {
        PlanError::NoSuchBuffer { user, buffer, buffers: self.buffers.len() }
    }
}
