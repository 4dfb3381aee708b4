//! What `assay job` prints.

use std::{path::PathBuf, process::ExitCode, sync::Mutex};

use alloy::primitives::U256;
use assay_provider::{
    JobView,
    client::{Client, DryRun, Explanation, Prepared},
    job_state_words,
};
use eyre::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::out;

/// The exit code of a job that ended without a result.
const NO_RESULT: u8 = 2;
/// The state of a paid job, as a word.
const FINAL: &str = "Final";

/// A spinner that follows a job, or a JSON line for each change.
pub(super) struct Progress {
    job: u64,
    bar: Option<ProgressBar>,
    last: Option<(u8, usize)>,
}

impl Progress {
    pub(super) fn new(job: u64, json: bool) -> Self {
        let bar = (!json).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        Self { job, bar, last: None }
    }

    pub(super) fn update(&mut self, view: &JobView) {
        let here = (view.state, view.replicas.len());
        let state = job_state_words(view.state);
        let text = format!("{state}: {} of {} providers", view.replicas.len(), view.wanted);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.last != Some(here) => {
                out::json(&json!({"job": self.job, "state": state, "providers": view.replicas.len()}));
            }
            None => {}
        }
        if self.last != Some(here)
            && let Some(bar) = &self.bar
        {
            bar.println(format!("  {state}"));
        }
        self.last = Some(here);
    }

    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar over the bytes of a transfer.
pub(super) struct Transfer(Option<Mutex<ProgressBar>>);

impl Transfer {
    pub(super) fn new(json: bool) -> Self {
        Self((!json).then(|| {
            let style = ProgressStyle::with_template("  {bytes}/{total_bytes} {wide_bar} {bytes_per_sec}");
            Mutex::new(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
        }))
    }

    pub(super) fn set(&self, done: u64, all: u64) {
        if let Some(Ok(bar)) = self.0.as_ref().map(Mutex::lock) {
            bar.set_length(all);
            bar.set_position(done);
        }
    }

    pub(super) fn end(&self) {
        if let Some(Ok(bar)) = self.0.as_ref().map(Mutex::lock) {
            bar.finish_and_clear();
        }
    }
}

/// A fault of the job, in the provider's words.
pub(super) fn fault(words: Option<&str>) {
    if let Some(words) = words {
        eprintln!("The job did not run to its end. A provider says: {words}");
    }
}

/// How a job ended; the exit code says whether it was paid.
pub(super) async fn ended(client: &Client, job: u64, written: &[PathBuf], json: bool) -> Result<ExitCode> {
    let view = client.chain().view(job).await?;
    let settlement = client.settlement(job).await?;
    let status = job_state_words(view.state);
    if json {
        out::json(&json!({
            "job": job,
            "status": status,
            "work_units": view.units,
            "paid": settlement.paid().to_string(),
            "refunded": settlement.refunded.to_string(),
            "replicas": settlement.payments.len(),
            "result_root": view.result_root,
            "block": settlement.block,
            "outputs": written,
        }));
    } else {
        out::say!("Job {job} is {status}.");
        let payments =
            settlement.payments.iter().map(|(who, wei)| [format!("paid to {who}"), out::ether(*wei)]);
        let refund = [["returned to you".to_owned(), out::ether(settlement.refunded)]];
        out::say!("{}", out::table(["money", "amount"], payments.chain(refund)));
        for path in written {
            out::say!("wrote {}", path.display());
        }
        if status != FINAL {
            out::say!("`assay job explain {job}` says why.");
        }
    }
    Ok(if status == FINAL { ExitCode::SUCCESS } else { ExitCode::from(NO_RESULT) })
}

/// Everything the chain says about a job.
pub(super) fn explanation(job: u64, e: &Explanation, json: bool) {
    if json {
        out::json(&json!(e));
        return;
    }
    out::say!("Job {job} is {}.", e.state);
    for (state, why) in &e.moves {
        out::say!("  became {state}: {why}");
    }
    for (who, what) in &e.replicas {
        out::say!("  provider {who}: {what}");
    }
    for (who, why) in &e.left {
        out::say!("  provider {who} left: {why}");
    }
    for (who, why) in &e.refusals {
        out::say!("  provider {who} has not taken it: {why}");
    }
    if let Some(exit) = &e.exit {
        out::say!("  next time-out {exit}");
    }
}

/// What a job costs at most, and what a run here says it will cost.
pub(super) fn quote(prepared: &Prepared, escrow: U256, dry: Option<&DryRun>, json: bool) {
    if json {
        out::json(&json!({
            "spec_root": prepared.spec_root(),
            "image_id": prepared.image_id(),
            "plan_root": prepared.plan_root(),
            "escrow": escrow.to_string(),
            "replicas": prepared.spec().terms.replicas,
            "dry_run": dry.map(|d| json!({
                "status": format!("{:?}", d.status),
                "work_units": d.units,
                "result_root": d.result_root,
                "fault": d.fault,
            })),
        }));
        return;
    }
    let mut rows = vec![
        ["replicas".to_owned(), prepared.spec().terms.replicas.to_string()],
        ["held until the end".to_owned(), out::ether(escrow)],
        ["image".to_owned(), prepared.image_id().to_string()],
        ["plan".to_owned(), prepared.plan_root().to_string()],
    ];
    if let Some(dry) = dry {
        rows.push(["a run here ends as".to_owned(), format!("{:?}", dry.status)]);
        rows.push(["work units".to_owned(), dry.units.to_string()]);
        rows.push(["result root".to_owned(), dry.result_root.to_string()]);
    }
    out::say!("{}", out::table(["quote", ""], rows));
    fault(dry.and_then(|d| d.fault.as_deref()));
}
