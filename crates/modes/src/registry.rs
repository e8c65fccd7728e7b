//! The one list of modes.

use wonin_model::Mode;

use crate::replication::quorum_without_spare::QuorumWithoutSpare;

/// All modes, by family and id.
pub const MODES: &[&dyn Mode] = &[
    // replication
    &QuorumWithoutSpare,
];

/// The mode with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|mode| mode.meta().id == id)
}
