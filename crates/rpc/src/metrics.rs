use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Another recorder is installed already, or the buckets are wrong.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] BuildError);

/// Bucket bounds of every histogram whose name ends in `_seconds`.
const SECONDS: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Makes this process collect its metrics for Prometheus; the handle renders them. Once per process.
///
/// # Errors
/// [`MetricsError`] when a recorder is installed already.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsError> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    Ok(builder.install_recorder()?)
}
