// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMachine} from "../../src/interfaces/IMachine.sol";
import {vm} from "../Base.sol";
import {MachineFixture, Run} from "./MachineFixture.sol";
import {Leaf, SparseTree} from "./SparseTree.sol";

/// @notice A step accepts one witness: any other one reverts, and so does another state or code root
/// or gives another `pre`.
contract MachineWitnessTest is MachineFixture {
    using SparseTree for Leaf[];

    uint64 private constant POINTER = 0x5a3c_0100;
    uint256 private constant CODE = 673;
    uint256 private constant ONE_LEAF = CODE + 896;
    uint256 private constant TWO_LEAVES = ONE_LEAF + 896;

    /// @dev One run of each kind of witness.
    function _kinds() private returns (Run[] memory runs) {
        runs = new Run[](12);
        runs[0] = running(0x00b50533); // add a0,a0,a1
        runs[1] = running(0x00b50533);
        runs[1].pc += 2; // traps at fetch
        runs[2] = running(0x0005b503); // ld a0,0(a1)
        runs[2].x[A1] = POINTER + 3;
        runs[3] = running(0x0005b503);
        runs[3].x[A1] = POINTER + 29;
        runs[4] = running(0x00c5b023); // sd a2,0(a1)
        runs[4].x[A1] = POINTER + 5;
        runs[5] = running(0x00c5b023);
        runs[5].x[A1] = POINTER + 31;
        runs[6] = calling(1, POINTER, 0);
        runs[7] = calling(2, POINTER, 0);
        runs[8] = calling(5, POINTER, 0);
        runs[9] = calling(4, POINTER, 0);
        runs[9].value = "a value";
        bytes32 key = oracle.loadKeccak("a value", 0, 1);
        runs[9].mem = runs[9].mem.with(POINTER / 32, key);
        runs[10] = calling(4, POINTER, 0); // no key: traps after it was opened
        runs[11] = running(0x00b50533);
        runs[11].status = EXITED;
    }

    function _length(uint256 kind) private pure returns (uint256) {
        return [
            CODE,
            33,
            ONE_LEAF,
            TWO_LEAVES,
            ONE_LEAF,
            TWO_LEAVES,
            ONE_LEAF,
            ONE_LEAF,
            CODE + 1024,
            ONE_LEAF + 36,
            ONE_LEAF,
            0
        ][kind];
    }

    function test_WitnessesHaveTheirLengths() public {
        Run[] memory runs = _kinds();
        for (uint256 i; i < runs.length; ++i) {
            vm.assertEq(witness(runs[i]).length, _length(i));
            machine.step(codeRoot(runs[i]), pack(runs[i]), witness(runs[i]));
        }
    }

    // ---------------------------------------------------------- flipped bytes

    function _assertBound(uint256 kind) private {
        Run memory r = _kinds()[kind];
        (bytes32 root, bytes memory state, bytes memory w) = (codeRoot(r), pack(r), witness(r));
        for (uint256 i; i < w.length; ++i) {
            bytes1 kept = w[i];
            w[i] = kept ^ bytes1(uint8(2 ** (i % 8)));
            assertRejects(root, state, w, vm.toString(i));
            w[i] = kept;
        }
        machine.step(root, state, w);
    }

    function test_EveryByteOfCodeIsBound() public {
        _assertBound(0);
    }

    function test_EveryByteOfAHeaderIsBound() public {
        _assertBound(1);
    }

    function test_EveryByteOfALoadIsBound() public {
        _assertBound(2);
    }

    function test_EveryByteOfAStraddlingLoadIsBound() public {
        _assertBound(3);
    }

    function test_EveryByteOfAStraddlingStoreIsBound() public {
        _assertBound(5);
    }

    function test_EveryByteOfKeccakFIsBound() public {
        _assertBound(8);
    }

    function test_EveryByteOfAPreimageIsBound() public {
        _assertBound(9);
    }

    function test_EveryByteOfAKeyThatIsNoneIsBound() public {
        _assertBound(10);
    }

    // --------------------------------------------------- any byte, any change

    function testFuzz_RevertWhen_AByteIsFlipped(uint256 kind, uint256 at_, uint8 by) public {
        vm.assume(by != 0);
        kind = kind % 11;
        Run memory r = _kinds()[kind];
        bytes memory w = witness(r);
        w[at_ % w.length] ^= bytes1(by);
        assertRejects(codeRoot(r), pack(r), w, vm.toString(kind));
    }

    function testFuzz_RevertWhen_AByteIsMissing(uint256 kind, uint256 at_) public {
        kind = kind % 11;
        Run memory r = _kinds()[kind];
        bytes memory w = witness(r);
        assertRejects(codeRoot(r), pack(r), _without(w, at_ % w.length), vm.toString(kind));
    }

    function testFuzz_RevertWhen_AByteIsAdded(uint256 kind, uint256 at_, bytes1 what) public {
        kind = kind % 12;
        Run memory r = _kinds()[kind];
        bytes memory w = witness(r);
        assertRejects(
            codeRoot(r), pack(r), _inserted(w, at_ % (w.length + 1), what), vm.toString(kind)
        );
    }

    function testFuzz_RevertWhen_WordsAreSwapped(uint256 kind, uint256 i, uint256 j) public {
        kind = kind % 10;
        Run memory r = _kinds()[kind == 1 ? 0 : kind];
        bytes memory w = witness(r);
        i = 1 + 32 * (i % (w.length / 32));
        j = 1 + 32 * (j % (w.length / 32));
        bytes32 before = keccak256(w);
        for (uint256 k; k < 32; ++k) {
            (w[i + k], w[j + k]) = (w[j + k], w[i + k]);
        }
        vm.assume(keccak256(w) != before);
        assertRejects(codeRoot(r), pack(r), w, vm.toString(kind));
    }

    /// @dev No witness of one kind is one of another.
    function test_RevertWhen_TheWitnessIsOfAnother() public {
        Run[] memory runs = _kinds();
        for (uint256 i; i < runs.length; ++i) {
            bytes memory state = pack(runs[i]);
            for (uint256 j; j < runs.length; ++j) {
                bytes memory w = witness(runs[j]);
                if (keccak256(w) == keccak256(witness(runs[i]))) continue;
                assertRejects(codeRoot(runs[i]), state, w, vm.toString(i));
            }
        }
    }

    function testFuzz_TheStateIsBound(uint256 kind, uint256 at_, uint8 by) public {
        vm.assume(by != 0);
        Run memory r = _kinds()[kind % 12];
        bytes memory state = pack(r);
        state[at_ % 354] ^= bytes1(by);
        bytes32 root = codeRoot(r);
        try machine.step(root, state, witness(r)) returns (bytes32 pre, bytes32) {
            vm.assertEq(pre, keccak256(state));
            vm.assertNotEq(pre, keccak256(pack(r)));
        } catch {}
    }

    // ----------------------------------------------------------- typed errors

    function _expect(bytes memory reason, bytes32 root, bytes memory state, bytes memory w)
        private
    {
        vm.expectRevert(reason);
        machine.step(root, state, w);
    }

    function test_RevertWhen_TheStateHasAnotherLength() public {
        Run memory r = running(0x13);
        bytes memory state = pack(r);
        bytes4 reason = IMachine.WrongStateLength.selector;
        _expect(abi.encodeWithSelector(reason, 354, 0), codeRoot(r), "", witness(r));
        _expect(
            abi.encodeWithSelector(reason, 354, 353), codeRoot(r), _without(state, 9), witness(r)
        );
        _expect(
            abi.encodeWithSelector(reason, 354, 355),
            codeRoot(r),
            bytes.concat(state, hex"00"),
            witness(r)
        );
    }

    function test_RevertWhen_TheWitnessHasAnotherLength() public {
        Run[] memory runs = _kinds();
        for (uint256 i; i < runs.length; ++i) {
            bytes memory w = witness(runs[i]);
            _expect(
                abi.encodeWithSelector(
                    IMachine.WrongWitnessLength.selector, w.length, w.length + 1
                ),
                codeRoot(runs[i]),
                pack(runs[i]),
                bytes.concat(w, hex"00")
            );
        }
    }

    /// @dev Every prefix: the error is the verifier's, not a slice's out of bounds.
    function test_RevertWhen_TheWitnessEndsEarly() public {
        Run memory r = _kinds()[5];
        (bytes32 root, bytes memory state, bytes memory w) = (codeRoot(r), pack(r), witness(r));
        for (uint256 length; length < TWO_LEAVES; ++length) {
            assembly ("memory-safe") {
                mstore(w, length)
            }
            uint256 wanted = length < 33 ? 33 : length < CODE ? CODE : TWO_LEAVES;
            try machine.step(root, state, w) {
                vm.assertTrue(false);
            } catch (bytes memory reason) {
                vm.assertEq(
                    reason,
                    abi.encodeWithSelector(IMachine.WrongWitnessLength.selector, wanted, length)
                );
            }
        }
    }

    function test_RevertWhen_APreimagesWitnessEndsEarly() public {
        Run memory r = _kinds()[9];
        bytes memory w = witness(r);
        (bytes32 root, bytes memory state) = (codeRoot(r), pack(r));
        assembly ("memory-safe") {
            mstore(w, 700)
        }
        _expect(
            abi.encodeWithSelector(IMachine.WrongWitnessLength.selector, ONE_LEAF, 700),
            root,
            state,
            w
        );
    }

    function test_RevertWhen_TheCodeIsOfAnother() public {
        Run memory r = running(0x13);
        bytes32 root = keccak256("other code");
        _expect(
            abi.encodeWithSelector(IMachine.WrongCodeRoot.selector, root, codeRoot(r)),
            root,
            pack(r),
            witness(r)
        );
    }

    function test_RevertWhen_TheMemoryIsOfAnother() public {
        Run memory r = _kinds()[2];
        Run memory other = copyOf(r);
        other.mem = other.mem.with(POINTER / 32, "other memory");
        _expect(
            abi.encodeWithSelector(
                IMachine.WrongMemoryRoot.selector, r.mem.root(27), other.mem.root(27)
            ),
            codeRoot(r),
            pack(r),
            witness(other)
        );
    }

    function test_RevertWhen_ThePartIsNotLoaded() public {
        Run memory r = _kinds()[9];
        bytes32 key = r.mem.valueAt(POINTER / 32);
        r.x[A1] = 32;
        bytes32 found = keccak256(abi.encodePacked(key, uint32(32), bytes32(0), uint32(7)));
        _expect(
            abi.encodeWithSelector(IMachine.WrongPart.selector, key, 32, bytes32(0), found),
            codeRoot(r),
            pack(r),
            witness(r)
        );
    }

    // ---------------------------------------------------------------- helpers

    function _without(bytes memory w, uint256 i) private pure returns (bytes memory out) {
        out = new bytes(w.length - 1);
        for (uint256 k; k < out.length; ++k) {
            out[k] = w[k < i ? k : k + 1];
        }
    }

    function _inserted(bytes memory w, uint256 i, bytes1 what)
        private
        pure
        returns (bytes memory out)
    {
        out = new bytes(w.length + 1);
        for (uint256 k; k < out.length; ++k) {
            out[k] = k == i ? what : w[k < i ? k : k - 1];
        }
    }
}
