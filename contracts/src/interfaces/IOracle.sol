// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title IOracle
/// @notice Values that a machine may ask for, proven once, in parts of 32 bytes.
/// @dev Each `load` verifies one value and stores the parts asked for; anybody may, as often as they like:
/// a part has one value. Nothing is ever changed or removed. Parts after a value's end are zeros
/// and can be loaded too, because a program can ask for them.
interface IOracle {
    /// @notice Parts `firstPart ..= firstPart + parts - 1` of the value of `key` are loaded; part `i` is the 32
    /// bytes from offset `32 i`.
    event PartsLoaded(bytes32 indexed key, uint256 length, uint256 firstPart, uint256 parts);

    /// @notice A value may have `max` bytes.
    error ValueTooLong(uint256 max, uint256 found);
    /// @notice There are `max` parts at most, and one at least is to be loaded.
    error PartsOutOfRange(uint256 max, uint256 firstPart, uint256 parts);
    /// @notice A blob has `count` field elements.
    error NoSuchElement(uint256 count, uint256 index);
    /// @notice A field element is below the field's order.
    error NotCanonical(uint256 order, uint256 found);
    /// @notice A commitment or a proof has 48 bytes.
    error WrongPointLength(uint256 expected, uint256 found);
    /// @notice The blob's polynomial does not have this value at `point`.
    error WrongBlobProof(bytes32 versionedHash, uint256 point, uint256 value);
    /// @notice No precompile of L2 has this address.
    error NotAPrecompile(address found);
    /// @notice The precompile's input may have `max` bytes.
    error InputTooLong(uint256 max, uint256 found);
    /// @notice The input asks for more work than its gas is sure to pay for.
    error InputTooDear(address precompile);
    /// @notice A replay forwards a fixed amount of gas, for which so much has to be left.
    error NotEnoughGas(uint256 needed, uint256 left);

    /// @notice Loads parts of a value whose key is its keccak-256 hash.
    function loadKeccak(bytes calldata value, uint256 firstPart, uint256 parts)
        external
        returns (bytes32 key);

    /// @notice Loads parts of a value whose key is its SHA-256 hash.
    function loadSha256(bytes calldata value, uint256 firstPart, uint256 parts)
        external
        returns (bytes32 key);

    /// @notice Loads a field element of a blob.
    /// @dev Proven by the point-evaluation precompile (EIP-4844) at the element's root of unity.
    /// @param versionedHash Hash of the blob's commitment, as in its transaction.
    /// @param index Of the field element, in blob order.
    /// @param value The field element, below the field's order.
    /// @param commitment KZG commitment of the blob, 48 bytes.
    /// @param proof KZG proof for this element, 48 bytes.
    function loadBlob(
        bytes32 versionedHash,
        uint16 index,
        bytes32 value,
        bytes calldata commitment,
        bytes calldata proof,
        uint256 firstPart,
        uint256 parts
    ) external returns (bytes32 key);

    /// @notice Loads the result of a precompile: `01 ‖ output`, or `00` if the call failed.
    /// @dev The call is made here, with the gas of `PrecompileGas`; a call that fails uses it up.
    function loadPrecompile(
        address precompile,
        bytes calldata input,
        uint256 firstPart,
        uint256 parts
    ) external returns (bytes32 key);

    /// @notice What is stored of the 32 bytes from `offset` of the value of `key`:
    /// `keccak256(key ‖ u32(offset) ‖ part ‖ u32(length))`, or zero when they are not loaded.
    function partOf(bytes32 key, uint256 offset) external view returns (bytes32 commitment);
}
