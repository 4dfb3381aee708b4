use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use alloy::primitives::{Address, B256, Bytes, U256};
use assay_primitives::{QueueEntry, QueueKind};
use proptest::prelude::*;

use super::frame::{FRAME_HEADER_LEN, HEADER_LEN};
use super::*;

const GENESIS: B256 = B256::repeat_byte(7);

fn open(path: &Path) -> Result<(BlockLog, LogRecovery), LogError> {
    BlockLog::open(path, GENESIS)
}

fn records(log: &BlockLog) -> Vec<Record> {
    log.read(BlockLog::start()).unwrap().map(|item| item.unwrap().1).collect()
}

fn entry() -> impl Strategy<Value = QueueEntry> {
    (
        any::<[u64; 4]>(),
        any::<[u8; 20]>(),
        any::<[u8; 32]>(),
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(numbers, address, word, flag, data)| QueueEntry {
            kind: if flag { QueueKind::Transaction } else { QueueKind::Beacon },
            index: numbers[0],
            l1_block: numbers[1],
            l1_time: numbers[2],
            from: Address::new(address),
            mint: U256::from_be_bytes(word),
            value: U256::from(numbers[0]),
            gas_limit: numbers[3],
            is_creation: flag,
            to: Address::new(address),
            data: data.into(),
        })
}

fn record() -> impl Strategy<Value = Record> {
    let bytes = prop::collection::vec(any::<u8>(), 0..60).prop_map(Bytes::from);
    prop_oneof![
        (any::<[u64; 3]>(), any::<[u8; 32]>()).prop_map(|(n, hash)| Record::Open {
            number: n[0],
            timestamp: n[1],
            data_price: n[2],
            parent: B256::new(hash)
        }),
        (prop::collection::vec(entry(), 0..3), prop::collection::vec(bytes, 0..5))
            .prop_map(|(forced, txs)| Record::Segment { forced, txs }),
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(number, hash)| Record::Seal {
            number,
            hash: B256::new(hash),
            state_root: B256::repeat_byte(1)
        }),
        (any::<u64>(), any::<[u8; 32]>())
            .prop_map(|(to, hash)| Record::Rollback { to, hash: B256::new(hash) }),
    ]
}

fn rollbacks(count: u64) -> Vec<Record> {
    (0..count).map(|to| Record::Rollback { to, hash: B256::repeat_byte(to as u8) }).collect()
}

/// A log in which every record was synced on its own.
fn synced_log(path: &Path, list: &[Record]) {
    let (log, _) = open(path).unwrap();
    for record in list {
        let end = log.append(record).unwrap();
        log.commit(end).unwrap();
    }
}

proptest! {
    #[test]
    fn decode_inverts_encode(record in record()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(Record::decode(&bytes).unwrap(), record);
    }

    #[test]
    fn any_bytes_decode_without_panic_and_canonically(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..6) {
        let mut input = vec![kind];
        input.extend(bytes);
        if let Ok(record) = Record::decode(&input) {
            let mut again = Vec::new();
            record.encode(&mut again);
            prop_assert_eq!(again, input);
        }
    }

    #[test]
    fn reopening_gives_the_same_records(list in prop::collection::vec(record(), 0..12), syncs in any::<u16>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        {
            let (log, _) = open(&path).unwrap();
            for (i, record) in list.iter().enumerate() {
                let end = log.append(record).unwrap();
                if syncs >> (i % 16) & 1 == 1 {
                    log.commit(end).unwrap();
                    prop_assert!(log.durable() >= end);
                }
            }
            log.sync().unwrap();
        }
        let (log, recovery) = open(&path).unwrap();
        prop_assert_eq!(recovery.records, list.len() as u64);
        prop_assert_eq!(recovery.dropped_bytes, 0);
        prop_assert_eq!(records(&log), list);
    }

    #[test]
    fn one_flipped_bit_is_never_read_as_data(bit in 0usize..4_000) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let list = rollbacks(6);
        synced_log(&path, &list);
        let mut bytes = fs::read(&path).unwrap();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let last_frame = bytes.len() - (bytes.len() - HEADER_LEN as usize) / 6;
        match open(&path) {
            // Only the very last frame may look like a torn tail: no later frame vouches for it.
            Ok((log, recovery)) => {
                prop_assert!(bit / 8 >= last_frame);
                prop_assert_eq!(recovery.records, 5);
                prop_assert!(recovery.dropped_bytes > 0);
                prop_assert_eq!(&records(&log)[..], &list[..5]);
            }
            Err(_) => prop_assert!(bit / 8 < last_frame),
        }
    }
}

#[test]
fn a_cut_at_every_byte_keeps_the_whole_records_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let list = rollbacks(4);
    synced_log(&path, &list);
    let whole = fs::read(&path).unwrap();
    let frame = (whole.len() - HEADER_LEN as usize) / 4;
    for cut in 0..=whole.len() {
        let path = folder.path().join(format!("cut{cut}"));
        fs::write(&path, &whole[..cut]).unwrap();
        let (log, recovery) = open(&path).unwrap();
        let kept = cut.saturating_sub(HEADER_LEN as usize) / frame;
        assert_eq!(recovery.records, kept as u64, "cut at {cut}");
        assert_eq!(records(&log), list[..kept], "cut at {cut}");
        let expected = if cut < HEADER_LEN as usize { cut } else { (cut - HEADER_LEN as usize) % frame };
        assert_eq!(recovery.dropped_bytes, expected as u64, "cut at {cut}");
        // The log goes on from there.
        let end = log.append(&list[0]).unwrap();
        log.commit(end).unwrap();
        drop(log);
        assert_eq!(open(&path).unwrap().1.records, kept as u64 + 1);
    }
}

#[test]
fn damage_before_a_synced_record_is_an_error_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    synced_log(&path, &rollbacks(3));
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEADER_LEN as usize + FRAME_HEADER_LEN + 3] ^= 0xFF;
    fs::write(&path, &bytes).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(error, LogError::Corrupt { at: HEADER_LEN, durable } if durable > HEADER_LEN),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_hole_in_an_unsynced_tail_is_torn_not_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let list = rollbacks(4);
    {
        let (log, _) = open(&path).unwrap();
        let end = log.append(&list[0]).unwrap();
        log.commit(end).unwrap();
        for record in &list[1..] {
            log.append(record).unwrap();
        }
        // One write, no sync between the three: the disk may persist the last page and not the first.
        log.sync().unwrap();
    }
    let mut bytes = fs::read(&path).unwrap();
    let frame = (bytes.len() - HEADER_LEN as usize) / 4;
    let second = HEADER_LEN as usize + frame;
    bytes[second..second + frame].fill(0);
    fs::write(&path, &bytes).unwrap();
    let (log, recovery) = open(&path).unwrap();
    assert_eq!(recovery.records, 1);
    assert_eq!(recovery.dropped_bytes, 3 * frame as u64);
    assert_eq!(records(&log), list[..1]);
}

#[test]
fn foreign_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, vec![0x42; 200]).unwrap();
    assert!(matches!(open(&path).unwrap_err(), LogError::NotALog { .. }));
    fs::write(&path, b"hello").unwrap();
    assert!(matches!(open(&path).unwrap_err(), LogError::NotALog { .. }));

    let path = folder.path().join("other");
    synced_log(&path, &rollbacks(1));
    let error = BlockLog::open(&path, B256::ZERO).unwrap_err();
    assert!(matches!(error, LogError::Genesis { expected: B256::ZERO, found: GENESIS }));

    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 99;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(open(&path).unwrap_err(), LogError::Version { expected: 1, found: 99 }));
}

#[test]
fn a_second_process_cannot_open_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (_log, _) = open(&path).unwrap();
    assert!(
        matches!(open(&path).unwrap_err(), LogError::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    );
}

struct Faulty {
    disk: DiskFile,
    syncs: Arc<AtomicU64>,
    fail: Arc<AtomicBool>,
}

impl LogFile for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fail.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.disk.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.truncate(len)
    }
}

fn faulty(path: &Path) -> (BlockLog, Arc<AtomicU64>, Arc<AtomicBool>) {
    let (syncs, fail) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let file = Faulty { disk: DiskFile::open(path).unwrap(), syncs: syncs.clone(), fail: fail.clone() };
    let (log, _) = BlockLog::open_with(path.to_path_buf(), Box::new(file), GENESIS).unwrap();
    syncs.store(0, Ordering::SeqCst);
    (log, syncs, fail)
}

#[test]
fn a_failed_sync_stops_the_log_until_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (log, _, fail) = faulty(&path);
    let list = rollbacks(3);
    let end = log.append(&list[0]).unwrap();
    log.commit(end).unwrap();
    fail.store(true, Ordering::SeqCst);
    let end = log.append(&list[1]).unwrap();
    assert!(matches!(log.commit(end), Err(LogError::Io(_))));
    fail.store(false, Ordering::SeqCst);
    assert!(matches!(log.commit(end), Err(LogError::Poisoned(_))));
    assert!(log.durable() < end);
    drop(log);
    let (log, _) = open(&path).unwrap();
    assert_eq!(records(&log)[0], list[0]);
}

#[test]
fn waiting_commits_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (log, syncs, _) = faulty(&folder.path().join("log"));
    let ends: Vec<_> = rollbacks(50).iter().map(|record| log.append(record).unwrap()).collect();
    std::thread::scope(|scope| {
        for end in &ends {
            scope.spawn(|| log.commit(*end).unwrap());
        }
    });
    assert_eq!(syncs.load(Ordering::SeqCst), 1);
}

#[test]
fn an_oversized_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("log")).unwrap();
    let record = Record::Segment { forced: vec![], txs: vec![vec![0; RECORD_BYTES_MAX].into()] };
    assert!(matches!(log.append(&record), Err(LogError::RecordTooLarge { .. })));
    assert_eq!(log.end(), BlockLog::start());
}
