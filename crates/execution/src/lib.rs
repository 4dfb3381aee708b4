//! Assay: execution.
