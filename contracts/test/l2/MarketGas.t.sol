// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

interface VmSnapshot {
    function snapshotValue(string calldata name, uint256 value) external;
}

/// @notice Gas of the market's calls as transactions of their own, and code sizes; kept in
/// snapshots/MarketGasTest.json.
/// forge-config: default.isolate = true
contract MarketGasTest is MarketFixture {
    uint256 private constant CODE_BYTES_MAX = 24_576; // EIP-170

    function test_LifeOfAJobOfTwoReplicas() public {
        vm.deal(alice, 10 ether);
        vm.prank(alice);
        registry.register{value: 2 ether}(attributesOf(), askOf(alice), endpointOf());
        vm.snapshotGasLastCall("register");
        join(bob);

        uint256 id = post(2);
        vm.snapshotGasLastCall("post");
        take(id, alice);
        vm.snapshotGasLastCall("take");
        take(id, bob);
        vm.snapshotGasLastCall("take, the last");
        ack(id, alice);
        vm.snapshotGasLastCall("ack");
        ack(id, bob);
        vm.snapshotGasLastCall("ack, the last");
        commit(id, alice, ROOT, UNITS);
        vm.snapshotGasLastCall("commit");
        commit(id, bob, ROOT, UNITS);
        vm.snapshotGasLastCall("commit, the last");
        reveal(id, alice, ROOT, UNITS);
        vm.snapshotGasLastCall("reveal");
        reveal(id, bob, ROOT, UNITS);
        vm.snapshotGasLastCall("reveal, the last");
        advance(300);
        market.finalize(id);
        vm.snapshotGasLastCall("finalize");
        vm.prank(alice);
        market.withdraw(alice);
        vm.snapshotGasLastCall("withdraw");
    }

    function test_SideExits() public {
        uint256 id = running();
        vm.prank(client);
        market.cancel(id);
        vm.snapshotGasLastCall("cancel, running");

        id = post(2);
        take(id, alice);
        vm.prank(alice);
        market.quit(id);
        vm.snapshotGasLastCall("quit");
        advance(100);
        market.poke(id);
        vm.snapshotGasLastCall("poke, unmatched");
    }

    function test_DearestExitFitsATransaction() public {
        vm.prank(client);
        uint256 id = market.post{value: escrowOf(8)}(orderOf(8));
        address[] memory all = new address[](8);
        for (uint256 i = 0; i < 8; ++i) {
            all[i] = makeAddr(vm.toString(i));
            join(all[i]);
            take(id, all[i]);
        }
        for (uint256 i = 0; i < 8; ++i) {
            ack(id, all[i]);
        }
        advance(1000);
        market.poke(id);
        vm.assertLe(vm.snapshotGasLastCall("poke, eight default"), 1_000_000);
    }

    function test_CodeFits() public {
        VmSnapshot snapshots = VmSnapshot(address(vm));
        snapshots.snapshotValue("code bytes of Market", address(market).code.length);
        snapshots.snapshotValue("code bytes of Registry", address(registry).code.length);
        vm.assertLe(address(market).code.length, CODE_BYTES_MAX);
        vm.assertLe(address(registry).code.length, CODE_BYTES_MAX);
    }
}
