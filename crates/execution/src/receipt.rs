//! Receipts.

use alloc::vec::Vec;

use alloy_primitives::{Address, Bloom, Log, U256};
use alloy_rlp::{Encodable, Header};

/// What the chain remembers of an executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Receipt {
    /// EIP-2718 type of the transaction.
    pub tx_type: u8,
    /// Whether it neither reverted nor halted.
    pub success: bool,
    /// Gas used by it and all before it in the block.
    pub cumulative_gas_used: u64,
    /// Bloom of `logs`.
    pub bloom: Bloom,
    /// Events in order.
    pub logs: Vec<Log>,
    /// Gas used by it alone. Not in the consensus encoding, as everything below.
    pub gas_used: u64,
    /// Wei per gas that the sender paid: base fee and tip.
    pub effective_gas_price: u128,
    /// Data fee in wei.
    pub l1_fee: U256,
    /// The contract that a creation made; set for failed creations too, as in geth.
    pub contract_address: Option<Address>,
}

impl Receipt {
    /// The EIP-2718 bytes that the receipts root commits to:
    /// `type || rlp([status, cumulative gas, bloom, logs])`.
    pub fn encoded_2718(&self) -> Vec<u8> {
        let payload_length = self.success.length()
            + self.cumulative_gas_used.length()
            + self.bloom.length()
            + self.logs.length();
        let header = Header { list: true, payload_length };
        let mut out = Vec::with_capacity(1 + header.length_with_payload());
        if self.tx_type != 0 {
            out.push(self.tx_type);
        }
        header.encode(&mut out);
        self.success.encode(&mut out);
        self.cumulative_gas_used.encode(&mut out);
        self.bloom.encode(&mut out);
        self.logs.encode(&mut out);
        out
    }
}
