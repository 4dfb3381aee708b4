// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Op} from "../../src/types/Instruction.sol";

/// @notice The ALU said otherwise: on integers without bounds, cut to 64 bits at the end, with shifts as
/// multiplication and division, and bits one by one.
library ReferenceAlu {
    int256 private constant TWO64 = 1 << 64;
    int256 private constant TWO32 = 1 << 32;

    /// @dev `a` as a signed number of `bits` bits.
    function s(uint64 a, uint256 bits) internal pure returns (int256) {
        int256 x = u(a, bits);
        return 2 * x >= pow(bits) ? x - pow(bits) : x;
    }

    /// @dev `a` as an unsigned number of `bits` bits.
    function u(uint64 a, uint256 bits) internal pure returns (int256) {
        return int256(uint256(a)) % pow(bits);
    }

    function pow(uint256 n) internal pure returns (int256) {
        return int256(2 ** n);
    }

    /// @dev Modulo 2^64.
    function cut(int256 x) internal pure returns (uint64) {
        x %= TWO64;
        return uint64(uint256(x < 0 ? x + TWO64 : x));
    }

    /// @dev Modulo 2^32, sign-extended.
    function cut32(int256 x) internal pure returns (uint64) {
        return cut(s(cut(x), 32));
    }

    /// @dev Rounds down.
    function div(int256 x, int256 y) internal pure returns (int256) {
        return x < 0 ? -((-x + y - 1) / y) : x / y;
    }

    function isWord(Op op) internal pure returns (bool) {
        return (op >= Op.Addw && op <= Op.Sraw) || (op >= Op.Mulw && op <= Op.Remuw)
            || op == Op.Rolw || op == Op.Rorw || op == Op.Clzw || op == Op.Ctzw || op == Op.Cpopw;
    }

    function compute(Op op, uint64 a, uint64 b) internal pure returns (uint64) {
        uint256 bits = isWord(op) ? 32 : 64;
        int256 shift = pow(b % bits);
        if (op == Op.Add) return cut(u(a, 64) + u(b, 64));
        if (op == Op.Sub) return cut(u(a, 64) - u(b, 64));
        if (op == Op.Addw) return cut32(u(a, 64) + u(b, 64));
        if (op == Op.Subw) return cut32(u(a, 64) - u(b, 64));
        if (op == Op.Slt) return s(a, 64) - s(b, 64) < 0 ? 1 : 0;
        if (op == Op.Sltu) return u(a, 64) - u(b, 64) < 0 ? 1 : 0;
        if (op == Op.Sll) return cut(u(a, 64) * shift);
        if (op == Op.Srl) return cut(u(a, 64) / shift);
        if (op == Op.Sra) return cut(div(s(a, 64), shift));
        if (op == Op.Sllw) return cut32(u(a, 32) * shift);
        if (op == Op.Srlw) return cut32(u(a, 32) / shift);
        if (op == Op.Sraw) return cut32(div(s(a, 32), shift));
        if (op == Op.Mul) return cut(s(a, 64) * s(b, 64));
        if (op == Op.Mulh) return cut(div(s(a, 64) * s(b, 64), TWO64));
        if (op == Op.Mulhsu) return cut(div(s(a, 64) * u(b, 64), TWO64));
        if (op == Op.Mulhu) return cut(u(a, 64) * u(b, 64) / TWO64);
        if (op == Op.Mulw) return cut32(s(a, 64) * s(b, 64));
        if (op == Op.Div) return cut(quotient(s(a, 64), s(b, 64)));
        if (op == Op.Divu) return cut(quotient(u(a, 64), u(b, 64)));
        if (op == Op.Rem) return cut(rest(s(a, 64), s(b, 64)));
        if (op == Op.Remu) return cut(rest(u(a, 64), u(b, 64)));
        if (op == Op.Divw) return cut32(quotient(s(a, 32), s(b, 32)));
        if (op == Op.Divuw) return cut32(quotient(u(a, 32), u(b, 32)));
        if (op == Op.Remw) return cut32(rest(s(a, 32), s(b, 32)));
        if (op == Op.Remuw) return cut32(rest(u(a, 32), u(b, 32)));
        if (op == Op.AddUw) return cut(u(a, 32) + u(b, 64));
        if (op == Op.Sh1add) return cut(u(a, 64) * 2 + u(b, 64));
        if (op == Op.Sh2add) return cut(u(a, 64) * 4 + u(b, 64));
        if (op == Op.Sh3add) return cut(u(a, 64) * 8 + u(b, 64));
        if (op == Op.Sh1addUw) return cut(u(a, 32) * 2 + u(b, 64));
        if (op == Op.Sh2addUw) return cut(u(a, 32) * 4 + u(b, 64));
        if (op == Op.Sh3addUw) return cut(u(a, 32) * 8 + u(b, 64));
        if (op == Op.SlliUw) return cut(u(a, 32) * shift);
        if (op == Op.Max) return s(a, 64) > s(b, 64) ? a : b;
        if (op == Op.Min) return s(a, 64) > s(b, 64) ? b : a;
        if (op == Op.Maxu) return u(a, 64) > u(b, 64) ? a : b;
        if (op == Op.Minu) return u(a, 64) > u(b, 64) ? b : a;
        if (op == Op.Rol) return cut(u(a, 64) * shift + u(a, 64) * shift / TWO64);
        if (op == Op.Rolw) return cut32(u(a, 32) * shift + u(a, 32) * shift / TWO32);
        if (op == Op.Ror) return cut(u(a, 64) / shift + u(a, 64) * (TWO64 / shift));
        if (op == Op.Rorw) return cut32(u(a, 32) / shift + u(a, 32) * (TWO32 / shift));
        if (op == Op.SextB) return cut(s(a, 8));
        if (op == Op.SextH) return cut(s(a, 16));
        if (op == Op.ZextH) return cut(u(a, 16));
        if (op == Op.Bext) return cut(u(a, 64) / shift % 2);
        return bitwise(op, a, b, bits);
    }

    function taken(uint8 funct3, uint64 a, uint64 b) internal pure returns (bool) {
        int256 difference = funct3 < 6 ? s(a, 64) - s(b, 64) : u(a, 64) - u(b, 64);
        bool holds = funct3 < 2 ? difference == 0 : difference < 0;
        return funct3 % 2 == 0 ? holds : !holds;
    }

    function quotient(int256 x, int256 y) internal pure returns (int256) {
        return y == 0 ? -1 : x / y;
    }

    function rest(int256 x, int256 y) internal pure returns (int256) {
        // forge-lint: disable-next-line(divide-before-multiply)
        return y == 0 ? x : x - (x / y) * y;
    }

    /// @dev Bit by bit.
    function bitwise(Op op, uint64 a, uint64 b, uint256 bits) private pure returns (uint64 result) {
        uint256 leading; // zeros above the highest one
        uint256 trailing; // zeros below the lowest one
        uint256 ones;
        bool seen;
        for (uint256 i; i < bits; ++i) {
            uint256 x = (a / 2 ** i) % 2;
            uint256 y = (b / 2 ** i) % 2;
            bool isNamed = i == b % bits;
            if (x == 1) seen = true;
            leading = x == 1 ? 0 : leading + 1;
            if (!seen) ++trailing;
            ones += x;
            uint256 z;
            if (op == Op.Xor) z = (x + y) % 2;
            if (op == Op.Or) z = x + y == 0 ? 0 : 1;
            if (op == Op.And) z = x * y;
            if (op == Op.Andn) z = x * (1 - y);
            if (op == Op.Orn) z = x + (1 - y) == 0 ? 0 : 1;
            if (op == Op.Xnor) z = (x + y + 1) % 2;
            if (op == Op.Bclr) z = isNamed ? 0 : x;
            if (op == Op.Binv) z = isNamed ? 1 - x : x;
            if (op == Op.Bset) z = isNamed ? 1 : x;
            if (op == Op.Rev8) z = (a / 2 ** (56 - 8 * (i / 8) + i % 8)) % 2;
            if (op == Op.OrcB) z = (a / 2 ** (8 * (i / 8))) % 256 == 0 ? 0 : 1;
            result += uint64(z * 2 ** i);
        }
        if (op == Op.Clz || op == Op.Clzw) return uint64(leading);
        if (op == Op.Ctz || op == Op.Ctzw) return uint64(trailing);
        if (op == Op.Cpop || op == Op.Cpopw) return uint64(ones);
    }
}
