//! What is wrong in the logs themselves: `inconsistent-offsets`, `duplicate`, records out of
//! their producer's order.

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN_IN_LOG};
use super::derive::{Derived, Log};
use super::history::KeyId;

/// One offset at which several records were seen.
pub(super) fn inconsistent_offsets(derived: &Derived<'_>) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN_IN_LOG);
    for (key, log) in keyed(derived) {
        for (offset, values) in &log.conflicts {
            cases.push(values.len() as u64, || {
                let ids: Vec<String> =
                    values.iter().map(|id| derived.values[*id as usize].id.to_string()).collect();
                format!("{} offset {offset}: {}", derived.history.name(key), ids.join(", "))
            });
        }
    }
    cases.into_anomaly("inconsistent-offsets", true)
}

/// One record at several offsets. Reading one offset again is no duplicate.
pub(super) fn duplicate(derived: &Derived<'_>, is_bad: bool) -> Option<Anomaly> {
    let mut cases = Cases::new(SHOWN_IN_LOG);
    for value in derived.values.iter().filter(|value| value.copies > 1) {
        cases.push(u64::from(value.copies), || {
            let log = &derived.logs[value.key.at()];
            let (first, last) = value.span.unwrap_or_default();
            let (first, last) = (log.offsets[first as usize], log.offsets[last as usize]);
            format!(
                "{}: {} stands {} times, first at offset {first}, last at {last}",
                derived.history.name(value.key),
                value.id,
                value.copies
            )
        });
    }
    cases.into_anomaly("duplicate", is_bad)
}

/// How many records stand for the first time behind a later one of their own producer.
pub(super) fn reordered(derived: &Derived<'_>) -> u64 {
    let mut count = 0;
    for log in &derived.logs {
        let mut highest: BTreeMap<u32, u64> = BTreeMap::new();
        for (index, id) in log.values.iter().enumerate() {
            let value = &derived.values[*id as usize];
            if value.span.is_some_and(|(first, _)| first as usize != index) {
                continue;
            }
            let known = highest.entry(value.id.producer).or_insert(value.id.sequence);
            if value.id.sequence < *known {
                count += 1;
            }
            *known = (*known).max(value.id.sequence);
        }
    }
    count
}

fn keyed<'d>(derived: &'d Derived<'_>) -> impl Iterator<Item = (KeyId, &'d Log)> {
    derived.logs.iter().enumerate().map(|(key, log)| (KeyId(key as u32), log))
}
