//! Assay: storage.
