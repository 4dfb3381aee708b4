//! cudarc, unmodified, over the stand-in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream, DriverError, LaunchConfig, PushKernelArg, sys};
use cudarc::nvrtc::Ptx;

const SAXPY: &str = include_str!("../../ptx/kernels/saxpy.ptx");
const SMALL: &str = include_str!("../../compute/testdata/small.ptx");

/// Loads the library by its path, as an application would, and opens its device.
fn device() -> Arc<CudaContext> {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().join("libcuda_cpu.so");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the library is this package's own.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    assert!(!library.is_null(), "{} does not load", path.display());
    // SAFETY: only looks for libraries by name.
    assert!(unsafe { sys::is_culib_present() }, "found by its SONAME");
    CudaContext::new(0).unwrap()
}

fn shape(blocks: u32, threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

fn launch_boom(context: &Arc<CudaContext>, stream: &Arc<CudaStream>) -> Result<(), DriverError> {
    let module = context.load_module(Ptx::from_src(SMALL))?;
    let boom = module.load_function("boom")?;
    let y = stream.alloc_zeros::<u32>(128)?;
    // SAFETY: the kernel takes one pointer to 128 words.
    unsafe { stream.launch_builder(&boom).arg(&y).launch(shape(2, 64)) }?;
    stream.synchronize()
}

fn code(error: DriverError) -> u32 {
    error.0 as u32
}

#[test]
fn cudarc_works_over_it() {
    let context = device();
    let stream = context.default_stream();
    assert!(context.name().unwrap().contains("no GPU"));
    assert_eq!(context.compute_capability().unwrap(), (8, 0));

    // Copies, zeroed memory, views.
    let data: Vec<u8> = (0..10_000).map(|i| i as u8).collect();
    let on_device = stream.clone_htod(&data).unwrap();
    assert_eq!(stream.clone_dtoh(&on_device).unwrap(), data);
    assert_eq!(stream.clone_dtoh(&on_device.slice(5000..5010)).unwrap(), data[5000..5010]);
    assert_eq!(stream.clone_dtoh(&stream.alloc_zeros::<u64>(600).unwrap()).unwrap(), [0; 600]);

    // A kernel, bit for bit.
    let (n, a) = (3000u32, 2.5f32);
    let x: Vec<f32> = (0..n).map(|i| i as f32 * 0.37).collect();
    let y: Vec<f32> = (0..n).map(|i| (n - i) as f32 * 1.1).collect();
    let module = context.load_module(Ptx::from_src(SAXPY)).unwrap();
    let saxpy = module.load_function("saxpy").unwrap();
    let (dx, mut dy) = (stream.clone_htod(&x).unwrap(), stream.clone_htod(&y).unwrap());
    let start = context.new_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT)).unwrap();
    let end = context.new_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT)).unwrap();
    start.record(&stream).unwrap();
    // SAFETY: the arguments are the kernel's.
    unsafe { stream.launch_builder(&saxpy).arg(&n).arg(&a).arg(&dx).arg(&mut dy).launch(shape(24, 128)) }
        .unwrap();
    end.record(&stream).unwrap();
    stream.synchronize().unwrap();
    assert!(start.elapsed_ms(&end).unwrap() >= 0.0);
    let got = stream.clone_dtoh(&dy).unwrap();
    for i in 0..n as usize {
        let fused = a.mul_add(x[i], y[i]).to_bits();
        let split = (a * x[i] + y[i]).to_bits();
        assert!([fused, split].contains(&got[i].to_bits()), "element {i}");
    }

    // Errors are the driver's.
    let refused = context.load_module(Ptx::from_src("not PTX")).map(drop).unwrap_err();
    assert_eq!(code(refused), 218);
    assert_eq!(code(module.load_function("nothing").map(drop).unwrap_err()), 500);
    assert_eq!(code(CudaContext::new(1).map(drop).unwrap_err()), 101);
    let name = refused.error_name().unwrap();
    assert_eq!(name.to_str().unwrap(), "CUDA_ERROR_INVALID_PTX");

    // A fault is told by the next synchronisation, and by everything after it.
    assert_eq!(code(launch_boom(&context, &stream).unwrap_err()), 719);
    assert_eq!(code(stream.clone_htod(&data).map(drop).unwrap_err()), 719);
}
