//! Transactions that must not get in, each with its reason.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256, uint};
use assay_execution::{DepositTx, L2Tx, PushError, Recovered, TxError, TxRejected, recover};
use assay_primitives::{ChainConfig, limits::TX_BYTES_MAX};
use common::*;
use proptest::prelude::*;

const TO: TxKind = TxKind::Call(SINK);
const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

fn rejected(chain: &Chain, raw: &[u8]) -> TxRejected {
    let tx = recover(raw, &chain.cfg).unwrap();
    match chain.builder().push(&tx) {
        Err(PushError::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn accepts_types_0_1_2_and_4() {
    let mut chain = Chain::new();
    let chain_id = chain.cfg.l2_chain_id;
    let legacy = TxLegacy {
        chain_id: Some(chain_id),
        nonce: 0,
        gas_price: 2_000_000_000,
        gas_limit: 50_000,
        to: TO,
        ..Default::default()
    };
    let item = AccessListItem { address: SINK, storage_keys: vec![B256::ZERO] };
    let with_list = TxEip2930 {
        chain_id,
        nonce: 1,
        gas_price: 2_000_000_000,
        gas_limit: 50_000,
        to: TO,
        access_list: AccessList(vec![item]),
        ..Default::default()
    };
    let signature = sign_hash(0, with_list.signature_hash());
    let with_list = L2Tx::Eip2930(with_list.into_signed(signature)).encoded_2718();
    let delegating = TxEip7702 {
        chain_id,
        nonce: 3,
        gas_limit: 200_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: account(5),
        authorization_list: vec![
            authorize(5, chain_id, COUNTER, 0),
            authorize(6, chain_id + 1, COUNTER, 0),
            SignedAuthorization::new_unchecked(
                Authorization { chain_id: U256::ZERO, address: COUNTER, nonce: 0 },
                9,
                U256::ZERO,
                U256::ZERO,
            ),
        ],
        ..Default::default()
    };
    let signature = sign_hash(0, delegating.signature_hash());
    let delegating = L2Tx::Eip7702(delegating.into_signed(signature)).encoded_2718();
    let txs: Vec<Bytes> =
        vec![sign_legacy(0, legacy), with_list.into(), sign(0, chain.tx(2, TO, 1)), delegating.into()];
    for raw in &txs {
        let tx = recover(raw, &chain.cfg).unwrap();
        assert_eq!((tx.sender, &tx.raw[..], tx.size), (account(0), &raw[..], raw.len() as u64));
        assert_eq!((tx.hash, tx.tx.hash()), (keccak256(raw), keccak256(raw)));
    }
    let (block, executed) = chain.run(vec![], txs);
    assert_eq!(executed.skipped, vec![]);
    assert!(block.receipts.iter().all(|receipt| receipt.success));
    assert_eq!(block.receipts.iter().map(|receipt| receipt.tx_type).collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(chain.slot(account(5), 0), U256::from(1), "the delegate ran on the authority's storage");
    assert_eq!(chain.nonce(account(6)), 0);
}

#[test]
fn refuses_what_is_no_transaction_of_this_chain() {
    let chain = Chain::new();
    let cfg = &chain.cfg;
    let good = sign(0, chain.tx(0, TO, 1));
    assert!(recover(&good, cfg).is_ok());
    let err = |raw: &[u8]| recover(raw, cfg).unwrap_err();

    assert_eq!(err(&[]), TxError::Empty);
    assert!(matches!(err(&good[..good.len() - 1]), TxError::Malformed(_)));
    assert_eq!(err(&[&good[..], &[0]].concat()), TxError::NotCanonical);
    assert_eq!(err(&[3, 0xc0]), TxError::UnsupportedType(3));
    assert_eq!(err(&[5, 0xc0]), TxError::UnsupportedType(5));
    assert_eq!(err(&[0, 0xc0]), TxError::UnsupportedType(0));
    let deposit = Recovered::deposit(DepositTx::from_entry(&entry(0, account(0), 1, 1, SINK)));
    assert_eq!(err(&deposit.raw), TxError::UnsupportedType(0x7e));
    assert_eq!(
        err(&vec![2; TX_BYTES_MAX + 1]),
        TxError::TooLarge { max: TX_BYTES_MAX, found: TX_BYTES_MAX + 1 }
    );
    let other = sign(0, TxEip1559 { chain_id: 1, ..chain.tx(0, TO, 1) });
    assert_eq!(err(&other), TxError::WrongChainId { expected: cfg.l2_chain_id, found: 1 });
    let unprotected = TxLegacy { gas_limit: 21_000, to: TO, ..Default::default() };
    assert_eq!(err(&sign_legacy(0, unprotected)), TxError::NotReplayProtected);

    let tx = chain.tx(0, TO, 1);
    let signature = sign_hash(0, tx.signature_hash());
    for bad in [
        Signature::new(signature.r(), ORDER - signature.s(), !signature.v()),
        Signature::new(U256::ZERO, signature.s(), signature.v()),
        Signature::new(signature.r(), U256::ZERO, signature.v()),
        Signature::new(U256::MAX, signature.s(), signature.v()),
        Signature::new(ORDER, signature.s(), signature.v()),
    ] {
        let raw = L2Tx::Eip1559(tx.clone().into_signed(bad)).encoded_2718();
        assert_eq!(err(&raw), TxError::InvalidSignature, "{bad:?}");
    }
}

#[test]
fn names_why_a_transaction_cannot_be_included() {
    let mut chain = Chain::new();
    let first = sign(0, chain.tx(0, TO, 1));
    chain.run(vec![], vec![first.clone()]);
    let base = |change: &dyn Fn(&mut TxEip1559)| {
        let mut tx = chain.tx(1, TO, 1);
        change(&mut tx);
        rejected(&chain, &sign(0, tx))
    };
    assert_eq!(rejected(&chain, &first), TxRejected::NonceTooLow { tx: 0, state: 1 });
    assert_eq!(base(&|tx| tx.nonce = 9), TxRejected::NonceTooHigh { tx: 9, state: 1 });
    assert_eq!(base(&|tx| tx.nonce = u64::MAX), TxRejected::NonceMax);
    let base_fee = chain.builder().header().base_fee_per_gas.unwrap();
    assert_eq!(
        base(&|tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (1, 1)),
        TxRejected::FeeCapTooLow { fee_cap: 1, base_fee }
    );
    assert_eq!(base(&|tx| tx.max_priority_fee_per_gas = 3_000_000_000), TxRejected::TipAboveFeeCap);
    assert_eq!(
        base(&|tx| tx.gas_limit = 20_999),
        TxRejected::IntrinsicGas { required: 21_000, gas_limit: 20_999 }
    );
    assert_eq!(
        base(&|tx| (tx.gas_limit, tx.input) = (60_000, vec![1; 1000].into())),
        TxRejected::FloorGas { required: 61_000, gas_limit: 60_000 }
    );
    assert_eq!(
        base(&|tx| tx.gas_limit = chain.cfg.block_gas_limit + 1),
        TxRejected::BlockGas {
            available: chain.cfg.block_gas_limit,
            gas_limit: chain.cfg.block_gas_limit + 1
        }
    );
    assert_eq!(
        base(&|tx| (tx.to, tx.gas_limit, tx.input) = (TxKind::Create, 10_000_000, vec![0; 49_153].into())),
        TxRejected::InitCodeTooLarge
    );
    assert!(matches!(base(&|tx| tx.value = U256::from(2000 * ETHER)), TxRejected::InsufficientFunds { .. }));
    assert_eq!(base(&|tx| tx.value = U256::MAX), TxRejected::CostOverflow);
    let empty = TxEip7702 {
        chain_id: chain.cfg.l2_chain_id,
        nonce: 1,
        gas_limit: 100_000,
        max_fee_per_gas: 2_000_000_000,
        ..Default::default()
    };
    let signature = sign_hash(0, empty.signature_hash());
    let empty = L2Tx::Eip7702(empty.into_signed(signature)).encoded_2718();
    assert_eq!(rejected(&chain, &empty), TxRejected::NoAuthorizations);
}

#[test]
fn refuses_senders_with_code_unless_it_delegates() {
    let mut genesis = genesis();
    genesis.alloc.get_mut(&account(0)).unwrap().code = vec![0].into();
    let mut delegation = vec![0xef, 0x01, 0x00];
    delegation.extend_from_slice(COUNTER.as_slice());
    genesis.alloc.get_mut(&account(1)).unwrap().code = delegation.into();
    let chain = Chain::from_genesis(&genesis);
    assert_eq!(rejected(&chain, &sign(0, chain.tx(1, TO, 1))), TxRejected::SenderHasCode);
    let tx = recover(&sign(1, chain.tx(1, TO, 1)), &chain.cfg).unwrap();
    assert!(chain.builder().push(&tx).is_ok());
}

#[test]
fn refuses_deposits_outside_the_queue() {
    let chain = Chain::new();
    let deposit = Recovered::deposit(DepositTx::from_entry(&entry(0, account(0), 1, 1, SINK)));
    let pushed = chain.builder().push(&deposit);
    assert_eq!(pushed, Err(PushError::Rejected(TxRejected::DepositOutsideQueue)));
}

#[test]
fn deposits_round_trip() {
    for creation in [false, true] {
        let mut entry = entry(77, account(0), 5, 6, SINK);
        (entry.is_creation, entry.data) = (creation, vec![1, 2, 3].into());
        let tx = DepositTx::from_entry(&entry);
        let recovered = Recovered::deposit(tx.clone());
        assert_eq!(recovered.raw[0], 0x7e);
        assert_eq!(L2Tx::decode_2718(&recovered.raw).unwrap().as_deposit(), Some(&tx));
    }
    assert_ne!(DepositTx::source_hash(1), DepositTx::source_hash(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_a_transaction_or_an_error(
        kind in prop_oneof![Just(None), (0u8..=255).prop_map(Some)],
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let raw: Vec<u8> = kind.into_iter().chain(bytes).collect();
        if let Ok(tx) = L2Tx::decode_2718(&raw) {
            prop_assert_eq!(tx.encoded_2718(), raw.clone());
        }
        let _ = recover(&raw, &ChainConfig::dev());
    }

    #[test]
    fn a_damaged_transaction_is_another_or_an_error(
        legacy in any::<bool>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let cfg = ChainConfig::dev();
        let tx = TxEip1559 {
            chain_id: cfg.l2_chain_id,
            gas_limit: 30_000,
            to: TO,
            input: vec![7; 40].into(),
            access_list: AccessList(vec![AccessListItem { address: SINK, storage_keys: vec![B256::ZERO] }]),
            ..Default::default()
        };
        let raw = if legacy {
            let chain_id = Some(cfg.l2_chain_id);
            sign_legacy(0, TxLegacy { chain_id, gas_limit: 30_000, to: TO, ..Default::default() })
        } else {
            sign(0, tx)
        };
        let mut bytes = raw.to_vec();
        for (at, xor) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
        }
        if let Ok(tx) = recover(&bytes, &cfg) {
            prop_assert_eq!(tx.tx.encoded_2718(), &bytes[..]);
            prop_assert!(tx.sender != account(0) || bytes == raw[..]);
            prop_assert!(tx.sender != Address::ZERO);
        }
    }
}
