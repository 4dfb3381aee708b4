// out[block] = sum of the block's slice of x: a butterfly inside each warp, then one warp over the
// partial sums in shared memory. The tree is fixed, so the float sum is too.
// Blocks of a multiple of 32 threads, at most 1024.
extern "C" __global__ void warp_reduce(unsigned n, const float* __restrict__ x, float* __restrict__ out) {
    __shared__ float partial[32];
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    float v = i < n ? x[i] : 0.0f;
#pragma unroll
    for (int o = 16; o > 0; o >>= 1) v = __fadd_rn(v, __shfl_down_sync(0xffffffffu, v, o));
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    if (warp == 0) {
        v = lane < warps ? partial[lane] : 0.0f;
#pragma unroll
        for (int o = 16; o > 0; o >>= 1) v = __fadd_rn(v, __shfl_down_sync(0xffffffffu, v, o));
        if (lane == 0) out[blockIdx.x] = v;
    }
}
