//! From parsed calls to answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jsonrpsee::core::server::{
    BoundedSubscriptions, ConnectionId, Extensions, MethodCallback, MethodResponse, MethodSink, Methods,
    SubscriptionState,
};
use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::{Id, Params};
use tokio::sync::Semaphore;

use crate::limits::Limits;
use crate::request::{Body, Call, Refused, code, error, parse_body};

/// Calls of one batch that are awaited at a time.
const BATCH_CONCURRENCY: usize = 32;

/// A WebSocket connection, as far as subscriptions need it.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) connection: ConnectionId,
    pub(crate) sink: MethodSink,
    pub(crate) permits: BoundedSubscriptions,
    pub(crate) ids: Arc<dyn IdProvider>,
}

/// The method table with its limits.
pub(crate) struct Dispatcher {
    methods: Methods,
    pub(crate) limits: Limits,
    turns: Semaphore,
}

impl Dispatcher {
    pub(crate) fn new(methods: Methods, limits: Limits) -> Self {
        let turns = Semaphore::new(limits.requests_in_work_max);
        Self { methods, limits, turns }
    }

    /// Answers a body. `None` when there is nothing to answer: notifications only.
    pub(crate) async fn answer(&self, body: &[u8], subscriber: Option<&Subscriber>) -> Option<String> {
        let deadline = tokio::time::Instant::now() + self.limits.call_time_max;
        let turn = tokio::time::timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Some(refusal(Refused::new(code::LIMIT, "server is busy, try again")));
        };
        match parse_body(body, self.limits.batch_calls_max) {
            Err(refused) => Some(refusal(refused)),
            Ok(Body::One(Err(refused))) => Some(refusal(refused)),
            Ok(Body::One(Ok(call))) => {
                let response = self.call(call, subscriber, deadline).await?;
                // A subscription has sent its answer itself, before its first notification.
                (!response.is_subscription()).then(|| text(response))
            }
            Ok(Body::Batch(calls)) => self.batch(calls, deadline).await,
        }
    }

    async fn batch(
        &self,
        calls: Vec<Result<Call<'_>, Refused<'_>>>,
        deadline: tokio::time::Instant,
    ) -> Option<String> {
        let calls: Vec<BoxFuture<'_, _>> =
            calls.into_iter().map(|call| self.batched(call, deadline).boxed()).collect();
        let mut answers = stream::iter(calls).buffered(BATCH_CONCURRENCY);
        let mut out = String::from("[");
        while let Some((id, answer)) = answers.next().await {
            let Some(mut answer) = answer else { continue };
            if out.len() + answer.len() > self.limits.response_bytes_max {
                let id = id.unwrap_or(Id::Null);
                answer =
                    refusal(Refused { id, error: error(code::RESPONSE_TOO_LARGE, "response too large") });
            }
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&answer);
        }
        out.push(']');
        (out.len() > 2).then_some(out)
    }

    /// One call of a batch: its id and its answer.
    async fn batched(
        &self,
        call: Result<Call<'_>, Refused<'_>>,
        deadline: tokio::time::Instant,
    ) -> (Option<Id<'static>>, Option<String>) {
        match call {
            Ok(call) => {
                let id = call.id.clone().map(Id::into_owned);
                (id, self.call(call, None, deadline).await.map(text))
            }
            Err(refused) => (Some(refused.id.clone().into_owned()), Some(refusal(refused))),
        }
    }

    /// Runs one call. `None` for a notification.
    async fn call(
        &self,
        call: Call<'_>,
        subscriber: Option<&Subscriber>,
        deadline: tokio::time::Instant,
    ) -> Option<MethodResponse> {
        let notification = call.id.is_none();
        let id = call.id.unwrap_or(Id::Null);
        let Some((name, method)) = self.methods.method_with_name(&call.method) else {
            metrics::counter!("rpc_unknown_methods_total").increment(1);
            let message = format!("the method {} does not exist/is not available", shorten(&call.method));
            return (!notification)
                .then(|| MethodResponse::error(id, error(code::METHOD_NOT_FOUND, message)));
        };
        let started = Instant::now();
        let owned = id.clone().into_owned();
        let run = AssertUnwindSafe(self.run(id, method, call.params, subscriber)).catch_unwind();
        let response = match tokio::time::timeout_at(deadline, run).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => MethodResponse::error(owned, error(code::INTERNAL, "internal error")),
            Err(_) => MethodResponse::error(owned, error(code::TIMED_OUT, "request timed out")),
        };
        metrics::histogram!("rpc_call_seconds", "method" => name).record(started.elapsed().as_secs_f64());
        if let Some(code) = response.as_error_code() {
            metrics::counter!("rpc_errors_total", "method" => name, "code" => code.to_string()).increment(1);
        }
        (!notification).then_some(response)
    }

    async fn run(
        &self,
        id: Id<'_>,
        method: &MethodCallback,
        params: Option<&str>,
        subscriber: Option<&Subscriber>,
    ) -> MethodResponse {
        let max = self.limits.response_bytes_max;
        let connection = subscriber.map_or(ConnectionId(0), |subscriber| subscriber.connection);
        let mut extensions = Extensions::new();
        extensions.insert(connection);
        let params = Params::new(params);
        let refuse = |id, message: &str| MethodResponse::error(id, error(code::METHOD_NOT_FOUND, message));
        match (method, subscriber) {
            (MethodCallback::Sync(run), _) => run(id, params, max, extensions),
            (MethodCallback::Async(run), _) => {
                run(id.into_owned(), params.into_owned(), connection, max, extensions).await
            }
            (MethodCallback::Unsubscription(run), Some(_)) => run(id, params, connection, max, extensions),
            (MethodCallback::Subscription(run), Some(subscriber)) => {
                let Some(permit) = subscriber.permits.acquire() else {
                    let message =
                        format!("too many subscriptions: at most {}", self.limits.subscriptions_max);
                    return MethodResponse::error(id, error(code::LIMIT, message));
                };
                let state = SubscriptionState {
                    conn_id: connection,
                    id_provider: &*subscriber.ids,
                    subscription_permit: permit,
                };
                run(id, params, subscriber.sink.clone(), state, extensions).await
            }
            (MethodCallback::Unsubscription(_) | MethodCallback::Subscription(_), None) => {
                refuse(id, "notifications not supported")
            }
        }
    }
}

/// A method name short enough to be repeated in an answer.
fn shorten(name: &str) -> &str {
    match name.char_indices().nth(64) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// The answer's JSON, without a copy.
fn text(response: MethodResponse) -> String {
    Box::<str>::from(response.into_json()).into_string()
}

fn refusal(refused: Refused<'_>) -> String {
    text(MethodResponse::error(refused.id, refused.error))
}
