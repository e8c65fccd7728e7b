//! What was seen of a workload, as a Kafka checker wants it (faults 4.1).

use std::fmt;

/// Index into [`History::keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl KeyId {
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// One topic-partition, which is what has an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// What is known of the partition's log at the end of the run.
    pub log: LogFacts,
}

impl Key {
    /// A partition of which nothing more is known.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition, log: LogFacts::default() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.topic, self.partition)
    }
}

/// What the independent reader learnt of a partition's log; rules retention and compaction out as
/// the reason why something is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFacts {
    /// Offset of the first record that is still there.
    pub start: u64,
    /// Whether the reader read all from `start` to the end, after the last send was settled.
    pub is_read_whole: bool,
    /// Whether old records of a key are removed (`cleanup.policy` with `compact`).
    pub is_compacted: bool,
}

/// One record: who made it, and the how many-th of its maker it is, from 0. No two records of a
/// run are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The producer's number in the run.
    pub producer: u32,
    /// Position in the producer's own order, over all partitions.
    pub sequence: u64,
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "p{}#{}", self.producer, self.sequence)
    }
}

/// What a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Sent records outside of a transaction.
    Send,
    /// Polled outside of a transaction.
    Poll,
    /// A transaction with sends and polls in it.
    Transaction,
    /// Took exactly these partitions; their positions start anew unless it had them before.
    Assign,
    /// Joined a group for the topics of these partitions.
    Subscribe,
    /// The client was thrown away; a fresh one goes on under the same process number.
    Crash,
}

/// What is known of an operation's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody can tell; never counted as failed.
    Info,
}

/// One part of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A record was handed over.
    Send {
        /// Where to.
        key: KeyId,
        /// Which.
        value: RecordId,
        /// Where it was stored, if that was told.
        offset: Option<u64>,
    },
    /// Records were given, in this order.
    Poll {
        /// Of which partition.
        key: KeyId,
        /// Offset and record.
        records: Vec<(u64, RecordId)>,
    },
}

/// One operation of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who. A process does one thing after the other; senders with several records in flight
    /// count each as an operation.
    pub process: u32,
    /// What.
    pub call: Call,
    /// When it began, in microseconds of one monotonic clock.
    pub invoked_us: u64,
    /// When its outcome was known.
    pub completed_us: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// What it consisted of.
    pub steps: Vec<Step>,
    /// For [`Call::Assign`] and [`Call::Subscribe`]: the partitions.
    pub keys: Vec<KeyId>,
    /// Partitions that were given to the process or taken from it meanwhile.
    pub rebalanced: Vec<KeyId>,
}

impl Op {
    /// An operation that is over, with nothing in it.
    pub fn new(process: u32, call: Call, invoked_us: u64, completed_us: u64) -> Self {
        Self {
            process,
            call,
            invoked_us,
            completed_us,
            outcome: Outcome::Ok,
            steps: Vec::new(),
            keys: Vec::new(),
            rebalanced: Vec::new(),
        }
    }

    /// The polled records of one partition after the other, in the order in which they came.
    pub(super) fn polls(&self) -> impl Iterator<Item = (KeyId, &[(u64, RecordId)])> {
        self.steps.iter().filter_map(|step| match step {
            Step::Poll { key, records } => Some((*key, records.as_slice())),
            Step::Send { .. } => None,
        })
    }

    /// The sent records in their order.
    pub(super) fn sends(&self) -> impl Iterator<Item = (KeyId, RecordId, Option<u64>)> {
        self.steps.iter().filter_map(|step| match *step {
            Step::Send { key, value, offset } => Some((key, value, offset)),
            Step::Poll { .. } => None,
        })
    }
}

/// A group's position, stored at the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Who stored it.
    pub process: u32,
    /// Of which partition.
    pub key: KeyId,
    /// The next offset to be read: all before it count as done.
    pub offset: u64,
    /// When, in microseconds of the clock of the operations.
    pub at_us: u64,
    /// Whether the client library did it by itself (`enable.auto.commit`).
    pub is_automatic: bool,
}

/// Something that the application did because of a record: a row, a call, a record on another
/// topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Of which partition the record was.
    pub key: KeyId,
    /// The record.
    pub value: RecordId,
    /// When it was done; `None` where the sink does not tell.
    pub at_us: Option<u64>,
}

/// Everything that was seen of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The partitions.
    pub keys: Vec<Key>,
    /// The operations; those of one process in the order in which it did them.
    pub ops: Vec<Op>,
    /// Stored positions, in the order of time.
    pub commits: Vec<Commit>,
    /// Effects in the application's sink.
    pub effects: Vec<Effect>,
    /// Whether `effects` is all that the sink holds, so that a missing one is missing.
    pub is_sink_read_whole: bool,
    /// The process of the independent reader, which settles whether a record is in the log and is
    /// no consumer of the application.
    pub verifier: Option<u32>,
}

impl History {
    /// The key as a person writes it: `orders-0`.
    pub(super) fn name(&self, key: KeyId) -> String {
        self.keys.get(key.at()).map_or_else(|| format!("partition {}", key.0), Key::to_string)
    }

    /// What is known of the key's log.
    pub(super) fn facts(&self, key: KeyId) -> LogFacts {
        self.keys.get(key.at()).map(|key| key.log).unwrap_or_default()
    }

    /// Number of partitions that are named anywhere.
    pub(super) fn key_count(&self) -> usize {
        let steps = self.ops.iter().flat_map(|op| &op.steps).map(|step| match step {
            Step::Send { key, .. } | Step::Poll { key, .. } => key.at() + 1,
        });
        let commits = self.commits.iter().map(|commit| commit.key.at() + 1);
        let effects = self.effects.iter().map(|effect| effect.key.at() + 1);
        steps.chain(commits).chain(effects).max().unwrap_or(0).max(self.keys.len())
    }
}

/// Seconds for people.
pub(super) fn seconds(us: u64) -> String {
    format!("{:.3} s", us as f64 / 1e6)
}
