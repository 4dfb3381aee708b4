//! Keccak-256 (FIPS 202's sponge with the original padding) around a permutation.

/// Bytes absorbed between two permutations.
const RATE: usize = 136;

/// 200 bytes, lane `x + 5y` at `8(x + 5y)`, little-endian, and the function that mixes them.
pub trait Permutation {
    /// The state.
    fn bytes(&mut self) -> &mut [u8; 200];

    /// `keccak-f[1600]` on the state.
    fn permute(&mut self);
}

/// Keccak-256 of `data` with `state`, whatever it holds before.
pub fn keccak256_with(state: &mut impl Permutation, data: &[u8]) -> [u8; 32] {
    state.bytes().fill(0);
    let (blocks, rest) = data.as_chunks::<RATE>();
    for block in blocks {
        absorb(state.bytes(), block);
        state.permute();
    }
    absorb(state.bytes(), rest);
    let bytes = state.bytes();
    bytes[rest.len()] ^= 0x01;
    bytes[RATE - 1] ^= 0x80;
    state.permute();
    let mut hash = [0; 32];
    hash.copy_from_slice(&state.bytes()[..32]);
    hash
}

/// Mixes `data`, at most [`RATE`] bytes, in; eight at a time.
fn absorb(state: &mut [u8; 200], data: &[u8]) {
    let (words, rest) = data.as_chunks::<8>();
    let (lanes, _) = state.as_chunks_mut::<8>();
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane = (u64::from_ne_bytes(*lane) ^ u64::from_ne_bytes(*word)).to_ne_bytes();
    }
    let done = data.len() - rest.len();
    for (at, byte) in state[done..].iter_mut().zip(rest) {
        *at ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_keccak256_at_every_length_around_the_rate() {
        let data: [u8; 3 * RATE + 1] = core::array::from_fn(|i| (i * 7) as u8);
        for len in 0..data.len() {
            let expected = alloy_primitives::keccak256(&data[..len]);
            assert_eq!(crate::keccak256(&data[..len]), expected.0, "{len} bytes");
        }
    }
}
