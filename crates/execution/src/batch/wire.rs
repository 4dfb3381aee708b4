//! Reading and writing the codec's numbers: LEB128, and amounts as a decimal mantissa and exponent.

#[cfg(feature = "std")]
use alloc::vec::Vec;
use alloy_primitives::U256;

/// Most bytes of a LEB128 number of 256 bits.
const VARINT_BYTES_MAX: usize = 37;

/// Unread bytes. Every method returns `None` when the bytes do not hold what it asks for.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    /// The next `len` bytes, or all that are left.
    pub(super) fn take_up_to(&mut self, len: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(len.min(self.0.len()));
        self.0 = tail;
        head
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number that counts things in memory, at most `max`.
    pub(super) fn count(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= max)
    }

    /// The number that follows `previous` (see [`Writer::delta`]).
    pub(super) fn delta(&mut self, previous: u64) -> Option<u64> {
        let zigzag = self.varint()?;
        let difference = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
        Some(previous.wrapping_add(difference))
    }

    pub(super) fn mantissa(&mut self) -> Option<U256> {
        let mut limbs = [0u64; 4];
        for index in 0..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let (limb, shift) = (index * 7 / 64, index * 7 % 64);
            if index == VARINT_BYTES_MAX - 1 && bits > 0xf {
                return None;
            }
            limbs[limb] |= bits << shift;
            if shift > 57 && limb < 3 {
                limbs[limb + 1] |= bits >> (64 - shift);
            }
            if byte & 0x80 == 0 {
                return Some(U256::from_limbs(limbs));
            }
        }
        None
    }
}

/// Bytes being written; only the host writes batches.
#[cfg(feature = "std")]
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

#[cfg(feature = "std")]
impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.varint(count as u64);
    }

    /// `value` as its wrapping distance from `previous`, small for small steps either way.
    pub(super) fn delta(&mut self, previous: u64, value: u64) {
        let difference = value.wrapping_sub(previous);
        let sign = ((difference as i64) >> 63) as u64;
        self.varint((difference << 1) ^ sign);
    }

    pub(super) fn mantissa(&mut self, mut value: U256) {
        while value >= U256::from(0x80) {
            self.0.push(value.as_limbs()[0] as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value.as_limbs()[0] as u8);
    }
}

/// Splits an amount into the mantissa without trailing decimal zeros and their number.
#[cfg(feature = "std")]
pub(super) fn to_decimal(value: U256) -> (U256, u8) {
    let (mut mantissa, mut exponent) = (value, 0);
    if value.is_zero() {
        return (value, 0);
    }
    let ten = U256::from(10);
    loop {
        let (quotient, remainder) = mantissa.div_rem(ten);
        if !remainder.is_zero() {
            return (mantissa, exponent);
        }
        (mantissa, exponent) = (quotient, exponent + 1);
    }
}

/// The amount `mantissa * 10^exponent`; `None` if it does not fit.
pub(super) fn from_decimal(mantissa: U256, exponent: u8) -> Option<U256> {
    match exponent {
        0 => Some(mantissa),
        1..=77 => mantissa.checked_mul(U256::from(10).pow(U256::from(exponent))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(a: u64, b: u64, wide: [u64; 4], shift in 0usize..256) {
            let wide = U256::from_limbs(wide) >> shift;
            let mut out = Writer::default();
            out.varint(a);
            out.delta(a, b);
            out.mantissa(wide);
            let mut reader = Reader::new(&out.0);
            prop_assert_eq!(reader.varint(), Some(a));
            prop_assert_eq!(reader.delta(a), Some(b));
            prop_assert_eq!(reader.mantissa(), Some(wide));
            prop_assert!(reader.is_empty());
            let (mantissa, exponent) = to_decimal(wide);
            prop_assert_eq!(from_decimal(mantissa, exponent), Some(wide));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut reader = Reader::new(&bytes);
            while reader.varint().is_some() {}
            let mut reader = Reader::new(&bytes);
            while reader.mantissa().is_some() {}
        }
    }

    #[test]
    fn refuses_numbers_that_do_not_fit() {
        let mut long = [0xff; 10];
        long[9] = 1;
        assert_eq!(Reader::new(&long).varint(), Some(u64::MAX));
        long[9] = 2;
        assert_eq!(Reader::new(&long).varint(), None);
        let mut wide = [0xff; 37];
        wide[36] = 0xf;
        assert_eq!(Reader::new(&wide).mantissa(), Some(U256::MAX));
        wide[36] = 0x10;
        assert_eq!(Reader::new(&wide).mantissa(), None);
        assert_eq!(from_decimal(U256::MAX, 1), None);
        assert_eq!(from_decimal(U256::ONE, 78), None);
        assert_eq!(from_decimal(U256::from(1), 18), Some(U256::from(1_000_000_000_000_000_000u64)));
    }

    #[test]
    fn round_amounts_are_short() {
        assert_eq!(to_decimal(U256::from(1_500_000_000_000_000_000u64)), (U256::from(15), 17));
        assert_eq!(to_decimal(U256::ZERO), (U256::ZERO, 0));
    }
}
