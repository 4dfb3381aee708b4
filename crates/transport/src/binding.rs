//! Which Ethereum address speaks through which endpoint: a signature of each over one sentence.

use alloy::primitives::{Address, B256, Bytes, Signature};
use alloy::signers::SignerSync;
use iroh::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

/// Proof that an endpoint key and an Ethereum address belong together, on one chain.
///
/// The address signs the sentence of [`Binding::sentence`] by EIP-191, the endpoint by Ed25519, so
/// neither can be claimed by somebody who does not hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// L2 chain id.
    pub chain_id: u64,
    /// The Ethereum address.
    pub address: Address,
    /// The Ed25519 public key.
    pub endpoint: B256,
    /// EIP-191 signature of the address, 65 bytes.
    pub address_signature: Bytes,
    /// Ed25519 signature of the endpoint, 64 bytes.
    pub endpoint_signature: Bytes,
}

/// Why a binding does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// It was made for another chain.
    #[error("the binding is for chain {found}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: u64,
        /// The binding's.
        found: u64,
    },
    /// It names another endpoint than the connection's.
    #[error("the binding names endpoint {found}, the connection is with {expected}")]
    WrongEndpoint {
        /// The connection's key.
        expected: B256,
        /// The binding's.
        found: B256,
    },
    /// It names another address than the chain led us to expect.
    #[error("the peer is {found}, expected {expected}")]
    WrongAddress {
        /// Who should be there.
        expected: Address,
        /// Who is.
        found: Address,
    },
    /// The address did not sign.
    #[error("the address {address} did not sign the binding")]
    AddressSignature {
        /// The address named.
        address: Address,
    },
    /// The endpoint did not sign.
    #[error("the endpoint {endpoint} did not sign the binding")]
    EndpointSignature {
        /// The endpoint named.
        endpoint: B256,
    },
    /// The signer refused.
    #[error("cannot sign the binding: {reason}")]
    Signer {
        /// What it said.
        reason: String,
    },
}

impl Binding {
    /// The sentence both keys sign.
    pub fn sentence(chain_id: u64, address: Address, endpoint: B256) -> String {
        format!(
            "Assay data plane\nchain: {chain_id}\naddress: {address:#x}\nendpoint: {}",
            alloy::hex::encode(endpoint)
        )
    }

    /// Signs a binding with both keys.
    ///
    /// # Errors
    /// [`BindingError::Signer`] when the Ethereum signer refuses.
    pub fn sign<S: SignerSync>(
        chain_id: u64,
        address: Address,
        signer: &S,
        endpoint_key: &SecretKey,
    ) -> Result<Self, BindingError> {
        let endpoint = B256::from(*endpoint_key.public().as_bytes());
        let sentence = Self::sentence(chain_id, address, endpoint);
        let by_address = signer
            .sign_message_sync(sentence.as_bytes())
            .map_err(|e| BindingError::Signer { reason: e.to_string() })?;
        Ok(Self {
            chain_id,
            address,
            endpoint,
            address_signature: by_address.as_bytes().into(),
            endpoint_signature: endpoint_key.sign(sentence.as_bytes()).to_bytes().into(),
        })
    }

    /// Checks both signatures, the chain and the endpoint the connection is with.
    ///
    /// # Errors
    /// The first [`BindingError`] that applies.
    pub fn verify(&self, chain_id: u64, connected: B256) -> Result<Address, BindingError> {
        if self.chain_id != chain_id {
            return Err(BindingError::WrongChain { expected: chain_id, found: self.chain_id });
        }
        if self.endpoint != connected {
            return Err(BindingError::WrongEndpoint { expected: connected, found: self.endpoint });
        }
        let sentence = Self::sentence(chain_id, self.address, self.endpoint);
        let signed = Signature::try_from(self.address_signature.as_ref())
            .ok()
            .and_then(|s| s.recover_address_from_msg(sentence.as_bytes()).ok());
        if signed != Some(self.address) {
            return Err(BindingError::AddressSignature { address: self.address });
        }
        let signed = <[u8; 64]>::try_from(self.endpoint_signature.as_ref())
            .ok()
            .zip(PublicKey::from_bytes(&self.endpoint.0).ok())
            .is_some_and(|(signature, key)| {
                let signature = iroh::Signature::from_bytes(&signature);
                key.verify(sentence.as_bytes(), &signature).is_ok()
            });
        if !signed {
            return Err(BindingError::EndpointSignature { endpoint: self.endpoint });
        }
        Ok(self.address)
    }
}
