// What the kernels use of CUDA, for clang without an SDK.
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ inline __attribute__((always_inline))
struct AssayTid { __declspec(property(get = gx)) unsigned x; __declspec(property(get = gy)) unsigned y;
    static __device__ __forceinline__ unsigned gx() { return __nvvm_read_ptx_sreg_tid_x(); }
    static __device__ __forceinline__ unsigned gy() { return __nvvm_read_ptx_sreg_tid_y(); } };
struct AssayCtaid { __declspec(property(get = gx)) unsigned x; __declspec(property(get = gy)) unsigned y;
    static __device__ __forceinline__ unsigned gx() { return __nvvm_read_ptx_sreg_ctaid_x(); }
    static __device__ __forceinline__ unsigned gy() { return __nvvm_read_ptx_sreg_ctaid_y(); } };
struct AssayNtid { __declspec(property(get = gx)) unsigned x; __declspec(property(get = gy)) unsigned y;
    static __device__ __forceinline__ unsigned gx() { return __nvvm_read_ptx_sreg_ntid_x(); }
    static __device__ __forceinline__ unsigned gy() { return __nvvm_read_ptx_sreg_ntid_y(); } };
static const __device__ AssayTid threadIdx = {};
static const __device__ AssayCtaid blockIdx = {};
static const __device__ AssayNtid blockDim = {};
static __device__ __forceinline__ void __syncthreads() { __nvvm_bar0(); }
static __device__ __forceinline__ float __fmaf_rn(float a, float b, float c) { return __nvvm_fma_rn_f(a, b, c); }
static __device__ __forceinline__ float __fadd_rn(float a, float b) { return __nvvm_add_rn_f(a, b); }
static __device__ __forceinline__ float __shfl_down_sync(unsigned mask, float v, int d) { return __nvvm_shfl_sync_down_f32(mask, v, d, 31); }
static __device__ __forceinline__ int __dp4a(int a, int b, int c) { int d; asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c)); return d; }
static __device__ __forceinline__ int atomicAdd(int* p, int v) { return __nvvm_atom_add_gen_i((int*)p, v); }
