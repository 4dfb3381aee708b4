//! The pool as a service: admission in parallel, answers to those who wait.

use crate::{
    admission::{Payload, StaticChecks},
    clock::{Alarm, Clock},
    pool::{AccountCode, AccountView, Admitted, ChainLimits, DropReason, Pool, PoolConfig},
};
use alloy::primitives::{Address, B256, Bytes};
use assay_execution::{Account, Recovered};
use assay_node::{
    Chain, PoolContent, PoolError as Refusal, PoolSide, PoolStatus, PreconfReceipt, StateError, StateView,
    SyncError, TxPool,
};
use assay_primitives::ChainConfig;
use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Semaphore, broadcast, oneshot};

/// Admissions that may be under way at a time; more are told to come back.
const ADMISSIONS_MAX: usize = 16_384;
/// Transactions that may be waited for at a time.
const WAITERS_MAX: usize = 65_536;
/// Announcements a slow subscriber may lag.
const ANNOUNCEMENTS: usize = 8_192;

/// How a transaction that somebody waits for ended.
pub(crate) type Verdict = Result<PreconfReceipt, DropReason>;

/// The transaction pool of a sequencer. Clones share it.
#[derive(Clone)]
pub struct Mempool {
    inner: Arc<Inner>,
}

struct Inner {
    checks: StaticChecks,
    chain: Chain,
    clock: Arc<dyn Clock>,
    alarm: Arc<Alarm>,
    workers: rayon::ThreadPool,
    admissions: Arc<Semaphore>,
    pool: Mutex<Pool<Payload>>,
    waiters: Mutex<HashMap<B256, Vec<oneshot::Sender<Verdict>>>>,
    announcements: broadcast::Sender<Payload>,
    /// Why nothing is accepted now.
    closed: RwLock<Option<String>>,
}

impl std::fmt::Debug for Mempool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mempool").field("stats", &self.inner.pool.lock().stats()).finish_non_exhaustive()
    }
}

impl Mempool {
    pub(crate) fn new(
        config: PoolConfig,
        chain: Chain,
        params: Arc<ChainConfig>,
        clock: Arc<dyn Clock>,
        alarm: Arc<Alarm>,
        threads: usize,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let limits = ChainLimits {
            base_fee_min: u128::from(params.base_fee_min),
            tx_gas_limit: params.block_gas_limit,
        };
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("admission-{n}"))
            .build()?;
        let inner = Inner {
            checks: StaticChecks::new(params, &config),
            chain,
            clock,
            alarm,
            workers,
            admissions: Arc::new(Semaphore::new(ADMISSIONS_MAX)),
            pool: Mutex::new(Pool::new(config, limits)),
            waiters: Mutex::new(HashMap::new()),
            announcements: broadcast::channel(ANNOUNCEMENTS).0,
            closed: RwLock::new(None),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `f` on the pool, then tells those who waited for what it dropped.
    pub(crate) fn with_pool<R>(&self, f: impl FnOnce(&mut Pool<Payload>) -> R) -> R {
        self.inner.with_pool(f)
    }

    /// Those of `hashes` that somebody waits for.
    pub(crate) fn is_awaited(&self, hash: &B256) -> bool {
        self.inner.waiters.lock().contains_key(hash)
    }

    /// Answers those who wait for these transactions. Their segment is durable.
    pub(crate) fn confirm(&self, receipts: Vec<PreconfReceipt>) {
        for receipt in receipts {
            self.inner.answer(receipt.tx.hash, Ok(receipt));
        }
    }

    /// Refuses everything from now on, with this reason; `None` accepts again.
    pub(crate) fn close(&self, reason: Option<String>) {
        *self.inner.closed.write() = reason;
    }

    /// Puts transactions back that were in blocks which are gone, in their order. Those that do not fit are dropped.
    pub(crate) fn put_back(&self, txs: impl IntoIterator<Item = Payload>) -> usize {
        txs.into_iter().filter(|tx| self.inner.add(crate::admission::pool_tx(tx.clone())).is_ok()).count()
    }

    async fn admit(&self, raw: Bytes, waiter: Option<oneshot::Sender<Verdict>>) -> Result<B256, Refusal> {
        if let Some(reason) = self.inner.closed.read().clone() {
            return Err(Refusal::Unavailable(reason));
        }
        let Ok(permit) = self.inner.admissions.clone().try_acquire_owned() else {
            return Err(Refusal::Unavailable("too many transactions are being checked".into()));
        };
        let (sender, receiver) = oneshot::channel();
        let inner = self.inner.clone();
        self.inner.workers.spawn_fifo(move || {
            let _ = sender.send(inner.admit(&raw, waiter));
            drop(permit);
        });
        receiver.await.unwrap_or_else(|_| Err(Refusal::Unavailable("stopping".into())))
    }
}

impl Inner {
    fn admit(&self, raw: &[u8], waiter: Option<oneshot::Sender<Verdict>>) -> Result<B256, Refusal> {
        let tx = self.checks.admit(raw)?;
        let hash = tx.hash;
        if let Some(waiter) = waiter {
            let mut waiters = self.waiters.lock();
            if waiters.len() >= WAITERS_MAX {
                return Err(Refusal::Unavailable("too many transactions are waited for".into()));
            }
            // before it can be executed, so that the answer is not missed
            waiters.entry(hash).or_default().push(waiter);
        }
        match self.add(tx) {
            Ok(_) => Ok(hash),
            Err(refusal) => {
                // who sent it first goes on waiting
                if refusal != Refusal::AlreadyKnown {
                    self.waiters.lock().remove(&hash);
                }
                Err(refusal)
            }
        }
    }

    fn add(&self, tx: crate::pool::PoolTx<Payload>) -> Result<Admitted, Refusal> {
        let payload = tx.payload.clone();
        let now_secs = self.clock.now_ms() / 1000;
        let state = self.chain.pending_state();
        let view =
            account_view(&state, tx.sender).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let admitted = self.with_pool(|pool| pool.add(tx, &view, now_secs))?;
        metrics::counter!("assay_pool_admitted_total").increment(1);
        if admitted == Admitted::Executable {
            self.alarm.ring();
            // nobody listening is fine
            let _ = self.announcements.send(payload);
        }
        Ok(admitted)
    }

    fn with_pool<R>(&self, f: impl FnOnce(&mut Pool<Payload>) -> R) -> R {
        let (result, dropped) = {
            let mut pool = self.pool.lock();
            (f(&mut pool), pool.take_dropped())
        };
        for (hash, reason) in dropped {
            metrics::counter!("assay_pool_dropped_total", "reason" => reason.name()).increment(1);
            self.answer(hash, Err(reason));
        }
        result
    }

    fn answer(&self, hash: B256, verdict: Verdict) {
        let Some(waiters) = self.waiters.lock().remove(&hash) else { return };
        for waiter in waiters {
            // whoever stopped waiting does not mind
            let _ = waiter.send(verdict.clone());
        }
    }

    /// Forgets waiters of `hash` that gave up.
    fn sweep(&self, hash: &B256) {
        let mut waiters = self.waiters.lock();
        if let Some(list) = waiters.get_mut(hash) {
            list.retain(|waiter| !waiter.is_closed());
            if list.is_empty() {
                waiters.remove(hash);
            }
        }
    }
}

/// The account as admission sees it.
pub(crate) fn account_view(state: &StateView, address: Address) -> Result<AccountView, StateError> {
    let Account { nonce, balance, code_hash } = state.account(address)?.unwrap_or_default();
    let code = match code_hash == Account::default().code_hash {
        true => AccountCode::None,
        false if state.code(code_hash)?.is_eip7702() => AccountCode::Delegated,
        false => AccountCode::Contract,
    };
    Ok(AccountView { nonce, balance, code })
}

impl DropReason {
    /// One word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Evicted => "evicted",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

fn refusal(reason: DropReason) -> Refusal {
    match reason {
        DropReason::Replaced => Refusal::ReplacementUnderpriced,
        DropReason::Evicted => Refusal::Full,
        DropReason::Stale => Refusal::Rejected("nonce was used by another transaction".into()),
        DropReason::Invalid => Refusal::Rejected("it can no longer be executed".into()),
        DropReason::Expired => Refusal::Rejected("earlier nonces did not arrive in time".into()),
    }
}

fn side(
    content: BTreeMap<Address, Vec<Arc<crate::pool::PoolTx<Payload>>>>,
    only: Option<Address>,
) -> PoolSide {
    let wanted = |sender: &Address| only.is_none_or(|only| only == *sender);
    let by_nonce = |txs: Vec<Arc<crate::pool::PoolTx<Payload>>>| {
        txs.into_iter().map(|tx| (tx.nonce, tx.payload.clone())).collect()
    };
    content
        .into_iter()
        .filter(|(sender, _)| wanted(sender))
        .map(|(sender, txs)| (sender, by_nonce(txs)))
        .collect()
}

impl TxPool for Mempool {
    fn submit(&self, raw: Bytes) -> BoxFuture<'_, Result<B256, Refusal>> {
        Box::pin(self.admit(raw, None))
    }

    fn submit_sync(&self, raw: Bytes, timeout: Duration) -> BoxFuture<'_, Result<PreconfReceipt, SyncError>> {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            // a hash that is known already is waited for all the same
            let hash = alloy::primitives::keccak256(&raw);
            match self.admit(raw, Some(sender)).await {
                Ok(_) | Err(Refusal::AlreadyKnown) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            let verdict = tokio::time::timeout(timeout, receiver).await;
            match verdict {
                Ok(Ok(Ok(receipt))) => Ok(receipt),
                Ok(Ok(Err(reason))) => Err(SyncError::Dropped { hash, reason: refusal(reason) }),
                Ok(Err(_)) => Err(Refusal::Unavailable("stopping".into()).into()),
                Err(_) => {
                    self.inner.sweep(&hash);
                    Err(SyncError::Timeout { hash, timeout })
                }
            }
        })
    }

    fn pending_nonce(&self, sender: Address) -> Option<u64> {
        self.inner.pool.lock().next_nonce(&sender)
    }

    fn transaction(&self, hash: B256) -> Option<Arc<Recovered>> {
        self.inner.pool.lock().get(&hash).map(|tx| tx.payload.clone())
    }

    fn status(&self) -> PoolStatus {
        let stats = self.inner.pool.lock().stats();
        PoolStatus { pending: stats.pending as u64, queued: stats.queued as u64 }
    }

    fn content(&self, sender: Option<Address>) -> PoolContent {
        let [pending, queued] = self.inner.pool.lock().content();
        PoolContent { pending: side(pending, sender), queued: side(queued, sender) }
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Recovered>> {
        self.inner.announcements.subscribe()
    }
}
