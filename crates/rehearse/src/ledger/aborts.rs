//! Where a consumer goes on after a transaction that was rolled back (faults 4.4); reported, never
//! an error by itself.

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::history::{Call, KeyId, Outcome};

/// Counts, for each partition that a rolled back transaction had polled, where the process's next
/// poll of it begins: at the same record, before it, or behind what was rolled back.
pub(super) fn anomalies(derived: &Derived<'_>) -> Vec<Anomaly> {
    let mut rewind = Cases::new(SHOWN);
    let mut further = Cases::new(SHOWN);
    let mut unchanged = Cases::new(SHOWN);
    let mut aborted: BTreeMap<(u32, KeyId), (u64, u64)> = BTreeMap::new();
    for op in &derived.history.ops {
        if matches!(op.call, Call::Crash | Call::Assign | Call::Subscribe) {
            aborted.retain(|(process, _), _| *process != op.process);
        }
        for (key, records) in op.polls() {
            let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else {
                continue;
            };
            if let Some((from, to)) = aborted.remove(&(op.process, key)) {
                let cases = match *first {
                    at if at < from => &mut further,
                    at if at > to => &mut unchanged,
                    _ => &mut rewind,
                };
                cases.push(first.abs_diff(from), || {
                    format!(
                        "{}: process {} had rolled back offsets {from} to {to} and went on at {first}",
                        derived.history.name(key),
                        op.process
                    )
                });
            }
            if op.call == Call::Transaction && op.outcome == Outcome::Fail {
                aborted.insert((op.process, key), (*first, *last));
            }
        }
    }
    [
        rewind.into_anomaly("abort-rewind", false),
        further.into_anomaly("abort-rewind-further", false),
        unchanged.into_anomaly("abort-unchanged", false),
    ]
    .into_iter()
    .flatten()
    .collect()
}
