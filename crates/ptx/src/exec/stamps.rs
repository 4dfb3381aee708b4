//! Who touched a byte of this block last, and whether anything orders the touches.
//!
//! A stamp is an epoch (barriers passed), a clock (warp-level synchronisations of the lane) and a thread. Touches in
//! different epochs are ordered by the barrier; in one epoch only those of one thread, or of lanes of one warp that
//! synchronised in between (vector clocks). Bytes are tracked by aligned words until somebody touches part of one.

use alloc::vec;
use alloc::vec::Vec;

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    Read,
    Write,
    Atomic,
}

/// Two unordered touches.
pub(crate) struct Conflict;

const CLOCK_SHIFT: u32 = 12;
const EPOCH_SHIFT: u32 = 32;
/// Largest clock; a lane that reaches it no longer advances, so later touches count as unordered.
const CLOCK_MAX: u32 = (1 << (EPOCH_SHIFT - CLOCK_SHIFT)) - 1;
/// "Thread" of a stamp by several threads of different warps.
const MANY: u64 = 0xFFF;
/// "Thread" of a stamp by several lanes of warp `w` is `MANY_IN_WARP + w`.
const MANY_IN_WARP: u64 = 0x800;
const SPLIT: u64 = u64::MAX;

/// The thread that touches, and what it knows.
pub(crate) struct Who<'a> {
    thread: u32,
    epoch: u32,
    /// Row of the thread's vector clock: for each lane of its warp, the clock it has seen; empty if the kernel has no
    /// warp-level synchronisation.
    seen: &'a [u32],
    /// The thread's stamp, and the stamps of several lanes of its warp and of several warps.
    stamp: u64,
    warp: u64,
    many: u64,
}

impl<'a> Who<'a> {
    pub(crate) fn new(thread: u32, epoch: u32, seen: &'a [u32]) -> Self {
        let clock = seen.get((thread & 31) as usize).copied().unwrap_or(0).min(CLOCK_MAX);
        let epoch_bits = u64::from(epoch) << EPOCH_SHIFT;
        let now = epoch_bits | u64::from(clock) << CLOCK_SHIFT;
        let warp = now | (MANY_IN_WARP + u64::from(thread >> 5));
        Self { thread, epoch, seen, stamp: now | u64::from(thread), warp, many: epoch_bits | MANY }
    }

    /// Whether an earlier touch is ordered before what this thread does now.
    fn after(&self, stamp: u64) -> bool {
        if (stamp >> EPOCH_SHIFT) as u32 != self.epoch || stamp == 0 {
            return true;
        }
        let who = stamp & MANY;
        let clock = (stamp >> CLOCK_SHIFT) as u32 & CLOCK_MAX;
        let me = u64::from(self.thread);
        if who == me {
            return true;
        }
        if clock >= CLOCK_MAX {
            return false;
        }
        if who == MANY_IN_WARP + (me >> 5) {
            let mut others = self.seen.iter().enumerate().filter(|(lane, _)| *lane as u64 != me & 31);
            return !self.seen.is_empty() && others.all(|(_, seen)| *seen >= clock);
        }
        who < MANY_IN_WARP
            && who >> 5 == me >> 5
            && self.seen.get((who & 31) as usize).is_some_and(|seen| *seen >= clock)
    }

    /// The stamp of a set of readers (or of atomics) after this thread joins it.
    fn join(&self, stamp: u64) -> u64 {
        if self.after(stamp) {
            return self.stamp;
        }
        let who = stamp & MANY;
        let warp = u64::from(self.thread >> 5);
        let same_warp = who == MANY_IN_WARP + warp || (who < MANY_IN_WARP && who >> 5 == warp);
        if !same_warp {
            return self.many;
        }
        // The larger clock, in the upper bits, decides.
        self.warp.max(stamp & !MANY | self.warp & MANY)
    }
}

/// Last write and reads of a word, or where its bytes are kept.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cell {
    w: u64,
    r: u64,
}

#[derive(Clone, Copy, Default)]
struct ByteCell {
    w: u64,
    r: u64,
    a: u64,
}

/// Bytes of words that were not always touched as a whole.
#[derive(Default)]
pub(crate) struct SplitCells(Vec<[ByteCell; 4]>);

impl SplitCells {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl ByteCell {
    fn touch(&mut self, touch: Touch, who: &Who<'_>) -> Result<(), Conflict> {
        let ordered = match touch {
            Touch::Read => who.after(self.w) && who.after(self.a),
            Touch::Write => who.after(self.w) && who.after(self.a) && who.after(self.r),
            Touch::Atomic => who.after(self.w) && who.after(self.r),
        };
        if !ordered {
            return Err(Conflict);
        }
        match touch {
            Touch::Read => self.r = who.join(self.r),
            Touch::Write => *self = Self { w: who.stamp, r: 0, a: 0 },
            Touch::Atomic => self.a = who.join(self.a),
        }
        Ok(())
    }
}

impl Cell {
    /// A read of the whole word that changes nothing and conflicts with nothing: the common case in a loop.
    #[inline(always)]
    pub(crate) fn is_settled_read(&self, who: &Who<'_>) -> bool {
        let written_before = self.w >> EPOCH_SHIFT < u64::from(who.epoch);
        written_before && (self.r == who.many || self.r == who.warp || self.r == who.stamp)
    }

    /// Touches the bytes of the mask. Reads of bytes never written in the block are told by `written`.
    pub(crate) fn touch(
        &mut self,
        split: &mut SplitCells,
        touch: Touch,
        mask: u8,
        who: &Who<'_>,
    ) -> Result<(), Conflict> {
        if self.w != SPLIT && mask == 0xF && touch != Touch::Atomic {
            let mut word = ByteCell { w: self.w, r: self.r, a: 0 };
            word.touch(touch, who)?;
            (self.w, self.r) = (word.w, word.r);
            return Ok(());
        }
        if self.w != SPLIT {
            split.0.push([ByteCell { w: self.w, r: self.r, a: 0 }; 4]);
            *self = Self { w: SPLIT, r: split.0.len() as u64 - 1 };
        }
        let bytes = &mut split.0[self.r as usize];
        for (i, byte) in bytes.iter_mut().enumerate() {
            if mask >> i & 1 == 1 {
                byte.touch(touch, who)?;
            }
        }
        Ok(())
    }

    /// Whether every byte of the mask was written in this block.
    #[inline(always)]
    pub(crate) fn written(&self, split: &SplitCells, mask: u8) -> bool {
        if self.w != SPLIT {
            return self.w != 0;
        }
        let bytes = &split.0[self.r as usize];
        bytes.iter().enumerate().all(|(i, b)| mask >> i & 1 == 0 || b.w != 0 || b.a != 0)
    }
}

/// What each lane of each warp knows of the others: vector clocks.
#[derive(Default)]
pub(crate) struct Clocks {
    rows: Vec<[u32; 32]>,
}

impl Clocks {
    /// Clocks for a block of so many threads; none if the kernel never synchronises warps.
    pub(crate) fn reset(&mut self, threads: usize) {
        self.rows.clear();
        self.rows.resize(threads, [0; 32]);
        for (thread, row) in self.rows.iter_mut().enumerate() {
            row[thread & 31] = 1;
        }
    }

    #[inline(always)]
    pub(crate) fn row(&self, thread: u32) -> &[u32] {
        self.rows.get(thread as usize).map_or(&[], |r| &r[..])
    }

    /// The lanes of the mask in this warp synchronise.
    pub(crate) fn sync(&mut self, warp: usize, mask: u32) {
        let first = warp * 32;
        let Some(rows) = self.rows.get_mut(first..) else { return };
        let mut joined = [0u32; 32];
        for (lane, row) in rows.iter().take(32).enumerate() {
            if mask >> lane & 1 == 1 {
                for (j, r) in joined.iter_mut().zip(row) {
                    *j = (*j).max(*r);
                }
            }
        }
        let next =
            joined.iter().enumerate().filter(|(l, _)| mask >> l & 1 == 1).map(|(_, c)| *c).max().unwrap_or(0);
        for (lane, row) in rows.iter_mut().take(32).enumerate() {
            if mask >> lane & 1 == 1 {
                *row = joined;
                row[lane] = next.saturating_add(1).min(CLOCK_MAX);
            }
        }
    }
}

/// Cells for shared memory of so many bytes.
pub(crate) fn cells(bytes: usize) -> Vec<Cell> {
    vec![Cell::default(); bytes.div_ceil(4)]
}
