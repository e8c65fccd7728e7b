//! The order in which a process reads: `poll-skip`, `nonmonotonic-poll` from one operation to the
//! next, and the same within one (`int-…`).

use std::collections::BTreeMap;

use wonin_model::rehearsal::Anomaly;

use super::cases::{Cases, SHOWN};
use super::derive::{Derived, ValueId};
use super::history::{Call, KeyId, Op, Outcome, seconds};

/// How a process came to its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// Nobody knows: nothing is held against it.
    #[default]
    Unknown,
    Assign,
    Subscribe,
}

#[derive(Debug, Default)]
struct Reader {
    by: By,
    /// By partition: position and offset of the last record that was read for sure.
    last: BTreeMap<KeyId, (u32, u64)>,
}

/// From one record to the next.
struct Stride {
    key: KeyId,
    from: (u32, u64),
    to: (u32, u64),
}

/// All anomalies of polling. Between operations they are errors where the partitions were
/// assigned by hand; a group may move and repeat.
pub(super) fn anomalies(derived: &Derived<'_>) -> Vec<Anomaly> {
    let mut found = Strides::new(derived);
    let mut readers: BTreeMap<u32, Reader> = BTreeMap::new();
    for op in &derived.history.ops {
        let reader = readers.entry(op.process).or_default();
        match op.call {
            Call::Assign | Call::Subscribe if op.outcome != Outcome::Fail => {
                reader.by = if op.call == Call::Assign { By::Assign } else { By::Subscribe };
                reader.last.retain(|key, _| op.keys.contains(key));
            }
            Call::Crash => *reader = Reader::default(),
            Call::Poll | Call::Transaction => {
                found.between(op, reader);
                found.within(op);
            }
            _ => {}
        }
    }
    found.into_anomalies()
}

struct Strides<'d, 'h> {
    derived: &'d Derived<'h>,
    skips: [Cases; 2],
    repeats: [Cases; 2],
    skips_within: Cases,
    repeats_within: Cases,
}

impl<'d, 'h> Strides<'d, 'h> {
    fn new(derived: &'d Derived<'h>) -> Self {
        let pair = || [Cases::new(SHOWN), Cases::new(SHOWN)];
        let (skips_within, repeats_within) = (Cases::new(SHOWN), Cases::new(SHOWN));
        Self { derived, skips: pair(), repeats: pair(), skips_within, repeats_within }
    }

    /// From the last record of the process's operation before to the first of this one.
    fn between(&mut self, op: &Op, reader: &mut Reader) {
        for key in &op.rebalanced {
            reader.last.remove(key);
        }
        let which = usize::from(reader.by == By::Assign);
        for (key, ends) in ends(op) {
            let place = |offset: u64| Some((self.derived.logs[key.at()].index(offset)?, offset));
            let (Some(first), Some(last)) = (place(ends.0), place(ends.1)) else { continue };
            if let Some(from) = reader.last.get(&key) {
                let stride = Stride { key, from: *from, to: first };
                note(self.derived, op, &stride, &mut self.skips[which], &mut self.repeats[which]);
            }
            if op.outcome == Outcome::Ok {
                reader.last.insert(key, last);
            }
        }
    }

    /// From one record of the operation to the next.
    fn within(&mut self, op: &Op) {
        let mut last: BTreeMap<KeyId, (u32, u64)> = BTreeMap::new();
        for (key, records) in op.polls().filter(|(key, _)| !op.rebalanced.contains(key)) {
            for (offset, _) in records {
                let Some(index) = self.derived.logs[key.at()].index(*offset) else { continue };
                let to = (index, *offset);
                if let Some(from) = last.insert(key, to) {
                    let stride = Stride { key, from, to };
                    let (skips, repeats) = (&mut self.skips_within, &mut self.repeats_within);
                    note(self.derived, op, &stride, skips, repeats);
                }
            }
        }
    }

    fn into_anomalies(self) -> Vec<Anomaly> {
        let [skips, skips_assigned] = self.skips;
        let [repeats, repeats_assigned] = self.repeats;
        [
            skips_assigned.into_anomaly("poll-skip", true),
            skips.into_anomaly("poll-skip", false),
            repeats_assigned.into_anomaly("nonmonotonic-poll", true),
            repeats.into_anomaly("nonmonotonic-poll", false),
            self.skips_within.into_anomaly("int-poll-skip", true),
            self.repeats_within.into_anomaly("int-nonmonotonic-poll", true),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// First and last offset of each partition in the operation.
fn ends(op: &Op) -> BTreeMap<KeyId, (u64, u64)> {
    let mut ends: BTreeMap<KeyId, (u64, u64)> = BTreeMap::new();
    for (key, records) in op.polls() {
        if let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) {
            ends.entry(key).or_insert((*first, *last)).1 = *last;
        }
    }
    ends
}

fn note(d: &Derived<'_>, op: &Op, stride: &Stride, skips: &mut Cases, repeats: &mut Cases) {
    let Stride { key, from, to } = *stride;
    let words = |what: &str| {
        format!(
            "{}: process {} went from offset {} to {} at {}{what}",
            d.history.name(key),
            op.process,
            from.1,
            to.1,
            seconds(op.completed_us)
        )
    };
    if to.0 <= from.0 {
        repeats.push(u64::from(from.0 - to.0) + 1, || words(""));
    } else if to.0 > from.0 + 1 {
        let skipped = skipped(d, key, from.0, to.0);
        if let Some(first) = skipped.first() {
            let first = d.values[*first as usize].id;
            let what = format!(", over {} records from {first} on", skipped.len());
            skips.push(skipped.len() as u64, || words(&what));
        }
    }
}

/// Records between two positions that are really missed: not those that were cleaned away, and
/// not those whose write failed and that only a careless reader saw.
fn skipped(derived: &Derived<'_>, key: KeyId, from: u32, to: u32) -> Vec<ValueId> {
    let log = &derived.logs[key.at()];
    let facts = derived.history.facts(key);
    if facts.is_compacted {
        return Vec::new();
    }
    let between = from as usize + 1..to as usize;
    let is_there = |index: &usize| {
        let value = &derived.values[log.values[*index] as usize];
        log.offsets[*index] >= facts.start && derived.is_committed(value)
    };
    between.filter(is_there).map(|index| log.values[index]).collect()
}
