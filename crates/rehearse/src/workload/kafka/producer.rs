//! A producer: sends at a rate, and notes what became of each record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig};

use super::context::{InFlight, SenderContext, words};
use super::payload;
use super::recorder::{Recorder, Sent};
use super::worker::{Order, Orders};
use crate::ledger::{Outcome, RecordId};
use crate::workload::Attempt;

/// How long one look for reports and orders lasts.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Attempts that had no outcome when the run ended: younger ones are forgotten, older ones failed.
const YOUNG_US: u64 = 1_000_000;

const NO_OUTCOME: &str = "no outcome before the end of the run";

/// What one producer does.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) settings: BTreeMap<String, String>,
    pub(super) partitions: i32,
    pub(super) period: Duration,
    pub(super) record_bytes: usize,
    pub(super) max_block: Option<Duration>,
    pub(super) drain: Duration,
}

type Client = BaseProducer<SenderContext>;

/// Made before its thread, so that refused settings are told at once.
pub(super) fn client(sending: &Sending, recorder: &Arc<Recorder>) -> Result<Client, KafkaError> {
    let mut config = ClientConfig::new();
    for (name, value) in &sending.settings {
        config.set(name, value);
    }
    config.set_log_level(RDKafkaLogLevel::Info);
    config.create_with_context(SenderContext { recorder: Arc::clone(recorder) })
}

/// Works until told otherwise; gives back what is to be thrown away.
pub(super) fn run(
    client: Client,
    recorder: Arc<Recorder>,
    sending: Sending,
    orders: &Orders,
) -> Arc<Client> {
    let process = recorder.new_process();
    let client = Arc::new(client);
    let mut sender = Sender { client: Arc::clone(&client), recorder, sending, process, next: 0 };
    let mut due = sender.recorder.meter().now();
    let mut knows_topic = sender.sending.max_block.is_none();
    while !orders.is_over() && !sender.recorder.is_full() {
        let now = sender.recorder.meter().now();
        if now < due {
            sender.client.poll(due.saturating_sub(now).min(LOOK));
            continue;
        }
        if knows_topic {
            sender.send_one();
        } else {
            knows_topic = sender.wait_for_topic(orders);
        }
        // Where it fell behind by much, it does not send all at once what it missed.
        due = (due + sender.sending.period).max(now.saturating_sub(Duration::from_secs(1)));
    }
    sender.settle(orders);
    client
}

struct Sender {
    client: Arc<Client>,
    recorder: Arc<Recorder>,
    sending: Sending,
    process: u32,
    next: u64,
}

impl Sender {
    fn next_record(&mut self) -> Sent {
        let record = RecordId { producer: self.process, sequence: self.next };
        self.next += 1;
        // In turns over all partitions, so that each of them is tried.
        let partition =
            (record.sequence % u64::from(self.sending.partitions.unsigned_abs().max(1))) as i32;
        Sent { record, partition, invoked_us: self.recorder.now_us() }
    }

    fn send_one(&mut self) {
        let sent = self.next_record();
        let attempt = self.recorder.meter().begin();
        let text = payload::encode(&self.recorder.run, sent.record, self.sending.record_bytes);
        let key = sent.record.sequence.to_string();
        let in_flight = Box::new(InFlight { sent, attempt });
        let record = BaseRecord::with_opaque_to(self.recorder.topic(), in_flight)
            .partition(sent.partition)
            .payload(&text)
            .key(&key);
        if let Err((error, record)) = self.client.send(record) {
            let (_, text) = words(&error);
            self.recorder.sent(&sent, Outcome::Fail, None);
            self.recorder.meter().end(record.delivery_opaque.attempt, Err(&text));
        }
    }

    /// Waits as the Java client does in `send`: until the topic's partitions are known, at most
    /// `max.block.ms`. While it waits, nothing else is sent.
    fn wait_for_topic(&mut self, orders: &Orders) -> bool {
        let at_most = self.sending.max_block.unwrap_or_default();
        let sent = self.next_record();
        let attempt = self.recorder.meter().begin();
        let known = self.ask_for_topic(at_most);
        let until = self.recorder.meter().now() + at_most;
        let is_known = loop {
            self.client.poll(Duration::ZERO);
            match known.recv_timeout(LOOK) {
                Ok(is_known) => break is_known,
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if orders.now() == Order::Crash || self.recorder.meter().now() >= until + LOOK {
                break false;
            }
        };
        if is_known {
            // The record itself goes the ordinary way now.
            self.recorder.meter().cancel(&attempt);
            self.next -= 1;
            self.send_one();
            return true;
        }
        self.recorder.sent(&sent, Outcome::Fail, None);
        if orders.is_over() && self.recorder.meter().now() < until {
            self.recorder.meter().cancel(&attempt);
        } else {
            let text = format!(
                "Topic {} not present in metadata after {} ms.",
                self.recorder.topic(),
                at_most.as_millis()
            );
            self.recorder.meter().end(attempt, Err(&text));
        }
        false
    }

    /// Asks on a thread of its own, since the call cannot be cut short.
    fn ask_for_topic(&self, at_most: Duration) -> Receiver<bool> {
        let (tell, known) = channel();
        let (client, recorder) = (Arc::clone(&self.client), Arc::clone(&self.recorder));
        let ask = move || {
            let until = recorder.meter().now() + at_most;
            loop {
                let left = until.saturating_sub(recorder.meter().now());
                if left.is_zero() {
                    // Nobody may be waiting any more, here and below.
                    _ = tell.send(false);
                    return;
                }
                let found = client.client().fetch_metadata(Some(recorder.topic()), left);
                let has_partitions = found.is_ok_and(|metadata| {
                    metadata.topics().iter().any(|topic| !topic.partitions().is_empty())
                });
                if has_partitions {
                    _ = tell.send(true);
                    return;
                }
                std::thread::sleep(LOOK.min(left));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("metadata".to_owned()).spawn(ask) {
            tracing::warn!(%error, "no thread to ask for metadata");
        }
        known
    }

    /// Waits for what is in flight, unless the client is to be as good as dead; what has no outcome
    /// then stays open.
    fn settle(&self, orders: &Orders) {
        let until = self.recorder.meter().now() + self.sending.drain;
        while orders.now() != Order::Crash
            && self.client.in_flight_count() > 0
            && self.recorder.meter().now() < until
        {
            self.client.poll(LOOK);
        }
        self.client.purge(PurgeConfig::default().queue().inflight());
        // Reports of what was given up come at once.
        for _ in 0..50 {
            self.client.poll(LOOK);
            if self.client.in_flight_count() == 0 {
                break;
            }
        }
    }
}

/// Ends an attempt whose record was given up at the end of a run.
pub(super) fn give_up(recorder: &Recorder, in_flight: InFlight) {
    recorder.sent(&in_flight.sent, Outcome::Info, None);
    leave_open(recorder, &in_flight.sent, in_flight.attempt);
}

/// Ends an attempt that had no outcome when the run ended.
pub(super) fn leave_open(recorder: &Recorder, sent: &Sent, attempt: Attempt) {
    if recorder.now_us().saturating_sub(sent.invoked_us) < YOUNG_US {
        recorder.meter().cancel(&attempt);
    } else {
        recorder.meter().end(attempt, Err(NO_OUTCOME));
    }
}
