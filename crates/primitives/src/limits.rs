//! Every size that somebody outside chooses, in one place.
//!
//! Limits are protocol rules: derivation, the contracts and the guest agree on them, and changing one is
//! a new program.

/// Bytes of one EIP-4844 blob.
pub const BLOB_BYTES: usize = 131_072;
/// Field elements of one blob.
pub const BLOB_FIELD_ELEMENTS: usize = 4096;
/// Payload bytes that one blob carries (see the blob codec in `assay-execution`).
pub const BLOB_PAYLOAD_BYTES: usize = 130_044;
/// Blobs of one batch (EIP-7594: at most six in a transaction).
pub const BATCH_BLOBS_MAX: usize = 6;
/// Bytes of a calldata batch; public L1 nodes refuse transactions over 128 KiB.
pub const BATCH_CALLDATA_BYTES_MAX: usize = 120 * 1024;
/// Bytes of a batch's payload, however it was posted.
pub const BATCH_BYTES_MAX: usize = BATCH_BLOBS_MAX * BLOB_PAYLOAD_BYTES;
/// Bytes of all columns of a batch after decompression.
pub const BATCH_DECODED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one compressed section of a batch after decompression.
pub const SECTION_DECODED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Compressed sections of one batch.
pub const BATCH_SECTIONS_MAX: usize = 4096;
/// Blocks of one batch, forced blocks not counted.
pub const BATCH_BLOCKS_MAX: usize = 4096;
/// Transactions of one batch, forced ones not counted.
pub const BATCH_TXS_MAX: usize = 65_536;
/// Queue entries that one call of `forceBatch` consumes.
pub const FORCE_BATCH_ENTRIES_MAX: u64 = 256;
/// Bytes of one L2 transaction in its EIP-2718 envelope.
pub const TX_BYTES_MAX: usize = 128 * 1024;
/// Bytes of calldata of one forced transaction.
pub const FORCED_DATA_BYTES_MAX: u64 = 65_536;
/// Bytes of an oracle pre-image; longer data is a page tree.
pub const PREIMAGE_BYTES_MAX: usize = 64 * 1024;
/// The least gas of a forced transaction without data, as OP's `minimumGasLimit`.
pub const FORCED_GAS_BASE: u64 = 21_000;
/// Gas that each byte of a forced transaction's data adds to its least gas limit.
pub const FORCED_GAS_PER_BYTE: u64 = 40;
/// Recorded L1 blocks have numbers that are multiples of this.
pub const BEACON_INTERVAL: u64 = 32;
/// Gas that an L1 transaction may use (EIP-7825).
pub const L1_TX_GAS_MAX: u64 = 16_777_216;
