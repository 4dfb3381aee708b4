//! Parsing of untrusted JSON into calls.

use std::borrow::Cow;

use jsonrpsee::types::{ErrorObjectOwned, Id};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Codes of JSON-RPC 2.0 and those that geth adds.
pub(crate) mod code {
    pub(crate) const PARSE: i32 = -32700;
    pub(crate) const INVALID_REQUEST: i32 = -32600;
    pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
    pub(crate) const INTERNAL: i32 = -32603;
    pub(crate) const TIMED_OUT: i32 = -32002;
    pub(crate) const RESPONSE_TOO_LARGE: i32 = -32003;
    pub(crate) const LIMIT: i32 = -32005;
}

#[derive(Deserialize)]
#[serde(expecting = "a request object")]
struct Wire<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// An `id` of null is there; serde would take it for a missing one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// One call, borrowed from the request's text.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// `None`: a notification, which gets no answer.
    pub(crate) id: Option<Id<'a>>,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a str>,
}

/// Why a text is no call, and the id to answer to.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) id: Id<'a>,
    pub(crate) error: ErrorObjectOwned,
}

impl Refused<'_> {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { id: Id::Null, error: error(code, message) }
    }
}

pub(crate) fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

/// What a body holds.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    One(Result<Call<'a>, Refused<'a>>),
    Batch(Vec<Result<Call<'a>, Refused<'a>>>),
}

/// Parses a body: one call or a batch.
pub(crate) fn parse_body<'a>(text: &'a [u8], batch_calls_max: usize) -> Result<Body<'a>, Refused<'a>> {
    let text = std::str::from_utf8(text).map_err(|_| Refused::new(code::PARSE, "parse error: not UTF-8"))?;
    if !text.trim_start().starts_with('[') {
        let value: &RawValue = serde_json::from_str(text)
            .map_err(|error| Refused::new(code::PARSE, format!("parse error: {error}")))?;
        return Ok(Body::One(parse_call(value)));
    }
    let calls: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| Refused::new(code::PARSE, format!("parse error: {error}")))?;
    if calls.is_empty() {
        return Err(Refused::new(code::INVALID_REQUEST, "empty batch"));
    }
    if calls.len() > batch_calls_max {
        let message = format!("batch too large: {} calls, at most {batch_calls_max}", calls.len());
        return Err(Refused::new(code::INVALID_REQUEST, message));
    }
    Ok(Body::Batch(calls.into_iter().map(parse_call).collect()))
}

fn parse_call(value: &RawValue) -> Result<Call<'_>, Refused<'_>> {
    let wire: Wire<'_> = serde_json::from_str(value.get())
        .map_err(|error| Refused::new(code::INVALID_REQUEST, format!("invalid request: {error}")))?;
    let id = match wire.id {
        None => None,
        Some(raw) => Some(serde_json::from_str::<Id<'_>>(raw.get()).map_err(|_| {
            Refused::new(
                code::INVALID_REQUEST,
                "invalid request: id must be a string, a whole number or null",
            )
        })?),
    };
    let refuse = |id: Option<Id<'_>>, message: &str| Refused {
        id: id.unwrap_or(Id::Null).into_owned(),
        error: error(code::INVALID_REQUEST, message),
    };
    if wire.jsonrpc.as_deref() != Some("2.0") {
        return Err(refuse(id, "invalid request: jsonrpc must be \"2.0\""));
    }
    let Some(method) = wire.method else { return Err(refuse(id, "invalid request: no method")) };
    let params = wire.params.map(RawValue::get).filter(|text| *text != "null");
    if params.is_some_and(|text| !text.starts_with(['[', '{'])) {
        return Err(refuse(id, "invalid request: params must be an array or an object"));
    }
    Ok(Call { id, method, params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: &str) -> i32 {
        match parse_body(text.as_bytes(), 3) {
            Err(refused) | Ok(Body::One(Err(refused))) => refused.error.code(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn garbage_has_the_standard_codes() {
        assert_eq!(code_of(""), code::PARSE);
        assert_eq!(code_of("{"), code::PARSE);
        assert_eq!(code_of("[{]"), code::PARSE);
        assert_eq!(code_of("nonsense"), code::PARSE);
        assert_eq!(code_of("[]"), code::INVALID_REQUEST);
        assert_eq!(code_of("[1,1,1,1]"), code::INVALID_REQUEST);
        assert_eq!(code_of("1"), code::INVALID_REQUEST);
        assert_eq!(code_of("{}"), code::INVALID_REQUEST);
        assert_eq!(code_of(r#"{"jsonrpc":"1.0","method":"a","id":1}"#), code::INVALID_REQUEST);
        assert_eq!(code_of(r#"{"jsonrpc":"2.0","id":1}"#), code::INVALID_REQUEST);
        assert_eq!(code_of(r#"{"jsonrpc":"2.0","method":"a","id":{}}"#), code::INVALID_REQUEST);
        assert_eq!(code_of(r#"{"jsonrpc":"2.0","method":"a","id":1,"params":5}"#), code::INVALID_REQUEST);
    }

    #[test]
    fn a_refused_call_is_answered_to_its_id() {
        let Ok(Body::One(Err(refused))) = parse_body(br#"{"jsonrpc":"2.0","id":"x"}"#, 1) else { panic!() };
        assert_eq!(refused.id, Id::Str("x".into()));
    }

    #[test]
    fn a_call_without_id_is_a_notification() {
        let Ok(Body::One(Ok(call))) = parse_body(br#"{"jsonrpc":"2.0","method":"a"}"#, 1) else { panic!() };
        assert!(call.id.is_none() && call.params.is_none());
        let Ok(Body::One(Ok(call))) = parse_body(br#"{"jsonrpc":"2.0","method":"a\u0062","id":null}"#, 1)
        else {
            panic!()
        };
        assert_eq!((call.id, &*call.method), (Some(Id::Null), "ab"));
    }
}
