//! A plan: what a job allocates, launches and returns, in order.

use alloc::string::String;
use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

use crate::codec::{DecodeError, Reader, Writer, within};
use crate::limits;

const VERSION: u8 = 1;

/// One allocation in the arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Offset in the arena, a multiple of [`limits::PAGE_BYTES`].
    pub offset: u64,
    /// Length in bytes, not zero.
    pub len: u64,
    /// Page root of the bytes copied in before the first launch; zeros when absent.
    pub input: Option<B256>,
}

/// One kernel argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The device address of a byte inside a buffer.
    Buffer {
        /// Index into [`Plan::buffers`].
        buffer: u32,
        /// Bytes from the start of the buffer, less than its length.
        offset: u64,
    },
    /// A value of 1, 2, 4 or 8 bytes.
    Scalar {
        /// Size in bytes.
        size: u8,
        /// The bits, in the low `size` bytes.
        bits: u64,
    },
}

/// One kernel launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name of a kernel of the image.
    pub kernel: String,
    /// Thread blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y, z.
    pub block: [u32; 3],
    /// Dynamic shared memory in bytes.
    pub shared_bytes: u32,
    /// Arguments in the kernel's order.
    pub args: Vec<Arg>,
}

/// What a job does, in order: allocations, copies in, launches, outputs, fuel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Size of the arena in bytes, a multiple of [`limits::PAGE_BYTES`].
    pub arena_bytes: u64,
    /// Allocations, in rising order of offset.
    pub buffers: Vec<Buffer>,
    /// Launches, run one after the other.
    pub launches: Vec<Launch>,
    /// Buffers the client gets back: indices into `buffers`, rising.
    pub outputs: Vec<u32>,
    /// Most work units the job may use.
    pub fuel: u64,
}

impl Plan {
    /// The canonical encoding of a plan whose fields are within [`limits`].
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.u64(self.arena_bytes);
        w.u64(self.fuel);
        w.count(self.buffers.len());
        for b in &self.buffers {
            w.u64(b.offset);
            w.u64(b.len);
            match &b.input {
                None => w.u8(0),
                Some(root) => {
                    w.u8(1);
                    w.hash(root);
                }
            }
        }
        w.count(self.launches.len());
        self.launches.iter().for_each(|l| l.encode(&mut w));
        w.count(self.outputs.len());
        self.outputs.iter().for_each(|o| w.u32(*o));
        w.0
    }

    /// Reads a canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but bytes that [`Plan::encode`] returns. Meaning is checked by
    /// [`Plan::check`], not here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        within("plan", bytes.len() as u64, limits::MAX_PLAN_BYTES as u64)?;
        let mut r = Reader::new(bytes);
        match r.u8("version")? {
            VERSION => {}
            found => return Err(DecodeError::UnknownTag { field: "version", found: found.into() }),
        }
        let arena_bytes = r.u64("arena_bytes")?;
        let fuel = r.u64("fuel")?;
        let n = r.count("buffers", limits::MAX_BUFFERS)?;
        let buffers = (0..n).map(|_| decode_buffer(&mut r)).collect::<Result<_, _>>()?;
        let n = r.count("launches", limits::MAX_LAUNCHES)?;
        let launches = (0..n).map(|_| Launch::decode(&mut r)).collect::<Result<_, _>>()?;
        let n = r.count("outputs", limits::MAX_BUFFERS)?;
        let outputs = (0..n).map(|_| r.u32("output")).collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(Self { arena_bytes, buffers, launches, outputs, fuel })
    }

    /// Page root of the encoding.
    pub fn root(&self) -> B256 {
        assay_primitives::page_root(&self.encode())
    }

    /// Thread blocks of all launches together, saturating.
    pub fn total_blocks(&self) -> u64 {
        self.launches.iter().fold(0, |sum, l| l.blocks().saturating_add(sum))
    }

    /// Input and output bytes, as a quote counts them, saturating.
    pub fn io_bytes(&self) -> (u64, u64) {
        let inputs = self.buffers.iter().filter(|b| b.input.is_some());
        let outputs = self.outputs.iter().filter_map(|o| self.buffers.get(*o as usize));
        let sum = |n: u64, b: &Buffer| n.saturating_add(b.len);
        (inputs.fold(0, sum), outputs.fold(0, sum))
    }
}

/// What an order names on chain: `keccak256(abi.encode(image_id, plan_root))`.
pub fn spec_root(image_id: B256, plan_root: B256) -> B256 {
    let mut words = [0; 64];
    words[..32].copy_from_slice(image_id.as_slice());
    words[32..].copy_from_slice(plan_root.as_slice());
    keccak256(words)
}

fn decode_buffer(r: &mut Reader<'_>) -> Result<Buffer, DecodeError> {
    let offset = r.u64("buffer.offset")?;
    let len = r.u64("buffer.len")?;
    let input = match r.u8("buffer.input")? {
        0 => None,
        1 => Some(r.hash("buffer.input")?),
        found => {
            return Err(DecodeError::UnknownTag { field: "buffer.input", found: found.into() });
        }
    };
    Ok(Buffer { offset, len, input })
}

impl Launch {
    /// Thread blocks of the launch, saturating.
    pub fn blocks(&self) -> u64 {
        self.grid.iter().fold(1, |n: u64, d| n.saturating_mul(u64::from(*d)))
    }

    /// Threads of a block, saturating.
    pub fn threads(&self) -> u32 {
        self.block.iter().fold(1, |n: u32, d| n.saturating_mul(*d))
    }

    fn encode(&self, w: &mut Writer) {
        w.name(&self.kernel);
        w.dims(&self.grid);
        w.dims(&self.block);
        w.u32(self.shared_bytes);
        w.count(self.args.len());
        for arg in &self.args {
            match arg {
                Arg::Buffer { buffer, offset } => {
                    w.u8(0);
                    w.u32(*buffer);
                    w.u64(*offset);
                }
                Arg::Scalar { size, bits } => {
                    w.u8(*size);
                    w.u64(*bits);
                }
            }
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kernel = r.name("launch.kernel", limits::MAX_KERNEL_NAME)?;
        let grid = r.dims("launch.grid")?;
        let block = r.dims("launch.block")?;
        let shared_bytes = r.u32("launch.shared_bytes")?;
        let n = r.count("launch.args", limits::MAX_ARGS)?;
        let args = (0..n).map(|_| Arg::decode(r)).collect::<Result<_, _>>()?;
        Ok(Self { kernel, grid, block, shared_bytes, args })
    }
}

impl Arg {
    /// Size of the argument in bytes.
    pub fn size(&self) -> u8 {
        match self {
            Self::Buffer { .. } => 8,
            Self::Scalar { size, .. } => *size,
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("arg")? {
            0 => Ok(Self::Buffer { buffer: r.u32("arg.buffer")?, offset: r.u64("arg.offset")? }),
            size @ (1 | 2 | 4 | 8) => {
                let bits = r.u64("arg.bits")?;
                let fits = size == 8 || bits >> (8 * u32::from(size)) == 0;
                if fits {
                    Ok(Self::Scalar { size, bits })
                } else {
                    Err(DecodeError::NotCanonical { field: "arg.bits" })
                }
            }
            found => Err(DecodeError::UnknownTag { field: "arg", found: found.into() }),
        }
    }
}
