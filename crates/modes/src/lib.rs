//! The catalogue of failure modes.
//!
//! One file per mode, one folder per family. A mode reads evidence and reports findings; it parses
//! no text and touches nothing. The comment at the head of a mode's file is its page
//! (`wonin explain MODE`).

mod client;
mod credentials;
mod explain;
mod identity;
mod leak;
mod passing;
mod redundancy;
mod registry;
mod replication;
mod rollout;
mod saturation;
mod shared;
mod signal;
mod structure;
mod supply;

pub use registry::{MODES, by_id};

use wonin_model::{Diagnosis, Evidence};

/// Runs every mode and puts what they find in order, root first.
pub fn examine(evidence: &Evidence) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for mode in MODES {
        mode.examine(evidence, &mut diagnosis.findings, &mut diagnosis.not_checked);
    }
    passing::weigh(evidence, &mut diagnosis.findings);
    structure::arrange(evidence, &mut diagnosis);
    diagnosis
}
