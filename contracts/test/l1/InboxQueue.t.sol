// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../../src/interfaces/IBeacon.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {vm} from "../Base.sol";
import {IInbox, Inbox, InboxParams, L1Base, QueueKind} from "./L1Base.sol";

contract InboxQueueTest is L1Base {
    bool private _refusesEther;

    receive() external payable {
        require(!_refusesEther);
    }

    function _leaf(QueueKind kind, address from, address to, uint64 gasLimit, bytes memory data)
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
                from,
                kind == QueueKind.Beacon ? 0 : 5 ether,
                kind == QueueKind.Beacon ? 0 : 2 ether,
                gasLimit,
                false,
                to,
                keccak256(data)
            )
        );
    }

    // ---------------------------------------------------------------- entries

    function test_enqueueAppendsALeaf() public {
        bytes32 root = rootOfOne(_leaf(QueueKind.Transaction, alice, operator, 50_000, hex"c0ffee"));
        vm.deal(address(portal), 1 ether);
        vm.expectEmit(address(inbox));
        emit IInbox.QueueEntryAdded(
            0,
            QueueKind.Transaction,
            alice,
            5 ether,
            2 ether,
            50_000,
            false,
            operator,
            hex"c0ffee",
            root
        );
        vm.prank(address(portal));
        uint64 index = inbox.enqueue{value: uint256(50_000) * FEE_MIN}(
            alice, 5 ether, 2 ether, 50_000, false, operator, hex"c0ffee"
        );
        vm.assertEq(index, 0);
        vm.assertEq(inbox.queueCount(), 1);
        vm.assertEq(inbox.queueRootAt(1), root);
        vm.assertEq(inbox.queueRootAt(0), EMPTY);
        vm.assertEq(inbox.queueTimeOf(0), vm.getBlockTimestamp());
        vm.assertEq(address(inbox).balance, uint256(50_000) * FEE_MIN);
    }

    function test_RevertWhen_enqueueIsNotCalledByThePortal() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotPortal.selector, address(portal), alice));
        vm.prank(alice);
        inbox.enqueue(alice, 0, 0, 21_000, false, alice, "");
    }

    function test_RevertWhen_enqueuePaysAnotherFee() public {
        uint256 fee = uint256(21_000) * FEE_MIN;
        vm.deal(address(portal), 1 ether);
        for (uint256 paid = fee - 1; paid <= fee + 1; paid += 2) {
            vm.expectRevert(abi.encodeWithSelector(IInbox.WrongFee.selector, fee, paid));
            vm.prank(address(portal));
            inbox.enqueue{value: paid}(alice, 0, 0, 21_000, false, alice, "");
        }
    }

    function test_RevertWhen_anEntryIsTooLarge() public {
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.GasLimitTooHigh.selector, GAS_MAX, GAS_MAX + 1)
        );
        vm.prank(address(portal));
        inbox.enqueue(alice, 0, 0, GAS_MAX + 1, false, alice, "");
        vm.expectRevert(abi.encodeWithSelector(IInbox.DataTooLong.selector, DATA_MAX, DATA_MAX + 1));
        vm.prank(address(portal));
        inbox.enqueue(alice, 0, 0, GAS_MAX, false, alice, new bytes(DATA_MAX + 1));
    }

    function test_theFeeFollowsTheQueue() public {
        vm.assertEq(inbox.queueBaseFee(), FEE_MIN);
        for (uint256 i; i < 3; ++i) {
            deposit(GAS_MAX);
        }
        vm.assertEq(inbox.queueBaseFee(), FEE_MIN); // one fee for all of a block
        vm.roll(vm.getBlockNumber() + 1);
        // 48 M gas on a target of 20 M: up by 28/20/8
        vm.assertEq(inbox.queueBaseFee(), FEE_MIN + FEE_MIN * 28 / 20 / 8);
        vm.assertEq(portal.depositFee(1000), 1000 * inbox.queueBaseFee());
        vm.roll(vm.getBlockNumber() + 2);
        vm.assertEq(inbox.queueBaseFee(), FEE_MIN);
    }

    // ---------------------------------------------------------------- beacons

    function test_recordBeaconQueuesTheHash() public {
        uint64 number = 999_968; // a multiple of 32
        bytes32 hash = keccak256("block");
        vm.setBlockhash(number, hash);
        bytes memory data = abi.encodeCall(IBeacon.record, (number, hash));
        bytes32 root =
            rootOfOne(_leaf(QueueKind.Beacon, Predeploys.SYSTEM, Predeploys.BEACON, 100_000, data));
        uint256 fee = uint256(100_000) * FEE_MIN;
        uint256 before = alice.balance;
        vm.expectEmit(address(inbox));
        emit IInbox.QueueEntryAdded(
            0,
            QueueKind.Beacon,
            Predeploys.SYSTEM,
            0,
            0,
            100_000,
            false,
            Predeploys.BEACON,
            data,
            root
        );
        vm.prank(alice);
        vm.assertEq(inbox.recordBeacon{value: 1 ether}(number), 0);
        vm.assertEq(inbox.queueRootAt(1), root);
        vm.assertEq(inbox.lastBeacon(), number);
        vm.assertEq(before - alice.balance, fee); // the rest came back
        vm.assertEq(address(inbox).balance, fee);
    }

    function test_RevertWhen_beaconBlockIsWrong() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotBeaconBlock.selector, 999_969));
        inbox.recordBeacon(999_969);

        uint64 future = 1_000_000;
        vm.expectRevert(abi.encodeWithSelector(IInbox.BlockHashUnavailable.selector, future));
        inbox.recordBeacon(future);

        uint64 old = 1_000_000 - 288;
        vm.expectRevert(abi.encodeWithSelector(IInbox.BlockHashUnavailable.selector, old));
        inbox.recordBeacon(old);
    }

    function test_RevertWhen_beaconIsNotNewer() public {
        uint256 fee = uint256(100_000) * FEE_MIN;
        vm.setBlockhash(999_936, keccak256("a"));
        vm.setBlockhash(999_968, keccak256("b"));
        vm.deal(address(this), 1 ether);
        inbox.recordBeacon{value: fee}(999_968);
        vm.expectRevert(abi.encodeWithSelector(IInbox.BeaconNotNewer.selector, 999_968, 999_968));
        inbox.recordBeacon{value: fee}(999_968);
        vm.expectRevert(abi.encodeWithSelector(IInbox.BeaconNotNewer.selector, 999_968, 999_936));
        inbox.recordBeacon{value: fee}(999_936);
    }

    function test_RevertWhen_beaconIsNotPaid() public {
        uint256 fee = uint256(100_000) * FEE_MIN;
        vm.setBlockhash(999_968, keccak256("b"));
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IInbox.InsufficientFee.selector, fee, fee - 1));
        inbox.recordBeacon{value: fee - 1}(999_968);
        _refusesEther = true;
        vm.expectRevert(abi.encodeWithSelector(IInbox.RefundRefused.selector, address(this), 7));
        inbox.recordBeacon{value: fee + 7}(999_968);
    }

    // ------------------------------------------------------ construction, roles

    function test_constructionTellsEverything() public {
        InboxParams memory p = params();
        p.portal = address(portal);
        vm.expectEmit();
        emit IInbox.SequencerChanged(address(0), sequencer);
        vm.expectEmit();
        emit IInbox.OperatorChanged(address(0), operator);
        Inbox fresh = new Inbox(p);
        vm.assertEq(fresh.portal(), address(portal));
        vm.assertEq(fresh.sequencer(), sequencer);
        vm.assertEq(fresh.operator(), operator);
        vm.assertEq(fresh.configHash(), p.configHash);
        vm.assertEq(fresh.genesisHash(), p.genesisHash);
        vm.assertEq(fresh.forceDelay(), FORCE_DELAY);
        vm.assertEq(fresh.forcedGasMax(), GAS_MAX);
        vm.assertEq(fresh.forcedDataMax(), DATA_MAX);
        vm.assertEq(fresh.queueGasTarget(), GAS_TARGET);
        vm.assertEq(fresh.queueBaseFeeMin(), FEE_MIN);
        vm.assertEq(fresh.startBlock(), vm.getBlockNumber());
        vm.assertEq(fresh.batchRootAt(0), EMPTY);
        vm.assertEq(fresh.queueRootAt(0), EMPTY);
        vm.assertEq(fresh.queueBaseFee(), FEE_MIN);
    }

    function test_RevertWhen_aParameterIsZero() public {
        for (uint256 i; i < 10; ++i) {
            InboxParams memory p = params();
            p.portal = address(portal);
            if (i == 0) p.portal = address(0);
            if (i == 1) p.sequencer = address(0);
            if (i == 2) p.operator = address(0);
            if (i == 3) p.configHash = 0;
            if (i == 4) p.genesisHash = 0;
            if (i == 5) p.forceDelay = 0;
            if (i == 6) p.forcedGasMax = 0;
            if (i == 7) p.forcedDataMax = 0;
            if (i == 8) p.queueGasTarget = 0;
            if (i == 9) p.queueBaseFeeMin = 0;
            bytes4 selector = i < 3 ? IInbox.ZeroAddress.selector : IInbox.ZeroParameter.selector;
            vm.expectRevert(abi.encodeWithSelector(selector));
            new Inbox(p);
        }
    }

    function test_theOperatorRotatesTheSequencer() public {
        vm.expectEmit(address(inbox));
        emit IInbox.SequencerChanged(sequencer, alice);
        vm.prank(operator);
        inbox.setSequencer(alice);
        vm.assertEq(inbox.sequencer(), alice);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotSequencer.selector, alice, sequencer));
        vm.prank(sequencer);
        inbox.postBatch(0, EMPTY, 0, EMPTY);
    }

    function test_RevertWhen_sequencerBecomesNobody() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.ZeroAddress.selector));
        vm.prank(operator);
        inbox.setSequencer(address(0));
    }

    function test_theOperatorChangesInTwoSteps() public {
        vm.expectEmit(address(inbox));
        emit IInbox.OperatorProposed(operator, alice);
        vm.prank(operator);
        inbox.proposeOperator(alice);
        vm.assertEq(inbox.operator(), operator);
        vm.assertEq(inbox.proposedOperator(), alice);

        vm.expectEmit(address(inbox));
        emit IInbox.OperatorChanged(operator, alice);
        vm.prank(alice);
        inbox.acceptOperator();
        vm.assertEq(inbox.operator(), alice);
        vm.assertEq(inbox.proposedOperator(), address(0));
    }

    function test_RevertWhen_notTheOperator() public {
        bytes memory revertData =
            abi.encodeWithSelector(IInbox.NotOperator.selector, operator, sequencer);
        vm.expectRevert(revertData);
        vm.prank(sequencer);
        inbox.setSequencer(alice);
        vm.expectRevert(revertData);
        vm.prank(sequencer);
        inbox.proposeOperator(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.NotProposedOperator.selector, address(0), alice)
        );
        vm.prank(alice);
        inbox.acceptOperator();
    }
}
