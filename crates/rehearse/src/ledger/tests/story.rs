//! A small language for histories: each operation takes one second, one after the other.

use crate::ledger::{
    Call, Checked, Commit, Effect, History, Judgement, Key, KeyId, LogFacts, Op, Outcome, RecordId,
    Step, check,
};

pub(super) const X: KeyId = KeyId(0);
pub(super) const Y: KeyId = KeyId(1);

/// The process that reads all at the end.
pub(super) const VERIFIER: u32 = 99;

#[derive(Debug)]
pub(super) struct Story {
    pub(super) history: History,
    pub(super) how: Judgement,
    now_us: u64,
}

pub(super) fn value(number: u64) -> RecordId {
    RecordId { producer: 0, sequence: number }
}

pub(super) fn sent(key: KeyId, number: u64, offset: Option<u64>) -> Step {
    Step::Send { key, value: value(number), offset }
}

pub(super) fn polled(key: KeyId, records: &[(u64, u64)]) -> Step {
    let records = records.iter().map(|(offset, number)| (*offset, value(*number))).collect();
    Step::Poll { key, records }
}

impl Story {
    pub(super) fn new() -> Self {
        let history = History {
            keys: vec![Key::new("x", 0), Key::new("y", 0)],
            verifier: Some(VERIFIER),
            ..History::default()
        };
        Self { history, how: Judgement::default(), now_us: 0 }
    }

    pub(super) fn op(mut self, process: u32, call: Call, outcome: Outcome, steps: &[Step]) -> Self {
        let mut op = Op::new(process, call, self.now_us, self.now_us + 500_000);
        op.outcome = outcome;
        op.steps = steps.to_vec();
        self.now_us += 1_000_000;
        self.history.ops.push(op);
        self
    }

    /// A confirmed send to `x`.
    pub(super) fn send(self, process: u32, number: u64, offset: u64) -> Self {
        self.op(process, Call::Send, Outcome::Ok, &[sent(X, number, Some(offset))])
    }

    /// A send to `x` with another outcome.
    pub(super) fn try_send(self, process: u32, number: u64, outcome: Outcome) -> Self {
        self.op(process, Call::Send, outcome, &[sent(X, number, None)])
    }

    /// A poll of `x`.
    pub(super) fn poll(self, process: u32, records: &[(u64, u64)]) -> Self {
        self.op(process, Call::Poll, Outcome::Ok, &[polled(X, records)])
    }

    pub(super) fn transaction(self, process: u32, outcome: Outcome, steps: &[Step]) -> Self {
        self.op(process, Call::Transaction, outcome, steps)
    }

    pub(super) fn take(self, process: u32, call: Call, keys: &[KeyId]) -> Self {
        let mut story = self.op(process, call, Outcome::Ok, &[]);
        if let Some(op) = story.history.ops.last_mut() {
            op.keys = keys.to_vec();
        }
        story
    }

    pub(super) fn assign(self, process: u32) -> Self {
        self.take(process, Call::Assign, &[X])
    }

    pub(super) fn subscribe(self, process: u32) -> Self {
        self.take(process, Call::Subscribe, &[X])
    }

    /// The partition `x` changed hands during the last operation.
    pub(super) fn rebalanced(mut self) -> Self {
        if let Some(op) = self.history.ops.last_mut() {
            op.rebalanced = vec![X];
        }
        self
    }

    pub(super) fn log(mut self, facts: LogFacts) -> Self {
        self.history.keys[0].log = facts;
        self
    }

    /// The independent reader reads all of `x`.
    pub(super) fn verify(self, records: &[(u64, u64)]) -> Self {
        let facts = LogFacts { is_read_whole: true, ..self.history.keys[0].log };
        self.log(facts).assign(VERIFIER).poll(VERIFIER, records)
    }

    pub(super) fn commit(mut self, offset: u64, is_automatic: bool) -> Self {
        let at_us = self.now_us;
        self.history.commits.push(Commit { process: 1, key: X, offset, at_us, is_automatic });
        self.now_us += 1_000_000;
        self
    }

    pub(super) fn effect(mut self, number: u64) -> Self {
        let at_us = Some(self.now_us);
        self.history.effects.push(Effect { key: X, value: value(number), at_us });
        self.now_us += 1_000_000;
        self
    }

    pub(super) fn whole_sink(mut self) -> Self {
        self.history.is_sink_read_whole = true;
        self
    }

    pub(super) fn judged(mut self, how: Judgement) -> Self {
        self.how = how;
        self
    }

    pub(super) fn check(&self) -> Checked {
        check(&self.history, &self.how)
    }

    /// Name, number of cases and whether it is an error; without what is only reported on the way
    /// (`realtime-lag`).
    pub(super) fn anomalies(&self) -> Vec<(&'static str, u64, bool)> {
        let all = self.check().delivery.anomalies;
        let told = all.iter().filter(|anomaly| anomaly.name != "realtime-lag");
        told.map(|anomaly| (anomaly.name, anomaly.count, anomaly.is_bad)).collect()
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.anomalies().into_iter().map(|(name, _, _)| name).collect()
    }
}
