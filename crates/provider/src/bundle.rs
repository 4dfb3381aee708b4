//! Names on the data plane: topics and the blobs under them, the same for agent and client.

use alloy::primitives::{B256, U256, keccak256};

/// Blob of the image.
pub(crate) const IMAGE: &str = "image";
/// Blob of the plan.
pub(crate) const PLAN: &str = "plan";
/// Blob of the last job state.
pub(crate) const STATE: &str = "state";
/// Blob with a fault in words.
pub(crate) const FAULT: &str = "fault";

/// Blob of an input, by its place among the buffers that have one.
pub(crate) fn input(index: usize) -> String {
    format!("input-{index}")
}

/// Blob of an output's pages.
pub(crate) fn output(index: usize) -> String {
    format!("output-{index}")
}

/// Blob of an output's proof.
pub(crate) fn proof(index: usize) -> String {
    format!("proof-{index}")
}

/// The topic under which a client serves image, plan and inputs of a specification.
pub fn inputs_topic(spec_root: B256) -> B256 {
    keccak256([&b"assay/inputs/1"[..], spec_root.as_slice()].concat())
}

/// The topic under which a provider serves the outputs of a job.
pub fn outputs_topic(chain_id: u64, job: u64) -> B256 {
    let words = [U256::from(chain_id).to_be_bytes::<32>(), U256::from(job).to_be_bytes::<32>()].concat();
    keccak256([&b"assay/outputs/1"[..], &words].concat())
}
