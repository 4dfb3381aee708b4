//! A genesis without contracts, for tests that are about something else.

use alloy::primitives::{Address, Bytes, U256};
use assay_execution::{Genesis, GenesisAccount};
use assay_primitives::{ChainConfig, predeploys};

/// What [`bare_genesis`] gives each account.
pub const FUNDS: u128 = 1_000_000_000_000_000_000_000_000;

/// The chain `config` in which `rich` have [`FUNDS`] and the predeploys of the protocol are empty contracts.
pub fn bare_genesis(config: ChainConfig, rich: impl IntoIterator<Item = Address>) -> Genesis {
    // STOP: there is something at the address, and it does nothing
    let stop = GenesisAccount { code: Bytes::from_static(&[0]), ..Default::default() };
    let predeploys = [
        predeploys::CLOCK,
        predeploys::BEACON,
        predeploys::DATA_FEE,
        predeploys::FEE_VAULT,
        predeploys::MESSAGE_PASSER,
    ];
    let mut alloc: std::collections::BTreeMap<_, _> =
        predeploys.map(|address| (address, stop.clone())).into();
    for address in rich {
        alloc.insert(address, GenesisAccount { balance: U256::from(FUNDS), ..Default::default() });
    }
    Genesis { config, alloc }
}
