#![doc = include_str!("../README.md")]

mod actor;
mod archive;
mod config;
mod error;
mod feed;
mod mailbox;
mod state;
#[cfg(test)]
mod tests;

pub use actor::{Deps, Verifier};
pub use config::{BLOB_RETENTION_SECS, SettingError, VerifierConfig};
pub use error::VerifierError;
pub use mailbox::VerifierHandle;
