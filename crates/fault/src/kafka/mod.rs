//! Faults on Kafka traffic, by the terms of its protocol.

mod view;
mod words;

pub use view::{Escape, KafkaBrokerView, KafkaHits, KafkaOptions};
pub use words::{Act, Api, ErrorCode, KafkaFault, Select, Side, Then, Way};
