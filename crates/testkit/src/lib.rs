//! Assay: testkit.
