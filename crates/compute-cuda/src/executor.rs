//! Jobs through the CUDA driver interface.

use std::collections::BTreeMap;
use std::sync::Arc;

use assay_compute::{
    ExecError, Executor, Flow, Job, JobResult, Launch, LaunchEnd, Position, Reference, Status, Step, explain,
    fault_code, finish, run_launch,
};
use assay_ptx::{DeviceArgs, FlatMemory, UnitTable, print_device};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;

use crate::library::{context, load};
use crate::{CudaError, Device};

/// Runs jobs on the first device of the CUDA driver interface.
///
/// While a launch runs, the arena of its start is kept on the device too, if there is room: a launch
/// that goes wrong is then judged by the reference interpreter alone, otherwise the whole job is.
pub struct CudaExecutor {
    device: Device,
    context: Arc<CudaContext>,
    units: UnitTable,
}

/// What a launch ended in, as far as a device can say.
enum Ended {
    /// All blocks ran; units of the launch.
    Done(u64),
    /// A rule was broken or too much fuel used; the reference says what and where.
    Wrong,
}

/// What is on the device while a job runs.
struct Loaded {
    stream: Arc<CudaStream>,
    arena: CudaSlice<u8>,
    /// The arena at the start of the launch under way.
    before: Option<CudaSlice<u8>>,
}

impl CudaExecutor {
    /// Finds a library and opens its first device.
    ///
    /// # Errors
    /// [`CudaError`] that says where a library was looked for, or what the driver said.
    pub fn open() -> Result<Self, CudaError> {
        let kind = load()?;
        let context = context()?;
        let device = Device::describe(kind, &context)?;
        Ok(Self { device, context, units: UnitTable::default() })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn run_launches(
        &self,
        job: &Job,
        loaded: &mut Loaded,
        watch: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<JobResult, ExecError> {
        let text = print_device(job.image(), &self.units);
        let module = self.context.load_module(Ptx::from_src(text)).map_err(failed("loading the kernels"))?;
        let mut kernels = BTreeMap::new();
        let mut step = Step { blocks_total: job.plan().total_blocks(), ..Step::default() };
        for (index, launch) in job.plan().launches.iter().enumerate() {
            let kernel = match kernels.entry(launch.kernel.as_str()) {
                std::collections::btree_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let found = module.load_function(&launch.kernel).map_err(failed("finding a kernel"))?;
                    place.insert(found)
                }
            };
            if let Some(before) = &mut loaded.before {
                loaded.stream.memcpy_dtod(&loaded.arena, before).map_err(failed("keeping the arena"))?;
            }
            match self.launch(job, launch, kernel, loaded, step.units)? {
                Ended::Done(units) => step.units += units,
                Ended::Wrong => return self.judge(job, index, launch, loaded, step, watch),
            }
            step.blocks_done += launch.blocks();
            if watch(step) == Flow::Cancel {
                return Err(ExecError::Cancelled);
            }
        }
        let memory = download(job, &loaded.stream, &loaded.arena)?;
        let position = Position { launch: job.plan().launches.len() as u32, block: 0 };
        Ok(finish(job, memory, position, step.units, Status::Done, None))
    }

    fn upload(&self, job: &Job) -> Result<Loaded, ExecError> {
        let needed = job.plan().arena_bytes;
        let (free, _) = self.context.mem_get_info().map_err(failed("reading the free memory"))?;
        let available = free as u64;
        if needed > available {
            return Err(ExecError::OutOfMemory { needed, available });
        }
        let stream = self.context.default_stream();
        let initial = job.initial_memory();
        let arena = stream.clone_htod(initial.as_bytes()).map_err(failed("writing the arena"))?;
        // Counters and kernels need room as well.
        let room = available / 4 * 3 >= needed.saturating_mul(2);
        let before = if room { stream.alloc_zeros(arena.len()).ok() } else { None };
        stream.synchronize().map_err(failed("writing the arena"))?;
        Ok(Loaded { stream, arena, before })
    }

    fn launch(
        &self,
        job: &Job,
        launch: &Launch,
        kernel: &CudaFunction,
        loaded: &Loaded,
        units: u64,
    ) -> Result<Ended, ExecError> {
        let stream = &loaded.stream;
        let blocks = usize::try_from(launch.blocks()).map_err(|e| device_error("counting blocks", &e))?;
        let counters = stream.alloc_zeros::<u64>(blocks).map_err(failed("allocating the counters"))?;
        let status = stream.alloc_zeros::<u32>(1).map_err(failed("allocating the status"))?;
        let fuel = job.plan().fuel.saturating_sub(units);
        let declared = job.image().kernel(&launch.kernel).map_or(0, |(_, k)| k.shared_bytes());
        let shared_bytes = declared + launch.shared_bytes;
        let words = {
            let (arena, _read) = loaded.arena.device_ptr(stream);
            let (units, _read) = counters.device_ptr(stream);
            let (status, _read) = status.device_ptr(stream);
            let (arena_bytes, shared_bytes) = (job.plan().arena_bytes, shared_bytes.into());
            DeviceArgs { arena, arena_bytes, units, status, fuel, shared_bytes }.words()
        };
        // Pointers are the canonical ones: the text adds the arena's place itself.
        let params = job.canonical_params(launch).unwrap_or_default();
        let own = own_args(job, launch, &params);
        let mut builder = stream.launch_builder(kernel);
        for word in &words {
            builder.arg(word);
        }
        for value in &own {
            match value {
                Value::U8(v) => builder.arg(v),
                Value::U16(v) => builder.arg(v),
                Value::U32(v) => builder.arg(v),
                Value::U64(v) => builder.arg(v),
            };
        }
        let ([gx, gy, gz], [bx, by, bz]) = (launch.grid, launch.block);
        let shape = LaunchConfig {
            grid_dim: (gx, gy, gz),
            block_dim: (bx, by, bz),
            // All shared memory is dynamic in device text.
            shared_mem_bytes: shared_bytes,
        };
        // SAFETY: the text was printed from checked bytecode and guards every global access; the arguments
        // are the kernel's, by the plan's check; arena, counters and status live until the synchronisation.
        unsafe { builder.launch(shape) }.map_err(failed("launching"))?;
        let counted = stream.clone_dtoh(&counters).map_err(failed("running a launch"))?;
        let status = stream.clone_dtoh(&status).map_err(failed("running a launch"))?;
        stream.synchronize().map_err(failed("running a launch"))?;
        let units = counted.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
        Ok(match units {
            Some(units) if units <= fuel && status == [0] => Ended::Done(units),
            _ => Ended::Wrong,
        })
    }

    /// Lets the reference interpreter say what a launch that went wrong ended in.
    fn judge(
        &self,
        job: &Job,
        index: usize,
        launch: &Launch,
        loaded: &Loaded,
        mut step: Step,
        watch: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<JobResult, ExecError> {
        tracing::info!(launch = index, "the launch faults or runs out of fuel: the reference judges it");
        let Some(before) = &loaded.before else {
            return Reference::new(self.units).run(job, watch);
        };
        let mut memory = download(job, &loaded.stream, before)?;
        let end = run_launch(job, &self.units, index, launch, &mut memory, &mut step, watch)?;
        let position = Position { launch: index as u32, block: 0 };
        match end {
            LaunchEnd::Fault { fault, units } => {
                let words = Some(explain(launch, &fault));
                Ok(finish(job, memory, position, units, Status::Fault(fault_code(&fault.kind)), words))
            }
            LaunchEnd::OutOfFuel => {
                Ok(finish(job, memory, position, job.plan().fuel, Status::OutOfFuel, None))
            }
            // The device stopped a launch that is fine: it is not to be trusted, the reference is.
            LaunchEnd::Done { .. } => {
                tracing::error!(launch = index, "the device stopped a launch that the reference finishes");
                Reference::new(self.units).run(job, watch)
            }
        }
    }
}

impl Executor for CudaExecutor {
    fn name(&self) -> String {
        format!("cuda: {}", self.device.name)
    }

    fn run(&mut self, job: &Job, watch: &mut dyn FnMut(Step) -> Flow) -> Result<JobResult, ExecError> {
        let mut loaded = self.upload(job)?;
        let result = self.run_launches(job, &mut loaded, watch);
        // Nothing of this job stays for the next one, however it ended.
        let Loaded { stream, mut arena, before } = loaded;
        stream.memset_zeros(&mut arena).map_err(failed("clearing the arena"))?;
        if let Some(mut before) = before {
            stream.memset_zeros(&mut before).map_err(failed("clearing the arena"))?;
        }
        stream.synchronize().map_err(failed("clearing the arena"))?;
        result
    }
}

/// One kernel argument by size.
enum Value {
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
}

/// The kernel's own arguments, cut from its canonical parameter bytes.
fn own_args(job: &Job, launch: &Launch, params: &[u8]) -> Vec<Value> {
    let kernel = job.image().kernel(&launch.kernel);
    let declared = kernel.map_or(&[][..], |(_, k)| k.params());
    let value = |p: &assay_ptx::Param| {
        let bytes = params.get(p.offset as usize..(p.offset + p.bytes) as usize)?;
        let mut word = [0; 8];
        word.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        // Cut to the parameter's size: the plan's check allows no other sizes.
        Some(match p.bytes {
            1 => Value::U8(word as u8),
            2 => Value::U16(word as u16),
            4 => Value::U32(word as u32),
            _ => Value::U64(word),
        })
    };
    declared.iter().filter_map(value).collect()
}

fn download(job: &Job, stream: &Arc<CudaStream>, arena: &CudaSlice<u8>) -> Result<FlatMemory, ExecError> {
    let mut memory = FlatMemory::new(job.plan().arena_bytes);
    stream.memcpy_dtoh(arena, memory.as_bytes_mut()).map_err(failed("reading the arena"))?;
    stream.synchronize().map_err(failed("reading the arena"))?;
    Ok(memory)
}

fn failed(call: &'static str) -> impl FnOnce(DriverError) -> ExecError {
    move |e| device_error(call, &format!("{e:?}"))
}

fn device_error(call: &str, reason: &dyn std::fmt::Display) -> ExecError {
    ExecError::Device { reason: format!("{call}: {reason}") }
}
