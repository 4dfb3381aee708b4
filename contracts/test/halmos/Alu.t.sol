// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Alu} from "../../src/libraries/Alu.sol";
import {Bytes8} from "../../src/libraries/Bytes8.sol";
import {Op} from "../../src/types/Instruction.sol";

/// @notice The ALU's linear operations for all 64-bit operands, against 256-bit arithmetic. Run by halmos,
/// see contracts/README.md; `forge test` only compiles it.
/// @dev A symbolic shift or bit number is checked by its bits: each of its six chooses a constant shift.
contract AluHalmos {
    uint256 private constant MASK64 = type(uint64).max;
    uint256 private constant MASK32 = type(uint32).max;

    function _is(Op op, uint64 a, uint64 b, uint256 expected) private pure {
        assert(Alu.compute(op, a, b) == uint64(expected));
    }

    function _sext(uint256 x, uint256 bits) private pure returns (uint256) {
        x &= 2 ** bits - 1;
        return x & 2 ** (bits - 1) == 0 ? x : x | (type(uint256).max - (2 ** bits - 1));
    }

    /// @dev Signed comparison without signed types: flip the signs.
    function _less(uint64 a, uint64 b) private pure returns (bool) {
        return (a ^ (1 << 63)) < (b ^ (1 << 63));
    }

    function _times(uint256 x, uint256 n, uint256 bits) private pure returns (uint256) {
        for (uint256 i; i < bits; ++i) {
            if ((n >> i) & 1 == 1) x = x << 2 ** i;
        }
        return x;
    }

    function _over(uint256 x, uint256 n, uint256 bits) private pure returns (uint256) {
        for (uint256 i; i < bits; ++i) {
            if ((n >> i) & 1 == 1) x = x >> 2 ** i;
        }
        return x;
    }

    // ------------------------------------------------------------------ RV64I

    function check_addAndSub(uint64 a, uint64 b) external pure {
        unchecked {
            _is(Op.Add, a, b, uint256(a) + b);
            _is(Op.Sub, a, b, uint256(a) - b);
            _is(Op.Addw, a, b, _sext(uint256(a) + b, 32));
            _is(Op.Subw, a, b, _sext(uint256(a) - b, 32));
        }
    }

    function check_logic(uint64 a, uint64 b) external pure {
        _is(Op.And, a, b, a & b);
        _is(Op.Or, a, b, MASK64 ^ ((MASK64 ^ a) & (MASK64 ^ b)));
        _is(Op.Xor, a, b, (a | b) & (MASK64 ^ (a & b)));
        _is(Op.Andn, a, b, a & (MASK64 ^ b));
        _is(Op.Orn, a, b, a | (MASK64 ^ b));
        _is(Op.Xnor, a, b, MASK64 ^ ((a | b) & (MASK64 ^ (a & b))));
    }

    function check_compare(uint64 a, uint64 b) external pure {
        _is(Op.Slt, a, b, _less(a, b) ? 1 : 0);
        _is(Op.Sltu, a, b, a < b ? 1 : 0);
        _is(Op.Min, a, b, _less(a, b) ? a : b);
        _is(Op.Max, a, b, _less(a, b) ? b : a);
        _is(Op.Minu, a, b, a < b ? a : b);
        _is(Op.Maxu, a, b, a < b ? b : a);
    }

    function check_branches(uint64 a, uint64 b) external pure {
        assert(Alu.taken(0, a, b) == (a ^ b == 0));
        assert(Alu.taken(1, a, b) == (a ^ b != 0));
        assert(Alu.taken(4, a, b) == _less(a, b));
        assert(Alu.taken(5, a, b) == !_less(a, b));
        assert(Alu.taken(6, a, b) == a < b);
        assert(Alu.taken(7, a, b) == !(a < b));
    }

    function check_sll(uint64 a, uint64 b) external pure {
        _is(Op.Sll, a, b, _times(a, b, 6));
    }

    function check_srl(uint64 a, uint64 b) external pure {
        _is(Op.Srl, a, b, _over(a, b, 6));
    }

    function check_sra(uint64 a, uint64 b) external pure {
        _is(Op.Sra, a, b, _over(_sext(a, 64), b, 6));
    }

    function check_sllw(uint64 a, uint64 b) external pure {
        _is(Op.Sllw, a, b, _sext(_times(a, b, 5), 32));
    }

    function check_srlw(uint64 a, uint64 b) external pure {
        _is(Op.Srlw, a, b, _sext(_over(a & MASK32, b, 5), 32));
    }

    function check_sraw(uint64 a, uint64 b) external pure {
        _is(Op.Sraw, a, b, _sext(_over(_sext(a, 32), b, 5), 32));
    }

    // -------------------------------------------------------------------- Zba

    function check_shiftAndAdd(uint64 a, uint64 b) external pure {
        uint256 low = a & MASK32;
        _is(Op.Sh1add, a, b, uint256(a) * 2 + b);
        _is(Op.Sh2add, a, b, uint256(a) * 4 + b);
        _is(Op.Sh3add, a, b, uint256(a) * 8 + b);
        _is(Op.AddUw, a, b, low + b);
        _is(Op.Sh1addUw, a, b, low * 2 + b);
        _is(Op.Sh2addUw, a, b, low * 4 + b);
        _is(Op.Sh3addUw, a, b, low * 8 + b);
    }

    function check_slliUw(uint64 a, uint64 b) external pure {
        _is(Op.SlliUw, a, b, _times(a & MASK32, b, 6));
    }

    // -------------------------------------------------------------------- Zbb

    function check_rol(uint64 a, uint64 b) external pure {
        uint256 twice = _times((uint256(a) << 64) | a, b, 6);
        _is(Op.Rol, a, b, twice >> 64);
    }

    function check_ror(uint64 a, uint64 b) external pure {
        _is(Op.Ror, a, b, _over((uint256(a) << 64) | a, b, 6));
    }

    function check_rolw(uint64 a, uint64 b) external pure {
        uint256 low = a & MASK32;
        _is(Op.Rolw, a, b, _sext(_times((low << 32) | low, b, 5) >> 32, 32));
    }

    function check_rorw(uint64 a, uint64 b) external pure {
        uint256 low = a & MASK32;
        _is(Op.Rorw, a, b, _sext(_over((low << 32) | low, b, 5), 32));
    }

    function check_extend(uint64 a, uint64 b) external pure {
        _is(Op.SextB, a, b, _sext(a, 8));
        _is(Op.SextH, a, b, _sext(a, 16));
        _is(Op.ZextH, a, b, a & 0xffff);
    }

    /// @dev Byte by byte.
    function check_bytes(uint64 a, uint64 b) external pure {
        uint256 reversed;
        for (uint256 i; i < 64; i += 8) {
            reversed |= (uint256(a >> i) & 0xff) << (56 - i);
        }
        _is(Op.Rev8, a, b, reversed);
        uint64 combined = Alu.compute(Op.OrcB, a, b);
        for (uint256 i; i < 64; i += 8) {
            assert((combined >> i) & 0xff == ((a >> i) & 0xff == 0 ? 0 : 0xff));
        }
    }

    function check_reverse(bytes32 words) external pure {
        bytes32 reversed = Bytes8.reverse(words);
        for (uint256 i; i < 32; ++i) {
            assert(reversed[i] == words[i ^ 7]);
        }
    }

    // -------------------------------------------------------------------- Zbs

    function check_bits(uint64 a, uint64 b) external pure {
        uint256 bit = _times(1, b, 6);
        _is(Op.Bset, a, b, a | bit);
        _is(Op.Bclr, a, b, a & (MASK64 ^ bit));
        _is(Op.Binv, a, b, a ^ bit);
        _is(Op.Bext, a, b, a & bit == 0 ? 0 : 1);
    }
}
