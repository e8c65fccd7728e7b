//! A producer that sends in transactions, and notes of each whether it was committed, rolled back,
//! or nobody can tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};

use super::context::{told, words};
use super::payload;
use super::producer::{LOOK, Sending, leave_open};
use super::recorder::{Recorder, Sent};
use super::worker::{Order, Orders};
use crate::ledger::{Call, Outcome, RecordId};
use crate::workload::Attempt;

/// One call of the library: after it is looked whether the run is over.
const CALL: Duration = Duration::from_secs(1);

/// What became of the records of the open transaction.
#[derive(Debug, Default)]
struct Reports {
    offsets: BTreeMap<RecordId, u64>,
    error: Option<String>,
}

pub(super) struct Context {
    recorder: Arc<Recorder>,
    reports: Mutex<Reports>,
}

impl Context {
    fn reports(&self) -> MutexGuard<'_, Reports> {
        // Whatever is in there is whole.
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        self.recorder.line(&told(facility, line));
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<RecordId>;

    fn delivery(&self, result: &DeliveryResult<'_>, record: Box<RecordId>) {
        let mut reports = self.reports();
        match result {
            Ok(message) => {
                reports.offsets.extend(u64::try_from(message.offset()).map(|at| (*record, at)));
            }
            Err((error, _)) => _ = reports.error.get_or_insert_with(|| words(error).1),
        }
    }
}

type Client = BaseProducer<Context>;

/// Made before its thread, so that refused settings are told at once. `id` names the producer
/// across its restarts: the next one of that name rolls back what the last one left open.
pub(super) fn client(
    sending: &Sending,
    id: &str,
    recorder: &Arc<Recorder>,
) -> Result<Client, KafkaError> {
    let mut config = ClientConfig::new();
    // What is left open holds back readers for so long.
    config.set("transaction.timeout.ms", "30000");
    for (name, value) in &sending.settings {
        config.set(name, value);
    }
    config.set("transactional.id", id);
    config.set_log_level(RDKafkaLogLevel::Info);
    let recorder = Arc::clone(recorder);
    config.create_with_context(Context { recorder, reports: Mutex::default() })
}

/// Works until told otherwise, `size` records in each transaction; gives back what is to be thrown
/// away.
pub(super) fn run(
    client: Client,
    (id, size): (&str, u32),
    recorder: &Arc<Recorder>,
    sending: &Sending,
    orders: &Orders,
) -> Option<Client> {
    let process = recorder.new_process();
    let due = recorder.meter().now();
    let mut teller = Teller { recorder, sending, orders, process, next: 0, due, until: None };
    let mut client = Some(client);
    while let Some(one) = client.take() {
        if teller.work(&one, size) {
            return Some(one);
        }
        // It has failed for good: another one of the same name goes on.
        recorder.called(process, Call::Crash, &[]);
        drop(one);
        std::thread::sleep(LOOK);
        client = self::client(sending, id, recorder).ok();
    }
    client
}

/// Why a transaction is not going on.
enum End {
    Committed,
    RolledBack(String),
    /// Nobody can tell; the client is of no use any more.
    Unknown(String),
    /// The run is over, or the client is to be as good as dead.
    Left,
}

struct Teller<'a> {
    recorder: &'a Arc<Recorder>,
    sending: &'a Sending,
    orders: &'a Orders,
    process: u32,
    next: u64,
    due: Duration,
    /// When is given up what is open, once the run is over.
    until: Option<Duration>,
}

impl Teller<'_> {
    /// One transaction after the other; whether the run is over, else the client is.
    fn work(&mut self, client: &Client, size: u32) -> bool {
        match self.patiently(|| client.init_transactions(CALL)) {
            End::Committed => {}
            End::Left => return true,
            End::RolledBack(why) | End::Unknown(why) => {
                self.recorder.line(&why);
                return self.orders.is_over();
            }
        }
        while !self.orders.is_over() && !self.recorder.is_full() {
            if let Err(error) = client.begin_transaction() {
                self.recorder.line(&words(&error).1);
                return false;
            }
            let begun_us = self.recorder.now_us();
            let records = self.fill(client, size);
            let end = match self.commit(client) {
                End::RolledBack(why) => self.roll_back(client, why),
                end => end,
            };
            let is_useless = matches!(end, End::Unknown(_));
            self.note(client, begun_us, records, end);
            if is_useless {
                return false;
            }
        }
        true
    }

    /// Hands over the records of one transaction, each when it is due.
    fn fill(&mut self, client: &Client, size: u32) -> Vec<(Sent, Attempt)> {
        let mut records = Vec::new();
        while records.len() < size as usize && !self.orders.is_over() {
            let now = self.recorder.meter().now();
            if now < self.due {
                client.poll(self.due.saturating_sub(now).min(LOOK));
                continue;
            }
            self.due = (self.due + self.sending.period).max(now.saturating_sub(CALL));
            let record = RecordId { producer: self.process, sequence: self.next };
            self.next += 1;
            let partitions = u64::from(self.sending.partitions.unsigned_abs().max(1));
            let partition = (record.sequence % partitions) as i32;
            let attempt = self.recorder.meter().begin();
            let invoked_us = self.recorder.now_us();
            let text = payload::encode(&self.recorder.run, record, self.sending.record_bytes);
            let key = record.sequence.to_string();
            let one = BaseRecord::with_opaque_to(self.recorder.topic(), Box::new(record))
                .partition(partition)
                .payload(&text)
                .key(&key);
            records.push((Sent { record, partition, invoked_us }, attempt));
            if let Err((error, _)) = client.send(one) {
                // The commit will tell what is to be done.
                self.recorder.line(&words(&error).1);
                break;
            }
        }
        records
    }

    /// Commits what was handed over. Once a record is refused, those behind it are not sent before
    /// the transaction is rolled back: waiting for them would take until they are too old.
    fn commit(&mut self, client: &Client) -> End {
        loop {
            let refused = client.context().reports().error.clone();
            if let Some(why) = refused {
                return End::RolledBack(why);
            }
            match client.flush(LOOK) {
                Err(KafkaError::Flush(_)) if !self.is_given_up() => {}
                _ => return self.patiently(|| client.commit_transaction(CALL)),
            }
        }
    }

    /// Repeats a call until it says how it ended, or nobody waits any more.
    fn patiently(&mut self, call: impl Fn() -> Result<(), KafkaError>) -> End {
        loop {
            match call() {
                Ok(()) => return End::Committed,
                Err(KafkaError::Flush(_)) => {}
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                    return End::RolledBack(error.string());
                }
                Err(error) => return End::Unknown(words(&error).1),
            }
            if self.is_given_up() {
                return End::Left;
            }
        }
    }

    fn is_given_up(&mut self) -> bool {
        let now = self.recorder.meter().now();
        match self.orders.now() {
            Order::Work => false,
            Order::Crash => true,
            Order::Finish => now > *self.until.get_or_insert(now + self.sending.drain),
        }
    }

    fn roll_back(&mut self, client: &Client, why: String) -> End {
        // What waits would be waited for, and nobody would be told meanwhile.
        client.purge(PurgeConfig::default().queue().inflight());
        while client.in_flight_count() > 0 && !self.is_given_up() {
            client.poll(LOOK);
        }
        match self.patiently(|| client.abort_transaction(CALL)) {
            End::Committed => End::RolledBack(why),
            End::RolledBack(error) | End::Unknown(error) => End::Unknown(error),
            End::Left => End::Left,
        }
    }

    fn note(&self, client: &Client, begun_us: u64, records: Vec<(Sent, Attempt)>, end: End) {
        let Reports { offsets, error } = std::mem::take(&mut *client.context().reports());
        let (outcome, why) = match end {
            End::Committed => (Outcome::Ok, None),
            End::RolledBack(why) => (Outcome::Fail, Some(error.unwrap_or(why))),
            End::Unknown(why) => (Outcome::Info, Some(error.unwrap_or(why))),
            End::Left => (Outcome::Info, None),
        };
        let sent: Vec<(Sent, Option<u64>)> =
            records.iter().map(|(sent, _)| (*sent, offsets.get(&sent.record).copied())).collect();
        self.recorder.transacted(self.process, begun_us, &sent, outcome);
        for (sent, attempt) in records {
            match (outcome, &why) {
                (Outcome::Ok, _) => self.recorder.meter().end(attempt, Ok(())),
                (_, Some(why)) => self.recorder.meter().end(attempt, Err(why)),
                (_, None) => leave_open(self.recorder, &sent, attempt),
            }
        }
    }
}
