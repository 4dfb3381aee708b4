// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

/// @notice Hashes that agents and contracts must agree on; tests/vectors/market.json was written with
/// viem.
contract MarketVectorsTest is MarketFixture {
    string private _json;

    function setUp() public override {
        super.setUp();
        _json = vm.readFile("../tests/vectors/market.json");
    }

    function test_Commitments() public view {
        for (uint256 i = 0; i < 3; ++i) {
            string memory at = string.concat(".commitments[", vm.toString(i), "]");
            bytes32 commitment = market.commitmentOf(
                vm.parseJsonUint(_json, string.concat(at, ".job")),
                vm.parseJsonAddress(_json, string.concat(at, ".provider")),
                vm.parseJsonBytes32(_json, string.concat(at, ".salt")),
                vm.parseJsonBytes32(_json, string.concat(at, ".resultRoot")),
                uint64(vm.parseJsonUint(_json, string.concat(at, ".units")))
            );
            vm.assertEq(commitment, vm.parseJsonBytes32(_json, string.concat(at, ".commitment")));
        }
    }

    function test_SpecRoots() public {
        for (uint256 i = 0; i < 2; ++i) {
            string memory at = string.concat(".specs[", vm.toString(i), "]");
            Order memory order = orderOf(1);
            order.imageId = vm.parseJsonBytes32(_json, string.concat(at, ".imageId"));
            order.planRoot = vm.parseJsonBytes32(_json, string.concat(at, ".planRoot"));
            vm.prank(client);
            uint256 id = market.post{value: escrowOf(1)}(order);
            vm.assertEq(
                market.job(id).specRoot, vm.parseJsonBytes32(_json, string.concat(at, ".specRoot"))
            );
        }
    }
}
