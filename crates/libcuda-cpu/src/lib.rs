//! Assay: libcuda-cpu.
