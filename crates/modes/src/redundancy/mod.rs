//! What runs once, and what nobody starts again.

pub(crate) mod dependency_down;
pub(crate) mod no_healthy_target;
pub(crate) mod no_restart_policy;
pub(crate) mod single_instance;
pub(crate) mod single_zone;
