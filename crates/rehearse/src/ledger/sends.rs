//! The order in which a process's records are stored: `nonmonotonic-send` from one operation to
//! the next, `int-nonmonotonic-send` and `int-send-skip` within one.

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::Judgement;
use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::history::{KeyId, Op, Outcome, RecordId, seconds};

/// By partition: position and record that were sent last, and when that was settled.
type Last = BTreeMap<KeyId, (u32, RecordId, u64)>;

/// All anomalies of sending. Others may write in between: a gap within an operation is only
/// reported, since Kafka isolates no writes. Records that were in flight at the same time keep their order
/// only with an idempotent producer.
pub(super) fn anomalies(derived: &Derived<'_>, how: Judgement) -> Vec<Anomaly> {
    let mut between = Cases::new(SHOWN);
    let mut in_flight = Cases::new(SHOWN);
    let mut within = Cases::new(SHOWN);
    let mut gaps = Cases::new(SHOWN);
    let mut senders: BTreeMap<u32, Last> = BTreeMap::new();
    for op in derived.history.ops.iter().filter(|op| op.outcome != Outcome::Fail) {
        let before = senders.entry(op.process).or_default();
        let mut own = Last::new();
        for (key, id, offset) in op.sends() {
            // Where nobody knows the place of either, they are taken to be neighbours.
            let Some(index) = place(derived, key, id, offset) else { continue };
            match own.insert(key, (index, id, op.completed_us)) {
                Some(last) if index <= last.0 => {
                    within.push(u64::from(last.0 - index), || words(derived, op, key, last.1, id));
                }
                Some(last) if index > last.0 + 1 => {
                    gaps.push(u64::from(index - last.0), || words(derived, op, key, last.1, id));
                }
                Some(_) => {}
                None => {
                    if let Some(last) = before.get(&key).filter(|last| index <= last.0) {
                        let extreme = u64::from(last.0 - index);
                        let is_at_once = last.2 > op.invoked_us;
                        let cases = if is_at_once { &mut in_flight } else { &mut between };
                        cases.push(extreme, || words(derived, op, key, last.1, id));
                    }
                }
            }
        }
        before.extend(own);
    }
    [
        between.into_anomaly("nonmonotonic-send", true),
        in_flight.into_anomaly("nonmonotonic-send", how.is_idempotent),
        within.into_anomaly("int-nonmonotonic-send", true),
        gaps.into_anomaly("int-send-skip", false),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The record's position in its partition: where the sender was told, or where it was read first.
fn place(derived: &Derived<'_>, key: KeyId, id: RecordId, offset: Option<u64>) -> Option<u32> {
    let told = offset.and_then(|offset| derived.logs[key.at()].index(offset));
    told.or_else(|| derived.value(key, id)?.span.map(|(first, _)| first))
}

fn words(derived: &Derived<'_>, op: &Op, key: KeyId, last: RecordId, next: RecordId) -> String {
    format!(
        "{}: process {} sent {last} and then {next} at {}, which stands elsewhere than right behind",
        derived.history.name(key),
        op.process,
        seconds(op.invoked_us)
    )
}
