// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {Registry} from "../../src/l2/Registry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {
    Attributes,
    Backend,
    Endpoint,
    Price,
    Provider,
    ProviderState
} from "../../src/types/MarketTypes.sol";
import {vm} from "../Base.sol";
import {MarketFixture} from "./MarketFixture.sol";

contract RegistryTest is MarketFixture {
    function setUp() public override {
        super.setUp();
        vm.deal(alice, 100 ether);
    }

    function test_RegisterStoresAllAndActivates() public {
        Endpoint memory endpoint = endpointOf();
        vm.expectEmit(address(registry));
        emit IRegistry.ProviderRegistered(
            alice, 2 ether, attributesOf(), askOf(alice), endpoint.id, endpoint.hints
        );
        vm.prank(alice);
        registry.register{value: 2 ether}(attributesOf(), askOf(alice), endpoint);

        Provider memory who = registry.provider(alice);
        vm.assertEq(uint256(who.stake), 2 ether);
        vm.assertEq(uint256(who.locked), 0);
        vm.assertEq(uint256(who.state), uint256(ProviderState.Active));
        vm.assertEq(abi.encode(who.attributes), abi.encode(attributesOf()));
        vm.assertEq(abi.encode(who.ask), abi.encode(askOf(alice)));
        vm.assertEq(abi.encode(registry.endpoint(alice)), abi.encode(endpoint));
        vm.assertEq(registry.freeStake(alice), 2 ether);
        vm.assertEq(registry.totalStake(), 2 ether);
        vm.assertEq(registry.minStakeWei(), STAKE_MIN);
    }

    function test_RevertWhen_RegisteringWrongly() public {
        Attributes memory attributes = attributesOf();
        Endpoint memory endpoint = endpointOf();
        _expect(
            abi.encodeWithSelector(IRegistry.StakeBelowMinimum.selector, STAKE_MIN, STAKE_MIN - 1)
        );
        vm.prank(alice);
        registry.register{value: STAKE_MIN - 1}(attributes, askOf(alice), endpoint);

        attributes.backend = Backend.None;
        _expect(abi.encodeWithSelector(IRegistry.NoBackend.selector));
        _register(attributes, endpoint);

        attributes.backend = Backend.Reference;
        endpoint.id = 0;
        _expect(abi.encodeWithSelector(IRegistry.NoEndpoint.selector));
        _register(attributes, endpoint);

        endpoint = endpointOf();
        endpoint.hints = new bytes(257);
        _expect(abi.encodeWithSelector(IRegistry.HintsTooLong.selector, 256, 257));
        _register(attributes, endpoint);

        endpoint.hints = new bytes(256);
        _register(attributes, endpoint);
        _expect(abi.encodeWithSelector(IRegistry.AlreadyRegistered.selector, alice));
        _register(attributes, endpoint);
    }

    function test_ChangesAreStoredAndSaid() public {
        _register(attributesOf(), endpointOf());
        vm.startPrank(alice);

        Attributes memory attributes = Attributes(Backend.Reference, 0, 1, 2);
        vm.expectEmit(address(registry));
        emit IRegistry.AttributesChanged(alice, attributes);
        registry.setAttributes(attributes);
        vm.assertEq(abi.encode(registry.provider(alice).attributes), abi.encode(attributes));

        Price memory ask = Price(4, 5, 6, 7);
        vm.expectEmit(address(registry));
        emit IRegistry.AskChanged(alice, ask);
        registry.setAsk(ask);
        vm.assertEq(abi.encode(registry.provider(alice).ask), abi.encode(ask));

        Endpoint memory endpoint = Endpoint(keccak256("new"), "there");
        vm.expectEmit(address(registry));
        emit IRegistry.EndpointChanged(alice, endpoint.id, endpoint.hints);
        registry.setEndpoint(endpoint);
        vm.assertEq(abi.encode(registry.endpoint(alice)), abi.encode(endpoint));

        vm.expectEmit(address(registry));
        emit IRegistry.ProviderDeactivated(alice);
        registry.deactivate();
        vm.assertEq(uint256(registry.provider(alice).state), uint256(ProviderState.Inactive));
        vm.expectEmit(address(registry));
        emit IRegistry.ProviderActivated(alice);
        registry.activate();
        vm.assertEq(uint256(registry.provider(alice).state), uint256(ProviderState.Active));

        vm.expectEmit(address(registry));
        emit IRegistry.StakeAdded(alice, 3 ether, 5 ether);
        registry.addStake{value: 3 ether}();
        vm.assertEq(registry.totalStake(), 5 ether);

        vm.expectEmit(address(registry));
        emit IRegistry.StakeWithdrawn(alice, 4 ether, 1 ether, bob);
        registry.withdrawStake(4 ether, bob);
        vm.assertEq(bob.balance, 4 ether);
        vm.assertEq(registry.totalStake(), 1 ether);

        vm.expectEmit(address(registry));
        emit IRegistry.ProviderUnregistered(alice, 1 ether, carol);
        registry.unregister(carol);
        vm.assertEq(carol.balance, 1 ether);
        vm.assertEq(registry.totalStake(), 0);
        vm.assertEq(uint256(registry.provider(alice).state), uint256(ProviderState.None));
        vm.assertEq(registry.endpoint(alice).id, bytes32(0));
        vm.stopPrank();
    }

    function test_RevertWhen_ChangingWrongly() public {
        _register(attributesOf(), endpointOf());
        vm.startPrank(alice);
        Attributes memory attributes = attributesOf();
        attributes.backend = Backend.None;
        _expect(abi.encodeWithSelector(IRegistry.NoBackend.selector));
        registry.setAttributes(attributes);
        _expect(abi.encodeWithSelector(IRegistry.NoEndpoint.selector));
        registry.setEndpoint(Endpoint(0, ""));
        _expect(abi.encodeWithSelector(IRegistry.HintsTooLong.selector, 256, 300));
        registry.setEndpoint(Endpoint(bytes32(uint256(1)), new bytes(300)));
        _expect(abi.encodeWithSelector(IRegistry.ZeroAmount.selector));
        registry.addStake();
        vm.stopPrank();
    }

    function test_RevertWhen_NotRegistered() public {
        bytes memory data = abi.encodeWithSelector(IRegistry.NotRegistered.selector, bob);
        vm.startPrank(bob);
        _expect(data);
        registry.addStake();
        _expect(data);
        registry.setAttributes(attributesOf());
        _expect(data);
        registry.setAsk(Price(1, 1, 1, 1));
        _expect(data);
        registry.setEndpoint(Endpoint(bytes32(uint256(1)), ""));
        _expect(data);
        registry.activate();
        _expect(data);
        registry.deactivate();
        _expect(data);
        registry.withdrawStake(1, bob);
        _expect(data);
        registry.unregister(bob);
        vm.stopPrank();
        vm.startPrank(address(market));
        _expect(data);
        registry.lock(bob, 1);
        _expect(data);
        registry.unlock(bob, 1);
        _expect(data);
        registry.slash(bob, 1, 0);
        vm.stopPrank();
    }

    function test_RevertWhen_NotTheMarketLocks() public {
        _register(attributesOf(), endpointOf());
        bytes memory data =
            abi.encodeWithSelector(IRegistry.NotMarket.selector, Predeploys.MARKET, address(this));
        _expect(data);
        registry.lock(alice, 1);
        _expect(data);
        registry.unlock(alice, 1);
        _expect(data);
        registry.slash(alice, 1, 0);
    }

    function test_LockedStakeStays() public {
        _register(attributesOf(), endpointOf());
        vm.expectEmit(address(registry));
        emit IRegistry.StakeLocked(alice, 0.5 ether, 0.5 ether);
        vm.prank(address(market));
        registry.lock(alice, 0.5 ether);
        vm.assertEq(registry.freeStake(alice), 1.5 ether);

        vm.startPrank(alice);
        _expect(abi.encodeWithSelector(IRegistry.StakeNotFree.selector, 1.5 ether + 1, 1.5 ether));
        registry.withdrawStake(1.5 ether + 1, alice);
        _expect(abi.encodeWithSelector(IRegistry.StakeBelowMinimum.selector, 1 ether, 0.5 ether));
        registry.withdrawStake(1.5 ether, alice);
        _expect(abi.encodeWithSelector(IRegistry.StakeLockedByJobs.selector, 0.5 ether));
        registry.unregister(alice);
        _expect(abi.encodeWithSelector(IRegistry.ZeroAddress.selector));
        registry.withdrawStake(1, address(0));
        _expect(abi.encodeWithSelector(IRegistry.ZeroAddress.selector));
        registry.unregister(address(0));
        _expect(abi.encodeWithSelector(IRegistry.ZeroAmount.selector));
        registry.withdrawStake(0, alice);
        vm.stopPrank();

        vm.startPrank(address(market));
        _expect(abi.encodeWithSelector(IRegistry.StakeNotFree.selector, 1.5 ether + 1, 1.5 ether));
        registry.lock(alice, 1.5 ether + 1);
        _expect(abi.encodeWithSelector(IRegistry.LockExceeded.selector, 0.5 ether, 0.5 ether + 1));
        registry.unlock(alice, 0.5 ether + 1);
        vm.expectEmit(address(registry));
        emit IRegistry.StakeUnlocked(alice, 0.2 ether, 0.3 ether);
        registry.unlock(alice, 0.2 ether);
        vm.stopPrank();
    }

    function test_SlashCompensatesAndBurns() public {
        _register(attributesOf(), endpointOf());
        vm.startPrank(address(market));
        registry.lock(alice, 0.5 ether);
        _expect(abi.encodeWithSelector(IRegistry.LockExceeded.selector, 0.5 ether, 0.5 ether + 1));
        registry.slash(alice, 0.5 ether + 1, 0);
        _expect(
            abi.encodeWithSelector(
                IRegistry.CompensationAboveSlash.selector, 0.4 ether, 0.4 ether + 1
            )
        );
        registry.slash(alice, 0.4 ether, 0.4 ether + 1);
        vm.expectEmit(address(registry));
        emit IRegistry.StakeSlashed(alice, 0.1 ether, 0.3 ether, 1.6 ether);
        registry.slash(alice, 0.4 ether, 0.1 ether);
        vm.stopPrank();

        vm.assertEq(address(market).balance, 0.1 ether);
        vm.assertEq(registry.burned(), 0.3 ether);
        vm.assertEq(registry.totalStake(), 1.6 ether);
        vm.assertEq(uint256(registry.provider(alice).locked), 0.1 ether);
        vm.assertEq(address(registry).balance, registry.totalStake() + registry.burned());
    }

    function test_RevertWhen_TheReceiverRefuses() public {
        _register(attributesOf(), endpointOf());
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IRegistry.TransferFailed.selector, address(this), 2 ether)
        );
        registry.unregister(address(this));
        vm.expectRevert(
            abi.encodeWithSelector(IRegistry.TransferFailed.selector, address(this), 1 ether)
        );
        registry.withdrawStake(1 ether, address(this));
        vm.stopPrank();
    }

    function test_RevertWhen_TheMinimumStakeIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(IRegistry.ZeroAmount.selector));
        new Registry(0);
    }

    function _register(Attributes memory attributes, Endpoint memory endpoint) private {
        vm.prank(alice);
        registry.register{value: 2 ether}(attributes, askOf(alice), endpoint);
    }

    function _expect(bytes memory data) private {
        vm.expectRevert(data, address(registry));
    }
}
