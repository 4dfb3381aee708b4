//! Who may read what: topics, their blobs, the addresses behind endpoints.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use alloy::primitives::{Address, B256};
use iroh::EndpointId;
use iroh_blobs::Hash;
use iroh_blobs::provider::events::{
    AbortReason, ConnectMode, EventMask, EventSender, ObserveMode, ProviderMessage, RequestMode,
};
use tokio::sync::RwLock;

use crate::{Binding, Manifest};

/// Most endpoints whose address is remembered; a forgotten one introduces itself again.
const MAX_KNOWN_PEERS: usize = 16_384;

/// Decides which address may read a topic, from what the chain says.
pub trait AccessPolicy: Send + Sync + 'static {
    /// True when `address` may read the manifest and the blobs of `topic` now.
    fn allows(&self, address: Address, topic: B256) -> bool;
}

impl<F: Fn(Address, B256) -> bool + Send + Sync + 'static> AccessPolicy for F {
    fn allows(&self, address: Address, topic: B256) -> bool {
        self(address, topic)
    }
}

/// What this side serves and to whom.
pub(crate) struct Access {
    policy: Arc<dyn AccessPolicy>,
    chain_id: u64,
    shelf: RwLock<Shelf>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shelf {
    manifests: HashMap<B256, Manifest>,
    topics_of: HashMap<Hash, HashSet<B256>>,
    peers: HashMap<EndpointId, Address>,
}

impl Access {
    pub(crate) fn new(policy: Arc<dyn AccessPolicy>, chain_id: u64) -> Self {
        Self { policy, chain_id, shelf: RwLock::default() }
    }

    pub(crate) async fn publish(&self, topic: B256, manifest: Manifest) {
        let mut shelf = self.shelf.write().await;
        shelf.remove(topic);
        for entry in &manifest.entries {
            let hash = Hash::from_bytes(entry.blake3.0);
            shelf.topics_of.entry(hash).or_default().insert(topic);
        }
        shelf.manifests.insert(topic, manifest);
    }

    pub(crate) async fn withdraw(&self, topic: B256) {
        self.shelf.write().await.remove(topic);
    }

    /// The manifest of a topic, for a peer that shows who it is; the refusal in words otherwise.
    pub(crate) async fn manifest_for(
        &self,
        peer: EndpointId,
        binding: &Binding,
        topic: B256,
    ) -> Result<Manifest, String> {
        let endpoint = B256::from(*peer.as_bytes());
        let address = binding.verify(self.chain_id, endpoint).map_err(|e| e.to_string())?;
        let mut shelf = self.shelf.write().await;
        if shelf.peers.len() >= MAX_KNOWN_PEERS {
            shelf.peers.clear();
        }
        shelf.peers.insert(peer, address);
        if !self.policy.allows(address, topic) {
            return Err(format!("{address} may not read topic {topic}"));
        }
        let manifest = shelf.manifests.get(&topic).cloned();
        manifest.ok_or_else(|| format!("nothing is published under topic {topic}"))
    }

    async fn allows_blob(&self, peer: Option<&EndpointId>, hash: Hash) -> bool {
        let shelf = self.shelf.read().await;
        let Some(address) = peer.and_then(|p| shelf.peers.get(p)).copied() else { return false };
        let Some(topics) = shelf.topics_of.get(&hash) else { return false };
        topics.iter().any(|topic| self.policy.allows(address, *topic))
    }

    /// The channel through which the blob server asks before it answers.
    pub(crate) fn gate(self: &Arc<Self>) -> EventSender {
        let mask = EventMask {
            connected: ConnectMode::Intercept,
            get: RequestMode::Intercept,
            get_many: RequestMode::Disabled,
            push: RequestMode::Disabled,
            observe: ObserveMode::Intercept,
            ..EventMask::DEFAULT
        };
        let (sender, mut messages) = EventSender::channel(32, mask);
        let access = Arc::clone(self);
        // Ends when the blob server, which holds the sender, is gone.
        tokio::spawn(async move {
            let mut connections = HashMap::new();
            while let Some(message) = messages.recv().await {
                access.answer(&mut connections, message).await;
            }
        });
        sender
    }

    async fn answer(&self, connections: &mut HashMap<u64, EndpointId>, message: ProviderMessage) {
        let verdict = |ok| if ok { Ok(()) } else { Err(AbortReason::Permission) };
        match message {
            ProviderMessage::ClientConnected(m) => {
                if let Some(id) = m.endpoint_id {
                    connections.insert(m.connection_id, id);
                }
                let known = m.endpoint_id.is_some();
                m.tx.send(verdict(known)).await.ok();
            }
            ProviderMessage::ConnectionClosed(m) => {
                connections.remove(&m.connection_id);
            }
            ProviderMessage::GetRequestReceived(m) => {
                // A blob read as a list of hashes would open every blob it names.
                let alone = m.request.ranges.is_blob();
                let peer = connections.get(&m.connection_id);
                let ok = alone && self.allows_blob(peer, m.request.hash).await;
                m.tx.send(verdict(ok)).await.ok();
            }
            ProviderMessage::ObserveRequestReceived(m) => {
                m.tx.send(verdict(false)).await.ok();
            }
            _ => {}
        }
    }
}

impl Shelf {
    fn remove(&mut self, topic: B256) {
        let Some(old) = self.manifests.remove(&topic) else { return };
        for entry in &old.entries {
            let hash = Hash::from_bytes(entry.blake3.0);
            let Some(topics) = self.topics_of.get_mut(&hash) else { continue };
            topics.remove(&topic);
            if topics.is_empty() {
                self.topics_of.remove(&hash);
            }
        }
    }
}
