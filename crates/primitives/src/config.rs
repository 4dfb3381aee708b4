//! Protocol parameters: one struct, one canonical hash, one check of their relations.

use crate::{limits, words::Words};
use alloy_primitives::{Address, B256, U256, address, keccak256};

/// Seconds between L1 blocks that relations between parameters assume.
const L1_BLOCK_SECS: u64 = 12;

macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $name {
            fn append(&self, words: Words) -> Words {
                $(let words = self.$field.append(words);)*
                words
            }
        }
    };
}

/// A value that is part of the canonical encoding.
trait Encode {
    fn append(&self, words: Words) -> Words;
}

macro_rules! encode_numbers {
    ($($ty:ty),*) => {$(
        impl Encode for $ty {
            fn append(&self, words: Words) -> Words {
                words.uint(U256::from(*self))
            }
        }
    )*};
}

encode_numbers!(u16, u32, u64, u128);

/// Amounts of wei in JSON: decimal strings, which every reader takes without losing digits.
#[cfg(feature = "serde")]
mod wei {
    use alloc::string::{String, ToString};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

params! {
    /// Parameters of the market predeploy: `MarketParams` of `contracts/src/types/MarketTypes.sol`, in its order.
    /// Times are seconds of the clock predeploy, shares basis points.
    MarketParams {
        /// Locked for each replica; what a provider loses when it misses a deadline.
        #[cfg_attr(feature = "serde", serde(with = "wei"))]
        bond_wei: u128,
        /// Least stake of a provider; at least the bond.
        #[cfg_attr(feature = "serde", serde(with = "wei"))]
        min_stake_wei: u128,
        /// Most fuel of an order.
        units_max: u64,
        /// Stake locked beside the bond, as a share of what the replica can earn.
        exposure_bps: u32,
        /// What a replica gets when the client cancels a running job, as a share of what it can earn.
        kill_fee_bps: u16,
        /// Share of a slashed bond that goes to the client; the rest is burned.
        compensation_bps: u16,
        /// How long a dispute may stay undecided; at least `challenge_secs_min`.
        resolve_timeout_secs: u32,
        /// Shortest time an order may stay open.
        match_secs_min: u32,
        /// Longest time an order may stay open.
        match_secs_max: u32,
        /// Shortest time to acknowledge.
        ack_secs_min: u32,
        /// Longest time to acknowledge.
        ack_secs_max: u32,
        /// Shortest time to run.
        run_secs_min: u32,
        /// Longest time to run.
        run_secs_max: u32,
        /// Shortest time to reveal.
        reveal_secs_min: u32,
        /// Longest time to reveal.
        reveal_secs_max: u32,
        /// Shortest challenge window.
        challenge_secs_min: u32,
        /// Longest challenge window.
        challenge_secs_max: u32,
    }
}

params! {
    /// All parameters of one chain.
    ChainConfig {
        /// Chain id of L1.
        l1_chain_id: u64,
        /// Chain id of L2.
        l2_chain_id: u64,
        /// Timestamp of the genesis block in seconds.
        genesis_time: u64,
        /// Gas limit of every L2 block.
        block_gas_limit: u64,
        /// Base fee of the first block in wei per gas.
        base_fee_initial: u64,
        /// The base fee never falls below this.
        base_fee_min: u64,
        /// EIP-1559: gas limit / gas target.
        fee_elasticity: u64,
        /// EIP-1559: largest change of the base fee is one over this.
        fee_denominator: u64,
        /// How far a block's time may lie before the L1 time of its batch.
        max_lag_secs: u64,
        /// How far a block's time may lie after the L1 time of its batch.
        max_drift_secs: u64,
        /// Age from which anyone may include a queue entry.
        force_delay_secs: u64,
        /// Most gas of one forced transaction.
        forced_gas_max: u64,
        /// Most bytes of data of one forced transaction.
        forced_data_max: u64,
        /// Gas enqueued per L1 block at which the queue's base fee stays.
        queue_gas_target: u64,
        /// The queue's base fee never falls below this, in wei per gas.
        queue_base_fee_min: u64,
        /// L1 blocks that the sequencer lets pass before it takes a queue entry.
        deposit_confirmations: u64,
        /// Data price at genesis in wei per byte.
        data_price_initial: u64,
        /// Least data price.
        data_price_min: u64,
        /// Largest data price.
        data_price_max: u64,
        /// Who may withdraw what the fee vault collects.
        fee_recipient: Address,
        /// The market's parameters.
        market: MarketParams,
    }
}

impl Encode for Address {
    fn append(&self, words: Words) -> Words {
        words.address(*self)
    }
}

impl Encode for MarketParams {
    fn append(&self, words: Words) -> Words {
        Self::append(self, words)
    }
}

/// Two parameters that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// L1 and L2 share a chain id, so transactions could be replayed.
    #[error("l1_chain_id and l2_chain_id are both {0}")]
    SameChainId(u64),
    /// A value that must not be zero.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A value above another that bounds it.
    #[error("{name} = {value} exceeds {bound_name} = {bound}")]
    Above {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: u64,
        /// What bounds it.
        bound_name: &'static str,
        /// The bound.
        bound: u64,
    },
    /// A provider could be bound to pay more than it staked.
    #[error("market.bond_wei = {bond} exceeds market.min_stake_wei = {stake_min}")]
    BondAboveStake {
        /// The bond of one replica in wei.
        bond: u128,
        /// The least stake in wei.
        stake_min: u128,
    },
    /// The text is not a configuration.
    #[error("not a chain configuration: {0}")]
    #[cfg(feature = "std")]
    Json(alloc::string::String),
}

fn at_most(name: &'static str, value: u64, bound_name: &'static str, bound: u64) -> Result<(), ConfigError> {
    match value <= bound {
        true => Ok(()),
        false => Err(ConfigError::Above { name, value, bound_name, bound }),
    }
}

fn not_zero(name: &'static str, value: u64) -> Result<(), ConfigError> {
    match value {
        0 => Err(ConfigError::Zero(name)),
        _ => Ok(()),
    }
}

impl ChainConfig {
    /// Parameters of the development chain: anvil below, short windows.
    pub fn dev() -> Self {
        const GWEI: u64 = 1_000_000_000;
        Self {
            l1_chain_id: 31_337,
            l2_chain_id: 42_330,
            genesis_time: 1_760_000_000,
            block_gas_limit: 400_000_000,
            base_fee_initial: GWEI / 10,
            base_fee_min: GWEI / 1000,
            fee_elasticity: 2,
            fee_denominator: 8,
            max_lag_secs: 600,
            max_drift_secs: 60,
            force_delay_secs: 600,
            forced_gas_max: 16_000_000,
            forced_data_max: limits::FORCED_DATA_BYTES_MAX,
            queue_gas_target: 8_000_000,
            queue_base_fee_min: GWEI / 100,
            deposit_confirmations: 1,
            data_price_initial: GWEI,
            data_price_min: GWEI / 1000,
            data_price_max: 10_000 * GWEI,
            // The first account of the test mnemonic that anvil funds.
            fee_recipient: address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            market: MarketParams::dev(),
        }
    }

    /// Checks the relations between parameters; the first contradiction found is the error.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.l1_chain_id == self.l2_chain_id {
            return Err(ConfigError::SameChainId(self.l2_chain_id));
        }
        for (name, value) in [
            ("l1_chain_id", self.l1_chain_id),
            ("l2_chain_id", self.l2_chain_id),
            ("genesis_time", self.genesis_time),
            ("base_fee_min", self.base_fee_min),
            ("fee_elasticity", self.fee_elasticity),
            ("fee_denominator", self.fee_denominator),
            ("max_lag_secs", self.max_lag_secs),
            ("queue_gas_target", self.queue_gas_target),
            ("queue_base_fee_min", self.queue_base_fee_min),
            ("data_price_min", self.data_price_min),
        ] {
            not_zero(name, value)?;
        }
        let confirmations_secs = self.deposit_confirmations.saturating_mul(L1_BLOCK_SECS);
        let forced_gas_needed = limits::FORCED_GAS_BASE
            .saturating_add(limits::FORCED_GAS_PER_BYTE.saturating_mul(self.forced_data_max));
        for (name, value, bound_name, bound) in [
            ("fee_elasticity", self.fee_elasticity, "block_gas_limit", self.block_gas_limit),
            ("base_fee_min", self.base_fee_min, "base_fee_initial", self.base_fee_initial),
            ("max_lag_secs", self.max_lag_secs, "force_delay_secs", self.force_delay_secs),
            ("max_drift_secs", self.max_drift_secs, "force_delay_secs", self.force_delay_secs),
            ("forced_gas_max", self.forced_gas_max, "block_gas_limit / 2", self.block_gas_limit / 2),
            ("forced_gas_max", self.forced_gas_max, "EIP-7825's limit", limits::L1_TX_GAS_MAX),
            ("gas that forced_data_max needs", forced_gas_needed, "forced_gas_max", self.forced_gas_max),
            ("forced_data_max", self.forced_data_max, "the named limit", limits::FORCED_DATA_BYTES_MAX),
            (
                "deposit_confirmations in seconds",
                confirmations_secs,
                "force_delay_secs / 2",
                self.force_delay_secs / 2,
            ),
            ("data_price_min", self.data_price_min, "data_price_initial", self.data_price_initial),
            ("data_price_initial", self.data_price_initial, "data_price_max", self.data_price_max),
        ] {
            at_most(name, value, bound_name, bound)?;
        }
        self.market.check()
    }

    /// `configHash`: keccak over a domain word and every field as a 32-byte big-endian word in declared order.
    pub fn hash(&self) -> B256 {
        self.append(Words::default().word(keccak256("assay.ChainConfig.v1"))).hash()
    }

    /// Reads and checks the JSON form.
    #[cfg(feature = "std")]
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(text)
            .map_err(|e| ConfigError::Json(alloc::string::ToString::to_string(&e)))?;
        config.check()?;
        Ok(config)
    }
}

impl MarketParams {
    /// Short windows for the development chain.
    pub fn dev() -> Self {
        const MILLI_ETHER: u128 = 1_000_000_000_000_000;
        Self {
            bond_wei: 10 * MILLI_ETHER,
            min_stake_wei: 1000 * MILLI_ETHER,
            units_max: 1 << 50,
            exposure_bps: 10_000,
            kill_fee_bps: 500,
            compensation_bps: 5000,
            resolve_timeout_secs: 3600,
            match_secs_min: 1,
            match_secs_max: 86_400,
            ack_secs_min: 1,
            ack_secs_max: 3600,
            run_secs_min: 1,
            run_secs_max: 86_400,
            reveal_secs_min: 1,
            reveal_secs_max: 3600,
            challenge_secs_min: 1,
            challenge_secs_max: 86_400,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        not_zero("market.units_max", self.units_max)?;
        not_zero("market.bond_wei", u64::try_from(self.bond_wei).unwrap_or(u64::MAX))?;
        for (name, bound_name, min, max) in [
            ("market.match_secs_min", "market.match_secs_max", self.match_secs_min, self.match_secs_max),
            ("market.ack_secs_min", "market.ack_secs_max", self.ack_secs_min, self.ack_secs_max),
            ("market.run_secs_min", "market.run_secs_max", self.run_secs_min, self.run_secs_max),
            ("market.reveal_secs_min", "market.reveal_secs_max", self.reveal_secs_min, self.reveal_secs_max),
            (
                "market.challenge_secs_min",
                "market.challenge_secs_max",
                self.challenge_secs_min,
                self.challenge_secs_max,
            ),
            (
                "market.challenge_secs_min",
                "market.resolve_timeout_secs",
                self.challenge_secs_min,
                self.resolve_timeout_secs,
            ),
        ] {
            not_zero(name, min.into())?;
            at_most(name, min.into(), bound_name, max.into())?;
        }
        at_most("market.kill_fee_bps", self.kill_fee_bps.into(), "the whole", 10_000)?;
        at_most("market.compensation_bps", self.compensation_bps.into(), "the whole", 10_000)?;
        match self.bond_wei <= self.min_stake_wei {
            true => Ok(()),
            false => Err(ConfigError::BondAboveStake { bond: self.bond_wei, stake_min: self.min_stake_wei }),
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn leaves(value: &Value, path: Vec<String>, out: &mut Vec<Vec<String>>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    leaves(value, [path.clone(), vec![key.clone()]].concat(), out);
                }
            }
            _ => out.push(path),
        }
    }

    #[test]
    fn every_field_is_in_the_hash() {
        let dev = ChainConfig::dev();
        let json = serde_json::to_value(&dev).unwrap();
        let mut paths = vec![];
        leaves(&json, vec![], &mut paths);
        assert_eq!(paths.len(), 37);
        let mut hashes = vec![dev.hash()];
        for path in paths {
            let mut changed = json.clone();
            let slot = path.iter().fold(&mut changed, |value, key| &mut value[key]);
            *slot = match slot.as_str() {
                Some(text) if text.len() == 42 => json!(Address::repeat_byte(7)),
                _ => json!("4567"),
            };
            let changed = match serde_json::from_value::<ChainConfig>(changed.clone()) {
                Ok(config) => config,
                Err(_) => {
                    *path.iter().fold(&mut changed, |value, key| &mut value[key]) = json!(4567);
                    serde_json::from_value(changed).unwrap()
                }
            };
            assert!(!hashes.contains(&changed.hash()), "{path:?}");
            hashes.push(changed.hash());
        }
    }

    #[test]
    fn json_round_trips_and_unknown_fields_are_refused() {
        let dev = ChainConfig::dev();
        let text = serde_json::to_string(&dev).unwrap();
        assert_eq!(ChainConfig::from_json(&text), Ok(dev));
        let more = text.replacen('{', "{\"surprise\":1,", 1);
        assert!(matches!(ChainConfig::from_json(&more), Err(ConfigError::Json(_))));
    }

    #[test]
    fn refuses_contradictions() {
        type Change = fn(&mut ChainConfig);
        let changes: [(Change, &str); 9] = [
            (|c| c.l2_chain_id = c.l1_chain_id, "l1_chain_id and l2_chain_id are both 31337"),
            (|c| c.max_lag_secs = 601, "max_lag_secs = 601 exceeds force_delay_secs = 600"),
            (|c| c.fee_denominator = 0, "fee_denominator must not be zero"),
            (
                |c| c.base_fee_min = u64::MAX,
                "base_fee_min = 18446744073709551615 exceeds base_fee_initial = 100000000",
            ),
            (
                |c| c.block_gas_limit = 31_000_000,
                "forced_gas_max = 16000000 exceeds block_gas_limit / 2 = 15500000",
            ),
            (
                |c| c.forced_gas_max = 17_000_000,
                "forced_gas_max = 17000000 exceeds EIP-7825's limit = 16777216",
            ),
            (
                |c| c.deposit_confirmations = 26,
                "deposit_confirmations in seconds = 312 exceeds force_delay_secs / 2 = 300",
            ),
            (|c| c.data_price_max = 1, "data_price_initial = 1000000000 exceeds data_price_max = 1"),
            (|c| c.market.kill_fee_bps = 10_001, "market.kill_fee_bps = 10001 exceeds the whole = 10000"),
        ];
        for (change, message) in changes {
            let mut config = ChainConfig::dev();
            change(&mut config);
            assert_eq!(config.check().unwrap_err().to_string(), message);
        }
    }
}
