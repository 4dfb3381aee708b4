//! Assay: node.
