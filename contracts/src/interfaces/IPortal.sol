// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInbox} from "./IInbox.sol";

/// @title IPortal
/// @notice Holds all ether that is on L2 and lets anyone deposit or force a transaction.
/// @dev The event and the shape of `depositTransaction` are those of the OP Stack's
/// `OptimismPortal`, so its tools can parse them; two things differ: L2 gas is paid here in ether
/// (`gasLimit * inbox.queueBaseFee()`, taken from the ether sent; the rest is minted), and an entry's
/// `sourceHash` is `keccak256(abi.encode(3, queueIndex))`.
interface IPortal {
    /// @notice A transaction joined the queue. `opaqueData` is
    /// `abi.encodePacked(uint256 mint, uint256 value, uint64 gasLimit, bool isCreation, bytes data)`.
    /// @param from sender on L2: the caller, aliased when it is a contract
    event TransactionDeposited(
        address indexed from, address indexed to, uint256 indexed version, bytes opaqueData
    );

    /// @notice The ether sent does not pay for the L2 gas.
    error InsufficientFee(uint256 expected, uint256 found);
    error GasLimitTooLow(uint64 min, uint64 found);
    /// @notice A contract creation names no target.
    error CreationWithTarget(address to);
    /// @notice The Inbox belongs to another Portal.
    error WrongInbox(address expected, address found);

    /// @notice Ether sent with no data: a deposit to the sender's own address on L2.
    receive() external payable;

    /// @notice Queues a transaction on L2. Ether above the fee is minted for the sender there.
    /// @param to callee on L2; zero for a creation
    /// @param value wei of the call on L2, out of the minted ether and the sender's balance
    /// @param gasLimit L2 gas, from `minimumGasLimit` to the Inbox's `forcedGasMax`
    /// @param isCreation whether `data` is init code
    /// @param data calldata or init code
    function depositTransaction(
        address to,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        bytes calldata data
    ) external payable;

    /// @notice Wei that a deposit with this gas limit pays in the current L1 block.
    function depositFee(uint64 gasLimit) external view returns (uint256);

    /// @notice Least gas limit for `byteCount` bytes of data.
    function minimumGasLimit(uint64 byteCount) external pure returns (uint64);

    /// @notice The queue deposits go to.
    function inbox() external view returns (IInbox);
}
