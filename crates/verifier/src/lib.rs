//! Assay: verifier.
