//! What the driver does next: a pure state machine.

use alloy::primitives::B256;
use assay_execution::{BatchFault, BlockInput, Cursor, derive_explained};
use assay_l1::{Included, L1Block, L1Segment};
use assay_primitives::{BatchKind, ChainConfig, InboxEntry, MerkleTree32, QueueEntry};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, sync::Arc};

use super::{DriverCheckpoint, Problem, checkpoint::queued};
use crate::head::BlockRef;

/// L1 blocks read at a time; their batches are in memory together.
const READ_BLOCKS: u64 = 32;
/// Newest points kept one by one; older ones are thinned.
const DENSE_POINTS: usize = 128;
/// All points kept.
const POINTS_MAX: usize = 256;

/// What happens to local blocks when L1 takes batches back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverMode {
    /// A verifier without a feed: the chain is what L1 says, so it rolls back at once.
    Follow,
    /// A sequencer, or a verifier with a feed: blocks stay, unsafe, until L1 says something else.
    Compare,
}

/// A position: everything that derivation after an L1 block depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The L1 block.
    pub l1: L1Block,
    /// Next inbox entry to derive.
    pub inbox_next: u64,
    /// Root of the inbox's batch tree.
    pub inbox_root: B256,
    /// Next queue entry to consume.
    pub queue_next: u64,
    /// Root of the queue's tree with `queue_next` entries.
    pub queue_root: B256,
    /// Queue entries on L1 so far.
    pub queue_seen: u64,
    /// Last derived L2 block.
    pub l2: BlockRef,
    /// Its time in seconds.
    pub l2_time: u64,
}

impl Point {
    /// The position before the Inbox existed: `l1` is the block before its own, `genesis` L2's block 0.
    pub fn origin(l1: L1Block, genesis: BlockRef, genesis_time: u64) -> Self {
        let empty = MerkleTree32::default().root();
        Self {
            l1,
            inbox_next: 0,
            inbox_root: empty,
            queue_next: 0,
            queue_root: empty,
            queue_seen: 0,
            l2: genesis,
            l2_time: genesis_time,
        }
    }

    /// Whether going on from here needs no queue entry of an earlier L1 block.
    const fn is_clean(&self) -> bool {
        self.queue_next == self.queue_seen
    }

    const fn cursor(&self) -> Cursor {
        Cursor {
            parent_number: self.l2.number,
            parent_hash: self.l2.hash,
            parent_time: self.l2_time,
            queue_next: self.queue_next,
        }
    }
}

/// A derived inbox entry, to be executed or found in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The inbox entry, without its payload, and where L1 has it.
    pub batch: Included<InboxEntry>,
    /// Bytes of its payload.
    pub payload_bytes: u64,
    /// The block that the first one follows.
    pub parent: BlockRef,
    /// Time of that block in seconds.
    pub parent_time: u64,
    /// The blocks.
    pub blocks: Vec<BlockInput>,
    /// Why the batch derives to its forced entries only.
    pub fault: Option<BatchFault>,
    /// Transactions that damage took away.
    pub lost_txs: usize,
}

/// The last block after [`Work`] was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The block.
    pub tip: BlockRef,
    /// Its time in seconds.
    pub time: u64,
}

/// What happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// L1's heads.
    Heads {
        /// Newest block.
        latest: L1Block,
        /// Newest final block.
        finalized: L1Block,
    },
    /// Answer to [`Action::Read`].
    Segment(Box<L1Segment>),
    /// Answer to [`Action::Read`]: L1 is on another chain.
    Reorganised,
    /// Answer to [`Action::Read`] or [`Action::Check`]: not now.
    Failed,
    /// Answer to [`Action::Check`].
    Checked {
        /// Whether L1 has the block.
        is_canonical: bool,
    },
    /// Answer to [`Action::Apply`].
    Applied(Applied),
}

/// What to do outside, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the inbox's contents of these L1 blocks.
    Read {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// Hash of the block before the first.
        parent: B256,
    },
    /// Ask whether L1 has this block.
    Check {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// Make the chain have these blocks.
    Apply(Box<Work>),
    /// L1 took back everything after this position.
    Rewind {
        /// The position.
        to: Box<Point>,
        /// Whether the chain drops its blocks after it.
        drop_blocks: bool,
    },
    /// Move the heads.
    SetHeads {
        /// Last derived block.
        safe: BlockRef,
        /// Last block derived from final L1 blocks.
        finalized: BlockRef,
    },
    /// Save [`DriverState::checkpoint`].
    Save,
    /// Tell what is wrong with L1's answers and ask again later.
    Report(Problem),
    /// Stop: a final block is gone.
    FinalityBroken {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// Stop: L1 is not the chain with the Inbox.
    OriginGone {
        /// Number of the origin's L1 block.
        number: u64,
        /// Its hash.
        hash: B256,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Reading {
        from: u64,
    },
    /// Asking for `points[left - 1]`, or for the origin if `left` is zero.
    Checking {
        left: usize,
    },
    Applying {
        until: L1Block,
    },
}

/// The driver's whole state. Memory is bounded by one read, 256 points and the queue entries that recent points
/// have not consumed.
#[derive(Debug)]
pub struct DriverState {
    config: Arc<ChainConfig>,
    mode: DriverMode,
    origin: Point,
    points: VecDeque<Point>,
    now: Point,
    /// Entries from `queue_base` to `now.queue_seen`.
    queue: VecDeque<Included<QueueEntry>>,
    queue_base: u64,
    batches: VecDeque<Included<InboxEntry>>,
    phase: Phase,
    latest: L1Block,
    finalized: L1Block,
    /// Points up to this L1 block were seen on the chain whose finalized head had reached it.
    settled: u64,
}

impl DriverState {
    /// The state at `checkpoint`, or at `origin` without one. `has_block` says whether the local chain has an L2 block;
    /// points whose block it lacks are forgotten.
    pub fn new(
        config: Arc<ChainConfig>,
        mode: DriverMode,
        origin: Point,
        checkpoint: Option<DriverCheckpoint>,
        has_block: impl Fn(&BlockRef) -> bool,
    ) -> Self {
        let kept = checkpoint.filter(|checkpoint| checkpoint.origin == origin);
        let (points, queue) = kept.map_or_else(Default::default, |kept| (kept.points, kept.queue));
        let seen = points.last().map_or(0, |point| point.queue_seen);
        let queue_base = queue.first().map_or(seen, |(entry, _)| entry.index);
        let mut state = Self {
            config,
            mode,
            origin,
            points: points.into(),
            now: origin,
            queue: queue.into_iter().map(|(entry, root)| restored(entry, root)).collect(),
            queue_base,
            batches: VecDeque::new(),
            phase: Phase::Idle,
            latest: origin.l1,
            finalized: origin.l1,
            settled: origin.l1.number,
        };
        while state.points.back().is_some_and(|point| !state.can_resume(point) || !has_block(&point.l2)) {
            state.points.pop_back();
        }
        state.go_to(state.points.len());
        state
    }

    /// What to do first.
    pub fn start(&self) -> Vec<Action> {
        vec![self.set_heads()]
    }

    /// The position of derivation.
    pub fn position(&self) -> &Point {
        &self.now
    }

    /// Newest L1 block seen.
    pub fn latest(&self) -> &L1Block {
        &self.latest
    }

    /// Queue entries on L1 that no derived batch consumed, in order.
    pub fn pending_queue(&self) -> impl Iterator<Item = &Included<QueueEntry>> {
        self.queue.iter().skip((self.now.queue_next - self.queue_base) as usize)
    }

    /// Whether nothing is asked for and everything that L1 has shown is applied.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// What a restart needs.
    pub fn checkpoint(&self) -> DriverCheckpoint {
        DriverCheckpoint {
            origin: self.origin,
            points: self.points.iter().copied().collect(),
            queue: self.queue.iter().map(queued).collect(),
        }
    }

    /// Takes one event and says what to do. Events that answer nothing that was asked change nothing.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        match (event, self.phase) {
            (Event::Heads { latest, finalized }, phase) => {
                (self.latest, self.finalized) = (latest, finalized);
                if phase == Phase::Idle { self.advance() } else { vec![] }
            }
            (Event::Segment(segment), Phase::Reading { from }) => self.take(*segment, from),
            (Event::Reorganised, Phase::Reading { .. }) => self.check(self.points.len()),
            (Event::Failed, Phase::Reading { .. } | Phase::Checking { .. }) => {
                self.phase = Phase::Idle;
                vec![]
            }
            (Event::Checked { is_canonical }, Phase::Checking { left }) => self.checked(left, is_canonical),
            (Event::Applied(applied), Phase::Applying { until }) => self.applied(applied, until),
            (Event::Segment(_) | Event::Reorganised | Event::Failed | Event::Checked { .. }, _)
            | (Event::Applied(_), _) => vec![],
        }
    }

    /// Reads on, or finds out how far L1 went back, or is done.
    fn advance(&mut self) -> Vec<Action> {
        self.phase = Phase::Idle;
        let at = self.now.l1;
        if at.number < self.latest.number {
            let from = at.number + 1;
            self.phase = Phase::Reading { from };
            let to = self.latest.number.min(at.number + READ_BLOCKS);
            return vec![Action::Read { from, to, parent: at.hash }];
        }
        if at.number > self.latest.number || at.hash != self.latest.hash {
            return self.check(self.points.len());
        }
        if self.settle() { vec![self.set_heads()] } else { vec![] }
    }

    fn take(&mut self, segment: L1Segment, from: u64) -> Vec<Action> {
        if let Err(problem) = self.admit(&segment, from) {
            self.phase = Phase::Idle;
            return vec![Action::Report(problem)];
        }
        self.now.queue_seen += segment.queue.len() as u64;
        self.queue.extend(segment.queue);
        self.batches = segment.batches.into();
        self.next_batch(segment.last)
    }

    /// Checks a segment against the position before anything of it is kept.
    fn admit(&self, segment: &L1Segment, from: u64) -> Result<(), Problem> {
        if segment.first.number != from {
            return Err(Problem::OutOfOrder { expected: from, number: segment.first.number });
        }
        let in_order = |what, first: u64, indices: &mut dyn Iterator<Item = u64>| match indices
            .zip(first..)
            .find(|(found, expected)| found != expected)
        {
            Some((found, expected)) => Err(Problem::Gap { what, expected, found }),
            None => Ok(()),
        };
        let mut queue = segment.queue.iter().map(|included| included.entry.index);
        in_order("queue entry", self.now.queue_seen, &mut queue)?;
        let mut batches = segment.batches.iter().map(|included| included.entry.index);
        in_order("batch", self.now.inbox_next, &mut batches)?;

        let seen = self.now.queue_seen + segment.queue.len() as u64;
        let mut next = self.now.queue_next;
        for batch in segment.batches.iter().map(|included| &included.entry) {
            let (index, from, to) = (batch.index, batch.queue_from, batch.queue_to);
            if from != next || to < from || to > seen {
                return Err(Problem::Queue { index, from, to, next, seen });
            }
            let found = self.queue_root(to, &segment.queue);
            if found.is_some_and(|found| found != batch.queue_root) {
                let found = found.unwrap_or_default();
                return Err(Problem::QueueRoot { index, expected: batch.queue_root, found });
            }
            next = to;
        }
        Ok(())
    }

    /// Root of the queue's first `count` entries, of which the last ones may be `new`; `None` for entries forgotten.
    fn queue_root(&self, count: u64, new: &[Included<QueueEntry>]) -> Option<B256> {
        if count == self.now.queue_next {
            return Some(self.now.queue_root);
        }
        let at = count.checked_sub(self.queue_base + 1)? as usize;
        self.queue.iter().chain(new).nth(at).map(|included| included.root)
    }

    fn next_batch(&mut self, until: L1Block) -> Vec<Action> {
        let Some(batch) = self.batches.front() else {
            return self.finish(until);
        };
        let count = (batch.entry.queue_to - batch.entry.queue_from) as usize;
        let entries: Vec<QueueEntry> =
            self.pending_queue().take(count).map(|queued| queued.entry.clone()).collect();
        let derived = derive_explained(&self.config, &self.now.cursor(), &batch.entry, &entries);
        let mut batch = batch.clone();
        let payload_bytes = batch.entry.payload.len() as u64;
        batch.entry.payload = Default::default();
        self.phase = Phase::Applying { until };
        vec![Action::Apply(Box::new(Work {
            batch,
            payload_bytes,
            parent: self.now.l2,
            parent_time: self.now.l2_time,
            blocks: derived.blocks,
            fault: derived.fault,
            lost_txs: derived.lost_txs,
        }))]
    }

    fn applied(&mut self, applied: Applied, until: L1Block) -> Vec<Action> {
        if let Some(batch) = self.batches.pop_front() {
            self.now.inbox_next += 1;
            self.now.inbox_root = batch.root;
            self.now.queue_next = batch.entry.queue_to;
            self.now.queue_root = batch.entry.queue_root;
            self.now.l2 = applied.tip;
            self.now.l2_time = applied.time;
        }
        self.next_batch(until)
    }

    /// A segment is applied: remember the position and go on.
    fn finish(&mut self, until: L1Block) -> Vec<Action> {
        self.now.l1 = until;
        self.points.push_back(self.now);
        self.forget();
        self.settle();
        let mut actions = vec![self.set_heads(), Action::Save];
        actions.extend(self.advance());
        actions
    }

    /// The position is on L1's chain now: what L1 calls final up to it is final. Returns whether that is news.
    fn settle(&mut self) -> bool {
        let settled = self.finalized.number.min(self.now.l1.number).max(self.settled);
        std::mem::replace(&mut self.settled, settled) < settled
    }

    /// Thins old points and drops the queue entries that only they would need.
    fn forget(&mut self) {
        let old = self.points.len().saturating_sub(DENSE_POINTS);
        if self.points.len() > POINTS_MAX {
            let (mut index, mut kept) = (0, 0);
            self.points.retain(|point| {
                index += 1;
                if index > old {
                    return true;
                }
                kept += usize::from(point.is_clean());
                point.is_clean() && kept % 2 == 1
            });
        }
        let recent = self.points.len().saturating_sub(DENSE_POINTS);
        let needed = self.points.iter().skip(recent).map(|point| point.queue_next).min();
        let surplus = needed.unwrap_or(self.now.queue_next).saturating_sub(self.queue_base);
        self.queue.drain(..(surplus as usize).min(self.queue.len()));
        self.queue_base += surplus;
    }

    fn check(&mut self, mut left: usize) -> Vec<Action> {
        while left > 0 && !self.can_resume(&self.points[left - 1]) {
            left -= 1;
        }
        self.phase = Phase::Checking { left };
        let L1Block { number, hash, .. } = self.point(left).l1;
        vec![Action::Check { number, hash }]
    }

    fn checked(&mut self, left: usize, is_canonical: bool) -> Vec<Action> {
        let L1Block { number, hash, .. } = self.point(left).l1;
        if !is_canonical {
            if left == 0 {
                return vec![Action::OriginGone { number, hash }];
            }
            if number <= self.settled {
                return vec![Action::FinalityBroken { number, hash }];
            }
            return self.check(left - 1);
        }
        self.go_to(left);
        let drop_blocks = self.mode == DriverMode::Follow;
        let mut actions =
            vec![Action::Rewind { to: Box::new(self.now), drop_blocks }, self.set_heads(), Action::Save];
        if self.now.l1.number < self.latest.number {
            actions.extend(self.advance());
        } else {
            self.phase = Phase::Idle;
        }
        actions
    }

    /// The newest of the first `left` points, or the origin.
    fn point(&self, left: usize) -> &Point {
        left.checked_sub(1).and_then(|index| self.points.get(index)).unwrap_or(&self.origin)
    }

    /// Makes the newest of the first `left` points the position.
    fn go_to(&mut self, left: usize) {
        self.now = *self.point(left);
        self.points.truncate(left);
        self.batches.clear();
        self.queue.truncate(self.now.queue_seen.saturating_sub(self.queue_base) as usize);
        self.queue_base = self.queue_base.min(self.now.queue_seen);
    }

    /// Whether the queue entries that going on from `point` needs are still here.
    fn can_resume(&self, point: &Point) -> bool {
        point.is_clean() || point.queue_next >= self.queue_base
    }

    fn set_heads(&self) -> Action {
        let is_final = |point: &&Point| point.l1.number <= self.settled;
        let finalized = self.points.iter().rev().find(is_final).unwrap_or(&self.origin).l2;
        Action::SetHeads { safe: self.now.l2, finalized }
    }
}

/// An entry from a checkpoint; the block's parent and the transaction are not kept.
fn restored(entry: QueueEntry, root: B256) -> Included<QueueEntry> {
    let block =
        L1Block { number: entry.l1_block, hash: B256::ZERO, parent_hash: B256::ZERO, time: entry.l1_time };
    Included { entry, block, tx_hash: B256::ZERO, root }
}

impl Work {
    /// The contract's number of the batch's kind.
    pub fn kind(&self) -> BatchKind {
        self.batch.entry.kind
    }
}
