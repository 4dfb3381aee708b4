//! Assay: bindings.
