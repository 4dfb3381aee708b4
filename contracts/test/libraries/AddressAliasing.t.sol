// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AddressAliasing} from "../../src/libraries/AddressAliasing.sol";
import {Base, vm} from "../Base.sol";

contract AddressAliasingTest is Base {
    function caller() external view returns (address) {
        return AddressAliasing.callerOnL2();
    }

    function test_wrapsAround() public pure {
        vm.assertEq(
            AddressAliasing.toL2(address(type(uint160).max)),
            address(uint160(0x1111000000000000000000000000000000001110))
        );
    }

    function testFuzz_undoes(address account) public pure {
        vm.assertEq(AddressAliasing.toL1(AddressAliasing.toL2(account)), account);
        vm.assertNotEq(AddressAliasing.toL2(account), account);
    }

    function test_aSignerKeepsItsAddress() public {
        asEoa(address(7));
        vm.assertEq(this.caller(), address(7));
    }

    function test_aContractIsAliased() public {
        vm.prank(address(7), address(8));
        vm.assertEq(this.caller(), address(uint160(0x1111000000000000000000000000000000001118)));
    }
}
