// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice Steps that `crates/machine` asserts too: states, successors and witnesses to the bit.
contract MachineVectorsTest is MachineFixture {
    using SparseTree for Leaf[];

    string private _json;

    function _at(string memory vector, string memory field) private pure returns (string memory) {
        return string.concat(vector, ".", field);
    }

    function _uint(string memory vector, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(_json, _at(vector, field));
    }

    function _word(string memory vector, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, _at(vector, field));
    }

    function _setRegisters(Run memory r, string memory vector, string memory index, string memory value)
        private
        view
    {
        uint256[] memory indices = vm.parseJsonUintArray(_json, _at(vector, index));
        uint256[] memory values = vm.parseJsonUintArray(_json, _at(vector, value));
        vm.assertEq(indices.length, values.length);
        for (uint256 i; i < indices.length; ++i) {
            r.x[indices[i]] = uint64(values[i]);
        }
    }

    function _setMemory(Run memory r, string memory vector, string memory where, string memory leaf)
        private
        view
    {
        uint256[] memory addresses = vm.parseJsonUintArray(_json, _at(vector, where));
        bytes32[] memory leaves = vm.parseJsonBytes32Array(_json, _at(vector, leaf));
        vm.assertEq(addresses.length, leaves.length);
        for (uint256 i; i < addresses.length; ++i) {
            vm.assertEq(addresses[i] % 32, 0);
            r.mem = r.mem.with(addresses[i] / 32, leaves[i]);
        }
    }

    function _before(string memory vector) private view returns (Run memory r) {
        r.window = uint8(_uint(vector, "window"));
        r.pc = uint64(_uint(vector, "pc"));
        uint32 word = uint32(_uint(vector, "word"));
        if (word != 0) r.code = r.code.poke(r.pc % (1 << 25), 4, word);
        _setRegisters(r, vector, "regIndex", "regValue");
        _setMemory(r, vector, "memAddress", "memLeaf");
        r.input = _word(vector, "input");
        r.output = _word(vector, "output");
        r.status = uint8(_uint(vector, "status"));
        r.exitCode = uint8(_uint(vector, "exitCode"));
    }

    function _after(Run memory before, string memory vector) private view returns (Run memory r) {
        r = copyOf(before);
        r.pc = uint64(_uint(vector, "nextPc"));
        _setRegisters(r, vector, "nextRegIndex", "nextRegValue");
        _setMemory(r, vector, "nextMemAddress", "nextMemLeaf");
        r.output = _word(vector, "nextOutput");
        r.status = uint8(_uint(vector, "nextStatus"));
        r.exitCode = uint8(_uint(vector, "nextExitCode"));
    }

    /// @dev Puts the part that the step asks for into the oracle: through the front door where a hash
    /// proves it, else into its storage.
    function _load(Run memory r, string memory vector) private {
        bytes32[] memory keys = vm.parseJsonBytes32Array(_json, _at(vector, "preimageKey"));
        bytes[] memory values = vm.parseJsonBytesArray(_json, _at(vector, "preimageValue"));
        vm.assertEq(keys.length, values.length);
        if (keys.length == 0) return;
        vm.assertEq(keys.length, 1);
        r.value = values[0];
        uint256 offset = r.x[A1];
        if (keys[0][0] == 0x02) {
            vm.assertEq(oracle.loadKeccak(r.value, offset / 32, 1), keys[0]);
        } else if (keys[0][0] == 0x04) {
            vm.assertEq(oracle.loadSha256(r.value, offset / 32, 1), keys[0]);
        } else {
            bytes32 slot = keccak256(abi.encode(offset, keccak256(abi.encode(keys[0], 0))));
            bytes32 part = partOf(r.value, offset);
            bytes32 stored = keccak256(
                abi.encodePacked(keys[0], uint32(offset), part, uint32(r.value.length))
            );
            vm.store(address(oracle), slot, stored);
            vm.assertEq(oracle.partOf(keys[0], offset), stored);
        }
    }

    /// @dev One vector; in a call of its own, so that memory starts anew.
    function assertVector(string calldata json, string calldata vector) external {
        _json = json;
        Run memory r = _before(vector);
        if (vm.parseJsonBytes32Array(_json, _at(vector, "preimageKey")).length != 0) {
            _load(r, vector);
        }
        Run memory next = _after(r, vector);
        bytes memory state = pack(r);
        bytes memory w = witness(r);
        vm.assertEq(keccak256(state), _word(vector, "preHash"), vector);
        vm.assertEq(keccak256(w), _word(vector, "witnessHash"), vector);
        vm.assertEq(keccak256(pack(next)), _word(vector, "nextHash"), vector);
        (bytes32 pre, bytes32 post) = machine.step(codeRoot(r), state, w);
        vm.assertEq(pre, _word(vector, "preHash"), vector);
        vm.assertEq(post, _word(vector, "nextHash"), vector);
    }

    function _assertFile(string memory name, uint256 count) private {
        string memory json =
            vm.readFile(string.concat("../tests/vectors/machine/", name, ".json"));
        uint256 i;
        for (; vm.keyExistsJson(json, string.concat("[", vm.toString(i), "]")); ++i) {
            this.assertVector(json, string.concat("[", vm.toString(i), "]"));
        }
        vm.assertEq(i, count);
    }

