//! Wrong handles, addresses and pointers are errors, never more.

use std::ptr::{null, null_mut};

use cuda_cpu as cu;

#[test]
fn wrong_arguments_are_refused() {
    // SAFETY: the functions refuse what they are given here before they use it.
    unsafe {
        assert_eq!(cu::cuInit(0), 0);
        assert_eq!(cu::cuDeviceGetCount(null_mut()), 1);
        let mut device = -1;
        assert_eq!(cu::cuDeviceGet(&mut device, 7), 101);
        assert_eq!(cu::cuDeviceGetName(null_mut(), 5, 0), 1);
        let mut name = [1; 6];
        assert_eq!(cu::cuDeviceGetName(name.as_mut_ptr(), 6, 0), 0);
        assert_eq!(name[5], 0, "the name is cut, and ends");
        assert_eq!(cu::cuDevicePrimaryCtxRelease_v2(0), 201);
        assert_eq!(cu::cuCtxSetCurrent(99), 201);

        assert_eq!(cu::cuMemFree_v2(0), 1);
        assert_eq!(cu::cuMemFree_v2(0x7f00_0000_0000), 1);
        let mut address = 0;
        assert_eq!(cu::cuMemAlloc_v2(&mut address, 0), 1);
        assert_eq!(cu::cuMemAlloc_v2(&mut address, usize::MAX), 2);
        assert_eq!(cu::cuMemAlloc_v2(&mut address, 5000), 0);
        let mut bytes = [7u8; 16];
        assert_eq!(cu::cuMemcpyDtoHAsync_v2(bytes.as_mut_ptr(), address + 8190, 16, 0), 1);
        assert_eq!(cu::cuMemcpyDtoHAsync_v2(bytes.as_mut_ptr(), u64::MAX, 16, 0), 1);
        assert_eq!(cu::cuMemcpyDtoHAsync_v2(null_mut(), address, 16, 0), 1);
        assert_eq!(cu::cuMemcpyHtoDAsync_v2(address, null(), 16, 0), 1);
        assert_eq!(cu::cuMemcpyDtoHAsync_v2(bytes.as_mut_ptr(), address, 16, 0), 0);
        assert_eq!(bytes, [0; 16], "memory begins as zeros");
        assert_eq!(cu::cuMemsetD8Async(address, 9, 8193, 0), 1);
        assert_eq!(cu::cuMemFree_v2(address + 4096), 1);
        assert_eq!(cu::cuMemFree_v2(address), 0);
        assert_eq!(cu::cuMemFree_v2(address), 1, "twice");

        let mut module = 0;
        assert_eq!(cu::cuModuleLoadData(&mut module, null()), 1);
        assert_eq!(cu::cuModuleLoadData(&mut module, c"garbage".as_ptr()), 218);
        let mut function = 0;
        assert_eq!(cu::cuModuleGetFunction(&mut function, 77, c"f".as_ptr()), 400);
        assert_eq!(cu::cuModuleUnload(77), 400);
        assert_eq!(cu::cuLaunchKernel(77, 1, 1, 1, 1, 1, 1, 0, 0, null(), null()), 400);

        let text = c".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n\tret;\n}\n";
        assert_eq!(cu::cuModuleLoadData(&mut module, text.as_ptr()), 0);
        assert_eq!(cu::cuModuleGetFunction(&mut function, module, c"k".as_ptr()), 0);
        assert_eq!(cu::cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, null(), null()), 1);
        let missing = [null()];
        assert_eq!(cu::cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, missing.as_ptr(), null()), 1);
        let word = 0u64;
        let params = [(&raw const word).cast()];
        assert_eq!(cu::cuLaunchKernel(function, 0, 1, 1, 1, 1, 1, 0, 0, params.as_ptr(), null()), 1);
        assert_eq!(cu::cuLaunchKernel(function, 1, 1, 1, 2048, 1, 1, 0, 0, params.as_ptr(), null()), 1);
        assert_eq!(cu::cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, params.as_ptr(), null()), 0);
        assert_eq!(cu::cuCtxSynchronize(), 0);
        assert_eq!(cu::cuModuleUnload(module), 0);
        assert_eq!(cu::cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, params.as_ptr(), null()), 400);

        assert_eq!(cu::cuEventRecord(5, 0), 400);
        assert_eq!(cu::cuEventDestroy_v2(5), 400);
        let mut text = null();
        assert_eq!(cu::cuGetErrorName(12_345, &mut text), 1);
        assert_eq!(cu::cuGetErrorString(719, &mut text), 0);
    }
}
