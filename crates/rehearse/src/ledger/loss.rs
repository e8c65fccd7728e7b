//! What is gone, and what is only not seen yet: `lost-write`, `unseen`, and the counts of a
//! delivery.

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::{Derived, Value};
use super::history::{History, Outcome};

/// What became of each record that must be in its log and was read by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It is gone: later records were read, or the whole log was.
    Lost,
    /// It may stand behind all that was read.
    Unseen,
    /// It may have been removed in an orderly way: retention, compaction.
    Cleaned,
}

/// Records that are gone. With a log that was read whole every one that is missing is gone;
/// otherwise only those before something that was read.
pub(super) fn lost_write(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN);
    let bounds = bounds(derived);
    for value in derived.values.iter().filter(|v| derived.is_committed(v)) {
        if missing(derived, &bounds, value) == Some(Missing::Lost) {
            let from_end = u64::MAX - value.acked_offset.unwrap_or(0);
            cases.push(from_end, || {
                let stored = value.acked_offset.map_or_else(
                    || "acknowledged without an offset".to_owned(),
                    |offset| format!("acknowledged at offset {offset}"),
                );
                let name = derived.history.name(value.key);
                format!("{name}: {} {stored}, and it is not in the log", value.id)
            });
        }
    }
    cases.into_anomaly("lost-write", true)
}

/// Acknowledged records that nobody read, which may still be there.
pub(super) fn unseen(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN);
    let bounds = bounds(derived);
    for value in derived.values.iter().filter(|value| derived.is_acked(value)) {
        if missing(derived, &bounds, value) == Some(Missing::Unseen) {
            cases.push(0, || {
                let name = derived.history.name(value.key);
                format!("{name}: {} was acknowledged and never read", value.id)
            });
        }
    }
    cases.into_anomaly("unseen", true)
}

/// Acknowledged records that are in the log and came to no consumer of the application.
pub(super) fn not_delivered(derived: &Derived<'_>) -> u64 {
    if !has_consumer(derived.history) {
        return 0;
    }
    let late = |value: &&Value| {
        derived.is_acked(value) && !value.is_delivered && value.span.is_some() && value.is_read
    };
    derived.values.iter().filter(late).count() as u64
}

/// Whether anybody but the independent reader polls.
pub(super) fn has_consumer(history: &History) -> bool {
    history.ops.iter().any(|op| op.call.reads() && history.verifier != Some(op.process))
}

/// The latest position, by key, before which everything must have been read; `None` where nothing
/// was read.
fn bounds(derived: &Derived<'_>) -> Vec<Option<u32>> {
    let mut bounds = vec![None; derived.logs.len()];
    for value in derived.values.iter().filter(|value| value.is_read) {
        if let Some((first, _)) = value.span {
            let bound: &mut Option<u32> = &mut bounds[value.key.at()];
            *bound = (*bound).max(Some(first));
        }
    }
    bounds
}

/// What became of a record that must be in its log; `None` where it was read.
fn missing(derived: &Derived<'_>, bounds: &[Option<u32>], value: &Value) -> Option<Missing> {
    if value.is_read {
        return None;
    }
    let is_before_bound =
        value.span.is_some_and(|(_, last)| bounds[value.key.at()].is_some_and(|b| last <= b));
    Some(if derived.may_be_cleaned(value) {
        Missing::Cleaned
    } else if is_before_bound || derived.history.facts(value.key).is_read_whole {
        Missing::Lost
    } else {
        Missing::Unseen
    })
}

/// How many acknowledged records no consumer of the application had read, over time: a pair of
/// microseconds and records for each change, in the order of time.
pub(super) fn backlog(derived: &Derived<'_>) -> Vec<(u64, u64)> {
    let history = derived.history;
    let mut acked: Vec<Option<u64>> = vec![None; derived.values.len()];
    let mut read: Vec<Option<u64>> = vec![None; derived.values.len()];
    for op in history.ops.iter().filter(|op| op.outcome == Outcome::Ok) {
        let note = |times: &mut Vec<Option<u64>>, id: Option<u32>| {
            if let Some(time) = id.map(|id| &mut times[id as usize]) {
                *time = Some(time.map_or(op.completed_us, |known| known.min(op.completed_us)));
            }
        };
        for (key, id, _) in op.sends() {
            note(&mut acked, derived.id(key, id));
        }
        if history.verifier != Some(op.process) {
            for (key, (_, id)) in op.polls().flat_map(|(k, all)| all.iter().map(move |r| (k, r))) {
                note(&mut read, derived.id(key, *id));
            }
        }
    }
    let mut changes: Vec<(u64, i64)> = Vec::new();
    for (acked, read) in acked.into_iter().zip(read) {
        let Some(acked) = acked else { continue };
        changes.push((acked, 1));
        // A record may be read before its acknowledgement arrives.
        changes.extend(read.map(|read| (read.max(acked), -1)));
    }
    changes.sort_unstable();
    let mut waiting = 0_i64;
    let mut series: Vec<(u64, u64)> = Vec::new();
    for same in changes.chunk_by(|a, b| a.0 == b.0) {
        waiting += same.iter().map(|(_, change)| change).sum::<i64>();
        let now = u64::try_from(waiting).unwrap_or(0);
        if series.last().is_none_or(|(_, before)| *before != now) {
            series.push((same[0].0, now));
        }
    }
    series
}
