//! The driver's state: memory, modules, functions, events, and the error that sticks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Instant;

use assay_ptx::{BlockOutcome, Launch, LaunchDims, Program, Shadow, UnitTable};
use parking_lot::Mutex;

use crate::codes;
use crate::memory::DeviceMemory;
use crate::module::Module;

/// The one context there is, as a handle.
pub(crate) const CONTEXT: usize = 1;

thread_local! {
    /// The calling thread's current context.
    pub(crate) static CURRENT: Cell<usize> = const { Cell::new(0) };
}

static DRIVER: Mutex<Driver> = Mutex::new(Driver::new());

/// A status of the driver API that is not success.
pub(crate) type Refused = u32;

#[derive(Debug)]
struct Function {
    module: usize,
    kernel: String,
}

/// Everything the device knows.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) memory: DeviceMemory,
    /// Times the primary context is retained.
    retained: usize,
    /// A kernel's fault: told by every call until the context is gone.
    broken: Option<Refused>,
    modules: BTreeMap<usize, Module>,
    functions: BTreeMap<usize, Function>,
    events: BTreeMap<usize, Instant>,
    next: usize,
}

/// Runs `f` on the driver's state; no panic gets out.
pub(crate) fn with(f: impl FnOnce(&mut Driver) -> Result<(), Refused>) -> Refused {
    let run = std::panic::AssertUnwindSafe(|| f(&mut DRIVER.lock()));
    match std::panic::catch_unwind(run) {
        Ok(Ok(())) => codes::SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => codes::UNKNOWN,
    }
}

/// As [`with`], for what a broken context refuses.
pub(crate) fn working(f: impl FnOnce(&mut Driver) -> Result<(), Refused>) -> Refused {
    with(|driver| match driver.broken {
        Some(code) => Err(code),
        None => f(driver),
    })
}

impl Driver {
    const fn new() -> Self {
        Self {
            memory: DeviceMemory::new(),
            retained: 0,
            broken: None,
            modules: BTreeMap::new(),
            functions: BTreeMap::new(),
            events: BTreeMap::new(),
            next: 1,
        }
    }

    fn handle(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    pub(crate) fn retain(&mut self) {
        self.retained += 1;
    }

    /// The last release ends the context and everything in it.
    pub(crate) fn release(&mut self) -> Result<(), Refused> {
        match self.retained {
            0 => return Err(codes::INVALID_CONTEXT),
            1 => {
                let next = self.next;
                // Handles are never used again, so an old one stays invalid.
                *self = Self { next, ..Self::new() };
            }
            _ => self.retained -= 1,
        }
        Ok(())
    }

    pub(crate) fn load(&mut self, text: &str) -> Result<usize, Refused> {
        let module = Module::load(text).map_err(|_| codes::INVALID_PTX)?;
        let handle = self.handle();
        self.modules.insert(handle, module);
        Ok(handle)
    }

    pub(crate) fn unload(&mut self, module: usize) -> Result<(), Refused> {
        self.functions.retain(|_, f| f.module != module);
        self.modules.remove(&module).map(drop).ok_or(codes::INVALID_HANDLE)
    }

    pub(crate) fn function(&mut self, module: usize, kernel: &str) -> Result<usize, Refused> {
        let found = self.modules.get(&module).ok_or(codes::INVALID_HANDLE)?;
        if found.params(kernel).is_none() {
            return Err(codes::NOT_FOUND);
        }
        let handle = self.handle();
        self.functions.insert(handle, Function { module, kernel: kernel.to_owned() });
        Ok(handle)
    }

    /// Offset and size of each parameter of a function.
    pub(crate) fn params(&self, function: usize) -> Result<Vec<(usize, usize)>, Refused> {
        let function = self.functions.get(&function).ok_or(codes::INVALID_HANDLE)?;
        let module = self.modules.get(&function.module).ok_or(codes::INVALID_HANDLE)?;
        module.params(&function.kernel).ok_or(codes::INVALID_HANDLE)
    }

    /// Runs a launch to its end. A bad shape is refused; a fault breaks the context, as on a GPU.
    pub(crate) fn launch(&mut self, function: usize, dims: LaunchDims, params: &[u8]) -> Result<(), Refused> {
        let function = self.functions.get(&function).ok_or(codes::INVALID_HANDLE)?;
        let module = self.modules.get(&function.module).ok_or(codes::INVALID_HANDLE)?;
        let refused = |_| codes::INVALID_VALUE;
        let program = Program::new(module.image(), &function.kernel, &UnitTable::V1).map_err(refused)?;
        let mut launch = Launch::new(&program, dims, params).map_err(refused)?;
        // Races are the reference's to find: a GPU has no shadow either.
        let mut shadow = Shadow::off();
        for block in 0..dims.blocks() {
            let ended = launch.run_block(block, &mut self.memory, &mut shadow, u64::MAX);
            if !matches!(ended, Ok(BlockOutcome::Done { .. })) {
                self.broken = Some(codes::LAUNCH_FAILED);
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn create_event(&mut self) -> usize {
        let handle = self.handle();
        self.events.insert(handle, Instant::now());
        handle
    }

    pub(crate) fn record(&mut self, event: usize) -> Result<(), Refused> {
        let at = self.events.get_mut(&event).ok_or(codes::INVALID_HANDLE)?;
        *at = Instant::now();
        Ok(())
    }

    pub(crate) fn recorded(&self, event: usize) -> Result<Instant, Refused> {
        self.events.get(&event).copied().ok_or(codes::INVALID_HANDLE)
    }

    pub(crate) fn destroy_event(&mut self, event: usize) -> Result<(), Refused> {
        self.events.remove(&event).map(drop).ok_or(codes::INVALID_HANDLE)
    }
}
