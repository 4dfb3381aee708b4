//! Assay: compute.
