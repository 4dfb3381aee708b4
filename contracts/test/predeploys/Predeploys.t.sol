// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../../src/interfaces/IBeacon.sol";
import {IFeeVault} from "../../src/interfaces/IFeeVault.sol";
import {IMessagePasser} from "../../src/interfaces/IMessagePasser.sol";
import {Beacon} from "../../src/l2/Beacon.sol";
import {Clock} from "../../src/l2/Clock.sol";
import {DataFee} from "../../src/l2/DataFee.sol";
import {FeeVault} from "../../src/l2/FeeVault.sol";
import {MessagePasser} from "../../src/l2/MessagePasser.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {Base, vm} from "../Base.sol";

contract Refuser {
    receive() external payable {
        revert();
    }
}

contract PredeploysTest is Base {
    uint256 private constant VERSION = 1 << 240;

    function _slot(address account, uint256 slot) private view returns (uint256) {
        return uint256(vm.load(account, bytes32(slot)));
    }

    // The protocol reads and writes these slots without calling the contracts.

    function test_clockIsSlotZero() public {
        Clock clock = new Clock(1_800_000_000);
        vm.assertEq(clock.timestamp(), 1_800_000_000);
        vm.assertEq(_slot(address(clock), 0), 1_800_000_000);
        vm.store(address(clock), 0, bytes32(uint256(1_800_000_007)));
        vm.assertEq(clock.timestamp(), 1_800_000_007);
    }

    function test_dataPriceIsSlotZero() public {
        DataFee dataFee = new DataFee(3 gwei);
        vm.assertEq(_slot(address(dataFee), 0), 3 gwei);
        vm.store(address(dataFee), 0, bytes32(uint256(5)));
        vm.assertEq(dataFee.dataPrice(), 5);
        vm.assertEq(dataFee.dataFee(100), 500);
    }

    function test_beaconKeepsEveryHash() public {
        Beacon beacon = new Beacon();
        vm.assertEq(beacon.latestNumber(), 0);
        vm.expectEmit(address(beacon));
        emit IBeacon.BeaconRecorded(64, keccak256("a"));
        vm.prank(Predeploys.SYSTEM);
        beacon.record(64, keccak256("a"));
        vm.prank(Predeploys.SYSTEM);
        beacon.record(128, keccak256("b"));
        vm.assertEq(beacon.latestHash(), keccak256("b"));
        vm.assertEq(beacon.latestNumber(), 128);
        vm.assertEq(beacon.hashOf(64), keccak256("a"));
        vm.assertTrue(beacon.isRecorded(128));
        vm.assertFalse(beacon.isRecorded(96));
        vm.assertEq(_slot(address(beacon), 0), uint256(keccak256("b")));
        vm.assertEq(_slot(address(beacon), 1), 128);
        bytes32 slot = keccak256(abi.encode(uint256(64), uint256(2)));
        vm.assertEq(vm.load(address(beacon), slot), keccak256("a"));
    }

    function test_RevertWhen_beaconIsRecordedByAnyoneElse() public {
        Beacon beacon = new Beacon();
        vm.expectRevert(
            abi.encodeWithSelector(IBeacon.NotSystem.selector, Predeploys.SYSTEM, address(this))
        );
        beacon.record(64, keccak256("a"));
    }

    function test_RevertWhen_beaconGoesBack() public {
        Beacon beacon = new Beacon();
        vm.prank(Predeploys.SYSTEM);
        beacon.record(64, keccak256("a"));
        vm.expectRevert(abi.encodeWithSelector(IBeacon.NotNewer.selector, 64, 64));
        vm.prank(Predeploys.SYSTEM);
        beacon.record(64, keccak256("b"));
        vm.expectRevert(abi.encodeWithSelector(IBeacon.NotRecorded.selector, 32));
        beacon.hashOf(32);
    }

    function test_feeVaultPaysItsRecipient() public {
        address recipient = makeAddr("recipient");
        FeeVault vault = new FeeVault(recipient);
        vm.deal(address(this), 1 ether);
        (bool ok,) = address(vault).call{value: 1 ether}("");
        vm.assertTrue(ok);
        vm.expectEmit(address(vault));
        emit IFeeVault.Withdrawn(recipient, address(7), 1 ether);
        vm.prank(address(7));
        vm.assertEq(vault.withdraw(), 1 ether);
        vm.assertEq(recipient.balance, 1 ether);
        vm.assertEq(vault.recipient(), recipient);
    }

    function test_RevertWhen_theRecipientRefuses() public {
        Refuser refuser = new Refuser();
        FeeVault vault = new FeeVault(address(refuser));
        vm.deal(address(vault), 5);
        vm.expectRevert(
            abi.encodeWithSelector(IFeeVault.PaymentRefused.selector, address(refuser), 5)
        );
        vault.withdraw();
        vm.assertEq(address(vault).balance, 5);
    }

    function test_RevertWhen_theRecipientIsNobody() public {
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.ZeroRecipient.selector));
        new FeeVault(address(0));
    }

    function test_messagesAreInSlotZero() public {
        MessagePasser passer = new MessagePasser();
        vm.assertEq(passer.messageNonce(), VERSION);
        bytes32 hash = keccak256(
            abi.encode(VERSION, address(this), address(9), 3, uint256(50_000), hex"0102")
        );
        vm.deal(address(this), 10);
        vm.expectEmit(address(passer));
        emit IMessagePasser.MessagePassed(
            VERSION, address(this), address(9), 3, 50_000, hex"0102", hash
        );
        passer.initiateWithdrawal{value: 3}(address(9), 50_000, hex"0102");
        vm.assertTrue(passer.sentMessages(hash));
        vm.assertEq(passer.messageNonce(), VERSION + 1);
        vm.assertEq(
            vm.load(address(passer), keccak256(abi.encode(hash, uint256(0)))), bytes32(uint256(1))
        );
        vm.assertEq(_slot(address(passer), 1), 1);

        bytes32 plain = keccak256(
            abi.encode(VERSION + 1, address(this), address(this), 4, uint256(100_000), "")
        );
        vm.expectEmit(address(passer));
        emit IMessagePasser.MessagePassed(
            VERSION + 1, address(this), address(this), 4, 100_000, "", plain
        );
        (bool ok,) = address(passer).call{value: 4}("");
        vm.assertTrue(ok);
        vm.assertTrue(passer.sentMessages(plain));
    }
}
