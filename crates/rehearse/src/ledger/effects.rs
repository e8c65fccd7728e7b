//! What the application did with its records: `effect-lost`, `effect-duplicate`,
//! `committed-too-far` (faults 4.4, 4.5).

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::Derived;
use super::history::{Commit, KeyId, Outcome, seconds};

/// Records that are in the log and had no effect; only where all of the sink was read.
pub(super) fn lost(derived: &Derived<'_>) -> Option<Anomaly> {
    let history = derived.history;
    if !history.is_sink_read_whole {
        return None;
    }
    let done = times_done(derived);
    let mut cases = Cases::new(SHOWN);
    for (id, value) in derived.values.iter().enumerate() {
        if derived.is_acked(value) && value.is_read && done[id] == 0 {
            cases.push(0, || {
                format!("{}: {} is in the log and had no effect", history.name(value.key), value.id)
            });
        }
    }
    cases.into_anomaly("effect-lost", true)
}

/// Records that had their effect several times.
pub(super) fn duplicate(derived: &Derived<'_>, is_bad: bool) -> Option<Anomaly> {
    let done = times_done(derived);
    let mut cases = Cases::new(SHOWN);
    for (value, times) in derived.values.iter().zip(&done).filter(|(_, times)| **times > 1) {
        cases.push(u64::from(*times), || {
            let name = derived.history.name(value.key);
            format!("{name}: {} had its effect {times} times", value.id)
        });
    }
    cases.into_anomaly("effect-duplicate", is_bad)
}

/// By record: how often it had its effect.
fn times_done(derived: &Derived<'_>) -> Vec<u32> {
    let mut times = vec![0; derived.values.len()];
    for effect in &derived.history.effects {
        if let Some(id) = derived.id(effect.key, effect.value) {
            times[id as usize] += 1;
        }
    }
    times
}

/// Positions that were stored although records before them were not done: after a crash they
/// would be skipped. Held against the effects where there are any, otherwise, for what a client
/// library stores by itself, against the batch that the process is working on.
pub(super) fn committed_too_far(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN);
    if derived.history.effects.is_empty() {
        past_batch(derived, &mut cases);
    } else {
        past_effects(derived, &mut cases);
    }
    cases.into_anomaly("committed-too-far", true)
}

fn past_effects(derived: &Derived<'_>, cases: &mut Cases) {
    let history = derived.history;
    let all_done_at = all_done_at(derived);
    for commit in &history.commits {
        let (first, done_at) = &all_done_at[commit.key.at()];
        let end = derived.logs[commit.key.at()].before(commit.offset);
        let Some(last) = end.checked_sub(first + 1).and_then(|last| done_at.get(last)) else {
            continue;
        };
        if *last > commit.at_us && (*last != u64::MAX || history.is_sink_read_whole) {
            let late = last.saturating_sub(commit.at_us);
            cases.push(late, || {
                let when = if *last == u64::MAX {
                    "a record before it was never done".to_owned()
                } else {
                    format!("a record before it was done {} later", seconds(late))
                };
                words(derived, commit, &when)
            });
        }
    }
}

/// By key: the first position that a consumer of the application had, and from there on when all
/// records up to each position were done; `u64::MAX` for never.
fn all_done_at(derived: &Derived<'_>) -> Vec<(usize, Vec<u64>)> {
    let mut done: Vec<u64> = vec![u64::MAX; derived.values.len()];
    for effect in &derived.history.effects {
        if let Some(id) = derived.id(effect.key, effect.value) {
            let time = &mut done[id as usize];
            *time = (*time).min(effect.at_us.unwrap_or(0));
        }
    }
    let of_log = |log: &super::derive::Log| {
        let is_delivered = |id: &u32| derived.values[*id as usize].is_delivered;
        let first = log.values.iter().position(is_delivered).unwrap_or(log.values.len());
        let mut latest = 0;
        let times = log.values[first..].iter().map(|id| {
            latest = done[*id as usize].max(latest);
            latest
        });
        (first, times.collect())
    };
    derived.logs.iter().map(of_log).collect()
}

/// The last record of a position that was stored must not lie behind the first one of the batch
/// that is being worked on.
fn past_batch(derived: &Derived<'_>, cases: &mut Cases) {
    let history = derived.history;
    let mut batches: BTreeMap<(u32, KeyId), Vec<(u64, u64)>> = BTreeMap::new();
    let ok = history.ops.iter().filter(|op| op.outcome == Outcome::Ok);
    for op in ok.filter(|op| op.call.reads()) {
        for (key, records) in op.polls() {
            if let Some((first, _)) = records.first() {
                batches.entry((op.process, key)).or_default().push((op.completed_us, *first));
            }
        }
    }
    for commit in history.commits.iter().filter(|commit| commit.is_automatic) {
        let Some(own) = batches.get(&(commit.process, commit.key)) else { continue };
        let at = own.partition_point(|(time, _)| *time <= commit.at_us);
        let Some((_, first)) = at.checked_sub(1).map(|at| own[at]) else { continue };
        if commit.offset > first + 1 {
            cases.push(commit.offset - first, || {
                words(derived, commit, &format!("the batch at work began at offset {first}"))
            });
        }
    }
}

fn words(derived: &Derived<'_>, commit: &Commit, why: &str) -> String {
    format!(
        "{}: process {} stored position {} at {}; {why}",
        derived.history.name(commit.key),
        commit.process,
        commit.offset,
        seconds(commit.at_us)
    )
}
