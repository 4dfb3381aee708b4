//! The agent's entry in the registry: made once, kept up to date.

use alloy::primitives::{B256, Bytes};
use assay_bindings::Registry;
use assay_compute_cuda::CudaExecutor;
use assay_transport::PeerAddr;

use crate::chain::Chain;
use crate::config::{Config, ExecutorKind};
use crate::{AgentError, measure};

/// `ProviderState` of the registry.
mod provider_state {
    pub(super) const NONE: u8 = 0;
    pub(super) const INACTIVE: u8 = 2;
}

/// What a job can use of this machine.
fn attributes(config: &Config) -> Result<Registry::Attributes, AgentError> {
    let unusable = |reason: String| AgentError::Executor { reason };
    let (backend, capability) = match config.executor {
        ExecutorKind::Reference => (1, 0),
        ExecutorKind::Cuda => {
            let executor = CudaExecutor::open().map_err(|e| unusable(e.to_string()))?;
            let device = executor.device();
            tracing::info!(device = %device.name, kind = ?device.kind, "jobs run through CUDA");
            (2, device.compute_capability)
        }
    };
    let units_per_second = match config.units_per_second {
        Some(given) => given,
        None => measure::units_per_second(config.executor).map_err(unusable)?,
    };
    Ok(Registry::Attributes {
        backend,
        computeCapability: capability,
        vramMib: u32::try_from(config.memory_max >> 20).unwrap_or(u32::MAX),
        unitsPerSecond: units_per_second,
    })
}

/// Registers the account, or changes what differs from what is registered.
pub(crate) async fn register(config: &Config, chain: &Chain, peer: &PeerAddr) -> Result<(), AgentError> {
    let attributes = attributes(config)?;
    let ask = Registry::Price {
        baseFee: config.ask.base_fee,
        megaUnit: config.ask.mega_unit,
        inputByte: config.ask.input_byte,
        outputByte: config.ask.output_byte,
    };
    let encoded = peer.encode();
    let endpoint = Registry::Endpoint {
        id: B256::from_slice(&encoded[..32]),
        hints: Bytes::copy_from_slice(&encoded[32..]),
    };
    let registry = chain.registry();
    let found = chain.registered(chain.account()).await?;
    if found.state == provider_state::NONE {
        let call = registry.register(attributes, ask, endpoint).value(config.stake_wei);
        chain.send("register", call).await?;
        tracing::info!(stake_wei = %config.stake_wei, "registered as a provider");
        return Ok(());
    }
    if chain.endpoint(chain.account()).await? != encoded {
        chain.send("setEndpoint", registry.setEndpoint(endpoint)).await?;
    }
    if found.ask != ask {
        chain.send("setAsk", registry.setAsk(ask)).await?;
    }
    // The measured speed differs a little each time: only a change of a quarter is worth a transaction.
    let (old, new) = (found.attributes.unitsPerSecond, attributes.unitsPerSecond);
    let faster = new.abs_diff(old) > old / 4;
    let other = Registry::Attributes { unitsPerSecond: old, ..attributes.clone() } != found.attributes;
    if faster || other {
        chain.send("setAttributes", registry.setAttributes(attributes)).await?;
    }
    if found.state == provider_state::INACTIVE {
        chain.send("activate", registry.activate()).await?;
    }
    Ok(())
}
