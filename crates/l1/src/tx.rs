//! Sending to L1: one nonce at a time, replaced at higher fees, never forked.

use std::time::{Duration, Instant};

use alloy::{
    eips::{BlockNumberOrTag, Encodable2718},
    network::{Ethereum, EthereumWallet, NetworkTransactionBuilder},
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    transports::{RpcError, TransportErrorKind, http::reqwest},
};
use assay_primitives::limits;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{L1Error, blobs::sidecar, client::http_provider};

/// How transactions are priced, replaced and waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxConfig {
    /// Blocks from inclusion on, its own counted, until a transaction counts as done. At least 1.
    pub confirmations: u64,
    /// Time between two looks at L1.
    pub poll: Duration,
    /// Time without inclusion after which the fees are raised.
    pub resubmit_after: Duration,
    /// Never offer more than this for a unit of gas, in wei.
    pub max_fee_per_gas: u128,
    /// Never offer more than this for a unit of blob gas, in wei.
    pub max_fee_per_blob_gas: u128,
    /// How often the same bytes are sent again when L1 does not answer.
    pub send_attempts: u32,
}

impl Default for TxConfig {
    fn default() -> Self {
        Self {
            confirmations: 1,
            poll: Duration::from_millis(500),
            resubmit_after: Duration::from_secs(36),
            max_fee_per_gas: 500_000_000_000,
            max_fee_per_blob_gas: 500_000_000_000,
            send_attempts: 5,
        }
    }
}

/// What to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxDraft {
    /// Callee, or a creation.
    pub to: TxKind,
    /// Wei sent along.
    pub value: U256,
    /// Calldata or init code.
    pub data: Bytes,
    /// Blobs of 131,072 bytes carried along; they need a callee.
    pub blobs: Vec<Bytes>,
}

/// What a transaction offers, in wei for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// `maxFeePerGas`.
    pub max_fee_per_gas: u128,
    /// `maxPriorityFeePerGas`.
    pub max_priority_fee_per_gas: u128,
    /// `maxFeePerBlobGas`; 0 without blobs.
    pub max_fee_per_blob_gas: u128,
}

impl Fees {
    /// The least fees with which a node replaces this transaction: 10 % more, 100 % with blobs.
    pub fn bumped(self) -> Self {
        let up = |fee: u128| match self.max_fee_per_blob_gas {
            0 => fee.saturating_add(fee.div_ceil(10)).saturating_add(1),
            _ => fee.saturating_mul(2).saturating_add(1),
        };
        Self {
            max_fee_per_gas: up(self.max_fee_per_gas),
            max_priority_fee_per_gas: up(self.max_priority_fee_per_gas),
            max_fee_per_blob_gas: match self.max_fee_per_blob_gas {
                0 => 0,
                fee => up(fee),
            },
        }
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            max_fee_per_gas: self.max_fee_per_gas.max(other.max_fee_per_gas),
            max_priority_fee_per_gas: self.max_priority_fee_per_gas.max(other.max_priority_fee_per_gas),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.max(other.max_fee_per_blob_gas),
        }
    }
}

/// A transaction as it goes over the wire. Keep it before it is sent: after a crash the same bytes are
/// sent again, never others with the same nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTx {
    /// Its nonce.
    pub nonce: u64,
    /// Its hash.
    pub hash: B256,
    /// EIP-2718 bytes, blobs included.
    pub raw: Bytes,
    /// What it offers.
    pub fees: Fees,
    /// Its gas limit.
    pub gas_limit: u64,
}

/// Keeps signed transactions across a crash.
pub trait TxJournal: Send {
    /// Called before `tx` leaves the process. An error keeps it from being sent.
    fn signed<'a>(&'a mut self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>>;
}

impl TxJournal for Vec<SignedTx> {
    fn signed<'a>(&'a mut self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>> {
        self.push(tx.clone());
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Sending failed.
#[derive(Debug, thiserror::Error)]
pub enum TxError {
    /// It would revert, so it was not sent.
    #[error("the transaction would revert: {message}")]
    WouldRevert {
        /// The node's words.
        message: String,
        /// Revert data, empty when there was none.
        revert: Bytes,
    },
    /// It was included and reverted.
    #[error("transaction {hash} reverted in L1 block {block}")]
    Reverted {
        /// The transaction.
        hash: B256,
        /// The block that includes it.
        block: u64,
    },
    /// L1 did not answer while it was sent: it may be included or not. Send the same bytes again.
    #[error("transaction {hash} may or may not have reached L1: {reason}")]
    Ambiguous {
        /// The transaction.
        hash: B256,
        /// What the transport said.
        reason: String,
    },
    /// L1 said no; it was not sent.
    #[error("L1 refused transaction {hash}: {message}")]
    Refused {
        /// The transaction.
        hash: B256,
        /// The node's words.
        message: String,
    },
    /// Another transaction of the same account took the nonce.
    #[error("nonce {nonce} was used by a transaction that is not {hash}")]
    NonceTaken {
        /// The nonce.
        nonce: u64,
        /// Our newest transaction with it.
        hash: B256,
    },
    /// L1 asks for more than the configured limit.
    #[error("L1 asks {needed} wei for each unit of {what}, the limit is {limit}")]
    FeeLimit {
        /// `gas` or `blob gas`.
        what: &'static str,
        /// What it takes now.
        needed: u128,
        /// From the configuration.
        limit: u128,
    },
    /// The journal could not keep the bytes, so they were not sent.
    #[error("the journal refused the transaction: {reason}")]
    Journal {
        /// Its words.
        reason: String,
    },
    /// Signing or computing blob proofs failed.
    #[error("building the transaction failed: {reason}")]
    Build {
        /// What went wrong.
        reason: String,
    },
    /// Reading L1 failed.
    #[error(transparent)]
    L1(#[from] L1Error),
}

/// Sends the transactions of one account, one after the other. No second manager may use the account.
#[derive(Debug)]
pub struct TxManager {
    provider: DynProvider<Ethereum>,
    endpoint: String,
    wallet: EthereumWallet,
    sender: Address,
    chain_id: u64,
    config: TxConfig,
    /// Held while a nonce is in flight.
    turn: Mutex<()>,
}

impl TxManager {
    /// A manager for `wallet`'s default account. Asks L1 for its chain id.
    pub async fn connect(
        rpc: &reqwest::Url,
        wallet: EthereumWallet,
        config: TxConfig,
    ) -> Result<Self, L1Error> {
        let (provider, endpoint) = http_provider(rpc)?;
        let chain_id = provider.get_chain_id().await.map_err(|e| L1Error::from_rpc(&endpoint, e))?;
        let sender = wallet.default_signer().address();
        Ok(Self { provider, endpoint, wallet, sender, chain_id, config, turn: Mutex::new(()) })
    }

    /// The account that sends.
    pub fn sender(&self) -> Address {
        self.sender
    }

    /// L1's chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Host and port of L1, for errors.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The provider under the manager.
    pub fn provider(&self) -> &DynProvider<Ethereum> {
        &self.provider
    }

    /// The account's next nonce, transactions in the pool counted.
    pub async fn next_nonce(&self) -> Result<u64, L1Error> {
        self.provider.get_transaction_count(self.sender).pending().await.map_err(|e| self.error(e))
    }

    /// Sends `draft` and waits until it has its confirmations.
    ///
    /// `known` are the transactions that an earlier, interrupted call journalled for this draft, oldest
    /// first: with any, their nonce is used and the newest is sent again. Dropping the future is safe:
    /// whatever was sent is in the journal.
    pub async fn send(
        &self,
        draft: &TxDraft,
        known: Vec<SignedTx>,
        journal: &mut dyn TxJournal,
    ) -> Result<TransactionReceipt, TxError> {
        let _turn = self.turn.lock().await;
        let mut sent = known;
        let mut request = None;
        if sent.is_empty() {
            let priced = self.with_gas(self.build(draft).await?).await?;
            let nonce = self.next_nonce().await?;
            let fees = self.within_limits(self.market_fees(&priced).await?)?;
            let tx = self.sign(priced.clone(), nonce, fees).await?;
            journal.signed(&tx).await.map_err(|reason| TxError::Journal { reason })?;
            sent.push(tx);
            request = Some(priced);
        }
        self.see_through(draft, request, sent, journal).await
    }

    async fn see_through(
        &self,
        draft: &TxDraft,
        mut request: Option<TransactionRequest>,
        mut sent: Vec<SignedTx>,
        journal: &mut dyn TxJournal,
    ) -> Result<TransactionReceipt, TxError> {
        let newest = |sent: &[SignedTx]| sent.last().cloned().expect("`send` has pushed one");
        self.broadcast(&newest(&sent), &sent).await?;
        let mut since = Instant::now();
        loop {
            if let Some(receipt) = self.find_receipt(&sent).await? {
                if self.is_confirmed(&receipt).await? {
                    return match receipt.status() {
                        true => Ok(receipt),
                        false => Err(TxError::Reverted {
                            hash: receipt.transaction_hash,
                            block: receipt.block_number.unwrap_or_default(),
                        }),
                    };
                }
                since = Instant::now();
            } else if since.elapsed() >= self.config.resubmit_after {
                let tx = newest(&sent);
                // Blob proofs are dear: made once for all replacements.
                let base = match request.take() {
                    Some(request) => request,
                    None => self.build(draft).await?,
                };
                if let Some(replacement) = self.replacement(&base, &tx).await? {
                    journal.signed(&replacement).await.map_err(|reason| TxError::Journal { reason })?;
                    tracing::info!(nonce = tx.nonce, old = %tx.hash, new = %replacement.hash, "fees raised");
                    sent.push(replacement);
                }
                request = Some(base);
                self.broadcast(&newest(&sent), &sent).await?;
                since = Instant::now();
            }
            tokio::time::sleep(self.config.poll).await;
        }
    }

    /// Sends bytes that were journalled already. `Ok` when L1 has them, or has included one of `sent`.
    async fn broadcast(&self, tx: &SignedTx, sent: &[SignedTx]) -> Result<(), TxError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.provider.send_raw_transaction(&tx.raw).await {
                Ok(_) => return Ok(()),
                Err(RpcError::ErrorResp(payload)) => {
                    let message = payload.message.to_lowercase();
                    if message.contains("already known") || message.contains("already imported") {
                        return Ok(());
                    }
                    // A replacement that is too cheap for this node: the one before is still there.
                    if message.contains("underpriced") && sent.len() > 1 {
                        return Ok(());
                    }
                    if message.contains("nonce too low") || message.contains("nonce is too low") {
                        return match self.find_receipt(sent).await? {
                            Some(_) => Ok(()),
                            None => Err(TxError::NonceTaken { nonce: tx.nonce, hash: tx.hash }),
                        };
                    }
                    return Err(TxError::Refused { hash: tx.hash, message: payload.message.into_owned() });
                }
                Err(error) if attempt >= self.config.send_attempts => {
                    return Err(TxError::Ambiguous { hash: tx.hash, reason: self.error(error).to_string() });
                }
                Err(_) => tokio::time::sleep(self.config.poll).await,
            }
        }
    }

    /// The receipt of whichever of `sent` is on L1's current chain.
    async fn find_receipt(&self, sent: &[SignedTx]) -> Result<Option<TransactionReceipt>, L1Error> {
        for tx in sent.iter().rev() {
            let receipt = self.provider.get_transaction_receipt(tx.hash).await.map_err(|e| self.error(e))?;
            if let Some(receipt) = receipt.filter(|receipt| receipt.block_number.is_some()) {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn is_confirmed(&self, receipt: &TransactionReceipt) -> Result<bool, L1Error> {
        let latest = self.provider.get_block_number().await.map_err(|e| self.error(e))?;
        let block = receipt.block_number.unwrap_or(u64::MAX);
        Ok(latest.saturating_add(1) >= block.saturating_add(self.config.confirmations.max(1)))
    }

    /// The same call at fees that replace `tx`; `None` when those are above the limit, which means
    /// waiting on.
    async fn replacement(
        &self,
        request: &TransactionRequest,
        tx: &SignedTx,
    ) -> Result<Option<SignedTx>, TxError> {
        let fees = tx.fees.bumped().max(self.market_fees(request).await?);
        match self.within_limits(fees) {
            Ok(fees) => {
                let request = TransactionRequest { gas: Some(tx.gas_limit), ..request.clone() };
                self.sign(request, tx.nonce, fees).await.map(Some)
            }
            Err(error) => {
                tracing::warn!(nonce = tx.nonce, hash = %tx.hash, %error, "fees stay");
                Ok(None)
            }
        }
    }

    /// The request with its gas limit; an estimate that reverts is an error before anything is sent.
    async fn with_gas(&self, request: TransactionRequest) -> Result<TransactionRequest, TxError> {
        // Nodes estimate blob calls from the hashes; the blobs themselves would be megabytes of JSON.
        let mut probe = request.clone();
        probe.populate_blob_hashes();
        probe.sidecar = None;
        match self.provider.estimate_gas(probe).await {
            // State may change until inclusion: a fifth more, within EIP-7825.
            Ok(gas) => {
                let gas = gas.saturating_add(gas / 5).min(limits::L1_TX_GAS_MAX);
                Ok(TransactionRequest { gas: Some(gas), ..request })
            }
            Err(error) => Err(match self.error(error) {
                L1Error::Refused { message, revert, code } if revert.is_some() || code == 3 => {
                    TxError::WouldRevert { message, revert: revert.unwrap_or_default() }
                }
                other => other.into(),
            }),
        }
    }

    /// The draft as a request without nonce, gas and fees, blob proofs included.
    async fn build(&self, draft: &TxDraft) -> Result<TransactionRequest, TxError> {
        let mut request = TransactionRequest {
            from: Some(self.sender),
            to: Some(draft.to),
            value: Some(draft.value),
            input: draft.data.clone().into(),
            chain_id: Some(self.chain_id),
            ..Default::default()
        };
        if !draft.blobs.is_empty() {
            let sidecar = sidecar(draft.blobs.clone()).await.map_err(|reason| TxError::Build { reason })?;
            request.sidecar = Some(sidecar);
        }
        Ok(request)
    }

    async fn sign(
        &self,
        mut request: TransactionRequest,
        nonce: u64,
        fees: Fees,
    ) -> Result<SignedTx, TxError> {
        request.nonce = Some(nonce);
        request.max_fee_per_gas = Some(fees.max_fee_per_gas);
        request.max_priority_fee_per_gas = Some(fees.max_priority_fee_per_gas);
        if request.sidecar.is_some() {
            request.max_fee_per_blob_gas = Some(fees.max_fee_per_blob_gas);
            request.populate_blob_hashes();
        }
        let gas_limit = request.gas.unwrap_or_default();
        let envelope =
            request.build(&self.wallet).await.map_err(|e| TxError::Build { reason: e.to_string() })?;
        Ok(SignedTx {
            nonce,
            hash: *envelope.tx_hash(),
            raw: envelope.encoded_2718().into(),
            fees,
            gas_limit,
        })
    }

    /// What gets a transaction included now: twice the base fees plus a tip.
    async fn market_fees(&self, request: &TransactionRequest) -> Result<Fees, TxError> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .map_err(|e| self.error(e))?
            .ok_or(L1Error::MissingBlock { number: 0 })?;
        let base = u128::from(block.header.base_fee_per_gas.unwrap_or_default());
        // Not every node has the method; 1 gwei is then plenty.
        let tip = self.provider.get_max_priority_fee_per_gas().await.unwrap_or(1_000_000_000);
        let blob = match request.sidecar {
            None => 0,
            Some(_) => {
                let fee = self.provider.get_blob_base_fee().await.map_err(|e| self.error(e))?;
                fee.saturating_mul(2).max(1)
            }
        };
        Ok(Fees {
            max_fee_per_gas: base.saturating_mul(2).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            max_fee_per_blob_gas: blob,
        })
    }

    fn within_limits(&self, fees: Fees) -> Result<Fees, TxError> {
        for (what, needed, limit) in [
            ("gas", fees.max_fee_per_gas, self.config.max_fee_per_gas),
            ("blob gas", fees.max_fee_per_blob_gas, self.config.max_fee_per_blob_gas),
        ] {
            if needed > limit {
                return Err(TxError::FeeLimit { what, needed, limit });
            }
        }
        Ok(fees)
    }

    fn error(&self, error: RpcError<TransportErrorKind>) -> L1Error {
        L1Error::from_rpc(&self.endpoint, error)
    }
}
