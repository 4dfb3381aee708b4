// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Oracle} from "../../src/dispute/Oracle.sol";
import {IOracle} from "../../src/interfaces/IOracle.sol";
import {BlobDomain} from "../../src/libraries/BlobDomain.sol";
import {Base, vm} from "../Base.sol";

contract OracleTest is Base {
    /// @dev Commitment and hash of the blob whose element `i` is `sha256(uint256(i))` modulo the order.
    bytes private constant COMMITMENT =
        hex"b90ac87beecb32daa4aa0eb1908c5678963612301a475b92fd5b458a94500f6f8d5240ab169baff94a1c3e5ff2477f7d";
    bytes32 private constant VERSIONED_HASH =
        0x01d2c5b31f4921a6af3fc60610a915349b016f219fea05b1b4352d230b37fa10;
    /// @dev c-kzg 2.1.8's proof for element 1234.
    bytes private constant PROOF_1234 =
        hex"9107dddbba4d49c71fd0e0020e93a26918c7a390f1bb509b410fbf85fd295c5f1d0365d06055ec88e9e4c0399d9c5a0f";
    bytes32 private constant ELEMENT_1234 =
        0x0229e2eacfb1f8b9eec2b90905048705500ab5faee7249d5d9a8e4c07eee5247;
    uint256 private constant ORDER =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    Oracle private oracle;

    function setUp() public {
        oracle = new Oracle();
    }

    /// @dev What is stored, from the specification, byte by byte.
    function _assertPart(bytes32 key, bytes memory value, uint256 offset) private view {
        bytes memory part = new bytes(32);
        for (uint256 i; i < 32 && offset + i < value.length; ++i) {
            part[i] = value[offset + i];
        }
        vm.assertEq(
            oracle.partOf(key, offset),
            keccak256(bytes.concat(key, bytes4(uint32(offset)), part, bytes4(uint32(value.length))))
        );
    }

    function _keyOf(uint8 kind, bytes32 hash) private pure returns (bytes32) {
        return bytes32(bytes1(kind)) | ((hash << 8) >> 8);
    }

    // ---------------------------------------------------------- keccak, sha256

    function test_KeysAreTypeAndHash() public {
        // keccak256("abc") and SHA-256 of "abc"
        vm.assertEq(
            oracle.loadKeccak("abc", 0, 1),
            0x0203657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45
        );
        vm.assertEq(
            oracle.loadSha256("abc", 0, 1),
            0x047816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
        );
    }

    function test_LoadStoresThePartsAskedFor() public {
        bytes memory value = "The first thirty-two bytes, then the next thirty-two, then the rest.";
        vm.expectEmit(address(oracle));
        emit IOracle.PartsLoaded(_keyOf(2, keccak256(value)), 68, 1, 3);
        bytes32 key = oracle.loadKeccak(value, 1, 3);
        vm.assertEq(oracle.partOf(key, 0), 0);
        _assertPart(key, value, 32);
        _assertPart(key, value, 64); // ends after four bytes
        _assertPart(key, value, 96); // past the end
        vm.assertEq(oracle.partOf(key, 128), 0);
        vm.assertEq(oracle.partOf(key, 33), 0);
    }

    function testFuzz_LoadKeccak(bytes memory value, uint256 first, uint256 count) public {
        first = first % 2048;
        count = 1 + count % 4;
        if (first + count > 2048) first = 2048 - count;
        bytes32 key = oracle.loadKeccak(value, first, count);
        vm.assertEq(key, _keyOf(2, keccak256(value)));
        for (uint256 i = first; i < first + count; ++i) {
            _assertPart(key, value, 32 * i);
        }
    }

    function testFuzz_LoadSha256(bytes memory value) public {
        uint256 last = value.length / 32;
        vm.expectEmit(address(oracle));
        emit IOracle.PartsLoaded(_keyOf(4, sha256(value)), value.length, last, 1);
        bytes32 key = oracle.loadSha256(value, last, 1);
        vm.assertEq(key, _keyOf(4, sha256(value)));
        _assertPart(key, value, 32 * last);
    }

    function test_LoadIsIdempotentAndPermissionless() public {
        bytes32 key = oracle.loadKeccak("value", 0, 2);
        bytes32 before = oracle.partOf(key, 0);
        vm.prank(makeAddr("stranger"));
        oracle.loadKeccak("value", 0, 1);
        vm.assertEq(oracle.partOf(key, 0), before);
        _assertPart(key, "value", 32);
    }

    function test_TheLongestValueHasItsLastPart() public {
        bytes memory value = new bytes(65_536);
        value[65_535] = 0x07;
        bytes32 key = oracle.loadKeccak(value, 2047, 1);
        _assertPart(key, value, 65_504);
    }

    function test_RevertWhen_AValueIsTooLong() public {
        bytes memory value = new bytes(65_537);
        vm.expectRevert(abi.encodeWithSelector(IOracle.ValueTooLong.selector, 65_536, 65_537));
        oracle.loadKeccak(value, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IOracle.ValueTooLong.selector, 65_536, 65_537));
        oracle.loadSha256(value, 0, 1);
    }

    function _expectRange(uint256 first, uint256 count) private {
        vm.expectRevert(
            abi.encodeWithSelector(IOracle.PartsOutOfRange.selector, 2048, first, count)
        );
        oracle.loadKeccak("value", first, count);
    }

    function test_RevertWhen_PartsAreOutOfRange() public {
        _expectRange(0, 0);
        _expectRange(2048, 1);
        _expectRange(2047, 2);
        _expectRange(0, 2049);
        _expectRange(type(uint256).max, 1);
        _expectRange(1, type(uint256).max);
    }

    // ------------------------------------------------------------------- blob

    function _loadBlob(uint16 index, bytes32 value, bytes memory proof) private {
        vm.expectEmit(address(oracle));
        emit IOracle.PartsLoaded(
            _keyOf(5, keccak256(bytes.concat(VERSIONED_HASH, bytes2(index)))), 32, 0, 2
        );
        bytes32 key = oracle.loadBlob(VERSIONED_HASH, index, value, COMMITMENT, proof, 0, 2);
        vm.assertEq(value, bytes32(uint256(sha256(abi.encode(uint256(index)))) % ORDER));
        _assertPart(key, bytes.concat(value), 0);
        _assertPart(key, bytes.concat(value), 32);
    }

    function test_LoadBlobTakesElementsInBlobOrder() public {
        _loadBlob(
            0,
            0x66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925,
            hex"8adb2ff7c8819f4287f68e4392ce8fb9ac227a44b7858cc217007ff44c50879eea02f12e8ff4a8956b4554d0cb672ee2"
        );
        _loadBlob(
            1,
            0x046dc836d5c15180711a786c92961c47469f9f36bfe150c8b37324cdfaac8bc3,
            hex"951eef0944a79c06832f437f6742071f3559d5db6f4a058849fd0f7fbba68f6f0e310353efbfa82ed42e46dfd199284c"
        );
        _loadBlob(
            2,
            0x1e7a2c88c3e2abf9150542f220c9ee889238af0f8acc3ff2461c5d0b3ad36ed1,
            hex"820ccbc5de44e5eed332526b542c64fc85fd97eb3a345e7522d2f85bef42a49b8a7826a16e26f2eb83bc0799af3e48c0"
        );
        _loadBlob(1234, ELEMENT_1234, PROOF_1234);
        _loadBlob(
            4095,
            0x6f1a557d1c026f328683b442e833a7b7cbac898dcb26b79e4ff21235b3c7f42d,
            hex"8510722c99ffd710f30212e4420b414669b545805068d2d17a595182289b44bedf363fc3f7bf2c21b8de22bf651f9bab"
        );
    }

    function test_BlobPointsAreTheRootsOfUnity() public pure {
        vm.assertEq(BlobDomain.point(0), 1);
        vm.assertEq(BlobDomain.point(1), ORDER - 1);
        vm.assertEq(BlobDomain.point(2), 0x8d51ccce760304d0ec030002760300000001000000000000);
        // Element 2048 is at the generator, whose 4096th power, and none before, is 1.
        uint256 z = BlobDomain.point(2048);
        for (uint256 i; i < 11; ++i) {
            z = mulmod(z, z, ORDER);
            vm.assertNotEq(z, 1);
        }
        vm.assertEq(mulmod(z, z, ORDER), 1);
    }

    function _expectBlob(
        bytes memory reason,
        uint16 index,
        bytes32 value,
        bytes memory commitment,
        bytes memory proof
    ) private {
        vm.expectRevert(reason);
        // A precompile that fails uses up all it gets.
        oracle.loadBlob{gas: 1_000_000}(VERSIONED_HASH, index, value, commitment, proof, 0, 1);
    }

    function test_RevertWhen_ABlobProofIsWrong() public {
        bytes4 wrong = IOracle.WrongBlobProof.selector;
        uint256 point = BlobDomain.point(1234);
        bytes32 other = bytes32(uint256(ELEMENT_1234) + 1);
        bytes memory reason = abi.encodeWithSelector(wrong, VERSIONED_HASH, point, other);
        _expectBlob(reason, 1234, other, COMMITMENT, PROOF_1234);
        reason = abi.encodeWithSelector(wrong, VERSIONED_HASH, BlobDomain.point(1235), ELEMENT_1234);
        _expectBlob(reason, 1235, ELEMENT_1234, COMMITMENT, PROOF_1234);
        reason = abi.encodeWithSelector(wrong, VERSIONED_HASH, point, ELEMENT_1234);
        _expectBlob(reason, 1234, ELEMENT_1234, PROOF_1234, PROOF_1234);
        _expectBlob(reason, 1234, ELEMENT_1234, COMMITMENT, COMMITMENT);
    }

    function test_RevertWhen_ABlobElementIsNone() public {
        _expectBlob(
            abi.encodeWithSelector(IOracle.NoSuchElement.selector, 4096, 4096),
            4096,
            ELEMENT_1234,
            COMMITMENT,
            PROOF_1234
        );
        _expectBlob(
            abi.encodeWithSelector(
                IOracle.NotCanonical.selector, ORDER, uint256(ELEMENT_1234) + ORDER
            ),
            1234,
            bytes32(uint256(ELEMENT_1234) + ORDER),
            COMMITMENT,
            PROOF_1234
        );
    }

    function test_RevertWhen_APointHasAnotherLength() public {
        bytes4 wrong = IOracle.WrongPointLength.selector;
        bytes memory longer = bytes.concat(COMMITMENT, hex"00");
        _expectBlob(abi.encodeWithSelector(wrong, 48, 49), 1234, ELEMENT_1234, longer, PROOF_1234);
        _expectBlob(abi.encodeWithSelector(wrong, 48, 0), 1234, ELEMENT_1234, COMMITMENT, "");
    }

    // ------------------------------------------------------------- precompile

    function _loadPrecompile(uint160 number, bytes memory input, bytes memory value) private {
        bytes32 expected = _keyOf(6, keccak256(abi.encodePacked(bytes20(address(number)), input)));
        vm.expectEmit(address(oracle));
        emit IOracle.PartsLoaded(expected, value.length, 0, 2);
        bytes32 key = oracle.loadPrecompile(address(number), input, 0, 2);
        vm.assertEq(key, expected);
        _assertPart(key, value, 0);
        _assertPart(key, value, 32);
    }

    /// @dev What the precompile itself returns, after `01`.
    function _succeeds(uint160 number, bytes memory input, uint256 outputLength) private {
        (bool ok, bytes memory output) = address(number).staticcall(input);
        vm.assertTrue(ok, vm.toString(number));
        vm.assertEq(output.length, outputLength, vm.toString(number));
        _loadPrecompile(number, input, bytes.concat(hex"01", output));
    }

    function test_EveryPrecompileIsReplayed() public {
        bytes32 digest = keccak256("digest");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(77, digest);
        _succeeds(0x01, abi.encode(digest, v, r, s), 32);
        _succeeds(0x01, abi.encode(digest, 1, r, s), 0); // no signature: no output, no failure
        _succeeds(0x02, "input", 32);
        _succeeds(0x03, "input", 32);
        _succeeds(0x04, "any number of bytes, here more than thirty-two", 46);
        _succeeds(0x04, "", 0);
        _succeeds(0x05, abi.encodePacked(uint256(1), uint256(2), uint256(3), hex"03ffff010001"), 3);
        _succeeds(0x05, "", 0);
        _succeeds(0x06, abi.encode(1, 2, 1, 2), 64);
        _succeeds(0x07, abi.encode(1, 2, 9), 64);
        _succeeds(0x08, "", 32);
        _succeeds(0x09, abi.encodePacked(uint32(1 << 20), new bytes(208), uint8(1)), 64);
        _succeeds(
            0x0a,
            abi.encodePacked(
                VERSIONED_HASH, BlobDomain.point(1234), ELEMENT_1234, COMMITMENT, PROOF_1234
            ),
            64
        );
        _succeeds(0x0b, new bytes(256), 128);
        _succeeds(0x0c, new bytes(160), 128);
        _succeeds(0x0d, new bytes(512), 256);
        _succeeds(0x0e, new bytes(288), 256);
        _succeeds(0x0f, new bytes(384), 32);
        _succeeds(0x10, new bytes(64), 128);
        _succeeds(0x11, new bytes(128), 256);
    }

    function test_AFailedCallIsAValueToo() public {
        _loadPrecompile(0x06, abi.encode(1, 1, 1, 2), hex"00"); // not on the curve
        _loadPrecompile(0x08, "one pair has 192 bytes", hex"00");
        _loadPrecompile(0x09, "213 bytes it wants", hex"00");
        _loadPrecompile(0x0a, "", hex"00");
        _loadPrecompile(0x0b, "", hex"00");
        _loadPrecompile(0x10, abi.encode(type(uint256).max, 0), hex"00");
    }

    /// @dev Known answers, so that the value is not only what this EVM says.
    function test_KnownResults() public {
        // 3^65537 mod 10^9+7
        _loadPrecompile(
            0x05,
            abi.encodePacked(uint256(1), uint256(3), uint256(4), hex"03010001", uint32(1e9 + 7)),
            abi.encodePacked(uint8(1), _power(3, 65_537, 1e9 + 7))
        );
        _loadPrecompile(
            0x02, "abc", hex"01ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        _loadPrecompile(
            0x03, "abc", hex"010000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc"
        );
    }

    function _power(uint256 x, uint256 n, uint256 m) private pure returns (uint32 y) {
        uint256 z = 1;
        for (uint256 i; i < n; ++i) {
            z = z * x % m;
        }
        return uint32(z);
    }

    function test_RevertWhen_ItIsNoPrecompile() public {
        uint160[5] memory others = [0, 0x12, 0x100, uint160(address(oracle)), (1 << 159) | 0x04];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IOracle.NotAPrecompile.selector, address(others[i]))
            );
            oracle.loadPrecompile(address(others[i]), "", 0, 1);
        }
    }

    function _expectInput(uint160 number, uint256 max) private {
        vm.expectRevert(abi.encodeWithSelector(IOracle.InputTooLong.selector, max, max + 1));
        oracle.loadPrecompile(address(number), new bytes(max + 1), 0, 1);
    }

    function test_RevertWhen_AnInputIsTooLong() public {
        _expectInput(0x04, 65_535);
        _expectInput(0x05, 2176);
        _expectInput(0x08, 64 * 192);
        _expectInput(0x0c, 128 * 160);
        _expectInput(0x0e, 128 * 288);
        _expectInput(0x0f, 64 * 384);
    }

    function test_TheLongestInputsAreReplayed() public {
        bytes memory input = new bytes(65_535);
        input[65_534] = 0x01;
        bytes32 key = oracle.loadPrecompile(address(4), input, 2047, 1);
        _assertPart(key, bytes.concat(hex"01", input), 65_504);
        _succeeds(0x03, input, 32);
        _succeeds(0x08, new bytes(64 * 192), 32);
        _succeeds(0x0c, new bytes(128 * 160), 128);
        _succeeds(0x0e, new bytes(128 * 288), 256);
        _succeeds(0x0f, new bytes(64 * 384), 32);
    }

    function _expectDear(uint160 number, bytes memory input) private {
        vm.expectRevert(abi.encodeWithSelector(IOracle.InputTooDear.selector, address(number)));
        oracle.loadPrecompile(address(number), input, 0, 1);
    }

    function test_RevertWhen_AnInputIsTooDear() public {
        _expectDear(0x05, abi.encode(257, 33, 1));
        _expectDear(0x05, abi.encode(1, 33, 257));
        _expectDear(0x05, abi.encode(1, 257, 1));
        _expectDear(0x05, abi.encode(1025, 1, 1));
        _expectDear(0x05, abi.encode(1, 1, 1025));
        _expectDear(0x05, abi.encode(0, type(uint256).max, 0));
        _expectDear(0x05, abi.encode(1 << 255, 0, 0));
        _expectDear(0x05, hex"01"); // a base of 2^248 bytes, the rest is zero
        _expectDear(0x09, abi.encodePacked(uint32((1 << 20) + 1), new bytes(208), uint8(1)));
    }

    function test_TheDearestInputsAreReplayed() public {
        bytes memory ones = new bytes(1024);
        for (uint256 i; i < 1024; ++i) {
            ones[i] = 0xff;
        }
        _succeeds(0x05, bytes.concat(abi.encode(1024, 32, 1024), ones, bytes32(ones), ones), 1024);
        assembly ("memory-safe") {
            mstore(ones, 256)
        }
        _succeeds(0x05, bytes.concat(abi.encode(256, 256, 256), ones, ones, ones), 256);
    }

    // -------------------------------------------------------------------- gas

    /// @dev With too little gas a load reverts or stores the truth, never a failed call.
    function testFuzz_StarvedReplaysNeverLookFailed(uint256 gas, uint256 which) public {
        (uint160 number, bytes memory input, uint256 needed) = _replay(which % 4);
        gas = bound(gas, 20_000, needed * 65 / 63 + 100_000);
        bytes32 key = _keyOf(6, keccak256(abi.encodePacked(bytes20(address(number)), input)));
        (bool ok, bytes memory output) = address(number).staticcall(input);
        vm.assertTrue(ok);
        try oracle.loadPrecompile{gas: gas}(address(number), input, 0, 1) {
            _assertPart(key, bytes.concat(hex"01", output), 0);
        } catch {
            vm.assertEq(oracle.partOf(key, 0), 0);
        }
    }

    function test_RevertWhen_TooLittleGasIsLeft() public {
        for (uint256 i; i < 4; ++i) {
            (uint160 number, bytes memory input, uint256 needed) = _replay(i);
            try oracle.loadPrecompile{gas: needed}(address(number), input, 0, 1) {
                vm.assertTrue(false);
            } catch (bytes memory reason) {
                vm.assertEq(bytes32(bytes4(reason)), bytes32(IOracle.NotEnoughGas.selector));
            }
            oracle.loadPrecompile{gas: needed * 64 / 63 + 100_000}(address(number), input, 0, 1);
        }
    }

    /// @dev Calls that use about as much gas as L2 charges at most for them.
    function _replay(uint256 which)
        private
        pure
        returns (uint160 number, bytes memory input, uint256 gas)
    {
        if (which == 0) return (0x01, new bytes(128), 100_000);
        if (which == 1) return (0x08, new bytes(64 * 192), 9_000_000);
        if (which == 2) return (0x0f, new bytes(384), 8_500_000);
        return (0x09, abi.encodePacked(uint32(1 << 20), new bytes(208), uint8(1)), 4_200_000);
    }
}
