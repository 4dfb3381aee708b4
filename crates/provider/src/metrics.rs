//! What an agent counts.

use metrics::{counter, gauge};

use crate::state::Stage;

pub(crate) fn stage_reached(stage: Stage) {
    counter!("assay_provider_jobs_total", "stage" => stage.name()).increment(1);
}

pub(crate) fn refused() {
    counter!("assay_provider_refusals_total").increment(1);
}

pub(crate) fn failed(what: &'static str) {
    counter!("assay_provider_failures_total", "what" => what).increment(1);
}

pub(crate) fn jobs(open: usize) {
    gauge!("assay_provider_jobs_open").set(open as f64);
}
