//! Signature recovery through the one hook that the precompiles use too.
//!
//! `revm::precompile::crypto()` is libsecp256k1 with its global context on `std`, k256 otherwise,
//! and whatever a guest installs with [`revm::install_crypto`] (there: the oracle).

use alloy_primitives::{Address, B256, Signature, U256, uint};

/// Half the order of secp256k1: a larger `s` is refused (EIP-2).
const S_MAX: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// The address whose key signed `hash`.
pub(crate) fn recover_signer(signature: &Signature, hash: B256) -> Option<Address> {
    if signature.s() > S_MAX || signature.s().is_zero() || signature.r().is_zero() {
        return None;
    }
    let mut rs = [0u8; 64];
    rs[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    rs[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let word = revm::precompile::crypto().secp256k1_ecrecover(&rs, u8::from(signature.v()), &hash.0).ok()?;
    Some(Address::from_word(word.into()))
}
