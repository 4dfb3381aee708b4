//! Decisions: every chain an agent can see, with kills anywhere in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, U256};
use proptest::prelude::*;

use crate::chain::{JobView, ReplicaView};
use crate::state::{Memory, Next, Stage, job_state, next, replica_state};
use crate::work::commitment;
use crate::{Config, ConfigError, ExecutorKind, Misbehaviour};

const SPEC: B256 = B256::repeat_byte(1);

fn view(state: u8, replica: Option<u8>) -> JobView {
    let replica = replica.map(|state| ReplicaView {
        provider: Address::ZERO,
        state,
        units: 0,
        result_root: B256::ZERO,
    });
    JobView {
        state,
        client: Address::ZERO,
        spec_root: SPEC,
        public: false,
        deadline: 100,
        exit_cause: 1,
        exit_due: false,
        result_root: B256::ZERO,
        units: 0,
        wanted: 2,
        replica,
        replicas: replica.into_iter().collect(),
    }
}

fn decide(stage: Stage, view: &JobView) -> Next {
    next(Memory { stage, spec_root: SPEC }, view)
}

/// One provider's part of the market, as far as it matters to a decision.
struct Market {
    state: u8,
    replica: Option<u8>,
    commitment: Option<u64>,
}

impl Market {
    /// The contract's rules for our transactions; a refused one changes nothing.
    fn send(&mut self, what: &Next, commitment: u64) -> bool {
        use job_state::{ASSIGNED, COMMITTED, OPEN, RUNNING};
        let (needs, replica, then) = match what {
            Next::Take => (OPEN, None, replica_state::TAKEN),
            Next::Ack => (ASSIGNED, Some(replica_state::TAKEN), replica_state::ACKED),
            Next::Commit => (RUNNING, Some(replica_state::ACKED), replica_state::COMMITTED),
            Next::Reveal => (COMMITTED, Some(replica_state::COMMITTED), replica_state::REVEALED),
            _ => return false,
        };
        if self.state != needs || self.replica != replica {
            return false;
        }
        if matches!(what, Next::Commit) {
            self.commitment = Some(commitment);
        }
        self.replica = Some(then);
        true
    }

    /// The others do their part: the job moves on as soon as ours is done.
    fn others(&mut self) {
        use job_state::{ASSIGNED, CHALLENGEABLE, COMMITTED, FINAL, OPEN, RUNNING};
        self.state = match (self.state, self.replica) {
            (OPEN, Some(_)) => ASSIGNED,
            (ASSIGNED, Some(replica_state::ACKED)) => RUNNING,
            (RUNNING, Some(replica_state::COMMITTED)) => COMMITTED,
            (COMMITTED, Some(replica_state::REVEALED)) => CHALLENGEABLE,
            (CHALLENGEABLE, _) => FINAL,
            (state, _) => state,
        };
    }
}

proptest! {
    /// Kills after the journal, after the transaction or nowhere, in any order: the job is paid, one commitment
    /// was sent, and it was on disk before.
    #[test]
    fn kills_anywhere_lose_nothing(kills in prop::collection::vec(0u8..3, 0..60)) {
        let mut kills = kills.into_iter();
        let mut market = Market { state: job_state::OPEN, replica: None, commitment: None };
        let mut disk = (Stage::Taking, None);
        let mut salts = 0;
        let mut sent = BTreeSet::new();
        for _ in 0..200 {
            if disk.0.is_end() {
                break;
            }
            // A kill forgets everything but disk and chain, and a decision needs nothing else.
            let what = decide(disk.0, &view(market.state, market.replica));
            let kill = kills.next().unwrap_or(0);
            match what {
                Next::Record(stage) if kill != 1 => disk.0 = stage,
                Next::Fetch if kill != 1 => disk.0 = Stage::Fetched,
                Next::Run if kill != 1 => disk.0 = Stage::Computed,
                Next::Seal => {
                    salts += 1;
                    if kill != 1 {
                        disk = (Stage::Sealed, Some(salts));
                    }
                }
                Next::Lose(reason) => panic!("lost: {reason}"),
                Next::Wait => market.others(),
                Next::Take | Next::Ack | Next::Commit | Next::Reveal if kill != 1 => {
                    if matches!(what, Next::Commit) {
                        sent.insert(disk.1.expect("the salt is on disk"));
                    }
                    market.send(&what, disk.1.unwrap_or_default());
                    // Killed before anybody looked at the receipt: nothing else to forget.
                }
                _ => {}
            }
        }
        prop_assert_eq!(disk.0, Stage::Settled);
        prop_assert_eq!(sent.len(), 1);
        prop_assert_eq!(market.commitment, disk.1);
    }

    /// Whatever the chain says, a decision is made, and never one the contract must refuse.
    #[test]
    fn any_chain_gets_a_decision(
        stage in prop::sample::select(Stage::ALL.to_vec()), state in 0u8..12, replica in prop::option::of(0u8..7),
        due in any::<bool>(), other in any::<bool>(),
    ) {
        let mut seen = view(state, replica);
        seen.exit_due = due;
        if other {
            seen.spec_root = B256::ZERO;
        }
        let what = decide(stage, &seen);
        let mut market = Market { state, replica, commitment: None };
        match what {
            Next::Take | Next::Ack | Next::Commit | Next::Reveal => {
                prop_assert!(!due && !other && market.send(&what, 1), "{:?} of {:?}", what, seen);
            }
            Next::Run => prop_assert!(stage == Stage::Acked && state == job_state::RUNNING),
            _ => {}
        }
        if stage.is_end() {
            prop_assert_eq!(what, Next::Wait);
        }
    }
}

#[test]
fn a_reorganisation_that_loses_the_commitment_sends_the_same_one_again() {
    let seen = view(job_state::RUNNING, Some(replica_state::ACKED));
    assert_eq!(decide(Stage::Committed, &seen), Next::Commit);
    assert_eq!(decide(Stage::Revealed, &seen), Next::Commit);
    let mut other = seen;
    other.spec_root = B256::ZERO;
    assert!(matches!(decide(Stage::Committed, &other), Next::Lose(reason) if reason.contains("reorganised")));
}

#[test]
fn a_lost_job_says_why() {
    let reason = |stage, view: &JobView| match decide(stage, view) {
        Next::Lose(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason(Stage::Taking, &view(job_state::RUNNING, None)).contains("faster"));
    assert!(reason(Stage::Fetched, &view(job_state::OPEN, None)).contains("too late"));
    assert!(reason(Stage::Acked, &view(8, Some(2))).contains("Cancelled"));
    assert!(reason(Stage::Acked, &view(job_state::COMMITTED, Some(5))).contains("bond is lost"));
    assert!(reason(Stage::Acked, &view(job_state::COMMITTED, Some(3))).contains("does not know"));
}

fn config() -> Config {
    use std::time::Duration;
    Config {
        rpc: String::new(),
        chain_id: 1,
        config_hash: B256::ZERO,
        dir: "/nowhere".into(),
        executor: ExecutorKind::Reference,
        stake_wei: Default::default(),
        ask: Default::default(),
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: Vec::new(),
        poll: Duration::from_secs(1),
        jobs_max: 1,
        runs_max: 1,
        memory_max: 1,
        units_per_second: None,
        program: "/nowhere".into(),
        retention: Duration::ZERO,
        crash_at: None,
        misbehave: None,
    }
}

#[test]
fn test_switches_are_refused_on_a_real_chain() {
    assert_eq!(config().check(), Ok(()));
    let lie = Config { misbehave: Some(Misbehaviour::Lie), ..config() };
    assert_eq!(lie.check(), Err(ConfigError::NotDevChain { name: "misbehave", chain_id: 1 }));
    let crash = Config { crash_at: Some(Stage::Sealed), ..config() };
    assert_eq!(crash.check(), Err(ConfigError::NotDevChain { name: "crash-at", chain_id: 1 }));
    let dev = Config { chain_id: 42_330, misbehave: Some(Misbehaviour::Lie), ..config() };
    assert_eq!(dev.check(), Ok(()));
    assert_eq!(Config { jobs_max: 0, ..config() }.check(), Err(ConfigError::Zero { name: "jobs_max" }));
}

#[test]
fn stages_survive_their_names() {
    for stage in Stage::ALL {
        assert_eq!(stage.name().parse(), Ok(stage));
    }
    assert!("sealing".parse::<Stage>().unwrap_err().contains("sealed"));
}

/// `tests/vectors/market.json` was written with viem; the contracts' tests assert it too.
#[test]
fn hashes_are_those_of_the_market() {
    let path = assay_testkit::repository().join("tests/vectors/market.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let hash = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().parse::<B256>().unwrap();
    let number = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().parse::<U256>().unwrap();
    let rows = vectors["commitments"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let provider: Address = row["provider"].as_str().unwrap().parse().unwrap();
        let (salt, root) = (hash(row, "salt"), hash(row, "resultRoot"));
        let found = commitment(number(row, "job"), provider, salt, root, number(row, "units").to());
        assert_eq!(found, hash(row, "commitment"));
    }
    let rows = vectors["specs"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let found = assay_compute::spec_root(hash(row, "imageId"), hash(row, "planRoot"));
        assert_eq!(found, hash(row, "specRoot"));
    }
}
