//! Wallets for the tests of this crate.

use alloy_consensus::{SignableTransaction, TxEip1559, transaction::RlpEcdsaEncodableTx};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use secp256k1::{Message, SECP256K1, SecretKey};

/// A key made from a number.
pub(crate) struct Wallet {
    key: SecretKey,
    pub(crate) address: Address,
}

impl Wallet {
    pub(crate) fn new(seed: u64) -> Self {
        let key = SecretKey::from_byte_array(keccak256(seed.to_be_bytes()).0).unwrap();
        let address = Address::from_raw_public_key(&key.public_key(SECP256K1).serialize_uncompressed()[1..]);
        Self { key, address }
    }

    /// The EIP-2718 bytes of the signed transaction.
    pub(crate) fn sign<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(&self, tx: T) -> Bytes {
        let message = Message::from_digest(tx.signature_hash().0);
        let (parity, bytes) = SECP256K1.sign_ecdsa_recoverable(message, &self.key).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1);
        let mut out = Vec::new();
        tx.eip2718_encode(&signature, &mut out);
        out.into()
    }
}

/// A plain transfer on the development chain.
pub(crate) fn transfer(nonce: u64, to: Address, value: U256) -> TxEip1559 {
    TxEip1559 {
        chain_id: 42_330,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(to),
        value,
        ..Default::default()
    }
}
