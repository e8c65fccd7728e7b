//! Copies and votes: what is lost when one of several stops.

pub(crate) mod quorum_without_spare;
