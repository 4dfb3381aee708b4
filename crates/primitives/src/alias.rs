//! Aliasing: an L1 contract acts on L2 under a shifted address, so that it can never be confused
//! with an L2 contract that somebody else deployed at the same address.

use alloy_primitives::{Address, U160, address};

/// What is added to the address of an L1 contract (the offset Arbitrum and the OP Stack use).
pub const ALIAS_OFFSET: Address = address!("0x1111000000000000000000000000000000001111");

/// The L2 sender for a message of the L1 contract `l1`.
pub fn alias(l1: Address) -> Address {
    let sum = U160::from_be_bytes(l1.0.0).wrapping_add(U160::from_be_bytes(ALIAS_OFFSET.0.0));
    Address::from(sum.to_be_bytes::<20>())
}

/// The L1 contract behind the aliased L2 sender `l2`; undoes [`alias`].
pub fn unalias(l2: Address) -> Address {
    let difference = U160::from_be_bytes(l2.0.0).wrapping_sub(U160::from_be_bytes(ALIAS_OFFSET.0.0));
    Address::from(difference.to_be_bytes::<20>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_the_offset_and_wraps() {
        assert_eq!(alias(Address::ZERO), ALIAS_OFFSET);
        let top = Address::repeat_byte(0xff);
        assert_eq!(alias(top), address!("0x1111000000000000000000000000000000001110"));
        assert_eq!(unalias(alias(top)), top);
    }
}
