//! One section of transactions as columns: like beside like, so that brotli sees their likeness.

use super::wire::{Reader, from_decimal};
#[cfg(feature = "std")]
use super::wire::{Writer, to_decimal};
use alloc::vec::Vec;
use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy, transaction::RlpEcdsaEncodableTx};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use alloy_rlp::Decodable;
use assay_primitives::limits::SECTION_DECODED_BYTES_MAX;
#[cfg(feature = "std")]
use {alloy_consensus::transaction::RlpEcdsaDecodableTx, alloy_rlp::Encodable};

/// Bytes of `r || s`.
const SIGNATURE_BYTES: usize = 64;

/// Flags of a transaction, one byte each in the first column: what it is in the low three bits ...
const TYPE_MASK: u8 = 0b111;
const TYPE_LEGACY: u8 = 0;
const TYPE_ACCESS_LIST: u8 = 1;
const TYPE_FEE_MARKET: u8 = 2;
const TYPE_SET_CODE: u8 = 3;
/// Bytes that are no transaction of this chain.
const TYPE_RAW: u8 = 0b111;
/// ... then what it has: init code, calldata, lists.
const CREATE: u8 = 1 << 3;
const INPUT: u8 = 1 << 4;
const LISTS: u8 = 1 << 5;
const KNOWN: u8 = TYPE_MASK | CREATE | INPUT | LISTS;

/// A transaction taken apart.
#[derive(Clone, Debug, Default)]
struct Fields {
    flags: u8,
    nonce: u64,
    gas_limit: u64,
    /// Gas price, or the most fee per gas.
    fee: u128,
    tip: u128,
    to: Address,
    value: U256,
    input: Vec<u8>,
    /// RLP of the access list, and of the authorizations for type 4.
    lists: Vec<u8>,
    signature: Option<Signature>,
    /// All bytes of a transaction that is none of ours.
    raw: Vec<u8>,
}

/// Bytes of the signatures and parities of `signed` transactions.
pub(super) const fn signature_bytes(signed: usize) -> usize {
    signed * SIGNATURE_BYTES + signed.div_ceil(8)
}

#[cfg(feature = "std")]
/// A section of transactions, encoded but not yet compressed.
pub(super) struct Section {
    pub(super) txs: usize,
    /// How many of the transactions are signed, that is not raw.
    pub(super) signed: usize,
    pub(super) columns: Vec<u8>,
    /// `r || s` of each signed transaction, then their parities as bits: no compression helps here, and a damaged signature hurts
    /// its own transaction only.
    pub(super) signatures: Vec<u8>,
}

#[cfg(feature = "std")]
/// Takes transactions apart into columns. Bytes that are no transaction of `chain_id` are kept as they are.
pub(super) fn encode(txs: &[Bytes], chain_id: u64) -> Section {
    let txs: Vec<Fields> = txs.iter().map(|raw| Fields::parse_or_raw(raw, chain_id)).collect();
    let mut out = Writer::default();
    txs.iter().for_each(|tx| out.byte(tx.flags));
    let (signeds, raws): (Vec<&Fields>, Vec<&Fields>) = txs.iter().partition(|tx| !tx.is_raw());
    let mut nonce = 0;
    for tx in &signeds {
        out.delta(nonce, tx.nonce);
        nonce = tx.nonce;
    }
    signeds.iter().for_each(|tx| out.varint(tx.gas_limit));
    let amounts = |out: &mut Writer, amounts: Vec<U256>| {
        let decimals: Vec<(U256, u8)> = amounts.into_iter().map(to_decimal).collect();
        decimals.iter().for_each(|(_, exponent)| out.byte(*exponent));
        decimals.iter().for_each(|(mantissa, _)| out.mantissa(*mantissa));
    };
    amounts(&mut out, signeds.iter().map(|tx| U256::from(tx.fee)).collect());
    amounts(&mut out, signeds.iter().filter(|tx| tx.has_tip()).map(|tx| U256::from(tx.tip)).collect());
    amounts(&mut out, signeds.iter().map(|tx| tx.value).collect());
    signeds.iter().filter(|tx| !tx.has(CREATE)).for_each(|tx| out.bytes(tx.to.as_slice()));
    signeds.iter().filter(|tx| tx.has(INPUT)).for_each(|tx| out.count(tx.input.len()));
    signeds.iter().filter(|tx| tx.has(LISTS)).for_each(|tx| out.count(tx.lists.len()));
    raws.iter().for_each(|tx| out.count(tx.raw.len()));
    signeds.iter().for_each(|tx| out.bytes(&tx.input));
    signeds.iter().for_each(|tx| out.bytes(&tx.lists));
    raws.iter().for_each(|tx| out.bytes(&tx.raw));

    let signatures: Vec<Signature> = signeds.iter().filter_map(|tx| tx.signature).collect();
    Section {
        txs: txs.len(),
        signed: signeds.len(),
        columns: out.0,
        signatures: encode_signatures(&signatures),
    }
}

#[cfg(feature = "std")]
fn encode_signatures(signatures: &[Signature]) -> Vec<u8> {
    let mut out = Vec::with_capacity(signature_bytes(signatures.len()));
    for group in signatures.chunks(8) {
        out.push(group.iter().enumerate().fold(0, |bits, (i, s)| bits | u8::from(s.v()) << i));
    }
    for signature in signatures {
        out.extend_from_slice(&signature.r().to_be_bytes::<32>());
        out.extend_from_slice(&signature.s().to_be_bytes::<32>());
    }
    out
}

/// Puts `count` transactions, `signed` of them signed, together again.
///
/// `None` if the columns do not hold exactly that. `signatures` are [`signature_bytes`] long, or cut: a transaction without
/// a signature is `None`, and so is one whose lists are not RLP.
pub(super) fn decode(
    columns: &[u8],
    signatures: &[u8],
    count: usize,
    signed: usize,
    chain_id: u64,
) -> Option<Vec<Option<Bytes>>> {
    let mut reader = Reader::new(columns);
    let flags = reader.take(count)?;
    let fields: Vec<Fields> = flags.iter().map(|flags| Fields::with_flags(*flags)).collect::<Option<_>>()?;
    let (mut signeds, mut raws): (Vec<Fields>, Vec<Fields>) = fields.into_iter().partition(|tx| !tx.is_raw());
    if signeds.len() != signed {
        return None;
    }
    read_numbers(&mut reader, &mut signeds)?;
    read_bytes(&mut reader, &mut signeds, &mut raws)?;
    if !reader.is_empty() {
        return None;
    }
    read_signatures(signatures, &mut signeds);
    let (mut signeds, mut raws) = (signeds.into_iter(), raws.into_iter());
    let is_raw = |flags: &u8| flags & TYPE_MASK == TYPE_RAW;
    let tx = |f| if is_raw(f) { raws.next() } else { signeds.next() }?.into_raw(chain_id);
    Some(flags.iter().map(tx).collect())
}

/// The columns of numbers and addresses, in the order in which [`encode`] writes them.
fn read_numbers(reader: &mut Reader<'_>, signeds: &mut [Fields]) -> Option<()> {
    let mut nonce = 0;
    for tx in &mut *signeds {
        nonce = reader.delta(nonce)?;
        tx.nonce = nonce;
    }
    for tx in &mut *signeds {
        tx.gas_limit = reader.varint()?;
    }
    let fees = read_amounts(reader, signeds.len())?;
    for (tx, fee) in signeds.iter_mut().zip(fees) {
        tx.fee = fee.try_into().ok()?;
    }
    let tips = read_amounts(reader, signeds.iter().filter(|tx| tx.has_tip()).count())?;
    for (tx, tip) in signeds.iter_mut().filter(|tx| tx.has_tip()).zip(tips) {
        tx.tip = tip.try_into().ok()?;
    }
    let values = read_amounts(reader, signeds.len())?;
    for (tx, value) in signeds.iter_mut().zip(values) {
        tx.value = value;
    }
    for tx in signeds.iter_mut().filter(|tx| !tx.has(CREATE)) {
        tx.to = Address::from(reader.array()?);
    }
    Some(())
}

fn read_amounts(reader: &mut Reader<'_>, count: usize) -> Option<Vec<U256>> {
    let exponents = reader.take(count)?;
    exponents.iter().map(|exponent| from_decimal(reader.mantissa()?, *exponent)).collect()
}

/// The columns of bytes: all lengths, then all bytes.
fn read_bytes(reader: &mut Reader<'_>, signeds: &mut [Fields], raws: &mut [Fields]) -> Option<()> {
    let inputs = read_lengths(reader, signeds.iter().filter(|tx| tx.has(INPUT)).count())?;
    let lists = read_lengths(reader, signeds.iter().filter(|tx| tx.has(LISTS)).count())?;
    let lengths = read_lengths(reader, raws.len())?;
    for (tx, len) in signeds.iter_mut().filter(|tx| tx.has(INPUT)).zip(inputs) {
        tx.input = reader.take(len)?.to_vec();
    }
    for (tx, len) in signeds.iter_mut().filter(|tx| tx.has(LISTS)).zip(lists) {
        tx.lists = reader.take(len)?.to_vec();
    }
    for (tx, len) in raws.iter_mut().zip(lengths) {
        tx.raw = reader.take(len)?.to_vec();
    }
    Some(())
}

fn read_lengths(reader: &mut Reader<'_>, count: usize) -> Option<Vec<usize>> {
    (0..count).map(|_| reader.count(SECTION_DECODED_BYTES_MAX)).collect()
}

fn read_signatures(bytes: &[u8], signeds: &mut [Fields]) {
    let (parities, points) = bytes.split_at(signeds.len().div_ceil(8).min(bytes.len()));
    for (index, (tx, point)) in signeds.iter_mut().zip(points.chunks_exact(SIGNATURE_BYTES)).enumerate() {
        let (r, s) = point.split_at(SIGNATURE_BYTES / 2);
        let parity = (parities[index / 8] >> (index % 8)) & 1 == 1;
        tx.signature = Some(Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity));
    }
}

impl Fields {
    /// An empty transaction of a known kind.
    fn with_flags(flags: u8) -> Option<Self> {
        let known = flags == TYPE_RAW || (flags & !KNOWN == 0 && flags & TYPE_MASK <= TYPE_SET_CODE);
        known.then(|| Self { flags, ..Self::default() })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn is_raw(&self) -> bool {
        self.flags & TYPE_MASK == TYPE_RAW
    }

    fn has_tip(&self) -> bool {
        matches!(self.flags & TYPE_MASK, TYPE_FEE_MARKET | TYPE_SET_CODE)
    }

    fn kind(&self) -> TxKind {
        match self.has(CREATE) {
            true => TxKind::Create,
            false => TxKind::Call(self.to),
        }
    }

    /// Takes a transaction apart, or keeps it raw if it would not come back byte for byte.
    #[cfg(feature = "std")]
    fn parse_or_raw(raw: &[u8], chain_id: u64) -> Self {
        let parsed = Self::parse(raw).filter(|tx| {
            tx.clone().into_raw(chain_id).is_some_and(|bytes| bytes == *raw)
                && tx.input.len() + tx.lists.len() <= SECTION_DECODED_BYTES_MAX
        });
        parsed.unwrap_or_else(|| Self { flags: TYPE_RAW, raw: raw.to_vec(), ..Self::default() })
    }

    #[cfg(feature = "std")]
    fn parse(raw: &[u8]) -> Option<Self> {
        let mut buf = raw;
        match raw.first()? {
            0x01 => {
                let (tx, signature, _) = TxEip2930::eip2718_decode(&mut buf).ok()?.into_parts();
                let fields =
                    Self { fee: tx.gas_price, lists: alloy_rlp::encode(&tx.access_list), ..Self::default() };
                Some(fields.common(
                    TYPE_ACCESS_LIST,
                    tx.nonce,
                    tx.gas_limit,
                    tx.to,
                    tx.value,
                    tx.input,
                    signature,
                ))
            }
            0x02 => {
                let (tx, signature, _) = TxEip1559::eip2718_decode(&mut buf).ok()?.into_parts();
                let fields = Self {
                    fee: tx.max_fee_per_gas,
                    tip: tx.max_priority_fee_per_gas,
                    lists: alloy_rlp::encode(&tx.access_list),
                    ..Self::default()
                };
                Some(fields.common(
                    TYPE_FEE_MARKET,
                    tx.nonce,
                    tx.gas_limit,
                    tx.to,
                    tx.value,
                    tx.input,
                    signature,
                ))
            }
            0x04 => {
                let (tx, signature, _) = TxEip7702::eip2718_decode(&mut buf).ok()?.into_parts();
                let mut lists = alloy_rlp::encode(&tx.access_list);
                tx.authorization_list.encode(&mut lists);
                let fields = Self {
                    fee: tx.max_fee_per_gas,
                    tip: tx.max_priority_fee_per_gas,
                    lists,
                    ..Self::default()
                };
                let to = TxKind::Call(tx.to);
                Some(fields.common(TYPE_SET_CODE, tx.nonce, tx.gas_limit, to, tx.value, tx.input, signature))
            }
            0xc0.. => {
                let (tx, signature, _) = TxLegacy::rlp_decode_signed(&mut buf).ok()?.into_parts();
                let fields = Self { fee: tx.gas_price, ..Self::default() };
                Some(fields.common(TYPE_LEGACY, tx.nonce, tx.gas_limit, tx.to, tx.value, tx.input, signature))
            }
            _ => None,
        }
    }

    #[cfg(feature = "std")]
    #[expect(clippy::too_many_arguments, reason = "the fields that all types share")]
    fn common(
        mut self,
        kind: u8,
        nonce: u64,
        gas_limit: u64,
        to: TxKind,
        value: U256,
        input: Bytes,
        signature: Signature,
    ) -> Self {
        // An empty access list is the usual one: no flag, no bytes.
        if self.lists == [alloy_rlp::EMPTY_LIST_CODE] {
            self.lists.clear();
        }
        self.flags = kind
            | if to.is_create() { CREATE } else { 0 }
            | if input.is_empty() { 0 } else { INPUT }
            | if self.lists.is_empty() { 0 } else { LISTS };
        self.to = to.to().copied().unwrap_or_default();
        self.signature = Some(signature);
        Self { nonce, gas_limit, value, input: input.to_vec(), ..self }
    }

    /// The EIP-2718 bytes. `None` if the lists are not RLP.
    fn into_raw(self, chain_id: u64) -> Option<Bytes> {
        if self.is_raw() {
            return Some(self.raw.into());
        }
        let (to, signature) = (self.kind(), self.signature?);
        let Self { nonce, gas_limit, fee, tip, value, lists, .. } = self;
        let input = Bytes::from(self.input);
        let mut lists: &[u8] = if lists.is_empty() { &[alloy_rlp::EMPTY_LIST_CODE] } else { &lists };
        let mut out = Vec::new();
        match self.flags & TYPE_MASK {
            TYPE_LEGACY => {
                TxLegacy { chain_id: Some(chain_id), nonce, gas_price: fee, gas_limit, to, value, input }
                    .eip2718_encode(&signature, &mut out)
            }
            TYPE_ACCESS_LIST => {
                let access_list = AccessList::decode(&mut lists).ok()?;
                TxEip2930 { chain_id, nonce, gas_price: fee, gas_limit, to, value, access_list, input }
                    .eip2718_encode(&signature, &mut out);
            }
            TYPE_FEE_MARKET => {
                let access_list = AccessList::decode(&mut lists).ok()?;
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list,
                    input,
                }
                .eip2718_encode(&signature, &mut out);
            }
            _ => {
                let access_list = AccessList::decode(&mut lists).ok()?;
                let authorization_list = Vec::<SignedAuthorization>::decode(&mut lists).ok()?;
                TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: tip,
                    to: to.to().copied()?,
                    value,
                    access_list,
                    authorization_list,
                    input,
                }
                .eip2718_encode(&signature, &mut out);
            }
        }
        Some(out.into())
    }
}
