//! Ethereum's JSON-RPC over [`Chain`] and [`TxPool`], with geth's error codes.

mod access;
mod api;
mod call;
mod error;
mod eth;
mod fees;
mod filters;
mod params;
mod pool;
mod subscribe;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::B256;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::Methods;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use self::api::{AssayApiServer, EthApiServer, NodeApiServer, TxPoolApiServer};
use self::error::{RpcError, unknown_hash};
use self::filters::Filters;
use crate::block::{Block, PendingBlock};
use crate::chain::Chain;
use crate::head::SyncState;
use crate::pool::{PreconfReceipt, TxPool};
use crate::state::StateView;

/// Executions for reads that run at a time.
const CALLS_MAX: usize = 8;

struct Context {
    chain: Chain,
    pool: Arc<dyn TxPool>,
    sync: watch::Receiver<SyncState>,
    filters: Filters,
    calls: Semaphore,
}

#[derive(Clone)]
struct Server(Arc<Context>);

/// The method table of a node: `web3_*`, `net_*`, `eth_*`, `txpool_*` and `assay_*`.
///
/// # Errors
/// A method name was registered twice: a bug.
pub fn rpc_methods(
    chain: Chain,
    pool: Arc<dyn TxPool>,
    sync: watch::Receiver<SyncState>,
) -> Result<Methods, RegisterMethodError> {
    let context =
        Context { chain, pool, sync, filters: Filters::default(), calls: Semaphore::new(CALLS_MAX) };
    let server = Server(Arc::new(context));
    let mut methods = Methods::new();
    methods.merge(NodeApiServer::into_rpc(server.clone()))?;
    methods.merge(EthApiServer::into_rpc(server.clone()))?;
    methods.merge(TxPoolApiServer::into_rpc(server.clone()))?;
    methods.merge(AssayApiServer::into_rpc(server))?;
    Ok(methods)
}

/// The receipt of a preconfirmed transaction as JSON: block hash zero, `preconfirmed: true`.
pub fn preconfirmed_receipt(receipt: &PreconfReceipt) -> Value {
    serde_json::to_value(eth::preconf_json(receipt)).unwrap_or_default()
}

/// A block that a caller named.
enum Found {
    Sealed(Arc<Block>),
    Pending(Arc<PendingBlock>),
}

impl Found {
    fn header(&self) -> &alloy::consensus::Header {
        match self {
            Self::Sealed(block) => block.header.inner(),
            Self::Pending(pending) => &pending.header,
        }
    }
}

impl Context {
    /// Number of a sealed block named by number or tag; pending counts as latest.
    fn number(&self, block: BlockNumberOrTag) -> u64 {
        let heads = self.chain.heads();
        match block {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Safe => heads.safe.number,
            BlockNumberOrTag::Finalized => heads.finalized.number,
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.latest.number,
        }
    }

    async fn find_number(&self, number: BlockNumberOrTag) -> Result<Option<Found>, RpcError> {
        if number == BlockNumberOrTag::Pending
            && let Some(pending) = self.chain.pending()
        {
            return Ok(Some(Found::Pending(pending)));
        }
        Ok(self.chain.block_by_number(self.number(number)).await?.map(Found::Sealed))
    }

    async fn find(&self, id: BlockId) -> Result<Option<Found>, RpcError> {
        match id {
            BlockId::Number(number) => self.find_number(number).await,
            BlockId::Hash(hash) => Ok(self.chain.block_by_hash(hash.block_hash).await?.map(Found::Sealed)),
        }
    }

    /// A block that must be there, and its state.
    async fn state(&self, id: Option<BlockId>) -> Result<(Found, StateView), RpcError> {
        let id = id.unwrap_or_default();
        let found = self.find(id).await?.ok_or_else(|| match id {
            BlockId::Hash(hash) => unknown_hash(hash.block_hash),
            BlockId::Number(_) => RpcError::HeaderNotFound,
        })?;
        let view = match &found {
            Found::Pending(_) => self.chain.pending_state(),
            Found::Sealed(block) => self.chain.state_at(block.number())?,
        };
        Ok((found, view))
    }

    async fn sealed_by_hash(&self, hash: B256) -> Result<Option<Arc<Block>>, RpcError> {
        Ok(self.chain.block_by_hash(hash).await?)
    }

    /// Runs an execution off the async threads, a few at a time.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let _turn = self.calls.acquire().await.map_err(|_| RpcError::Internal("closed".into()))?;
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(RpcError::Internal(format!("execution panicked: {error}"))))
    }
}
