//! One module per command.

pub(crate) mod diagnose;
pub(crate) mod explain;
pub(crate) mod modes;
pub(crate) mod proxy;
pub(crate) mod rehearse;
