// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PrecompileGas} from "../../src/libraries/PrecompileGas.sol";
import {Replay} from "../../src/libraries/Replay.sol";
import {Base, vm} from "../Base.sol";

/// @notice Says how much gas it was given.
contract Meter {
    fallback() external {
        uint256 left = gasleft();
        assembly ("memory-safe") {
            mstore(0, left)
            return(0, 32)
        }
    }
}

contract PrecompileGasTest is Base {
    uint256 private constant TX_GAS_MAX = 1 << 24; // EIP-7825
    /// @dev What Meter spends before it looks.
    uint256 private constant PROLOGUE = 100;

    Meter private _meter;

    function setUp() public {
        _meter = new Meter();
    }

    // ----------------------------------------------------------------- prices

    /// @dev Gas covers four times L2's price, and with all else fits a transaction on L1.
    function _assertCovers(uint160 number, uint256 price) private pure {
        (uint256 inputMax, uint256 gas) = PrecompileGas.limits(address(number));
        vm.assertGe(gas, 4 * price, vm.toString(number));
        uint256 load = gas + gas / 63 + 5_000 + 21_000 + 16 * (inputMax + 200) + 100_000;
        vm.assertLe(load, TX_GAS_MAX, vm.toString(number));
    }

    function _inputMax(uint160 number) private pure returns (uint256 inputMax) {
        (inputMax,) = PrecompileGas.limits(address(number));
    }

    /// @dev Prices of the Yellow Paper, EIPs 152, 196, 197, 1108, 4844 and 2537.
    function test_GasCoversFourTimesL2sPrices() public pure {
        _assertCovers(0x01, 3000);
        _assertCovers(0x02, 60 + 12 * ((_inputMax(0x02) + 31) / 32));
        _assertCovers(0x03, 600 + 120 * ((_inputMax(0x03) + 31) / 32));
        _assertCovers(0x04, 15 + 3 * ((_inputMax(0x04) + 31) / 32));
        _assertCovers(0x06, 150);
        _assertCovers(0x07, 6000);
        _assertCovers(0x08, 45_000 + 34_000 * (_inputMax(0x08) / 192));
        _assertCovers(0x09, 1 << 20);
        _assertCovers(0x0a, 50_000);
        _assertCovers(0x0b, 375);
        uint256 pairs = _inputMax(0x0c) / 160;
        vm.assertEq(pairs, 128); // the discount's end
        _assertCovers(0x0c, pairs * 12_000 * 519 / 1000);
        _assertCovers(0x0d, 600);
        pairs = _inputMax(0x0e) / 288;
        vm.assertEq(pairs, 128);
        _assertCovers(0x0e, pairs * 22_500 * 524 / 1000);
        _assertCovers(0x0f, 37_700 + 32_600 * (_inputMax(0x0f) / 384));
        _assertCovers(0x10, 5500);
        _assertCovers(0x11, 23_800);
    }

    /// @dev EIP-2565, which L2 has.
    function _modexp2565(uint256 size, uint256 exponent) private pure returns (uint256) {
        uint256 words = (size + 7) / 8;
        uint256 rounds = exponent <= 32 ? 8 * exponent : 8 * (exponent - 32) + 256;
        rounds = rounds == 0 ? 1 : rounds - 1;
        uint256 gas = words * words * (rounds == 0 ? 1 : rounds) / 3;
        return gas < 200 ? 200 : gas;
    }

    /// @dev EIP-7883, which L1 has.
    function _modexp7883(uint256 size, uint256 exponent) private pure returns (uint256) {
        uint256 words = (size + 7) / 8;
        uint256 work = size <= 32 ? 16 : 2 * words * words;
        uint256 rounds = exponent <= 32 ? 8 * exponent : 16 * (exponent - 32) + 256;
        rounds = rounds == 0 ? 1 : rounds - 1;
        uint256 gas = work * (rounds == 0 ? 1 : rounds);
        return gas < 500 ? 500 : gas;
    }

    function test_GasCoversEveryAdmittedModexp() public pure {
        (, uint256 gas) = PrecompileGas.limits(address(5));
        uint256 dearest;
        for (uint256 size; size <= 1100; size += size < 250 || size > 270 ? 10 : 1) {
            for (uint256 exponent; exponent <= 300; exponent += 4) {
                bytes memory input = abi.encode(size, exponent, size / 2);
                if (!PrecompileGas.admits(address(5), input)) continue;
                vm.assertLe(4 * _modexp2565(size, exponent), gas);
                vm.assertLe(_modexp7883(size, exponent), gas);
                if (_modexp2565(size, exponent) > dearest) dearest = _modexp2565(size, exponent);
            }
        }
        _assertCovers(0x05, dearest);
        _assertCovers(0x05, _modexp2565(1024, 32));
        vm.assertEq(_modexp7883(1024, 32), 8_355_840);
    }

    function testFuzz_ModexpIsAdmittedBySize(uint256 base, uint256 exponent, uint256 modulus)
        public
        pure
    {
        (base, exponent, modulus) = (base % 1300, exponent % 400, modulus % 1300);
        bool long = base > 256 || modulus > 256;
        bool expected = base <= 1024 && modulus <= 1024 && exponent <= (long ? 32 : 256);
        bytes memory input = abi.encode(base, exponent, modulus);
        vm.assertEq(PrecompileGas.admits(address(5), input), expected);
        // What follows the lengths does not matter.
        vm.assertEq(PrecompileGas.admits(address(5), bytes.concat(input, "more")), expected);
    }

    function testFuzz_MissingLengthsAreZero(uint256 base, uint256 exponent, uint256 cut)
        public
        pure
    {
        bytes memory input = abi.encode(base % 600, exponent % 600, 0);
        uint256 length = cut % 96;
        bytes memory whole = new bytes(96);
        for (uint256 i; i < length; ++i) {
            whole[i] = input[i];
        }
        assembly ("memory-safe") {
            mstore(input, length)
        }
        bool expected = PrecompileGas.admits(address(5), whole);
        vm.assertEq(PrecompileGas.admits(address(5), input), expected);
    }

    function test_BlakeRoundsAreBounded() public pure {
        bytes memory rest = abi.encodePacked(new bytes(208), uint8(1));
        bytes memory input = abi.encodePacked(uint32(1 << 20), rest);
        vm.assertTrue(PrecompileGas.admits(address(9), input));
        input = abi.encodePacked(uint32((1 << 20) + 1), rest);
        vm.assertFalse(PrecompileGas.admits(address(9), input));
        // Of another length it fails at once.
        vm.assertTrue(PrecompileGas.admits(address(9), abi.encodePacked(input, "x")));
        vm.assertTrue(PrecompileGas.admits(address(9), hex"ffffffff"));
    }

    function testFuzz_OnlyPraguesPrecompilesHaveGas(address account) public pure {
        vm.assume(uint160(account) == 0 || uint160(account) > 0x11);
        (uint256 inputMax, uint256 gas) = PrecompileGas.limits(account);
        vm.assertEq(inputMax, 0);
        vm.assertEq(gas, 0);
    }

    // ----------------------------------------------------------------- Replay

    function replay(uint256 forwarded) external view returns (bytes memory output) {
        bool ok;
        (ok, output) = Replay.call(address(_meter), forwarded, "input");
        vm.assertTrue(ok);
    }

    /// @dev Whatever is left, a call gets all of its gas or is not made.
    function testFuzz_ReplayForwardsAllOrReverts(uint256 forwarded, uint256 gas) public view {
        forwarded = bound(forwarded, 10_000, 15_000_000);
        gas = bound(gas, forwarded - 1000, forwarded * 64 / 63 + 20_000);
        try this.replay{gas: gas}(forwarded) returns (bytes memory output) {
            uint256 got = abi.decode(output, (uint256));
            vm.assertLe(got, forwarded);
            vm.assertGe(got, forwarded - PROLOGUE);
        } catch (bytes memory reason) {
            vm.assertTrue(reason.length == 0 || reason.length == 68);
        }
    }

    function testFuzz_ReplayCopiesOutput(bytes memory input) public view {
        bytes32 before = keccak256(input);
        (bool ok, bytes memory output) = Replay.call(address(4), 100_000, input);
        bytes memory after_ = bytes.concat("allocated later ", input);
        vm.assertTrue(ok);
        vm.assertEq(keccak256(output), before);
        vm.assertEq(keccak256(input), before);
        vm.assertEq(after_.length, input.length + 16);
    }

    function test_ReplayOfAFailureHasNoOutput() public view {
        (bool ok, bytes memory output) = Replay.call(address(6), 10_000, abi.encode(1, 1, 1, 2));
        vm.assertFalse(ok);
        vm.assertEq(output.length, 0);
    }
}
