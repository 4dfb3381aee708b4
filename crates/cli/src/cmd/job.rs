//! `assay job`: buying compute.

mod show;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use assay_provider::client::{Client, ClientConfig, Prepared, Serving, prepare};
use clap::Subcommand;
use eyre::{Result, WrapErr, bail};
use serde_json::json;

use crate::{keys::KeyArgs, node, out};

/// How often the chain is looked at.
const POLL: Duration = Duration::from_millis(250);

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post a job, serve its inputs, and wait for its checked outputs.
    Submit {
        /// The job (see the glossary in contracts/README.md and tests/jobs for examples).
        #[arg(value_name = "JOB.TOML")]
        file: PathBuf,
        /// Address at which providers reach this machine; the bound ones by default.
        #[arg(long, value_name = "IP:PORT")]
        advertise: Vec<SocketAddr>,
        #[command(flatten)]
        common: Common,
    },
    /// Say what a job costs at most, and run it here to say what it will cost.
    Quote {
        /// The job.
        #[arg(value_name = "JOB.TOML")]
        file: PathBuf,
        /// Do not run the job here.
        #[arg(long)]
        no_run: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Watch a job until it ends; serves its inputs again when it was posted from here.
    Watch {
        #[command(flatten)]
        which: Which,
    },
    /// Fetch a job's outputs again and check them against the agreed result.
    Fetch {
        #[command(flatten)]
        which: Which,
    },
    /// Say why a job is where it is, in words.
    Explain {
        #[command(flatten)]
        which: Which,
    },
    /// Accept a result before its challenge window is over, and pay now.
    Accept {
        #[command(flatten)]
        which: Which,
    },
    /// Take a job back, as far as the market lets.
    Cancel {
        #[command(flatten)]
        which: Which,
    },
}

/// One job on a chain.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The job's number.
    job: u64,
    #[command(flatten)]
    common: Common,
}

/// Flags of every job command.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// JSON-RPC of an L2 node.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9545", env = "ASSAY_RPC")]
    rpc: String,
    /// Folder that remembers posted jobs.
    #[arg(long, value_name = "DIR", default_value = ".assay", env = "ASSAY_CLIENT_DIR")]
    dir: PathBuf,
    /// Print JSON objects, the result last.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    key: KeyArgs,
}

impl Common {
    /// A client that signs.
    async fn client(&self) -> Result<(Client, node::NodeConfig)> {
        let node = node::config(&self.rpc).await?;
        let signer = self.key.load(node.protocol.l1_chain_id)?;
        self.client_of(node, signer).await
    }

    /// A client that only reads: it needs no key.
    async fn reader(&self) -> Result<(Client, node::NodeConfig)> {
        let node = node::config(&self.rpc).await?;
        let signer = self.key.load_or_new(node.protocol.l1_chain_id)?;
        self.client_of(node, signer).await
    }

    async fn client_of(
        &self,
        node: node::NodeConfig,
        signer: PrivateKeySigner,
    ) -> Result<(Client, node::NodeConfig)> {
        let config = ClientConfig {
            rpc: self.rpc.clone(),
            chain_id: node.protocol.l2_chain_id,
            config_hash: node.config_hash,
            dir: self.dir.clone(),
            poll: POLL,
        };
        Ok((Client::connect(config, signer).await?, node))
    }

    /// The job of `file`, prepared in a folder of its own.
    fn prepare(&self, file: &Path) -> Result<Prepared> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let dir =
            self.dir.join("submissions").join(format!("{name}-{}-{}", stamp.as_millis(), std::process::id()));
        std::fs::create_dir_all(&dir).wrap_err_with(|| format!("could not make {}", dir.display()))?;
        Ok(prepare(file, &dir)?)
    }
}

/// Runs `assay job`. A job that ends without a result gives exit code 2.
pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Submit { file, advertise, common } => submit(&file, advertise, &common).await,
        Command::Quote { file, no_run, common } => quote(&file, no_run, &common).await,
        Command::Watch { which } => watch(&which).await,
        Command::Fetch { which } => fetch(&which).await,
        Command::Explain { which } => {
            let (client, _) = which.common.reader().await?;
            show::explanation(which.job, &client.explain(which.job).await?, which.common.json);
            Ok(ExitCode::SUCCESS)
        }
        Command::Accept { which } => {
            let (client, _) = which.common.client().await?;
            client.accept(which.job).await?;
            show::ended(&client, which.job, &[], which.common.json).await
        }
        Command::Cancel { which } => {
            let (client, _) = which.common.client().await?;
            client.cancel(which.job).await?;
            show::ended(&client, which.job, &[], which.common.json).await
        }
    }
}

async fn submit(file: &Path, advertise: Vec<SocketAddr>, common: &Common) -> Result<ExitCode> {
    let prepared = common.prepare(file)?;
    let (client, _) = common.client().await?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let serving = client.serve(&prepared, any, advertise).await?;
    let submission = client.submit(&prepared, &serving).await?;
    if !common.json {
        out::say!(
            "Posted as job {}. Serving its inputs; Ctrl-C leaves it, `assay job watch {0}` comes back.",
            submission.job
        );
    }
    follow(&client, submission.job, Some(&serving), common).await?;
    finish(&client, submission.job, Some(serving), common).await
}

async fn watch(which: &Which) -> Result<ExitCode> {
    let (client, _) = which.common.client().await?;
    let serving = match client.submission(which.job) {
        Ok(submission) => Some(client.serve_again(&submission).await?),
        Err(_) => None,
    };
    follow(&client, which.job, serving.as_ref(), &which.common).await?;
    finish(&client, which.job, serving, &which.common).await
}

/// Shows every change until the job ends; calls the time-out exit that is due.
async fn follow(client: &Client, job: u64, serving: Option<&Serving>, common: &Common) -> Result<()> {
    let mut screen = show::Progress::new(job, common.json);
    loop {
        let mut due = false;
        let view = client
            .watch(job, serving, |view| {
                screen.update(view);
                due = view.exit_due;
                !due
            })
            .await?;
        if view.state == 0 {
            bail!("there is no job {job} on this chain");
        }
        if view.is_end() {
            screen.end();
            return Ok(());
        }
        // Whoever is first calls it: a refusal means that somebody else was.
        if let Err(error) = client.exit(&view, job).await {
            tracing::debug!(%error, "the time-out exit was taken by somebody else");
        }
    }
}

/// Fetches outputs when there is a result, and prints how the job ended.
async fn finish(client: &Client, job: u64, serving: Option<Serving>, common: &Common) -> Result<ExitCode> {
    let view = client.chain().view(job).await?;
    let mut written = Vec::new();
    if !view.result_root.is_zero()
        && let Ok(submission) = client.submission(job)
    {
        let bar = show::Transfer::new(common.json);
        let fetched = client.fetch(&submission, serving.as_ref(), &|done, all| bar.set(done, all)).await?;
        bar.end();
        show::fault(fetched.fault.as_deref());
        written = fetched.written;
    }
    if let Some(serving) = serving {
        serving.close().await;
    }
    show::ended(client, job, &written, common.json).await
}

async fn fetch(which: &Which) -> Result<ExitCode> {
    let (client, _) = which.common.client().await?;
    let submission = client.submission(which.job)?;
    let bar = show::Transfer::new(which.common.json);
    let fetched = client.fetch(&submission, None, &|done, all| bar.set(done, all)).await?;
    bar.end();
    show::fault(fetched.fault.as_deref());
    if which.common.json {
        out::json(&json!({"job": which.job, "provider": fetched.provider, "written": fetched.written}));
    } else {
        for path in &fetched.written {
            out::say!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn quote(file: &Path, no_run: bool, common: &Common) -> Result<ExitCode> {
    let prepared = common.prepare(file)?;
    let (client, node) = common.reader().await?;
    let escrow = client.quote(&prepared).await?;
    let dry = if no_run {
        None
    } else {
        Some(prepared.dry_run(node.config_hash, &mut |_| assay_compute::Flow::Continue)?.0)
    };
    show::quote(&prepared, escrow, dry.as_ref(), common.json);
    Ok(ExitCode::SUCCESS)
}
