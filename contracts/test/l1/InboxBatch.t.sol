// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PageTree} from "../../src/libraries/PageTree.sol";
import {vm} from "../Base.sol";
import {Batch, BatchKind, IInbox, L1Base} from "./L1Base.sol";

contract InboxBatchTest is L1Base {
    function pageRoot(bytes calldata data) external pure returns (bytes32) {
        return PageTree.root(data);
    }

    function _leaf(BatchKind kind, uint64 queueTo, bytes32 queueRoot, bytes32 dataHash)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                uint8(kind),
                uint64(0),
                uint64(block.number),
                uint64(block.timestamp),
                uint64(0),
                queueTo,
                queueRoot,
                dataHash
            )
        );
    }

    // ------------------------------------------------------------------ blobs

    function test_blobsAreCommittedByTheirVersionedHashes() public {
        deposit();
        bytes32[] memory hashes = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            hashes[i] = blob(i)[0];
        }
        bytes32 dataHash = keccak256(abi.encodePacked(hashes[0], hashes[1], hashes[2]));
        bytes32 queueRoot = inbox.queueRootAt(1);
        bytes32 root = rootOfOne(_leaf(BatchKind.Blobs, 1, queueRoot, dataHash));

        vm.blobhashes(hashes);
        vm.expectEmit(address(inbox));
        emit IInbox.BatchPosted(0, BatchKind.Blobs, 0, 1, queueRoot, dataHash, root, hashes);
        asEoa(sequencer);
        inbox.postBatch(0, EMPTY, 1, queueRoot);

        vm.assertEq(inbox.batchCount(), 1);
        vm.assertEq(inbox.batchRootAt(0), EMPTY);
        vm.assertEq(inbox.batchRootAt(1), root);
        vm.assertEq(inbox.queueConsumed(), 1);
    }

    function test_aBatchMayConsumeNothing() public {
        deposit();
        post(0);
        post(1);
        post(1);
        vm.assertEq(inbox.batchCount(), 3);
        vm.assertEq(inbox.queueConsumed(), 1);
    }

    function test_RevertWhen_notTheSequencer() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotSequencer.selector, sequencer, alice));
        asEoa(alice);
        inbox.postBatch(0, EMPTY, 0, EMPTY);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotSequencer.selector, sequencer, alice));
        asEoa(alice);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, "x");
    }

    function test_RevertWhen_noBlobs() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NoBlobs.selector));
        asEoa(sequencer);
        inbox.postBatch(0, EMPTY, 0, EMPTY);
    }

    function test_RevertWhen_parentIndexIsStale() public {
        post(0);
        bytes32 root = inbox.batchRootAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.StaleParent.selector, 0, root, 1, root));
        asEoa(sequencer);
        inbox.postBatch(0, root, 0, EMPTY);
    }

    function test_RevertWhen_parentRootIsStale() public {
        post(0);
        bytes32 root = inbox.batchRootAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.StaleParent.selector, 1, EMPTY, 1, root));
        asEoa(sequencer);
        inbox.postBatch(1, EMPTY, 0, EMPTY);
    }

    function test_RevertWhen_queueEndIsOutOfRange() public {
        deposit();
        vm.expectRevert(abi.encodeWithSelector(IInbox.QueueOutOfRange.selector, 0, 1, 2));
        asEoa(sequencer);
        inbox.postBatch(0, EMPTY, 2, 0);

        post(1);
        bytes32 root = inbox.batchRootAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.QueueOutOfRange.selector, 1, 1, 0));
        asEoa(sequencer);
        inbox.postBatch(1, root, 0, EMPTY);
    }

    function test_RevertWhen_depositWasReorganised() public {
        uint256 id = vm.snapshotState();
        deposit();
        bytes32 seen = inbox.queueRootAt(1);
        vm.revertToState(id);
        deposit(100_001);
        bytes32 found = inbox.queueRootAt(1);
        vm.blobhashes(blob(0));
        vm.expectRevert(abi.encodeWithSelector(IInbox.StaleQueue.selector, seen, found));
        asEoa(sequencer);
        inbox.postBatch(0, EMPTY, 1, seen);
    }

    // --------------------------------------------------------------- calldata

    function test_calldataIsCommittedByItsPageRoot() public {
        bytes memory payload = new bytes(5000);
        payload[4999] = 0x01;
        bytes32 dataHash = this.pageRoot(payload);
        bytes32 root = rootOfOne(_leaf(BatchKind.Calldata, 0, EMPTY, dataHash));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchPosted(
            0, BatchKind.Calldata, 0, 0, EMPTY, dataHash, root, new bytes32[](0)
        );
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, payload);
        vm.assertEq(inbox.batchRootAt(1), root);
    }

    function test_theLongestPayloadFits() public {
        bytes memory payload = new bytes(inbox.PAYLOAD_MAX());
        for (uint256 i; i < payload.length; i += 97) {
            payload[i] = 0xff;
        }
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, payload);
        vm.assertEq(inbox.batchCount(), 1);
    }

    function test_RevertWhen_payloadIsEmptyOrTooLong() public {
        uint256 max = inbox.PAYLOAD_MAX();
        vm.expectRevert(abi.encodeWithSelector(IInbox.PayloadEmpty.selector));
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, "");
        bytes memory payload = new bytes(max + 1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.PayloadTooLong.selector, max, max + 1));
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, payload);
    }

    function test_RevertWhen_calldataIsStale() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.StaleParent.selector, 1, EMPTY, 0, EMPTY));
        asEoa(sequencer);
        inbox.postBatchCalldata(1, EMPTY, 0, EMPTY, "x");
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.StaleQueue.selector, bytes32(uint256(1)), EMPTY)
        );
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, bytes32(uint256(1)), "x");
    }

    function test_RevertWhen_payloadIsNotTheTransactionsCalldata() public {
        bytes memory revertData =
            abi.encodeWithSelector(IInbox.NotTransactionSender.selector, sequencer);
        // called by a contract that is the sequencer
        vm.expectRevert(revertData);
        vm.prank(sequencer, alice);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, "x");
        // called from within by an account with delegated code (EIP-7702)
        vm.etch(sequencer, abi.encodePacked(hex"ef0100", alice));
        vm.expectRevert(revertData);
        asEoa(sequencer);
        inbox.postBatchCalldata(0, EMPTY, 0, EMPTY, "x");
    }

    // ----------------------------------------------------------------- forced

    function test_forceBatchConsumesWhatWaitedLonger() public {
        deposit();
        skip(100);
        deposit();
        skip(FORCE_DELAY - 99); // the first waited one second too long, the second did not
        bytes32 queueRoot = inbox.queueRootAt(1);
        bytes32 root = rootOfOne(_leaf(BatchKind.Forced, 1, queueRoot, 0));
        vm.expectEmit(address(inbox));
        emit IInbox.BatchPosted(0, BatchKind.Forced, 0, 1, queueRoot, 0, root, new bytes32[](0));
        asEoa(alice);
        vm.assertEq(inbox.forceBatch(), 0);
        vm.assertEq(inbox.queueConsumed(), 1);
        vm.assertEq(inbox.batchCount(), 1);
    }

    function test_RevertWhen_theDelayIsNotOver() public {
        deposit();
        uint64 dueAfter = uint64(vm.getBlockTimestamp()) + FORCE_DELAY;
        vm.warp(dueAfter);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NothingDue.selector, dueAfter, dueAfter));
        inbox.forceBatch();
        vm.warp(dueAfter + 1);
        inbox.forceBatch();
    }

    function test_RevertWhen_nothingWaits() public {
        uint64 time = uint64(vm.getBlockTimestamp());
        vm.expectRevert(abi.encodeWithSelector(IInbox.NothingDue.selector, 0, time));
        inbox.forceBatch();
        deposit();
        post(1);
        skip(FORCE_DELAY + 1);
        time = uint64(vm.getBlockTimestamp());
        vm.expectRevert(abi.encodeWithSelector(IInbox.NothingDue.selector, 0, time));
        inbox.forceBatch();
    }

    function test_forceBatchStopsAtItsBound() public {
        uint64 max = inbox.FORCE_BATCH_MAX();
        for (uint256 i; i < max + 3; ++i) {
            deposit(21_000);
        }
        skip(FORCE_DELAY + 1);
        uint256 before = gasleft();
        inbox.forceBatch();
        vm.assertLe(before - gasleft(), 1_000_000);
        vm.assertEq(inbox.queueConsumed(), max);
        inbox.forceBatch();
        vm.assertEq(inbox.queueConsumed(), max + 3);
    }

    function test_aForcedBatchMakesThePostedOneStale() public {
        deposit();
        skip(FORCE_DELAY + 1);
        asEoa(alice);
        inbox.forceBatch();
        bytes32 root = inbox.batchRootAt(1);
        bytes32 queueRoot = inbox.queueRootAt(1);
        vm.expectRevert(abi.encodeWithSelector(IInbox.StaleParent.selector, 0, EMPTY, 1, root));
        asEoa(sequencer);
        inbox.postBatch(0, EMPTY, 1, queueRoot);
    }

    /// @dev What is due goes, what is not stays, at any spacing.
    function testFuzz_forceBatchTakesExactlyTheDueEntries(uint16[8] memory gaps, uint32 wait)
        public
    {
        uint256[] memory times = new uint256[](8);
        for (uint256 i; i < 8; ++i) {
            skip(uint256(gaps[i]) % 300);
            times[i] = vm.getBlockTimestamp();
            deposit();
        }
        skip(uint256(wait) % 2000);
        uint256 due;
        while (due < 8 && vm.getBlockTimestamp() - times[due] > FORCE_DELAY) ++due;
        if (due == 0) {
            vm.expectRevert();
            inbox.forceBatch();
        } else {
            inbox.forceBatch();
        }
        vm.assertEq(inbox.queueConsumed(), due);
    }
}
