//! How a trace is split in levels (PROTOCOL, section 2).

use alloc::vec::Vec;

/// What one stride of a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A macro step: one run of the program.
    MacroStep,
    /// A kernel launch of a job: many macro steps.
    Launch,
    /// A thread block of a launch: one macro step.
    ThreadBlock,
    /// 2^20 instructions of the machine.
    Chunk,
    /// One instruction.
    Instruction,
}

/// One level: `2^bits` strides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Level {
    /// What a stride is.
    pub unit: Unit,
    /// Binary logarithm of the number of strides; a multiple of four.
    pub bits: u32,
}

impl Level {
    /// How many times a claim on the whole level is opened until a single stride is left.
    pub const fn height(&self) -> u32 {
        self.bits / 4
    }

    /// How many strides a claim of height `height` covers.
    pub const fn strides(height: u32) -> u64 {
        1 << (4 * height)
    }
}

/// All levels of a computation's trace, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    levels: &'static [Level],
}

impl Layout {
    /// The rollup: macro steps of an epoch, chunks of 2^20 instructions, instructions.
    pub const ROLLUP: Self = Self {
        levels: &[
            Level { unit: Unit::MacroStep, bits: 16 },
            Level { unit: Unit::Chunk, bits: 20 },
            Level { unit: Unit::Instruction, bits: 20 },
        ],
    };

    /// A job: launches, thread blocks, chunks of 2^20 instructions, instructions.
    pub const JOB: Self = Self {
        levels: &[
            Level { unit: Unit::Launch, bits: 12 },
            Level { unit: Unit::ThreadBlock, bits: 24 },
            Level { unit: Unit::Chunk, bits: 20 },
            Level { unit: Unit::Instruction, bits: 20 },
        ],
    };

    /// The levels, outermost first.
    pub const fn levels(&self) -> &'static [Level] {
        self.levels
    }

    /// Binary logarithm of the number of instructions in the trace.
    pub fn trace_bits(&self) -> u32 {
        self.levels.iter().map(|level| level.bits).sum()
    }

    /// Instructions in one stride of level `level`, as a binary logarithm; `None` if there is no such level.
    pub fn stride_bits(&self, level: usize) -> Option<u32> {
        self.levels.get(level + 1..).map(|inner| inner.iter().map(|level| level.bits).sum())
    }

    /// The stride of each level, outermost first, that contains the instruction `index` of the trace. Bits above the
    /// trace are ignored.
    pub fn split(&self, index: u128) -> Vec<u64> {
        let mut below = self.trace_bits();
        let parts = self.levels.iter().map(|level| {
            below -= level.bits;
            (index >> below) as u64 & ((1 << level.bits) - 1)
        });
        parts.collect()
    }

    /// The instruction with which the given strides begin; undoes [`Self::split`]. `None` unless there is one stride for each
    /// level, in its range.
    pub fn join(&self, strides: &[u64]) -> Option<u128> {
        if strides.len() != self.levels.len() {
            return None;
        }
        let mut index = 0u128;
        for (level, stride) in self.levels.iter().zip(strides) {
            if *stride >> level.bits != 0 {
                return None;
            }
            index = index << level.bits | u128::from(*stride);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn traces_have_the_lengths_of_the_protocol() {
        assert_eq!(Layout::ROLLUP.trace_bits(), 56);
        assert_eq!(Layout::JOB.trace_bits(), 76);
        for layout in [Layout::ROLLUP, Layout::JOB] {
            assert!(layout.levels().iter().all(|level| level.bits % 4 == 0));
            assert_eq!(layout.levels().last().map(|level| level.unit), Some(Unit::Instruction));
            assert_eq!(layout.stride_bits(layout.levels().len() - 1), Some(0));
            assert_eq!(layout.stride_bits(layout.levels().len()), None);
        }
        assert_eq!(Layout::ROLLUP.stride_bits(0), Some(40));
        assert_eq!(Layout::JOB.stride_bits(0), Some(64));
        assert_eq!(Layout::JOB.levels().iter().map(Level::height).collect::<Vec<_>>(), [3, 6, 5, 5]);
        assert_eq!(Level::strides(4), 65_536);
    }

    #[test]
    fn indices_split_and_join() {
        for layout in [Layout::ROLLUP, Layout::JOB] {
            let last = (1u128 << layout.trace_bits()) - 1;
            for index in [0, 1, 0xfffff, 0x100000, 1 << 40, last / 3, last] {
                assert_eq!(layout.join(&layout.split(index)), Some(index));
            }
            assert_eq!(layout.split(last + 1), layout.split(0));
        }
        assert_eq!(Layout::ROLLUP.join(&[1, 2]), None);
        assert_eq!(Layout::ROLLUP.join(&[1 << 16, 0, 0]), None);
        assert_eq!(Layout::ROLLUP.split(1 << 40), vec![1, 0, 0]);
    }
}
