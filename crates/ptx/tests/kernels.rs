//! The committed kernels, as NVRTC and clang compile them, against plain Rust.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use assay_ptx::{FlatMemory, Image, LaunchDims, print};
use support::{params, run_device, run_reference};

const NVRTC: [(&str, &str); 5] = [
    ("saxpy", include_str!("../kernels/saxpy.ptx")),
    ("sgemm_tiled", include_str!("../kernels/sgemm_tiled.ptx")),
    ("warp_reduce", include_str!("../kernels/warp_reduce.ptx")),
    ("dp4a_matmul", include_str!("../kernels/dp4a_matmul.ptx")),
    ("hash", include_str!("../kernels/hash.ptx")),
];
const CLANG: [(&str, &str); 5] = [
    ("saxpy", include_str!("../kernels/clang/saxpy.ptx")),
    ("sgemm_tiled", include_str!("../kernels/clang/sgemm_tiled.ptx")),
    ("warp_reduce", include_str!("../kernels/clang/warp_reduce.ptx")),
    ("dp4a_matmul", include_str!("../kernels/clang/dp4a_matmul.ptx")),
    ("hash", include_str!("../kernels/clang/hash.ptx")),
];

#[test]
fn compiled_kernels_survive_print_and_encode() {
    for (name, text) in NVRTC.into_iter().chain(CLANG) {
        let image = Image::from_ptx(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let printed = print(&image);
        let again = Image::from_ptx(&printed).unwrap_or_else(|e| panic!("{name}: {e}\n{printed}"));
        assert_eq!(again, image, "{name}\n{printed}");
        assert_eq!(Image::decode(&image.encode()).as_ref(), Ok(&image), "{name}");
        assert_eq!(image.kernels()[0].name(), name);
    }
}

/// Runs both compilations, on the reference and as device text. They need not cost the same, but must give the same
/// memory.
fn both(name: &str, dims: LaunchDims, params: &[u8], before: &FlatMemory) -> FlatMemory {
    let mut results = Vec::new();
    for (_, text) in NVRTC.into_iter().chain(CLANG).filter(|(n, _)| *n == name) {
        let mut memory = before.clone();
        let image = Image::from_ptx(text).unwrap();
        let units = run_reference(&image, name, dims, params, &mut memory, u64::MAX).unwrap();
        let (status, on_device, arena) = run_device(&image, name, dims, params, before, u64::MAX);
        assert_eq!((status, &on_device), (0, &units), "{name}");
        assert!(arena == memory.as_bytes(), "{name}: the device text computes something else");
        results.push(memory);
    }
    assert_eq!(results[0], results[1], "{name}: NVRTC and clang differ");
    results.swap_remove(0)
}

fn noise(n: usize, seed: u32) -> Vec<u32> {
    let mut x = seed | 1;
    let step = |_| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x
    };
    (0..n).map(step).collect()
}

fn floats(n: usize, seed: u32) -> Vec<f32> {
    noise(n, seed).into_iter().map(|x| (x as i32 >> 8) as f32 / 65536.0).collect()
}

fn put(memory: &mut FlatMemory, at: usize, words: impl IntoIterator<Item = u32>) {
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    memory.as_bytes_mut()[at..at + bytes.len()].copy_from_slice(&bytes);
}

fn take(memory: &FlatMemory, at: usize, n: usize) -> Vec<u32> {
    memory.as_bytes()[at..at + 4 * n].chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
}

#[test]
fn saxpy_equals_rust() {
    let n = 5000usize;
    let (x, y, a) = (floats(n, 1), floats(n, 2), 1.7f32);
    let mut m = FlatMemory::new(64 << 10);
    put(&mut m, 0, x.iter().map(|v| v.to_bits()));
    put(&mut m, 20480, y.iter().map(|v| v.to_bits()));
    let out = both(
        "saxpy",
        LaunchDims::new([20, 1, 1], [256, 1, 1]),
        &params(&[n as u32, a.to_bits()], &[0, 20480]),
        &m,
    );
    let want: Vec<u32> = x.iter().zip(&y).map(|(x, y)| (a * x + y).to_bits()).collect();
    assert_eq!(take(&out, 20480, n), want);
}

#[test]
fn sgemm_equals_rust_on_partial_tiles() {
    let (m, n, k) = (50usize, 35, 41);
    let (a, b) = (floats(m * k, 3), floats(k * n, 4));
    let mut mem = FlatMemory::new(40_000);
    put(&mut mem, 0, a.iter().map(|v| v.to_bits()));
    put(&mut mem, 12_288, b.iter().map(|v| v.to_bits()));
    let dims = LaunchDims::new([3, 4, 1], [16, 16, 1]);
    let args = params(&[m as u32, n as u32, k as u32], &[0, 12_288, 24_576]);
    let out = both("sgemm_tiled", dims, &args, &mem);
    let mut want = Vec::new();
    for row in 0..m {
        for col in 0..n {
            // The tiles are padded with zeros, so the chain goes on to a multiple of the tile.
            let term = |i: usize| if i < k { (a[row * k + i], b[i * n + col]) } else { (0.0, 0.0) };
            let chain = (0..k.next_multiple_of(16)).map(term).fold(0.0f32, |acc, (x, y)| x.mul_add(y, acc));
            want.push(chain.to_bits());
        }
    }
    assert_eq!(take(&out, 24_576, m * n), want);
}

fn tree(mut lanes: Vec<f32>) -> f32 {
    for offset in [16, 8, 4, 2, 1] {
        let old = lanes.clone();
        for l in 0..32 {
            lanes[l] = old[l] + if l + offset < 32 { old[l + offset] } else { old[l] };
        }
    }
    lanes[0]
}

#[test]
fn warp_reduce_equals_rust() {
    let (n, block) = (1000usize, 128usize);
    let x = floats(n, 5);
    let mut m = FlatMemory::new(8192);
    put(&mut m, 0, x.iter().map(|v| v.to_bits()));
    let dims = LaunchDims::new([8, 1, 1], [block as u32, 1, 1]);
    let out = both("warp_reduce", dims, &params(&[n as u32], &[0, 4096]), &m);
    let padded: Vec<f32> = (0..8 * block).map(|i| x.get(i).copied().unwrap_or(0.0)).collect();
    let sum = |chunk: &[f32]| {
        let mut partial: Vec<f32> = chunk.chunks(32).map(|w| tree(w.to_vec())).collect();
        partial.resize(32, 0.0);
        tree(partial).to_bits()
    };
    assert_eq!(take(&out, 4096, 8), padded.chunks(block).map(sum).collect::<Vec<_>>());
}

#[test]
fn dp4a_matmul_equals_rust() {
    let (m, n, k4) = (33usize, 20, 11);
    let (a, b) = (noise(m * k4, 6), noise(n * k4, 7));
    let mut mem = FlatMemory::new(16_384);
    put(&mut mem, 0, a.iter().copied());
    put(&mut mem, 4096, b.iter().copied());
    let dims = LaunchDims::new([3, 5, 1], [8, 8, 1]);
    let args = params(&[m as u32, n as u32, k4 as u32], &[0, 4096, 8192, 12_288]);
    let out = both("dp4a_matmul", dims, &args, &mem);
    let dot = |x: u32, y: u32| -> i32 {
        x.to_le_bytes()
            .iter()
            .zip(y.to_le_bytes())
            .map(|(p, q)| i32::from(*p as i8) * i32::from(q as i8))
            .sum()
    };
    let mut want = Vec::new();
    for row in 0..m {
        for col in 0..n {
            want.push(
                (0..k4).map(|i| dot(a[row * k4 + i], b[col * k4 + i])).fold(0i32, i32::wrapping_add) as u32
            );
        }
    }
    assert_eq!(take(&out, 8192, m * n), want);
    assert_eq!(take(&out, 12_288, 1)[0], want.iter().copied().fold(0u32, u32::wrapping_add));
}

#[test]
fn hash_equals_known_digests() {
    // sha256 of 64 zero bytes, and of 64 times "a".
    let mut m = FlatMemory::new(8192);
    put(&mut m, 64, [0x6161_6161; 16]);
    let out = both("hash", LaunchDims::new([1, 1, 1], [32, 1, 1]), &params(&[2], &[0, 4096]), &m);
    let digest =
        |i: usize| take(&out, 4096 + 32 * i, 8).iter().map(|w| format!("{w:08x}")).collect::<String>();
    assert_eq!(digest(0), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
    assert_eq!(digest(1), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}
