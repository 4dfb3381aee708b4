//! What others may ask a running verifier.

use std::net::SocketAddr;

use assay_node::{Chain, DriverView};
use tokio::sync::watch;

/// Looks into a verifier. Cheap to clone; outlives it with the last known values.
#[derive(Clone, Debug)]
pub struct VerifierHandle {
    pub(crate) chain: Chain,
    pub(crate) view: watch::Receiver<DriverView>,
    pub(crate) rpc_address: SocketAddr,
}

impl VerifierHandle {
    /// The derived chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// How far derivation is; changes can be awaited.
    pub fn view(&self) -> watch::Receiver<DriverView> {
        self.view.clone()
    }

    /// Where the RPC listens.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc_address
    }
}
