//! Brotli with hard bounds: the decoder knows the length before it starts, so a bomb ends at once.

use alloc::{vec, vec::Vec};
use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut,
};

/// The decoder's memory comes from the global allocator, in `no_std` too.
#[derive(Clone, Copy)]
struct Heap;

struct Cells<T>(Vec<T>);

impl<T> Default for Cells<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Cells<T>;

    fn alloc_cell(&mut self, len: usize) -> Cells<T> {
        Cells(vec![T::default(); len])
    }

    fn free_cell(&mut self, _cells: Cells<T>) {}
}

/// Undoes [`pack`]: `len` bytes out of `input`, which are stored as they are if they are as many.
///
/// `None` unless the stream is one whole brotli stream (RFC 7932, no large windows) of exactly `len` bytes. Memory: `len`
/// bytes, a window of at most 16 MiB and the decoder's tables, about 4 MiB at worst.
pub(super) fn unpack(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if input.len() == len {
        return Some(input.to_vec());
    }
    let mut output = vec![0; len];
    let mut state = BrotliState::new(Heap, Heap, Heap);
    state.large_window = false;
    let (mut available_in, mut offset_in) = (input.len(), 0);
    let (mut available_out, mut offset_out, mut total) = (len, 0, 0);
    let result = BrotliDecompressStream(
        &mut available_in,
        &mut offset_in,
        input,
        &mut available_out,
        &mut offset_out,
        &mut output,
        &mut total,
        &mut state,
    );
    let whole = matches!(result, BrotliResult::ResultSuccess) && available_in == 0 && offset_out == len;
    whole.then_some(output)
}

/// Compresses with brotli, quality 0 (fast) to 11 (small); stores the bytes as they are when that does not make them fewer.
#[cfg(feature = "std")]
pub(super) fn pack(bytes: &[u8], quality: u8) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: i32::from(quality.min(11)),
        lgwin: 22,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut out = Vec::with_capacity(bytes.len() / 2);
    // Writing to memory does not fail; if it ever did, storing is always right.
    match brotli::BrotliCompress(&mut &*bytes, &mut out, &params) {
        Ok(_) if out.len() < bytes.len() => out,
        _ => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(bytes in prop::collection::vec(0u8..4, 0..3000), quality in 0u8..12) {
            let packed = pack(&bytes, quality);
            prop_assert!(packed.len() <= bytes.len());
            prop_assert_eq!(unpack(&packed, bytes.len()), Some(bytes));
        }

        #[test]
        fn any_bytes_unpack_to_the_length_asked_or_to_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..300), len in 0usize..5000,
        ) {
            if let Some(out) = unpack(&bytes, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_length_asked() {
        let bomb = pack(&vec![0; 64 << 20], 9);
        assert!(bomb.len() < 200, "{}", bomb.len());
        assert_eq!(unpack(&bomb, 1000), None);
    }

    #[test]
    fn a_stream_with_a_tail_is_refused() {
        let mut packed = pack(&[7; 1000], 5);
        assert!(unpack(&packed, 1000).is_some());
        packed.push(0);
        assert_eq!(unpack(&packed, 1000), None);
        assert_eq!(unpack(&packed, 1001), None);
    }
}
