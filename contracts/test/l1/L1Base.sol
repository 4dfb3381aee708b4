// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {
    Batch,
    BatchKind,
    IInbox,
    InboxParams,
    QueueEntry,
    QueueKind
} from "../../src/interfaces/IInbox.sol";
import {IPortal} from "../../src/interfaces/IPortal.sol";
import {Inbox} from "../../src/l1/Inbox.sol";
import {Portal} from "../../src/l1/Portal.sol";
import {MerkleTree32} from "../../src/libraries/MerkleTree32.sol";
import {Base, vm} from "../Base.sol";

/// @notice An Inbox and a Portal as `assay deploy` creates them, and shorthands to use them.
abstract contract L1Base is Base {
    uint64 internal constant FORCE_DELAY = 600;
    uint64 internal constant GAS_MAX = 16_000_000;
    uint64 internal constant DATA_MAX = 65_536;
    uint64 internal constant GAS_TARGET = 20_000_000;
    uint128 internal constant FEE_MIN = 1 gwei;
    bytes32 internal constant EMPTY = MerkleTree32.EMPTY_ROOT;

    address internal sequencer;
    address internal operator;
    address internal alice;
    Inbox internal inbox;
    Portal internal portal;

    function setUp() public virtual {
        sequencer = makeAddr("sequencer");
        operator = makeAddr("operator");
        alice = makeAddr("alice");
        vm.deal(alice, 1_000_000 ether);
        vm.warp(1_800_000_000);
        vm.roll(1_000_000);
        (inbox, portal) = deploy(params());
    }

    function params() internal view returns (InboxParams memory) {
        return InboxParams({
            portal: address(0),
            sequencer: sequencer,
            operator: operator,
            configHash: keccak256("config"),
            genesisHash: keccak256("genesis"),
            forceDelay: FORCE_DELAY,
            forcedGasMax: GAS_MAX,
            forcedDataMax: DATA_MAX,
            queueGasTarget: GAS_TARGET,
            queueBaseFeeMin: FEE_MIN
        });
    }

    /// @dev The Inbox comes first and is told where the Portal will be.
    function deploy(InboxParams memory p) internal returns (Inbox newInbox, Portal newPortal) {
        p.portal = nextCreate(1);
        newInbox = new Inbox(p);
        newPortal = new Portal(newInbox);
    }

    /// @dev Address of this contract's CREATE after `ahead` others; nonces below 128 only.
    function nextCreate(uint64 ahead) internal view returns (address) {
        uint64 nonce = vm.getNonce(address(this)) + ahead;
        require(nonce > 0 && nonce < 128);
        return address(
            uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(nonce)))))
        );
    }

    /// @dev One ether to `alice`'s own account on L2.
    function deposit() internal {
        deposit(100_000);
    }

    function deposit(uint64 gasLimit) internal {
        uint256 fee = portal.depositFee(gasLimit);
        asEoa(alice);
        portal.depositTransaction{value: 1 ether + fee}(alice, 1 ether, gasLimit, false, "");
    }

    function blob(uint256 seed) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](1);
        hashes[0] = bytes32(uint256(0x01) << 248 | uint256(keccak256(abi.encode(seed))) >> 8);
    }

    /// @dev A good batch of one blob that consumes the queue up to `queueTo`.
    function post(uint64 queueTo) internal {
        uint64 index = inbox.batchCount();
        bytes32 root = inbox.batchRootAt(index);
        bytes32 queueRoot = inbox.queueRootAt(queueTo);
        vm.blobhashes(blob(index));
        asEoa(sequencer);
        inbox.postBatch(index, root, queueTo, queueRoot);
    }

    /// @dev Root of a tree whose only leaf is `leaf`.
    function rootOfOne(bytes32 leaf) internal pure returns (bytes32 root) {
        bytes32 zero;
        root = leaf;
        for (uint256 i; i < 32; ++i) {
            root = keccak256(abi.encodePacked(root, zero));
            zero = keccak256(abi.encodePacked(zero, zero));
        }
    }
}
