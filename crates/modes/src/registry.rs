//! The one list of modes.

use wonin_model::Mode;

use crate::replication::min_isr_equals_replication::MinIsrEqualsReplication;
use crate::replication::quorum_without_spare::QuorumWithoutSpare;
use crate::replication::replication_exceeds_brokers::ReplicationExceedsBrokers;
use crate::replication::single_replica::SingleReplica;
use crate::replication::unclean_election::UncleanElection;

/// All modes, by family and id.
pub const MODES: &[&dyn Mode] = &[
    // replication
    &MinIsrEqualsReplication,
    &QuorumWithoutSpare,
    &ReplicationExceedsBrokers,
    &SingleReplica,
    &UncleanElection,
];

/// The mode with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|mode| mode.meta().id == id)
}
