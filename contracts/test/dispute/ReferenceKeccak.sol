// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice keccak-f[1600] as FIPS 202 writes it: loops over coordinates, constants from the shift register.
library ReferenceKeccak {
    function permute(uint64[25] memory a) internal pure {
        uint8 register = 1;
        for (uint256 round; round < 24; ++round) {
            _theta(a);
            _rhoAndPi(a);
            _chi(a);
            for (uint256 j; j < 7; ++j) {
                if (register & 1 == 1) a[0] ^= uint64(1) << uint64(2 ** j - 1);
                register = register & 0x80 == 0 ? register << 1 : (register << 1) ^ 0x71;
            }
        }
    }

    function _theta(uint64[25] memory a) private pure {
        uint64[5] memory c;
        for (uint256 i; i < 25; ++i) {
            c[i % 5] ^= a[i];
        }
        for (uint256 i; i < 25; ++i) {
            a[i] ^= c[(i + 4) % 5] ^ _rotate(c[(i + 1) % 5], 1);
        }
    }

    function _rhoAndPi(uint64[25] memory a) private pure {
        uint256 x = 1;
        uint256 y = 0;
        uint64 moving = a[1];
        for (uint64 t; t < 24; ++t) {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            (moving, a[x + 5 * y]) = (a[x + 5 * y], _rotate(moving, (((t + 1) * (t + 2)) / 2) % 64));
        }
    }

    function _chi(uint64[25] memory a) private pure {
        for (uint256 y; y < 25; y += 5) {
            uint64[5] memory row = [a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]];
            for (uint256 x; x < 5; ++x) {
                a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
            }
        }
    }

    function _rotate(uint64 v, uint64 n) private pure returns (uint64) {
        return (v << n) | (v >> (64 - n));
    }
}
