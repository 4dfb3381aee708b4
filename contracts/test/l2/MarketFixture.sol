// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {Clock} from "../../src/l2/Clock.sol";
import {Market} from "../../src/l2/Market.sol";
import {Registry} from "../../src/l2/Registry.sol";
import {Predeploys} from "../../src/libraries/Predeploys.sol";
import {
    Attributes,
    Audience,
    Backend,
    Cause,
    Endpoint,
    Job,
    JobState,
    MarketParams,
    Order,
    Price,
    Provider,
    Replica,
    Requirements,
    Windows
} from "../../src/types/MarketTypes.sol";
import {Base, vm} from "../Base.sol";

/// @notice The market's predeploys as genesis makes them, an order, and providers that fit it.
abstract contract MarketFixture is Base {
    uint64 internal constant START = 1_760_000_000;
    uint128 internal constant BOND = 0.1 ether;
    uint128 internal constant STAKE_MIN = 1 ether;
    uint256 internal constant EXPOSURE_BPS = 5000;
    uint256 internal constant KILL_FEE_BPS = 1000;
    uint256 internal constant COMPENSATION_BPS = 6000;

    IMarket internal constant market = IMarket(payable(Predeploys.MARKET));
    IRegistry internal constant registry = IRegistry(Predeploys.REGISTRY);

    address internal client = makeAddr("client");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");
    address internal anyone = makeAddr("anyone");

    bytes32 internal constant ROOT = keccak256("result");
    bytes32 internal constant LIE = keccak256("lie");
    uint64 internal constant UNITS = 3_500_000;

    function setUp() public virtual {
        predeploy(Predeploys.CLOCK, type(Clock).creationCode, abi.encode(START));
        predeploy(Predeploys.REGISTRY, type(Registry).creationCode, abi.encode(STAKE_MIN));
        predeploy(Predeploys.MARKET, type(Market).creationCode, abi.encode(paramsOf()));
        vm.deal(client, 1000 ether);
        vm.label(Predeploys.MARKET, "market");
        vm.label(Predeploys.REGISTRY, "registry");
    }

    /// @dev As genesis does: the init code runs at the address and returns the code to put there.
    function predeploy(address account, bytes memory initCode, bytes memory args) internal {
        vm.etch(account, bytes.concat(initCode, args));
        (bool ok, bytes memory code) = account.call("");
        require(ok, "constructor reverted");
        vm.etch(account, code);
    }

    function paramsOf() internal pure returns (MarketParams memory) {
        return MarketParams({
            bondWei: BOND,
            minStakeWei: STAKE_MIN,
            unitsMax: 1e12,
            exposureBps: uint32(EXPOSURE_BPS),
            killFeeBps: uint16(KILL_FEE_BPS),
            compensationBps: uint16(COMPENSATION_BPS),
            resolveTimeoutSecs: 30 days,
            matchSecsMin: 10,
            matchSecsMax: 1 days,
            ackSecsMin: 10,
            ackSecsMax: 1 days,
            runSecsMin: 10,
            runSecsMax: 7 days,
            revealSecsMin: 10,
            revealSecsMax: 1 days,
            challengeSecsMin: 60,
            challengeSecsMax: 14 days
        });
    }

    function orderOf(uint8 replicas) internal pure returns (Order memory) {
        return Order({
            imageId: keccak256("image"),
            planRoot: keccak256("plan"),
            class: 1,
            replicas: replicas,
            audience: Audience.Assigned,
            maxUnits: 10_000_000,
            inputBytes: 1000,
            outputBytes: 2000,
            cap: Price({baseFee: 1e15, megaUnit: 1e14, inputByte: 1e9, outputByte: 2e9}),
            needs: Requirements({vramMib: 8192, computeCapability: 80, unitsPerSecond: 1e6}),
            windows: Windows({
                matchSecs: 100, ackSecs: 50, runSecs: 1000, revealSecs: 200, challengeSecs: 300
            }),
            locator: "iroh://client"
        });
    }

    /// @dev Different for each provider, always within the order's cap.
    function askOf(address provider) internal view returns (Price memory) {
        uint64 k = provider == alice ? 1 : provider == bob ? 2 : 3;
        return
            Price({baseFee: 2e14 * k, megaUnit: 1e13 * k, inputByte: 1e8 * k, outputByte: 2e8 * k});
    }

    function attributesOf() internal pure returns (Attributes memory) {
        return Attributes({
            backend: Backend.Cuda, computeCapability: 90, vramMib: 16_384, unitsPerSecond: 1e9
        });
    }

    function endpointOf() internal pure returns (Endpoint memory) {
        return Endpoint({id: keccak256("endpoint"), hints: "10.0.0.1:4433"});
    }

    function worthOf(Price memory price, uint64 units) internal pure returns (uint256) {
        return price.baseFee + uint256(units) * price.megaUnit / 1e6 + 1000
            * uint256(price.inputByte) + 2000 * uint256(price.outputByte);
    }

    function backingOf(address provider) internal view returns (uint256) {
        return BOND + worthOf(askOf(provider), 10_000_000) * EXPOSURE_BPS / 10_000;
    }

    function escrowOf(uint8 replicas) internal pure returns (uint256) {
        return replicas * worthOf(orderOf(replicas).cap, 10_000_000);
    }

    function join(address provider) internal {
        vm.deal(provider, provider.balance + 2 ether);
        vm.prank(provider);
        registry.register{value: 2 ether}(attributesOf(), askOf(provider), endpointOf());
    }

    function joinAll() internal {
        join(alice);
        join(bob);
        join(carol);
    }

    function post(uint8 replicas) internal returns (uint256 id) {
        vm.prank(client);
        return market.post{value: escrowOf(replicas)}(orderOf(replicas));
    }

    function take(uint256 id, address provider) internal {
        vm.prank(provider);
        market.take(id);
    }

    function ack(uint256 id, address provider) internal {
        vm.prank(provider);
        market.ack(id);
    }

    function commit(uint256 id, address provider, bytes32 root, uint64 units) internal {
        bytes32 commitment = market.commitmentOf(id, provider, saltOf(provider), root, units);
        vm.prank(provider);
        market.commit(id, commitment);
    }

    function reveal(uint256 id, address provider, bytes32 root, uint64 units) internal {
        vm.prank(provider);
        market.reveal(id, saltOf(provider), root, units);
    }

    function saltOf(address provider) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", provider));
    }

    /// @dev A job of two replicas that alice and bob took.
    function assigned() internal returns (uint256 id) {
        joinAll();
        id = post(2);
        take(id, alice);
        take(id, bob);
    }

    function running() internal returns (uint256 id) {
        id = assigned();
        ack(id, alice);
        ack(id, bob);
    }

    function committed(bytes32 bobRoot) internal returns (uint256 id) {
        id = running();
        commit(id, alice, ROOT, UNITS);
        commit(id, bob, bobRoot, UNITS);
    }

    function challengeable() internal returns (uint256 id) {
        id = committed(ROOT);
        reveal(id, alice, ROOT, UNITS);
        reveal(id, bob, ROOT, UNITS);
    }

    function disputed() internal returns (uint256 id) {
        id = committed(LIE);
        reveal(id, alice, ROOT, UNITS);
        reveal(id, bob, LIE, UNITS);
    }

    function time() internal view returns (uint64) {
        return Clock(Predeploys.CLOCK).timestamp();
    }

    /// @dev What the protocol does at a block's end.
    function advance(uint64 secs) internal {
        vm.store(Predeploys.CLOCK, 0, bytes32(uint256(time() + secs)));
    }

    function assertState(uint256 id, JobState expected) internal view {
        vm.assertEq(uint256(market.jobState(id)), uint256(expected), "state");
    }

    function locked(address provider) internal view returns (uint256) {
        return registry.provider(provider).locked;
    }

    function expectMoved(uint256 id, JobState from, JobState to, Cause cause, uint64 deadline)
        internal
    {
        vm.expectEmit(address(market));
        emit IMarket.JobMoved(id, from, to, cause, deadline);
    }

    function expectError(bytes memory data) internal {
        vm.expectRevert(data, address(market));
    }
}
