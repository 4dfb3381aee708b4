// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title KeccakF
/// @notice The permutation keccak-f[1600] (FIPS 202, section 3.3).
/// @dev In assembly, theta, rho and pi unrolled: one permutation is 25 x 24 lane moves. Fast only as
/// compiled without `via_ir`, which moves its variables to memory.
library KeccakF {
    /// @dev Eight bytes for each of the 24 rounds.
    bytes private constant ROUND_CONSTANTS = hex"00000000000000010000000000008082800000000000808a8000000080008000"
        hex"000000000000808b000000008000000180000000800080818000000000008009"
        hex"000000000000008a00000000000000880000000080008009000000008000000a"
        hex"000000008000808b800000000000008b80000000000080898000000000008003"
        hex"80000000000080028000000000000080000000000000800a800000008000000a"
        hex"8000000080008081800000000000808000000000800000018000000080008008";

    /// @notice Permutes `lanes` in place; lane `x + 5y` holds 64 bits, in the low bits of its word.
    function permute(uint256[25] memory lanes) internal pure {
        bytes memory constants = ROUND_CONSTANTS;
        uint256[25] memory scratch;
        assembly ("memory-safe") {
            let mask := 0xffffffffffffffff
            let a := lanes
            let b := scratch
            for { let i := 0 } lt(i, 24) { i := add(i, 1) } {
                {
                    // Theta: parities of the columns, and what each changes in its neighbours.
                    let c0 :=
                        xor(
                            xor(
                                xor(xor(mload(a), mload(add(a, 160))), mload(add(a, 320))),
                                mload(add(a, 480))
                            ),
                            mload(add(a, 640))
                        )
                    let c1 :=
                        xor(
                            xor(
                                xor(xor(mload(add(a, 32)), mload(add(a, 192))), mload(add(a, 352))),
                                mload(add(a, 512))
                            ),
                            mload(add(a, 672))
                        )
                    let c2 :=
                        xor(
                            xor(
                                xor(xor(mload(add(a, 64)), mload(add(a, 224))), mload(add(a, 384))),
                                mload(add(a, 544))
                            ),
                            mload(add(a, 704))
                        )
                    let c3 :=
                        xor(
                            xor(
                                xor(xor(mload(add(a, 96)), mload(add(a, 256))), mload(add(a, 416))),
                                mload(add(a, 576))
                            ),
                            mload(add(a, 736))
                        )
                    let c4 :=
                        xor(
                            xor(
                                xor(
                                    xor(mload(add(a, 128)), mload(add(a, 288))),
                                    mload(add(a, 448))
                                ),
                                mload(add(a, 608))
                            ),
                            mload(add(a, 768))
                        )
                    let d0 := xor(c4, and(or(shl(1, c1), shr(63, c1)), mask))
                    let d1 := xor(c0, and(or(shl(1, c2), shr(63, c2)), mask))
                    let d2 := xor(c1, and(or(shl(1, c3), shr(63, c3)), mask))
                    let d3 := xor(c2, and(or(shl(1, c4), shr(63, c4)), mask))
                    let d4 := xor(c3, and(or(shl(1, c0), shr(63, c0)), mask))
                    let v
                    // Theta, rho and pi of each lane; leaves dirt above its 64 bits.
                    mstore(b, xor(mload(a), d0))
                    v := xor(mload(add(a, 160)), d0)
                    mstore(add(b, 512), or(shl(36, v), shr(28, v)))
                    v := xor(mload(add(a, 320)), d0)
                    mstore(add(b, 224), or(shl(3, v), shr(61, v)))
                    v := xor(mload(add(a, 480)), d0)
                    mstore(add(b, 736), or(shl(41, v), shr(23, v)))
                    v := xor(mload(add(a, 640)), d0)
                    mstore(add(b, 448), or(shl(18, v), shr(46, v)))
                    v := xor(mload(add(a, 32)), d1)
                    mstore(add(b, 320), or(shl(1, v), shr(63, v)))
                    v := xor(mload(add(a, 192)), d1)
                    mstore(add(b, 32), or(shl(44, v), shr(20, v)))
                    v := xor(mload(add(a, 352)), d1)
                    mstore(add(b, 544), or(shl(10, v), shr(54, v)))
                    v := xor(mload(add(a, 512)), d1)
                    mstore(add(b, 256), or(shl(45, v), shr(19, v)))
                    v := xor(mload(add(a, 672)), d1)
                    mstore(add(b, 768), or(shl(2, v), shr(62, v)))
                    v := xor(mload(add(a, 64)), d2)
                    mstore(add(b, 640), or(shl(62, v), shr(2, v)))
                    v := xor(mload(add(a, 224)), d2)
                    mstore(add(b, 352), or(shl(6, v), shr(58, v)))
                    v := xor(mload(add(a, 384)), d2)
                    mstore(add(b, 64), or(shl(43, v), shr(21, v)))
                    v := xor(mload(add(a, 544)), d2)
                    mstore(add(b, 576), or(shl(15, v), shr(49, v)))
                    v := xor(mload(add(a, 704)), d2)
                    mstore(add(b, 288), or(shl(61, v), shr(3, v)))
                    v := xor(mload(add(a, 96)), d3)
                    mstore(add(b, 160), or(shl(28, v), shr(36, v)))
                    v := xor(mload(add(a, 256)), d3)
                    mstore(add(b, 672), or(shl(55, v), shr(9, v)))
                    v := xor(mload(add(a, 416)), d3)
                    mstore(add(b, 384), or(shl(25, v), shr(39, v)))
                    v := xor(mload(add(a, 576)), d3)
                    mstore(add(b, 96), or(shl(21, v), shr(43, v)))
                    v := xor(mload(add(a, 736)), d3)
                    mstore(add(b, 608), or(shl(56, v), shr(8, v)))
                    v := xor(mload(add(a, 128)), d4)
                    mstore(add(b, 480), or(shl(27, v), shr(37, v)))
                    v := xor(mload(add(a, 288)), d4)
                    mstore(add(b, 192), or(shl(20, v), shr(44, v)))
                    v := xor(mload(add(a, 448)), d4)
                    mstore(add(b, 704), or(shl(39, v), shr(25, v)))
                    v := xor(mload(add(a, 608)), d4)
                    mstore(add(b, 416), or(shl(8, v), shr(56, v)))
                    v := xor(mload(add(a, 768)), d4)
                    mstore(add(b, 128), or(shl(14, v), shr(50, v)))
                }
                // Chi, where the dirt ends.
                {
                    let b0 := mload(b)
                    let b1 := mload(add(b, 32))
                    let b2 := mload(add(b, 64))
                    let b3 := mload(add(b, 96))
                    let b4 := mload(add(b, 128))
                    mstore(a, and(xor(b0, and(not(b1), b2)), mask))
                    mstore(add(a, 32), and(xor(b1, and(not(b2), b3)), mask))
                    mstore(add(a, 64), and(xor(b2, and(not(b3), b4)), mask))
                    mstore(add(a, 96), and(xor(b3, and(not(b4), b0)), mask))
                    mstore(add(a, 128), and(xor(b4, and(not(b0), b1)), mask))
                }
                {
                    let b0 := mload(add(b, 160))
                    let b1 := mload(add(b, 192))
                    let b2 := mload(add(b, 224))
                    let b3 := mload(add(b, 256))
                    let b4 := mload(add(b, 288))
                    mstore(add(a, 160), and(xor(b0, and(not(b1), b2)), mask))
                    mstore(add(a, 192), and(xor(b1, and(not(b2), b3)), mask))
                    mstore(add(a, 224), and(xor(b2, and(not(b3), b4)), mask))
                    mstore(add(a, 256), and(xor(b3, and(not(b4), b0)), mask))
                    mstore(add(a, 288), and(xor(b4, and(not(b0), b1)), mask))
                }
                {
                    let b0 := mload(add(b, 320))
                    let b1 := mload(add(b, 352))
                    let b2 := mload(add(b, 384))
                    let b3 := mload(add(b, 416))
                    let b4 := mload(add(b, 448))
                    mstore(add(a, 320), and(xor(b0, and(not(b1), b2)), mask))
                    mstore(add(a, 352), and(xor(b1, and(not(b2), b3)), mask))
                    mstore(add(a, 384), and(xor(b2, and(not(b3), b4)), mask))
                    mstore(add(a, 416), and(xor(b3, and(not(b4), b0)), mask))
                    mstore(add(a, 448), and(xor(b4, and(not(b0), b1)), mask))
                }
                {
                    let b0 := mload(add(b, 480))
                    let b1 := mload(add(b, 512))
                    let b2 := mload(add(b, 544))
                    let b3 := mload(add(b, 576))
                    let b4 := mload(add(b, 608))
                    mstore(add(a, 480), and(xor(b0, and(not(b1), b2)), mask))
                    mstore(add(a, 512), and(xor(b1, and(not(b2), b3)), mask))
                    mstore(add(a, 544), and(xor(b2, and(not(b3), b4)), mask))
                    mstore(add(a, 576), and(xor(b3, and(not(b4), b0)), mask))
                    mstore(add(a, 608), and(xor(b4, and(not(b0), b1)), mask))
                }
                {
                    let b0 := mload(add(b, 640))
                    let b1 := mload(add(b, 672))
                    let b2 := mload(add(b, 704))
                    let b3 := mload(add(b, 736))
                    let b4 := mload(add(b, 768))
                    mstore(add(a, 640), and(xor(b0, and(not(b1), b2)), mask))
                    mstore(add(a, 672), and(xor(b1, and(not(b2), b3)), mask))
                    mstore(add(a, 704), and(xor(b2, and(not(b3), b4)), mask))
                    mstore(add(a, 736), and(xor(b3, and(not(b4), b0)), mask))
                    mstore(add(a, 768), and(xor(b4, and(not(b0), b1)), mask))
                }
                // Iota.
                mstore(a, xor(mload(a), shr(192, mload(add(add(constants, 32), shl(3, i))))))
            }
        }
    }
}
