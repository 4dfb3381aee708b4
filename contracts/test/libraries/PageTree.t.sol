// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PageTree} from "../../src/libraries/PageTree.sol";
import {Base, vm} from "../Base.sol";

contract PageTreeTest is Base {
    function root(bytes calldata data) external pure returns (bytes32) {
        return PageTree.root(data);
    }

    function _pages(uint256 count) private pure returns (bytes memory data) {
        for (uint256 i; i < count; ++i) {
            data = bytes.concat(data, _page(i));
        }
    }

    function _page(uint256 seed) private pure returns (bytes memory page) {
        for (uint256 i; i < 128; ++i) {
            page = bytes.concat(page, keccak256(abi.encode(seed, i)));
        }
    }

    function _hash(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(a, b));
    }

    function test_zeroPageIsItsHash() public pure {
        vm.assertEq(keccak256(new bytes(4096)), PageTree.ZERO_PAGE);
    }

    function test_noBytesAreOneZeroPage() public view {
        vm.assertEq(this.root(""), _hash(0, PageTree.ZERO_PAGE));
    }

    function test_lengthIsBound() public view {
        vm.assertEq(this.root(hex"00"), _hash(bytes32(uint256(1)), PageTree.ZERO_PAGE));
        vm.assertEq(this.root(hex"0000"), _hash(bytes32(uint256(2)), PageTree.ZERO_PAGE));
    }

    function test_onePageIsItsOwnTop() public view {
        vm.assertEq(this.root(_page(0)), _hash(bytes32(uint256(4096)), keccak256(_page(0))));
    }

    function test_threePagesPadWithAZeroPage() public view {
        bytes32 left = _hash(keccak256(_page(0)), keccak256(_page(1)));
        bytes32 right = _hash(keccak256(_page(2)), PageTree.ZERO_PAGE);
        vm.assertEq(this.root(_pages(3)), _hash(bytes32(uint256(3 * 4096)), _hash(left, right)));
    }

    function test_aPartialPageIsZeroPadded() public view {
        bytes memory data = bytes.concat(_page(0), hex"0102");
        bytes memory second = bytes.concat(hex"0102", new bytes(4094));
        vm.assertEq(
            this.root(data),
            _hash(bytes32(data.length), _hash(keccak256(_page(0)), keccak256(second)))
        );
    }

    function testFuzz_trailingZerosChangeTheRoot(bytes memory data) public view {
        vm.assertNotEq(this.root(data), this.root(bytes.concat(data, hex"00")));
    }
}
