// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

interface VmTypes {
    function parseJsonType(
        string calldata json,
        string calldata key,
        string calldata typeDescription
    ) external pure returns (bytes memory);
}

/// @notice Steps that `crates/machine` asserts too: states, successors and witnesses to the bit.
contract MachineVectorsTest is MachineFixture {
    using SparseTree for Leaf[];

    struct Vector {
        string name;
        uint64 pc;
        uint32 word;
        uint8 window;
        uint256[] regIndex;
        uint64[] regValue;
        uint256[] memAddress;
        bytes32[] memLeaf;
        bytes32 input;
        bytes32 output;
        uint8 status;
        uint8 exitCode;
        bytes32[] preimageKey;
        bytes[] preimageValue;
        uint64 nextPc;
        uint256[] nextRegIndex;
        uint64[] nextRegValue;
        uint256[] nextMemAddress;
        bytes32[] nextMemLeaf;
        bytes32 nextOutput;
        uint8 nextStatus;
        uint8 nextExitCode;
        bytes32 preHash;
        bytes32 nextHash;
        bytes32 witnessHash;
    }

    string private constant VECTOR = "Vector(string name,uint64 pc,uint32 word,uint8 window,uint256[] regIndex,uint64[] regValue,"
        "uint256[] memAddress,bytes32[] memLeaf,bytes32 input,bytes32 output,uint8 status,uint8 exitCode,"
        "bytes32[] preimageKey,bytes[] preimageValue,uint64 nextPc,uint256[] nextRegIndex,"
        "uint64[] nextRegValue,uint256[] nextMemAddress,bytes32[] nextMemLeaf,bytes32 nextOutput,"
        "uint8 nextStatus,uint8 nextExitCode,bytes32 preHash,bytes32 nextHash,bytes32 witnessHash)";

    function _setRegisters(Run memory r, uint256[] memory indices, uint64[] memory values)
        private
        pure
    {
        vm.assertEq(indices.length, values.length);
        for (uint256 i; i < indices.length; ++i) {
            r.x[indices[i]] = values[i];
        }
    }

    function _setMemory(Run memory r, uint256[] memory addresses, bytes32[] memory leaves)
        private
        pure
    {
        vm.assertEq(addresses.length, leaves.length);
        for (uint256 i; i < addresses.length; ++i) {
            vm.assertEq(addresses[i] % 32, 0);
            r.mem = r.mem.with(addresses[i] / 32, leaves[i]);
        }
    }

    function _before(Vector memory v) private pure returns (Run memory r) {
        r.window = v.window;
        r.pc = v.pc;
        if (v.word != 0) r.code = r.code.poke(r.pc % (1 << 25), 4, v.word);
        _setRegisters(r, v.regIndex, v.regValue);
        _setMemory(r, v.memAddress, v.memLeaf);
        r.input = v.input;
        r.output = v.output;
        r.status = v.status;
        r.exitCode = v.exitCode;
    }

    /// @dev Makes of the machine before the one after.
    function _advance(Run memory r, Vector memory v) private pure {
        r.pc = v.nextPc;
        _setRegisters(r, v.nextRegIndex, v.nextRegValue);
        _setMemory(r, v.nextMemAddress, v.nextMemLeaf);
        r.output = v.nextOutput;
        r.status = v.nextStatus;
        r.exitCode = v.nextExitCode;
    }

    /// @dev Puts the part that the step asks for into the oracle: through the front door where a hash
    /// proves it, else into its storage.
    function _load(bytes32 key, bytes memory value, uint256 offset) private {
        if (key[0] == 0x02) {
            vm.assertEq(oracle.loadKeccak(value, offset / 32, 1), key);
            return;
        }
        bytes32 slot = keccak256(abi.encode(offset, keccak256(abi.encode(key, 0))));
        bytes32 part = partOf(value, offset);
        bytes32 stored =
            keccak256(abi.encodePacked(key, uint32(offset), part, uint32(value.length)));
        vm.store(address(oracle), slot, stored);
        vm.assertEq(oracle.partOf(key, offset), stored);
    }

    /// @dev One vector; in a call of its own, so that memory starts anew.
    function assertVector(bytes calldata encoded) external {
        Vector memory v = abi.decode(encoded, (Vector));
        Run memory r = _before(v);
        vm.assertEq(v.preimageKey.length, v.preimageValue.length);
        for (uint256 i; i < v.preimageKey.length; ++i) {
            r.value = v.preimageValue[i];
            _load(v.preimageKey[i], r.value, r.x[A1]);
        }
        bytes memory state = pack(r);
        bytes memory w = witness(r);
        bytes32 root = codeRoot(r);
        vm.assertEq(keccak256(state), v.preHash, v.name);
        vm.assertEq(keccak256(w), v.witnessHash, v.name);
        (bytes32 pre, bytes32 post) = machine.step(root, state, w);
        vm.assertEq(pre, v.preHash, v.name);
        vm.assertEq(post, v.nextHash, v.name);
        _advance(r, v);
        vm.assertEq(keccak256(pack(r)), v.nextHash, v.name);
    }

    function _assertFile(string memory name, uint256 count) private {
        string memory json = vm.readFile(string.concat("../tests/vectors/machine/", name, ".json"));
        vm.assertFalse(vm.keyExistsJson(json, string.concat("[", vm.toString(count), "]")), name);
        for (uint256 i; i < count; ++i) {
            string memory key = string.concat("[", vm.toString(i), "]");
            this.assertVector(VmTypes(address(vm)).parseJsonType(json, key, VECTOR));
        }
    }

    function test_Control() public {
        _assertFile("control", 60);
    }

    function test_Divide() public {
        _assertFile("divide", 84);
    }

    function test_Halted() public {
        _assertFile("halted", 10);
    }

    function test_Immediate() public {
        _assertFile("immediate", 54);
    }

    function test_Loads() public {
        _assertFile("loads", 57);
    }

    function test_Multiply() public {
        _assertFile("multiply", 40);
    }

    function test_Preimage() public {
        _assertFile("preimage", 33);
    }

    function test_Register() public {
        _assertFile("register", 80);
    }

    function test_RegisterW() public {
        _assertFile("register_w", 40);
    }

    function test_ShiftImmediate() public {
        _assertFile("shift_immediate", 36);
    }

    function test_Stores() public {
        _assertFile("stores", 36);
    }

    function test_SystemCalls() public {
        _assertFile("system_calls", 59);
    }

    function test_Traps() public {
        _assertFile("traps", 61);
    }

    function test_Zba() public {
        _assertFile("zba", 62);
    }

    function test_ZbbBits() public {
        _assertFile("zbb_bits", 78);
    }

    function test_ZbbLogic() public {
        _assertFile("zbb_logic", 88);
    }

    function test_Zbs() public {
        _assertFile("zbs", 56);
    }
}
