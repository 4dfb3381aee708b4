//! A job ready to run, and what running it gives.

use alloc::string::String;
use alloc::vec::Vec;

use alloy_primitives::B256;
use assay_primitives::{PageTree, page_root};
use assay_ptx::{ARENA_BASE, FlatMemory, Image};

use crate::check::{Kernels, PlanError, Signature};
use crate::codec::{DecodeError, within};
use crate::limits;
use crate::plan::{Arg, Launch, Plan, spec_root};
use crate::state::{JobState, Position, Status};

/// Why bytes do not make a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The plan's bytes are not a plan.
    #[error("the plan does not decode: {0}")]
    Plan(#[from] DecodeError),
    /// The image's bytes are not an image.
    #[error("the image does not decode: {0}")]
    Image(#[from] assay_ptx::DecodeError),
    /// The plan does not fit the image or the inputs.
    #[error(transparent)]
    Check(#[from] PlanError),
    /// The plan or image is not the one the order names.
    #[error("the {what} has root {found}, the order names {expected}")]
    Root {
        /// `plan` or `image`.
        what: &'static str,
        /// What the order names.
        expected: B256,
        /// What the bytes have.
        found: B256,
    },
}

impl Kernels for Image {
    fn signature(&self, kernel: &str) -> Option<Signature> {
        let kernel = self.kernels().iter().find(|k| k.name() == kernel)?;
        let params = kernel.params().iter().map(|p| p.bytes).collect();
        Some(Signature { params, static_shared_bytes: kernel.shared_bytes() })
    }

    fn names(&self) -> Vec<String> {
        self.kernels().iter().map(|k| k.name().into()).collect()
    }
}

/// An image, a plan that fits it, and the inputs the plan names: checked, ready to run.
#[derive(Clone, Debug)]
pub struct Job {
    config_hash: B256,
    image: Image,
    image_id: B256,
    plan: Plan,
    plan_root: B256,
    inputs: Vec<Vec<u8>>,
}

impl Job {
    /// Checks the plan against the image and the inputs (those of the buffers that have one, in order).
    ///
    /// # Errors
    /// [`PlanError`] with the first thing that is wrong, in words.
    pub fn new(config_hash: B256, image: Image, plan: Plan, inputs: Vec<Vec<u8>>) -> Result<Self, PlanError> {
        plan.check(&image)?;
        let named: Vec<_> =
            plan.buffers.iter().enumerate().filter_map(|(i, b)| Some((i, b.len, b.input?))).collect();
        if named.len() != inputs.len() {
            return Err(PlanError::InputCount { expected: named.len(), found: inputs.len() });
        }
        for ((buffer, len, root), input) in named.into_iter().zip(&inputs) {
            let found = input.len() as u64;
            if found != len {
                return Err(PlanError::InputLength { buffer, expected: len, found });
            }
            let found = page_root(input);
            if found != root {
                return Err(PlanError::InputRoot { buffer, expected: root, found });
            }
        }
        let image_id = page_root(&image.encode());
        let plan_root = plan.root();
        Ok(Self { config_hash, image, image_id, plan, plan_root, inputs })
    }

    /// Decodes image and plan and checks that they are the ones an order names.
    ///
    /// # Errors
    /// [`JobError`]; no part of untrusted bytes can panic.
    pub fn decode(
        config_hash: B256,
        (image_id, image): (B256, &[u8]),
        (plan_root, plan): (B256, &[u8]),
        inputs: Vec<Vec<u8>>,
    ) -> Result<Self, JobError> {
        let (image, plan) = decode_spec((image_id, image), (plan_root, plan))?;
        Ok(Self::new(config_hash, image, plan, inputs)?)
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Page root of the image's encoding.
    pub fn image_id(&self) -> B256 {
        self.image_id
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Page root of the plan's encoding.
    pub fn plan_root(&self) -> B256 {
        self.plan_root
    }

    /// [`spec_root`] of image and plan.
    pub fn spec_root(&self) -> B256 {
        spec_root(self.image_id, self.plan_root)
    }

    /// The arena before the first launch: inputs in their buffers, zeros elsewhere.
    pub fn initial_memory(&self) -> FlatMemory {
        let mut memory = FlatMemory::new(self.plan.arena_bytes);
        let arena = memory.as_bytes_mut();
        let buffers = self.plan.buffers.iter().filter(|b| b.input.is_some());
        for (buffer, input) in buffers.zip(&self.inputs) {
            // Checked: a buffer lies in the arena and its input has its length.
            let at = buffer.offset as usize;
            arena[at..at + input.len()].copy_from_slice(input);
        }
        memory
    }

    /// The state before the first launch.
    pub fn initial_state(&self) -> JobState {
        let memory_root = page_root(self.initial_memory().as_bytes());
        self.state(memory_root, Position::default(), 0, Status::Ready)
    }

    /// A state between launches of this job.
    pub fn state(&self, memory_root: B256, position: Position, units: u64, status: Status) -> JobState {
        JobState {
            config_hash: self.config_hash,
            spec_root: self.spec_root(),
            memory_root,
            shadow_root: empty_shadow_root(self.plan.arena_bytes),
            position,
            units,
            status,
        }
    }

    /// Parameter bytes of a launch as the kernel sees them, pointers relative to `arena_base`.
    ///
    /// `None` unless the kernel exists: a plan that [`Plan::check`] accepted always has it.
    pub fn params(&self, launch: &Launch, arena_base: u64) -> Option<Vec<u8>> {
        let kernel = self.image.kernels().iter().find(|k| k.name() == launch.kernel)?;
        let end = kernel.params().last().map_or(0, |p| p.offset + p.bytes);
        let mut out = alloc::vec![0; end as usize];
        for (param, arg) in kernel.params().iter().zip(&launch.args) {
            let bits = match *arg {
                Arg::Scalar { bits, .. } => bits,
                Arg::Buffer { buffer, offset } => {
                    let buffer = self.plan.buffers.get(buffer as usize)?;
                    arena_base.wrapping_add(buffer.offset).wrapping_add(offset)
                }
            };
            let at = param.offset as usize;
            let size = usize::from(arg.size());
            out.get_mut(at..at + size)?.copy_from_slice(&bits.to_le_bytes()[..size]);
        }
        Some(out)
    }

    /// [`Job::params`] at the canonical base, as proofs run the kernel.
    pub fn canonical_params(&self, launch: &Launch) -> Option<Vec<u8>> {
        self.params(launch, ARENA_BASE)
    }
}

/// Decodes image and plan, checks their roots and that they fit; the part of a job that needs no inputs.
///
/// # Errors
/// [`JobError`].
pub fn decode_spec(
    (image_id, image): (B256, &[u8]),
    (plan_root, plan): (B256, &[u8]),
) -> Result<(Image, Plan), JobError> {
    within("image", image.len() as u64, limits::MAX_IMAGE_BYTES as u64)?;
    for (what, expected, bytes) in [("image", image_id, image), ("plan", plan_root, plan)] {
        let found = page_root(bytes);
        if found != expected {
            return Err(JobError::Root { what, expected, found });
        }
    }
    let image = Image::decode(image)?;
    let plan = Plan::decode(plan)?;
    plan.check(&image)?;
    Ok((image, plan))
}

/// Page root of the shadow of an arena nobody touched: one zero byte for each byte.
pub fn empty_shadow_root(arena_bytes: u64) -> B256 {
    use alloy_primitives::{U256, keccak256};
    let pages = assay_primitives::page_count(arena_bytes);
    let mut top = assay_primitives::page_leaf(&[]);
    for _ in 0..pages.next_power_of_two().trailing_zeros() {
        top = keccak256([top.0, top.0].concat());
    }
    keccak256([U256::from(arena_bytes).to_be_bytes::<32>(), top.0].concat())
}

/// What a run ended in.
#[derive(Clone, Debug)]
pub struct JobResult {
    /// The last state; its `root` is what a provider commits to.
    pub state: JobState,
    /// The arena that `state.memory_root` commits to.
    pub memory: FlatMemory,
    /// For people: what went wrong and where, when the program broke a rule.
    pub fault: Option<String>,
}

impl JobResult {
    /// `keccak256` of the last state.
    pub fn result_root(&self) -> B256 {
        self.state.root()
    }

    /// Work units used.
    pub fn units(&self) -> u64 {
        self.state.units
    }

    /// The page tree of the arena, for output proofs. Cost: one hash of the whole arena.
    pub fn tree(&self) -> PageTree {
        PageTree::new(self.memory.as_bytes())
    }
}
