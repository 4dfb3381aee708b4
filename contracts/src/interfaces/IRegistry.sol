// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Attributes, Endpoint, Price, Provider} from "../types/MarketTypes.sol";

/// @title IRegistry
/// @notice Knows the providers: their stake, hardware, address on the data plane and posted price.
/// @dev Predeploy 0xA55A000000000000000000000000000000000010. `stake` is all of a provider's ether
/// here; `locked` is the part that open jobs hold, and `stake - locked` is free. Only the Market
/// locks, unlocks and slashes, and it can slash at most what it locked. No owner.
interface IRegistry {
    /// @notice A provider joined; it is active.
    event ProviderRegistered(
        address indexed provider,
        uint256 stake,
        Attributes attributes,
        Price ask,
        bytes32 endpointId,
        bytes hints
    );
    /// @notice A provider left with all of its stake.
    event ProviderUnregistered(address indexed provider, uint256 stake, address to);
    event AttributesChanged(address indexed provider, Attributes attributes);
    /// @notice The posted price changed; jobs already taken keep the old one.
    event AskChanged(address indexed provider, Price ask);
    event EndpointChanged(address indexed provider, bytes32 endpointId, bytes hints);
    /// @notice The provider takes jobs again.
    event ProviderActivated(address indexed provider);
    /// @notice The provider takes no more jobs; those it has go on.
    event ProviderDeactivated(address indexed provider);
    /// @notice `amount` came in; `stake` is the new whole.
    event StakeAdded(address indexed provider, uint256 amount, uint256 stake);
    /// @notice `amount` went out to `to`; `stake` is what is left.
    event StakeWithdrawn(address indexed provider, uint256 amount, uint256 stake, address to);
    /// @notice A job holds `amount` more of the stake; `locked` is all that jobs hold.
    event StakeLocked(address indexed provider, uint256 amount, uint256 locked);
    /// @notice A job let go of `amount`; `locked` is what others still hold.
    event StakeUnlocked(address indexed provider, uint256 amount, uint256 locked);
    /// @notice `compensation` went to the Market for the client, `burned` is gone for good; `stake` is
    /// what is left.
    event StakeSlashed(
        address indexed provider, uint256 compensation, uint256 burned, uint256 stake
    );

    error NotMarket(address expected, address found);
    error AlreadyRegistered(address provider);
    error NotRegistered(address provider);
    /// @notice The stake would be below the minimum.
    error StakeBelowMinimum(uint256 expected, uint256 found);
    /// @notice More is asked for than is free.
    error StakeNotFree(uint256 expected, uint256 found);
    /// @notice Jobs still hold stake.
    error StakeLockedByJobs(uint256 locked);
    /// @notice More would be unlocked or slashed than is locked.
    error LockExceeded(uint256 locked, uint256 found);
    error HintsTooLong(uint256 max, uint256 found);
    /// @notice The attributes name no backend.
    error NoBackend();
    /// @notice The endpoint id is zero.
    error NoEndpoint();
    error ZeroAmount();
    error ZeroAddress();
    /// @notice The compensation is more than what is slashed.
    error CompensationAboveSlash(uint256 max, uint256 found);
    /// @notice The receiver refused the ether.
    error TransferFailed(address to, uint256 amount);

    /// @notice Registers the caller with the ether sent as stake, and activates it.
    /// @param attributes hardware, as measured by the agent
    /// @param ask posted price
    /// @param endpoint_ address on the data plane
    function register(
        Attributes calldata attributes,
        Price calldata ask,
        Endpoint calldata endpoint_
    ) external payable;

    /// @notice Adds the ether sent to the caller's stake.
    function addStake() external payable;

    /// @notice Changes the caller's hardware, for jobs taken from now on.
    function setAttributes(Attributes calldata attributes) external;

    /// @notice Changes the caller's posted price, for jobs taken from now on.
    function setAsk(Price calldata ask) external;

    /// @notice Changes the caller's address on the data plane.
    function setEndpoint(Endpoint calldata endpoint_) external;

    /// @notice Takes jobs again.
    function activate() external;

    /// @notice Takes no more jobs; those taken go on.
    function deactivate() external;

    /// @notice Sends `amount` of the caller's free stake to `to`. What is left is at least the
    /// minimum; to take all, `unregister`.
    function withdrawStake(uint256 amount, address to) external;

    /// @notice Ends the caller's registration and sends its stake to `to`. No job may hold any of it.
    function unregister(address to) external;

    /// @notice Holds `amount` of a provider's free stake. Market only.
    function lock(address account, uint256 amount) external;

    /// @notice Lets `amount` go. Market only.
    function unlock(address account, uint256 amount) external;

    /// @notice Takes `amount` of what is locked: `compensation` of it is sent to the Market, the rest
    /// is burned. Market only.
    function slash(address account, uint256 amount, uint256 compensation) external;

    /// @notice A provider's stake, hardware and price; zero values when it is not registered.
    function provider(address account) external view returns (Provider memory);

    /// @notice Where a provider is on the data plane; zero values when it is not registered.
    function endpoint(address account) external view returns (Endpoint memory);

    /// @notice Wei of stake no job holds.
    function freeStake(address account) external view returns (uint256);

    /// @notice Least stake, wei.
    function minStakeWei() external view returns (uint256);

    /// @notice Sum of all stakes, wei.
    function totalStake() external view returns (uint256);

    /// @notice Wei burned so far; they stay here for good.
    function burned() external view returns (uint256);
}
