//! Error codes of the CUDA driver API, as `cuda.h` numbers them.

use std::ffi::CStr;

pub(crate) const SUCCESS: u32 = 0;
pub(crate) const INVALID_VALUE: u32 = 1;
pub(crate) const OUT_OF_MEMORY: u32 = 2;
pub(crate) const NOT_INITIALIZED: u32 = 3;
pub(crate) const INVALID_DEVICE: u32 = 101;
pub(crate) const INVALID_CONTEXT: u32 = 201;
pub(crate) const INVALID_PTX: u32 = 218;
pub(crate) const INVALID_HANDLE: u32 = 400;
pub(crate) const NOT_FOUND: u32 = 500;
pub(crate) const LAUNCH_FAILED: u32 = 719;
pub(crate) const UNKNOWN: u32 = 999;

/// Name and description of a code.
pub(crate) fn describe(code: u32) -> Option<(&'static CStr, &'static CStr)> {
    Some(match code {
        SUCCESS => (c"CUDA_SUCCESS", c"no error"),
        INVALID_VALUE => (c"CUDA_ERROR_INVALID_VALUE", c"invalid argument"),
        OUT_OF_MEMORY => (c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory"),
        NOT_INITIALIZED => (c"CUDA_ERROR_NOT_INITIALIZED", c"cuInit was not called"),
        INVALID_DEVICE => (c"CUDA_ERROR_INVALID_DEVICE", c"there is only device 0"),
        INVALID_CONTEXT => (c"CUDA_ERROR_INVALID_CONTEXT", c"no context is current"),
        INVALID_PTX => (c"CUDA_ERROR_INVALID_PTX", c"the PTX is outside of the verifiable profile"),
        INVALID_HANDLE => (c"CUDA_ERROR_INVALID_HANDLE", c"no such handle"),
        NOT_FOUND => (c"CUDA_ERROR_NOT_FOUND", c"the module has no such function"),
        LAUNCH_FAILED => (c"CUDA_ERROR_LAUNCH_FAILED", c"a kernel broke a rule of the profile"),
        UNKNOWN => (c"CUDA_ERROR_UNKNOWN", c"the stand-in failed"),
        _ => return None,
    })
}
