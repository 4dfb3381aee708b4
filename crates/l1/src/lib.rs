//! Assay: l1.
