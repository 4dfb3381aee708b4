//! The agent's loop: looks at the chain, asks `state` what to do, does it, writes it down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use assay_storage::Journal;
use assay_transport::{DataPlane, Limits};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bundle;
use crate::chain::{Chain, JobView};
use crate::config::{Config, Misbehaviour};
use crate::journal::{Jobs, Outcome, Record, Tracked};
use crate::mailbox::{MAILBOX, Message, ProviderHandle};
use crate::state::{Next, Stage, job_state, next};
use crate::work::{Tools, WorkError};
use crate::{AgentError, JobSummary, metrics, register};

/// Jobs newly looked at in one round.
const SCAN_MAX: u64 = 64;
/// First and longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Who may read which topic, written by the loop and read by the data plane.
type Doors = Arc<RwLock<BTreeMap<B256, Door>>>;

/// Who may read a topic.
#[derive(Clone, Debug)]
enum Door {
    Everybody,
    Only(BTreeSet<Address>),
}

/// What a finished piece of work says.
#[derive(Debug)]
enum Done {
    /// The chain has moved, or will: look again.
    Sent,
    Fetched,
    Computed(Outcome),
    Failed(WorkError),
}

/// A pause after failures.
#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

/// An agent that sells compute. One task; `run` it until it is cancelled.
pub struct ProviderAgent {
    tools: Tools,
    jobs_journal: Jobs,
    tracked: BTreeMap<u64, Tracked>,
    views: BTreeMap<u64, JobView>,
    /// Jobs not taken, and why; looked at again while they are open.
    refused: BTreeMap<u64, String>,
    /// Lowest job number that may still become ours.
    cursor: u64,
    pauses: BTreeMap<u64, Pause>,
    /// Work under way: how to stop it, and its task.
    busy: BTreeMap<u64, (CancellationToken, tokio::task::Id)>,
    work: JoinSet<(u64, Done)>,
    served: BTreeSet<u64>,
    ended: BTreeMap<u64, Instant>,
    /// The market may owe us something: after a job's end, and after a start.
    collect: bool,
    doors: Doors,
    mailbox: mpsc::Receiver<Message>,
}

impl ProviderAgent {
    /// Opens journal and data plane, connects to the node, registers or updates the registration.
    ///
    /// # Errors
    /// [`AgentError`] in words when any of it fails.
    pub async fn new(config: Config, signer: PrivateKeySigner) -> Result<(Self, ProviderHandle), AgentError> {
        config.check()?;
        let file = |source| AgentError::File { path: config.dir.clone(), source };
        std::fs::create_dir_all(config.dir.join("jobs")).map_err(file)?;
        let chain = Chain::connect(&config.rpc, signer.clone(), config.chain_id).await?;
        let journal = format!("sqlite:{}", config.dir.join("journal.sqlite").display());
        let jobs_journal = Jobs::new(Journal::open(&journal).await?);
        let tracked: BTreeMap<_, _> =
            jobs_journal.load().await?.into_iter().map(|t| (t.record.job, t)).collect();

        let doors = Doors::default();
        let policy = {
            let doors = Arc::clone(&doors);
            move |address: Address, topic: B256| {
                let doors = doors.read().unwrap_or_else(PoisonError::into_inner);
                match doors.get(&topic) {
                    Some(Door::Everybody) => true,
                    Some(Door::Only(who)) => who.contains(&address),
                    None => false,
                }
            }
        };
        let plane_config = assay_transport::Config {
            dir: config.dir.join("plane"),
            bind: config.listen,
            advertise: config.advertise.clone(),
            chain_id: config.chain_id,
            limits: Limits { blob_bytes_max: config.memory_max, ..Limits::default() },
        };
        let address = signer.address();
        let plane = DataPlane::open(plane_config, address, &signer, Arc::new(policy)).await?;
        register::register(&config, &chain, &plane.addr()).await?;

        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let handle = ProviderHandle { mailbox, address, peer: plane.addr() };
        let runs = Arc::new(Semaphore::new(config.runs_max));
        let tools = Tools { config: Arc::new(config), chain: Arc::new(chain), plane: Arc::new(plane), runs };
        let agent = Self {
            tools,
            jobs_journal,
            tracked,
            views: BTreeMap::new(),
            refused: BTreeMap::new(),
            cursor: 1,
            pauses: BTreeMap::new(),
            busy: BTreeMap::new(),
            work: JoinSet::new(),
            served: BTreeSet::new(),
            ended: BTreeMap::new(),
            collect: true,
            doors,
            mailbox: messages,
        };
        Ok((agent, handle))
    }

    /// Works until `cancel`, then leaves everything as a restart expects it.
    ///
    /// # Errors
    /// [`AgentError`] when the journal fails: without it nothing may be sent.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), AgentError> {
        let mut tick = tokio::time::interval(self.tools.config.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = tick.tick() => {
                    if let Err(e) = self.round().await {
                        let AgentError::Chain(e) = e else { return Err(e) };
                        metrics::failed("node");
                        tracing::warn!(error = %e, "the chain cannot be read");
                    }
                }
                Some(done) = self.work.join_next() => match done {
                    Ok((job, done)) => self.finish(job, done).await?,
                    // A task that panicked is a bug; its job is tried again by the next round.
                    Err(e) => {
                        tracing::error!(error = %e, "a piece of work ended badly");
                        self.busy.retain(|_, (_, task)| *task != e.id());
                    }
                },
                Some(message) = self.mailbox.recv() => self.answer(message),
            }
        }
        self.work.shutdown().await;
        if let Some(plane) = Arc::into_inner(self.tools.plane) {
            plane.close().await;
        }
        Ok(())
    }

    fn answer(&self, message: Message) {
        let Message::Jobs(answer) = message;
        let mut jobs: Vec<_> = self.tracked.values().map(Tracked::summary).collect();
        jobs.extend(self.refused.iter().map(|(job, reason)| JobSummary {
            job: *job,
            stage: "refused".into(),
            units: None,
            result_root: None,
            reason: Some(reason.clone()),
        }));
        jobs.sort_by_key(|j| j.job);
        // Whoever asked may have gone.
        let _ = answer.send(jobs);
    }

    /// Looks at the chain once and starts what is due.
    async fn round(&mut self) -> Result<(), AgentError> {
        self.discover().await?;
        let open: Vec<u64> = self.tracked.keys().copied().collect();
        for job in open {
            self.look(job).await?;
        }
        self.forget_old().await?;
        if self.collect {
            self.tools.withdraw().await?;
            self.collect = false;
        }
        let working = self.tracked.values().filter(|t| !t.stage.is_end()).count();
        metrics::jobs(working);
        Ok(())
    }

    /// Takes new jobs into the journal, as far as this agent wants them.
    async fn discover(&mut self) -> Result<(), AgentError> {
        let end = self.tools.chain.next_job().await?;
        let mut waiting = false;
        for job in (self.cursor..end).take(SCAN_MAX as usize) {
            let seen = self.tracked.contains_key(&job);
            let open = !seen && self.consider(job).await?;
            waiting |= open;
            if !waiting {
                self.cursor = job + 1;
            }
        }
        Ok(())
    }

    /// Looks at a job that is not ours. Returns whether it may still become ours.
    async fn consider(&mut self, job: u64) -> Result<bool, AgentError> {
        let chain = &self.tools.chain;
        if chain.view(job).await?.state != job_state::OPEN {
            self.refused.remove(&job);
            return Ok(false);
        }
        let working = self.tracked.values().filter(|t| !t.stage.is_end()).count();
        let reason = if working >= self.tools.config.jobs_max {
            Some(format!("this provider works on {working} jobs already"))
        } else {
            chain.refusal(job).await?
        };
        let posted = chain.posted(job).await?;
        let reason = reason.or_else(|| posted.is_none().then(|| "the order's event is not there".into()));
        match (reason, posted) {
            (None, Some(posted)) => {
                let tracked = Tracked { stage: Stage::Taking, record: Record::new(&posted) };
                self.jobs_journal.insert(&tracked).await?;
                self.tracked.insert(job, tracked);
                self.refused.remove(&job);
                self.reached(job, Stage::Taking);
                Ok(false)
            }
            (reason, _) => {
                let reason = reason.unwrap_or_default();
                if self.refused.insert(job, reason.clone()).as_ref() != Some(&reason) {
                    metrics::refused();
                    tracing::info!(job, %reason, "job refused");
                }
                Ok(true)
            }
        }
    }

    /// Looks at one of our jobs and does what can be done at once, or starts what takes time.
    async fn look(&mut self, job: u64) -> Result<(), AgentError> {
        let Some(stage) = self.tracked.get(&job).map(|t| t.stage) else { return Ok(()) };
        if stage == Stage::Lost || (stage == Stage::Settled && self.served.contains(&job)) {
            return Ok(());
        }
        let view = self.tools.chain.view(job).await?;
        self.open_doors(job, &view);
        self.views.insert(job, view.clone());
        if stage >= Stage::Computed && !self.served.contains(&job) {
            match self.tools.serve(job).await {
                Ok(()) => {
                    self.served.insert(job);
                }
                Err(e) => tracing::warn!(job, error = %e, "outputs are not served yet"),
            }
        }
        // Records follow one another without waiting for the chain.
        while let Some(tracked) = self.tracked.get(&job).cloned() {
            match next(tracked.memory(), &view) {
                Next::Wait => break,
                Next::Record(stage) => self.advance(job, stage, |_| ()).await?,
                Next::Lose(reason) => self.lose(job, reason).await?,
                Next::Seal => {
                    let salt = B256::from(rand::random::<[u8; 32]>());
                    self.advance(job, Stage::Sealed, |record| record.salt = Some(salt)).await?;
                }
                long => {
                    self.start(job, long, &tracked.record, &view);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Starts a piece of work, unless one is under way, a pause is on, or we misbehave.
    fn start(&mut self, job: u64, next: Next, record: &Record, view: &JobView) {
        let paused = self.pauses.get(&job).is_some_and(|p| p.until > Instant::now());
        if paused || self.busy.contains_key(&job) {
            return;
        }
        match self.tools.config.misbehave {
            Some(Misbehaviour::VanishAfterAck) if matches!(next, Next::Run | Next::Commit) => return,
            Some(Misbehaviour::NoReveal) if next == Next::Reveal => return,
            _ => {}
        }
        let cancel = CancellationToken::new();
        let (tools, record, view) = (self.tools.clone(), record.clone(), view.clone());
        let token = cancel.clone();
        let task = self.work.spawn(async move {
            let cancel = token;
            let done = match next {
                Next::Take => tools.take(job).await.map(|()| Done::Sent),
                Next::Fetch => tools.fetch(&record, &view).await.map(|()| Done::Fetched),
                Next::Ack => tools.ack(job).await.map(|()| Done::Sent),
                Next::Run => tools.run(&record, &view, &cancel).await.map(Done::Computed),
                Next::Commit => tools.commit(&record).await.map(|()| Done::Sent),
                Next::Reveal => tools.reveal(&record).await.map(|()| Done::Sent),
                Next::Exit => tools.exit(job, view.state).await.map(|()| Done::Sent),
                Next::Wait | Next::Record(_) | Next::Lose(_) | Next::Seal => Ok(Done::Sent),
            };
            (job, done.unwrap_or_else(Done::Failed))
        });
        self.busy.insert(job, (cancel, task.id()));
    }

    /// Takes in what a piece of work says and looks at the job again.
    async fn finish(&mut self, job: u64, done: Done) -> Result<(), AgentError> {
        self.busy.remove(&job);
        match done {
            Done::Sent => {}
            Done::Fetched => self.advance_from(job, Stage::Taken, Stage::Fetched, |_| ()).await?,
            Done::Computed(outcome) => {
                let keep = |record: &mut Record| record.result = Some(outcome);
                self.advance_from(job, Stage::Acked, Stage::Computed, keep).await?;
            }
            Done::Failed(WorkError::Lost(reason)) => {
                let over = self.tracked.get(&job).is_none_or(|t| t.stage.is_end());
                if !over {
                    self.lose(job, reason).await?;
                }
                return Ok(());
            }
            Done::Failed(WorkError::Retry(reason)) => {
                metrics::failed("work");
                let length = self.pauses.get(&job).map_or(PAUSE.0, |p| (p.length * 2).min(PAUSE.1));
                self.pauses.insert(job, Pause { until: Instant::now() + length, length });
                tracing::warn!(job, %reason, pause = ?length, "will try again");
                return Ok(());
            }
        }
        self.pauses.remove(&job);
        match self.look(job).await {
            // The next round looks again.
            Err(AgentError::Chain(_)) => Ok(()),
            other => other,
        }
    }

    async fn advance_from(
        &mut self,
        job: u64,
        from: Stage,
        to: Stage,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), AgentError> {
        // The job may have been lost while the work was done.
        match self.tracked.get(&job) {
            Some(tracked) if tracked.stage == from => self.advance(job, to, change).await,
            _ => Ok(()),
        }
    }

    /// Writes a stage to the journal, then believes it.
    async fn advance(
        &mut self,
        job: u64,
        to: Stage,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), AgentError> {
        let Some(old) = self.tracked.get(&job) else { return Ok(()) };
        let mut new = old.clone();
        new.stage = to;
        change(&mut new.record);
        self.jobs_journal.advance(old.stage, &new).await?;
        self.tracked.insert(job, new);
        self.reached(job, to);
        if to.is_end() {
            self.ended.insert(job, Instant::now());
            self.collect = true;
        }
        Ok(())
    }

    async fn lose(&mut self, job: u64, reason: String) -> Result<(), AgentError> {
        tracing::info!(job, %reason, "job lost");
        if let Some((cancel, _)) = self.busy.get(&job) {
            cancel.cancel();
        }
        self.advance(job, Stage::Lost, |record| record.reason = Some(reason)).await
    }

    fn reached(&self, job: u64, stage: Stage) {
        tracing::info!(job, %stage, "job moved on");
        metrics::stage_reached(stage);
        if self.tools.config.crash_at == Some(stage) {
            tracing::warn!(job, %stage, "stopping as if killed, as asked");
            std::process::abort();
        }
    }

    /// Lets the job's people read the outputs once every result is public, and nobody before.
    fn open_doors(&self, job: u64, view: &JobView) {
        let topic = bundle::outputs_topic(self.tools.config.chain_id, job);
        let revealed =
            matches!(view.state, job_state::CHALLENGEABLE | job_state::DISPUTED | job_state::FINAL);
        let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
        if !revealed {
            doors.remove(&topic);
            return;
        }
        let door = match view.public {
            true => Door::Everybody,
            false => {
                let replicas = view.replicas.iter().map(|r| r.provider);
                Door::Only(replicas.chain([view.client]).collect())
            }
        };
        doors.insert(topic, door);
    }

    /// Forgets jobs whose outputs were served long enough.
    async fn forget_old(&mut self) -> Result<(), AgentError> {
        let over: Vec<u64> =
            self.tracked.values().filter(|t| t.stage.is_end()).map(|t| t.record.job).collect();
        for job in over {
            // A restart begins the time anew: outputs are served longer, never shorter.
            let since = *self.ended.entry(job).or_insert_with(Instant::now);
            if since.elapsed() < self.tools.config.retention {
                continue;
            }
            let topic = bundle::outputs_topic(self.tools.config.chain_id, job);
            self.tools.plane.withdraw(topic).await?;
            match std::fs::remove_dir_all(self.tools.job_dir(job)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(job, error = %e, "the job's folder stays");
                }
                _ => {}
            }
            if let Some(tracked) = self.tracked.remove(&job) {
                self.jobs_journal.remove(&tracked).await?;
            }
            self.views.remove(&job);
            self.ended.remove(&job);
            self.served.remove(&job);
            self.doors.write().unwrap_or_else(PoisonError::into_inner).remove(&topic);
        }
        Ok(())
    }
}
