//! Connections: how many, how slow, and how they end.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// Open connections; more wait in the listener's queue.
const CONNECTIONS_MAX: usize = 8192;
/// Longest time between the first and the last byte of a request's head, and longest idle time between two requests.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest wait for running requests after `cancel`.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Wait after the system refused a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `cancel`, then lets running requests finish, for ten seconds at most. Heads that come too slowly are cut off.
pub async fn serve(listener: TcpListener, router: Router, cancel: CancellationToken) -> std::io::Result<()> {
    serve_with(listener, router, cancel, HEADERS_TIME_MAX).await
}

pub(crate) async fn serve_with(
    listener: TcpListener,
    router: Router,
    cancel: CancellationToken,
    headers_time_max: Duration,
) -> std::io::Result<()> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(headers_time_max);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(headers_time_max).enable_connect_protocol();
    let builder = Arc::new(builder);
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let (stream, seat) = tokio::select! {
            () = cancel.cancelled() => break,
            next = next(&listener, &seats) => match next {
                Some(next) => next,
                None => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        connections.spawn(connection(builder.clone(), stream, router.clone(), cancel.clone(), seat));
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
        tracing::warn!(left = connections.len(), "connections cut off");
    }
    Ok(())
}

/// The next connection, when there is a seat for it; `None` if the system refused it.
async fn next(listener: &TcpListener, seats: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let seat = seats.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, seat)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    builder: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    router: Router,
    cancel: CancellationToken,
    seat: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true); // without it answers are only slower
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
    drop(seat);
}
