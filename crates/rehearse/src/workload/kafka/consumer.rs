//! A consumer of the run's group, and the independent reader that settles what is in the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{Message as _, Offset};

use super::context::{ReaderContext, words};
use super::payload;
use super::recorder::{Batch, Recorder};
use super::worker::Orders;
use crate::ledger::{Call, LogFacts};

/// How long one poll waits for its first record.
const POLL: Duration = Duration::from_millis(100);

/// Records of one poll, as `max.poll.records` of the Java client.
const BATCH_MAX: usize = 500;

type Client = BaseConsumer<ReaderContext>;

/// Made before its thread, so that refused settings are told at once.
pub(super) fn client(
    settings: &BTreeMap<String, String>,
    recorder: &Arc<Recorder>,
    process: u32,
) -> Result<Client, KafkaError> {
    let mut config = ClientConfig::new();
    for (name, value) in settings {
        config.set(name, value);
    }
    config.set_log_level(RDKafkaLogLevel::Info);
    let recorder = Arc::clone(recorder);
    config.create_with_context(ReaderContext { recorder, process, rebalanced: Mutex::default() })
}

/// Reads as a member of its group until told otherwise; gives back what is to be thrown away.
pub(super) fn run(client: Client, recorder: &Arc<Recorder>, orders: &Orders) -> Client {
    let process = client.context().process;
    recorder.called(process, Call::Subscribe, &[]);
    if let Err(error) = client.subscribe(&[recorder.topic()]) {
        recorder.line(&words(&error).1);
        return client;
    }
    while !orders.is_over() {
        let since_us = recorder.now_us();
        let (batch, _) = take(&client, recorder, POLL);
        let rebalanced = client.context().take_rebalanced();
        if !batch.is_empty() || !rebalanced.is_empty() {
            recorder.polled(process, since_us, &batch, &rebalanced);
        }
        recorder.backlog();
    }
    client
}

/// What one poll gives: records of this run, and partitions whose end was reached.
fn take(client: &Client, recorder: &Recorder, wait: Duration) -> (Batch, Vec<i32>) {
    let (mut batch, mut ended) = (Batch::new(), Vec::new());
    let mut wait = wait;
    while batch.len() < BATCH_MAX {
        match client.poll(wait) {
            None => break,
            Some(Ok(message)) => {
                let record =
                    message.payload().and_then(|text| payload::decode(&recorder.run, text));
                if let (Some(record), Ok(offset)) = (record, u64::try_from(message.offset())) {
                    batch.push((message.partition(), offset, record));
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => ended.push(partition),
            Some(Err(error)) => {
                recorder.line(&words(&error).1);
                break;
            }
        }
        wait = Duration::ZERO;
    }
    (batch, ended)
}

/// What the independent reader found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verified {
    /// Partitions that could not be read to their end, and why.
    pub(super) not_read: Vec<(i32, String)>,
}

/// Reads everything that is in the log, from the first record to the end that it has now: by
/// itself, without a group, committed records only.
pub(super) fn verify(
    bootstrap: &[String],
    recorder: &Arc<Recorder>,
    partitions: i32,
    is_compacted: bool,
    at_most: Duration,
) -> Verified {
    let mut verified = Verified::default();
    let process = recorder.new_verifier();
    let settings = [
        ("bootstrap.servers", bootstrap.join(",")),
        ("client.id", "wonin-reader".to_owned()),
        // Required by the library; nothing is ever committed.
        ("group.id", format!("wonin-reader-{}", recorder.run)),
        ("isolation.level", "read_committed".to_owned()),
        ("enable.auto.commit", "false".to_owned()),
        ("enable.partition.eof", "true".to_owned()),
        ("auto.offset.reset", "earliest".to_owned()),
        ("socket.timeout.ms", "10000".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
    let client = match client(&settings, recorder, process) {
        Ok(client) => client,
        Err(error) => {
            verified.not_read.push((-1, words(&error).1));
            return verified;
        }
    };
    let until = recorder.meter().now() + at_most;
    let mut open: BTreeMap<i32, u64> = BTreeMap::new();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        let left = until.saturating_sub(recorder.meter().now()).min(Duration::from_secs(10));
        match client.fetch_watermarks(recorder.topic(), partition, left) {
            Ok((start, _))
                if list
                    .add_partition_offset(recorder.topic(), partition, Offset::Beginning)
                    .is_ok() =>
            {
                open.insert(partition, u64::try_from(start).unwrap_or(0));
            }
            Ok(_) => verified.not_read.push((partition, "it cannot be assigned".to_owned())),
            Err(error) => verified.not_read.push((partition, words(&error).1)),
        }
    }
    let all: Vec<i32> = open.keys().copied().collect();
    recorder.called(process, Call::Assign, &all);
    if let Err(error) = client.assign(&list) {
        verified.not_read.extend(all.iter().map(|at| (*at, words(&error).1)));
        return verified;
    }
    while !open.is_empty() && recorder.meter().now() < until {
        let since_us = recorder.now_us();
        let (batch, ended) = take(&client, recorder, POLL);
        if !batch.is_empty() {
            recorder.polled(process, since_us, &batch, &[]);
        }
        for partition in ended {
            if let Some(start) = open.remove(&partition) {
                let facts = LogFacts { start, is_read_whole: true, is_compacted };
                recorder.learnt(partition, facts);
            }
        }
    }
    for (partition, start) in open {
        recorder.learnt(partition, LogFacts { start, is_read_whole: false, is_compacted });
        verified.not_read.push((partition, "its end was not reached in time".to_owned()));
    }
    verified
}
