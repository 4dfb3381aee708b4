//! Assay: transport.
