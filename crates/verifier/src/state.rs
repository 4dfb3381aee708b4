//! What the verifier decides: whether it is ready, and which blobs it may forget.

use assay_node::SyncState;

/// L1 blocks that derivation may be behind before the node stops calling itself ready.
const LAG_BLOCKS_MAX: u64 = 64;

/// Whether the node has caught up with L1 once and has kept up since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    caught_up: bool,
    not_ready: Option<String>,
}

impl Ready {
    /// Takes what the driver tells.
    pub(crate) fn observe(&mut self, sync: &SyncState) {
        self.caught_up |= !sync.syncing && sync.problem.is_empty();
        let behind = sync.l1_head.saturating_sub(sync.l1_derived);
        self.not_ready = if !sync.problem.is_empty() {
            Some(sync.problem.clone())
        } else if !self.caught_up || behind > LAG_BLOCKS_MAX {
            Some(format!("derived {} of {} L1 blocks", sync.l1_derived, sync.l1_head))
        } else {
            None
        };
    }

    /// `Err` says why not.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (&self.not_ready, self.caught_up) {
            (Some(reason), _) => Err(reason.clone()),
            (None, false) => Err("starting".to_owned()),
            (None, true) => Ok(()),
        }
    }
}

/// Whether the archived blob `name` (`<L1 time>-<versioned hash>.blob`) is older than the retention.
/// Files with other names are nobody's: kept.
pub(crate) fn expired(name: &str, now: u64, retention_secs: u64) -> bool {
    let time = name.strip_suffix(".blob").and_then(|stem| stem.split_once('-')?.0.parse::<u64>().ok());
    time.is_some_and(|time| time.saturating_add(retention_secs) < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync(l1_head: u64, l1_derived: u64, problem: &str) -> SyncState {
        SyncState {
            l1_head,
            l1_derived,
            syncing: l1_head != l1_derived,
            problem: problem.to_owned(),
            ..SyncState::default()
        }
    }

    #[test]
    fn ready_after_catching_up_once_and_while_close() {
        let mut ready = Ready::default();
        assert_eq!(ready.check(), Err("starting".to_owned()));
        ready.observe(&sync(100, 40, ""));
        assert_eq!(ready.check(), Err("derived 40 of 100 L1 blocks".to_owned()));
        ready.observe(&sync(100, 100, ""));
        assert_eq!(ready.check(), Ok(()));
        ready.observe(&sync(101, 100, ""));
        assert_eq!(ready.check(), Ok(()));
        ready.observe(&sync(200, 100, ""));
        assert!(ready.check().is_err());
    }

    #[test]
    fn a_problem_is_the_reason() {
        let mut ready = Ready::default();
        ready.observe(&sync(100, 100, ""));
        ready.observe(&sync(100, 100, "L1 at host:1 does not answer"));
        assert_eq!(ready.check(), Err("L1 at host:1 does not answer".to_owned()));
        ready.observe(&sync(100, 100, ""));
        assert_eq!(ready.check(), Ok(()));
    }

    #[test]
    fn blobs_are_kept_through_the_last_second_of_their_retention() {
        let name = "00000000000000001000-0xab.blob";
        assert!(!expired(name, 1500, 500));
        assert!(expired(name, 1501, 500));
        assert!(!expired(name, 1501, u64::MAX));
        for other in ["", "README", "1000.blob", "x-0xab.blob", "1000-0xab.part"] {
            assert!(!expired(other, u64::MAX, 0), "{other}");
        }
    }
}
