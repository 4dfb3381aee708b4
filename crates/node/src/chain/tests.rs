use std::fs;
use std::path::Path;

use alloy::primitives::{Address, B256, U256};
use assay_storage::Record;

use super::*;
use crate::head::{BlockRef, Head};
use crate::state::StateError;
use crate::testing::{EMITTER, input, inputs, signer, test_genesis, transfer};

async fn memory() -> Chain {
    Chain::open(ChainOptions::memory(), &test_genesis(), None).await.unwrap().chain
}

async fn on_disk(dir: &Path) -> Opened {
    Chain::open(ChainOptions::at(dir), &test_genesis(), None).await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The chain after all inputs, in memory: what every recovery must come to.
async fn reference(count: u64) -> Chain {
    let chain = memory().await;
    for input in inputs(count) {
        chain.extend(&input).unwrap();
    }
    chain
}

#[tokio::test]
async fn blocks_states_and_transactions_can_be_read() {
    let chain = reference(9).await;
    let sender = signer().address();
    assert_eq!(chain.heads().latest.number, 9);
    for number in 0..=9u64 {
        let block = chain.block_by_number(number).await.unwrap().unwrap();
        assert_eq!(chain.block_by_hash(block.hash()).await.unwrap().unwrap().number(), number);
        let view = chain.state_at(number).unwrap();
        assert_eq!(view.account(sender).unwrap().unwrap().nonce, 2 * number);
        assert_eq!(view.storage(EMITTER, U256::from(1)).unwrap(), U256::from(number));
        for (index, tx) in block.txs.iter().enumerate() {
            let (found, at) = chain.transaction(tx.hash).await.unwrap().unwrap();
            assert_eq!((found.number(), at), (number, index));
        }
        assert!(block.is_input(&block.input()));
        assert_eq!(chain.input(number).await.unwrap().unwrap(), block.input());
    }
    assert_eq!(chain.state_at(10).unwrap_err(), StateError::Ahead { number: 10, head: 9 });
    let filter = LogFilter { to: 99, addresses: vec![EMITTER], limit: 99, ..LogFilter::default() };
    let logs = chain.logs(&filter).await.unwrap();
    assert_eq!(logs.len(), 9);
    assert_eq!(logs[4].topics, [B256::from(U256::from(5))]);
}

#[tokio::test]
async fn only_blocks_on_the_head_are_appended() {
    let chain = reference(2).await;
    let next = input(3, vec![transfer(4, 1)]);
    let executed = chain.execute(&next).unwrap();
    let twin = executed.clone();
    chain.append(executed, &next, Logged::Nothing).unwrap();
    assert!(matches!(
        chain.append(twin, &next, Logged::Nothing),
        Err(ChainError::NotOnHead { number: 3, .. })
    ));
    let early = input(3, vec![]);
    assert!(matches!(chain.extend(&early), Err(ChainError::Execution { number: 4, .. })));
    // Neither stopped the chain.
    chain.extend(&input(4, vec![transfer(5, 1)])).unwrap();
}

#[tokio::test]
async fn invalid_transactions_are_skipped_and_not_logged() {
    let chain = memory().await;
    let garbage = vec![transfer(7, 1), vec![1, 2, 3].into(), transfer(0, 1)];
    let block = chain.extend(&input(1, garbage)).unwrap();
    assert_eq!(block.txs.len(), 1);
    assert_eq!(block.input().txs, [transfer(0, 1)]);
}

#[tokio::test]
async fn a_rollback_takes_everything_back() {
    let chain = reference(8).await;
    let expected = reference(5).await;
    let mut events = chain.subscribe();
    let genesis = chain.genesis().block_ref();
    chain.set_heads(chain.recent_block(7).unwrap().block_ref(), genesis);
    let dropped = chain.rollback_to(5).await.unwrap();
    assert_eq!(dropped.iter().map(|block| block.number()).collect::<Vec<_>>(), [8, 7, 6]);
    assert_eq!(chain.heads().latest, expected.heads().latest);
    assert_eq!(chain.head(Head::Safe), expected.heads().latest);
    assert!(chain.block_by_number(6).await.unwrap().is_none());
    assert!(chain.transaction(dropped[0].txs[0].hash).await.unwrap().is_none());
    assert!(matches!(events.recv().await.unwrap(), ChainEvent::Heads(_)));
    assert!(matches!(events.recv().await.unwrap(), ChainEvent::Rollback { to, .. } if to.number == 5));
    // The same blocks again, then others.
    for input in inputs(8).into_iter().skip(5) {
        chain.extend(&input).unwrap();
    }
    assert_eq!(chain.heads().latest, reference(8).await.heads().latest);
    chain.rollback_to(0).await.unwrap();
    let other = chain.extend(&input(1, vec![transfer(0, 9)])).unwrap();
    assert_eq!(chain.state_at(1).unwrap().block(), other.block_ref());
}

#[tokio::test]
async fn final_blocks_stay() {
    let chain = reference(4).await;
    let head = chain.heads().latest;
    let third = chain.recent_block(3).unwrap().block_ref();
    chain.set_heads(head, third);
    assert!(matches!(chain.rollback_to(2).await, Err(ChainError::BelowFinalized { to: 2, finalized: 3 })));
    // Heads are held in order, whatever a driver says.
    chain.set_heads(BlockRef { number: 2, ..third }, head);
    let heads = chain.heads();
    assert!(heads.finalized.number <= heads.safe.number && heads.safe.number <= heads.latest.number);
}

#[tokio::test]
async fn proofs_of_old_states_verify_and_change_nothing() {
    let chain = reference(6).await;
    let root = chain.latest().header.state_root;
    for number in 0..=6 {
        let header = chain.header_by_number(number).await.unwrap().unwrap();
        for address in [EMITTER, signer().address(), Address::repeat_byte(3), Address::repeat_byte(0x77)] {
            let proof = chain.proof(number, address, &[U256::from(1), U256::from(2)]).unwrap();
            let key = alloy_trie::Nibbles::unpack(alloy::primitives::keccak256(address));
            let exists = chain.state_at(number).unwrap().account(address).unwrap().is_some();
            let leaf = exists.then(|| alloy_rlp::encode(proof.account));
            alloy_trie::proof::verify_proof(header.state_root, key, leaf, &proof.proof).unwrap();
            assert_eq!(
                proof.storage[0].value,
                chain.state_at(number).unwrap().storage(address, U256::from(1)).unwrap()
            );
        }
    }
    assert_eq!(
        chain.extend(&input(7, vec![])).unwrap().header.parent_hash,
        chain.recent_block(6).unwrap().hash()
    );
    assert_eq!(chain.recent_block(6).unwrap().header.state_root, root);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_on_disk_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let expected = reference(7).await;
    {
        let opened = on_disk(folder.path()).await;
        assert_eq!((opened.replayed, opened.log.records), (0, 0));
        for input in inputs(7) {
            opened.chain.extend(&input).unwrap();
        }
        opened.chain.close().await.unwrap();
        assert!(matches!(opened.chain.extend(&input(8, vec![])), Err(ChainError::Stopped(_))));
    }
    let opened = on_disk(folder.path()).await;
    assert_eq!(opened.replayed, 0, "everything was flushed");
    let chain = opened.chain;
    assert_eq!(chain.heads().latest, expected.heads().latest);
    for number in 0..=7 {
        assert_eq!(
            chain.state_at(number).unwrap().account(signer().address()).unwrap(),
            expected.state_at(number).unwrap().account(signer().address()).unwrap()
        );
        let (left, right) = (chain.block_by_number(number).await.unwrap(), expected.recent_block(number));
        let (left, right) = (left.unwrap(), right.unwrap());
        assert_eq!(left.receipts, right.receipts);
        assert_eq!(left.input(), right.input());
    }
    chain.rollback_to(3).await.unwrap();
    chain.flush().await.unwrap();
    assert_eq!(chain.index().unwrap().head().await.unwrap().unwrap().0, 3);
    chain.close().await.unwrap();
    drop(chain);
    assert_eq!(on_disk(folder.path()).await.chain.heads().latest.number, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_stores_are_rebuilt_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let head = {
        let chain = on_disk(&home).await.chain;
        for input in inputs(6) {
            chain.extend(&input).unwrap();
        }
        chain.rollback_to(4).await.unwrap();
        chain.extend(&input(9, vec![transfer(8, 1)])).unwrap();
        chain.close().await.unwrap();
        chain.heads().latest
    };
    for lost in [&["state.redb"][..], &["index.sqlite"], &["state.redb", "index.sqlite"]] {
        let dir = folder.path().join(lost.join("+"));
        copy(&home, &dir);
        for name in lost {
            fs::remove_file(dir.join(name)).unwrap();
            for suffix in ["-wal", "-shm"] {
                let _ = fs::remove_file(dir.join(format!("{name}{suffix}")));
            }
        }
        let opened = on_disk(&dir).await;
        assert_eq!(opened.chain.heads().latest, head, "{lost:?}");
        assert_eq!(opened.replayed, 7, "{lost:?}: six blocks and the one after the rollback");
        opened.chain.flush().await.unwrap();
        assert_eq!(opened.chain.index().unwrap().head().await.unwrap(), Some((head.number, head.hash)));
        opened.chain.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_cut_anywhere_gives_a_prefix_of_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    {
        let chain = on_disk(&home).await.chain;
        for input in inputs(4) {
            chain.extend(&input).unwrap();
        }
        chain.close().await.unwrap();
    }
    let expected = reference(4).await;
    let log = fs::read(home.join("blocks.log")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (48..=log.len()).step_by(211).chain([log.len()]) {
        let dir = folder.path().join(format!("cut{cut}"));
        copy(&home, &dir);
        fs::write(dir.join("blocks.log"), &log[..cut]).unwrap();
        let chain = on_disk(&dir).await.chain;
        let head = chain.heads().latest;
        assert_eq!(head.hash, expected.recent_block(head.number).unwrap().hash(), "cut at {cut}");
        seen.insert(head.number);
        // It goes on to the same chain.
        for input in inputs(4).into_iter().skip(head.number as usize) {
            chain.extend(&input).unwrap();
        }
        assert_eq!(chain.heads().latest, expected.heads().latest);
        chain.close().await.unwrap();
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_block_is_handed_back_with_its_durable_segments() {
    let folder = tempfile::tempdir().unwrap();
    let next = inputs(2).pop_back().unwrap();
    {
        let chain = on_disk(folder.path()).await.chain;
        let head = chain.extend(&inputs(2)[0]).unwrap();
        let log = chain.log().unwrap();
        let (timestamp, data_price) = (next.timestamp, next.data_price);
        log.append(&Record::Open { number: 2, timestamp, data_price, parent: head.hash() }).unwrap();
        for raw in &next.txs {
            log.append(&Record::Segment { forced: vec![], txs: vec![raw.clone()] }).unwrap();
        }
        log.sync().unwrap();
        chain.close().await.unwrap();
    }
    let opened = on_disk(folder.path()).await;
    let open = opened.open_block.unwrap();
    assert_eq!((open.number, open.segments.len()), (2, 2));
    assert_eq!(open.input(), next);
    // The sequencer executes it again and seals it.
    let executed = opened.chain.execute(&open.input()).unwrap();
    let block = opened.chain.append(executed, &open.input(), Logged::Segments).unwrap();
    assert_eq!(block.hash(), reference(2).await.latest().hash());
    opened.chain.close().await.unwrap();
    drop(opened.chain);
    let opened = on_disk(folder.path()).await;
    assert_eq!((opened.chain.heads().latest.number, opened.open_block), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_genesis_is_refused_by_name() {
    let wrong = Some(B256::repeat_byte(1));
    let error = Chain::open(ChainOptions::memory(), &test_genesis(), wrong).await.unwrap_err();
    assert!(matches!(error, ChainError::WrongGenesis { expected, .. } if Some(expected) == wrong), "{error}");

    let folder = tempfile::tempdir().unwrap();
    on_disk(folder.path()).await.chain.close().await.unwrap();
    let mut other = test_genesis();
    other.config.genesis_time += 1;
    let error = Chain::open(ChainOptions::at(folder.path()), &other, None).await.unwrap_err();
    assert!(error.to_string().contains("genesis"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_blocks_leave_memory_and_come_from_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let options = ChainOptions { block_bytes_kept: 1, states_kept: 3, ..ChainOptions::at(folder.path()) };
    let chain = Chain::open(options, &test_genesis(), None).await.unwrap().chain;
    for input in inputs(12) {
        chain.extend(&input).unwrap();
    }
    chain.flush().await.unwrap();
    assert!(chain.recent_block(5).is_none() && chain.recent_block(12).is_some());
    let expected = reference(12).await;
    for number in 1..=12 {
        let block = chain.block_by_number(number).await.unwrap().unwrap();
        assert_eq!(block.receipts, expected.recent_block(number).unwrap().receipts);
        assert!(chain.transaction(block.txs[0].hash).await.unwrap().is_some());
    }
    let filter = LogFilter { to: 99, topics_min: 1, limit: 99, ..LogFilter::default() };
    assert_eq!(chain.logs(&filter).await.unwrap(), expected.logs(&filter).await.unwrap());
    assert!(matches!(chain.state_at(2), Err(StateError::Pruned { number: 2, oldest: 9 })));
    // Deeper than the states in memory: the inverses on disk.
    chain.rollback_to(2).await.unwrap();
    assert_eq!(chain.heads().latest, expected.recent_block(2).unwrap().block_ref());
    for input in inputs(12).into_iter().skip(2) {
        chain.extend(&input).unwrap();
    }
    assert_eq!(chain.heads().latest, expected.heads().latest);
    chain.close().await.unwrap();
}
