//! Finding `libcuda`: a real driver first, the stand-in where there is none.

use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cudarc::driver::{CudaContext, DriverError, sys};

use crate::device::DeviceKind;

/// Names the stand-in by an absolute path; then nothing else is tried.
const OVERRIDE: &str = "ASSAY_LIBCUDA";
/// File name of the stand-in, next to the program.
const STAND_IN: &str = "libcuda_cpu.so";
/// A symbol that only the stand-in has.
const STAND_IN_MARK: &CStr = c"assay_libcuda_cpu";

/// Why CUDA cannot be used, or a device failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// Neither a driver nor the stand-in.
    #[error(
        "there is no CUDA driver with a device, and no stand-in ({STAND_IN}) at {}; set {OVERRIDE} to its absolute path",
        .tried.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" or ")
    )]
    NoLibrary {
        /// Where the stand-in was looked for.
        tried: Vec<PathBuf>,
    },
    /// A library that does not load.
    #[error("{path} does not load: {reason}")]
    NotLoadable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The driver said no.
    #[error("the CUDA driver failed in {call}: {reason}")]
    Driver {
        /// What was asked.
        call: &'static str,
        /// What it said.
        reason: String,
    },
}

impl CudaError {
    pub(crate) fn driver(call: &'static str) -> impl FnOnce(DriverError) -> Self {
        // The error's own display asks the library for names: safe, one is loaded.
        move |e| Self::Driver { call, reason: format!("{e:?}") }
    }
}

/// Makes sure that cudarc finds a library, and says which; the answer is the same for the whole process.
pub(crate) fn load() -> Result<DeviceKind, CudaError> {
    static LOADED: OnceLock<Result<DeviceKind, CudaError>> = OnceLock::new();
    LOADED.get_or_init(find).clone()
}

fn find() -> Result<DeviceKind, CudaError> {
    if let Some(path) = std::env::var_os(OVERRIDE) {
        return open(Path::new(&path));
    }
    if driver_has_device() {
        return Ok(DeviceKind::Gpu);
    }
    let tried = places();
    match tried.iter().find(|path| path.exists()) {
        Some(path) => open(path),
        None => Err(CudaError::NoLibrary { tried }),
    }
}

/// Whether a real driver is installed and sees a device.
///
/// Asked by our own `dlopen`, which is closed again: cudarc keeps the first library it finds, so a driver
/// without a device must not be that one.
fn driver_has_device() -> bool {
    type Init = unsafe extern "C" fn(u32) -> u32;
    type Count = unsafe extern "C" fn(*mut i32) -> u32;
    [c"libcuda.so.1", c"libcuda.so"].into_iter().any(|name| {
        // SAFETY: loading the system's CUDA driver runs its initialisers, as cudarc would.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if library.is_null() {
            return false;
        }
        let (init, count) = (symbol(library, c"cuInit"), symbol(library, c"cuDeviceGetCount"));
        if init.is_null() || count.is_null() {
            return false;
        }
        // SAFETY: these are the driver's functions with the types its header gives them.
        let (init, count) = unsafe {
            (std::mem::transmute::<*mut c_void, Init>(init), std::mem::transmute::<*mut c_void, Count>(count))
        };
        let mut devices = 0;
        // SAFETY: `devices` is a valid place for the count; the driver is initialised first.
        let found = unsafe { init(0) == 0 && count(&mut devices) == 0 } && devices > 0;
        if !found {
            // SAFETY: the handle came from dlopen and none of its symbols is used any more.
            unsafe { libc::dlclose(library) };
        }
        found
    })
}

/// Where the stand-in may be: beside the program, or where cargo puts it.
fn places() -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let dir = program.parent().unwrap_or(Path::new("."));
    let mut places = vec![dir.join(STAND_IN), dir.join("deps").join(STAND_IN)];
    if let Some(up) = dir.parent() {
        places.extend([up.join("lib").join(STAND_IN), up.join("deps").join(STAND_IN)]);
    }
    places
}

/// Loads a library by its path, for good: its SONAME is `libcuda.so`, so cudarc's own search finds it loaded.
fn open(path: &Path) -> Result<DeviceKind, CudaError> {
    let fail = |reason: String| CudaError::NotLoadable { path: path.to_owned(), reason };
    if !path.is_absolute() {
        return Err(fail("the path is not absolute".into()));
    }
    let name = CString::new(OsStr::as_bytes(path.as_os_str())).map_err(|e| fail(e.to_string()))?;
    // SAFETY: the operator names the library; loading it runs its initialisers.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if library.is_null() {
        // SAFETY: dlerror returns null or a string that is valid until the next dl call.
        let reason = unsafe {
            let text = libc::dlerror();
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        return Err(fail(reason));
    }
    // SAFETY: only tries to load libraries by name.
    if !unsafe { sys::is_culib_present() } {
        return Err(fail("its SONAME is not libcuda.so, so it is not found under that name".into()));
    }
    let stand_in = !symbol(library, STAND_IN_MARK).is_null();
    Ok(if stand_in { DeviceKind::StandIn } else { DeviceKind::Gpu })
}

fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: `library` came from dlopen and is open; `name` is a C string.
    unsafe { libc::dlsym(library, name.as_ptr()) }
}

/// The first device of the loaded library.
pub(crate) fn context() -> Result<std::sync::Arc<CudaContext>, CudaError> {
    let context = CudaContext::new(0).map_err(CudaError::driver("opening device 0"))?;
    // One stream, used in order: events between launches would only cost time.
    // SAFETY: no slice is shared between streams.
    unsafe { context.disable_event_tracking() };
    Ok(context)
}
