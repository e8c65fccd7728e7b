//! Kafka: brokers and clients with the settings that count.

mod defaults;

pub(crate) use defaults::{fill_broker, fill_java, fill_librdkafka};
