//! The codec against itself: round trips, limits, bombs and damage.

use super::{columns, compress, wire::Writer, *};
use crate::testing::{Wallet, transfer};
use alloy_consensus::{TxEip1559, TxEip2930, TxEip7702, TxLegacy, transaction::RlpEcdsaEncodableTx};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, Signature, TxKind, U256};
use proptest::prelude::*;

pub(crate) const CHAIN: u64 = 42_330;

/// Decodes the columns of every section, lets `change` edit them and writes the batch again: damage behind the compression.
pub(crate) fn edit_columns(bytes: &[u8], mut change: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut reader = Reader::new(&bytes[1..]);
    let (batch, block_count, block_len, block_decoded_len, heads) = read_envelope(&mut reader).unwrap();
    let mut blocks = compress::unpack(reader.take(block_len).unwrap(), block_decoded_len).unwrap();
    change(&mut blocks);
    let packed = compress::pack(&blocks, 5);
    let mut out = Writer::default();
    out.byte(BATCH_VERSION);
    out.varint(batch.parent_number);
    out.bytes(batch.parent_hash.as_slice());
    out.count(block_count);
    out.count(packed.len());
    out.count(blocks.len());
    out.count(heads.len());
    let mut bodies = packed;
    for head in heads {
        let mut columns = compress::unpack(reader.take(head.len).unwrap(), head.decoded_len).unwrap();
        change(&mut columns);
        let packed = compress::pack(&columns, 5);
        out.count(head.txs);
        out.count(head.signed);
        out.count(packed.len());
        out.count(columns.len());
        bodies.extend(packed);
        bodies.extend(reader.take_up_to(columns::signature_bytes(head.signed)));
    }
    out.bytes(&bodies);
    out.0
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u64; 4]>(), any::<[u64; 4]>(), any::<bool>(), 0usize..200)
        .prop_map(|(r, s, v, shift)| Signature::new(U256::from_limbs(r) >> shift, U256::from_limbs(s), v))
}

fn access_list() -> impl Strategy<Value = AccessList> {
    prop::collection::vec((any::<[u8; 20]>(), prop::collection::vec(any::<[u8; 32]>(), 0..3)), 0..3).prop_map(
        |items| {
            let item = |(address, keys): ([u8; 20], Vec<[u8; 32]>)| AccessListItem {
                address: address.into(),
                storage_keys: keys.into_iter().map(B256::from).collect(),
            };
            AccessList(items.into_iter().map(item).collect())
        },
    )
}

/// Any transaction of the four types, sometimes of another chain, or any bytes at all.
fn tx() -> impl Strategy<Value = Bytes> {
    let amounts = (any::<u64>(), any::<u64>(), any::<u128>(), any::<u128>(), any::<[u64; 4]>(), 0usize..256);
    let rest = (
        prop::option::of(any::<[u8; 20]>()),
        prop::collection::vec(any::<u8>(), 0..80),
        access_list(),
        signature(),
        prop_oneof![9 => Just(CHAIN), 1 => Just(1u64)],
    );
    let signed = (0u8..4, amounts, rest).prop_map(
        |(
            kind,
            (nonce, gas_limit, fee, tip, value, shift),
            (to, input, access_list, signature, chain_id),
        )| {
            let to = to.map_or(TxKind::Create, |to| TxKind::Call(to.into()));
            let (value, input) = (U256::from_limbs(value) >> shift, Bytes::from(input));
            let mut out = Vec::new();
            match kind {
                0 => {
                    TxLegacy { chain_id: Some(chain_id), nonce, gas_price: fee, gas_limit, to, value, input }
                        .eip2718_encode(&signature, &mut out)
                }
                1 => TxEip2930 { chain_id, nonce, gas_price: fee, gas_limit, to, value, access_list, input }
                    .eip2718_encode(&signature, &mut out),
                2 => TxEip1559 {
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
                .eip2718_encode(&signature, &mut out),
                _ => {
                    let authorization =
                        Authorization { chain_id: U256::from(chain_id), address: Address::ZERO, nonce };
                    let signed =
                        SignedAuthorization::new_unchecked(authorization, 1, signature.r(), signature.s());
                    TxEip7702 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas: fee,
                        max_priority_fee_per_gas: tip,
                        to: to.to().copied().unwrap_or_default(),
                        value,
                        access_list,
                        authorization_list: [signed].into(),
                        input,
                    }
                    .eip2718_encode(&signature, &mut out);
                }
            }
            Bytes::from(out)
        },
    );
    prop_oneof![8 => signed, 1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Bytes::from)]
}

fn block() -> impl Strategy<Value = BatchBlock> {
    (any::<u64>(), any::<u64>(), any::<u64>(), prop::collection::vec(tx(), 0..8)).prop_map(
        |(timestamp, data_price, queue_count, txs)| BatchBlock { timestamp, data_price, queue_count, txs },
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    (any::<u64>(), any::<[u8; 32]>(), prop::collection::vec(block(), 0..6))
        .prop_map(|(parent_number, hash, blocks)| Batch { parent_number, parent_hash: hash.into(), blocks })
}

/// `count` transfers of as many accounts as `wallets`, in turn, to fresh addresses.
pub(crate) fn transfers(wallets: u64, count: u64) -> Vec<Bytes> {
    let wallets: Vec<Wallet> = (0..wallets).map(Wallet::new).collect();
    let senders = wallets.len() as u64;
    (0..count)
        .map(|i| {
            let to = Address::from_word(alloy_primitives::keccak256(i.to_be_bytes()));
            wallets[(i % senders) as usize].sign(transfer(
                i / senders,
                to,
                U256::from(1_000_000_000 + i * 7_919),
            ))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_batch_round_trips(batch in batch(), quality in 0u8..10) {
        let bytes = batch.encode(CHAIN, quality).unwrap();
        let decoded = Batch::decode(&bytes, CHAIN).unwrap();
        prop_assert_eq!(decoded.lost_txs, 0);
        prop_assert_eq!(&decoded.batch, &batch);
        prop_assert_eq!(decoded.batch.encode(CHAIN, quality).unwrap(), bytes);
    }

    #[test]
    fn any_bytes_are_a_batch_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Some(first) = bytes.first_mut() {
            *first = BATCH_VERSION;
        }
        let _ = Batch::decode(&bytes, CHAIN);
    }

    #[test]
    fn damaged_batches_are_a_batch_or_an_error(
        batch in batch(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = batch.encode(CHAIN, 5).unwrap();
        let mut columns = edit_columns(&bytes, |columns| {
            let len = columns.len();
            for (at, byte) in edits.iter().filter(|_| len > 0) {
                columns[at.index(len)] = *byte;
            }
        });
        for (at, byte) in edits {
            let (a, b) = (at.index(bytes.len()), at.index(columns.len()));
            (bytes[a], columns[b]) = (byte, byte);
        }
        let _ = Batch::decode(&bytes, CHAIN);
        let _ = Batch::decode(&columns, CHAIN);
    }
}

#[test]
fn every_limit_is_refused_by_name() {
    let block = |txs: usize| BatchBlock { txs: vec![Bytes::from_static(&[1]); txs], ..Default::default() };
    let with = |blocks: Vec<BatchBlock>| Batch { blocks, ..Default::default() }.encode(CHAIN, 1).unwrap_err();
    let blocks = with(vec![block(0); limits::BATCH_BLOCKS_MAX + 1]);
    assert_eq!(blocks, BatchError::TooLarge { what: "blocks", found: 4097, max: 4096 });
    let txs = with(vec![block(limits::BATCH_TXS_MAX + 1)]);
    assert_eq!(txs, BatchError::TooLarge { what: "transactions", found: 65_537, max: 65_536 });
    let long =
        BatchBlock { txs: vec![vec![0u8; limits::SECTION_DECODED_BYTES_MAX].into()], ..Default::default() };
    assert!(matches!(with(vec![long]), BatchError::TooLarge { what: "a section", .. }));
    let wide = BatchBlock { txs: vec![vec![0u8; 1 << 20].into(); 9], ..Default::default() };
    assert!(matches!(with(vec![wide]), BatchError::TooLarge { what: "columns", .. }));
    assert_eq!(Batch::decode(&[], CHAIN), Err(BatchError::Version { found: 0 }));
    assert_eq!(Batch::decode(&[9], CHAIN), Err(BatchError::Version { found: 9 }));
    assert_eq!(Batch::decode(&[1, 0], CHAIN), Err(BatchError::Envelope));
}

/// A batch of one empty block and sections that decompress to `len` zeros each.
fn bomb(sections: usize, len: usize) -> Vec<u8> {
    let packed = compress::pack(&vec![0; len], 9);
    let mut out = Writer(vec![BATCH_VERSION, 0]);
    out.bytes(&[0; 32]);
    [1, 4, 4, sections].into_iter().for_each(|number| out.count(number));
    for _ in 0..sections {
        [0, 0, packed.len(), len].into_iter().for_each(|number| out.count(number));
    }
    out.bytes(&[0; 4]);
    (0..sections).for_each(|_| out.bytes(&packed));
    out.0
}

#[test]
fn bombs_are_bounded() {
    let over = bomb(1, limits::SECTION_DECODED_BYTES_MAX + 1);
    assert_eq!(Batch::decode(&over, CHAIN), Err(BatchError::Envelope));
    // 4,096 sections of 2 MiB each would be 8 GiB; the budget stops after 8 MiB.
    let many = bomb(limits::BATCH_SECTIONS_MAX, limits::SECTION_DECODED_BYTES_MAX);
    let decoded = Batch::decode(&many, CHAIN).unwrap();
    assert_eq!(decoded.batch.blocks.len(), 1);
    let counts = bomb(limits::BATCH_SECTIONS_MAX + 1, 1);
    assert_eq!(Batch::decode(&counts, CHAIN), Err(BatchError::Envelope));
}

#[test]
fn damage_stays_local() {
    let txs = transfers(50, 400);
    let block =
        |range: core::ops::Range<usize>| BatchBlock { txs: txs[range].to_vec(), ..Default::default() };
    let batch = Batch { blocks: vec![block(0..10), block(10..300), block(300..400)], ..Default::default() };
    let bytes = batch.encode(CHAIN, 9).unwrap();

    // The last byte belongs to the last signature.
    let mut signature = bytes.clone();
    *signature.last_mut().unwrap() ^= 1;
    let decoded = Batch::decode(&signature, CHAIN).unwrap();
    assert_eq!(decoded.lost_txs, 0);
    let found: Vec<&Bytes> = decoded.batch.blocks.iter().flat_map(|block| &block.txs).collect();
    assert_eq!(found.iter().zip(&txs).filter(|(found, tx)| *found != tx).count(), 1);

    // A cut tail costs the transactions without a signature.
    let decoded = Batch::decode(&bytes[..bytes.len() - 640], CHAIN).unwrap();
    assert_eq!(decoded.lost_txs, 10);
    assert_eq!(decoded.batch.blocks[2].txs, txs[300..390]);

    // The second section's columns do not decompress: 128 transactions go, the others keep their blocks.
    let mut section = 0;
    let cut = edit_columns(&bytes, |columns| {
        section += 1;
        if section == 3 {
            columns.truncate(columns.len() / 2);
        }
    });
    let decoded = Batch::decode(&cut, CHAIN).unwrap();
    assert_eq!(decoded.lost_txs, 128);
    assert_eq!(decoded.batch.blocks[0].txs, txs[..10]);
    assert_eq!(decoded.batch.blocks[1].txs, [&txs[10..128], &txs[256..300]].concat());
    assert_eq!(decoded.batch.blocks[2].txs, txs[300..]);
}

#[test]
fn a_plain_transfer_takes_about_ninety_bytes() {
    let txs = transfers(500, 2000);
    let raw: usize = txs.iter().map(|tx| tx.len()).sum();
    let blocks = txs.chunks(200).zip(0..).map(|(txs, i)| BatchBlock {
        timestamp: 1_760_000_000 + i,
        data_price: 1_000_000_000,
        queue_count: 0,
        txs: txs.to_vec(),
    });
    let batch = Batch { parent_number: 77, parent_hash: B256::repeat_byte(7), blocks: blocks.collect() };
    for quality in [1, 5, 9, 11] {
        let bytes = batch.encode(CHAIN, quality).unwrap();
        let each = bytes.len() as f64 / 2000.0;
        println!("quality {quality}: {each:.2} bytes a transfer, {:.2} before", raw as f64 / 2000.0);
        assert!(each < 95.0, "{each}");
        assert_eq!(Batch::decode(&bytes, CHAIN).unwrap().batch, batch);
    }
}
