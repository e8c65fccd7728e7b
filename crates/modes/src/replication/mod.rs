//! Copies and votes: what is lost when one of several stops.

pub(crate) mod min_isr_equals_replication;
pub(crate) mod quorum_without_spare;
pub(crate) mod replication_exceeds_brokers;
pub(crate) mod single_replica;
pub(crate) mod unclean_election;
