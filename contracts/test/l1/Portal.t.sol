// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {vm} from "../Base.sol";
import {IInbox, IPortal, L1Base, Portal, QueueKind} from "./L1Base.sol";

contract PortalTest is L1Base {
    function _expectDeposit(address from, address to, uint256 mint, uint256 value, uint64 gas)
        private
    {
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            from, to, 0, abi.encodePacked(mint, value, gas, false, bytes(""))
        );
    }

    function test_theRestOfTheEtherIsMinted() public {
        uint256 fee = uint256(50_000) * FEE_MIN;
        bytes memory data = hex"1234";
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            alice,
            operator,
            0,
            abi.encodePacked(uint256(3 ether), uint256(1 ether), uint64(50_000), false, data)
        );
        vm.expectCall(
            address(inbox),
            fee,
            abi.encodeCall(IInbox.enqueue, (alice, 3 ether, 1 ether, 50_000, false, operator, data))
        );
        asEoa(alice);
        portal.depositTransaction{value: 3 ether + fee}(operator, 1 ether, 50_000, false, data);
        vm.assertEq(address(portal).balance, 3 ether);
        vm.assertEq(address(inbox).balance, fee);
        vm.assertEq(inbox.queueCount(), 1);
    }

    function test_aTransactionMayMintNothing() public {
        uint256 fee = portal.depositFee(21_000);
        _expectDeposit(alice, operator, 0, 7 ether, 21_000);
        asEoa(alice);
        portal.depositTransaction{value: fee}(operator, 7 ether, 21_000, false, "");
        vm.assertEq(address(portal).balance, 0);
    }

    function test_aContractsSenderIsAliased() public {
        uint256 fee = portal.depositFee(21_000);
        vm.deal(operator, 1 ether);
        _expectDeposit(AddressAliasing.toL2(operator), alice, 0, 0, 21_000);
        vm.prank(operator, alice);
        portal.depositTransaction{value: fee}(alice, 0, 21_000, false, "");
    }

    function test_plainEtherIsADeposit() public {
        uint256 fee = portal.depositFee(100_000);
        _expectDeposit(alice, alice, 2 ether, 2 ether, 100_000);
        asEoa(alice);
        (bool ok,) = address(portal).call{value: 2 ether + fee}("");
        vm.assertTrue(ok);
        vm.assertEq(address(portal).balance, 2 ether);
    }

    function test_creationHasNoTarget() public {
        uint256 fee = portal.depositFee(100_000);
        bytes memory data = hex"6001";
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(
            alice,
            address(0),
            0,
            abi.encodePacked(uint256(0), uint256(0), uint64(100_000), true, data)
        );
        asEoa(alice);
        portal.depositTransaction{value: fee}(address(0), 0, 100_000, true, data);

        vm.expectRevert(abi.encodeWithSelector(IPortal.CreationWithTarget.selector, alice));
        asEoa(alice);
        portal.depositTransaction{value: fee}(alice, 0, 100_000, true, data);
    }

    function test_RevertWhen_theFeeIsNotPaid() public {
        uint256 fee = portal.depositFee(100_000);
        vm.expectRevert(abi.encodeWithSelector(IPortal.InsufficientFee.selector, fee, fee - 1));
        asEoa(alice);
        portal.depositTransaction{value: fee - 1}(alice, 0, 100_000, false, "");
        vm.expectRevert(abi.encodeWithSelector(IPortal.InsufficientFee.selector, fee, 1));
        asEoa(alice);
        (bool ok,) = address(portal).call{value: 1}("");
        vm.assertTrue(ok); // of the expectation
    }

    function test_RevertWhen_gasLimitIsTooLow() public {
        vm.assertEq(portal.minimumGasLimit(0), 21_000);
        vm.assertEq(portal.minimumGasLimit(100), 25_000);
        vm.expectRevert(abi.encodeWithSelector(IPortal.GasLimitTooLow.selector, 25_000, 24_999));
        asEoa(alice);
        portal.depositTransaction{value: 1 ether}(alice, 0, 24_999, false, new bytes(100));
    }

    function test_RevertWhen_theInboxRefuses() public {
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.GasLimitTooHigh.selector, GAS_MAX, GAS_MAX + 1)
        );
        asEoa(alice);
        portal.depositTransaction{value: 1 ether}(alice, 0, GAS_MAX + 1, false, "");
    }

    function test_RevertWhen_builtForAnotherInbox() public {
        address found = nextCreate(0);
        vm.expectRevert(abi.encodeWithSelector(IPortal.WrongInbox.selector, address(portal), found));
        new Portal(inbox);
    }

    /// @dev Ether in = ether held here for L2 + ether locked in the Inbox, at any fee.
    function testFuzz_everyWeiIsHeldOrLocked(uint96[6] memory mints, uint64[6] memory gasLimits)
        public
    {
        uint256 minted;
        uint256 paid;
        for (uint256 i; i < 6; ++i) {
            uint64 gas = uint64(bound(gasLimits[i], 21_000, GAS_MAX));
            uint256 mint = uint256(mints[i]) % 1000 ether;
            uint256 fee = portal.depositFee(gas);
            asEoa(alice);
            portal.depositTransaction{value: mint + fee}(alice, mint, gas, false, "");
            minted += mint;
            paid += mint + fee;
            if (i % 2 == 1) vm.roll(vm.getBlockNumber() + 1);
        }
        vm.assertEq(address(portal).balance, minted);
        vm.assertEq(address(inbox).balance, paid - minted);
    }
}
