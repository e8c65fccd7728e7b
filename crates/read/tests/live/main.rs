//! Live evidence, read from what real programs wrote.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod engines;
mod slow;
mod threads;

use wonin_model::Evidence;
use wonin_read::{MemoryFiles, read};

/// The evidence of some files: paths with their texts.
fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&MemoryFiles::new(files.iter().copied()))
}

/// What stands at a place, with its line.
fn shown(evidence: &Evidence, place: wonin_text::Place) -> (u32, &str) {
    (evidence.sources.position(place).line, evidence.sources.slice(place))
}
