//! Assay: primitives.
