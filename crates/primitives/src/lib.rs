#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod alias;
mod config;
mod ids;
mod inbox;
pub mod limits;
mod merkle;
mod oracle;
mod pages;
pub mod predeploys;
mod words;

pub use alias::{ALIAS_OFFSET, alias, unalias};
pub use config::{ChainConfig, ConfigError, MarketParams};
pub use ids::{ImageId, JobId, PlanRoot, ProgramId, WorkUnits};
pub use inbox::{BatchKind, InboxEntry, QueueEntry, QueueKind, blob_data_hash, record_call};
pub use merkle::{MerkleTree32, TREE_DEPTH, TreeFull};
pub use oracle::{OracleKey, OracleKind};
pub use pages::{PAGE_BYTES, PageTree, page_count, page_leaf, page_root, verify_range};
