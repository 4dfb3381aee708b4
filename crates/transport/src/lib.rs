#![doc = include_str!("../README.md")]

mod access;
mod address;
mod binding;
mod error;
mod exchange;
mod manifest;
mod plane;
#[cfg(test)]
mod tests;

pub use access::AccessPolicy;
pub use address::{BadPeerAddr, PeerAddr};
pub use binding::{Binding, BindingError};
pub use error::{FetchError, PlaneError, Severity};
pub use manifest::{Entry, Manifest, ManifestError};
pub use plane::{Config, DataPlane, Limits};
