//! The packed state.

use alloy_primitives::{B256, keccak256};

/// Bytes of a packed state.
pub const STATE_BYTES: usize = 354;
/// Where the memory root lies in a packed state.
pub(crate) const MEMORY_ROOT_AT: usize = 256;

/// What the machine is doing. Any byte but 1 is a machine that has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u8);

impl Status {
    /// Executes instructions.
    pub const RUNNING: Self = Self(1);
    /// Called `exit`.
    pub const EXITED: Self = Self(2);
    /// Did what it may not.
    pub const TRAPPED: Self = Self(3);
}

/// Everything but the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// The address of the next instruction.
    pub pc: u64,
    /// The registers; `x[0]` is zero.
    pub x: [u64; 32],
    /// What `read_input` gives.
    pub input: B256,
    /// What `write_output` was given.
    pub output: B256,
    /// Whether it runs.
    pub status: Status,
    /// What `exit` was given.
    pub exit_code: u8,
}

/// The stack pointer of a new machine: the page above it is zero, which reads as no arguments.
pub const STACK: u64 = 0xffff_f000;

impl Cpu {
    /// The first state of a run.
    pub fn new(entry: u64, input: B256) -> Self {
        let mut x = [0; 32];
        x[2] = STACK;
        Self { pc: entry, x, input, output: B256::ZERO, status: Status::RUNNING, exit_code: 0 }
    }

    /// Whether the next step changes anything.
    pub fn is_running(&self) -> bool {
        self.status == Status::RUNNING
    }

    /// Packs the state with this memory root.
    pub fn pack(&self, memory_root: &B256) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        bytes[..8].copy_from_slice(&self.pc.to_be_bytes());
        for (at, register) in bytes[8..MEMORY_ROOT_AT].chunks_exact_mut(8).zip(&self.x[1..]) {
            at.copy_from_slice(&register.to_be_bytes());
        }
        bytes[256..288].copy_from_slice(memory_root.as_slice());
        bytes[288..320].copy_from_slice(self.input.as_slice());
        bytes[320..352].copy_from_slice(self.output.as_slice());
        bytes[352] = self.status.0;
        bytes[353] = self.exit_code;
        bytes
    }
}

/// The whole state of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Everything but the memory.
    pub cpu: Cpu,
    /// The root of the memory tree.
    pub memory_root: B256,
}

impl State {
    /// The packed state; all bytes are some state's.
    pub fn pack(&self) -> [u8; STATE_BYTES] {
        self.cpu.pack(&self.memory_root)
    }

    /// The state that packs to these bytes.
    pub fn unpack(bytes: &[u8; STATE_BYTES]) -> Self {
        let mut words = bytes[..MEMORY_ROOT_AT]
            .chunks_exact(8)
            .map(|word| word.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte)));
        let pc = words.next().unwrap_or(0);
        let mut x = [0; 32];
        for (register, word) in x[1..].iter_mut().zip(words) {
            *register = word;
        }
        let hash = |at: usize| B256::from_slice(&bytes[at..at + 32]);
        let (status, exit_code) = (Status(bytes[352]), bytes[353]);
        let cpu = Cpu { pc, x, input: hash(288), output: hash(320), status, exit_code };
        Self { cpu, memory_root: hash(MEMORY_ROOT_AT) }
    }

    /// The state hash.
    pub fn hash(&self) -> B256 {
        keccak256(self.pack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_lie_where_the_specification_says() {
        let mut cpu = Cpu::new(0x0102_0304_0506_0708, B256::repeat_byte(0xbb));
        cpu.x[31] = 0x1112_1314_1516_1718;
        cpu.output = B256::repeat_byte(0xcc);
        (cpu.status, cpu.exit_code) = (Status::EXITED, 7);
        let bytes = State { cpu, memory_root: B256::repeat_byte(0xaa) }.pack();
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[16..24], [0, 0, 0, 0, 0xff, 0xff, 0xf0, 0]);
        assert_eq!(bytes[248..256], [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
        assert_eq!(bytes[256..288], [0xaa; 32]);
        assert_eq!(bytes[288..320], [0xbb; 32]);
        assert_eq!(bytes[320..352], [0xcc; 32]);
        assert_eq!(bytes[352..], [2, 7]);
    }

    proptest! {
        #[test]
        fn every_bytes_are_a_state(bytes in prop::collection::vec(any::<u8>(), STATE_BYTES)) {
            let bytes: [u8; STATE_BYTES] = bytes.try_into().unwrap();
            prop_assert_eq!(State::unpack(&bytes).pack(), bytes);
        }
    }
}
