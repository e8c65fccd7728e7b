//! What goes wrong while something starts, is replaced or is found to be ill.

pub(crate) mod dependency_not_ready;
pub(crate) mod unhealthy_never_restarted;
