//! A job in a process of its own: no keys, limited memory and time, its result a folder that appears whole.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use assay_compute::{
    Executor, Flow, Job, JobResult, JobState, OutputProof, Reference, Status, Step, output_pages,
};
use assay_compute_cuda::{Confinement, CudaExecutor, confine};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::bundle;
use crate::config::ExecutorKind;
use crate::journal::Outcome;

/// File with what the child must know beside the job's bytes.
const ORDER_FILE: &str = "order.json";
/// Folder with the result; complete when it exists.
const RESULT_DIR: &str = "result";
/// How often a child says where it stands.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Most bytes of a child's last words that are kept.
const LAST_WORDS: u64 = 4096;
/// Environment that a child gets: where the CUDA library is, nothing else.
const PASSED_ON: [&str; 5] =
    ["ASSAY_LIBCUDA", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "PATH"];

/// What a child must know beside the job's bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChildOrder {
    pub(crate) config_hash: B256,
    pub(crate) image_id: B256,
    pub(crate) plan_root: B256,
    pub(crate) inputs: usize,
    pub(crate) memory_max: u64,
}

/// For people: what ran the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Report {
    executor: String,
    seconds: f64,
    units: u64,
}

/// Why a child gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    /// The agent wants no result any more.
    #[error("cancelled")]
    Cancelled,
    /// The watchdog ended it.
    #[error("the job ran longer than {0:?}")]
    TimedOut(Duration),
    /// It ended badly; its last words.
    #[error("the job's process ended with {status}: {words}")]
    Failed {
        /// Exit status.
        status: String,
        /// End of its standard error.
        words: String,
    },
    /// A file or the process.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The result folder does not hold a state.
    #[error("the result does not decode: {0}")]
    BadResult(#[from] assay_compute::DecodeError),
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> ChildError + use<> {
    let path = path.to_owned();
    move |source| ChildError::File { path, source }
}

/// Files of a finished job, by blob name.
pub(crate) fn result_files(dir: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir.join(RESULT_DIR))? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && name != "report.json"
        {
            files.insert(name, entry.path());
        }
    }
    Ok(files.into_iter().collect())
}

/// Runs the job in `dir`, or takes the result that an earlier process left there.
pub(crate) async fn run_in_child(
    program: &Path,
    dir: &Path,
    executor: ExecutorKind,
    order: &ChildOrder,
    time_max: Duration,
    cancel: &CancellationToken,
) -> Result<Outcome, ChildError> {
    if !dir.join(RESULT_DIR).exists() {
        let path = dir.join(ORDER_FILE);
        let json = serde_json::to_vec(order).map_err(std::io::Error::other).map_err(file_error(&path))?;
        std::fs::write(&path, json).map_err(file_error(&path))?;
        spawn_and_wait(program, dir, executor, time_max, cancel).await?;
    }
    let path = dir.join(RESULT_DIR).join(bundle::STATE);
    let state = JobState::decode(&std::fs::read(&path).map_err(file_error(&path))?)?;
    Ok(Outcome { result_root: state.root(), units: state.units })
}

async fn spawn_and_wait(
    program: &Path,
    dir: &Path,
    executor: ExecutorKind,
    time_max: Duration,
    cancel: &CancellationToken,
) -> Result<(), ChildError> {
    let mut command = tokio::process::Command::new(program);
    command.arg("exec-job").arg("--dir").arg(dir).args(["--executor", executor.name()]);
    // Nothing of the agent's environment: it may hold keys.
    command.env_clear();
    command.envs(PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(file_error(program))?;
    let (progress, words) = (child.stdout.take(), child.stderr.take());
    let progress = async {
        let Some(progress) = progress else { return };
        let mut lines = BufReader::new(progress).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!(dir = %dir.display(), %line, "job runs");
        }
    };
    let words = async {
        let mut text = Vec::new();
        if let Some(words) = words {
            // A child that says more than this has its pipe closed, which ends it.
            words.take(LAST_WORDS).read_to_end(&mut text).await.ok();
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    };
    let finished = async { tokio::join!(child.wait(), progress, words) };
    let (status, (), words) = tokio::select! {
        finished = finished => finished,
        () = tokio::time::sleep(time_max) => return Err(ChildError::TimedOut(time_max)),
        () = cancel.cancelled() => return Err(ChildError::Cancelled),
    };
    let status = status.map_err(file_error(program))?;
    if status.success() { Ok(()) } else { Err(ChildError::Failed { status: status.to_string(), words }) }
}

/// The child's side: `PROGRAM exec-job --dir D --executor E`, a hidden command of the program.
///
/// Reads the job from `dir`, limits itself, runs it and leaves the result there as a whole, or says
/// on standard error what was wrong.
pub fn exec_job_main(dir: &Path, executor: ExecutorKind) -> ExitCode {
    match exec_job(dir, executor) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn exec_job(dir: &Path, kind: ExecutorKind) -> Result<(), String> {
    let read = |name: &str| std::fs::read(dir.join(name)).map_err(|e| format!("{name}: {e}"));
    let order: ChildOrder = serde_json::from_slice(&read(ORDER_FILE)?).map_err(|e| e.to_string())?;
    confine(&match kind {
        ExecutorKind::Reference => Confinement { address_space_max: Some(address_space(order.memory_max)) },
        // A GPU's driver reserves far more addresses than memory.
        ExecutorKind::Cuda => Confinement { address_space_max: None },
    })
    .map_err(|e| format!("cannot limit this process: {e}"))?;
    let inputs = (0..order.inputs).map(|i| read(&bundle::input(i))).collect::<Result<_, _>>()?;
    let job = Job::decode(
        order.config_hash,
        (order.image_id, &read(bundle::IMAGE)?),
        (order.plan_root, &read(bundle::PLAN)?),
        inputs,
    )
    .map_err(|e| e.to_string())?;
    let mut executor: Box<dyn Executor> = match kind {
        ExecutorKind::Reference => Box::new(Reference::default()),
        ExecutorKind::Cuda => Box::new(CudaExecutor::open().map_err(|e| e.to_string())?),
    };
    let start = Instant::now();
    let mut said = start;
    let mut watch = |step: Step| {
        if said.elapsed() >= PROGRESS_EVERY {
            said = Instant::now();
            // A closed pipe only means that nobody listens.
            let _ = writeln!(std::io::stdout(), "{} {} {}", step.blocks_done, step.blocks_total, step.units);
        }
        Flow::Continue
    };
    let result = executor.run(&job, &mut watch).map_err(|e| e.to_string())?;
    let report =
        Report { executor: executor.name(), seconds: start.elapsed().as_secs_f64(), units: result.units() };
    write_result(dir, &job, &result, &report).map_err(|e| format!("cannot write the result: {e}"))
}

/// Address space for arenas of `memory_max`: inputs, arena, the pages a launch writes, and the program.
fn address_space(memory_max: u64) -> u64 {
    const PROGRAM: u64 = 1 << 30;
    memory_max.saturating_mul(4).saturating_add(PROGRAM)
}

fn write_result(dir: &Path, job: &Job, result: &JobResult, report: &Report) -> std::io::Result<()> {
    let part = dir.join("result.part");
    match std::fs::remove_dir_all(&part) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => std::fs::create_dir_all(&part)?,
    }
    let put = |name: &str, bytes: &[u8]| {
        let mut file = std::fs::File::create(part.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    put(bundle::STATE, &result.state.encode())?;
    put("report.json", &serde_json::to_vec(report)?)?;
    if let Some(fault) = &result.fault {
        put(bundle::FAULT, fault.as_bytes())?;
    }
    if result.state.status == Status::Done {
        let tree = result.tree();
        for index in 0..job.plan().outputs.len() {
            let output = u32::try_from(index).map_err(std::io::Error::other)?;
            let missing = || std::io::Error::other("the plan names no such output");
            let pages = output_pages(job.plan(), result.memory.as_bytes(), output).ok_or_else(missing)?;
            let proof = OutputProof::new(job.plan(), &tree, output).ok_or_else(missing)?;
            put(&bundle::output(index), pages)?;
            put(&bundle::proof(index), &proof.encode())?;
        }
    }
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, dir.join(RESULT_DIR))?;
    std::fs::File::open(dir)?.sync_all()
}
