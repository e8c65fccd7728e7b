//! What a workload of records knows when it has stopped, beyond the counts.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ledger::{Checked, History};

/// What is known at the end.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// What the ledger says.
    pub checked: Checked,
    /// All that the clients were told and read.
    pub history: History,
    /// By partition, from 0: the ids of its leader and of all its copies, at the start.
    pub placement: Vec<(i32, Vec<i32>)>,
    /// When everything had started, in microseconds of the history's clock.
    pub began_us: u64,
    /// Errors of attempts by text, the most frequent first.
    pub errors: Vec<(String, u64)>,
    /// What the clients' own logs said, with how often.
    pub lines: Vec<(String, u64)>,
    /// How the cluster looked from outside, in the order of time.
    pub observed: Vec<Observation>,
}

/// The cluster as an outsider saw it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// When it was asked, in microseconds of the history's clock.
    pub at_us: u64,
    /// When all was answered, or given up.
    pub answered_us: u64,
    /// By partition of the topic: its leader, negative for none; empty where nobody answered.
    pub leaders: Vec<i32>,
    /// Whether a topic could be made, or in words why not (nothing was made: it was only checked).
    /// `None` where that was not asked.
    pub can_create: Option<Result<(), String>>,
}

/// Where a workload leaves what it knows. Copies are the same place.
#[derive(Clone, Debug, Default)]
pub struct Report(Option<Arc<Mutex<Settled>>>);

impl Report {
    /// A place that somebody looks at; without it, the cluster is not looked at from outside.
    pub fn wanted() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn leave(&self, settled: Settled) {
        if let Some(place) = &self.0 {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = settled;
        }
    }

    /// What was left there, once.
    pub fn take(&self) -> Settled {
        let place =
            self.0.as_ref().map(|place| place.lock().unwrap_or_else(PoisonError::into_inner));
        place.map(|mut place| std::mem::take(&mut *place)).unwrap_or_default()
    }
}
