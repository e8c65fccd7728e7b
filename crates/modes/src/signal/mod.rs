//! What is seen of a failure, and what is not.

pub(crate) mod alert_flood;
pub(crate) mod blind_check;
pub(crate) mod no_health_check;
