//! The market and the registry through a node: what they say, and transactions that say no in words.

use std::time::Duration;

use alloy::contract::{CallBuilder, CallDecoder, Error as ContractError};
use alloy::eips::BlockNumberOrTag;
use alloy::network::Ethereum;
use alloy::primitives::{Address, B256, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionReceipt;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolEvent;
use assay_bindings::{Clock, Market, Registry};
use assay_primitives::predeploys;
use tokio::sync::Mutex;

use crate::ChainError;
use crate::words::refusal_words;

/// How long a transaction may take to be included.
const INCLUSION: Duration = Duration::from_secs(60);

/// How often a receipt is asked for.
const RECEIPT_POLL: Duration = Duration::from_millis(50);
/// Gas on top of twice the estimate.
const GAS_SPARE: u64 = 200_000;

/// A job as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its number.
    pub job: u64,
    /// Who pays.
    pub client: Address,
    /// `keccak256(abi.encode(imageId, planRoot))`.
    pub spec_root: B256,
    /// The order.
    pub order: Market::Order,
}

/// A replica of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Who runs it.
    pub provider: Address,
    /// `ReplicaState` of the market.
    pub state: u8,
    /// Revealed work units.
    pub units: u64,
    /// Revealed result; zero before.
    pub result_root: B256,
}

/// A job as the chain sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// `JobState` of the market.
    pub state: u8,
    /// Who pays.
    pub client: Address,
    /// What is to be run.
    pub spec_root: B256,
    /// Whether anybody may see inputs and outputs.
    pub public: bool,
    /// Clock time at which the time-out exit opens; zero at an end.
    pub deadline: u64,
    /// `Cause` that the time-out exit will have.
    pub exit_cause: u8,
    /// Whether the time-out exit is open.
    pub exit_due: bool,
    /// Agreed result; zero before the agreement.
    pub result_root: B256,
    /// Agreed units; zero before the agreement.
    pub units: u64,
    /// Replicas wanted.
    pub wanted: u8,
    /// Our own replica.
    pub replica: Option<ReplicaView>,
    /// All replicas.
    pub replicas: Vec<ReplicaView>,
}

impl JobView {
    /// True when nothing can happen to the job any more.
    pub fn is_end(&self) -> bool {
        use crate::state::job_state::FINAL;
        self.state == 0 || self.state >= FINAL
    }
}

/// A node, one account, and the two contracts.
#[derive(Debug)]
pub struct Chain {
    url: String,
    provider: DynProvider,
    account: Address,
    market: Market::MarketInstance<DynProvider>,
    registry: Registry::RegistryInstance<DynProvider>,
    clock: Clock::ClockInstance<DynProvider>,
    /// One transaction at a time: no gaps and no doubles of nonces.
    sending: Mutex<()>,
}

impl Chain {
    /// Connects to a node and checks that it follows `chain_id`.
    ///
    /// # Errors
    /// [`ChainError::Node`] or [`ChainError::WrongChain`].
    pub async fn connect(url: &str, signer: PrivateKeySigner, chain_id: u64) -> Result<Self, ChainError> {
        let account = signer.address();
        let node = |e: &dyn std::fmt::Display| node_error(url, e);
        // The nonce is read from the node for each transaction: what another process sent is seen.
        let provider = ProviderBuilder::default()
            .with_gas_estimation()
            .with_simple_nonce_management()
            .fetch_chain_id()
            .wallet(signer)
            .connect(url)
            .await
            .map_err(|e| node(&e))?
            .erased();
        let found = provider.get_chain_id().await.map_err(|e| node(&e))?;
        if found != chain_id {
            return Err(ChainError::WrongChain { expected: chain_id, found });
        }
        Ok(Self {
            url: url.to_owned(),
            account,
            market: Market::new(predeploys::MARKET, provider.clone()),
            registry: Registry::new(predeploys::REGISTRY, provider.clone()),
            clock: Clock::new(predeploys::CLOCK, provider.clone()),
            provider,
            sending: Mutex::new(()),
        })
    }

    /// The account whose transactions are sent.
    pub fn account(&self) -> Address {
        self.account
    }

    /// The node's client, for what is not here.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// The market.
    pub fn market(&self) -> &Market::MarketInstance<DynProvider> {
        &self.market
    }

    /// The registry.
    pub fn registry(&self) -> &Registry::RegistryInstance<DynProvider> {
        &self.registry
    }

    /// The protocol's clock, in seconds: all deadlines are in its time.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn now(&self) -> Result<u64, ChainError> {
        self.read(self.clock.timestamp()).await
    }

    /// The number the next job gets.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn next_job(&self) -> Result<u64, ChainError> {
        Ok(self.read(self.market.nextJobId()).await?.saturating_to())
    }

    /// A job as it was posted; `None` when there is no such job.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn posted(&self, job: u64) -> Result<Option<Posted>, ChainError> {
        let filter = self
            .market
            .JobPosted_filter()
            .topic1(U256::from(job))
            .from_block(BlockNumberOrTag::Earliest)
            .to_block(BlockNumberOrTag::Latest)
            .filter;
        let logs = self.provider.get_logs(&filter).await.map_err(|e| node_error(&self.url, &e))?;
        let Some(log) = logs.last() else { return Ok(None) };
        let event = Market::JobPosted::decode_log(&log.inner).map_err(|e| node_error(&self.url, &e))?;
        let Market::JobPosted { client, specRoot: spec_root, order, .. } = event.data;
        Ok(Some(Posted { job, client, spec_root, order }))
    }

    /// A job as the chain sees it now; its state is zero when there is no such job.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn view(&self, job: u64) -> Result<JobView, ChainError> {
        let id = U256::from(job);
        let found = self.read(self.market.job(id)).await?;
        let mut view = JobView {
            state: found.state,
            client: found.client,
            spec_root: found.specRoot,
            public: found.audience == 2,
            deadline: found.deadline,
            exit_cause: 0,
            exit_due: false,
            result_root: found.resultRoot,
            units: found.units,
            wanted: found.replicas,
            replica: None,
            replicas: Vec::new(),
        };
        if found.state == 0 {
            return Ok(view);
        }
        let exit = self.read(self.market.exit(id)).await?;
        (view.exit_cause, view.exit_due) = (exit.cause, exit.due);
        for replica in self.read(self.market.replicas(id)).await? {
            let Market::Replica { provider, state, units, resultRoot: result_root, .. } = replica;
            let replica = ReplicaView { provider, state, units, result_root };
            view.replicas.push(replica);
            if provider == self.account {
                view.replica = Some(replica);
            }
        }
        Ok(view)
    }

    /// Why this account may not take a job, in words; `None` when it may.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn refusal(&self, job: u64) -> Result<Option<String>, ChainError> {
        let found = self.read(self.market.refusal(U256::from(job), self.account)).await?;
        let words = || refusal_words(found.code, &found.needed.to_string(), &found.have.to_string());
        Ok((found.code != 0).then(words))
    }

    /// A provider's entry in the registry; zero values when it is not registered.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn registered(&self, account: Address) -> Result<Registry::Provider, ChainError> {
        // The instance's own `provider()` is the node's client, not the contract's function.
        self.read(self.registry.call_builder(&Registry::providerCall { account })).await
    }

    /// A provider's place on the data plane, as `PeerAddr::encode` wrote it; not yet checked.
    ///
    /// # Errors
    /// [`ChainError::Node`].
    pub async fn endpoint(&self, account: Address) -> Result<Vec<u8>, ChainError> {
        let found = self.read(self.registry.endpoint(account)).await?;
        Ok([found.id.as_slice(), &found.hints].concat())
    }

    /// Simulates a call from this account; a refusal comes in words.
    pub(crate) async fn simulate<D: CallDecoder>(
        &self,
        name: &'static str,
        call: CallBuilder<&DynProvider, D, Ethereum>,
    ) -> Result<D::CallOutput, ChainError> {
        call.from(self.account).call().await.map_err(|e| self.explain(name, &e))
    }

    /// Calls a view.
    pub(crate) async fn read<D: CallDecoder>(
        &self,
        call: CallBuilder<&DynProvider, D, Ethereum>,
    ) -> Result<D::CallOutput, ChainError> {
        call.call().await.map_err(|e| node_error(&self.url, &e))
    }

    /// Simulates, signs, sends and waits for a transaction.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with the contract's reason: from the simulation, nothing was sent;
    /// [`ChainError::Unconfirmed`] when it may or may not be included.
    pub(crate) async fn send<D: CallDecoder>(
        &self,
        name: &'static str,
        call: CallBuilder<&DynProvider, D, Ethereum>,
    ) -> Result<TransactionReceipt, ChainError> {
        let _turn = self.sending.lock().await;
        let call = call.from(self.account);
        let gas = call.estimate_gas().await.map_err(|e| self.explain(name, &e))?;
        // Another replica's transaction may come first and leave the costly change of state to ours.
        let call = call.gas(gas.saturating_mul(2).saturating_add(GAS_SPARE));
        let pending = call.send().await.map_err(|e| self.explain(name, &e))?;
        let hash = *pending.tx_hash();
        let waited = INCLUSION;
        let receipt = tokio::time::timeout(waited, self.receipt(hash)).await;
        let receipt = receipt.map_err(|_| ChainError::Unconfirmed { call: name, hash, waited })?;
        if !receipt.status() {
            let reason = "the state changed between simulation and inclusion".to_owned();
            return Err(ChainError::Reverted { call: name, reason });
        }
        tracing::debug!(call = name, %hash, gas = receipt.gas_used, "transaction included");
        Ok(receipt)
    }

    /// The receipt, as soon as there is one. Asked for by hash: a watcher of new blocks misses a transaction
    /// whose block it saw before it was told of it.
    async fn receipt(&self, hash: B256) -> TransactionReceipt {
        loop {
            match self.provider.get_transaction_receipt(hash).await {
                Ok(Some(receipt)) => return receipt,
                Ok(None) => {}
                Err(e) => tracing::debug!(error = %e, "the node does not answer"),
            }
            tokio::time::sleep(RECEIPT_POLL).await;
        }
    }

    fn explain(&self, call: &'static str, error: &ContractError) -> ChainError {
        use Market::MarketErrors;
        use Registry::RegistryErrors;
        if let Some(found) = error.as_decoded_interface_error::<MarketErrors>() {
            let reason = match found {
                MarketErrors::Refused(r) => refusal_words(r.code, &r.needed.to_string(), &r.have.to_string()),
                other => format!("{other:?}"),
            };
            return ChainError::Reverted { call, reason };
        }
        if let Some(found) = error.as_decoded_interface_error::<RegistryErrors>() {
            return ChainError::Reverted { call, reason: format!("{found:?}") };
        }
        match error {
            ContractError::TransportError(e) if e.is_error_resp() => {
                ChainError::Reverted { call, reason: e.to_string() }
            }
            _ => node_error(&self.url, error),
        }
    }
}

fn node_error(url: &str, error: &dyn std::fmt::Display) -> ChainError {
    ChainError::Node { url: url.to_owned(), reason: error.to_string() }
}
