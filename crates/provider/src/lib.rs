//! Assay: provider.
