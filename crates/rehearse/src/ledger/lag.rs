//! What is only reported: `consume-counts`, `realtime-lag`, records given again after a rebalance.

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::history::{Call, KeyId, Outcome, seconds};

/// Records that one subscribed process polled several times.
pub(super) fn consume_counts(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut is_subscribed: BTreeMap<u32, bool> = BTreeMap::new();
    let mut polled: Vec<(u32, u32)> = Vec::new();
    for op in derived.history.ops.iter().filter(|op| op.outcome == Outcome::Ok) {
        match op.call {
            Call::Subscribe => _ = is_subscribed.insert(op.process, true),
            Call::Assign => _ = is_subscribed.insert(op.process, false),
            _ if is_subscribed.get(&op.process) == Some(&true) => {
                let all = op.polls().flat_map(|(key, all)| all.iter().map(move |r| (key, r.1)));
                polled.extend(all.filter_map(|(key, id)| Some((op.process, derived.id(key, id)?))));
            }
            _ => {}
        }
    }
    polled.sort_unstable();
    let mut cases = Cases::new(SHOWN);
    for same in polled.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
        let (process, value) = same[0];
        let value = &derived.values[value as usize];
        cases.push(same.len() as u64, || {
            let name = derived.history.name(value.key);
            format!("{name}: process {process} polled {} {} times", value.id, same.len())
        });
    }
    cases.into_anomaly("consume-counts", false)
}

/// Records that the application was given more than once, by whichever of its processes: expected
/// after a rebalance, an error only for a client that promises exactly once.
pub(super) fn redelivered(derived: &Derived<'_>, is_bad: bool) -> Option<Anomaly> {
    let history = derived.history;
    let mut given: Vec<(u32, u64)> = Vec::new();
    let ok = history.ops.iter().filter(|op| op.outcome == Outcome::Ok);
    for op in ok.filter(|op| history.verifier != Some(op.process)) {
        for (key, records) in op.polls() {
            let ids = records.iter().filter_map(|(at, id)| Some((derived.id(key, *id)?, *at)));
            given.extend(ids);
        }
    }
    given.sort_unstable();
    let mut cases = Cases::new(SHOWN);
    for same in given.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
        let (value, offset) = same[0];
        let value = &derived.values[value as usize];
        cases.push(same.len() as u64, || {
            let name = derived.history.name(value.key);
            format!("{name} offset {offset}: {} was given {} times", value.id, same.len())
        });
    }
    cases.into_anomaly("redelivered", is_bad)
}

/// The worst delay, in microseconds, with which a process learnt of a record that was known to
/// exist, and the words for it: from the moment at which the next offset was first known to the
/// beginning of the poll that still did not have it, or that had it at last.
pub(super) fn realtime_lag(derived: &Derived<'_>) -> Option<(u64, String)> {
    let history = derived.history;
    let known_at = known_at(derived);
    let mut positions: BTreeMap<(u32, KeyId), usize> = BTreeMap::new();
    let mut worst: Option<(u64, String)> = None;
    let reads = history.ops.iter().filter(|op| op.outcome == Outcome::Ok && op.call.reads());
    for op in reads.filter(|op| history.verifier != Some(op.process)) {
        let own = (op.process, KeyId(0))..=(op.process, KeyId(u32::MAX));
        for ((_, key), next) in positions.range(own) {
            let Some(known) = known_at[key.at()].get(*next) else { continue };
            let lag = op.invoked_us.saturating_sub(*known);
            if lag > 0 && worst.as_ref().is_none_or(|(most, _)| lag > *most) {
                let offset = derived.logs[key.at()].offsets[*next];
                let words = format!(
                    "{} offset {offset}: process {} did not have it {} after it was there",
                    history.name(*key),
                    op.process,
                    seconds(lag)
                );
                worst = Some((lag, words));
            }
        }
        for (key, records) in op.polls() {
            if let Some((offset, _)) = records.last() {
                let next = derived.logs[key.at()].before(*offset) + 1;
                positions.insert((op.process, key), next);
            }
        }
    }
    worst
}

/// By key and position: when it was first known that something is there. Whoever knows of a later
/// offset knows of the earlier ones.
fn known_at(derived: &Derived<'_>) -> Vec<Vec<u64>> {
    let mut known: Vec<Vec<u64>> =
        derived.logs.iter().map(|log| vec![u64::MAX; log.offsets.len()]).collect();
    for (at, op) in derived.history.ops.iter().enumerate() {
        let mut note = |key: KeyId, offset: u64| {
            if let Some(index) = derived.logs[key.at()].index(offset) {
                let time = &mut known[key.at()][index as usize];
                *time = (*time).min(op.completed_us);
            }
        };
        if derived.must_have_committed[at] && op.outcome == Outcome::Ok {
            op.sends().filter_map(|(k, _, at)| Some((k, at?))).for_each(|(k, at)| note(k, at));
        }
        for (key, records) in op.polls() {
            for (offset, _) in records {
                note(key, *offset);
            }
        }
    }
    for times in &mut known {
        let mut earliest = u64::MAX;
        for time in times.iter_mut().rev() {
            earliest = earliest.min(*time);
            *time = earliest;
        }
    }
    known
}
