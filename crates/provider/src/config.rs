//! How an agent is set up.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use alloy::primitives::{B256, U256};
use serde::{Deserialize, Serialize};

use crate::state::Stage;

/// Chain id of development networks: the only ones on which an agent misbehaves or crashes on demand.
pub(crate) const DEV_CHAIN_ID: u64 = 42_330;

/// What runs the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutorKind {
    /// The reference interpreter.
    Reference,
    /// The CUDA driver interface: a GPU, or the stand-in where there is none.
    Cuda,
}

impl ExecutorKind {
    /// Its name in flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Cuda => "cuda",
        }
    }
}

impl FromStr for ExecutorKind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "reference" => Ok(Self::Reference),
            "cuda" => Ok(Self::Cuda),
            _ => Err(format!("`{s}` is no executor: use `reference` or `cuda`")),
        }
    }
}

/// The posted price, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// For the job, whatever it takes.
    pub base_fee: u64,
    /// For each million work units.
    pub mega_unit: u64,
    /// For each byte of input.
    pub input_byte: u64,
    /// For each byte of output.
    pub output_byte: u64,
}

impl Default for Ask {
    fn default() -> Self {
        Self { base_fee: 1_000_000_000_000, mega_unit: 100_000_000, input_byte: 100, output_byte: 100 }
    }
}

/// What a provider does wrong on purpose, in tests of everybody else. Development chains only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// Commits to and reveals another result.
    Lie,
    /// Never comes back after the acknowledgement.
    VanishAfterAck,
    /// Commits and never reveals.
    NoReveal,
}

impl FromStr for Misbehaviour {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "lie" => Ok(Self::Lie),
            "vanish-after-ack" => Ok(Self::VanishAfterAck),
            "no-reveal" => Ok(Self::NoReveal),
            _ => Err(format!("`{s}` is no misbehaviour: use `lie`, `vanish-after-ack` or `no-reveal`")),
        }
    }
}

/// How an agent is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// JSON-RPC of an L2 node, HTTP or WebSocket.
    pub rpc: String,
    /// L2 chain id, checked against the node's.
    pub chain_id: u64,
    /// Hash of the protocol parameters: every job state begins with it.
    pub config_hash: B256,
    /// Folder of the journal, the data plane and the jobs; one process at a time.
    pub dir: PathBuf,
    /// What runs the jobs.
    pub executor: ExecutorKind,
    /// Stake at the first registration, in wei.
    pub stake_wei: U256,
    /// Posted price.
    pub ask: Ask,
    /// Where the data plane listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Addresses to register; the bound ones when empty.
    pub advertise: Vec<SocketAddr>,
    /// How often the chain is looked at.
    pub poll: Duration,
    /// Jobs worked on at the same time.
    pub jobs_max: usize,
    /// Jobs run at the same time.
    pub runs_max: usize,
    /// Memory a job's process may use, in bytes; also the VRAM registered.
    pub memory_max: u64,
    /// Work units a second to register; measured at the start when absent.
    pub units_per_second: Option<u64>,
    /// The program to start jobs with (`PROGRAM exec-job --dir D --executor E`).
    pub program: PathBuf,
    /// How long outputs are served after a job's end.
    pub retention: Duration,
    /// Stop at this journalled state, as if killed. For tests.
    pub crash_at: Option<Stage>,
    /// What to do wrong. For tests.
    pub misbehave: Option<Misbehaviour>,
}

/// Settings that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that must not be zero.
    #[error("`{name}` must not be zero")]
    Zero {
        /// The setting.
        name: &'static str,
    },
    /// A test switch outside of a development chain.
    #[error("`{name}` is for chain {DEV_CHAIN_ID} only, this is chain {chain_id}")]
    NotDevChain {
        /// The switch.
        name: &'static str,
        /// The chain.
        chain_id: u64,
    },
}

impl Config {
    /// Checks relations between settings.
    ///
    /// # Errors
    /// The first [`ConfigError`] that applies.
    pub fn check(&self) -> Result<(), ConfigError> {
        let counts = [
            ("jobs_max", self.jobs_max as u64),
            ("runs_max", self.runs_max as u64),
            ("memory_max", self.memory_max),
            ("poll", self.poll.as_millis() as u64),
        ];
        for (name, value) in counts {
            if value == 0 {
                return Err(ConfigError::Zero { name });
            }
        }
        let switches = [("crash-at", self.crash_at.is_some()), ("misbehave", self.misbehave.is_some())];
        for (name, on) in switches {
            if on && self.chain_id != DEV_CHAIN_ID {
                return Err(ConfigError::NotDevChain { name, chain_id: self.chain_id });
            }
        }
        Ok(())
    }
}
