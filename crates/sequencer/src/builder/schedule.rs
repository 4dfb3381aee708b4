//! When a block opens, runs and closes: pure arithmetic over the wall clock that the caller reads.

use crate::config::BlockConfig;

/// What the builder does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Open a block with this timestamp.
    Open {
        /// Seconds.
        timestamp: u64,
    },
    /// Put transactions into the open block.
    Run,
    /// Seal the open block.
    Seal,
    /// Nothing before this time, unless work arrives.
    Wait {
        /// Milliseconds since the epoch.
        until_ms: u64,
    },
}

/// The open block, as far as time is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenTime {
    /// Its timestamp in seconds.
    pub(crate) timestamp: u64,
    /// Whether nothing more fits.
    pub(crate) full: bool,
}

/// Decides. `work` says whether a transaction or a forced entry waits.
///
/// A block with timestamp `t` is open until `t + interval`, so in steady state each second of the clock has its block.
/// A full block closes at once, and the next one runs ahead of the clock by at most `ahead_secs_max`.
pub(crate) fn next(
    config: &BlockConfig,
    now_ms: u64,
    parent_time: u64,
    open: Option<OpenTime>,
    work: bool,
) -> Next {
    let now = now_ms / 1000;
    if let Some(open) = open {
        let end_ms = (open.timestamp.saturating_add(config.interval_secs)).saturating_mul(1000);
        return match (open.full || now_ms >= end_ms, work) {
            (true, _) => Next::Seal,
            (false, true) => Next::Run,
            (false, false) => Next::Wait { until_ms: end_ms },
        };
    }
    let timestamp = now.max(parent_time.saturating_add(1));
    if timestamp > now.saturating_add(config.ahead_secs_max) {
        return Next::Wait { until_ms: timestamp.saturating_sub(config.ahead_secs_max).saturating_mul(1000) };
    }
    let idle_end = parent_time.saturating_add(config.idle_secs_max);
    if work || now >= idle_end {
        Next::Open { timestamp }
    } else {
        Next::Wait { until_ms: idle_end.saturating_mul(1000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(idle_secs_max: u64) -> BlockConfig {
        BlockConfig { interval_secs: 1, idle_secs_max, ahead_secs_max: 3, ..BlockConfig::default() }
    }

    #[test]
    fn a_block_lasts_until_its_second_is_over() {
        let open = Some(OpenTime { timestamp: 10, full: false });
        assert_eq!(next(&config(1), 10_999, 9, open, true), Next::Run);
        assert_eq!(next(&config(1), 10_999, 9, open, false), Next::Wait { until_ms: 11_000 });
        assert_eq!(next(&config(1), 11_000, 9, open, true), Next::Seal);
    }

    #[test]
    fn idle_chain_waits_and_work_opens_at_once() {
        assert_eq!(next(&config(5), 12_300, 10, None, false), Next::Wait { until_ms: 15_000 });
        assert_eq!(next(&config(5), 12_300, 10, None, true), Next::Open { timestamp: 12 });
        assert_eq!(next(&config(5), 15_000, 10, None, false), Next::Open { timestamp: 15 });
    }

    #[test]
    fn full_blocks_run_ahead_of_the_clock_by_a_bounded_amount() {
        let full = Some(OpenTime { timestamp: 10, full: true });
        assert_eq!(next(&config(1), 10_100, 9, full, true), Next::Seal);
        assert_eq!(next(&config(1), 10_100, 12, None, true), Next::Open { timestamp: 13 });
        assert_eq!(next(&config(1), 10_100, 13, None, true), Next::Wait { until_ms: 11_000 });
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_turn_time_back() {
        assert_eq!(next(&config(1), 8_000, 10, None, true), Next::Open { timestamp: 11 });
        assert_eq!(next(&config(1), 1_000, 10, None, true), Next::Wait { until_ms: 8_000 });
    }

    proptest! {
        /// Driven by any clock and load, times rise, stay near the clock, and every wait ends.
        #[test]
        fn time_rises_and_waits_end(steps in proptest::collection::vec((0u64..2_000, any::<bool>(), any::<bool>()), 1..200)) {
            let config = config(4);
            let (mut now_ms, mut parent, mut open) = (100_000, 99, None::<OpenTime>);
            for (elapsed, work, full) in steps {
                now_ms += elapsed;
                match next(&config, now_ms, parent, open, work) {
                    Next::Open { timestamp } => {
                        prop_assert!(open.is_none() && timestamp > parent);
                        prop_assert!(timestamp <= now_ms / 1000 + config.ahead_secs_max);
                        open = Some(OpenTime { timestamp, full: false });
                    }
                    Next::Run => open = open.map(|open| OpenTime { full, ..open }),
                    Next::Seal => parent = open.take().expect("only an open block is sealed").timestamp,
                    Next::Wait { until_ms } => {
                        prop_assert!(until_ms > now_ms);
                        let waits_on = matches!(next(&config, until_ms, parent, open, work), Next::Wait { .. });
                        prop_assert!(!waits_on);
                    }
                }
            }
        }
    }
}
