//! The ledger of a Kafka workload: from what clients were told and what they read to what was
//! lost, stored twice or read in a wrong order. The anomalies and their names are those of
//! Jepsen's Kafka workload (faults 4); everything here is arithmetic on a [`History`].
//!
//! A position or an outcome that nobody knows is never held against anybody: no false alarm.

mod aborts;
mod cases;
mod cycles;
mod derive;
mod effects;
mod graph;
mod history;
mod lag;
mod log;
mod loss;
mod outcome;
mod polls;
mod reads;
mod sends;
#[cfg(test)]
mod tests;

use wonin_model::rehearsal::{Anomaly, Delivery};

pub use history::{
    Call, Commit, Effect, History, Key, KeyId, LogFacts, Op, Outcome, RecordId, Step,
};
pub use outcome::{During, outcome_by_name, outcome_of};

use derive::Derived;

/// What the client under test promises; what it does not promise is only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether a record that stands twice in the log is an error: the producer is idempotent.
    pub is_idempotent: bool,
    /// Whether a record given twice to the application is an error: it promises exactly once.
    pub is_exactly_once: bool,
    /// Whether an effect that happened twice is an error.
    pub has_single_effects: bool,
}

impl Default for Judgement {
    /// An idempotent producer and an application that must not act twice.
    fn default() -> Self {
        Self { is_idempotent: true, is_exactly_once: false, has_single_effects: true }
    }
}

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The counts, with all anomalies: the errors first.
    pub delivery: Delivery,
    /// How many acknowledged records the application had not read, over time: a pair of
    /// microseconds and records for each change.
    pub backlog: Vec<(u64, u64)>,
    /// The worst delay with which a consumer learnt of a record, in microseconds.
    pub lag_us_max: u64,
}

impl Checked {
    /// Whether there is an anomaly that is an error for this client.
    pub fn is_bad(&self) -> bool {
        self.delivery.anomalies.iter().any(|anomaly| anomaly.is_bad)
    }

    /// Microseconds at which nothing waited any more for good; `None` where something still does,
    /// or nothing was ever sent.
    pub fn drained_at_us(&self) -> Option<u64> {
        self.backlog.last().filter(|(_, waiting)| *waiting == 0).map(|(at, _)| *at)
    }
}

/// Checks a history. The time grows with the number of records, and with its logarithm.
pub fn check(history: &History, how: &Judgement) -> Checked {
    let derived = Derived::of(history);
    let lag = lag::realtime_lag(&derived);
    let mut anomalies: Vec<Anomaly> = [
        log::inconsistent_offsets(&derived),
        log::duplicate(&derived, how.is_idempotent),
        loss::lost_write(&derived),
        loss::unseen(&derived),
        reads::aborted_read(&derived),
        reads::precommitted_read(&derived),
        effects::lost(&derived),
        effects::duplicate(&derived, how.has_single_effects),
        effects::committed_too_far(&derived),
        lag::redelivered(&derived, how.is_exactly_once),
        lag::consume_counts(&derived),
        lag.as_ref().map(|(_, words)| Anomaly {
            name: "realtime-lag",
            count: 1,
            is_bad: false,
            examples: vec![words.clone()],
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    anomalies.extend(polls::anomalies(&derived));
    anomalies.extend(sends::anomalies(&derived, *how));
    anomalies.extend(cycles::anomalies(&derived));
    anomalies.extend(aborts::anomalies(&derived));
    anomalies.sort_by_key(|anomaly| !anomaly.is_bad);
    Checked {
        delivery: counts(&derived, anomalies),
        backlog: loss::backlog(&derived),
        lag_us_max: lag.map_or(0, |(us, _)| us),
    }
}

fn counts(derived: &Derived<'_>, anomalies: Vec<Anomaly>) -> Delivery {
    let count = |wanted: &dyn Fn(&derive::Value) -> bool| {
        derived.values.iter().filter(|value| wanted(value)).count() as u64
    };
    let of = |name: &str| {
        anomalies.iter().filter(|anomaly| anomaly.name == name).map(|anomaly| anomaly.count).sum()
    };
    let has_consumer = loss::has_consumer(derived.history);
    Delivery {
        sent: count(&|value| value.writer.is_some()),
        acknowledged: count(&|value| derived.is_acked(value)),
        read: count(&|value| if has_consumer { value.is_delivered } else { value.is_read }),
        lost: of("lost-write"),
        not_delivered: loss::not_delivered(derived),
        duplicated: of("duplicate"),
        reordered: log::reordered(derived),
        anomalies,
    }
}
