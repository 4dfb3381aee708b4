use alloy::primitives::{Address, B256, Bytes, U256};

use super::*;

/// The databases to test: SQLite always, PostgreSQL where there is a server for tests.
async fn databases() -> Vec<(Index, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.sqlite");
    let mut out = vec![
        (Index::open("sqlite::memory:").await.unwrap(), None),
        (Index::open(&format!("sqlite:{}", path.display())).await.unwrap(), Some(folder)),
    ];
    if let Some(url) = crate::sql::testing::postgres().await {
        out.push((Index::open(&url).await.unwrap(), None));
    }
    out
}

fn block(number: u64, fork: u8) -> BlockRow {
    let tx_hash = B256::from([number as u8 ^ fork.wrapping_mul(31); 32]);
    let logs = (0..2u64).map(|index| LogRow {
        block: number,
        index,
        tx_index: 0,
        tx_hash,
        address: Address::repeat_byte(index as u8 + 1),
        topics: (0..=number % 4).map(|topic| B256::repeat_byte(topic as u8 + 1)).collect(),
        data: Bytes::from(vec![number as u8]),
    });
    BlockRow {
        number,
        hash: B256::from(U256::from(number << 8 | u64::from(fork))),
        header: Bytes::from(vec![1, fork]),
        extra: Bytes::from(vec![2]),
        txs: vec![TxRow {
            hash: tx_hash,
            block: number,
            index: 0,
            sender: Address::repeat_byte(9),
            raw: Bytes::from(vec![3]),
            receipt: Bytes::from(vec![4]),
        }],
        logs: logs.collect(),
    }
}

fn read_back(block: &BlockRow) -> BlockRow {
    BlockRow { logs: Vec::new(), ..block.clone() }
}

#[tokio::test]
async fn blocks_come_back_by_number_hash_and_transaction() {
    for (index, _folder) in databases().await {
        let blocks: Vec<_> = (1..=5).map(|number| block(number, 0)).collect();
        index.put_blocks(&blocks).await.unwrap();
        assert_eq!(index.head().await.unwrap(), Some((5, blocks[4].hash)));
        assert_eq!(index.block_by_number(3).await.unwrap(), Some(read_back(&blocks[2])));
        assert_eq!(index.header_by_hash(blocks[1].hash).await.unwrap().unwrap().number, 2);
        assert_eq!(index.tx(blocks[3].txs[0].hash).await.unwrap(), Some(blocks[3].txs[0].clone()));
        assert_eq!(index.block_by_number(6).await.unwrap(), None);
        assert_eq!(index.block_by_number(u64::MAX).await.unwrap(), None);
        assert_eq!(index.tx(B256::ZERO).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_reorganisation_replaces_what_was_above() {
    for (index, _folder) in databases().await {
        index.put_blocks(&(1..=5).map(|number| block(number, 0)).collect::<Vec<_>>()).await.unwrap();
        index.put_blocks(&[block(3, 1)]).await.unwrap();
        assert_eq!(index.head().await.unwrap(), Some((3, block(3, 1).hash)));
        assert_eq!(index.tx(block(3, 0).txs[0].hash).await.unwrap(), None);
        assert_eq!(index.logs(&LogQuery { to: 9, limit: 99, ..Default::default() }).await.unwrap().len(), 6);
        index.truncate_above(1).await.unwrap();
        assert_eq!(index.head().await.unwrap().unwrap().0, 1);
        // Writing the same again changes nothing.
        index.put_blocks(&[block(1, 0)]).await.unwrap();
        index.put_blocks(&[block(1, 0)]).await.unwrap();
        assert_eq!(index.block_by_number(1).await.unwrap(), Some(read_back(&block(1, 0))));
    }
}

#[tokio::test]
async fn log_queries_equal_a_scan() {
    for (index, _folder) in databases().await {
        let blocks: Vec<_> = (1..=9).map(|number| block(number, 0)).collect();
        index.put_blocks(&blocks).await.unwrap();
        let all: Vec<_> = blocks.iter().flat_map(|block| block.logs.clone()).collect();
        let word = B256::repeat_byte;
        for from in [0, 3, 8] {
            for address in 0..3u8 {
                for (at, topic) in [(0, 0), (0, 1), (1, 2), (3, 4), (2, 9)] {
                    for topics_min in 0..=4u8 {
                        let mut query = LogQuery { from, to: 8, topics_min, limit: 99, ..Default::default() };
                        if address > 0 {
                            query.addresses = vec![Address::repeat_byte(address), Address::repeat_byte(77)];
                        }
                        if topic > 0 {
                            query.topics[at] = vec![word(topic), word(88)];
                        }
                        let expected: Vec<_> = all
                            .iter()
                            .filter(|log| (from..=8).contains(&log.block))
                            .filter(|log| address == 0 || log.address == Address::repeat_byte(address))
                            .filter(|log| topic == 0 || log.topics.get(at) == Some(&word(topic)))
                            .filter(|log| log.topics.len() >= usize::from(topics_min))
                            .cloned()
                            .collect();
                        assert_eq!(index.logs(&query).await.unwrap(), expected, "{query:?}");
                    }
                }
            }
        }
        let two = LogQuery { to: 9, limit: 2, ..Default::default() };
        assert_eq!(index.logs(&two).await.unwrap(), all[..2]);
    }
}

#[tokio::test]
async fn batches_and_checkpoints_follow_l1() {
    for (index, _folder) in databases().await {
        let batch = |inbox_index: u64| BatchRow {
            inbox_index,
            kind: 1,
            l1_block: inbox_index * 2,
            l1_hash: B256::repeat_byte(1),
            l1_tx: B256::repeat_byte(2),
            queue_from: 0,
            queue_to: 1,
            l2_first: inbox_index * 10,
            l2_last: inbox_index * 10 + 9,
            bytes: 131_072,
        };
        index.put_batches(&[batch(0), batch(1), batch(2)]).await.unwrap();
        assert_eq!(index.batch(1).await.unwrap(), Some(batch(1)));
        assert_eq!(index.batch_of_block(25).await.unwrap(), Some(batch(2)));
        assert_eq!(index.batch_of_block(99).await.unwrap(), None);
        index.truncate_batches(2).await.unwrap();
        assert_eq!(index.last_batches(9).await.unwrap(), [batch(1), batch(0)]);

        let point = |l1_number: u64, byte: u8| Checkpoint {
            l1_number,
            l1_hash: B256::repeat_byte(byte),
            inbox_next: 1,
            queue_next: 2,
            l2_number: 3,
            l2_hash: B256::repeat_byte(4),
        };
        for number in 1..=4 {
            index.put_checkpoint(&point(number, 0)).await.unwrap();
        }
        index.put_checkpoint(&point(3, 9)).await.unwrap();
        assert_eq!(index.checkpoints(9).await.unwrap(), [point(3, 9), point(2, 0), point(1, 0)]);
        index.prune_checkpoints(2).await.unwrap();
        index.truncate_checkpoints(2).await.unwrap();
        assert_eq!(index.checkpoints(9).await.unwrap(), [point(2, 0)]);
    }
}

#[tokio::test]
async fn foreign_databases_are_refused() {
    assert!(matches!(Index::open("mysql://x").await, Err(SqlError::Url(_))));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("index.sqlite").display());
    let index = Index::open(&url).await.unwrap();
    index.close().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE schema_version SET version = 99").execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(Index::open(&url).await, Err(SqlError::SchemaVersion { expected: 1, found: 99 })));
}
