// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a batch's payload is. Zero is no batch.
enum BatchKind {
    None,
    Blobs,
    Calldata,
    Forced
}

/// @notice What a queue entry is. Zero is no entry.
enum QueueKind {
    None,
    Transaction,
    Beacon
}

/// @notice One entry of the forced queue: a deposit, a forced transaction or a beacon record.
struct QueueEntry {
    QueueKind kind;
    /// Position in the queue, from zero.
    uint64 index;
    /// L1 block number and timestamp (seconds) of inclusion.
    uint64 l1Block;
    uint64 l1Time;
    /// Sender on L2; already aliased.
    address from;
    /// Wei created on L2 for `from`.
    uint256 mint;
    /// Wei sent along with the call.
    uint256 value;
    uint64 gasLimit;
    bool isCreation;
    address to;
    /// keccak256 of the calldata or init code.
    bytes32 dataHash;
}

/// @notice One batch: what the sequencer, or `forceBatch`, appended to the chain's input.
struct Batch {
    BatchKind kind;
    /// Position among batches, from zero.
    uint64 index;
    uint64 l1Block;
    uint64 l1Time;
    /// Queue entries [queueFrom, queueTo) are consumed.
    uint64 queueFrom;
    uint64 queueTo;
    /// Root of the queue tree of `queueTo` leaves.
    bytes32 queueRoot;
    /// Blobs: `keccak256(abi.encodePacked(versionedHashes))`; calldata: page root; forced: zero.
    bytes32 dataHash;
}

/// @notice What an Inbox is built with; nothing of it but the two roles can change.
struct InboxParams {
    /// The only caller of `enqueue`.
    address portal;
    /// Hot key that posts batches.
    address sequencer;
    /// Cold key that rotates the hot one.
    address operator;
    /// Hash of the chain's protocol parameters.
    bytes32 configHash;
    /// Hash of L2's block 0.
    bytes32 genesisHash;
    /// Seconds an entry waits before anyone may include it.
    uint64 forceDelay;
    /// Most gas of one entry.
    uint64 forcedGasMax;
    /// Most bytes of data of one entry.
    uint64 forcedDataMax;
    /// Queue gas per L1 block at which the queue base fee stays as it is.
    uint64 queueGasTarget;
    /// Lowest queue base fee, wei for each unit of gas.
    uint128 queueBaseFeeMin;
}

/// @title IInbox
/// @notice Orders everything L2 is derived from: batches and the forced queue, each an append-only
/// Merkle tree of depth 32.
/// @dev Leaves are `keccak256(abi.encode(Batch))` and `keccak256(abi.encode(QueueEntry))`. Roots of every past size stay readable. Ether paid for queue
/// gas is locked here for good. No owner: the operator can only rotate keys.
interface IInbox {
    /// @notice Batch `index` was appended; `newRoot` is the batch tree's root with it. L1 block and
    /// time are those of this log.
    event BatchPosted(
        uint64 indexed index,
        BatchKind kind,
        uint64 queueFrom,
        uint64 queueTo,
        bytes32 queueRoot,
        bytes32 dataHash,
        bytes32 newRoot,
        bytes32[] versionedHashes
    );
    /// @notice Entry `index` joined the queue; `newRoot` is the queue tree's root with it.
    event QueueEntryAdded(
        uint64 indexed index,
        QueueKind kind,
        address indexed from,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        address indexed to,
        bytes data,
        bytes32 newRoot
    );
    /// @notice The hot key changed.
    event SequencerChanged(address indexed previous, address indexed current);
    /// @notice `proposed` may now take the operator role from `current`.
    event OperatorProposed(address indexed current, address indexed proposed);
    /// @notice The cold key changed.
    event OperatorChanged(address indexed previous, address indexed current);

    error NotSequencer(address expected, address found);
    error NotOperator(address expected, address found);
    error NotProposedOperator(address expected, address found);
    error NotPortal(address expected, address found);
    error ZeroAddress();
    /// @notice A constructor parameter that must not be zero is zero.
    error ZeroParameter();
    /// @notice The caller must be the transaction's signer, and have no code: nodes read the payload
    /// from the transaction.
    error NotTransactionSender(address sender);
    /// @notice The batch was built on another chain of batches than the one here.
    error StaleParent(
        uint64 expectedIndex, bytes32 expectedRoot, uint64 foundIndex, bytes32 foundRoot
    );
    /// @notice The batch ends outside of the entries that are there and not consumed yet.
    error QueueOutOfRange(uint64 first, uint64 last, uint64 found);
    /// @notice The batch was built on other queue entries (a deposit was reorganised).
    error StaleQueue(bytes32 expected, bytes32 found);
    error NoBlobs();
    error PayloadEmpty();
    error PayloadTooLong(uint256 max, uint256 found);
    /// @notice No entry has waited long enough; `dueAfter` is the first one's last waiting second,
    /// zero when none waits.
    error NothingDue(uint64 dueAfter, uint64 found);
    error GasLimitTooHigh(uint64 max, uint64 found);
    error DataTooLong(uint256 max, uint256 found);
    error WrongFee(uint256 expected, uint256 found);
    error InsufficientFee(uint256 expected, uint256 found);
    /// @notice Beacons are L1 blocks whose number is a multiple of `BEACON_INTERVAL`.
    error NotBeaconBlock(uint256 number);
    /// @notice L1 does not know the hash of this block (any more).
    error BlockHashUnavailable(uint256 number);
    error BeaconNotNewer(uint256 last, uint256 found);
    error RefundRefused(address to, uint256 amount);

    /// @notice Adds a deposit or forced transaction to the queue. Portal only. The ether sent must be
    /// exactly `gasLimit * queueBaseFee()`.
    /// @return index the entry's position
    function enqueue(
        address from,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        address to,
        bytes calldata data
    ) external payable returns (uint64 index);

    /// @notice Sends the hash of L1 block `number` to L2's Beacon through the queue. Anyone may call,
    /// pays `BEACON_GAS * queueBaseFee()` and gets the rest back.
    /// @return index the entry's position
    function recordBeacon(uint64 number) external payable returns (uint64 index);

    /// @notice Appends a batch whose payload is in the transaction's blobs. Sequencer only.
    /// @param expectedIndex how many batches there are before this one
    /// @param expectedRoot the batch tree's root before this one
    /// @param queueTo entries up to here, exclusive, are consumed
    /// @param queueRoot root of the queue tree of `queueTo` entries
    function postBatch(
        uint64 expectedIndex,
        bytes32 expectedRoot,
        uint64 queueTo,
        bytes32 queueRoot
    ) external;

    /// @notice Appends a batch whose payload is calldata, for L1s or times without blobs. Sequencer
    /// only, as the transaction's signer.
    /// @param payload at most `PAYLOAD_MAX` bytes; the leaf holds its page root
    function postBatchCalldata(
        uint64 expectedIndex,
        bytes32 expectedRoot,
        uint64 queueTo,
        bytes32 queueRoot,
        bytes calldata payload
    ) external;

    /// @notice Consumes the entries that have waited longer than `forceDelay`, at most
    /// `FORCE_BATCH_MAX` in one call. Anyone may call.
    /// @return index the batch's position
    function forceBatch() external returns (uint64 index);

    /// @notice Sets the hot key. Operator only.
    function setSequencer(address next) external;

    /// @notice Offers the operator role. Operator only.
    function proposeOperator(address next) external;

    /// @notice Takes the operator role that was offered to the caller.
    function acceptOperator() external;

    /// @notice Wei for each unit of queue gas in this L1 block.
    function queueBaseFee() external view returns (uint256);

    /// @notice Number of entries in the queue.
    function queueCount() external view returns (uint64);

    /// @notice Number of entries consumed by batches.
    function queueConsumed() external view returns (uint64);

    /// @notice Root of the queue tree as it was with `count` leaves; zero for sizes not reached.
    function queueRootAt(uint256 count) external view returns (bytes32);

    /// @notice L1 timestamp at which entry `index` was added.
    function queueTimeOf(uint256 index) external view returns (uint64);

    /// @notice Number of batches.
    function batchCount() external view returns (uint64);

    /// @notice Root of the batch tree as it was with `count` leaves; zero for sizes not reached.
    function batchRootAt(uint256 count) external view returns (bytes32);

    /// @notice Number of the newest L1 block sent to the Beacon; zero before the first.
    function lastBeacon() external view returns (uint64);

    function sequencer() external view returns (address);
    function operator() external view returns (address);
    function proposedOperator() external view returns (address);
    function portal() external view returns (address);
    function configHash() external view returns (bytes32);
    function genesisHash() external view returns (bytes32);
    function forceDelay() external view returns (uint64);
    function forcedGasMax() external view returns (uint64);
    function forcedDataMax() external view returns (uint64);
    function queueGasTarget() external view returns (uint64);
    function queueBaseFeeMin() external view returns (uint128);
    /// @notice L1 block this contract was created in: where a node starts to read.
    function startBlock() external view returns (uint64);
}
