//! Addresses that exist from genesis.

use alloy_primitives::{Address, address};

/// Records L2 to L1 messages (OP Stack storage layout); its storage root is a header's `withdrawalsRoot`.
pub const MESSAGE_PASSER: Address = address!("0x4200000000000000000000000000000000000016");
/// Receives tips, base fees and data fees.
pub const FEE_VAULT: Address = address!("0x4200000000000000000000000000000000000011");
/// Slot 0: the protocol's clock in seconds, advanced at the end of each block.
pub const CLOCK: Address = address!("0xA55A000000000000000000000000000000000001");
/// Slot 0: hash of the last recorded L1 block, slot 1: its number, slot 2: number to hash.
pub const BEACON: Address = address!("0xA55A000000000000000000000000000000000002");
/// Slot 0: price of one transaction byte in wei.
pub const DATA_FEE: Address = address!("0xA55A000000000000000000000000000000000003");
/// Providers, their stake and their hardware attributes.
pub const REGISTRY: Address = address!("0xA55A000000000000000000000000000000000010");
/// The job market.
pub const MARKET: Address = address!("0xA55A000000000000000000000000000000000011");
/// The sender of protocol calls (EIP-4788's system address).
pub const SYSTEM_ADDRESS: Address = address!("0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE");
/// Block hashes in state (EIP-2935).
pub const HISTORY: Address = address!("0x0000F90827F1C53a10cb7A02335B175320002935");
