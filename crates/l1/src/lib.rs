#![doc = include_str!("../README.md")]

mod batch;
mod blobs;
mod client;
mod deploy;
mod error;
mod tx;
mod types;

pub use batch::{BatchPayload, BatchPost};
pub use blobs::{BeaconApi, BlobSource, versioned_hash};
pub use client::L1Client;
pub use deploy::{DeployError, DeployParams, Deployment, deploy};
pub use error::{L1Error, Severity};
pub use tx::{Fees, SignedTx, TxConfig, TxDraft, TxError, TxJournal, TxManager};
pub use types::{InboxSetup, InboxState, Included, L1Block, L1Heads, L1Segment};
