// What the kernels use of CUDA, for clang without an SDK.
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ inline __attribute__((always_inline))
#define ASSAY_DIM(name, sreg)                                                                            \
    struct name { __declspec(property(get = gx)) unsigned x; __declspec(property(get = gy)) unsigned y;  \
        static __device__ __forceinline__ unsigned gx() { return __nvvm_read_ptx_sreg_##sreg##_x(); }    \
        static __device__ __forceinline__ unsigned gy() { return __nvvm_read_ptx_sreg_##sreg##_y(); } };
ASSAY_DIM(AssayTid, tid)
ASSAY_DIM(AssayCtaid, ctaid)
ASSAY_DIM(AssayNtid, ntid)
extern const __device__ AssayTid threadIdx;
extern const __device__ AssayCtaid blockIdx;
extern const __device__ AssayNtid blockDim;
#define __fmaf_rn(a, b, c) __nvvm_fma_rn_f(a, b, c)
#define __fadd_rn(a, b) __nvvm_add_rn_f(a, b)
#define __shfl_down_sync(mask, v, d) __nvvm_shfl_sync_down_f32(mask, v, d, 31)
#define atomicAdd(p, v) __nvvm_atom_add_gen_i(p, v)
static __device__ __forceinline__ int __dp4a(int a, int b, int c) {
    int d;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
