// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree32} from "../../src/libraries/MerkleTree32.sol";
import {Base, vm} from "../Base.sol";

contract TreeHolder {
    using MerkleTree32 for MerkleTree32.Tree;

    MerkleTree32.Tree public tree;

    constructor() {
        tree.init();
    }

    function append(bytes32 leaf) external returns (bytes32) {
        return tree.append(leaf);
    }

    function rootAt(uint256 count) external view returns (bytes32) {
        return tree.rootAt[count];
    }

    function setCount(uint64 count) external {
        tree.count = count;
    }
}

contract MerkleTree32Test is Base {
    TreeHolder private _holder;

    function setUp() public {
        _holder = new TreeHolder();
    }

    /// @dev The root from all leaves, level by level.
    function _naiveRoot(bytes32[] memory leaves, uint256 count) private pure returns (bytes32) {
        bytes32[] memory level = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            level[i] = leaves[i];
        }
        bytes32 zero;
        for (uint256 height; height < 32; ++height) {
            uint256 parents = (count + 1) / 2;
            for (uint256 i; i < parents; ++i) {
                bytes32 right = 2 * i + 1 < count ? level[2 * i + 1] : zero;
                level[i] = keccak256(abi.encodePacked(level[2 * i], right));
            }
            count = parents;
            zero = keccak256(abi.encodePacked(zero, zero));
        }
        return count == 0 ? zero : level[0];
    }

    function test_emptyRootIsTheZeroTree() public view {
        vm.assertEq(_naiveRoot(new bytes32[](0), 0), MerkleTree32.EMPTY_ROOT);
        vm.assertEq(_holder.rootAt(0), MerkleTree32.EMPTY_ROOT);
    }

    function test_everyRootEqualsTheNaiveTree() public {
        bytes32[] memory leaves = new bytes32[](70);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = keccak256(abi.encode("leaf", i));
            bytes32 root = _holder.append(leaves[i]);
            vm.assertEq(root, _naiveRoot(leaves, i + 1));
            vm.assertEq(_holder.rootAt(i + 1), root);
        }
        // roots of earlier sizes stay
        vm.assertEq(_holder.rootAt(7), _naiveRoot(leaves, 7));
        vm.assertEq(_holder.rootAt(71), 0);
    }

    function testFuzz_rootsEqualTheNaiveTree(bytes32[] memory leaves) public {
        uint256 count = bound(leaves.length, 0, 40);
        if (leaves.length < count) count = leaves.length;
        for (uint256 i; i < count; ++i) {
            vm.assertEq(_holder.append(leaves[i]), _naiveRoot(leaves, i + 1));
        }
    }

    function test_RevertWhen_full() public {
        _holder.setCount(type(uint32).max - 1);
        _holder.append(bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(MerkleTree32.TreeFull.selector));
        _holder.append(bytes32(uint256(2)));
    }
}
