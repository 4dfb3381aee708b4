//! The JSON of Ethereum's state tests, as far as it says what to execute and what must come out
//! (<https://eest.ethereum.org>, "State Tests"). Numbers are hex text; what a form of transaction lacks is absent.

use std::collections::BTreeMap;

use alloy::{
    eips::eip2930::{AccessList, AccessListItem},
    primitives::{Address, B256, Bytes, U256},
};
use serde::{Deserialize, Deserializer};

/// A file: tests by name.
pub(super) type Tests = BTreeMap<String, Test>;

#[derive(Deserialize)]
pub(super) struct Test {
    pub(super) env: Env,
    pub(super) pre: BTreeMap<Address, PreAccount>,
    pub(super) transaction: Transaction,
    /// What must come out, by fork.
    pub(super) post: BTreeMap<String, Vec<Post>>,
    #[serde(default)]
    pub(super) config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Env {
    pub(super) current_coinbase: Address,
    pub(super) current_gas_limit: U256,
    pub(super) current_number: U256,
    pub(super) current_timestamp: U256,
    #[serde(default)]
    pub(super) current_difficulty: U256,
    pub(super) current_random: Option<B256>,
    #[serde(default)]
    pub(super) current_base_fee: U256,
    #[serde(default)]
    pub(super) current_excess_blob_gas: U256,
}

#[derive(Deserialize)]
pub(super) struct PreAccount {
    pub(super) nonce: U256,
    pub(super) balance: U256,
    pub(super) code: Bytes,
    pub(super) storage: BTreeMap<U256, U256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) sender: Address,
    #[serde(deserialize_with = "to")]
    pub(super) to: Option<Address>,
    pub(super) nonce: U256,
    pub(super) data: Vec<Bytes>,
    pub(super) gas_limit: Vec<U256>,
    pub(super) value: Vec<U256>,
    #[serde(default)]
    pub(super) gas_price: U256,
    pub(super) max_fee_per_gas: Option<U256>,
    pub(super) max_priority_fee_per_gas: Option<U256>,
    /// One for each of `data`.
    #[serde(default)]
    pub(super) access_lists: Vec<Option<Vec<Access>>>,
    pub(super) blob_versioned_hashes: Option<Vec<B256>>,
    #[serde(default)]
    pub(super) max_fee_per_blob_gas: U256,
    pub(super) authorization_list: Option<Vec<Authorization>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Access {
    address: Address,
    storage_keys: Vec<B256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authorization {
    pub(super) chain_id: U256,
    pub(super) address: Address,
    pub(super) nonce: U256,
    pub(super) v: U256,
    pub(super) r: U256,
    pub(super) s: U256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Post {
    /// State root.
    pub(super) hash: B256,
    /// Hash of the logs.
    pub(super) logs: B256,
    pub(super) indexes: Indexes,
    /// Why the transaction must be refused, if it must.
    pub(super) expect_exception: Option<String>,
}

/// Which of the transaction's values are meant.
#[derive(Deserialize)]
pub(super) struct Indexes {
    pub(super) data: usize,
    pub(super) gas: usize,
    pub(super) value: usize,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(default)]
    pub(super) blob_schedule: BTreeMap<String, BlobSchedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobSchedule {
    pub(super) max: U256,
    pub(super) base_fee_update_fraction: U256,
}

/// A creation has an empty text, or nothing.
fn to<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// As the EVM takes it.
pub(super) fn access_list(items: &[Access]) -> AccessList {
    let item =
        |item: &Access| AccessListItem { address: item.address, storage_keys: item.storage_keys.clone() };
    AccessList(items.iter().map(item).collect())
}
