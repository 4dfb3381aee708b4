// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IOracle} from "../interfaces/IOracle.sol";
import {BlobDomain} from "../libraries/BlobDomain.sol";
import {OracleKey} from "../libraries/OracleKey.sol";
import {Parts} from "../libraries/Parts.sol";
import {PrecompileGas} from "../libraries/PrecompileGas.sol";
import {Replay} from "../libraries/Replay.sol";

/// @title Oracle
contract Oracle is IOracle {
    using Parts for bytes;

    uint256 private constant PARTS_MAX = Parts.VALUE_MAX / Parts.PART_BYTES;
    /// @dev Bytes of a compressed point of G1.
    uint256 private constant POINT_BYTES = 48;
    address private constant POINT_EVALUATION = address(0x0a);

    /// @inheritdoc IOracle
    mapping(bytes32 key => mapping(uint256 offset => bytes32)) public partOf;

    // ------------------------------------------------------------------- load

    /// @inheritdoc IOracle
    function loadKeccak(bytes calldata value, uint256 firstPart, uint256 parts)
        external
        returns (bytes32 key)
    {
        key = OracleKey.ofKeccak(keccak256(value));
        _store(key, value, firstPart, parts);
    }

    /// @inheritdoc IOracle
    function loadSha256(bytes calldata value, uint256 firstPart, uint256 parts)
        external
        returns (bytes32 key)
    {
        key = OracleKey.ofSha256(sha256(value));
        _store(key, value, firstPart, parts);
    }

    /// @inheritdoc IOracle
    function loadBlob(
        bytes32 versionedHash,
        uint16 index,
        bytes32 value,
        bytes calldata commitment,
        bytes calldata proof,
        uint256 firstPart,
        uint256 parts
    ) external returns (bytes32 key) {
        require(index < BlobDomain.ELEMENTS, NoSuchElement(BlobDomain.ELEMENTS, index));
        require(
            uint256(value) < BlobDomain.MODULUS, NotCanonical(BlobDomain.MODULUS, uint256(value))
        );
        require(commitment.length == POINT_BYTES, WrongPointLength(POINT_BYTES, commitment.length));
        require(proof.length == POINT_BYTES, WrongPointLength(POINT_BYTES, proof.length));
        uint256 point = BlobDomain.point(index);
        (bool ok, bytes memory answer) = POINT_EVALUATION.staticcall(
            abi.encodePacked(versionedHash, point, value, commitment, proof)
        );
        require(
            ok
                && keccak256(answer)
                    == keccak256(abi.encode(BlobDomain.ELEMENTS, BlobDomain.MODULUS)),
            WrongBlobProof(versionedHash, point, uint256(value))
        );

        key = OracleKey.ofBlob(versionedHash, index);
        _store(key, abi.encodePacked(value), firstPart, parts);
    }

    /// @inheritdoc IOracle
    function loadPrecompile(
        address precompile,
        bytes calldata input,
        uint256 firstPart,
        uint256 parts
    ) external returns (bytes32 key) {
        (uint256 inputMax, uint256 gas) = PrecompileGas.limits(precompile);
        require(gas != 0, NotAPrecompile(precompile));
        require(input.length <= inputMax, InputTooLong(inputMax, input.length));
        require(PrecompileGas.admits(precompile, input), InputTooDear(precompile));
        (bool ok, bytes memory output) = Replay.call(precompile, gas, input);

        key = OracleKey.ofPrecompile(precompile, input);
        _store(key, ok ? bytes.concat(hex"01", output) : bytes(hex"00"), firstPart, parts);
    }

    // --------------------------------------------------------------- internal

    function _store(bytes32 key, bytes memory value, uint256 firstPart, uint256 parts) private {
        require(value.length <= Parts.VALUE_MAX, ValueTooLong(Parts.VALUE_MAX, value.length));
        require(
            parts != 0 && parts <= PARTS_MAX && firstPart <= PARTS_MAX - parts,
            PartsOutOfRange(PARTS_MAX, firstPart, parts)
        );
        for (uint256 i = firstPart; i < firstPart + parts; ++i) {
            uint256 offset = i * Parts.PART_BYTES;
            partOf[key][offset] =
                Parts.commit(key, uint32(offset), value.partAt(offset), uint32(value.length));
        }
        emit PartsLoaded(key, value.length, firstPart, parts);
    }
}
