//! What to post next: a pure function of what L1 holds, what was derived from it and what was sealed here.
//!
//! Never twice: a batch names the inbox count and root that it follows, so of two batches on the same parent
//! L1 accepts one. What was sent is remembered only to avoid paying for a revert.

use crate::config::{BatchData, BatcherConfig};
use alloy::primitives::B256;
use assay_primitives::{ChainConfig, limits};

/// The inbox at one L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InboxView {
    /// L1 block number.
    pub(crate) l1_block: u64,
    /// Its time in seconds.
    pub(crate) l1_time: u64,
    /// Batches.
    pub(crate) count: u64,
    /// Root of the batch tree.
    pub(crate) root: B256,
}

/// How far the chain was derived from the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SafeView {
    /// Batches derived.
    pub(crate) count: u64,
    /// Last L2 block they give.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) hash: B256,
}

/// A sealed block that is not on L1 yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unposted {
    /// Number; consecutive in a list.
    pub(crate) number: u64,
    /// Timestamp in seconds.
    pub(crate) timestamp: u64,
    /// Bytes of its transactions before encoding.
    pub(crate) bytes: usize,
    /// Transactions, forced ones not counted.
    pub(crate) txs: usize,
}

/// Why nothing is posted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// L1 does not answer.
    L1Down,
    /// The chain is not derived up to L1's head.
    Deriving,
    /// A batch is on its way, or its block is not visible yet.
    InFlight,
    /// There is nothing to post.
    Empty,
    /// What there is may wait.
    Young,
    /// The last attempt failed.
    Backoff,
}

/// What the batcher does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing.
    Idle(Idle),
    /// Post the blocks `from..=to` after `count` batches with `root`.
    Post {
        /// Batches that must be there.
        count: u64,
        /// Their root.
        root: B256,
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// Compression level of brotli.
        level: u32,
    },
    /// Blocks from `from` on are too old for L1: sequence their transactions again.
    Resequence {
        /// First block to give up.
        from: u64,
    },
}

/// A batch that was handed to the transaction manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Not included yet.
    Pending,
    /// Included in this L1 block, which views so far may not show.
    Included { l1_block: u64 },
}

/// The batcher's memory.
#[derive(Debug)]
pub(crate) struct BatcherState {
    config: BatcherConfig,
    max_lag_secs: u64,
    sent: Option<Sent>,
    failures: u32,
    retry_at_ms: u64,
    /// Encoded bytes for each 1,000 bytes of transactions, from the last batch.
    ratio_permille: usize,
}

impl BatcherState {
    pub(crate) fn new(config: BatcherConfig, chain: &ChainConfig) -> Self {
        Self {
            config,
            max_lag_secs: chain.max_lag_secs,
            sent: None,
            failures: 0,
            retry_at_ms: 0,
            ratio_permille: 1000,
        }
    }

    /// Decides. `unposted` begins after `safe.number`; `flush` posts whatever there is.
    pub(crate) fn decide(
        &mut self,
        now_ms: u64,
        inbox: Option<InboxView>,
        safe: SafeView,
        unposted: &[Unposted],
        flush: bool,
    ) -> Decision {
        let Some(inbox) = inbox else { return Decision::Idle(Idle::L1Down) };
        match self.sent {
            Some(Sent::Pending) => return Decision::Idle(Idle::InFlight),
            Some(Sent::Included { l1_block }) if inbox.l1_block < l1_block => {
                return Decision::Idle(Idle::InFlight);
            }
            Some(Sent::Included { .. }) => self.sent = None,
            None => {}
        }
        if safe.count != inbox.count {
            return Decision::Idle(Idle::Deriving);
        }
        let Some(oldest) = unposted.first() else { return Decision::Idle(Idle::Empty) };
        if oldest.number != safe.number + 1 {
            return Decision::Idle(Idle::Deriving);
        }
        let l1_now = inbox.l1_time.max(now_ms / 1000);
        let too_old = |block: &Unposted| {
            block.timestamp.saturating_add(self.max_lag_secs)
                < l1_now.saturating_add(self.config.lag_margin_secs)
        };
        if too_old(oldest) {
            return Decision::Resequence { from: oldest.number };
        }
        if now_ms < self.retry_at_ms {
            return Decision::Idle(Idle::Backoff);
        }
        let backlog: usize = unposted.iter().map(|block| block.bytes).sum();
        let old_enough = now_ms / 1000 >= oldest.timestamp.saturating_add(self.config.interval_secs);
        if !flush && !old_enough && self.encoded(backlog) < self.config.bytes_target {
            return Decision::Idle(Idle::Young);
        }
        let to = self.last_that_fits(unposted);
        Decision::Post {
            count: inbox.count,
            root: inbox.root,
            from: oldest.number,
            to,
            level: self.level(backlog),
        }
    }

    /// A batch was handed over.
    pub(crate) fn on_sent(&mut self) {
        self.sent = Some(Sent::Pending);
    }

    /// It is in this L1 block.
    pub(crate) fn on_included(&mut self, l1_block: u64) {
        self.sent = Some(Sent::Included { l1_block });
        self.failures = 0;
    }

    /// It reverted: something else is on L1 already. Look again at once.
    pub(crate) fn on_reverted(&mut self) {
        self.sent = None;
    }

    /// It could not be sent. Returns for how many milliseconds nothing is tried.
    pub(crate) fn on_failed(&mut self, now_ms: u64) -> u64 {
        self.sent = None;
        let pause = (500u64 << self.failures.min(16)).min(self.config.backoff_secs_max.saturating_mul(1000));
        self.failures = self.failures.saturating_add(1);
        self.retry_at_ms = now_ms.saturating_add(pause);
        pause
    }

    /// What encoding made of a batch; the next estimate follows it.
    pub(crate) fn on_encoded(&mut self, bytes: usize, encoded: usize) {
        if bytes >= 1000 {
            self.ratio_permille = (encoded.saturating_mul(1000) / bytes).clamp(50, 1100);
        }
    }

    /// The batch did not fit: assume less compression from now on.
    pub(crate) fn on_too_large(&mut self) {
        self.ratio_permille = (self.ratio_permille * 5 / 4).min(2000);
    }

    fn encoded(&self, bytes: usize) -> usize {
        bytes.saturating_mul(self.ratio_permille) / 1000
    }

    fn last_that_fits(&self, unposted: &[Unposted]) -> u64 {
        let payload_max = match self.config.data {
            BatchData::Blobs => limits::BATCH_BYTES_MAX,
            BatchData::Calldata => limits::BATCH_CALLDATA_BYTES_MAX,
        };
        let (mut bytes, mut txs, mut last) = (0usize, 0usize, unposted[0].number);
        for (count, block) in unposted.iter().enumerate() {
            bytes = bytes.saturating_add(block.bytes);
            txs = txs.saturating_add(block.txs);
            // a block's own fields take a few bytes each
            let encoded = self.encoded(bytes).saturating_add(count * 16);
            let fits = encoded <= payload_max / 100 * 95
                && bytes <= limits::BATCH_DECODED_BYTES_MAX / 10 * 9
                && txs <= limits::BATCH_TXS_MAX
                && count < limits::BATCH_BLOCKS_MAX;
            if count > 0 && !fits {
                break;
            }
            last = block.number;
        }
        last
    }

    /// Best compression while there is time, speed when a backlog has to go (as Nitro does).
    fn level(&self, backlog: usize) -> u32 {
        match backlog {
            _ if backlog >= self.config.backlog_bytes_fast => 4,
            _ if backlog >= self.config.backlog_bytes_fast / 8 => 6,
            _ => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOT: B256 = B256::repeat_byte(7);

    fn state() -> BatcherState {
        let config = BatcherConfig {
            interval_secs: 10,
            bytes_target: 10_000,
            lag_margin_secs: 60,
            ..BatcherConfig::default()
        };
        BatcherState::new(config, &ChainConfig::dev())
    }

    fn inbox(count: u64, l1_block: u64) -> Option<InboxView> {
        Some(InboxView { l1_block, l1_time: 1_000, count, root: ROOT })
    }

    fn safe(count: u64, number: u64) -> SafeView {
        SafeView { count, number, hash: B256::ZERO }
    }

    fn blocks(range: std::ops::RangeInclusive<u64>, bytes: usize) -> Vec<Unposted> {
        range.map(|number| Unposted { number, timestamp: 1_000 + number, bytes, txs: 1 }).collect()
    }

    #[test]
    fn posts_when_old_or_large_and_not_before() {
        let mut state = state();
        let small = blocks(1..=3, 100);
        let now = 1_010_999;
        assert_eq!(state.decide(now, inbox(0, 5), safe(0, 0), &small, false), Decision::Idle(Idle::Young));
        let post = Decision::Post { count: 0, root: ROOT, from: 1, to: 3, level: 10 };
        assert_eq!(state.decide(now + 1, inbox(0, 5), safe(0, 0), &small, false), post);
        assert_eq!(state.decide(now, inbox(0, 5), safe(0, 0), &small, true), post);
        assert_eq!(state.decide(now, inbox(0, 5), safe(0, 0), &blocks(1..=3, 4_000), false), post);
    }

    #[test]
    fn waits_while_l1_is_down_or_not_derived() {
        let mut state = state();
        let all = blocks(1..=3, 4_000);
        assert_eq!(state.decide(0, None, safe(0, 0), &all, true), Decision::Idle(Idle::L1Down));
        assert_eq!(state.decide(0, inbox(1, 5), safe(0, 0), &all, true), Decision::Idle(Idle::Deriving));
        assert_eq!(state.decide(0, inbox(1, 5), safe(1, 3), &[], true), Decision::Idle(Idle::Empty));
    }

    #[test]
    fn waits_until_the_including_block_is_visible() {
        let mut state = state();
        let all = blocks(1..=3, 4_000);
        state.on_sent();
        assert_eq!(state.decide(0, inbox(0, 5), safe(0, 0), &all, true), Decision::Idle(Idle::InFlight));
        state.on_included(6);
        assert_eq!(state.decide(0, inbox(0, 5), safe(0, 0), &all, true), Decision::Idle(Idle::InFlight));
        assert_eq!(state.decide(0, inbox(1, 6), safe(1, 3), &[], true), Decision::Idle(Idle::Empty));
    }

    #[test]
    fn posts_again_after_l1_lost_the_batch() {
        let mut state = state();
        let all = blocks(1..=3, 4_000);
        state.on_sent();
        state.on_included(6);
        // a reorganisation: block 6 is there, without the batch
        assert!(matches!(
            state.decide(0, inbox(0, 6), safe(0, 0), &all, true),
            Decision::Post { from: 1, to: 3, .. }
        ));
    }

    #[test]
    fn gives_up_blocks_that_l1_would_refuse() {
        let mut state = state();
        let all = blocks(1..=3, 100);
        // block 1 has time 1,001; max lag 600, margin 60
        let at = |secs: u64| secs * 1000;
        assert!(matches!(
            state.decide(at(1_541), inbox(0, 5), safe(0, 0), &all, true),
            Decision::Post { .. }
        ));
        assert_eq!(
            state.decide(at(1_542), inbox(0, 5), safe(0, 0), &all, true),
            Decision::Resequence { from: 1 }
        );
    }

    #[test]
    fn backs_off_longer_each_time_and_recovers() {
        let mut state = state();
        let all = blocks(1..=3, 100);
        let pauses: Vec<u64> = (0..8).map(|_| state.on_failed(1_100_000)).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(
            state.decide(1_129_999, inbox(0, 5), safe(0, 0), &all, true),
            Decision::Idle(Idle::Backoff)
        );
        assert!(matches!(
            state.decide(1_130_000, inbox(0, 5), safe(0, 0), &all, true),
            Decision::Post { .. }
        ));
        state.on_included(5);
        assert_eq!(state.on_failed(0), 500);
    }

    proptest! {
        /// Whatever the sizes, posting makes progress, never skips a block and stays within a batch's limits.
        #[test]
        fn batches_cover_all_blocks_in_order(
            sizes in proptest::collection::vec((0usize..700_000, 0usize..30_000), 1..60),
            ratio in 50usize..2000,
        ) {
            let mut state = state();
            state.ratio_permille = ratio;
            let all: Vec<Unposted> = sizes.iter().zip(1..)
                .map(|((bytes, txs), number)| Unposted { number, timestamp: 1_000 + number, bytes: *bytes, txs: *txs })
                .collect();
            let mut number = 0;
            while (number as usize) < all.len() {
                let rest = &all[number as usize..];
                let decision = state.decide(1_100_000, inbox(0, 5), safe(0, number), rest, true);
                let Decision::Post { from, to, .. } = decision else { panic!("{decision:?}") };
                prop_assert!(from == number + 1 && to >= from);
                let batch = &all[from as usize - 1..to as usize];
                if batch.len() > 1 {
                    let bytes: usize = batch.iter().map(|block| block.bytes).sum();
                    prop_assert!(bytes * ratio / 1000 <= limits::BATCH_BYTES_MAX);
                    prop_assert!(batch.iter().map(|block| block.txs).sum::<usize>() <= limits::BATCH_TXS_MAX);
                }
                number = to;
            }
        }
    }
}
