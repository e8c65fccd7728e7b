//! Reads of what must not be seen: `G1a`, `precommitted-read`.

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::history::{Outcome, seconds};

/// A record was read although its write certainly failed or was rolled back.
pub(super) fn aborted_read(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN);
    let history = derived.history;
    for op in history.ops.iter().filter(|op| op.outcome == Outcome::Ok) {
        for (key, (offset, id)) in op.polls().flat_map(|(k, all)| all.iter().map(move |r| (k, r))) {
            let writer = derived.value(key, *id).and_then(|value| value.writer);
            let failed = writer.map(|at| &history.ops[at as usize]);
            if failed.is_some_and(|writer| writer.outcome == Outcome::Fail) {
                cases.push(0, || {
                    format!(
                        "{} offset {offset}: process {} read {id} at {}, whose write failed",
                        history.name(key),
                        op.process,
                        seconds(op.completed_us)
                    )
                });
            }
        }
    }
    cases.into_anomaly("G1a", true)
}

/// An operation read what it had itself just sent and not yet committed.
pub(super) fn precommitted_read(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN);
    for (at, op) in derived.history.ops.iter().enumerate() {
        for (key, (offset, id)) in op.polls().flat_map(|(k, all)| all.iter().map(move |r| (k, r))) {
            let writer = derived.value(key, *id).and_then(|value| value.writer);
            if writer == Some(at as u32) {
                cases.push(0, || {
                    format!(
                        "{} offset {offset}: process {} read {id} in the operation that sent it",
                        derived.history.name(key),
                        op.process
                    )
                });
            }
        }
    }
    cases.into_anomaly("precommitted-read", true)
}
