//! What can be disputed.

use alloy_primitives::{B256, Bytes, keccak256};
use assay_primitives::{OracleKey, ProgramId};

/// A chain of machine runs: `state 0 --run--> state 1 --run--> ... --run--> state n`.
///
/// Implemented over the node's database and over a job. Two implementations of one computation agree on every state.
pub trait Computation {
    /// Why a state or an oracle cannot be had, such as data that was pruned.
    type Error;

    /// The program that every macro step runs.
    fn program(&self) -> ProgramId;

    /// The state before the first macro step.
    fn initial(&self) -> B256;

    /// The state after `steps` macro steps; after the last step that changes it, the state stays.
    fn state_after(&self, steps: u64) -> Result<B256, Self::Error>;

    /// What macro step `step`, counted from zero, reads from the oracle.
    fn oracle(&self, step: u64) -> Result<impl Oracle + '_, Self::Error>;
}

/// Content-addressed pre-images.
pub trait Oracle {
    /// The pre-image of `key`, whole; `None` if it is not known.
    fn preimage(&self, key: OracleKey) -> Option<Bytes>;
}

/// The result of a run from `start` that traps, exits otherwise than with zero, or does not halt: a state of its own, in
/// which every further step stays.
pub fn failed(start: B256) -> B256 {
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(keccak256("assay.failed").as_slice());
    bytes[32..].copy_from_slice(start.as_slice());
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Counts: each step hashes the state with what the oracle says.
    struct Counter(B256);

    impl Oracle for BTreeMap<OracleKey, Bytes> {
        fn preimage(&self, key: OracleKey) -> Option<Bytes> {
            self.get(&key).cloned()
        }
    }

    impl Computation for Counter {
        type Error = core::convert::Infallible;

        fn program(&self) -> ProgramId {
            ProgramId(B256::ZERO)
        }

        fn initial(&self) -> B256 {
            self.0
        }

        fn state_after(&self, steps: u64) -> Result<B256, Self::Error> {
            Ok((0..steps.min(5)).fold(self.0, |state, _| keccak256(state)))
        }

        fn oracle(&self, step: u64) -> Result<impl Oracle + '_, Self::Error> {
            let state = self.state_after(step)?;
            Ok(BTreeMap::from([(
                OracleKey::keccak(keccak256(state)),
                Bytes::copy_from_slice(state.as_slice()),
            )]))
        }
    }

    #[test]
    fn a_computation_gives_states_and_their_pre_images() {
        let counter = Counter(B256::repeat_byte(1));
        let Ok(third) = counter.state_after(3);
        let Ok(second) = counter.state_after(2);
        assert_eq!(third, keccak256(second));
        assert_eq!(counter.state_after(5), counter.state_after(900));
        let Ok(oracle) = counter.oracle(2);
        assert_eq!(oracle.preimage(OracleKey::keccak(third)), Some(second.to_vec().into()));
        assert_eq!(oracle.preimage(OracleKey::keccak(second)), None);
    }

    #[test]
    fn failures_of_different_starts_differ_and_do_not_collide_with_their_start() {
        let (a, b) = (B256::repeat_byte(1), B256::repeat_byte(2));
        assert_ne!(failed(a), failed(b));
        assert_ne!(failed(a), a);
        assert_ne!(failed(failed(a)), failed(a));
    }
}
