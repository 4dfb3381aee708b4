#![doc = include_str!("../README.md")]

mod actor;
mod bundle;
mod chain;
mod child;
pub mod client;
mod config;
mod error;
mod journal;
mod mailbox;
mod measure;
mod metrics;
mod register;
mod state;
#[cfg(test)]
mod tests;
mod words;
mod work;

pub use actor::ProviderAgent;
pub use bundle::{inputs_topic, outputs_topic};
pub use chain::{Chain, JobView, Posted, ReplicaView};
pub use child::exec_job_main;
pub use config::{Ask, Config, ConfigError, ExecutorKind, Misbehaviour};
pub use error::{AgentError, ChainError};
pub use mailbox::{JobSummary, ProviderHandle};
pub use state::Stage;
pub use words::{cause_words, job_state_words, refusal_words};
