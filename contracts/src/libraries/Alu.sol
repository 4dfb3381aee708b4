// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Op} from "../types/Instruction.sol";
import {Bytes8} from "./Bytes8.sol";

/// @title Alu
/// @notice What RV64I, M, Zba, Zbb and Zbs compute from two 64-bit operands.
/// @dev Total: every operation has a result for all operands. An operation with one operand ignores
/// `b`. Only the low 6 bits of a shift amount count, in the `w` forms the low 5.
library Alu {
    /// @notice The result of `op`, which is not `None`.
    function compute(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        if (op <= Op.Sra) return integer(op, a, b);
        if (op <= Op.Sraw) return integerW(op, a, b);
        if (op <= Op.Mulhu) return product(op, a, b);
        if (op <= Op.Remu) return quotient(op, a, b);
        if (op <= Op.Remuw) return mulDivW(op, uint32(a), uint32(b));
        if (op <= Op.SlliUw) return addressing(op, a, b);
        if (op <= Op.Minu) return logic(op, a, b);
        if (op <= Op.Rorw) return rotate(op, a, b);
        if (op <= Op.Cpopw) return count(op, a);
        if (op <= Op.Rev8) return extend(op, a);
        return bit(op, a, b);
    }

    /// @notice Whether a branch with condition `funct3` is taken.
    function taken(uint8 funct3, uint64 a, uint64 b) internal pure returns (bool) {
        if (funct3 == 0) return a == b;
        if (funct3 == 1) return a != b;
        if (funct3 == 4) return int64(a) < int64(b);
        if (funct3 == 5) return int64(a) >= int64(b);
        if (funct3 == 6) return a < b;
        return a >= b;
    }

    // ------------------------------------------------------------------ RV64I

    function integer(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            if (op == Op.Add) return a + b;
            if (op == Op.Sll) return a << (b & 63);
            if (op == Op.Slt) return int64(a) < int64(b) ? 1 : 0;
            if (op == Op.Sltu) return a < b ? 1 : 0;
            if (op == Op.Xor) return a ^ b;
            if (op == Op.Srl) return a >> (b & 63);
            if (op == Op.Or) return a | b;
            if (op == Op.And) return a & b;
            if (op == Op.Sub) return a - b;
            return uint64(int64(a) >> (b & 63)); // Sra
        }
    }

    function integerW(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            uint32 x = uint32(a);
            uint32 y = uint32(b);
            if (op == Op.Addw) return _extend32(x + y);
            if (op == Op.Subw) return _extend32(x - y);
            if (op == Op.Sllw) return _extend32(x << (y & 31));
            if (op == Op.Srlw) return _extend32(x >> (y & 31));
            return _extend32(uint32(int32(x) >> (y & 31))); // Sraw
        }
    }

    // ---------------------------------------------------------------------- M

    function product(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            if (op == Op.Mul) return a * b;
            if (op == Op.Mulhu) return uint64((uint256(a) * b) >> 64);
            int256 x = int64(a);
            int256 y = op == Op.Mulh ? int256(int64(b)) : int256(uint256(b)); // else Mulhsu
            return uint64(uint256((x * y) >> 64));
        }
    }

    /// @dev By zero: all ones, and the dividend. The one quotient that does not fit wraps to the dividend.
    function quotient(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            bool wantsRest = op == Op.Rem || op == Op.Remu;
            if (b == 0) return wantsRest ? a : type(uint64).max;
            if (op == Op.Divu) return a / b;
            if (op == Op.Remu) return a % b;
            int256 x = int64(a);
            int256 y = int64(b);
            return uint64(uint256(wantsRest ? x % y : x / y));
        }
    }

    function mulDivW(Op op, uint32 a, uint32 b) internal pure returns (uint64) {
        unchecked {
            if (op == Op.Mulw) return _extend32(a * b);
            bool wantsRest = op == Op.Remw || op == Op.Remuw;
            if (b == 0) return wantsRest ? _extend32(a) : type(uint64).max;
            if (op == Op.Divuw) return _extend32(a / b);
            if (op == Op.Remuw) return _extend32(a % b);
            int256 x = int32(a);
            int256 y = int32(b);
            return _extend32(uint32(uint256(wantsRest ? x % y : x / y)));
        }
    }

    // -------------------------------------------------------------------- Zba

    function addressing(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            if (op == Op.Sh1add) return (a << 1) + b;
            if (op == Op.Sh2add) return (a << 2) + b;
            if (op == Op.Sh3add) return (a << 3) + b;
            uint64 low = uint32(a);
            if (op == Op.AddUw) return low + b;
            if (op == Op.Sh1addUw) return (low << 1) + b;
            if (op == Op.Sh2addUw) return (low << 2) + b;
            if (op == Op.Sh3addUw) return (low << 3) + b;
            return low << (b & 63); // SlliUw
        }
    }

    // -------------------------------------------------------------------- Zbb

    function logic(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        if (op == Op.Andn) return a & ~b;
        if (op == Op.Orn) return a | ~b;
        if (op == Op.Xnor) return ~(a ^ b);
        if (op == Op.Max) return int64(a) < int64(b) ? b : a;
        if (op == Op.Maxu) return a < b ? b : a;
        if (op == Op.Min) return int64(a) < int64(b) ? a : b;
        return a < b ? a : b; // Minu
    }

    function rotate(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        unchecked {
            uint64 n = b & 63;
            if (op == Op.Rol) return (a << n) | (a >> (64 - n));
            if (op == Op.Ror) return (a >> n) | (a << (64 - n));
            uint32 x = uint32(a);
            uint32 m = uint32(b) & 31;
            if (op == Op.Rolw) return _extend32((x << m) | (x >> (32 - m)));
            return _extend32((x >> m) | (x << (32 - m))); // Rorw
        }
    }

    function count(Op op, uint64 a) internal pure returns (uint64) {
        if (op == Op.Clz) return 64 - _bits(a);
        if (op == Op.Clzw) return 32 - _bits(uint32(a));
        if (op == Op.Ctz) return a == 0 ? 64 : _trailing(a);
        if (op == Op.Ctzw) return uint32(a) == 0 ? 32 : _trailing(a);
        return _ones(op == Op.Cpop ? a : uint32(a)); // Cpopw
    }

    function extend(Op op, uint64 a) internal pure returns (uint64 result) {
        if (op == Op.SextB) return uint64(int64(int8(uint8(a))));
        if (op == Op.SextH) return uint64(int64(int16(uint16(a))));
        if (op == Op.ZextH) return uint16(a);
        if (op == Op.Rev8) return Bytes8.reverse(a);
        for (uint64 mask = 0xff; mask != 0; mask <<= 8) {
            if (a & mask != 0) result |= mask; // OrcB
        }
    }

    // -------------------------------------------------------------------- Zbs

    function bit(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        uint64 mask = uint64(1) << (b & 63);
        if (op == Op.Bclr) return a & ~mask;
        if (op == Op.Bext) return a & mask == 0 ? 0 : 1;
        if (op == Op.Binv) return a ^ mask;
        return a | mask; // Bset
    }

    // ---------------------------------------------------------------- helpers

    function _extend32(uint32 x) private pure returns (uint64) {
        return uint64(int64(int32(x)));
    }

    /// @dev Position after the highest one.
    function _bits(uint64 a) private pure returns (uint64 n) {
        for (; a != 0; a >>= 1) {
            ++n;
        }
    }

    /// @dev Position of the lowest one, which is there.
    function _trailing(uint64 a) private pure returns (uint64 n) {
        for (; a & 1 == 0; a >>= 1) {
            ++n;
        }
    }

    function _ones(uint64 a) private pure returns (uint64 n) {
        for (; a != 0; a &= a - 1) {
            ++n;
        }
    }
}
