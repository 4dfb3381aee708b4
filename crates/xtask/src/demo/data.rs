//! The demo job's input files, and what its outputs must be.

use std::{fs, path::Path};

use eyre::{Result, WrapErr, bail};

/// Rows and columns of each matrix.
const SIDE: usize = 512;
/// Elements of each vector.
const LENGTH: usize = 4 << 20;
/// Every n-th element of the matrix product is recomputed here; a whole product takes a minute unoptimised.
const SAMPLE: usize = 257;

/// Inputs, from which any output element can be recomputed.
pub(super) struct Expected {
    a: Vec<f32>,
    b: Vec<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
}

/// Copies the job from `source` to `target` and writes its input files there.
pub(super) fn write(source: &Path, target: &Path) -> Result<Expected> {
    fs::create_dir_all(target)?;
    for name in ["job.toml", "kernels.ptx"] {
        fs::copy(source.join(name), target.join(name)).wrap_err_with(|| format!("could not copy {name}"))?;
    }
    let mut random = Random(0x5eed);
    let expected = Expected {
        a: random.floats(SIDE * SIDE),
        b: random.floats(SIDE * SIDE),
        x: random.floats(LENGTH),
        y: random.floats(LENGTH),
    };
    for (name, data) in [("a", &expected.a), ("b", &expected.b), ("x", &expected.x), ("y", &expected.y)] {
        let bytes: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(target.join(format!("{name}.f32")), bytes)?;
    }
    Ok(expected)
}

impl Expected {
    /// Compares the output files in `folder` bit for bit and returns how many elements were looked at.
    pub(super) fn check(&self, folder: &Path) -> Result<usize> {
        let c = read(&folder.join("c.f32"), SIDE * SIDE)?;
        let out = read(&folder.join("out.f32"), LENGTH)?;
        let product = (0..SIDE * SIDE).step_by(SAMPLE).map(|i| {
            let (row, column) = (i / SIDE, i % SIDE);
            let sum = (0..SIDE)
                .fold(0.0f32, |sum, k| self.a[row * SIDE + k].mul_add(self.b[k * SIDE + column], sum));
            (c[i], sum)
        });
        let saxpy = (0..LENGTH).map(|i| (out[i], 2.5f32.mul_add(self.x[i], self.y[i])));
        let mut count = 0;
        for (found, wanted) in product.chain(saxpy) {
            if found.to_bits() != wanted.to_bits() {
                bail!("output element {count} of the check is {found}, this machine computes {wanted}");
            }
            count += 1;
        }
        Ok(count)
    }
}

fn read(path: &Path, length: usize) -> Result<Vec<f32>> {
    let bytes = fs::read(path).wrap_err_with(|| format!("could not read the output {}", path.display()))?;
    if bytes.len() != length * 4 {
        bail!("{} holds {} bytes instead of {}", path.display(), bytes.len(), length * 4);
    }
    Ok(bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
}

/// A seeded generator (SplitMix64), so that every run buys the same job.
struct Random(u64);

impl Random {
    fn floats(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.float()).collect()
    }

    /// Uniform in [-1, 1) with 24 bits.
    fn float(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let top = ((z ^ (z >> 31)) >> 40) as f32;
        top / (1u32 << 23) as f32 - 1.0
    }
}
