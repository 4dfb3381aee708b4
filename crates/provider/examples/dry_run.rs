//! What a `job.toml` costs and gives, without a chain: `dry_run FILE [reference|cuda]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use alloy::primitives::B256;
use assay_compute::{Executor, Flow, Job, Reference};
use assay_compute_cuda::CudaExecutor;
use assay_provider::client::prepare;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (file, kind) = match &args[..] {
        [file] => (file, "reference"),
        [file, kind] => (file, kind.as_str()),
        _ => return Err("usage: dry_run FILE [reference|cuda]".into()),
    };
    let bundle = std::env::temp_dir().join(format!("assay-dry-run-{}", std::process::id()));
    let prepared = prepare(Path::new(file), &bundle)?;
    let base = Path::new(file).parent().unwrap_or(Path::new("."));
    let inputs = prepared.spec().buffers.iter().filter_map(|b| b.input.as_ref());
    let inputs = inputs.map(|path| std::fs::read(base.join(path))).collect::<Result<_, _>>()?;
    let job = Job::new(B256::ZERO, prepared.image().clone(), prepared.plan().clone(), inputs)?;
    let mut executor: Box<dyn Executor> = match kind {
        "cuda" => Box::new(CudaExecutor::open()?),
        _ => Box::new(Reference::default()),
    };
    let start = Instant::now();
    let result = executor.run(&job, &mut |_| Flow::Continue)?;
    println!("{}: {:?} in {:.2?}", executor.name(), result.state.status, start.elapsed());
    println!("work units  {}", result.units());
    println!("result root {}", result.result_root());
    std::fs::remove_dir_all(bundle)?;
    Ok(())
}
