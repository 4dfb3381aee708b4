use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures::{SinkExt, StreamExt};
use jsonrpsee::RpcModule;
use jsonrpsee::core::{RpcResult, SubscriptionResult};
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;

fn module() -> RpcModule<()> {
    let mut module = RpcModule::new(());
    module
        .register_method("add", |params, _, _| -> RpcResult<u64> {
            let (a, b): (u64, u64) = params.parse()?;
            Ok(a + b)
        })
        .unwrap();
    module
        .register_method("fail", |_, _, _| -> RpcResult<u64> {
            Err(ErrorObjectOwned::owned(3, "execution reverted", Some("0x01")))
        })
        .unwrap();
    module.register_async_method("panic", |_, _, _| async { panic!("secret") as RpcResult<u64> }).unwrap();
    module
        .register_async_method("never", |_, _, _| async { std::future::pending::<RpcResult<u64>>().await })
        .unwrap();
    module
        .register_method("big", |params, _, _| -> RpcResult<String> {
            Ok("x".repeat(params.one::<usize>()?))
        })
        .unwrap();
    module
        .register_subscription("sub", "note", "unsub", |params, pending, _, _| async move {
            let count: u64 = match params.one() {
                Ok(count) => count,
                Err(error) => {
                    pending.reject(error).await;
                    return SubscriptionResult::Ok(());
                }
            };
            let sink = pending.accept().await?;
            for number in 0..count {
                sink.send(serde_json::value::to_raw_value(&number)?).await?;
            }
            sink.closed().await;
            Ok(())
        })
        .unwrap();
    module
}

fn limits() -> Limits {
    Limits {
        request_bytes_max: 4_096,
        response_bytes_max: 2_048,
        batch_calls_max: 5,
        subscriptions_max: 2,
        connections_max: 1,
        call_time_max: Duration::from_millis(200),
        ..Limits::default()
    }
}

fn app() -> Router {
    router(RpcParts { limits: limits(), ..RpcParts::new(module()) })
}

async fn send(request: Request<Body>) -> (StatusCode, String) {
    let response = app().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(body: impl Into<String>) -> Value {
    let request =
        Request::post("/").header(header::CONTENT_TYPE, "application/json").body(Body::from(body.into()));
    let (status, text) = send(request.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
}

fn call(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn calls_and_batches_are_answered_in_order() {
    assert_eq!(
        post(call(1, "add", json!([2, 3])).to_string()).await,
        json!({"jsonrpc":"2.0","id":1,"result":5})
    );
    let batch = json!([
        call(1, "add", json!([1, 1])),
        call(2, "fail", json!([])),
        {"jsonrpc":"2.0","method":"add","params":[1,1]},
        7,
        call(4, "nope", json!([])),
    ]);
    let answer = post(batch.to_string()).await;
    let answers = answer.as_array().unwrap();
    assert_eq!(answers.len(), 4, "a notification gets no answer");
    assert_eq!(answers[0]["result"], 2);
    assert_eq!(answers[1]["error"], json!({"code":3,"message":"execution reverted","data":"0x01"}));
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(answers[3]["error"]["code"], -32601);
    assert_eq!(answers[3]["error"]["message"], "the method nope does not exist/is not available");
}

#[tokio::test]
async fn garbage_gets_json_rpc_errors() {
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        ("{}", -32600),
        ("[1,1,1,1,1,1]", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"add","params":["x"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"add","params":{}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"add"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"sub","params":[1]}"#, -32601),
    ] {
        assert_eq!(post(body).await["error"]["code"], code, "{body}");
    }
    assert_eq!(post(r#"{"jsonrpc":"2.0","method":"add","params":[1,1]}"#).await, Value::Null);
}

#[tokio::test]
async fn a_panic_or_a_slow_call_is_an_error_of_that_call() {
    let answer = post(call(1, "panic", json!([])).to_string()).await;
    assert_eq!(answer, json!({"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal error"}}));
    let answer = post(call(2, "never", json!([])).to_string()).await;
    assert_eq!(answer["error"], json!({"code":-32002,"message":"request timed out"}));
}

#[tokio::test]
async fn sizes_are_limited_both_ways() {
    let answer = post(call(1, "big", json!([4000])).to_string()).await;
    assert!(answer["error"]["code"].as_i64().unwrap() < 0);
    let batch: Vec<_> = (0..5).map(|id| call(id, "big", json!([900]))).collect();
    let answer = post(Value::from(batch).to_string()).await;
    let answers = answer.as_array().unwrap();
    assert!(answers[0]["result"].is_string() && answers[1]["result"].is_string());
    assert_eq!(answers[4]["error"]["code"], -32003);
    assert_eq!(answers[4]["id"], 4);

    let large = Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(vec![b' '; 5_000]));
    assert_eq!(send(large.unwrap()).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn http_beside_json_rpc_is_answered() {
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(send(get("/healthz")).await.0, StatusCode::OK);
    assert_eq!(send(get("/readyz")).await, (StatusCode::OK, "ready\n".into()));
    assert_eq!(send(get("/metrics")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send(get("/")).await.0, StatusCode::OK);
    assert_eq!(send(get("/nowhere")).await.0, StatusCode::NOT_FOUND);
    let form = Request::post("/").body(Body::from("{}")).unwrap();
    assert_eq!(send(form).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let not_ready =
        RpcParts { ready: std::sync::Arc::new(|| Err("L1 is down".into())), ..RpcParts::new(module()) };
    let response = router(not_ready).oneshot(get("/readyz")).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn browsers_may_call() {
    let preflight = Request::options("/")
        .header(header::ORIGIN, "https://wallet.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
        .body(Body::empty())
        .unwrap();
    let response = app().oneshot(preflight).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], "content-type");
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn start() -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    tokio::spawn(serve(listener, app(), cancel.clone()));
    (format!("ws://{address}"), cancel)
}

async fn ask(socket: &mut Socket, text: impl Into<String>) -> Value {
    socket.send(Message::text(text.into())).await.unwrap();
    hear(socket).await
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn websockets_carry_calls_and_subscriptions() {
    let (url, cancel) = start().await;
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    assert_eq!(ask(&mut socket, call(1, "add", json!([1, 2])).to_string()).await["result"], 3);
    assert_eq!(ask(&mut socket, "rubbish").await["error"]["code"], -32700);
    assert_eq!(ask(&mut socket, call(1, "sub", json!(["x"])).to_string()).await["error"]["code"], -32602);

    let id = ask(&mut socket, call(2, "sub", json!([2])).to_string()).await["result"].clone();
    assert!(id.as_str().unwrap().starts_with("0x"), "the id comes before the first notification");
    for number in 0..2 {
        let note = hear(&mut socket).await;
        assert_eq!(
            note,
            json!({"jsonrpc":"2.0","method":"note","params":{"subscription":id,"result":number}})
        );
    }
    let second = ask(&mut socket, call(3, "sub", json!([0])).to_string()).await["result"].clone();
    assert_ne!(second, id);
    assert_eq!(ask(&mut socket, call(4, "sub", json!([0])).to_string()).await["error"]["code"], -32005);
    assert_eq!(ask(&mut socket, call(5, "unsub", json!([id])).to_string()).await["result"], true);
    assert_eq!(ask(&mut socket, call(6, "unsub", json!(["0x123"])).to_string()).await["result"], false);

    let busy = tokio_tungstenite::connect_async(format!("{url}/ws")).await.unwrap_err();
    assert!(busy.to_string().contains("503"), "{busy}");
    cancel.cancel();
}

#[tokio::test]
async fn an_oversized_message_closes_the_connection_with_a_reason() {
    let (url, cancel) = start().await;
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    socket.send(Message::text(" ".repeat(5_000))).await.unwrap();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(Some(frame)) => {
                assert!(!frame.reason.is_empty());
                break;
            }
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    cancel.cancel();
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_and_a_stop_ends_idle_ones() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let patience = Duration::from_millis(50);
    let app = router(RpcParts::new(module()));
    let server = tokio::spawn(crate::serve::serve_with(listener, app, cancel.clone(), patience));

    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();

    let mut quick = tokio::net::TcpStream::connect(address).await.unwrap();
    quick.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    quick.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    cancel.cancel();
    quick.read_to_end(&mut rest).await.unwrap();
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
