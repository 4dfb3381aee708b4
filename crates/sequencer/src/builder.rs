//! Builds blocks: opens them, fills them segment by segment, seals them.

mod schedule;
