//! Batches on their way to L1.

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    sol_types::SolCall,
};
use assay_bindings::Inbox;

use crate::TxDraft;

/// A batch's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchPayload {
    /// One to six blobs of 131,072 bytes.
    Blobs(Vec<Bytes>),
    /// At most `limits::BATCH_CALLDATA_BYTES_MAX` bytes.
    Calldata(Bytes),
}

/// A batch with the state of the Inbox that it was built on; the Inbox reverts when that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPost {
    /// Number of batches before it.
    pub expected_index: u64,
    /// Root of the batch tree before it.
    pub expected_root: B256,
    /// One past the last queue entry it consumes.
    pub queue_to: u64,
    /// Root of the queue tree with `queue_to` entries.
    pub queue_root: B256,
    /// The payload.
    pub payload: BatchPayload,
}

impl BatchPost {
    /// The transaction that posts it.
    pub fn draft(self, inbox: Address) -> TxDraft {
        let (data, blobs) = match self.payload {
            BatchPayload::Blobs(blobs) => {
                let call = Inbox::postBatchCall {
                    expectedIndex: self.expected_index,
                    expectedRoot: self.expected_root,
                    queueTo: self.queue_to,
                    queueRoot: self.queue_root,
                };
                (call.abi_encode(), blobs)
            }
            BatchPayload::Calldata(payload) => {
                let call = Inbox::postBatchCalldataCall {
                    expectedIndex: self.expected_index,
                    expectedRoot: self.expected_root,
                    queueTo: self.queue_to,
                    queueRoot: self.queue_root,
                    payload,
                };
                (call.abi_encode(), vec![])
            }
        };
        TxDraft { to: TxKind::Call(inbox), value: U256::ZERO, data: data.into(), blobs }
    }
}
