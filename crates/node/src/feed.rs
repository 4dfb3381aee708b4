//! What the sequencer's feed says, as JSON: one message for each durable record of its block log.

use alloy::primitives::{B256, Bytes};
use assay_primitives::QueueEntry;
use assay_storage::{Position, Record};
use serde::{Deserialize, Serialize};

/// One message of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedMessage {
    /// Sequence number: rises, with gaps. A listener resumes by naming the last one it has seen.
    pub seq: Position,
    /// What happened.
    #[serde(flatten)]
    pub event: FeedEvent,
}

/// What happened. Nothing of an open block has a hash yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum FeedEvent {
    /// A block was opened; one that was open before is void.
    Open {
        /// Its number.
        number: u64,
        /// Its timestamp in seconds.
        timestamp: u64,
        /// Data price that it proposes, in wei a byte.
        data_price: u64,
        /// Hash of its parent.
        parent: B256,
    },
    /// Transactions joined the open block.
    Segment {
        /// Entries of the forced queue, before every transaction of the block.
        forced: Vec<QueueEntry>,
        /// Raw EIP-2718 transactions.
        txs: Vec<Bytes>,
    },
    /// The open block is complete.
    Seal {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
        /// State root after it.
        state_root: B256,
    },
    /// Every block above `to` is void, and so is the open one.
    Rollback {
        /// Number of the new head.
        to: u64,
        /// Its hash.
        hash: B256,
    },
}

impl From<Record> for FeedEvent {
    fn from(record: Record) -> Self {
        match record {
            Record::Open { number, timestamp, data_price, parent } => {
                Self::Open { number, timestamp, data_price, parent }
            }
            Record::Segment { forced, txs } => Self::Segment { forced, txs },
            Record::Seal { number, hash, state_root } => Self::Seal { number, hash, state_root },
            Record::Rollback { to, hash } => Self::Rollback { to, hash },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let records = [
            Record::Open { number: 1, timestamp: 2, data_price: 3, parent: B256::repeat_byte(4) },
            Record::Segment {
                forced: vec![QueueEntry::beacon(1, 2, 3, 32, B256::ZERO, 5)],
                txs: vec![Bytes::from_static(&[1, 2])],
            },
            Record::Seal { number: 1, hash: B256::repeat_byte(5), state_root: B256::repeat_byte(6) },
            Record::Rollback { to: 0, hash: B256::repeat_byte(7) },
        ];
        for (seq, record) in (10..).zip(records) {
            let message = FeedMessage { seq, event: record.into() };
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<FeedMessage>(&text).unwrap(), message, "{text}");
        }
    }
}
