//! Assay: rpc.
