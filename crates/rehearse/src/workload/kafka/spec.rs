//! What a Kafka workload is to do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::payload::RECORD_BYTES;
use super::report::Report;
use crate::ledger::Judgement;

/// Sends records at a rate and reads them again.
#[derive(Clone, Debug)]
pub struct RecordsSpec {
    /// Where its clients start, `host:port`: the brokers, or a proxy.
    pub bootstrap: Vec<String>,
    /// Where the independent reader and the administration start, around the proxy; empty where
    /// that is the same.
    pub direct: Vec<String>,
    /// An existing topic to use; without it one is made and deleted afterwards.
    pub topic: Option<String>,
    /// Partitions of the topic that is made; `None` leaves it to the broker (`num.partitions`).
    pub partitions: Option<u32>,
    /// Copies of the topic that is made; `None` leaves it to the broker
    /// (`default.replication.factor`), as automatic creation does.
    pub replication: Option<u16>,
    /// Records each second, of all producers together.
    pub per_second: f64,
    /// Producers.
    pub producers: u32,
    /// Consumers of one group.
    pub consumers: u32,
    /// Settings of the producers, by the names of the Java client or of librdkafka.
    pub producer: BTreeMap<String, String>,
    /// Settings of the consumers.
    pub consumer: BTreeMap<String, String>,
    /// How long a send waits for the topic's metadata (`max.block.ms` of the Java client), which
    /// librdkafka does not know; `None` for an application of librdkafka.
    pub max_block: Option<Duration>,
    /// Bytes of each record.
    pub record_bytes: usize,
    /// Records of each transaction of the producers; `None` for producers without any.
    pub transaction_records: Option<u32>,
    /// What programs get into their environment besides.
    pub env: Vec<(String, String)>,
    /// Programs whose acknowledgements and reads go into the same ledger.
    pub external: Vec<ExternalSpec>,
    /// What the clients promise.
    pub judgement: Judgement,
    /// How long is waited at the end for what is in flight and for the consumers to catch up.
    pub drain: Duration,
    /// Where what is known at the end is left, for whoever wants more than the counts.
    pub report: Report,
}

impl RecordsSpec {
    /// One producer and one consumer as librdkafka makes them, 20 records each second.
    pub fn at(bootstrap: Vec<String>) -> Self {
        Self {
            bootstrap,
            direct: Vec::new(),
            topic: None,
            partitions: None,
            replication: None,
            per_second: 20.0,
            producers: 1,
            consumers: 1,
            producer: BTreeMap::new(),
            consumer: BTreeMap::new(),
            max_block: None,
            record_bytes: RECORD_BYTES,
            transaction_records: None,
            env: Vec::new(),
            external: Vec::new(),
            judgement: Judgement::default(),
            drain: Duration::from_secs(20),
            report: Report::default(),
        }
    }

    /// What it does, as a person would say it.
    pub(crate) fn about(&self) -> String {
        let topic = self.topic.as_deref().unwrap_or("a topic of its own");
        let mut clients = Vec::new();
        for (count, one) in [
            (self.producers as usize, "producer"),
            (self.consumers as usize, "consumer"),
            (self.external.len(), "program"),
        ] {
            match count {
                0 => {}
                1 => clients.push(format!("1 {one}")),
                _ => clients.push(format!("{count} {one}s")),
            }
        }
        let (rate, at) = (self.per_second, self.bootstrap.join(","));
        if let Some(size) = self.transaction_records {
            clients.push(format!("{size} records in each transaction"));
        }
        format!("{rate} records each second to {topic} at {at} ({})", clients.join(", "))
    }

    /// Where to go around the proxy.
    pub(crate) fn around(&self) -> &[String] {
        if self.direct.is_empty() { &self.bootstrap } else { &self.direct }
    }
}

/// A client in another language. The program gets `WONIN_BOOTSTRAP`, `WONIN_TOPIC`, `WONIN_GROUP`,
/// `WONIN_PREFIX` and `WONIN_RATE` (records each second) in its environment, gives record number N
/// (from 0) the value `WONIN_PREFIX` + N, and prints one line of JSON for each event:
///
/// ```json
/// {"try":0}
/// {"ack":0,"partition":1,"offset":42}
/// {"fail":1,"error":"TimeoutException","message":"Topic t not present in metadata after 60000 ms."}
/// {"read":"wonin/run/0/0","partition":1,"offset":42}
/// ```
///
/// `try` says that a record is handed over; without it the time of the answer counts. Other lines
/// are ignored. It is to end when its standard input ends, or by SIGTERM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its directory.
    pub dir: Option<std::path::PathBuf>,
}
