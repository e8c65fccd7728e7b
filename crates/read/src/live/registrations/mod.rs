//! Who is registered where, as registries show it: Pinot's controller and ZooKeeper, Redis Cluster,
//! Eureka, Consul, Nacos; and Kafka's own view of its partitions and voters.

mod discovery;
mod kafka;
mod pinot;
mod pinot_answers;
mod redis;

use super::found::Found;
use super::{LineReader, Whole};

/// All forms that are parsed as a whole.
pub(super) const WHOLE: &[Whole] =
    &[discovery::EUREKA_JSON, discovery::EUREKA_XML, discovery::CONSUL, discovery::NACOS];

/// The readers that want a file of this path which begins like this.
pub(super) fn readers(path: &str, head: &str, is_log: bool) -> Vec<Box<dyn LineReader>> {
    let mut readers: Vec<Box<dyn LineReader>> = Vec::new();
    // A log tells of ids for all kinds of reasons; only an answer is a registration.
    if !is_log && pinot::accepts(head) {
        readers.push(Box::new(pinot::Pinot::of(path)));
    }
    if pinot_answers::accepts(head) {
        readers.push(Box::new(pinot_answers::Answers::default()));
    }
    if redis::accepts(head) {
        readers.push(Box::new(redis::ClusterNodes));
    }
    if kafka::accepts(head) {
        readers.push(Box::new(kafka::Described::default()));
    }
    readers
}

/// Notes once that a file was understood as something.
fn note(found: &mut Found, format: &'static str) {
    if !found.formats.contains(&format) {
        found.formats.push(format);
    }
}
