//! `job.toml`: a job as a person writes it, and the plan it means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alloy_primitives::B256;
use assay_ptx::Image;
use serde::{Deserialize, Serialize};

use crate::check::PlanError;
use crate::limits::PAGE_BYTES;
use crate::plan::{Arg, Buffer, Launch, Plan};

/// A job as a person writes it. Paths are relative to the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The kernels, as PTX text.
    pub image: PathBuf,
    /// Most work units the job may use.
    pub fuel: u64,
    /// Device memory, in order.
    #[serde(rename = "buffer", default)]
    pub buffers: Vec<BufferSpec>,
    /// Kernel launches, in order.
    #[serde(rename = "launch", default)]
    pub launches: Vec<LaunchSpec>,
    /// What the client offers and asks for.
    #[serde(default)]
    pub terms: Terms,
}

/// One buffer of a `job.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BufferSpec {
    /// Name, by which launches refer to it.
    pub name: String,
    /// Length; the input file's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// File whose bytes are copied in before the first launch; zeros when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<PathBuf>,
    /// File that gets the buffer's bytes after the last launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
}

/// One launch of a `job.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchSpec {
    /// Name of a kernel of the image.
    pub kernel: String,
    /// Thread blocks: one to three numbers.
    pub grid: Vec<u32>,
    /// Threads of a block: one to three numbers.
    pub block: Vec<u32>,
    /// Dynamic shared memory in bytes.
    #[serde(default)]
    pub shared_bytes: u32,
    /// Arguments in the kernel's order.
    #[serde(default)]
    pub args: Vec<ArgSpec>,
}

/// One argument of a launch: `512` is an integer of the parameter's size, `2.0` a float of that
/// size, `"x"` the address of the buffer named `x`, `"x+64"` an address inside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ArgSpec {
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A buffer, by name.
    Buffer(String),
}

/// Whom the client lets see inputs and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceSpec {
    /// Replicas, auditors and parties of a dispute.
    #[default]
    Assigned,
    /// Everybody.
    Public,
}

/// What the client offers and asks for. Prices are the most it pays to one replica, term by term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// How many providers run the job.
    pub replicas: u8,
    /// Who may see inputs and outputs.
    pub audience: AudienceSpec,
    /// Wei for the job, whatever it takes.
    pub base_fee_wei: u64,
    /// Wei for each million work units.
    pub mega_unit_wei: u64,
    /// Wei for each byte of input.
    pub input_byte_wei: u64,
    /// Wei for each byte of output.
    pub output_byte_wei: u64,
    /// MiB of device memory, at least; what the arena needs when absent.
    pub vram_mib: Option<u32>,
    /// Ten times the major plus the minor number, at least.
    pub compute_capability: u16,
    /// Work units a second, at least.
    pub units_per_second: u64,
    /// Seconds until all replicas are taken.
    pub match_secs: u32,
    /// Seconds until all replicas have the inputs.
    pub ack_secs: u32,
    /// Seconds until all replicas have committed.
    pub run_secs: u32,
    /// Seconds until all replicas have revealed.
    pub reveal_secs: u32,
    /// Seconds for which the result can be challenged.
    pub challenge_secs: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            replicas: 2,
            audience: AudienceSpec::Assigned,
            base_fee_wei: 10_000_000_000_000,
            mega_unit_wei: 1_000_000_000,
            input_byte_wei: 1_000,
            output_byte_wei: 1_000,
            vram_mib: None,
            compute_capability: 0,
            units_per_second: 0,
            match_secs: 600,
            ack_secs: 600,
            run_secs: 3600,
            reveal_secs: 600,
            challenge_secs: 600,
        }
    }
}

/// Why a `job.toml` means no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Two buffers of one name.
    #[error("two buffers are named `{name}`")]
    DuplicateBuffer {
        /// The name.
        name: String,
    },
    /// Neither a length nor an input.
    #[error("buffer `{name}` needs `bytes` or `input`")]
    NoLength {
        /// The name.
        name: String,
    },
    /// A length that is not the input's.
    #[error("buffer `{name}` has bytes = {bytes}, its input file has {found}")]
    LengthMismatch {
        /// The name.
        name: String,
        /// In the file.
        bytes: u64,
        /// The input's.
        found: u64,
    },
    /// An argument names no buffer.
    #[error("launch {launch}: argument {argument} names `{name}`, which is no buffer (there are: {})", .has.join(", "))]
    UnknownBuffer {
        /// Index of the launch.
        launch: usize,
        /// Index of the argument.
        argument: usize,
        /// What it names.
        name: String,
        /// The buffers there are.
        has: Vec<String>,
    },
    /// A number that does not fit its parameter.
    #[error("launch {launch}: argument {argument}: {value} does not fit {bytes} bytes")]
    DoesNotFit {
        /// Index of the launch.
        launch: usize,
        /// Index of the argument.
        argument: usize,
        /// The number.
        value: String,
        /// Size of the parameter.
        bytes: u32,
    },
    /// Not one to three dimensions.
    #[error("launch {launch}: `{what}` needs one to three numbers, it has {found}")]
    Dimensions {
        /// Index of the launch.
        launch: usize,
        /// `grid` or `block`.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// More bytes than an arena can have.
    #[error("the buffers together exceed the largest arena")]
    TooLarge,
    /// The plan makes no sense for the image.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl JobSpec {
    /// The plan this means for `image`, given length and page root of each input by buffer name.
    ///
    /// Buffers are laid out in order, each at a page of its own.
    ///
    /// # Errors
    /// [`SpecError`] in the words of the file.
    pub fn plan(&self, image: &Image, inputs: &BTreeMap<String, (u64, B256)>) -> Result<Plan, SpecError> {
        let mut plan = Plan {
            arena_bytes: 0,
            buffers: Vec::new(),
            launches: Vec::new(),
            outputs: Vec::new(),
            fuel: self.fuel,
        };
        let mut names = BTreeMap::new();
        for (index, spec) in self.buffers.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| SpecError::TooLarge)?;
            let name = &spec.name;
            if names.insert(name.as_str(), index).is_some() {
                return Err(SpecError::DuplicateBuffer { name: name.clone() });
            }
            let input = inputs.get(name);
            let len = match (spec.bytes, input) {
                (Some(bytes), Some((found, _))) if bytes != *found => {
                    return Err(SpecError::LengthMismatch { name: name.clone(), bytes, found: *found });
                }
                (Some(bytes), _) => bytes,
                (None, Some((found, _))) => *found,
                (None, None) => return Err(SpecError::NoLength { name: name.clone() }),
            };
            plan.buffers.push(Buffer { offset: plan.arena_bytes, len, input: input.map(|i| i.1) });
            let end = plan.arena_bytes.checked_add(len).and_then(|e| e.checked_next_multiple_of(PAGE_BYTES));
            plan.arena_bytes = end.ok_or(SpecError::TooLarge)?;
            if spec.output.is_some() {
                plan.outputs.push(index);
            }
        }
        plan.arena_bytes = plan.arena_bytes.max(PAGE_BYTES);
        for (index, spec) in self.launches.iter().enumerate() {
            plan.launches.push(launch(index, spec, image, &names)?);
        }
        plan.check(image)?;
        Ok(plan)
    }
}

fn launch(
    index: usize,
    spec: &LaunchSpec,
    image: &Image,
    names: &BTreeMap<&str, u32>,
) -> Result<Launch, SpecError> {
    let dims = |what, given: &[u32]| match *given {
        [x] => Ok([x, 1, 1]),
        [x, y] => Ok([x, y, 1]),
        [x, y, z] => Ok([x, y, z]),
        _ => Err(SpecError::Dimensions { launch: index, what, found: given.len() }),
    };
    let kernel = image.kernels().iter().find(|k| k.name() == spec.kernel);
    let mut args = Vec::new();
    for (argument, arg) in spec.args.iter().enumerate() {
        // Without a parameter of that size the plan's own check says what is wrong.
        let bytes = kernel.and_then(|k| k.params().get(argument)).map_or(8, |p| p.bytes);
        args.push(value(index, argument, arg, bytes, names)?);
    }
    Ok(Launch {
        kernel: spec.kernel.clone(),
        grid: dims("grid", &spec.grid)?,
        block: dims("block", &spec.block)?,
        shared_bytes: spec.shared_bytes,
        args,
    })
}

fn value(
    launch: usize,
    argument: usize,
    spec: &ArgSpec,
    bytes: u32,
    names: &BTreeMap<&str, u32>,
) -> Result<Arg, SpecError> {
    let misfit = |value: String| SpecError::DoesNotFit { launch, argument, value, bytes };
    match spec {
        ArgSpec::Integer(n) => {
            let size = match bytes {
                1 | 2 | 4 | 8 => bytes as u8,
                _ => return Err(misfit(n.to_string())),
            };
            let bits = 8 * u32::from(size);
            let (least, most) = (-(1i128 << (bits - 1)), (1i128 << bits) - 1);
            if !(least..=most).contains(&i128::from(*n)) {
                return Err(misfit(n.to_string()));
            }
            let mask = if size == 8 { u64::MAX } else { (1 << bits) - 1 };
            Ok(Arg::Scalar { size, bits: n.cast_unsigned() & mask })
        }
        ArgSpec::Float(x) => match bytes {
            4 => Ok(Arg::Scalar { size: 4, bits: u64::from((*x as f32).to_bits()) }),
            8 => Ok(Arg::Scalar { size: 8, bits: x.to_bits() }),
            _ => Err(misfit(x.to_string())),
        },
        ArgSpec::Buffer(text) => {
            let (name, offset) = match text.rsplit_once('+') {
                Some((name, offset)) => (name.trim(), offset.trim().parse().ok()),
                None => (text.as_str(), Some(0)),
            };
            match (names.get(name), offset) {
                (Some(buffer), Some(offset)) => Ok(Arg::Buffer { buffer: *buffer, offset }),
                _ => {
                    let (name, has) = (text.clone(), names.keys().map(|n| (*n).to_owned()).collect());
                    Err(SpecError::UnknownBuffer { launch, argument, name, has })
                }
            }
        }
    }
}
