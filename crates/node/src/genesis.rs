//! The first state of a chain: the system contracts and the market, made from the protocol parameters.

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolConstructor;
use assay_bindings::{Beacon, Clock, DataFee, FeeVault, Market, MessagePasser, Registry, with_args};
use assay_execution::{Genesis, GenesisAccount};
use assay_primitives::{ChainConfig, MarketParams, predeploys};

/// The genesis of the chain with these parameters: every node builds the same one from the same parameters.
pub fn genesis(config: ChainConfig) -> Genesis {
    let clock = Clock::constructorCall { genesisTime: config.genesis_time };
    let data_fee = DataFee::constructorCall { initialPrice: U256::from(config.data_price_initial) };
    let vault = FeeVault::constructorCall { recipient_: config.fee_recipient };
    let registry = Registry::constructorCall { minStakeWei_: U256::from(config.market.min_stake_wei) };
    let market = Market::constructorCall { params_: market_params(&config.market) };
    let alloc = [
        account(predeploys::CLOCK, &Clock::BYTECODE, &clock.abi_encode()),
        account(predeploys::BEACON, &Beacon::BYTECODE, &[]),
        account(predeploys::DATA_FEE, &DataFee::BYTECODE, &data_fee.abi_encode()),
        account(predeploys::FEE_VAULT, &FeeVault::BYTECODE, &vault.abi_encode()),
        account(predeploys::MESSAGE_PASSER, &MessagePasser::BYTECODE, &[]),
        account(predeploys::REGISTRY, &Registry::BYTECODE, &registry.abi_encode()),
        account(predeploys::MARKET, &Market::BYTECODE, &market.abi_encode()),
    ];
    Genesis { alloc: alloc.into(), config }
}

fn account(address: Address, code: &Bytes, args: &[u8]) -> (Address, GenesisAccount) {
    (address, GenesisAccount { initcode: with_args(code, args), ..Default::default() })
}

fn market_params(params: &MarketParams) -> Market::MarketParams {
    Market::MarketParams {
        bondWei: params.bond_wei,
        minStakeWei: params.min_stake_wei,
        unitsMax: params.units_max,
        exposureBps: params.exposure_bps,
        killFeeBps: params.kill_fee_bps,
        compensationBps: params.compensation_bps,
        resolveTimeoutSecs: params.resolve_timeout_secs,
        matchSecsMin: params.match_secs_min,
        matchSecsMax: params.match_secs_max,
        ackSecsMin: params.ack_secs_min,
        ackSecsMax: params.ack_secs_max,
        runSecsMin: params.run_secs_min,
        runSecsMax: params.run_secs_max,
        revealSecsMin: params.reveal_secs_min,
        revealSecsMax: params.reveal_secs_max,
        challengeSecsMin: params.challenge_secs_min,
        challengeSecsMax: params.challenge_secs_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predeploy_has_code_and_the_parameters_decide_the_hash() {
        let dev = genesis(ChainConfig::dev());
        let (header, state) = dev.build().unwrap();
        for address in dev.alloc.keys() {
            let account = state.accounts[address].account.as_ref().unwrap();
            assert_ne!(account.code_hash, alloy::primitives::KECCAK256_EMPTY, "{address}");
        }
        let mut other = ChainConfig::dev();
        other.market.bond_wei += 1;
        assert_ne!(genesis(other).build().unwrap().0.hash(), header.hash());
        assert_eq!(genesis(ChainConfig::dev()).build().unwrap().0.hash(), header.hash());
    }
}
