//! Every limit of a job's plan, in one place.
//!
//! They bound what a decoder allocates and keep a job inside the dispute game's trace
//! (`12 + 24` bits of launches and thread blocks, PROTOCOL.md section 2).

/// Page of device memory: the leaf of its page tree, and the alignment of buffers.
pub const PAGE_BYTES: u64 = 4096;
/// Largest arena, in bytes.
pub const MAX_ARENA_BYTES: u64 = 1 << 36;
/// Most buffers in a plan.
pub const MAX_BUFFERS: usize = 1024;
/// Most launches in a plan: the launch level of the trace has 12 bits.
pub const MAX_LAUNCHES: usize = 1 << 12;
/// Most arguments of one launch.
pub const MAX_ARGS: usize = 64;
/// Longest kernel name, in bytes.
pub const MAX_KERNEL_NAME: usize = 128;
/// Most thread blocks in one launch: the block level of the trace has 24 bits.
pub const MAX_GRID_BLOCKS: u64 = 1 << 24;
/// Largest `grid.y` and `grid.z`, as on every CUDA device.
pub const MAX_GRID_YZ: u32 = 65_535;
/// Most threads in a block, as on every CUDA device.
pub const MAX_BLOCK_THREADS: u32 = 1024;
/// Largest `block.z`, as on every CUDA device.
pub const MAX_BLOCK_Z: u32 = 64;
/// Most shared memory of a block, static and dynamic together, in bytes.
pub const MAX_SHARED_BYTES: u32 = 48 << 10;
/// Most work units a job may ask for.
pub const MAX_FUEL: u64 = 1 << 60;
/// Longest encoding of a plan, in bytes.
pub const MAX_PLAN_BYTES: usize = 4 << 20;
/// Longest encoding of an image, in bytes.
pub const MAX_IMAGE_BYTES: usize = 16 << 20;
