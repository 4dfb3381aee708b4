//! The data plane of one process: an endpoint, a blob store, what it serves, what it fetches.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use alloy::signers::SignerSync;
use assay_primitives::{PAGE_BYTES, PageTree, page_leaf};
use futures::StreamExt;
use iroh::endpoint::{Connection, presets};
use iroh::protocol::Router;
use iroh::{Endpoint, EndpointAddr, PublicKey, SecretKey};
use iroh_blobs::api::remote::GetProgressItem;
use iroh_blobs::get::GetError;
use iroh_blobs::store::GcConfig;
use iroh_blobs::store::fs::FsStore;
use iroh_blobs::store::fs::options::Options;
use iroh_blobs::{BlobsProtocol, Hash, HashAndFormat};

use crate::access::{Access, AccessPolicy};
use crate::exchange::{self, ManifestServer};
use crate::{Binding, Entry, FetchError, Manifest, PeerAddr, PlaneError};

/// Limits of what this side accepts and how long it waits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest blob fetched, in bytes.
    pub blob_bytes_max: u64,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a peer may send nothing.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes_max: 64 << 30,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(20),
        }
    }
}

/// How a data plane is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for the endpoint key and the blob store; one process at a time.
    pub dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Addresses to tell others; the bound ones when empty.
    pub advertise: Vec<SocketAddr>,
    /// L2 chain id: bindings hold on one chain only.
    pub chain_id: u64,
    /// Limits.
    pub limits: Limits,
}

/// Serves published manifests and blobs, and fetches those of others.
pub struct DataPlane {
    config: Config,
    endpoint: Endpoint,
    store: FsStore,
    router: Router,
    access: Arc<Access>,
    binding: Binding,
}

impl DataPlane {
    /// Opens the store, makes or loads the endpoint key, binds it to `address` and starts serving.
    ///
    /// # Errors
    /// [`PlaneError`] when a file, the socket, the store or the signer fails.
    pub async fn open<S: SignerSync>(
        config: Config,
        address: Address,
        signer: &S,
        policy: Arc<dyn AccessPolicy>,
    ) -> Result<Self, PlaneError> {
        let key = load_or_create_key(&config.dir.join("endpoint.key"))?;
        let binding = Binding::sign(config.chain_id, address, signer, &key)?;
        let store_dir = config.dir.join("blobs");
        let mut options = Options::new(&store_dir);
        options.gc = Some(GcConfig { interval: Duration::from_secs(600), add_protected: None });
        let store = FsStore::load_with_opts(store_dir.join("blobs.db"), options)
            .await
            .map_err(|e| PlaneError::Store { reason: e.to_string() })?;
        let bind = config.bind;
        let bind_error = |e: &dyn std::fmt::Display| PlaneError::Bind { bind, reason: e.to_string() };
        // Minimal: no relay, no discovery, direct addresses only.
        let endpoint = Endpoint::builder(presets::Minimal)
            .secret_key(key)
            .clear_ip_transports()
            .bind_addr(bind)
            .map_err(|e| bind_error(&e))?
            .bind()
            .await
            .map_err(|e| bind_error(&e))?;
        let access = Arc::new(Access::new(policy, config.chain_id));
        let manifests = ManifestServer { access: Arc::clone(&access), binding: binding.clone() };
        let blobs = BlobsProtocol::new(&store, Some(access.gate()));
        let router = Router::builder(endpoint.clone())
            .accept(exchange::ALPN, manifests)
            .accept(iroh_blobs::ALPN, blobs)
            .spawn();
        Ok(Self { config, endpoint, store, router, access, binding })
    }

    /// Where others reach this side: what is advertised, else where it listens.
    pub fn addr(&self) -> PeerAddr {
        let sockets = match self.config.advertise.is_empty() {
            true => reachable(&self.endpoint.bound_sockets()),
            false => self.config.advertise.clone(),
        };
        PeerAddr { endpoint: self.binding.endpoint, sockets }
    }

    /// The first socket it listens on.
    pub fn bound(&self) -> Option<SocketAddr> {
        self.endpoint.bound_sockets().first().copied()
    }

    /// This side's binding of endpoint and address.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Copies files into the store and serves them under `topic`, replacing what was there.
    ///
    /// Each file is read twice: for its page root and for its BLAKE3 tree.
    ///
    /// # Errors
    /// [`PlaneError`] when a file cannot be read, a name is bad or the store fails.
    pub async fn publish(&self, topic: B256, files: Vec<(String, PathBuf)>) -> Result<Manifest, PlaneError> {
        let mut manifest = Manifest::default();
        for (name, path) in files {
            let (bytes, page_root) = file_root(path.clone())
                .await
                .map_err(|source| PlaneError::File { path: path.clone(), source })?;
            let path = std::path::absolute(&path)
                .map_err(|source| PlaneError::File { path: path.clone(), source })?;
            let stored = self
                .store
                .blobs()
                .add_path(&path)
                .with_named_tag(tag(topic, &name))
                .await
                .map_err(|e| PlaneError::Store { reason: e.to_string() })?;
            let blake3 = B256::from(*stored.hash.as_bytes());
            manifest.entries.push(Entry { name, bytes, page_root, blake3 });
        }
        manifest.check(u64::MAX)?;
        self.access.publish(topic, manifest.clone()).await;
        Ok(manifest)
    }

    /// Serves blobs that the store already has under `topic`: what [`DataPlane::publish`] returned before a restart.
    pub async fn serve_manifest(&self, topic: B256, manifest: Manifest) {
        self.access.publish(topic, manifest).await;
    }

    /// Stops serving a topic and lets the store forget its blobs.
    ///
    /// # Errors
    /// [`PlaneError::Store`] when the store fails.
    pub async fn withdraw(&self, topic: B256) -> Result<(), PlaneError> {
        self.access.withdraw(topic).await;
        let deleted = self.store.tags().delete_prefix(tag(topic, "")).await;
        deleted.map_err(|e| PlaneError::Store { reason: e.to_string() })?;
        Ok(())
    }

    /// Asks `peer` for the manifest of `topic`; the peer must be bound to `owner`.
    ///
    /// # Errors
    /// [`FetchError`]; its `severity` says whether to try again.
    pub async fn manifest(
        &self,
        peer: &PeerAddr,
        owner: Address,
        topic: B256,
    ) -> Result<Manifest, FetchError> {
        let connection = self.connect(peer, exchange::ALPN).await?;
        let patience = self.config.limits.idle_timeout;
        let asked = exchange::ask(&connection, &self.binding, topic);
        let (binding, manifest) = match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer?,
            Err(_) => {
                let peer = peer.endpoint;
                return Err(FetchError::Stalled { peer, waited: patience, received: 0 });
            }
        };
        let found = binding.verify(self.config.chain_id, peer.endpoint)?;
        if found != owner {
            return Err(crate::BindingError::WrongAddress { expected: owner, found }.into());
        }
        manifest.check(self.config.limits.blob_bytes_max)?;
        Ok(manifest)
    }

    /// Fetches one blob to `dest`, verified while it streams and by its page root at the end.
    ///
    /// Verified bytes survive a cut, a kill or a vanished peer: the next call asks for the rest.
    /// `dest` appears only when everything is right. `progress` gets the bytes received so far.
    /// [`DataPlane::manifest`] must have been asked from the same peer before (it introduces us).
    ///
    /// # Errors
    /// [`FetchError`]; its `severity` says whether to try again.
    pub async fn fetch(
        &self,
        peer: &PeerAddr,
        entry: &Entry,
        dest: &Path,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), FetchError> {
        let hash = Hash::from_bytes(entry.blake3.0);
        let store_error = |reason: String| FetchError::Store { reason };
        let keep = format!("fetch/{hash}");
        let tags = self.store.tags();
        tags.set(&keep, HashAndFormat::raw(hash)).await.map_err(|e| store_error(e.to_string()))?;
        if !self.local(hash).await?.1 {
            self.stream(peer, entry, hash, progress).await?;
        }
        let part = part_of(dest);
        let written = self.store.blobs().export(hash, &part).finish().await;
        let written = written.map_err(|e| store_error(e.to_string()))?;
        let checked = check_file(entry, written, &part).await;
        if let Err(e) = checked {
            std::fs::remove_file(&part).ok();
            tags.delete(&keep).await.ok();
            return Err(e);
        }
        let write_error = |source| FetchError::Write { path: dest.to_owned(), source };
        persist(&part, dest).map_err(write_error)?;
        tags.delete(&keep).await.map_err(|e| store_error(e.to_string()))?;
        progress(entry.bytes);
        Ok(())
    }

    /// Stops serving and closes the store. Bytes fetched so far are kept.
    pub async fn close(self) {
        // The router shuts the store down with it.
        if let Err(e) = self.router.shutdown().await {
            tracing::debug!(error = %e, "data plane router did not stop cleanly");
        }
        self.endpoint.close().await;
    }

    async fn local(&self, hash: Hash) -> Result<(u64, bool), FetchError> {
        let local = self.store.remote().local(hash).await;
        let local = local.map_err(|e| FetchError::Store { reason: e.to_string() })?;
        Ok((local.local_bytes(), local.is_complete()))
    }

    async fn connect(&self, peer: &PeerAddr, alpn: &[u8]) -> Result<Connection, FetchError> {
        let waited = self.config.limits.connect_timeout;
        let unreachable = |reason: String| FetchError::Unreachable { peer: peer.endpoint, waited, reason };
        let key = PublicKey::from_bytes(&peer.endpoint.0).map_err(|e| unreachable(e.to_string()))?;
        let addr = peer.sockets.iter().fold(EndpointAddr::new(key), |a, s| a.with_ip_addr(*s));
        match tokio::time::timeout(waited, self.endpoint.connect(addr, alpn)).await {
            Ok(connected) => connected.map_err(|e| unreachable(e.to_string())),
            Err(_) => Err(unreachable("no answer".into())),
        }
    }

    async fn stream(
        &self,
        peer: &PeerAddr,
        entry: &Entry,
        hash: Hash,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), FetchError> {
        let had = self.local(hash).await?.0;
        let connection = self.connect(peer, iroh_blobs::ALPN).await?;
        let fetching = self.store.remote().fetch(connection.clone(), hash).stream();
        let mut fetching = Box::pin(fetching);
        let waited = self.config.limits.idle_timeout;
        let mut received = had;
        let outcome = loop {
            let item = match tokio::time::timeout(waited, fetching.next()).await {
                Ok(item) => item,
                Err(_) => {
                    break Err(FetchError::Stalled { peer: peer.endpoint, waited, received });
                }
            };
            match item {
                Some(GetProgressItem::Progress(n)) => {
                    received = had.saturating_add(n);
                    if received > entry.bytes {
                        let (expected, found) = (entry.bytes, received);
                        let name = entry.name.clone();
                        break Err(FetchError::LengthMismatch { name, expected, found });
                    }
                    progress(received);
                }
                Some(GetProgressItem::Done(_)) => break Ok(()),
                Some(GetProgressItem::Error(e)) => {
                    break Err(explain(peer.endpoint, received, &e));
                }
                None => {
                    let reason = "the stream ended".to_owned();
                    break Err(FetchError::Vanished { peer: peer.endpoint, received, reason });
                }
            }
        };
        drop(fetching);
        connection.close(0u8.into(), b"");
        outcome
    }
}

/// Addresses for bound sockets: one that listens everywhere is reached by loopback and by the address
/// that this machine would speak from.
fn reachable(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut sockets = Vec::new();
    for socket in bound {
        if !socket.ip().is_unspecified() {
            sockets.push(*socket);
            continue;
        }
        let (loopback, far): (IpAddr, SocketAddr) = match socket.ip() {
            // Addresses of documentation: nothing is ever sent there.
            IpAddr::V4(_) => (Ipv4Addr::LOCALHOST.into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into()),
            IpAddr::V6(_) => {
                let far = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
                (Ipv6Addr::LOCALHOST.into(), (far, 9).into())
            }
        };
        // Connecting a datagram socket only chooses the route.
        let own = UdpSocket::bind((socket.ip(), 0)).and_then(|s| {
            s.connect(far)?;
            s.local_addr()
        });
        let own = own.ok().map(|s| s.ip()).filter(|ip| *ip != loopback && !ip.is_unspecified());
        sockets.extend(own.into_iter().chain([loopback]).map(|ip| SocketAddr::new(ip, socket.port())));
    }
    sockets
}

fn tag(topic: B256, name: &str) -> String {
    format!("topic/{topic}/{name}")
}

fn explain(peer: B256, received: u64, error: &GetError) -> FetchError {
    use iroh_blobs::get::fsm::{AtBlobHeaderNextError, DecodeError};
    let reason = error.to_string();
    let code = error.iroh_error_code();
    if code == Some(iroh_blobs::protocol::ERR_PERMISSION) {
        return FetchError::Refused { peer, reason: "not allowed to read this blob".into() };
    }
    match error {
        GetError::AtBlobHeaderNext { source: AtBlobHeaderNextError::NotFound { .. }, .. } => {
            FetchError::Refused { peer, reason: "it does not have this blob".into() }
        }
        GetError::Decode { source, .. } => match source {
            DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
                FetchError::Corrupt { peer, reason }
            }
            DecodeError::Write { .. } => FetchError::Store { reason },
            _ => FetchError::Vanished { peer, received, reason },
        },
        GetError::LocalFailure { .. } | GetError::IrpcSend { .. } => FetchError::Store { reason },
        _ => FetchError::Vanished { peer, received, reason },
    }
}

async fn check_file(entry: &Entry, written: u64, path: &Path) -> Result<(), FetchError> {
    let name = entry.name.clone();
    if written != entry.bytes {
        return Err(FetchError::LengthMismatch { name, expected: entry.bytes, found: written });
    }
    let root = file_root(path.to_owned()).await;
    let (_, found) = root.map_err(|source| FetchError::Write { path: path.to_owned(), source })?;
    if found != entry.page_root {
        return Err(FetchError::RootMismatch { name, expected: entry.page_root, found });
    }
    Ok(())
}

/// Length and keccak page root of a file, off the async threads.
async fn file_root(path: PathBuf) -> std::io::Result<(u64, B256)> {
    let task = tokio::task::spawn_blocking(move || {
        let mut file = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
        let (mut bytes, mut leaves) = (0, Vec::new());
        let mut page = Vec::with_capacity(PAGE_BYTES);
        loop {
            page.clear();
            let n = file.by_ref().take(PAGE_BYTES as u64).read_to_end(&mut page)?;
            if n == 0 && bytes > 0 {
                break;
            }
            leaves.push(page_leaf(&page));
            bytes += n as u64;
            if n < PAGE_BYTES {
                break;
            }
        }
        let tree = PageTree::from_leaves(bytes, leaves);
        let tree = tree.ok_or_else(|| std::io::Error::other("the file changed while it was read"))?;
        Ok((bytes, tree.root()))
    });
    task.await.map_err(std::io::Error::other)?
}

fn part_of(dest: &Path) -> PathBuf {
    let mut name = dest.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Durably gives `part` its final name.
fn persist(part: &Path, dest: &Path) -> std::io::Result<()> {
    std::fs::File::open(part)?.sync_all()?;
    std::fs::rename(part, dest)?;
    match dest.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(dir) => std::fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn load_or_create_key(path: &Path) -> Result<SecretKey, PlaneError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file_error = |source| PlaneError::File { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(bytes) => {
            let bytes: [u8; 32] =
                bytes.try_into().map_err(|_| PlaneError::BadKey { path: path.to_owned() })?;
            Ok(SecretKey::from_bytes(&bytes))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let dir = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(dir).map_err(file_error)?;
            let key = SecretKey::generate();
            let part = part_of(path);
            let mut options = std::fs::OpenOptions::new();
            let open = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
            let written = open.and_then(|mut file| file.write_all(&key.to_bytes()));
            written.and_then(|()| persist(&part, path)).map_err(file_error)?;
            Ok(key)
        }
        Err(e) => Err(file_error(e)),
    }
}
