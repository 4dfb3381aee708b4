//! The judge: the reference interpreter, block after block in canonical order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use assay_ptx::{
    BlockOutcome, Fault, FlatMemory, Launch as BlockRunner, LaunchDims, Memory, Page, Program, Shadow,
    UnitTable,
};

use crate::executor::{ExecError, Executor, Flow, Step};
use crate::job::{Job, JobResult};
use crate::plan::Launch;
use crate::state::{Position, Status, fault_code};

/// Runs jobs on the reference interpreter: launches in plan order, thread blocks in linear order.
///
/// Needs twice the arena, at most: pages that a launch writes are kept until it ends.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    units: UnitTable,
}

impl Reference {
    /// A reference executor that counts by `units`.
    pub fn new(units: UnitTable) -> Self {
        Self { units }
    }
}

/// What one launch ended in.
#[derive(Clone, Debug)]
pub enum LaunchEnd {
    /// All its blocks ran; the units of the whole job so far.
    Done {
        /// Units of the job after the launch.
        units: u64,
    },
    /// A block broke a rule; memory is that of the launch start.
    Fault {
        /// What and where.
        fault: Fault,
        /// Units of the job at the fault.
        units: u64,
    },
    /// The job's fuel ran out; memory is that of the launch start.
    OutOfFuel,
}

impl Executor for Reference {
    fn name(&self) -> String {
        "reference interpreter".into()
    }

    fn run(&mut self, job: &Job, watch: &mut dyn FnMut(Step) -> Flow) -> Result<JobResult, ExecError> {
        let mut memory = job.initial_memory();
        let mut step = Step { blocks_total: job.plan().total_blocks(), ..Step::default() };
        for (index, launch) in job.plan().launches.iter().enumerate() {
            let end = run_launch(job, &self.units, index, launch, &mut memory, &mut step, watch)?;
            let (status, units, fault) = match end {
                LaunchEnd::Done { units } => {
                    step.units = units;
                    continue;
                }
                LaunchEnd::Fault { fault, units } => {
                    (Status::Fault(fault_code(&fault.kind)), units, Some(explain(launch, &fault)))
                }
                LaunchEnd::OutOfFuel => (Status::OutOfFuel, job.plan().fuel, None),
            };
            // Kept: plans have at most 4096 launches.
            let position = Position { launch: index as u32, block: 0 };
            return Ok(finish(job, memory, position, units, status, fault));
        }
        let position = Position { launch: job.plan().launches.len() as u32, block: 0 };
        Ok(finish(job, memory, position, step.units, Status::Done, None))
    }
}

/// Runs one launch in canonical order; memory is restored when it does not end well.
///
/// `step.units` are the units before it. Other executors use this to judge a launch that failed on
/// their device.
///
/// # Errors
/// [`ExecError::Cancelled`] and [`ExecError::Launch`]; memory is then undefined.
pub fn run_launch(
    job: &Job,
    table: &UnitTable,
    index: usize,
    launch: &Launch,
    memory: &mut FlatMemory,
    step: &mut Step,
    watch: &mut dyn FnMut(Step) -> Flow,
) -> Result<LaunchEnd, ExecError> {
    let refused = |source| ExecError::Launch { launch: index, source };
    let program = Program::new(job.image(), &launch.kernel, table).map_err(refused)?;
    let params = job.canonical_params(launch).unwrap_or_default();
    let mut runner = BlockRunner::new(&program, dims(launch), &params).map_err(refused)?;
    let mut shadow = Shadow::new();
    let mut units = step.units;
    let mut memory = Undoable { memory, saved: BTreeMap::new(), last: u64::MAX };
    for block in 0..launch.blocks() {
        let fuel = job.plan().fuel.saturating_sub(units);
        match runner.run_block(block, &mut memory, &mut shadow, fuel).map_err(refused)? {
            BlockOutcome::Done { units: used, .. } => units = units.saturating_add(used),
            BlockOutcome::Fault { fault, units: used } => {
                memory.undo();
                return Ok(LaunchEnd::Fault { fault, units: units.saturating_add(used) });
            }
            BlockOutcome::OutOfFuel => {
                memory.undo();
                return Ok(LaunchEnd::OutOfFuel);
            }
        }
        step.blocks_done += 1;
        let now = Step { units, ..*step };
        if watch(now) == Flow::Cancel {
            return Err(ExecError::Cancelled);
        }
    }
    Ok(LaunchEnd::Done { units })
}

/// The result of a run that ended at `position`.
pub fn finish(
    job: &Job,
    memory: FlatMemory,
    position: Position,
    units: u64,
    status: Status,
    fault: Option<String>,
) -> JobResult {
    let memory_root = assay_primitives::page_root(memory.as_bytes());
    let state = job.state(memory_root, position, units, status);
    JobResult { state, memory, fault }
}

/// A fault in words.
pub fn explain(launch: &Launch, fault: &Fault) -> String {
    format!(
        "`{}`, thread block {}, thread {}, line {} of the canonical text: {:?}",
        launch.kernel, fault.block, fault.thread, fault.line, fault.kind
    )
}

/// The interpreter's form of a launch shape.
pub fn dims(launch: &Launch) -> LaunchDims {
    LaunchDims { grid: launch.grid, block: launch.block, dynamic_shared: launch.shared_bytes }
}

/// Memory that remembers each page as it was before the first write.
struct Undoable<'a> {
    memory: &'a mut FlatMemory,
    saved: BTreeMap<u64, Box<Page>>,
    /// The page written last, which is certainly saved: writes come in runs.
    last: u64,
}

impl Undoable<'_> {
    fn undo(&mut self) {
        for (index, page) in core::mem::take(&mut self.saved) {
            *self.memory.page_mut(index) = *page;
        }
    }
}

impl Memory for Undoable<'_> {
    fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    fn page(&mut self, index: u64) -> &Page {
        self.memory.page(index)
    }

    fn page_mut(&mut self, index: u64) -> &mut Page {
        if index != self.last {
            let memory = &mut *self.memory;
            self.saved.entry(index).or_insert_with(|| Box::new(*memory.page(index)));
            self.last = index;
        }
        self.memory.page_mut(index)
    }
}
