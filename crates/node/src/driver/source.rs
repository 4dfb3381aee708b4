//! L1 as the driver sees it.

use alloy::primitives::B256;
use assay_l1::{L1Client, L1Error, L1Heads, L1Segment};
use std::future::Future;

/// What the driver asks of L1: [`L1Client`], or a simulated one in tests.
pub trait L1Source: Send + Sync + 'static {
    /// L1's heads.
    fn heads(&self) -> impl Future<Output = Result<L1Heads, L1Error>> + Send;

    /// The inbox's contents of a range of blocks (see [`L1Client::read`]).
    fn read(
        &self,
        from: u64,
        to: u64,
        parent: B256,
    ) -> impl Future<Output = Result<L1Segment, L1Error>> + Send;

    /// Whether L1 has this block now.
    fn is_canonical(&self, number: u64, hash: B256) -> impl Future<Output = Result<bool, L1Error>> + Send;
}

impl L1Source for L1Client {
    async fn heads(&self) -> Result<L1Heads, L1Error> {
        Self::heads(self).await
    }

    async fn read(&self, from: u64, to: u64, parent: B256) -> Result<L1Segment, L1Error> {
        Self::read(self, from, to, parent).await
    }

    async fn is_canonical(&self, number: u64, hash: B256) -> Result<bool, L1Error> {
        Self::is_canonical(self, number, hash).await
    }
}
