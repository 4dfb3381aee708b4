//! The axum router: JSON-RPC, health, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jsonrpsee::core::server::Methods;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::dispatch::Dispatcher;
use crate::limits::Limits;
use crate::ws;

/// Says whether the node can serve; the error is the reason why not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the router serves.
#[derive(Clone)]
pub struct RpcParts {
    /// The method table.
    pub methods: Methods,
    /// What clients may use.
    pub limits: Limits,
    /// Origins that browsers may call from; `*` for any.
    pub cors_origins: Vec<String>,
    /// For `/readyz`.
    pub ready: Readiness,
    /// For `/metrics`; without it the page is not there.
    pub metrics: Option<PrometheusHandle>,
}

impl RpcParts {
    /// Defaults: standard limits, any origin, always ready, no metrics page.
    pub fn new(methods: impl Into<Methods>) -> Self {
        Self {
            methods: methods.into(),
            limits: Limits::default(),
            cors_origins: vec!["*".to_owned()],
            ready: Arc::new(|| Ok(())),
            metrics: None,
        }
    }
}

struct Server {
    dispatcher: Arc<Dispatcher>,
    ready: Readiness,
    metrics: Option<PrometheusHandle>,
    connections: Arc<AtomicUsize>,
}

/// The router: `POST /` and WebSocket on `/` and `/ws`, `/healthz`, `/readyz`, `/metrics`. Other routes may be merged.
pub fn router(parts: RpcParts) -> Router {
    let cors = cors(&parts.cors_origins);
    let server = Arc::new(Server {
        dispatcher: Arc::new(Dispatcher::new(parts.methods, parts.limits)),
        ready: parts.ready,
        metrics: parts.metrics,
        connections: Arc::default(),
    });
    Router::new()
        .route("/", get(upgrade).post(post))
        .route("/ws", get(upgrade))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .layer(cors)
        .with_state(server)
}

fn cors(origins: &[String]) -> CorsLayer {
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::POST, Method::GET, Method::OPTIONS])
        .allow_headers([header::CONTENT_TYPE])
}

async fn post(State(server): State<Arc<Server>>, headers: HeaderMap, body: Body) -> Response {
    if !is_json(&headers) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type must be application/json\n");
    }
    let limits = &server.dispatcher.limits;
    let body = match tokio::time::timeout(limits.body_time_max, to_bytes(body, limits.request_bytes_max))
        .await
    {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let reason =
                format!("request body too large or broken off: at most {} bytes\n", limits.request_bytes_max);
            return plain(StatusCode::PAYLOAD_TOO_LARGE, reason);
        }
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "request body came too slowly\n"),
    };
    metrics::counter!("rpc_http_requests_total").increment(1);
    let answer = server.dispatcher.answer(&body, None).await.unwrap_or_default();
    let mut response = Response::new(Body::from(answer));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/json-rpc", "application/jsonrequest"]
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Counts a connection as long as it lives.
struct Connected(Arc<AtomicUsize>);

impl Connected {
    fn new(count: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let taken =
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < max).then_some(now + 1));
        taken.ok().map(|before| {
            metrics::gauge!("rpc_ws_connections").set((before + 1) as f64);
            Self(count.clone())
        })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("rpc_ws_connections").set(before.saturating_sub(1) as f64);
    }
}

async fn upgrade(
    State(server): State<Arc<Server>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return plain(StatusCode::OK, "Assay JSON-RPC: POST a request or connect with WebSocket\n");
    };
    let limits = &server.dispatcher.limits;
    let Some(connected) = Connected::new(&server.connections, limits.connections_max) else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many connections\n");
    };
    let dispatcher = server.dispatcher.clone();
    upgrade.max_message_size(limits.request_bytes_max).max_frame_size(limits.request_bytes_max).on_upgrade(
        move |socket| async move {
            let _connected = connected;
            ws::serve(socket, dispatcher).await;
        },
    )
}

async fn readyz(State(server): State<Arc<Server>>) -> Response {
    match (server.ready)() {
        Ok(()) => plain(StatusCode::OK, "ready\n"),
        Err(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn render_metrics(State(server): State<Arc<Server>>) -> Response {
    match &server.metrics {
        Some(handle) => {
            handle.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
        }
        None => plain(StatusCode::NOT_FOUND, "metrics are off\n"),
    }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, text.into()).into_response()
}
