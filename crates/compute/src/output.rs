//! Outputs and their proofs: pages of the arena under the agreed result.

use alloc::vec::Vec;

use alloy_primitives::B256;
use assay_primitives::{PageTree, verify_range};

use crate::codec::{DecodeError, Reader, Writer};
use crate::limits;
use crate::plan::{Buffer, Plan};
use crate::state::{JobState, Status};

/// Most hashes in a proof: two for each level of the largest arena's tree.
const MAX_PROOF: usize = 2 * 24;

/// The siblings that prove the pages of one output buffer under a memory root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputProof {
    /// Index into the plan's outputs.
    pub output: u32,
    /// Siblings as `PageTree::prove` orders them.
    pub siblings: Vec<B256>,
}

/// Why an output is not the one that was agreed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The state's bytes are not a state.
    #[error("the job state does not decode: {0}")]
    State(#[from] DecodeError),
    /// The state is not the one whose root is on chain.
    #[error("the job state has root {found}, the chain agreed on {expected}")]
    ResultRoot {
        /// On chain.
        expected: B256,
        /// Of the state given.
        found: B256,
    },
    /// The state belongs to another job or another chain.
    #[error("the job state is for another {what}: {found} instead of {expected}")]
    WrongJob {
        /// `chain configuration` or `specification`.
        what: &'static str,
        /// Ours.
        expected: B256,
        /// The state's.
        found: B256,
    },
    /// The job has no outputs because it did not end well.
    #[error("the job ended in {status:?}: it has no outputs")]
    NotDone {
        /// How it ended.
        status: Status,
    },
    /// The plan has no such output.
    #[error("the plan has {outputs} outputs, there is no number {output}")]
    NoSuchOutput {
        /// The index.
        output: u32,
        /// How many there are.
        outputs: usize,
    },
    /// The bytes or the proof are wrong.
    #[error("output {output} is not proven by the agreed memory root {memory_root}")]
    NotProven {
        /// The index.
        output: u32,
        /// The agreed root.
        memory_root: B256,
    },
}

impl OutputProof {
    /// Proves an output; `None` when the plan has no such output or the tree is another arena's.
    pub fn new(plan: &Plan, tree: &PageTree, output: u32) -> Option<Self> {
        let pages = pages(buffer(plan, output)?);
        Some(Self { output, siblings: tree.prove(pages)? })
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u32(self.output);
        w.count(self.siblings.len());
        self.siblings.iter().for_each(|s| w.hash(s));
        w.0
    }

    /// Reads a canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but bytes that [`OutputProof::encode`] returns.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let output = r.u32("output")?;
        let n = r.count("siblings", MAX_PROOF)?;
        let siblings = (0..n).map(|_| r.hash("sibling")).collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(Self { output, siblings })
    }

    /// The output's bytes, when `pages` are proven by `state.memory_root`.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn verify<'a>(
        &self,
        plan: &Plan,
        state: &JobState,
        bytes: &'a [u8],
    ) -> Result<&'a [u8], OutputError> {
        if state.status != Status::Done {
            return Err(OutputError::NotDone { status: state.status });
        }
        let output = self.output;
        let outputs = plan.outputs.len();
        let buffer = buffer(plan, output).ok_or(OutputError::NoSuchOutput { output, outputs })?;
        let range = pages(buffer);
        let whole = (range.end - range.start).checked_mul(limits::PAGE_BYTES) == Some(bytes.len() as u64);
        let root = state.memory_root;
        if whole && verify_range(root, plan.arena_bytes, range.start, bytes, &self.siblings) {
            Ok(&bytes[..buffer.len as usize])
        } else {
            Err(OutputError::NotProven { output, memory_root: root })
        }
    }
}

/// Checks that the bytes of a state are the agreed result of this job on this chain.
///
/// # Errors
/// [`OutputError`].
pub fn verify_state(
    bytes: &[u8],
    result_root: B256,
    config_hash: B256,
    spec_root: B256,
) -> Result<JobState, OutputError> {
    let state = JobState::decode(bytes)?;
    let found = state.root();
    if found != result_root {
        return Err(OutputError::ResultRoot { expected: result_root, found });
    }
    let pairs = [
        ("chain configuration", config_hash, state.config_hash),
        ("specification", spec_root, state.spec_root),
    ];
    for (what, expected, found) in pairs {
        if expected != found {
            return Err(OutputError::WrongJob { what, expected, found });
        }
    }
    Ok(state)
}

/// The pages of an output, to be served with its proof.
pub fn output_pages<'a>(plan: &Plan, arena: &'a [u8], output: u32) -> Option<&'a [u8]> {
    let pages = pages(buffer(plan, output)?);
    let bytes = |page: u64| usize::try_from(page * limits::PAGE_BYTES).ok();
    arena.get(bytes(pages.start)?..bytes(pages.end)?)
}

fn buffer(plan: &Plan, output: u32) -> Option<&Buffer> {
    let index = plan.outputs.get(output as usize)?;
    plan.buffers.get(*index as usize)
}

fn pages(buffer: &Buffer) -> core::ops::Range<u64> {
    let end = buffer.offset.saturating_add(buffer.len).div_ceil(limits::PAGE_BYTES);
    buffer.offset / limits::PAGE_BYTES..end
}
