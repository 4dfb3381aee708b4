// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title PageTree
/// @notice Commits to bytes of any length by pages of 4096 bytes.
/// @dev A leaf is the keccak of a zero-padded page, an inner node the keccak of its two children,
/// leaves are padded with zero pages to a power of two, and the root is
/// `keccak256(uint256 length, top)`. No bytes at all count as one zero page.
library PageTree {
    uint256 internal constant PAGE_SIZE = 4096;
    /// @dev keccak256 of 4096 zero bytes.
    bytes32 internal constant ZERO_PAGE =
        0xa8bae11751799de4dbe638406c5c9642c0e791f2a65e852a05ba4fdf0d88e3e6;

    /// @dev Root of `data`; about 1.4k gas a page.
    function root(bytes calldata data) internal pure returns (bytes32) {
        uint256 pages = data.length == 0 ? 1 : (data.length + PAGE_SIZE - 1) / PAGE_SIZE;
        uint256 width = 1;
        while (width < pages) width *= 2;
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 i; i < width; ++i) {
            nodes[i] = i < pages ? leaf(data, i) : ZERO_PAGE;
        }
        for (; width > 1; width /= 2) {
            for (uint256 i; i < width; i += 2) {
                nodes[i / 2] = keccak256(abi.encodePacked(nodes[i], nodes[i + 1]));
            }
        }
        return keccak256(abi.encodePacked(data.length, nodes[0]));
    }

    /// @dev Hash of page `index`.
    function leaf(bytes calldata data, uint256 index) internal pure returns (bytes32) {
        uint256 start = index * PAGE_SIZE;
        uint256 end = start + PAGE_SIZE;
        if (end <= data.length) return keccak256(data[start:end]);
        return keccak256(bytes.concat(data[start:], new bytes(end - data.length)));
    }
}
