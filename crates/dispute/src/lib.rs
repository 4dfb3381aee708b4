//! Assay: dispute.
