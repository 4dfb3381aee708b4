//! One arithmetic for both formats: `W` holds a product with room to spare.

/// Shifts right, keeping a one in the last place if anything was lost.
macro_rules! jam {
    ($W:ty, $x:expr, $d:expr) => {{
        let (x, d): ($W, u32) = ($x, $d);
        if d == 0 {
            x
        } else if d >= <$W>::BITS {
            <$W>::from(x != 0)
        } else {
            x.wrapping_shr(d) | <$W>::from(x.wrapping_shl(<$W>::BITS.wrapping_sub(d)) != 0)
        }
    }};
}

macro_rules! soft_float {
    ($name:ident, $U:ty, $W:ty, $mant:literal, $ebits:literal, $nan:expr) => {
        pub(crate) mod $name {
            use core::cmp::Ordering;

            use crate::bytecode::op::Round;

            const MANT: u32 = $mant;
            const BITS: u32 = <$U>::BITS;
            const SIGN: $U = 1 << (BITS - 1);
            const INF: $U = ((1 << $ebits) - 1) << MANT;
            const NAN: $U = $nan;
            const HIDDEN: $U = 1 << MANT;
            const EMAX: i32 = (1 << ($ebits - 1)) - 1;
            const EMIN: i32 = 1 - EMAX;
            /// Where the leading bit of a normalised significand stands in `W`.
            const TOP: u32 = <$W>::BITS - 2;

            #[inline(always)]
            pub(crate) fn is_nan(a: $U) -> bool {
                a & !SIGN > INF
            }

            #[inline(always)]
            pub(crate) fn is_inf(a: $U) -> bool {
                a & !SIGN == INF
            }

            #[inline(always)]
            fn sign(a: $U) -> bool {
                a & SIGN != 0
            }

            #[inline(always)]
            fn signed(negative: bool, magnitude: $U) -> $U {
                magnitude | (<$U>::from(negative) << (BITS - 1))
            }

            /// The canonical NaN for a NaN, otherwise the bits.
            #[inline(always)]
            pub(crate) fn canonical(a: $U) -> $U {
                if is_nan(a) { NAN } else { a }
            }

            /// Exponent and significand of a finite number that is not zero: `sig * 2^(exp - MANT)`, leading bit at `MANT`.
            #[inline(always)]
            pub(crate) fn unpack(a: $U) -> (i32, $U) {
                let field = (a >> MANT) & ((1 << $ebits) - 1);
                let sig = a & (HIDDEN - 1);
                if field != 0 {
                    return ((field as i32).wrapping_sub(EMAX), sig | HIDDEN);
                }
                let shift = sig.leading_zeros().wrapping_sub(BITS - 1 - MANT);
                (EMIN.wrapping_sub(shift as i32), sig.wrapping_shl(shift))
            }

            /// Rounds `sig * 2^(exp - TOP)`; `sig` has its leading bit at `TOP`, its last bit is sticky.
            #[inline(always)]
            pub(crate) fn round_pack(negative: bool, exp: i32, sig: $W, round: Round) -> $U {
                const SHIFT: u32 = TOP - MANT;
                const HALF: $W = 1 << (SHIFT - 1);
                let (exp, sig) = if exp < EMIN {
                    (EMIN, jam!($W, sig, EMIN.wrapping_sub(exp) as u32))
                } else {
                    (exp, sig)
                };
                let rest = sig & ((1 << SHIFT) - 1);
                let q = (sig >> SHIFT) as $U;
                let up = match round {
                    Round::Rn => rest > HALF || (rest == HALF && q & 1 == 1),
                    Round::Rz => false,
                    Round::Rm => negative && rest != 0,
                    Round::Rp => !negative && rest != 0,
                };
                if exp > EMAX {
                    return overflow(negative, round);
                }
                let biased = (exp.wrapping_sub(EMIN) as $U).wrapping_shl(MANT);
                let bits = biased.wrapping_add(q).wrapping_add(<$U>::from(up));
                if bits >= INF { overflow(negative, round) } else { signed(negative, bits) }
            }

            #[cold]
            fn overflow(negative: bool, round: Round) -> $U {
                let infinite = match round {
                    Round::Rn => true,
                    Round::Rz => false,
                    Round::Rm => negative,
                    Round::Rp => !negative,
                };
                signed(negative, if infinite { INF } else { INF - 1 })
            }

            /// Normalises `sig * 2^(exp - TOP)` and rounds it.
            #[inline(always)]
            fn normal_pack(negative: bool, exp: i32, sig: $W, round: Round) -> $U {
                if sig >> (TOP + 1) != 0 {
                    return round_pack(negative, exp.wrapping_add(1), (sig >> 1) | (sig & 1), round);
                }
                let shift = sig.leading_zeros().wrapping_sub(1);
                round_pack(negative, exp.wrapping_sub(shift as i32), sig.wrapping_shl(shift), round)
            }

            /// Sum of two numbers with leading bits at `TOP`.
            #[inline(always)]
            fn sum(sa: bool, ea: i32, ma: $W, sb: bool, eb: i32, mb: $W, round: Round) -> $U {
                let swap = eb > ea || (eb == ea && mb > ma);
                let (sa, ea, ma, sb, eb, mb) =
                    if swap { (sb, eb, mb, sa, ea, ma) } else { (sa, ea, ma, sb, eb, mb) };
                let mb = jam!($W, mb, ea.wrapping_sub(eb) as u32);
                if sa == sb {
                    return normal_pack(sa, ea, ma.wrapping_add(mb), round);
                }
                let difference = ma.wrapping_sub(mb);
                if difference == 0 {
                    return signed(round == Round::Rm, 0);
                }
                normal_pack(sa, ea, difference, round)
            }

            /// Sum of zeros of these signs.
            #[inline(always)]
            fn zero_sum(sa: bool, sb: bool, round: Round) -> $U {
                signed(if sa == sb { sa } else { round == Round::Rm }, 0)
            }

            #[inline(always)]
            pub(crate) fn add(a: $U, b: $U, round: Round) -> $U {
                let (x, y) = (a & !SIGN, b & !SIGN);
                if x >= INF || y >= INF {
                    return if x > INF || y > INF || (x == y && a != b) {
                        NAN
                    } else if x == INF {
                        a
                    } else {
                        b
                    };
                }
                if x == 0 || y == 0 {
                    return if x == y {
                        zero_sum(sign(a), sign(b), round)
                    } else if x == 0 {
                        b
                    } else {
                        a
                    };
                }
                let ((ea, ma), (eb, mb)) = (unpack(a), unpack(b));
                let (ma, mb) = (<$W>::from(ma) << (TOP - MANT), <$W>::from(mb) << (TOP - MANT));
                sum(sign(a), ea, ma, sign(b), eb, mb, round)
            }

            #[inline(always)]
            pub(crate) fn sub(a: $U, b: $U, round: Round) -> $U {
                add(a, b ^ SIGN, round)
            }

            /// A product or its special value: `Err` holds the result if it needs no rounding.
            #[inline(always)]
            fn product(a: $U, b: $U) -> Result<(bool, i32, $W), $U> {
                let negative = sign(a ^ b);
                let (x, y) = (a & !SIGN, b & !SIGN);
                if x >= INF || y >= INF {
                    let invalid = x > INF || y > INF || x == 0 || y == 0;
                    return Err(if invalid { NAN } else { signed(negative, INF) });
                }
                if x == 0 || y == 0 {
                    return Err(signed(negative, 0));
                }
                let ((ea, ma), (eb, mb)) = (unpack(a), unpack(b));
                let wide = <$W>::from(ma).wrapping_mul(<$W>::from(mb));
                let carry = (wide >> (2 * MANT + 1)) as u32;
                let exp = ea.wrapping_add(eb).wrapping_add(carry as i32);
                Ok((negative, exp, wide.wrapping_shl(TOP - 2 * MANT - carry)))
            }

            #[inline(always)]
            pub(crate) fn mul(a: $U, b: $U, round: Round) -> $U {
                match product(a, b) {
                    Ok((negative, exp, sig)) => round_pack(negative, exp, sig, round),
                    Err(special) => special,
                }
            }

            #[inline(always)]
            pub(crate) fn fma(a: $U, b: $U, c: $U, round: Round) -> $U {
                let z = c & !SIGN;
                match product(a, b) {
                    Err(p) => add(p, c, round),
                    Ok((negative, exp, sig)) => {
                        if z >= INF {
                            return canonical(c);
                        }
                        if z == 0 {
                            return round_pack(negative, exp, sig, round);
                        }
                        let (ec, mc) = unpack(c);
                        sum(negative, exp, sig, sign(c), ec, <$W>::from(mc) << (TOP - MANT), round)
                    }
                }
            }

            pub(crate) fn div(a: $U, b: $U, round: Round) -> $U {
                let negative = sign(a ^ b);
                let (x, y) = (a & !SIGN, b & !SIGN);
                if x > INF || y > INF || (x == y && (x == INF || x == 0)) {
                    return NAN;
                }
                if x == INF || y == 0 {
                    return signed(negative, INF);
                }
                if y == INF || x == 0 {
                    return signed(negative, 0);
                }
                let ((ea, ma), (eb, mb)) = (unpack(a), unpack(b));
                const UP: u32 = TOP - MANT - 1;
                let (n, d) = (<$W>::from(ma) << UP, <$W>::from(mb));
                let q = (n / d) | <$W>::from(n % d != 0);
                // q is about 2^UP, so the value is q * 2^(ea - eb - UP).
                normal_pack(negative, ea.wrapping_sub(eb).wrapping_add((TOP - UP) as i32), q, round)
            }

            pub(crate) fn sqrt(a: $U, round: Round) -> $U {
                let x = a & !SIGN;
                if x > INF || (sign(a) && x != 0) {
                    return NAN;
                }
                if x == 0 || x == INF {
                    return a;
                }
                let (exp, sig) = unpack(a);
                // n has an even exponent below: n * 2^(2k) with n near 2^TOP.
                const UP: u32 = TOP - MANT - 1;
                let odd = (exp.wrapping_sub(MANT as i32).wrapping_sub(UP as i32)) & 1;
                let n = (<$W>::from(sig) << UP) << odd;
                let half = exp.wrapping_sub(MANT as i32).wrapping_sub(UP as i32).wrapping_sub(odd) >> 1;
                let root = n.isqrt();
                let sticky = <$W>::from(root.wrapping_mul(root) != n);
                // root * 2^half; make room for the sticky bit.
                normal_pack(false, half.wrapping_sub(2).wrapping_add(TOP as i32), (root << 2) | sticky, round)
            }

            pub(crate) fn rcp(a: $U, round: Round) -> $U {
                div((EMAX as $U) << MANT, a, round)
            }

            /// Order, or `None` if either is a NaN.
            #[inline(always)]
            pub(crate) fn cmp(a: $U, b: $U) -> Option<Ordering> {
                if is_nan(a) || is_nan(b) {
                    return None;
                }
                if (a | b) & !SIGN == 0 {
                    return Some(Ordering::Equal);
                }
                Some(total_key(a).cmp(&total_key(b)))
            }

            /// Rises with the value; -0 comes before +0.
            #[inline(always)]
            fn total_key(a: $U) -> $U {
                if sign(a) { !a } else { a | SIGN }
            }

            /// The smaller number; a NaN loses; -0 is below +0.
            pub(crate) fn min(a: $U, b: $U) -> $U {
                match (is_nan(a), is_nan(b)) {
                    (true, true) => NAN,
                    (true, false) => b,
                    (false, true) => a,
                    (false, false) => {
                        if total_key(b) < total_key(a) {
                            b
                        } else {
                            a
                        }
                    }
                }
            }

            /// The larger number; a NaN loses; +0 is above -0.
            pub(crate) fn max(a: $U, b: $U) -> $U {
                match (is_nan(a), is_nan(b)) {
                    (true, true) => NAN,
                    (true, false) => b,
                    (false, true) => a,
                    (false, false) => {
                        if total_key(b) > total_key(a) {
                            b
                        } else {
                            a
                        }
                    }
                }
            }

            /// Clamps to [+0, 1]; a NaN becomes +0 (`.sat`).
            pub(crate) fn saturate(a: $U) -> $U {
                const ONE: $U = (EMAX as $U) << MANT;
                if is_nan(a) || sign(a) {
                    0
                } else if a > ONE {
                    ONE
                } else {
                    a
                }
            }

            /// `(-1)^negative * magnitude`, rounded.
            pub(crate) fn of_int(negative: bool, magnitude: u64, round: Round) -> $U {
                if magnitude == 0 {
                    return 0;
                }
                let shift = magnitude.leading_zeros();
                let normal = magnitude << shift;
                let sig = if TOP >= 63 {
                    <$W>::from(normal) << (TOP.saturating_sub(63))
                } else {
                    <$W>::from((normal >> 1) | (normal & 1))
                };
                round_pack(negative, 63i32.wrapping_sub(shift as i32), sig, round)
            }

            /// Integer nearest to a finite number by the rounding: sign and magnitude, `None` if above 2^64.
            pub(crate) fn to_int(a: $U, round: Round) -> (bool, Option<u64>) {
                let negative = sign(a);
                if a & !SIGN == 0 {
                    return (negative, Some(0));
                }
                if is_inf(a) {
                    return (negative, None);
                }
                let (exp, sig) = unpack(a);
                if exp > 64 {
                    return (negative, None);
                }
                let wide = u128::from(sig) << (126 - MANT);
                // value = wide * 2^(exp - 126); keep two bits below the point, the last one sticky.
                let scaled = jam!(u128, wide, (124i32.wrapping_sub(exp)) as u32);
                let (q, rest) = (scaled >> 2, scaled & 3);
                let up = match round {
                    Round::Rn => rest > 2 || (rest == 2 && q & 1 == 1),
                    Round::Rz => false,
                    Round::Rm => negative && rest != 0,
                    Round::Rp => !negative && rest != 0,
                };
                (negative, u64::try_from(q.wrapping_add(u128::from(up))).ok())
            }

            /// The integral number by the rounding, as a float.
            pub(crate) fn round_int(a: $U, round: Round) -> $U {
                if is_nan(a) {
                    return NAN;
                }
                if is_inf(a) || (a & !SIGN) >= ((EMAX as $U).wrapping_add(MANT as $U) << MANT) {
                    return a;
                }
                let (negative, magnitude) = to_int(a, round);
                signed(negative, of_int(false, magnitude.unwrap_or(0), Round::Rn))
            }
        }
    };
}

soft_float!(f32, u32, u64, 23, 8, 0x7FFF_FFFF);
soft_float!(f64, u64, u128, 52, 11, 0x7FF8_0000_0000_0000);
