//! Everything that clients were told and what they read, from all of their threads.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::{Call, Commit, History, Key, KeyId, LogFacts, Op, Outcome, RecordId, Step};
use crate::workload::Meter;

/// Operations that are remembered; a workload that has done so many sends no more.
const OPS_MAX: usize = 2_000_000;

/// Different lines of client logs that are kept.
const LINES_MAX: usize = 200;

/// The book that all clients of a run write into.
#[derive(Debug)]
pub(crate) struct Recorder {
    meter: Arc<Meter>,
    /// Names the run in every record.
    pub(crate) run: String,
    topic: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    history: History,
    keys: BTreeMap<i32, KeyId>,
    /// Acknowledged and not yet read; read and not yet acknowledged.
    waiting: HashSet<RecordId>,
    early: HashSet<RecordId>,
    processes: u32,
    lines: BTreeMap<String, u64>,
}

/// Records of one poll: partition, offset, record.
pub(crate) type Batch = Vec<(i32, u64, RecordId)>;

impl Recorder {
    pub(crate) fn new(meter: Arc<Meter>, run: String, topic: String) -> Self {
        Self { meter, run, topic, state: Mutex::default() }
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Microseconds on the clock of the run.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.meter.now().as_micros()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each entry is whole, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a client: of its operations, and of its records.
    pub(crate) fn new_process(&self) -> u32 {
        let mut state = self.state();
        state.processes += 1;
        state.processes - 1
    }

    /// Whether so much was done that no more is remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.state().history.ops.len() >= OPS_MAX
    }

    /// Notes a record whose fate is known, or known to be open.
    pub(crate) fn sent(&self, sent: &Sent, outcome: Outcome, offset: Option<u64>) {
        let now_us = self.now_us();
        let mut state = self.state();
        let key = state.key(&self.topic, sent.partition);
        let mut op = Op::new(sent.record.producer, Call::Send, sent.invoked_us, now_us);
        op.outcome = outcome;
        op.steps.push(Step::Send { key, value: sent.record, offset });
        state.history.ops.push(op);
        if outcome == Outcome::Ok && !state.early.remove(&sent.record) {
            state.waiting.insert(sent.record);
        }
    }

    /// Notes a transaction: its records with where they were stored, as far as that was told.
    pub(crate) fn transacted(
        &self,
        process: u32,
        begun_us: u64,
        records: &[(Sent, Option<u64>)],
        outcome: Outcome,
    ) {
        let now_us = self.now_us();
        let mut state = self.state();
        let mut op = Op::new(process, Call::Transaction, begun_us, now_us);
        op.outcome = outcome;
        for (sent, offset) in records {
            let key = state.key(&self.topic, sent.partition);
            op.steps.push(Step::Send { key, value: sent.record, offset: *offset });
            if outcome == Outcome::Ok && !state.early.remove(&sent.record) {
                state.waiting.insert(sent.record);
            }
        }
        state.history.ops.push(op);
    }

    /// Notes what a poll gave; `rebalanced` are partitions that came or went meanwhile.
    pub(crate) fn polled(&self, process: u32, since_us: u64, batch: &Batch, rebalanced: &[i32]) {
        let now_us = self.now_us();
        let mut state = self.state();
        let mut op = Op::new(process, Call::Poll, since_us, now_us);
        op.rebalanced = rebalanced.iter().map(|at| state.key(&self.topic, *at)).collect();
        let mut by_key: BTreeMap<KeyId, Vec<(u64, RecordId)>> = BTreeMap::new();
        for (partition, offset, record) in batch {
            let key = state.key(&self.topic, *partition);
            by_key.entry(key).or_default().push((*offset, *record));
            if state.history.verifier != Some(process) && !state.waiting.remove(record) {
                state.early.insert(*record);
            }
        }
        op.steps.extend(by_key.into_iter().map(|(key, records)| Step::Poll { key, records }));
        state.history.ops.push(op);
    }

    /// Notes that a client took partitions, joined a group, or was thrown away.
    pub(crate) fn called(&self, process: u32, call: Call, partitions: &[i32]) {
        let now_us = self.now_us();
        let mut state = self.state();
        let mut op = Op::new(process, call, now_us, now_us);
        op.keys = partitions.iter().map(|at| state.key(&self.topic, *at)).collect();
        state.history.ops.push(op);
    }

    /// Notes a stored position.
    pub(crate) fn committed(&self, process: u32, partition: i32, offset: u64) {
        let at_us = self.now_us();
        let mut state = self.state();
        let key = state.key(&self.topic, partition);
        let commit = Commit { process, key, offset, at_us, is_automatic: false };
        state.history.commits.push(commit);
    }

    /// A number for the independent reader.
    pub(crate) fn new_verifier(&self) -> u32 {
        let process = self.new_process();
        self.state().history.verifier = Some(process);
        process
    }

    /// Notes what the independent reader learnt of a partition.
    pub(crate) fn learnt(&self, partition: i32, facts: LogFacts) {
        let mut state = self.state();
        let key = state.key(&self.topic, partition);
        if let Some(key) = state.history.keys.get_mut(key.0 as usize) {
            key.log = facts;
        }
    }

    /// How many acknowledged records no consumer has read yet; noted in the meter, too.
    pub(crate) fn backlog(&self) -> u64 {
        let waiting = self.state().waiting.len() as u64;
        self.meter.backlog(waiting);
        waiting
    }

    /// Notes a line of a client's log; equal lines but for their numbers are counted together.
    pub(crate) fn line(&self, line: &str) {
        let mut state = self.state();
        if let Some(count) = state.lines.get_mut(line) {
            *count += 1;
        } else if state.lines.len() < LINES_MAX {
            state.lines.insert(line.to_owned(), 1);
        }
    }

    /// What the clients said, with how often.
    pub(crate) fn lines(&self) -> Vec<(String, u64)> {
        self.state().lines.iter().map(|(line, count)| (line.clone(), *count)).collect()
    }

    /// All that was noted, in the order in which it began. Records whose sender did not say where
    /// they went are put where they were read.
    pub(crate) fn history(&self) -> History {
        let (mut history, unknown) = {
            let state = self.state();
            (state.history.clone(), state.keys.get(&-1).copied())
        };
        history.ops.sort_by_key(|op| op.invoked_us);
        if let Some(unknown) = unknown {
            place(&mut history, unknown);
        }
        history
    }
}

fn place(history: &mut History, unknown: KeyId) {
    let mut read: BTreeMap<RecordId, KeyId> = BTreeMap::new();
    for step in history.ops.iter().flat_map(|op| &op.steps) {
        if let Step::Poll { key, records } = step {
            read.extend(records.iter().map(|(_, record)| (*record, *key)));
        }
    }
    for step in history.ops.iter_mut().flat_map(|op| &mut op.steps) {
        if let Step::Send { key, value, .. } = step
            && *key == unknown
            && let Some(found) = read.get(value)
        {
            *key = *found;
        }
    }
}

/// A record on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) record: RecordId,
    pub(crate) partition: i32,
    pub(crate) invoked_us: u64,
}

impl State {
    fn key(&mut self, topic: &str, partition: i32) -> KeyId {
        let next = KeyId(self.history.keys.len() as u32);
        let key = *self.keys.entry(partition).or_insert(next);
        if key == next {
            self.history.keys.push(Key::new(topic, partition));
        }
        key
    }
}
