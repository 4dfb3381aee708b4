//! Streams of transactions: honest load and floods, from a seed.

use crate::keys::{Key, Tx};
use alloy::primitives::{Address, Bytes, TxKind, U256};
use assay_primitives::ChainConfig;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Senders with their nonces, and a seeded source of choices.
#[derive(Debug)]
pub struct Load {
    chain_id: u64,
    rng: StdRng,
    senders: Vec<(Key, u64)>,
    attackers: Vec<Key>,
}

/// Accounts with funds that only attack.
const ATTACKERS: u64 = 4;

impl Load {
    /// `senders` accounts of the chain `cfg`; accounts and choices follow from `seed`.
    pub fn new(cfg: &ChainConfig, seed: u64, senders: usize) -> Self {
        let key = |n: u64| Key::from_seed(seed.wrapping_mul(1_000_003).wrapping_add(n));
        let (honest, all) = (senders as u64, senders as u64 + ATTACKERS);
        Self {
            chain_id: cfg.l2_chain_id,
            rng: StdRng::seed_from_u64(seed),
            senders: (0..honest).map(|n| (key(n), 0)).collect(),
            attackers: (honest..all).map(key).collect(),
        }
    }

    /// Addresses to fund in the genesis.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.senders.iter().map(|(key, _)| key.address).chain(self.attackers.iter().map(|key| key.address))
    }

    /// The next valid transfer: senders in turn, random recipient, value and tip.
    pub fn transfer(&mut self) -> Bytes {
        let turn = self.rng.random_range(0..self.senders.len());
        let to = Address::from(self.rng.random::<[u8; 20]>());
        let (value, tip) = (self.rng.random_range(1..1_000_000_000), self.rng.random_range(0..1_000_000_000));
        let chain_id = self.chain_id;
        let (key, nonce) = &mut self.senders[turn];
        let tx = Tx { max_tip: tip, ..Tx::transfer(chain_id, *nonce, to, value) };
        *nonce += 1;
        tx.sign(key)
    }

    /// The next valid transaction of any kind: transfers, calls with data, creations, of types 0, 1, 2.
    pub fn mixed(&mut self) -> Bytes {
        let turn = self.rng.random_range(0..self.senders.len());
        let kind = self.rng.random_range(0..3);
        let shape = self.rng.random_range(0..10);
        let len = self.rng.random_range(0..200);
        let data: Vec<u8> = (0..len).map(|_| self.rng.random()).collect();
        let to = Address::from(self.rng.random::<[u8; 20]>());
        let chain_id = self.chain_id;
        let (key, nonce) = &mut self.senders[turn];
        let tx = match shape {
            // initcode that returns one STOP byte
            0 => Tx::create(chain_id, *nonce, alloy::hex!("60016000f3"), 200_000),
            1..4 => Tx::call(chain_id, *nonce, to, data, 200_000),
            _ => Tx::transfer(chain_id, *nonce, to, 7),
        };
        *nonce += 1;
        tx.sign_as(key, kind)
    }

    /// Bytes that no pool should keep for long, and that must cost the honest nothing.
    pub fn attack(&mut self, attack: Attack) -> Bytes {
        let chain_id = self.chain_id;
        let jump = self.rng.random_range(1..100);
        let fresh = Key::from_seed(self.rng.random());
        let to = Address::from(self.rng.random::<[u8; 20]>());
        let noise: [u8; 16] = self.rng.random();
        let key = self.attackers.choose(&mut self.rng).expect("there are attackers");
        let tx = Tx::transfer(chain_id, 0, to, 1);
        match attack {
            Attack::Garbage => [&[0x02][..], &noise].concat().into(),
            Attack::WrongChain => Tx { chain_id: chain_id + 1, ..tx }.sign(key),
            Attack::BadSignature => {
                let mut raw = tx.sign(key).to_vec();
                let last = raw.len() - 1;
                raw[last] ^= 1;
                raw.into()
            }
            Attack::Gapped => Tx { nonce: jump, max_fee: 10_000_000_000 + u128::from(jump), ..tx }.sign(key),
            Attack::Stale => {
                let (key, nonce) = self.senders.choose(&mut self.rng).expect("there are senders");
                Tx {
                    nonce: nonce.saturating_sub(jump).min(nonce.saturating_sub(1)),
                    max_fee: 1,
                    max_tip: 0,
                    ..tx
                }
                .sign(key)
            }
            Attack::Underpriced => Tx { max_fee: 1, max_tip: 1, ..tx }.sign(key),
            Attack::Penniless => Tx { nonce: 0, ..tx }.sign(&fresh),
            Attack::Overdraft => Tx { value: U256::MAX, ..tx }.sign(key),
            Attack::Oversized => {
                Tx { input: vec![1; 129 << 10].into(), gas_limit: 30_000_000, ..tx }.sign(key)
            }
            Attack::TooMuchGas => Tx { gas_limit: u64::MAX, ..tx }.sign(key),
            Attack::TooLittleGas => Tx { gas_limit: 20_999, ..tx }.sign(key),
            Attack::HugeInitCode => {
                Tx { to: TxKind::Create, input: vec![0; 49_153].into(), gas_limit: 10_000_000, ..tx }
                    .sign(key)
            }
        }
    }
}

/// Kinds of hostile transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Random bytes behind a good type.
    Garbage,
    /// Signed for another chain.
    WrongChain,
    /// A changed bit in the signature: recovers to a stranger, or to nobody.
    BadSignature,
    /// A nonce that leaves a gap.
    Gapped,
    /// An honest sender's nonce that was used, at the lowest price.
    Stale,
    /// A fee cap of one wei.
    Underpriced,
    /// From an account that has nothing.
    Penniless,
    /// A value that nobody has.
    Overdraft,
    /// Above the size limit.
    Oversized,
    /// Gas limit above any block's.
    TooMuchGas,
    /// Gas limit below the intrinsic gas.
    TooLittleGas,
    /// Initcode above EIP-3860's limit.
    HugeInitCode,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Garbage,
        Self::WrongChain,
        Self::BadSignature,
        Self::Gapped,
        Self::Stale,
        Self::Underpriced,
        Self::Penniless,
        Self::Overdraft,
        Self::Oversized,
        Self::TooMuchGas,
        Self::TooLittleGas,
        Self::HugeInitCode,
    ];
}
