#![doc = include_str!("../README.md")]

mod dispatch;
mod limits;
mod metrics;
mod request;
mod router;
mod serve;
#[cfg(test)]
mod tests;
mod ws;

pub use self::limits::Limits;
pub use self::metrics::{MetricsError, install_metrics};
pub use self::router::{Readiness, RpcParts, router};
pub use self::serve::serve;
