//! Parameters of calls, beyond what alloy's types parse.

use alloy::primitives::{Address, B256, U256};
use alloy::rpc::types::BlockNumberOrTag;
use serde::{Deserialize, Deserializer};

use super::error::RpcError;
use crate::chain::LogFilter;

/// Values that one topic position, or the address, may have.
const FILTER_VALUES_MAX: usize = 1_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// The filter object of `eth_getLogs`, `eth_newFilter` and the `logs` subscription.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FilterParams {
    #[serde(default)]
    pub(crate) from_block: Option<BlockNumberOrTag>,
    #[serde(default)]
    pub(crate) to_block: Option<BlockNumberOrTag>,
    #[serde(default)]
    pub(crate) block_hash: Option<B256>,
    #[serde(default)]
    address: Option<OneOrMany<Address>>,
    #[serde(default)]
    topics: Option<Vec<Option<OneOrMany<Option<B256>>>>>,
}

impl FilterParams {
    /// Address and topic conditions; the range is left open.
    pub(crate) fn conditions(&self) -> Result<LogFilter, RpcError> {
        let addresses = self.address.clone().map(OneOrMany::into_vec).unwrap_or_default();
        let wanted = self.topics.clone().unwrap_or_default();
        if wanted.len() > 4 {
            return Err(RpcError::InvalidParams("exceed max topics".into()));
        }
        let mut filter = LogFilter {
            to: u64::MAX,
            addresses,
            topics_min: wanted.len() as u8,
            limit: u32::MAX,
            ..LogFilter::default()
        };
        for (slot, values) in filter.topics.iter_mut().zip(wanted) {
            let values = values.map(OneOrMany::into_vec).unwrap_or_default();
            // A null among alternatives means anything.
            if values.iter().all(Option::is_some) {
                *slot = values.into_iter().flatten().collect();
            }
        }
        let longest = filter.topics.iter().map(Vec::len).chain([filter.addresses.len()]).max().unwrap_or(0);
        if longest > FILTER_VALUES_MAX {
            return Err(RpcError::InvalidParams(format!(
                "exceed max addresses or topics per position: {longest}"
            )));
        }
        Ok(filter)
    }
}

/// A storage key: geth takes short hex too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotParam {
    pub(crate) slot: U256,
    /// Whether it was written as a 32-byte word: proofs answer in the same form.
    pub(crate) word: bool,
}

impl<'de> Deserialize<'de> for SlotParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(&text);
        if digits.len() > 64 {
            return Err(serde::de::Error::custom("storage key too long (want at most 32 bytes)"));
        }
        let slot = if digits.is_empty() { Ok(U256::ZERO) } else { U256::from_str_radix(digits, 16) };
        let slot = slot.map_err(|_| serde::de::Error::custom("invalid hex in storage key"))?;
        Ok(Self { slot, word: digits.len() == 64 })
    }
}

/// A count that clients send as hex text or as a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountParam(pub(crate) u64);

impl<'de> Deserialize<'de> for CountParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a whole number, or its text in hex or decimal")]
        enum Wire {
            Number(u64),
            Text(String),
        }
        let number = match Wire::deserialize(deserializer)? {
            Wire::Number(number) => return Ok(Self(number)),
            Wire::Text(text) => match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.parse(),
            },
        };
        number.map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_the_number_of_topics() {
        let params: FilterParams = serde_json::from_str(
            r#"{"address":"0x0000000000000000000000000000000000000001",
                "topics":[null,["0x0000000000000000000000000000000000000000000000000000000000000002"],null]}"#,
        )
        .unwrap();
        let filter = params.conditions().unwrap();
        assert_eq!(filter.topics_min, 3);
        assert_eq!(filter.addresses.len(), 1);
        assert_eq!(filter.topics.map(|topic| topic.len()), [0, 1, 0, 0]);
        let five: FilterParams = serde_json::from_str(r#"{"topics":[null,null,null,null,null]}"#).unwrap();
        assert!(five.conditions().is_err());
    }

    #[test]
    fn counts_come_as_numbers_or_texts() {
        for text in ["16", "\"0x10\"", "\"16\""] {
            assert_eq!(serde_json::from_str::<CountParam>(text).unwrap().0, 16);
        }
        for text in ["-5", "1.5", "null", "\"0x\"", "\"zz\""] {
            let error = serde_json::from_str::<CountParam>(text).unwrap_err().to_string();
            assert!(!error.contains("Wire"), "{error}");
        }
    }

    #[test]
    fn slots_come_in_all_forms() {
        for (text, slot, word) in [("\"0x0\"", 0, false), ("\"0x1f\"", 31, false), ("\"5\"", 5, false)] {
            let parsed: SlotParam = serde_json::from_str(text).unwrap();
            assert_eq!((parsed.slot, parsed.word), (U256::from(slot), word));
        }
        assert!(serde_json::from_str::<SlotParam>("\"0xzz\"").is_err());
        let long = format!("\"0x{}\"", "0".repeat(65));
        assert!(serde_json::from_str::<SlotParam>(&long).is_err());
    }
}
