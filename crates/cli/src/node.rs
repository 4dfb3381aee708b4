//! What a node says about its chain: enough to talk to it from nothing but its URL.

use alloy::{
    primitives::B256,
    providers::{Provider, ProviderBuilder},
};
use assay_primitives::ChainConfig;
use eyre::{Result, WrapErr};
use serde::Deserialize;

/// Protocol parameters as `assay_config` answers them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeConfig {
    /// The parameters.
    pub(crate) protocol: ChainConfig,
    /// Their hash, as the node computed it.
    pub(crate) config_hash: B256,
}

/// Asks the node at `url` which chain it serves.
pub(crate) async fn config(url: &str) -> Result<NodeConfig> {
    let provider =
        ProviderBuilder::new().connect(url).await.wrap_err_with(|| format!("{url} does not answer"))?;
    let config: NodeConfig = provider
        .raw_request("assay_config".into(), ())
        .await
        .wrap_err_with(|| format!("{url} is not an Assay node, or is down"))?;
    Ok(config)
}
