//! Where a peer can be reached: its endpoint key and socket addresses, as the chain carries them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use alloy::primitives::B256;

/// Most socket addresses of one peer.
const MAX_SOCKETS: usize = 8;

/// A peer's endpoint key (Ed25519) and direct socket addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddr {
    /// The Ed25519 public key.
    pub endpoint: B256,
    /// Where it listens, at most eight.
    pub sockets: Vec<SocketAddr>,
}

/// Text or bytes that are not a [`PeerAddr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a peer address (`<64 hex digits>@ip:port[,ip:port]`): {reason}")]
pub struct BadPeerAddr {
    /// What is wrong.
    pub reason: &'static str,
}

fn bad<T>(reason: &'static str) -> Result<T, BadPeerAddr> {
    Err(BadPeerAddr { reason })
}

impl PeerAddr {
    /// Bytes for a contract field: key, then for each socket its IP version, address and port.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.endpoint.to_vec();
        for socket in self.sockets.iter().take(MAX_SOCKETS) {
            match socket.ip() {
                IpAddr::V4(ip) => {
                    out.push(4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            out.extend_from_slice(&socket.port().to_be_bytes());
        }
        out
    }

    /// Reads what [`PeerAddr::encode`] wrote.
    ///
    /// # Errors
    /// [`BadPeerAddr`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadPeerAddr> {
        let Some((key, mut rest)) = bytes.split_at_checked(32) else {
            return bad("shorter than a key");
        };
        let mut sockets = Vec::new();
        while let Some((version, tail)) = rest.split_first() {
            let ip_len = match version {
                4 => 4,
                6 => 16,
                _ => return bad("unknown IP version"),
            };
            let Some((ip, tail)) = tail.split_at_checked(ip_len) else {
                return bad("cut inside an address");
            };
            let Some((port, tail)) = tail.split_first_chunk::<2>() else {
                return bad("cut inside a port");
            };
            let ip = match <[u8; 4]>::try_from(ip) {
                Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
                Err(_) => {
                    let v6 = <[u8; 16]>::try_from(ip).or(bad("cut inside an address"))?;
                    IpAddr::V6(Ipv6Addr::from(v6))
                }
            };
            sockets.push(SocketAddr::new(ip, u16::from_be_bytes(*port)));
            rest = tail;
        }
        if sockets.is_empty() || sockets.len() > MAX_SOCKETS {
            return bad("needs one to eight sockets");
        }
        Ok(Self { endpoint: B256::from_slice(key), sockets })
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", alloy::hex::encode(self.endpoint))?;
        for (i, socket) in self.sockets.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{socket}")?;
        }
        Ok(())
    }
}

impl FromStr for PeerAddr {
    type Err = BadPeerAddr;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let Some((key, sockets)) = s.split_once('@') else { return bad("no `@`") };
        let endpoint = key.parse().or(bad("the key is not 64 hex digits"))?;
        let sockets: Result<Vec<SocketAddr>, _> = sockets.split(',').map(str::parse).collect();
        let sockets = sockets.or(bad("a socket is not `ip:port`"))?;
        if sockets.len() > MAX_SOCKETS {
            return bad("needs one to eight sockets");
        }
        Ok(Self { endpoint, sockets })
    }
}
