// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree32} from "../../src/libraries/MerkleTree32.sol";
import {PageTree} from "../../src/libraries/PageTree.sol";
import {Base, vm} from "../Base.sol";
import {Batch, BatchKind, QueueEntry, QueueKind} from "./L1Base.sol";

/// @notice Leaves and roots that `crates/l1/tests/vectors.rs` asserts too.
contract VectorsTest is Base {
    using MerkleTree32 for MerkleTree32.Tree;

    MerkleTree32.Tree private _queue;
    MerkleTree32.Tree private _batches;
    string private _json;

    function setUp() public {
        _json = vm.readFile("../tests/vectors/inbox_tree.json");
        _queue.init();
        _batches.init();
    }

    function _uint(string memory at, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(_json, string.concat(at, field));
    }

    function _word(string memory at, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, string.concat(at, field));
    }

    function _bytes(string memory at, string memory field) private view returns (bytes memory) {
        return vm.parseJsonBytes(_json, string.concat(at, field));
    }

    function pageRoot(bytes calldata data) external pure returns (bytes32) {
        return PageTree.root(data);
    }

    function test_queueLeavesAndRoots() public {
        vm.assertEq(vm.parseJsonBytes32(_json, ".empty"), MerkleTree32.EMPTY_ROOT);
        uint256 i;
        for (; vm.keyExistsJson(_json, string.concat(".queue[", vm.toString(i), "]")); ++i) {
            string memory at = string.concat(".queue[", vm.toString(i), "]");
            QueueEntry memory entry = QueueEntry({
                kind: QueueKind(_uint(at, ".kind")),
                index: uint64(i),
                l1Block: uint64(_uint(at, ".l1Block")),
                l1Time: uint64(_uint(at, ".l1Time")),
                from: vm.parseJsonAddress(_json, string.concat(at, ".from")),
                mint: _uint(at, ".mint"),
                value: _uint(at, ".value"),
                gasLimit: uint64(_uint(at, ".gasLimit")),
                isCreation: vm.parseJsonBool(_json, string.concat(at, ".isCreation")),
                to: vm.parseJsonAddress(_json, string.concat(at, ".to")),
                dataHash: keccak256(_bytes(at, ".data"))
            });
            bytes32 leaf = keccak256(abi.encode(entry));
            vm.assertEq(leaf, _word(at, ".leaf"));
            vm.assertEq(_queue.append(leaf), _word(at, ".root"));
        }
        vm.assertEq(i, 12);
    }

    function test_batchLeavesAndRoots() public {
        uint256 i;
        for (; vm.keyExistsJson(_json, string.concat(".batches[", vm.toString(i), "]")); ++i) {
            string memory at = string.concat(".batches[", vm.toString(i), "]");
            Batch memory batch = Batch({
                kind: BatchKind(_uint(at, ".kind")),
                index: uint64(i),
                l1Block: uint64(_uint(at, ".l1Block")),
                l1Time: uint64(_uint(at, ".l1Time")),
                queueFrom: uint64(_uint(at, ".queueFrom")),
                queueTo: uint64(_uint(at, ".queueTo")),
                queueRoot: _word(at, ".queueRoot"),
                dataHash: _word(at, ".dataHash")
            });
            if (batch.kind == BatchKind.Calldata) {
                vm.assertEq(this.pageRoot(_bytes(at, ".payload")), batch.dataHash);
            }
            bytes32 leaf = keccak256(abi.encode(batch));
            vm.assertEq(leaf, _word(at, ".leaf"));
            vm.assertEq(_batches.append(leaf), _word(at, ".root"));
        }
        vm.assertEq(i, 9);
    }
}
