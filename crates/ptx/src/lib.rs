//! Assay: ptx.
