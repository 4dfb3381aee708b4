//! Transactions of the L2: the four signed Ethereum types and the deposit.

use alloc::vec::Vec;

use alloy_consensus::{
    Signed, Transaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy, Typed2718,
    transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx},
};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use assay_primitives::{ChainConfig, QueueEntry, limits::TX_BYTES_MAX};

use crate::crypto::recover_signer;

/// EIP-2718 type byte of a deposit, as in the OP Stack.
pub const DEPOSIT_TX_TYPE: u8 = 0x7e;

/// Domain of a deposit's source hash: `keccak256(abi.encode(3, queue index))`.
const SOURCE_DOMAIN: u64 = 3;

/// Why bytes are not a transaction of this chain, whatever the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxError {
    /// No bytes at all.
    #[error("empty transaction")]
    Empty,
    /// More bytes than [`TX_BYTES_MAX`].
    #[error("transaction has {found} bytes, at most {max} are accepted")]
    TooLarge {
        /// The limit.
        max: usize,
        /// The length found.
        found: usize,
    },
    /// Not the RLP of the type that the first byte names.
    #[error("malformed transaction: {0}")]
    Malformed(alloy_rlp::Error),
    /// The bytes decode, but are not the only encoding of what they say.
    #[error("transaction encoding is not canonical")]
    NotCanonical,
    /// Blobs (type 3), deposits outside the queue (0x7E) and types nobody knows.
    #[error("transaction type {0} is not supported")]
    UnsupportedType(u8),
    /// A legacy signature without a chain id (EIP-155).
    #[error("only replay-protected (EIP-155) transactions are accepted")]
    NotReplayProtected,
    /// Signed for another chain.
    #[error("wrong chain id: expected {expected}, found {found}")]
    WrongChainId {
        /// This chain.
        expected: u64,
        /// The chain signed for.
        found: u64,
    },
    /// No key made this signature, or its `s` is in the upper half (EIP-2).
    #[error("invalid transaction signature")]
    InvalidSignature,
}

/// A deposit: a transaction that L1 authorised, type 0x7E, laid out as in the OP Stack.
///
/// There is no signature: `from` is trusted because only the forced queue produces one. It pays
/// no L2 fee, its gas was paid on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct DepositTx {
    /// `keccak256(abi.encode(3, queue index))`: unique per entry.
    pub source_hash: B256,
    /// The L1 sender, aliased when it was a contract.
    pub from: Address,
    /// Callee, or creation.
    pub to: TxKind,
    /// Wei created on L2 for `from` before execution; kept when execution fails.
    pub mint: U256,
    /// Wei sent along.
    pub value: U256,
    /// Gas limit, paid for on L1.
    pub gas_limit: u64,
    /// Always false; kept for the layout.
    pub is_system: bool,
    /// Call data, or init code.
    pub input: Bytes,
}

impl DepositTx {
    /// The deposit that the queue entry asks for.
    pub fn from_entry(entry: &QueueEntry) -> Self {
        Self {
            source_hash: Self::source_hash(entry.index),
            from: entry.from,
            to: if entry.is_creation { TxKind::Create } else { TxKind::Call(entry.to) },
            mint: entry.mint,
            value: entry.value,
            gas_limit: entry.gas_limit,
            is_system: false,
            input: entry.data.clone(),
        }
    }

    /// The source hash of the entry at `index` of the forced queue.
    pub fn source_hash(index: u64) -> B256 {
        let mut words = [0u8; 64];
        words[24..32].copy_from_slice(&SOURCE_DOMAIN.to_be_bytes());
        words[56..].copy_from_slice(&index.to_be_bytes());
        keccak256(words)
    }

    fn fields_len(&self) -> usize {
        self.source_hash.length()
            + self.from.length()
            + self.to.length()
            + self.mint.length()
            + self.value.length()
            + self.gas_limit.length()
            + self.is_system.length()
            + self.input.0.length()
    }

    fn encode_2718(&self) -> Vec<u8> {
        let header = Header { list: true, payload_length: self.fields_len() };
        let mut out = Vec::with_capacity(1 + header.length_with_payload());
        out.push(DEPOSIT_TX_TYPE);
        header.encode(&mut out);
        self.source_hash.encode(&mut out);
        self.from.encode(&mut out);
        self.to.encode(&mut out);
        self.mint.encode(&mut out);
        self.value.encode(&mut out);
        self.gas_limit.encode(&mut out);
        self.is_system.encode(&mut out);
        self.input.0.encode(&mut out);
        out
    }

    fn rlp_decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut fields = Header::decode_bytes(buf, true)?;
        let tx = Self {
            source_hash: Decodable::decode(&mut fields)?,
            from: Decodable::decode(&mut fields)?,
            to: Decodable::decode(&mut fields)?,
            mint: Decodable::decode(&mut fields)?,
            value: Decodable::decode(&mut fields)?,
            gas_limit: Decodable::decode(&mut fields)?,
            is_system: Decodable::decode(&mut fields)?,
            input: Decodable::decode(&mut fields)?,
        };
        if fields.is_empty() { Ok(tx) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

impl Typed2718 for DepositTx {
    fn ty(&self) -> u8 {
        DEPOSIT_TX_TYPE
    }
}

impl Transaction for DepositTx {
    fn chain_id(&self) -> Option<u64> {
        None
    }
    fn nonce(&self) -> u64 {
        0
    }
    fn gas_limit(&self) -> u64 {
        self.gas_limit
    }
    fn gas_price(&self) -> Option<u128> {
        Some(0)
    }
    fn max_fee_per_gas(&self) -> u128 {
        0
    }
    fn max_priority_fee_per_gas(&self) -> Option<u128> {
        None
    }
    fn max_fee_per_blob_gas(&self) -> Option<u128> {
        None
    }
    fn priority_fee_or_price(&self) -> u128 {
        0
    }
    fn effective_gas_price(&self, _base_fee: Option<u64>) -> u128 {
        0
    }
    fn is_dynamic_fee(&self) -> bool {
        false
    }
    fn kind(&self) -> TxKind {
        self.to
    }
    fn is_create(&self) -> bool {
        self.to.is_create()
    }
    fn value(&self) -> U256 {
        self.value
    }
    fn input(&self) -> &Bytes {
        &self.input
    }
    fn access_list(&self) -> Option<&AccessList> {
        None
    }
    fn blob_versioned_hashes(&self) -> Option<&[B256]> {
        None
    }
    fn authorization_list(&self) -> Option<&[SignedAuthorization]> {
        None
    }
}

/// A transaction of the L2 (an EIP-2718 envelope).
#[derive(Clone, Debug)]
pub enum L2Tx {
    /// Type 0, EIP-155 protected.
    Legacy(Signed<TxLegacy>),
    /// Type 1.
    Eip2930(Signed<TxEip2930>),
    /// Type 2.
    Eip1559(Signed<TxEip1559>),
    /// Type 4.
    Eip7702(Signed<TxEip7702>),
    /// Type 0x7E, only from the forced queue.
    Deposit(DepositTx),
}

/// Runs the same expression on whichever transaction the envelope holds.
macro_rules! on_inner {
    ($self:expr, $tx:ident => $body:expr) => {
        match $self {
            L2Tx::Legacy(signed) => {
                let $tx = signed.tx();
                $body
            }
            L2Tx::Eip2930(signed) => {
                let $tx = signed.tx();
                $body
            }
            L2Tx::Eip1559(signed) => {
                let $tx = signed.tx();
                $body
            }
            L2Tx::Eip7702(signed) => {
                let $tx = signed.tx();
                $body
            }
            L2Tx::Deposit($tx) => $body,
        }
    };
}

impl L2Tx {
    /// Decodes the one envelope that `raw` is, deposits included.
    ///
    /// Structure only: neither chain id nor signature is looked at; [`recover`] does that. Total:
    /// any bytes give a transaction or an error, and a transaction encodes to the same bytes.
    pub fn decode_2718(raw: &[u8]) -> Result<Self, TxError> {
        let kind = *raw.first().ok_or(TxError::Empty)?;
        if raw.len() > TX_BYTES_MAX {
            return Err(TxError::TooLarge { max: TX_BYTES_MAX, found: raw.len() });
        }
        let hash = keccak256(raw);
        let mut rest = if kind >= 0xc0 { raw } else { &raw[1..] };
        let tx = match kind {
            0xc0.. => Self::Legacy(decode_signed(&mut rest, hash)?),
            1 => Self::Eip2930(decode_signed(&mut rest, hash)?),
            2 => Self::Eip1559(decode_signed(&mut rest, hash)?),
            4 => Self::Eip7702(decode_signed(&mut rest, hash)?),
            DEPOSIT_TX_TYPE => Self::Deposit(DepositTx::rlp_decode(&mut rest).map_err(TxError::Malformed)?),
            other => return Err(TxError::UnsupportedType(other)),
        };
        if !rest.is_empty() || tx.encoded_2718() != raw {
            return Err(TxError::NotCanonical);
        }
        Ok(tx)
    }

    /// The EIP-2718 bytes: what is hashed, put in the transaction root and charged for.
    pub fn encoded_2718(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Legacy(tx) => encode_signed(tx, &mut out),
            Self::Eip2930(tx) => encode_signed(tx, &mut out),
            Self::Eip1559(tx) => encode_signed(tx, &mut out),
            Self::Eip7702(tx) => encode_signed(tx, &mut out),
            Self::Deposit(tx) => out = tx.encode_2718(),
        }
        out
    }

    /// The signature; a deposit has none.
    pub fn signature(&self) -> Option<&Signature> {
        match self {
            Self::Legacy(tx) => Some(tx.signature()),
            Self::Eip2930(tx) => Some(tx.signature()),
            Self::Eip1559(tx) => Some(tx.signature()),
            Self::Eip7702(tx) => Some(tx.signature()),
            Self::Deposit(_) => None,
        }
    }

    /// keccak256 of the EIP-2718 bytes; known from decoding, except for a deposit.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Legacy(tx) => *tx.hash(),
            Self::Eip2930(tx) => *tx.hash(),
            Self::Eip1559(tx) => *tx.hash(),
            Self::Eip7702(tx) => *tx.hash(),
            Self::Deposit(tx) => keccak256(tx.encode_2718()),
        }
    }

    /// The deposit, if it is one.
    pub const fn as_deposit(&self) -> Option<&DepositTx> {
        match self {
            Self::Deposit(tx) => Some(tx),
            _ => None,
        }
    }

    /// The hash that was signed; a deposit has none.
    pub fn signature_hash(&self) -> Option<B256> {
        match self {
            Self::Legacy(tx) => Some(tx.signature_hash()),
            Self::Eip2930(tx) => Some(tx.signature_hash()),
            Self::Eip1559(tx) => Some(tx.signature_hash()),
            Self::Eip7702(tx) => Some(tx.signature_hash()),
            Self::Deposit(_) => None,
        }
    }
}

impl Typed2718 for L2Tx {
    fn ty(&self) -> u8 {
        on_inner!(self, tx => tx.ty())
    }
}

impl Transaction for L2Tx {
    fn chain_id(&self) -> Option<u64> {
        on_inner!(self, tx => tx.chain_id())
    }
    fn nonce(&self) -> u64 {
        on_inner!(self, tx => tx.nonce())
    }
    fn gas_limit(&self) -> u64 {
        on_inner!(self, tx => tx.gas_limit())
    }
    fn gas_price(&self) -> Option<u128> {
        on_inner!(self, tx => tx.gas_price())
    }
    fn max_fee_per_gas(&self) -> u128 {
        on_inner!(self, tx => tx.max_fee_per_gas())
    }
    fn max_priority_fee_per_gas(&self) -> Option<u128> {
        on_inner!(self, tx => tx.max_priority_fee_per_gas())
    }
    fn max_fee_per_blob_gas(&self) -> Option<u128> {
        None
    }
    fn priority_fee_or_price(&self) -> u128 {
        on_inner!(self, tx => tx.priority_fee_or_price())
    }
    fn effective_gas_price(&self, base_fee: Option<u64>) -> u128 {
        on_inner!(self, tx => tx.effective_gas_price(base_fee))
    }
    fn is_dynamic_fee(&self) -> bool {
        on_inner!(self, tx => tx.is_dynamic_fee())
    }
    fn kind(&self) -> TxKind {
        on_inner!(self, tx => tx.kind())
    }
    fn is_create(&self) -> bool {
        on_inner!(self, tx => tx.is_create())
    }
    fn value(&self) -> U256 {
        on_inner!(self, tx => tx.value())
    }
    fn input(&self) -> &Bytes {
        on_inner!(self, tx => tx.input())
    }
    fn access_list(&self) -> Option<&AccessList> {
        on_inner!(self, tx => tx.access_list())
    }
    fn blob_versioned_hashes(&self) -> Option<&[B256]> {
        None
    }
    fn authorization_list(&self) -> Option<&[SignedAuthorization]> {
        on_inner!(self, tx => tx.authorization_list())
    }
}

/// A transaction with everything that admission found out about it, so that it is done once.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The transaction.
    pub tx: L2Tx,
    /// Who signed it, or the `from` of a deposit.
    pub sender: Address,
    /// keccak256 of `raw`.
    pub hash: B256,
    /// What the data fee charges for: see [`crate::data_size`].
    pub size: u64,
    /// The EIP-2718 bytes.
    pub raw: Bytes,
    /// Who signed each EIP-7702 authorisation; `None` where nobody did.
    pub authorities: Vec<Option<Address>>,
}

impl Recovered {
    /// The deposit with its hash; it needs no recovery.
    pub fn deposit(tx: DepositTx) -> Self {
        let sender = tx.from;
        let raw = Bytes::from(tx.encode_2718());
        Self {
            tx: L2Tx::Deposit(tx),
            sender,
            hash: keccak256(&raw),
            size: crate::data_size(&raw),
            raw,
            authorities: Vec::new(),
        }
    }
}

/// Decodes and recovers a signed transaction of the chain `cfg`.
///
/// Types 0 (EIP-155 only), 1, 2 and 4. Costs one signature recovery (about 27 us) and one more
/// per EIP-7702 authorisation. Depends on nothing but its arguments.
pub fn recover(raw: &[u8], cfg: &ChainConfig) -> Result<Recovered, TxError> {
    let tx = L2Tx::decode_2718(raw)?;
    let (Some(signature), Some(signed_hash)) = (tx.signature(), tx.signature_hash()) else {
        return Err(TxError::UnsupportedType(DEPOSIT_TX_TYPE));
    };
    let found = tx.chain_id().ok_or(TxError::NotReplayProtected)?;
    if found != cfg.l2_chain_id {
        return Err(TxError::WrongChainId { expected: cfg.l2_chain_id, found });
    }
    let sender = recover_signer(signature, signed_hash).ok_or(TxError::InvalidSignature)?;
    let authorities = tx.authorization_list().unwrap_or_default().iter().map(authority).collect();
    let raw = Bytes::copy_from_slice(raw);
    Ok(Recovered { sender, hash: tx.hash(), size: crate::data_size(&raw), tx, raw, authorities })
}

/// Who signed the authorisation (EIP-7702).
pub(crate) fn authority(auth: &SignedAuthorization) -> Option<Address> {
    let signature = auth.signature().ok()?;
    recover_signer(&signature, auth.signature_hash())
}

fn decode_signed<T: RlpEcdsaDecodableTx>(buf: &mut &[u8], hash: B256) -> Result<Signed<T>, TxError> {
    let (tx, signature) = T::rlp_decode_with_signature(buf).map_err(TxError::Malformed)?;
    Ok(Signed::new_unchecked(tx, signature, hash))
}

fn encode_signed<T: RlpEcdsaEncodableTx>(tx: &Signed<T>, out: &mut Vec<u8>) {
    out.reserve(tx.tx().eip2718_encoded_length(tx.signature()));
    tx.tx().eip2718_encode(tx.signature(), out);
}
