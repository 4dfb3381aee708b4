//! How many work units a second an executor does, measured on a small integer loop.

use std::time::Instant;

use alloy::primitives::B256;
use assay_compute::{Arg, Buffer, Executor, Flow, Job, Launch, Plan, Reference};
use assay_compute_cuda::CudaExecutor;
use assay_ptx::Image;

use crate::config::ExecutorKind;

/// A linear congruential generator in every thread.
const SPIN: &str = include_str!("spin.ptx");
const BLOCKS: u32 = 4;
const THREADS: u32 = 128;
const ROUNDS: u64 = 1000;

/// Runs the loop once; the refusal in words when that is impossible.
pub(crate) fn units_per_second(kind: ExecutorKind) -> Result<u64, String> {
    let job = spin()?;
    let mut executor: Box<dyn Executor> = match kind {
        ExecutorKind::Reference => Box::new(Reference::default()),
        ExecutorKind::Cuda => Box::new(CudaExecutor::open().map_err(|e| e.to_string())?),
    };
    let start = Instant::now();
    let result = executor.run(&job, &mut |_| Flow::Continue).map_err(|e| e.to_string())?;
    let nanos = start.elapsed().as_nanos().max(1);
    let rate = u128::from(result.units()) * 1_000_000_000 / nanos;
    Ok(u64::try_from(rate).unwrap_or(u64::MAX))
}

fn spin() -> Result<Job, String> {
    let image = Image::from_ptx(SPIN).map_err(|e| e.to_string())?;
    let plan = Plan {
        arena_bytes: 4096,
        buffers: vec![Buffer { offset: 0, len: u64::from(BLOCKS * THREADS) * 4, input: None }],
        launches: vec![Launch {
            kernel: "spin".into(),
            grid: [BLOCKS, 1, 1],
            block: [THREADS, 1, 1],
            shared_bytes: 0,
            args: vec![Arg::Scalar { size: 4, bits: ROUNDS }, Arg::Buffer { buffer: 0, offset: 0 }],
        }],
        outputs: vec![0],
        fuel: 1 << 40,
    };
    Job::new(B256::ZERO, image, plan, Vec::new()).map_err(|e| e.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_reference_does_some_units_a_second() {
        assert!(units_per_second(ExecutorKind::Reference).unwrap() > 1000);
    }
}
