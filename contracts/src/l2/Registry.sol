// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {
    Attributes,
    Backend,
    Endpoint,
    HINT_BYTES_MAX,
    Price,
    Provider,
    ProviderState
} from "../types/MarketTypes.sol";

/// @title Registry
/// @notice Implements `IRegistry`, where everything is documented.
contract Registry is IRegistry {
    /// @inheritdoc IRegistry
    uint256 public immutable minStakeWei;

    mapping(address => Provider) private _providers;
    mapping(address => Endpoint) private _endpoints;
    /// @inheritdoc IRegistry
    uint256 public totalStake;
    /// @inheritdoc IRegistry
    uint256 public burned;

    constructor(uint256 minStakeWei_) {
        require(minStakeWei_ > 0, ZeroAmount());
        minStakeWei = minStakeWei_;
    }

    modifier onlyMarket() {
        require(msg.sender == Predeploys.MARKET, NotMarket(Predeploys.MARKET, msg.sender));
        _;
    }

    /// @inheritdoc IRegistry
    function register(
        Attributes calldata attributes,
        Price calldata ask,
        Endpoint calldata endpoint_
    ) external payable {
        Provider storage who = _providers[msg.sender];
        require(who.state == ProviderState.None, AlreadyRegistered(msg.sender));
        require(msg.value >= minStakeWei, StakeBelowMinimum(minStakeWei, msg.value));
        _checkAttributes(attributes);
        _checkEndpoint(endpoint_);

        who.stake = uint128(msg.value);
        who.state = ProviderState.Active;
        who.attributes = attributes;
        who.ask = ask;
        _endpoints[msg.sender] = endpoint_;
        totalStake += msg.value;

        emit ProviderRegistered(
            msg.sender, msg.value, attributes, ask, endpoint_.id, endpoint_.hints
        );
    }

    /// @inheritdoc IRegistry
    function addStake() external payable {
        Provider storage who = _registered(msg.sender);
        require(msg.value > 0, ZeroAmount());

        who.stake += uint128(msg.value);
        totalStake += msg.value;

        emit StakeAdded(msg.sender, msg.value, who.stake);
    }

    /// @inheritdoc IRegistry
    function setAttributes(Attributes calldata attributes) external {
        Provider storage who = _registered(msg.sender);
        _checkAttributes(attributes);

        who.attributes = attributes;

        emit AttributesChanged(msg.sender, attributes);
    }

    /// @inheritdoc IRegistry
    function setAsk(Price calldata ask) external {
        _registered(msg.sender).ask = ask;

        emit AskChanged(msg.sender, ask);
    }

    /// @inheritdoc IRegistry
    function setEndpoint(Endpoint calldata endpoint_) external {
        _registered(msg.sender);
        _checkEndpoint(endpoint_);

        _endpoints[msg.sender] = endpoint_;

        emit EndpointChanged(msg.sender, endpoint_.id, endpoint_.hints);
    }

    /// @inheritdoc IRegistry
    function activate() external {
        _registered(msg.sender).state = ProviderState.Active;

        emit ProviderActivated(msg.sender);
    }

    /// @inheritdoc IRegistry
    function deactivate() external {
        _registered(msg.sender).state = ProviderState.Inactive;

        emit ProviderDeactivated(msg.sender);
    }

    /// @inheritdoc IRegistry
    function withdrawStake(uint256 amount, address to) external {
        Provider storage who = _registered(msg.sender);
        uint256 free = who.stake - who.locked;
        require(to != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        require(amount <= free, StakeNotFree(amount, free));
        uint256 left = who.stake - amount;
        require(left >= minStakeWei, StakeBelowMinimum(minStakeWei, left));

        who.stake = uint128(left);
        totalStake -= amount;

        emit StakeWithdrawn(msg.sender, amount, left, to);

        _send(to, amount);
    }

    /// @inheritdoc IRegistry
    function unregister(address to) external {
        Provider storage who = _registered(msg.sender);
        uint256 stake = who.stake;
        require(to != address(0), ZeroAddress());
        require(who.locked == 0, StakeLockedByJobs(who.locked));

        delete _providers[msg.sender];
        delete _endpoints[msg.sender];
        totalStake -= stake;

        emit ProviderUnregistered(msg.sender, stake, to);

        _send(to, stake);
    }

    /// @inheritdoc IRegistry
    function lock(address account, uint256 amount) external onlyMarket {
        Provider storage who = _registered(account);
        uint256 free = who.stake - who.locked;
        require(amount <= free, StakeNotFree(amount, free));

        who.locked += uint128(amount);

        emit StakeLocked(account, amount, who.locked);
    }

    /// @inheritdoc IRegistry
    function unlock(address account, uint256 amount) external onlyMarket {
        Provider storage who = _registered(account);
        require(amount <= who.locked, LockExceeded(who.locked, amount));

        who.locked -= uint128(amount);

        emit StakeUnlocked(account, amount, who.locked);
    }

    /// @inheritdoc IRegistry
    function slash(address account, uint256 amount, uint256 compensation) external onlyMarket {
        Provider storage who = _registered(account);
        require(amount <= who.locked, LockExceeded(who.locked, amount));
        require(compensation <= amount, CompensationAboveSlash(amount, compensation));

        who.locked -= uint128(amount);
        who.stake -= uint128(amount);
        totalStake -= amount;
        burned += amount - compensation;

        emit StakeSlashed(account, compensation, amount - compensation, who.stake);

        _send(Predeploys.MARKET, compensation);
    }

    /// @inheritdoc IRegistry
    function provider(address account) external view returns (Provider memory) {
        return _providers[account];
    }

    /// @inheritdoc IRegistry
    function endpoint(address account) external view returns (Endpoint memory) {
        return _endpoints[account];
    }

    /// @inheritdoc IRegistry
    function freeStake(address account) external view returns (uint256) {
        Provider storage who = _providers[account];
        return who.stake - who.locked;
    }

    function _send(address to, uint256 amount) private {
        (bool ok,) = to.call{value: amount}("");
        require(ok, TransferFailed(to, amount));
    }

    function _registered(address account) private view returns (Provider storage who) {
        who = _providers[account];
        require(who.state != ProviderState.None, NotRegistered(account));
    }

    function _checkAttributes(Attributes calldata attributes) private pure {
        require(attributes.backend != Backend.None, NoBackend());
    }

    function _checkEndpoint(Endpoint calldata endpoint_) private pure {
        require(endpoint_.id != bytes32(0), NoEndpoint());
        require(
            endpoint_.hints.length <= HINT_BYTES_MAX,
            HintsTooLong(HINT_BYTES_MAX, endpoint_.hints.length)
        );
    }
}
