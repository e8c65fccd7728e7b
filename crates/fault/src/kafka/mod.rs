//! Faults on Kafka traffic, by the terms of its protocol.
//!
//! A [`KafkaProxy`] stands before all brokers of a cluster. It has a listener for each, by node id,
//! and changes every answer that tells clients where brokers are, so that clients stay with the
//! listeners whatever moves. Faults are laid on requests by API, topic, partition, group, client and
//! number, or on whole connections. What no fault changes and what names no broker goes on byte for
//! byte.
//!
//! Connections are plain TCP, with SASL or without; TLS has to end before the proxy.

mod check;
mod connection;
mod core;
mod error;
mod escape;
mod facts;
mod frame;
mod learn;
mod listener;
mod node;
mod plan;
mod proxy;
mod queue;
mod rewrite;
mod session;
mod view;
mod wire;
mod words;

pub use proxy::KafkaProxy;
pub use view::{Escape, KafkaBrokerView, KafkaFaultView, KafkaHits, KafkaOptions};
pub use words::{Act, Api, ErrorCode, KafkaFault, Select, Side, Then, Way};
