// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {
    Batch,
    BatchKind,
    IInbox,
    InboxParams,
    QueueEntry,
    QueueKind
} from "../interfaces/IInbox.sol";
import {MerkleTree32} from "../libraries/MerkleTree32.sol";
import {PageTree} from "../libraries/PageTree.sol";
import {Predeploys} from "../libraries/Predeploys.sol";
import {QueueFee} from "../libraries/QueueFee.sol";

/// @title Inbox
contract Inbox is IInbox {
    using MerkleTree32 for MerkleTree32.Tree;
    using QueueFee for QueueFee.Meter;

    /// @notice Most bytes of a calldata batch: with the rest of the transaction it stays under the
    /// 128 KiB that public nodes take.
    uint256 public constant PAYLOAD_MAX = 120 * 1024;
    /// @notice Most entries that one `forceBatch` consumes.
    uint64 public constant FORCE_BATCH_MAX = 256;
    /// @notice Beacons are L1 blocks with a multiple of this number.
    uint64 public constant BEACON_INTERVAL = 32;
    /// @notice L2 gas of a beacon record.
    uint64 public constant BEACON_GAS = 100_000;

    /// @inheritdoc IInbox
    address public immutable portal;
    /// @inheritdoc IInbox
    bytes32 public immutable configHash;
    /// @inheritdoc IInbox
    bytes32 public immutable genesisHash;
    /// @inheritdoc IInbox
    uint64 public immutable forceDelay;
    /// @inheritdoc IInbox
    uint64 public immutable forcedGasMax;
    /// @inheritdoc IInbox
    uint64 public immutable forcedDataMax;
    /// @inheritdoc IInbox
    uint64 public immutable queueGasTarget;
    /// @inheritdoc IInbox
    uint128 public immutable queueBaseFeeMin;
    /// @inheritdoc IInbox
    uint64 public immutable startBlock;

    /// @inheritdoc IInbox
    address public sequencer;
    /// @inheritdoc IInbox
    uint64 public queueConsumed;
    /// @inheritdoc IInbox
    address public operator;
    /// @inheritdoc IInbox
    uint64 public lastBeacon;
    /// @inheritdoc IInbox
    address public proposedOperator;

    QueueFee.Meter private _meter;
    MerkleTree32.Tree private _queue;
    MerkleTree32.Tree private _batches;
    /// L1 timestamp of each queue entry; four share a slot.
    uint64[] private _queueTimes;

    constructor(InboxParams memory params) {
        require(
            params.portal != address(0) && params.sequencer != address(0)
                && params.operator != address(0),
            ZeroAddress()
        );
        require(
            params.configHash != 0 && params.genesisHash != 0 && params.forceDelay != 0
                && params.forcedGasMax != 0 && params.forcedDataMax != 0
                && params.queueGasTarget != 0 && params.queueBaseFeeMin != 0,
            ZeroParameter()
        );
        portal = params.portal;
        sequencer = params.sequencer;
        operator = params.operator;
        configHash = params.configHash;
        genesisHash = params.genesisHash;
        forceDelay = params.forceDelay;
        forcedGasMax = params.forcedGasMax;
        forcedDataMax = params.forcedDataMax;
        queueGasTarget = params.queueGasTarget;
        queueBaseFeeMin = params.queueBaseFeeMin;
        startBlock = uint64(block.number);
        _meter = QueueFee.Meter(params.queueBaseFeeMin, 0, uint64(block.number));
        _queue.init();
        _batches.init();
        emit SequencerChanged(address(0), params.sequencer);
        emit OperatorChanged(address(0), params.operator);
    }

    modifier onlySequencer() {
        require(msg.sender == sequencer, NotSequencer(sequencer, msg.sender));
        _;
    }

    modifier onlyOperator() {
        require(msg.sender == operator, NotOperator(operator, msg.sender));
        _;
    }

    // ------------------------------------------------------------------ queue

    /// @inheritdoc IInbox
    function enqueue(
        address from,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        address to,
        bytes calldata data
    ) external payable returns (uint64 index) {
        require(msg.sender == portal, NotPortal(portal, msg.sender));
        require(gasLimit <= forcedGasMax, GasLimitTooHigh(forcedGasMax, gasLimit));
        require(data.length <= forcedDataMax, DataTooLong(forcedDataMax, data.length));
        uint256 fee = gasLimit * _takeGas(gasLimit);
        require(msg.value == fee, WrongFee(fee, msg.value));
        return _append(QueueKind.Transaction, from, mint, value, gasLimit, isCreation, to, data);
    }

    /// @inheritdoc IInbox
    function recordBeacon(uint64 number) external payable returns (uint64 index) {
        require(number % BEACON_INTERVAL == 0, NotBeaconBlock(number));
        require(number > lastBeacon, BeaconNotNewer(lastBeacon, number));
        bytes32 hash = blockhash(number);
        require(hash != 0, BlockHashUnavailable(number));
        uint256 fee = BEACON_GAS * _takeGas(BEACON_GAS);
        require(msg.value >= fee, InsufficientFee(fee, msg.value));

        lastBeacon = number;
        index = _append(
            QueueKind.Beacon,
            Predeploys.SYSTEM,
            0,
            0,
            BEACON_GAS,
            false,
            Predeploys.BEACON,
            abi.encodeCall(IBeacon.record, (number, hash))
        );

        uint256 refund = msg.value - fee;
        if (refund == 0) return index;
        (bool ok,) = msg.sender.call{value: refund}("");
        require(ok, RefundRefused(msg.sender, refund));
    }

    // ---------------------------------------------------------------- batches

    /// @inheritdoc IInbox
    function postBatch(
        uint64 expectedIndex,
        bytes32 expectedRoot,
        uint64 queueTo,
        bytes32 queueRoot
    ) external onlySequencer {
        _checkParent(expectedIndex, expectedRoot, queueTo, queueRoot);
        bytes32[] memory hashes = _blobHashes();
        require(hashes.length != 0, NoBlobs());
        _appendBatch(BatchKind.Blobs, queueTo, keccak256(abi.encodePacked(hashes)), hashes);
    }

    /// @inheritdoc IInbox
    function postBatchCalldata(
        uint64 expectedIndex,
        bytes32 expectedRoot,
        uint64 queueTo,
        bytes32 queueRoot,
        bytes calldata payload
    ) external onlySequencer {
        // An account with delegated code could call from within (EIP-7702): then the payload would
        // not be the transaction's calldata.
        require(
            msg.sender == tx.origin && msg.sender.code.length == 0, NotTransactionSender(msg.sender)
        );
        _checkParent(expectedIndex, expectedRoot, queueTo, queueRoot);
        require(payload.length != 0, PayloadEmpty());
        require(payload.length <= PAYLOAD_MAX, PayloadTooLong(PAYLOAD_MAX, payload.length));
        _appendBatch(BatchKind.Calldata, queueTo, PageTree.root(payload), new bytes32[](0));
    }

    /// @inheritdoc IInbox
    function forceBatch() external returns (uint64 index) {
        uint64 first = queueConsumed;
        uint64 last = first;
        uint64 end = _queue.count;
        if (end - first > FORCE_BATCH_MAX) end = first + FORCE_BATCH_MAX;
        while (last < end && block.timestamp > uint256(_queueTimes[last]) + forceDelay) ++last;
        require(
            last != first,
            NothingDue(first == end ? 0 : _queueTimes[first] + forceDelay, uint64(block.timestamp))
        );
        index = _batches.count;
        _appendBatch(BatchKind.Forced, last, 0, new bytes32[](0));
    }

    // ------------------------------------------------------------------ roles

    /// @inheritdoc IInbox
    function setSequencer(address next) external onlyOperator {
        require(next != address(0), ZeroAddress());
        address previous = sequencer;
        sequencer = next;
        emit SequencerChanged(previous, next);
    }

    /// @inheritdoc IInbox
    function proposeOperator(address next) external onlyOperator {
        proposedOperator = next;
        emit OperatorProposed(msg.sender, next);
    }

    /// @inheritdoc IInbox
    function acceptOperator() external {
        require(msg.sender == proposedOperator, NotProposedOperator(proposedOperator, msg.sender));
        address previous = operator;
        operator = msg.sender;
        proposedOperator = address(0);
        emit OperatorChanged(previous, msg.sender);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IInbox
    function queueBaseFee() external view returns (uint256) {
        return QueueFee.current(_meter, queueGasTarget, queueBaseFeeMin);
    }

    /// @inheritdoc IInbox
    function queueCount() external view returns (uint64) {
        return _queue.count;
    }

    /// @inheritdoc IInbox
    function queueRootAt(uint256 count) external view returns (bytes32) {
        return _queue.rootAt[count];
    }

    /// @inheritdoc IInbox
    function queueTimeOf(uint256 index) external view returns (uint64) {
        return _queueTimes[index];
    }

    /// @inheritdoc IInbox
    function batchCount() external view returns (uint64) {
        return _batches.count;
    }

    /// @inheritdoc IInbox
    function batchRootAt(uint256 count) external view returns (bytes32) {
        return _batches.rootAt[count];
    }

    // --------------------------------------------------------------- internal

    function _takeGas(uint64 gas) private returns (uint256 fee) {
        return _meter.take(gas, queueGasTarget, queueBaseFeeMin);
    }

    function _append(
        QueueKind kind,
        address from,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bool isCreation,
        address to,
        bytes memory data
    ) private returns (uint64 index) {
        index = _queue.count;
        QueueEntry memory entry = QueueEntry({
            kind: kind,
            index: index,
            l1Block: uint64(block.number),
            l1Time: uint64(block.timestamp),
            from: from,
            mint: mint,
            value: value,
            gasLimit: gasLimit,
            isCreation: isCreation,
            to: to,
            dataHash: keccak256(data)
        });
        bytes32 newRoot = _queue.append(keccak256(abi.encode(entry)));
        _queueTimes.push(entry.l1Time);
        emit QueueEntryAdded(
            index, kind, from, mint, value, gasLimit, isCreation, to, data, newRoot
        );
    }

    function _checkParent(
        uint64 expectedIndex,
        bytes32 expectedRoot,
        uint64 queueTo,
        bytes32 queueRoot
    ) private view {
        uint64 index = _batches.count;
        bytes32 root = _batches.rootAt[index];
        require(
            expectedIndex == index && expectedRoot == root,
            StaleParent(expectedIndex, expectedRoot, index, root)
        );
        require(
            queueTo >= queueConsumed && queueTo <= _queue.count,
            QueueOutOfRange(queueConsumed, _queue.count, queueTo)
        );
        bytes32 found = _queue.rootAt[queueTo];
        require(queueRoot == found, StaleQueue(queueRoot, found));
    }

    function _appendBatch(
        BatchKind kind,
        uint64 queueTo,
        bytes32 dataHash,
        bytes32[] memory versionedHashes
    ) private {
        Batch memory batch = Batch({
            kind: kind,
            index: _batches.count,
            l1Block: uint64(block.number),
            l1Time: uint64(block.timestamp),
            queueFrom: queueConsumed,
            queueTo: queueTo,
            queueRoot: _queue.rootAt[queueTo],
            dataHash: dataHash
        });
        bytes32 newRoot = _batches.append(keccak256(abi.encode(batch)));
        queueConsumed = queueTo;
        emit BatchPosted(
            batch.index,
            kind,
            batch.queueFrom,
            queueTo,
            batch.queueRoot,
            dataHash,
            newRoot,
            versionedHashes
        );
    }

    /// @dev All versioned hashes of the transaction; L1 itself bounds their number.
    function _blobHashes() private view returns (bytes32[] memory hashes) {
        uint256 count;
        while (blobhash(count) != 0) ++count;
        hashes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            hashes[i] = blobhash(i);
        }
    }
}
