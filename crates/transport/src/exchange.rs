//! The manifest protocol: one request, one answer, both sides show their binding.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::{Binding, FetchError, Manifest, ManifestError};

/// Name of the protocol in the QUIC handshake.
pub(crate) const ALPN: &[u8] = b"assay/manifest/1";
/// Longest request, in bytes of JSON.
const MAX_REQUEST_BYTES: usize = 4096;
/// How long a server waits for a request, and for its answer to be read.
const SERVER_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
struct Request {
    binding: Binding,
    topic: B256,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    binding: Binding,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    manifest: Option<Manifest>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refusal: Option<String>,
}

/// The serving side.
#[derive(Clone, Debug)]
pub(crate) struct ManifestServer {
    pub(crate) access: Arc<Access>,
    pub(crate) binding: Binding,
}

impl ManifestServer {
    async fn serve(&self, connection: &Connection) -> Result<(), String> {
        let words = |e: &dyn std::fmt::Display| e.to_string();
        let (mut send, mut receive) = connection.accept_bi().await.map_err(|e| words(&e))?;
        let bytes = receive.read_to_end(MAX_REQUEST_BYTES).await.map_err(|e| words(&e))?;
        let request: Request = serde_json::from_slice(&bytes).map_err(|e| words(&e))?;
        let peer = connection.remote_id();
        let found = self.access.manifest_for(peer, &request.binding, request.topic).await;
        let binding = self.binding.clone();
        let answer = match found {
            Ok(manifest) => Answer { binding, manifest: Some(manifest), refusal: None },
            Err(refusal) => Answer { binding, manifest: None, refusal: Some(refusal) },
        };
        let bytes = serde_json::to_vec(&answer).map_err(|e| words(&e))?;
        send.write_all(&bytes).await.map_err(|e| words(&e))?;
        send.finish().map_err(|e| words(&e))?;
        // The asker closes; dropping the connection earlier could lose the answer.
        connection.closed().await;
        Ok(())
    }
}

impl ProtocolHandler for ManifestServer {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        match tokio::time::timeout(SERVER_PATIENCE, self.serve(&connection)).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => tracing::debug!(%reason, "manifest request failed"),
            Err(_) => tracing::debug!("manifest request took too long"),
        }
        connection.close(0u8.into(), b"");
        Ok(())
    }
}

/// Asks for a manifest over an open connection; `received` is not yet checked against limits.
pub(crate) async fn ask(
    connection: &Connection,
    binding: &Binding,
    topic: B256,
) -> Result<(Binding, Manifest), FetchError> {
    let peer = B256::from(*connection.remote_id().as_bytes());
    let gone = |reason: String| FetchError::Vanished { peer, received: 0, reason };
    let request = Request { binding: binding.clone(), topic };
    let bytes = serde_json::to_vec(&request).map_err(|e| gone(e.to_string()))?;
    let (mut send, mut receive) = connection.open_bi().await.map_err(|e| gone(e.to_string()))?;
    send.write_all(&bytes).await.map_err(|e| gone(e.to_string()))?;
    send.finish().map_err(|e| gone(e.to_string()))?;
    let limit = MAX_MANIFEST_BYTES + MAX_REQUEST_BYTES;
    let bytes = receive.read_to_end(limit).await.map_err(|e| gone(e.to_string()))?;
    connection.close(0u8.into(), b"");
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|e| ManifestError::Malformed { reason: e.to_string() })?;
    match (answer.manifest, answer.refusal) {
        (Some(manifest), None) => Ok((answer.binding, manifest)),
        (_, refusal) => {
            // Untrusted words: short, and on one line.
            let reason = refusal.unwrap_or_default();
            let reason = reason.chars().filter(|c| !c.is_control()).take(200).collect();
            Err(FetchError::Refused { peer, reason })
        }
    }
}
