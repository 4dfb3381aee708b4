//! What to do next about a job: a pure function of the journal and the chain.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::B256;

use crate::chain::JobView;
use crate::words::job_state_words;

/// States of a job in the market, as the contract numbers them.
pub(crate) mod job_state {
    pub(crate) const OPEN: u8 = 1;
    pub(crate) const ASSIGNED: u8 = 2;
    pub(crate) const RUNNING: u8 = 3;
    pub(crate) const COMMITTED: u8 = 4;
    pub(crate) const CHALLENGEABLE: u8 = 5;
    pub(crate) const DISPUTED: u8 = 6;
    pub(crate) const FINAL: u8 = 7;
}

/// States of a replica in the market, as the contract numbers them.
pub(crate) mod replica_state {
    pub(crate) const TAKEN: u8 = 1;
    pub(crate) const ACKED: u8 = 2;
    pub(crate) const COMMITTED: u8 = 3;
    pub(crate) const REVEALED: u8 = 4;
}

/// Where a job stands in the journal. Each is on disk before the next thing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Wanted: `take` may have been sent.
    Taking,
    /// The chain says that a replica is ours.
    Taken,
    /// Image, plan and inputs are on disk and match the order; `ack` may have been sent.
    Fetched,
    /// The chain says that we acknowledged.
    Acked,
    /// The result is on disk.
    Computed,
    /// The salt is on disk; `commit` may have been sent.
    Sealed,
    /// The chain says that we committed; `reveal` may have been sent.
    Committed,
    /// The chain says that we revealed.
    Revealed,
    /// The job is over and paid; outputs are served.
    Settled,
    /// The job is over without pay, and why is in the journal.
    Lost,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 10] = [
        Self::Taking,
        Self::Taken,
        Self::Fetched,
        Self::Acked,
        Self::Computed,
        Self::Sealed,
        Self::Committed,
        Self::Revealed,
        Self::Settled,
        Self::Lost,
    ];

    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Taking => "taking",
            Self::Taken => "taken",
            Self::Fetched => "fetched",
            Self::Acked => "acked",
            Self::Computed => "computed",
            Self::Sealed => "sealed",
            Self::Committed => "committed",
            Self::Revealed => "revealed",
            Self::Settled => "settled",
            Self::Lost => "lost",
        }
    }

    /// True when nothing is left to do on chain.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Settled | Self::Lost)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|stage| stage.name() == s);
        found.ok_or_else(|| format!("`{s}` is no stage: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The next thing to do about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing until the chain moves.
    Wait,
    /// Write a stage that the chain, or the disk, has reached.
    Record(Stage),
    /// Write that the job is over for us, and why.
    Lose(String),
    /// Send `take`.
    Take,
    /// Fetch and check image, plan and inputs.
    Fetch,
    /// Send `ack`.
    Ack,
    /// Run the job.
    Run,
    /// Make a salt and write it.
    Seal,
    /// Send `commit`.
    Commit,
    /// Send `reveal`.
    Reveal,
    /// Send the time-out exit that is due.
    Exit,
}

/// What the journal knows that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) stage: Stage,
    pub(crate) spec_root: B256,
}

/// Decides what to do next about a job.
///
/// The chain is the truth about what was sent; the journal about what we know. So after a crash at any
/// point the decision is the same as without it, and nothing is done twice.
pub(crate) fn next(memory: Memory, view: &JobView) -> Next {
    let stage = memory.stage;
    if stage.is_end() {
        return Next::Wait;
    }
    if view.spec_root != memory.spec_root {
        return Next::Lose("the chain was reorganised: another job has this number now".into());
    }
    if view.state == job_state::FINAL {
        return match view.replica {
            Some(_) if stage >= Stage::Committed => Next::Record(Stage::Settled),
            _ => Next::Lose("the job ended without us".into()),
        };
    }
    if view.state > job_state::FINAL || view.state == 0 {
        return Next::Lose(format!("the job ended as {}", job_state_words(view.state)));
    }
    let Some(replica) = view.replica else {
        return match stage {
            Stage::Taking if view.state != job_state::OPEN => {
                Next::Lose("others were faster: no replica is left".into())
            }
            Stage::Taking if view.exit_due => {
                Next::Lose("the match deadline passed before we took it".into())
            }
            Stage::Taking => Next::Take,
            _ => Next::Lose("our replica was released: the acknowledgement was too late".into()),
        };
    };
    if view.exit_due {
        return Next::Exit;
    }
    match replica.state {
        replica_state::TAKEN => taken(stage, view.state),
        replica_state::ACKED => acked(stage, view.state),
        replica_state::COMMITTED => committed(stage, view.state),
        replica_state::REVEALED if stage < Stage::Revealed => Next::Record(Stage::Revealed),
        replica_state::REVEALED => Next::Wait,
        _ => Next::Lose("a deadline was missed and the bond is lost".into()),
    }
}

fn taken(stage: Stage, job: u8) -> Next {
    match stage {
        Stage::Taking => Next::Record(Stage::Taken),
        Stage::Taken => Next::Fetch,
        _ if job == job_state::ASSIGNED => Next::Ack,
        _ => Next::Wait,
    }
}

fn acked(stage: Stage, job: u8) -> Next {
    match stage {
        Stage::Taking => Next::Record(Stage::Taken),
        Stage::Taken => Next::Fetch,
        Stage::Fetched => Next::Record(Stage::Acked),
        // The other replicas may still be missing.
        Stage::Acked if job == job_state::RUNNING => Next::Run,
        Stage::Computed => Next::Seal,
        // Also after a reorganisation that lost the commitment: the same one is sent again.
        Stage::Sealed | Stage::Committed | Stage::Revealed if job == job_state::RUNNING => Next::Commit,
        _ => Next::Wait,
    }
}

fn committed(stage: Stage, job: u8) -> Next {
    match stage {
        Stage::Sealed => Next::Record(Stage::Committed),
        Stage::Committed | Stage::Revealed if job == job_state::COMMITTED => Next::Reveal,
        Stage::Committed | Stage::Revealed => Next::Wait,
        _ => Next::Lose("the chain has a commitment of ours that the journal does not know".into()),
    }
}
