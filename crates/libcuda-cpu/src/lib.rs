#![doc = include_str!("../README.md")]
#![allow(non_snake_case, reason = "the C names of the CUDA driver API")]
#![allow(
    missing_docs,
    reason = "documented by the CUDA driver API reference; cuda.h 12.8 gives the signatures"
)]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "one contract for all of them, that of the API: a pointer is null, and refused, or valid for the call"
)]
#![allow(clippy::missing_safety_doc, reason = "as documented by the CUDA driver API reference")]

mod codes;
mod driver;
mod memory;
mod module;

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use assay_ptx::LaunchDims;

use driver::{CONTEXT, CURRENT, Driver, Refused, with, working};

/// Marks the stand-in: no driver has this symbol.
#[unsafe(no_mangle)]
pub static assay_libcuda_cpu: u32 = 1;

/// Name of the device.
const NAME: &[u8] = b"Assay stand-in (PTX interpreter on the CPU, no GPU)\0";
/// Version of the API spoken: 12.8.
const VERSION: c_int = 12_080;

/// Attributes of the device that callers ask for; every other is 0.
fn attribute(which: c_uint) -> c_int {
    match which {
        1 => 1024,          // threads of a block
        2 | 3 => 1024,      // block x, y
        4 => 64,            // block z
        5 => 2_147_483_647, // grid x
        6 | 7 => 65_535,    // grid y, z
        8 => 49_152,        // shared memory of a block
        10 => 32,           // warp
        16 => 1,            // multiprocessors
        75 => 8,            // compute capability, major
        76 => 0,            // and minor
        _ => 0,             // memory pools (115) among them
    }
}

/// Writes through a caller's pointer; a null pointer is refused.
///
/// # Safety
/// `to` is null or valid for a write.
unsafe fn put<T>(to: *mut T, value: T) -> Result<(), Refused> {
    if to.is_null() {
        return Err(codes::INVALID_VALUE);
    }
    // SAFETY: not null, so valid for a write by this function's contract.
    unsafe { to.write(value) };
    Ok(())
}

/// Reads a caller's string; a null pointer or one that is not UTF-8 is refused.
///
/// # Safety
/// `text` is null or a C string.
unsafe fn string<'a>(text: *const c_char) -> Result<&'a str, Refused> {
    if text.is_null() {
        return Err(codes::INVALID_VALUE);
    }
    // SAFETY: not null, so a C string by this function's contract.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| codes::INVALID_VALUE)
}

fn device_is(device: c_int) -> Result<(), Refused> {
    if device == 0 { Ok(()) } else { Err(codes::INVALID_DEVICE) }
}

/// Exports functions of the driver API: each gets the driver's state and answers with a status.
macro_rules! export {
    ($($guard:ident fn $name:ident($($arg:ident: $ty:ty),* $(,)?) |$driver:ident| $body:block)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $ty),*) -> c_uint {
            $guard(|$driver: &mut Driver| $body)
        }
    )*};
}

export! {
    with fn cuInit(_flags: c_uint) |_d| { Ok(()) }
    with fn cuDriverGetVersion(version: *mut c_int) |_d| { unsafe { put(version, VERSION) } }
    with fn cuDeviceGetCount(count: *mut c_int) |_d| { unsafe { put(count, 1) } }
    with fn cuDeviceGet(device: *mut c_int, ordinal: c_int) |_d| {
        device_is(ordinal)?;
        unsafe { put(device, 0) }
    }
    with fn cuDeviceGetName(name: *mut c_char, len: c_int, device: c_int) |_d| {
        device_is(device)?;
        let len = usize::try_from(len).map_err(|_| codes::INVALID_VALUE)?;
        if name.is_null() || len == 0 {
            return Err(codes::INVALID_VALUE);
        }
        let shown = len.min(NAME.len());
        unsafe {
            std::ptr::copy_nonoverlapping(NAME.as_ptr().cast(), name, shown);
            name.add(shown - 1).write(0);
        }
        Ok(())
    }
    with fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) |_d| {
        device_is(device)?;
        unsafe { put(bytes, memory::TOTAL_BYTES as usize) }
    }
    with fn cuDeviceGetAttribute(value: *mut c_int, which: c_uint, device: c_int) |_d| {
        device_is(device)?;
        unsafe { put(value, attribute(which)) }
    }
    with fn cuDevicePrimaryCtxRetain(context: *mut usize, device: c_int) |d| {
        device_is(device)?;
        unsafe { put(context, CONTEXT)? };
        d.retain();
        Ok(())
    }
    with fn cuDevicePrimaryCtxRelease_v2(device: c_int) |d| {
        device_is(device)?;
        d.release()
    }
    with fn cuCtxGetCurrent(context: *mut usize) |_d| { unsafe { put(context, CURRENT.get()) } }
    with fn cuCtxSetCurrent(context: usize) |_d| {
        if context > CONTEXT {
            return Err(codes::INVALID_CONTEXT);
        }
        CURRENT.set(context);
        Ok(())
    }
    working fn cuCtxSynchronize() |_d| { Ok(()) }
    working fn cuStreamSynchronize(_stream: usize) |_d| { Ok(()) }
    working fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) |d| {
        let left = memory::TOTAL_BYTES.saturating_sub(d.memory.used());
        unsafe {
            put(free, left as usize)?;
            put(total, memory::TOTAL_BYTES as usize)
        }
    }
    working fn cuMemAlloc_v2(address: *mut u64, bytes: usize) |d| {
        if bytes == 0 {
            return Err(codes::INVALID_VALUE);
        }
        let found = d.memory.allocate(bytes as u64).ok_or(codes::OUT_OF_MEMORY)?;
        unsafe { put(address, found) }
    }
    // Works in a broken context, too: what is dropped must not leak.
    with fn cuMemFree_v2(address: u64) |d| {
        if d.memory.free(address) { Ok(()) } else { Err(codes::INVALID_VALUE) }
    }
    working fn cuMemsetD8Async(address: u64, value: u8, len: usize, _stream: usize) |d| {
        let range = d.memory.range(address, len as u64).ok_or(codes::INVALID_VALUE)?;
        range.fill(value);
        Ok(())
    }
    working fn cuMemcpyHtoDAsync_v2(to: u64, from: *const u8, len: usize, _stream: usize) |d| {
        let range = d.memory.range(to, len as u64).ok_or(codes::INVALID_VALUE)?;
        if from.is_null() {
            return Err(codes::INVALID_VALUE);
        }
        unsafe { std::ptr::copy_nonoverlapping(from, range.as_mut_ptr(), len) };
        Ok(())
    }
    working fn cuMemcpyDtoHAsync_v2(to: *mut u8, from: u64, len: usize, _stream: usize) |d| {
        let range = d.memory.range(from, len as u64).ok_or(codes::INVALID_VALUE)?;
        if to.is_null() {
            return Err(codes::INVALID_VALUE);
        }
        unsafe { std::ptr::copy_nonoverlapping(range.as_ptr(), to, len) };
        Ok(())
    }
    working fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, len: usize, _stream: usize) |d| {
        let bytes = d.memory.range(from, len as u64).ok_or(codes::INVALID_VALUE)?.to_vec();
        let range = d.memory.range(to, len as u64).ok_or(codes::INVALID_VALUE)?;
        range.copy_from_slice(&bytes);
        Ok(())
    }
    working fn cuModuleLoadData(module: *mut usize, image: *const c_char) |d| {
        let text = unsafe { string(image)? };
        let handle = d.load(text)?;
        unsafe { put(module, handle) }
    }
    with fn cuModuleUnload(module: usize) |d| { d.unload(module) }
    working fn cuModuleGetFunction(function: *mut usize, module: usize, name: *const c_char) |d| {
        let name = unsafe { string(name)? };
        let handle = d.function(module, name)?;
        unsafe { put(function, handle) }
    }
    working fn cuLaunchKernel(
        function: usize,
        grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
        block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared_bytes: c_uint,
        _stream: usize,
        params: *const *const c_void,
        extra: *const *const c_void,
    ) |d| {
        let layout = d.params(function)?;
        if !extra.is_null() || (params.is_null() && !layout.is_empty()) {
            return Err(codes::INVALID_VALUE);
        }
        let mut bytes = vec![0; layout.last().map_or(0, |(offset, len)| offset + len)];
        for (index, (offset, len)) in layout.into_iter().enumerate() {
            // The API takes one pointer for each parameter of the kernel.
            let from = unsafe { params.add(index).read() };
            if from.is_null() {
                return Err(codes::INVALID_VALUE);
            }
            unsafe { std::ptr::copy_nonoverlapping(from.cast(), bytes[offset..].as_mut_ptr(), len) };
        }
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        d.launch(function, LaunchDims { grid, block, dynamic_shared: shared_bytes }, &bytes)
    }
    working fn cuEventCreate(event: *mut usize, _flags: c_uint) |d| {
        let handle = d.create_event();
        unsafe { put(event, handle) }
    }
    working fn cuEventRecord(event: usize, _stream: usize) |d| { d.record(event) }
    working fn cuEventSynchronize(event: usize) |d| { d.recorded(event).map(drop) }
    working fn cuEventElapsedTime(millis: *mut f32, from: usize, to: usize) |d| {
        let (from, to) = (d.recorded(from)?, d.recorded(to)?);
        unsafe { put(millis, to.saturating_duration_since(from).as_secs_f32() * 1e3) }
    }
    with fn cuEventDestroy_v2(event: usize) |d| { d.destroy_event(event) }
    working fn cuStreamWaitEvent(_stream: usize, event: usize, _flags: c_uint) |d| {
        d.recorded(event).map(drop)
    }
    with fn cuGetErrorName(code: c_uint, name: *mut *const c_char) |_d| {
        let (found, _) = codes::describe(code).ok_or(codes::INVALID_VALUE)?;
        unsafe { put(name, found.as_ptr()) }
    }
    with fn cuGetErrorString(code: c_uint, text: *mut *const c_char) |_d| {
        let (_, found) = codes::describe(code).ok_or(codes::INVALID_VALUE)?;
        unsafe { put(text, found.as_ptr()) }
    }
}
