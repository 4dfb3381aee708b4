//! Keys from seeds, and transactions signed with them at the speed of libsecp256k1.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy},
    eips::{
        eip2718::Encodable2718,
        eip2930::AccessList,
        eip7702::{Authorization, SignedAuthorization},
    },
    primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256},
};
use secp256k1::{Message, SECP256K1, SecretKey};

/// A secp256k1 key with its address. Deterministic: never use one outside tests.
#[derive(Clone, Debug)]
pub struct Key {
    secret: SecretKey,
    /// Address of the key.
    pub address: Address,
}

impl Key {
    /// The key number `seed`.
    pub fn from_seed(seed: u64) -> Self {
        let digest = keccak256([b"assay test key".as_slice(), &seed.to_be_bytes()].concat());
        Self::from_bytes(digest)
    }

    /// The key with these 32 bytes.
    ///
    /// # Panics
    /// For zero and values above the order of the curve.
    pub fn from_bytes(bytes: B256) -> Self {
        let secret = SecretKey::from_byte_array(bytes.0).expect("a hash is below the order of the curve");
        let public = secret.public_key(SECP256K1).serialize_uncompressed();
        Self { secret, address: Address::from_raw_public_key(&public[1..]) }
    }

    /// The 32 bytes of the key, for signers of other libraries.
    pub fn to_bytes(&self) -> B256 {
        B256::new(self.secret.secret_bytes())
    }

    /// Signs a hash.
    pub fn sign_hash(&self, hash: B256) -> Signature {
        let signed = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.secret);
        let (id, rs) = signed.serialize_compact();
        Signature::from_bytes_and_parity(&rs, i32::from(id) & 1 == 1)
    }

    /// Signs a transaction and returns its EIP-2718 bytes.
    pub fn sign<T>(&self, tx: T) -> Bytes
    where
        T: SignableTransaction<Signature>,
        alloy::consensus::Signed<T>: Encodable2718,
    {
        let signature = self.sign_hash(tx.signature_hash());
        tx.into_signed(signature).encoded_2718().into()
    }

    /// Signs an EIP-7702 authorisation of `code` for the account at `nonce`.
    pub fn authorize(&self, chain_id: u64, code: Address, nonce: u64) -> SignedAuthorization {
        let authorization = Authorization { chain_id: U256::from(chain_id), address: code, nonce };
        let signature = self.sign_hash(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

/// What a transaction offers and asks for; everything else is up to [`Tx::sign`].
#[derive(Clone, Debug)]
pub struct Tx {
    /// Chain it is signed for.
    pub chain_id: u64,
    /// Nonce.
    pub nonce: u64,
    /// Fee cap in wei per gas.
    pub max_fee: u128,
    /// Tip cap in wei per gas; types 0 and 1 pay `max_fee`.
    pub max_tip: u128,
    /// Gas limit.
    pub gas_limit: u64,
    /// Callee, or creation.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Calldata or initcode.
    pub input: Bytes,
    /// Addresses and slots to warm up.
    pub access_list: AccessList,
    /// EIP-7702 authorisations.
    pub authorizations: Vec<SignedAuthorization>,
}

impl Tx {
    /// A transfer of `value` to `to` with a generous fee cap.
    pub fn transfer(chain_id: u64, nonce: u64, to: Address, value: u64) -> Self {
        Self {
            chain_id,
            nonce,
            max_fee: 10_000_000_000,
            max_tip: 1_000_000,
            gas_limit: 21_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            input: Bytes::new(),
            access_list: AccessList::default(),
            authorizations: Vec::new(),
        }
    }

    /// A call with `input`.
    pub fn call(chain_id: u64, nonce: u64, to: Address, input: impl Into<Bytes>, gas_limit: u64) -> Self {
        Self { input: input.into(), gas_limit, ..Self::transfer(chain_id, nonce, to, 0) }
    }

    /// A contract creation.
    pub fn create(chain_id: u64, nonce: u64, initcode: impl Into<Bytes>, gas_limit: u64) -> Self {
        Self { to: TxKind::Create, ..Self::call(chain_id, nonce, Address::ZERO, initcode, gas_limit) }
    }

    /// The raw bytes as a type 2 transaction, or type 4 if there are authorisations.
    pub fn sign(self, key: &Key) -> Bytes {
        if self.authorizations.is_empty() { self.sign_as(key, 2) } else { self.sign_as(key, 4) }
    }

    /// The raw bytes as a transaction of type 0, 1, 2 or 4.
    ///
    /// # Panics
    /// For another type, and for a creation of type 4.
    pub fn sign_as(self, key: &Key, kind: u8) -> Bytes {
        let Self { chain_id, nonce, gas_limit, to, value, input, access_list, .. } = self;
        let (gas_price, max_fee_per_gas, max_priority_fee_per_gas) =
            (self.max_fee, self.max_fee, self.max_tip);
        match kind {
            0 => {
                key.sign(TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input })
            }
            1 => key.sign(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }),
            2 => key.sign(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }),
            4 => key.sign(TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: *to.to().expect("type 4 cannot create"),
                value,
                access_list,
                authorization_list: self.authorizations,
                input,
            }),
            other => panic!("no transaction of type {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_execution::recover;
    use assay_primitives::ChainConfig;

    #[test]
    fn every_type_recovers_its_signer() {
        let cfg = ChainConfig::dev();
        let key = Key::from_seed(7);
        for kind in [0, 1, 2, 4] {
            let mut tx = Tx::transfer(cfg.l2_chain_id, 3, Address::repeat_byte(1), 5);
            tx.authorizations =
                vec![Key::from_seed(8).authorize(cfg.l2_chain_id, Address::repeat_byte(2), 0)];
            let recovered = recover(&tx.sign_as(&key, kind), &cfg).unwrap();
            assert_eq!(recovered.sender, key.address);
            if kind == 4 {
                assert_eq!(recovered.authorities, [Some(Key::from_seed(8).address)]);
            }
        }
    }
}
