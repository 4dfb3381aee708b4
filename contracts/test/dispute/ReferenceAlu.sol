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
        if (op >= Op.Clz && op <= Op.Cpopw) return count(op, a, bits);
        if (op == Op.OrcB || op == Op.Rev8) return bytewise(op, a);
        int256 named = u(a, 64) / shift % 2;
        if (op == Op.Bclr) return cut(u(a, 64) - named * shift);
        if (op == Op.Binv) return cut(u(a, 64) + (1 - 2 * named) * shift);
        if (op == Op.Bset) return cut(u(a, 64) + (1 - named) * shift);
        return bitwise(op, a, b);
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

    /// @dev Bit by bit, by what stands for (0, 0), (0, 1), (1, 0), (1, 1).
    function bitwise(Op op, uint64 a, uint64 b) private pure returns (uint64 result) {
        string memory truth = "0110";
        if (op == Op.Or) truth = "0111";
        if (op == Op.And) truth = "0001";
        if (op == Op.Andn) truth = "0010";
        if (op == Op.Orn) truth = "1011";
        if (op == Op.Xnor) truth = "1001";
        for (uint256 i; i < 64; ++i) {
            uint256 both = 2 * ((a / 2 ** i) % 2) + (b / 2 ** i) % 2;
            if (bytes(truth)[both] == "1") result += uint64(2 ** i);
        }
    }

    function bytewise(Op op, uint64 a) private pure returns (uint64 result) {
        for (uint256 i; i < 8; ++i) {
            uint256 x = (a / 256 ** i) % 256;
            if (op == Op.Rev8) result += uint64(x * 256 ** (7 - i));
            else if (x != 0) result += uint64(255 * 256 ** i);
        }
    }

    function count(Op op, uint64 a, uint256 bits) private pure returns (uint64) {
        uint64 leading; // zeros above the highest one
        uint64 trailing; // zeros below the lowest one
        uint64 ones;
        for (uint256 i; i < bits; ++i) {
            bool isOne = (a / 2 ** i) % 2 == 1;
            if (isOne) ++ones;
            leading = isOne ? 0 : leading + 1;
            if (ones == 0) ++trailing;
        }
        if (op == Op.Clz || op == Op.Clzw) return leading;
        return op == Op.Ctz || op == Op.Ctzw ? trailing : ones;
    }
}
