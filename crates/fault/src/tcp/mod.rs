//! Faults on TCP connections: a proxy that stands between a client and its upstream.

pub(crate) mod chain;
pub(crate) mod connection;
pub(crate) mod faults;
pub(crate) mod link;
pub(crate) mod plan;
pub(crate) mod proxy;
pub(crate) mod shape;
pub(crate) mod socket;
pub(crate) mod workers;
