//! Assay: compute-cuda.
