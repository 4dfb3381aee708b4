// C = A * B^T for int8 matrices packed four to a word along k: exact, so any order would do.
// a: m x k4 words, b: n x k4 words, c: m x n int32; total[0] += sum of all products (wrapping).
extern "C" __global__ void dp4a_matmul(int m, int n, int k4, const int* __restrict__ a,
                                       const int* __restrict__ b, int* __restrict__ c, int* total) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || col >= n) return;
    int acc = 0;
    for (int i = 0; i < k4; ++i) acc = __dp4a(a[row * k4 + i], b[col * k4 + i], acc);
    c[row * n + col] = acc;
    atomicAdd(total, acc);
}
