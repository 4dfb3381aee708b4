//! Assay: sequencer.
