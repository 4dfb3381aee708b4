//! Leaves and roots of the Inbox's trees: the same file is asserted by `contracts/test/l1/Vectors.t.sol`.

#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use assay_primitives::{
    BatchKind, InboxEntry, MerkleTree32, QueueEntry, QueueKind, blob_data_hash, page_root, record_call,
};
use serde_json::{Value, json};

/// Twelve entries of both kinds with every field in use.
fn queue() -> Vec<QueueEntry> {
    (0..12u64)
        .map(|i| {
            let (l1_block, l1_time) = (20_000_000 + i / 3, 1_800_000_000 + 12 * (i / 3));
            if i % 4 == 3 {
                return QueueEntry::beacon(i, l1_block, l1_time, 32 * i, keccak256([i as u8]), 100_000);
            }
            QueueEntry {
                kind: QueueKind::Transaction,
                index: i,
                l1_block,
                l1_time,
                from: Address::with_last_byte(0x10 + i as u8),
                mint: U256::from(i) << 200,
                value: U256::from(i * i),
                gas_limit: 21_000 + i,
                is_creation: i % 5 == 0,
                to: if i % 5 == 0 { Address::ZERO } else { Address::repeat_byte(i as u8) },
                data: Bytes::from(vec![i as u8; 37 * i as usize]),
            }
        })
        .collect()
}

/// Nine batches of all kinds that consume the queue.
fn batches(roots: &[B256]) -> Vec<InboxEntry> {
    let mut from = 0;
    (0..9u64)
        .map(|i| {
            let kind = [BatchKind::Blobs, BatchKind::Calldata, BatchKind::Forced][i as usize % 3];
            let to = (from + i % 3).min(12);
            let payload = match kind {
                BatchKind::Calldata => Bytes::from(vec![i as u8; 4096 * i as usize - 5]),
                _ => Bytes::new(),
            };
            let data_hash = match kind {
                BatchKind::Blobs => blob_data_hash(&[B256::repeat_byte(1), B256::with_last_byte(i as u8)]),
                BatchKind::Calldata => page_root(&payload),
                BatchKind::Forced => B256::ZERO,
            };
            let entry = InboxEntry {
                kind,
                index: i,
                l1_block: 20_000_100 + i,
                l1_time: 1_800_001_200 + 12 * i,
                queue_from: from,
                queue_to: to,
                queue_root: roots[to as usize],
                data_hash,
                payload,
            };
            from = to;
            entry
        })
        .collect()
}

fn vectors() -> Value {
    let mut tree = MerkleTree32::default();
    let mut roots = vec![tree.root()];
    let queue: Vec<Value> = queue()
        .iter()
        .map(|entry| {
            tree.append(entry.leaf()).unwrap();
            roots.push(tree.root());
            json!({
                "kind": entry.kind as u8,
                "l1Block": entry.l1_block,
                "l1Time": entry.l1_time,
                "from": entry.from,
                "mint": entry.mint.to_string(),
                "value": entry.value.to_string(),
                "gasLimit": entry.gas_limit,
                "isCreation": entry.is_creation,
                "to": entry.to,
                "data": entry.data,
                "leaf": entry.leaf(),
                "root": tree.root(),
            })
        })
        .collect();
    let mut tree = MerkleTree32::default();
    let batches: Vec<Value> = batches(&roots)
        .iter()
        .map(|entry| {
            tree.append(entry.leaf()).unwrap();
            json!({
                "kind": entry.kind as u8,
                "l1Block": entry.l1_block,
                "l1Time": entry.l1_time,
                "queueFrom": entry.queue_from,
                "queueTo": entry.queue_to,
                "queueRoot": entry.queue_root,
                "dataHash": entry.data_hash,
                "payload": entry.payload,
                "leaf": entry.leaf(),
                "root": tree.root(),
            })
        })
        .collect();
    json!({ "empty": roots[0], "queue": queue, "batches": batches })
}

/// `ASSAY_WRITE_VECTORS=1 cargo test -p assay-l1 --test vectors` writes the file again.
#[test]
fn the_committed_trees_are_these() {
    let path = assay_testkit::repository().join("tests/vectors/inbox_tree.json");
    let text = format!("{:#}\n", vectors());
    if std::env::var_os("ASSAY_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_beacon_entry_calls_the_predeploy() {
    let entry = &queue()[3];
    assert_eq!(entry.data, record_call(96, keccak256([3u8])));
}
