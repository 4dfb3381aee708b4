//! Two peers on loopback: what arrives, what is refused, what survives.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;

use crate::*;

const CHAIN: u64 = 42330;
const TOPIC: B256 = B256::repeat_byte(7);

type Allowed = Arc<Mutex<Vec<(Address, B256)>>>;

struct Peer {
    plane: DataPlane,
    address: Address,
    allowed: Allowed,
    dir: PathBuf,
}

async fn peer(dir: &Path, key: u8) -> Peer {
    peer_at(dir, key, "127.0.0.1:0").await
}

async fn peer_at(dir: &Path, key: u8, bind: &str) -> Peer {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(key)).unwrap();
    let address = signer.address();
    let allowed = Allowed::default();
    let policy = {
        let allowed = Arc::clone(&allowed);
        move |address: Address, topic: B256| allowed.lock().unwrap().contains(&(address, topic))
    };
    let limits = Limits {
        blob_bytes_max: 64 << 20,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(2),
    };
    let config = Config {
        dir: dir.to_owned(),
        bind: bind.parse().unwrap(),
        advertise: Vec::new(),
        chain_id: CHAIN,
        limits,
    };
    let plane = DataPlane::open(config, address, &signer, Arc::new(policy)).await.unwrap();
    Peer { plane, address, allowed, dir: dir.to_owned() }
}

fn noise(len: usize) -> Vec<u8> {
    let mut x = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(|_| next()).collect()
}

async fn published(peer: &Peer, bytes: &[u8]) -> Manifest {
    let file = peer.dir.join("source.bin");
    std::fs::write(&file, bytes).unwrap();
    peer.plane.publish(TOPIC, vec![("data".into(), file)]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_peer_gets_the_bytes_and_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer(&dir.path().join("server"), 1).await;
    let client = peer(&dir.path().join("client"), 2).await;
    let data = noise(3 * 4096 + 17);
    let manifest = published(&server, &data).await;
    assert_eq!(manifest.entries[0].page_root, assay_primitives::page_root(&data));
    let at = server.plane.addr();
    let dest = dir.path().join("got");

    let refused = client.plane.manifest(&at, server.address, TOPIC).await.unwrap_err();
    assert!(
        matches!(&refused, FetchError::Refused { reason, .. } if reason.contains("may not read")),
        "{refused}"
    );
    assert_eq!(refused.severity(), Severity::Retry);
    // Knowing the hash does not help.
    let refused = client.plane.fetch(&at, &manifest.entries[0], &dest, &|_| ()).await.unwrap_err();
    assert!(matches!(refused, FetchError::Refused { .. }), "{refused}");
    assert!(!dest.exists());

    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let got = client.plane.manifest(&at, server.address, TOPIC).await.unwrap();
    assert_eq!(got, manifest);
    client.plane.fetch(&at, &got.entries[0], &dest, &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&dest).unwrap(), data);

    let other = B256::repeat_byte(8);
    server.allowed.lock().unwrap().push((client.address, other));
    let refused = client.plane.manifest(&at, server.address, other).await.unwrap_err();
    assert!(refused.to_string().contains("nothing is published"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_listens_everywhere_tells_where_it_can_be_reached() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer_at(&dir.path().join("server"), 1, "0.0.0.0:0").await;
    let client = peer_at(&dir.path().join("client"), 2, "0.0.0.0:0").await;
    let at = server.plane.addr();
    assert!(at.sockets.iter().all(|s| !s.ip().is_unspecified()), "{at}");
    published(&server, b"bytes").await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let manifest = client.plane.manifest(&at, server.address, TOPIC).await.unwrap();
    let dest = dir.path().join("got");
    client.plane.fetch(&at, &manifest.entries[0], &dest, &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&dest).unwrap(), b"bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_somebody_else_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer(&dir.path().join("server"), 1).await;
    let client = peer(&dir.path().join("client"), 2).await;
    published(&server, &noise(100)).await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let expected = Address::repeat_byte(9);
    let error = client.plane.manifest(&server.plane.addr(), expected, TOPIC).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Binding(BindingError::WrongAddress { found, .. }) if found == server.address)
    );
    assert_eq!(error.severity(), Severity::Fatal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_fetch_goes_on_where_it_stopped_even_in_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer(&dir.path().join("server"), 1).await;
    let client_dir = dir.path().join("client");
    let client = peer(&client_dir, 2).await;
    let data = noise(24 << 20);
    let manifest = published(&server, &data).await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let at = server.plane.addr();
    let entry = client.plane.manifest(&at, server.address, TOPIC).await.unwrap().entries[0].clone();
    assert_eq!(entry, manifest.entries[0]);

    let dest = dir.path().join("got");
    let seen = Arc::new(AtomicU64::new(0));
    let half = Arc::new(tokio::sync::Notify::new());
    let progress = {
        let (seen, half) = (Arc::clone(&seen), Arc::clone(&half));
        move |n: u64| {
            seen.store(n, Ordering::SeqCst);
            if n > 8 << 20 {
                half.notify_one();
            }
        }
    };
    tokio::select! {
        done = client.plane.fetch(&at, &entry, &dest, &progress) => done.unwrap(),
        () = half.notified() => {}
    }
    assert!(!dest.exists(), "the fetch was cut");
    client.plane.close().await;

    let client = peer(&client_dir, 2).await;
    client.plane.manifest(&at, server.address, TOPIC).await.unwrap();
    let first = AtomicU64::new(u64::MAX);
    let progress = |n: u64| {
        first.fetch_min(n, Ordering::SeqCst);
    };
    client.plane.fetch(&at, &entry, &dest, &progress).await.unwrap();
    assert_eq!(std::fs::read(&dest).unwrap(), data);
    let resumed_at = first.load(Ordering::SeqCst);
    assert!(resumed_at > 4 << 20, "fetched again from byte {resumed_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_peer_is_an_error_to_retry() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer(&dir.path().join("server"), 1).await;
    let client = peer(&dir.path().join("client"), 2).await;
    let manifest = published(&server, &noise(5000)).await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let at = server.plane.addr();
    server.plane.close().await;
    let dest = dir.path().join("got");
    let error = client.plane.manifest(&at, server.address, TOPIC).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    let error = client.plane.fetch(&at, &manifest.entries[0], &dest, &|_| ()).await.unwrap_err();
    assert_eq!(error.severity(), Severity::Retry);
    assert!(!dest.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_bytes_are_noticed_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let server_dir = dir.path().join("server");
    let server = peer(&server_dir, 1).await;
    let data = noise(8 << 20);
    let manifest = published(&server, &data).await;
    let entry = &manifest.entries[0];
    server.plane.close().await;
    let hash = alloy::hex::encode(entry.blake3);
    let stored = server_dir.join("blobs/data").join(format!("{hash}.data"));
    let mut raw = std::fs::read(&stored).unwrap();
    raw[5 << 20] ^= 1;
    std::fs::write(&stored, raw).unwrap();

    let server = peer(&server_dir, 1).await;
    let client = peer(&dir.path().join("client"), 2).await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    // The honest file is not read again: the store believes its database.
    server.plane.serve_manifest(TOPIC, manifest.clone()).await;
    let at = server.plane.addr();
    client.plane.manifest(&at, server.address, TOPIC).await.unwrap();
    let dest = dir.path().join("got");
    client.plane.fetch(&at, entry, &dest, &|_| ()).await.unwrap_err();
    assert!(!dest.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_lies_about_length_or_root_is_fatal() {
    let dir = tempfile::tempdir().unwrap();
    let server = peer(&dir.path().join("server"), 1).await;
    let client = peer(&dir.path().join("client"), 2).await;
    let data = noise(100_000);
    let manifest = published(&server, &data).await;
    server.allowed.lock().unwrap().push((client.address, TOPIC));
    let at = server.plane.addr();
    client.plane.manifest(&at, server.address, TOPIC).await.unwrap();
    let dest = dir.path().join("got");
    let honest = &manifest.entries[0];

    let wrong_root = Entry { page_root: B256::ZERO, ..honest.clone() };
    let error = client.plane.fetch(&at, &wrong_root, &dest, &|_| ()).await.unwrap_err();
    assert!(matches!(error, FetchError::RootMismatch { found, .. } if found == honest.page_root));
    assert_eq!(error.severity(), Severity::Fatal);
    let too_long = Entry { bytes: 100_001, ..honest.clone() };
    let error = client.plane.fetch(&at, &too_long, &dest, &|_| ()).await.unwrap_err();
    assert!(matches!(error, FetchError::LengthMismatch { expected: 100_001, found: 100_000, .. }));
    assert!(!dest.exists());
}

#[test]
fn a_binding_holds_for_its_own_keys_and_chain_only() {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
    let key = iroh::SecretKey::from_bytes(&[4; 32]);
    let endpoint = B256::from(*key.public().as_bytes());
    let binding = Binding::sign(CHAIN, signer.address(), &signer, &key).unwrap();
    assert_eq!(binding.verify(CHAIN, endpoint), Ok(signer.address()));
    assert!(matches!(binding.verify(1, endpoint), Err(BindingError::WrongChain { .. })));
    assert!(matches!(binding.verify(CHAIN, B256::ZERO), Err(BindingError::WrongEndpoint { .. })));

    let mut stolen = binding.clone();
    stolen.address = Address::repeat_byte(1);
    assert!(matches!(stolen.verify(CHAIN, endpoint), Err(BindingError::AddressSignature { .. })));
    let thief = iroh::SecretKey::from_bytes(&[5; 32]);
    let mut stolen = Binding::sign(CHAIN, signer.address(), &signer, &thief).unwrap();
    stolen.endpoint = endpoint;
    assert!(stolen.verify(CHAIN, endpoint).is_err());
    let mut stolen = binding;
    stolen.endpoint_signature = vec![0; 64].into();
    assert!(matches!(stolen.verify(CHAIN, endpoint), Err(BindingError::EndpointSignature { .. })));
}

#[test]
fn addresses_survive_text_and_bytes_and_garbage_is_refused() {
    let addr = PeerAddr {
        endpoint: B256::repeat_byte(0xab),
        sockets: vec!["127.0.0.1:4433".parse().unwrap(), "[::1]:9".parse().unwrap()],
    };
    assert_eq!(addr.to_string().parse::<PeerAddr>().unwrap(), addr);
    assert_eq!(PeerAddr::decode(&addr.encode()).unwrap(), addr);
    let bytes = addr.encode();
    for cut in 0..bytes.len() {
        assert_ne!(PeerAddr::decode(&bytes[..cut]).ok(), Some(addr.clone()));
    }
    for bad in ["", "@", "ab@127.0.0.1:1", "127.0.0.1:1"] {
        assert!(bad.parse::<PeerAddr>().is_err(), "{bad}");
    }
}

#[test]
fn manifests_with_dangerous_names_are_refused() {
    let entry = |name: &str| Entry { name: name.into(), bytes: 1, page_root: B256::ZERO, blake3: B256::ZERO };
    let check = |names: &[&str]| Manifest { entries: names.iter().map(|n| entry(n)).collect() }.check(10);
    assert_eq!(check(&["image", "input-0"]), Ok(()));
    for bad in ["", "../x", "a/b", ".hidden", "UPPER", "a b"] {
        assert_eq!(check(&[bad]), Err(ManifestError::BadName { index: 0 }), "{bad}");
    }
    assert_eq!(check(&["a", "a"]), Err(ManifestError::BadName { index: 1 }));
    let large = Manifest { entries: vec![Entry { bytes: 11, ..entry("a") }] };
    assert!(matches!(large.check(10), Err(ManifestError::BlobTooLarge { found: 11, limit: 10, .. })));
}
