//! Posts sealed blocks to L1.

mod state;
