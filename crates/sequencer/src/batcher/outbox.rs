//! Batches on their way, kept on disk before they leave: after a crash the same bytes are sent again.

use alloy::primitives::{Bytes, TxKind, U256};
use assay_l1::{SignedTx, TxDraft, TxError, TxJournal};
use assay_storage::{Journal, JournalError};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// Kind of the journal's entries.
const KIND: &str = "l1-batch";
/// Their only state; a batch that is done is removed.
const SENT: &str = "sent";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    to: TxKind,
    value: U256,
    data: Bytes,
    blobs: Vec<Bytes>,
    signed: Vec<SignedTx>,
}

/// A batch that was signed and may be on L1.
#[derive(Debug)]
pub(crate) struct Outgoing {
    journal: Journal,
    id: String,
    row: Row,
    is_new: bool,
}

impl Outgoing {
    /// A batch that nobody has signed yet. `id` is its index in the inbox.
    pub(crate) fn new(journal: Journal, id: u64, draft: &TxDraft) -> Self {
        let TxDraft { to, value, data, blobs } = draft.clone();
        let row = Row { to, value, data, blobs, signed: Vec::new() };
        Self { journal, id: id.to_string(), row, is_new: true }
    }

    /// What an interrupted process left; at most one batch is on its way at a time.
    pub(crate) async fn unfinished(journal: &Journal) -> Result<Option<Self>, String> {
        let entries = journal.entries(KIND).await.map_err(|error| error.to_string())?;
        let Some(entry) = entries.into_iter().next_back() else { return Ok(None) };
        let row: Row = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
        if row.blobs.iter().any(|blob| blob.len() != assay_primitives::limits::BLOB_BYTES) {
            return Err(format!("journal entry {} holds a blob of the wrong length", entry.id));
        }
        Ok(Some(Self { journal: journal.clone(), id: entry.id, row, is_new: false }))
    }

    /// What to send.
    pub(crate) fn draft(&self) -> TxDraft {
        TxDraft {
            to: self.row.to,
            value: self.row.value,
            data: self.row.data.clone(),
            blobs: self.row.blobs.clone(),
        }
    }

    /// What was signed for it so far, oldest first.
    pub(crate) fn known(&self) -> Vec<SignedTx> {
        self.row.signed.clone()
    }

    /// Whether bytes that were signed may be included yet, so that only they may be sent again.
    pub(crate) fn may_be_on_l1(&self, error: &TxError) -> bool {
        match error {
            TxError::Ambiguous { .. } => true,
            TxError::Reverted { .. } | TxError::NonceTaken { .. } => false,
            TxError::Refused { .. } => self.row.signed.len() > 1,
            TxError::WouldRevert { .. }
            | TxError::FeeLimit { .. }
            | TxError::Journal { .. }
            | TxError::Build { .. }
            | TxError::L1(_) => !self.row.signed.is_empty(),
        }
    }

    /// It is included, or never will be.
    pub(crate) async fn done(self) -> Result<(), JournalError> {
        if self.is_new { Ok(()) } else { self.journal.remove(KIND, &self.id, SENT).await }
    }
}

impl TxJournal for Outgoing {
    fn signed<'a>(&'a mut self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.row.signed.push(tx.clone());
            let data = serde_json::to_string(&self.row).map_err(|error| error.to_string())?;
            let written = if self.is_new {
                self.journal.insert(KIND, &self.id, SENT, &data).await
            } else {
                self.journal.transition(KIND, &self.id, SENT, SENT, &data).await
            };
            written.map_err(|error| error.to_string())?;
            self.is_new = false;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use assay_l1::Fees;

    #[tokio::test]
    async fn what_was_signed_survives_with_its_draft() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("journal.sqlite").display());
        let draft = TxDraft {
            data: vec![1, 2, 3].into(),
            blobs: vec![vec![1; assay_primitives::limits::BLOB_BYTES].into()],
            ..TxDraft::default()
        };
        let fees = Fees { max_fee_per_gas: 1, max_priority_fee_per_gas: 2, max_fee_per_blob_gas: 3 };
        let tx = SignedTx { nonce: 4, hash: B256::repeat_byte(1), raw: vec![5].into(), fees, gas_limit: 6 };
        {
            let journal = Journal::open(&url).await.unwrap();
            assert!(Outgoing::unfinished(&journal).await.unwrap().is_none());
            let mut outgoing = Outgoing::new(journal, 7, &draft);
            let limit = TxError::FeeLimit { what: "gas", needed: 2, limit: 1 };
            let refused = TxError::Refused { hash: tx.hash, message: String::new() };
            assert!(!outgoing.may_be_on_l1(&limit), "nothing was signed");
            outgoing.signed(&tx).await.unwrap();
            assert!(outgoing.may_be_on_l1(&limit) && !outgoing.may_be_on_l1(&refused));
            outgoing.signed(&SignedTx { hash: B256::repeat_byte(2), ..tx.clone() }).await.unwrap();
            assert!(outgoing.may_be_on_l1(&refused), "only the replacement was refused");
        }
        let journal = Journal::open(&url).await.unwrap();
        let found = Outgoing::unfinished(&journal).await.unwrap().expect("a batch is on its way");
        assert_eq!(found.draft(), draft);
        assert_eq!(found.known(), [tx.clone(), SignedTx { hash: B256::repeat_byte(2), ..tx }]);
        found.done().await.unwrap();
        assert!(Outgoing::unfinished(&journal).await.unwrap().is_none());
    }
}
