//! Spring Boot: configuration files, which of them count, and what they configure.

pub(crate) mod documents;
pub(crate) mod kafka;
pub(crate) mod kafka_keys;
pub(crate) mod known;
pub(crate) mod layers;
pub(crate) mod names;
pub(crate) mod placeholders;
mod profiles;
mod units;

pub(crate) use documents::{FORMAT, SpringFile};
pub(crate) use units::milliseconds;
