//! What can go wrong before a kernel runs.

use alloc::string::String;

/// Why PTX is not in the verifiable profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{instruction}`: {reason}{}{instead}", if instead.is_empty() { "" } else { "; instead: " })]
pub struct Refusal {
    /// Line in the PTX text, from 1.
    pub line: u32,
    /// The statement as it was written, shortened to 120 characters.
    pub instruction: String,
    /// The rule that refuses it.
    pub reason: String,
    /// What to write instead; empty when there is nothing.
    pub instead: String,
}

/// Why bytes are not the canonical encoding of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not begin with the magic and version of this encoding.
    #[error("not an image of this version")]
    Magic,
    /// The bytes end too early.
    #[error("image ends at byte {at}")]
    Truncated {
        /// Length found.
        at: usize,
    },
    /// Bytes follow the image.
    #[error("{extra} bytes follow the image")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A count or size is above its limit.
    #[error("{what} is {found}, the limit is {limit}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// Value found.
        found: u64,
        /// Largest value allowed.
        limit: u64,
    },
    /// An instruction breaks a rule of the bytecode.
    #[error("kernel {kernel}, instruction {pc}: {reason}")]
    Instruction {
        /// Kernel index.
        kernel: u32,
        /// Instruction index.
        pc: u32,
        /// The rule.
        reason: &'static str,
    },
    /// A kernel header breaks a rule, or is not in canonical form.
    #[error("kernel {kernel}: {reason}")]
    Kernel {
        /// Kernel index.
        kernel: u32,
        /// The rule.
        reason: &'static str,
    },
}

/// Why a kernel cannot be launched like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// The image has no such kernel.
    #[error("the image has no kernel {name:?}")]
    NoKernel {
        /// Name asked for.
        name: String,
    },
    /// A grid or block dimension is zero or too large.
    #[error("{what} is {found}, it must be 1 to {limit}")]
    Dimension {
        /// Which one.
        what: &'static str,
        /// Value found.
        found: u64,
        /// Largest value allowed.
        limit: u64,
    },
    /// Static and dynamic shared memory are more than a block may have.
    #[error("{found} bytes of shared memory, the limit is {limit}")]
    Shared {
        /// Bytes asked for.
        found: u64,
        /// Limit in bytes.
        limit: u64,
    },
    /// The parameter bytes do not have the length the kernel declares.
    #[error("the kernel takes {expected} parameter bytes, found {found}")]
    Params {
        /// Bytes the kernel declares.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The block index is not in the grid.
    #[error("block {found} of a grid of {blocks}")]
    Block {
        /// Index asked for.
        found: u64,
        /// Blocks in the grid.
        blocks: u64,
    },
}
