// C = A * B (row major, M x K times K x N) through 16 x 16 tiles in shared memory.
// Each element is one chain of fused multiply-adds in rising k: the order is part of the result.
#define TILE 16

extern "C" __global__ void sgemm_tiled(int m, int n, int k, const float* __restrict__ a,
                                       const float* __restrict__ b, float* __restrict__ c) {
    __shared__ float as[TILE][TILE];
    __shared__ float bs[TILE][TILE];
    int row = blockIdx.y * TILE + threadIdx.y;
    int col = blockIdx.x * TILE + threadIdx.x;
    float acc = 0.0f;
    for (int t = 0; t < k; t += TILE) {
        int ka = t + threadIdx.x;
        int kb = t + threadIdx.y;
        as[threadIdx.y][threadIdx.x] = (row < m && ka < k) ? a[row * k + ka] : 0.0f;
        bs[threadIdx.y][threadIdx.x] = (col < n && kb < k) ? b[kb * n + col] : 0.0f;
        __syncthreads();
#pragma unroll
        for (int i = 0; i < TILE; ++i) acc = __fmaf_rn(as[threadIdx.y][i], bs[i][threadIdx.x], acc);
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = acc;
}
