//! Counting hits in bounded memory.

use std::collections::BTreeMap;
use std::ops::Range;

use wonin_model::Signal;

use crate::log::event::cut;
use crate::log::hash::hash_bytes;

/// Widths of a time slot in milliseconds, each a multiple of the one before.
const SLOTS_MS: [i64; 10] = [
    1_000,
    10_000,
    60_000,
    600_000,
    3_600_000,
    21_600_000,
    86_400_000,
    864_000_000,
    8_640_000_000,
    86_400_000_000,
];
/// Slots at most.
const SLOTS_MAX: usize = 256;
/// Bytes kept of one value.
const VALUE_BYTES_MAX: usize = 512;

/// Values of one hit, by name, ascending.
pub(in crate::log) type Values = Vec<(&'static str, String)>;

fn hash_of<'v>(values: impl Iterator<Item = (&'static str, &'v str)>) -> u64 {
    values.fold(1, |hash, (name, value)| {
        hash_bytes(hash_bytes(hash, name.as_bytes()), value.as_bytes())
    })
}

/// A hit as the reader of one file sees it. All of it is borrowed: most hits are but counted.
#[derive(Clone, Debug)]
pub(in crate::log) struct Hit<'a> {
    pub(in crate::log) line: u64,
    /// The line itself.
    pub(in crate::log) shown: &'a str,
    /// The bytes of the text within the line.
    pub(in crate::log) within: Range<usize>,
    pub(in crate::log) at_ms: Option<i64>,
    /// The event, and where the values are in it.
    pub(in crate::log) event: &'a str,
    pub(in crate::log) values: &'a [(&'static str, Range<usize>)],
}

impl<'a> Hit<'a> {
    fn values(&self) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        let event = self.event;
        self.values.iter().map(|(name, at)| (*name, cut(&event[at.clone()], VALUE_BYTES_MAX)))
    }

    fn has(&self, values: &Values) -> bool {
        self.values().eq(values.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

/// A hit that is kept.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Seen {
    pub(in crate::log) line: u64,
    /// The line itself.
    pub(in crate::log) shown: String,
    /// The bytes of the text within the line.
    pub(in crate::log) within: Range<usize>,
    pub(in crate::log) at_ms: Option<i64>,
    pub(in crate::log) values: Values,
}

impl Seen {
    /// Takes what a hit says. The last hit of a signal is kept anew with each one, so strings stay
    /// where they are.
    fn set(&mut self, hit: &Hit<'_>) {
        self.line = hit.line;
        self.within = hit.within.clone();
        self.at_ms = hit.at_ms;
        self.shown.clear();
        self.shown.push_str(hit.shown);
        self.values.resize_with(hit.values.len(), Default::default);
        for (known, (name, value)) in self.values.iter_mut().zip(hit.values()) {
            known.0 = name;
            known.1.clear();
            known.1.push_str(value);
        }
    }
}

/// What one signal said so far in one file.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Tally {
    pub(in crate::log) count: u64,
    pub(in crate::log) first_ms: Option<i64>,
    pub(in crate::log) last_ms: Option<i64>,
    pub(in crate::log) hits: Vec<Seen>,
    pub(in crate::log) last: Option<Seen>,
    /// Combinations of values, and how often each occurred.
    values: Vec<(Values, u64)>,
    /// Their hashes, by which most are told apart without a look.
    hashes: Vec<u64>,
    slots: BTreeMap<i64, u64>,
    width: usize,
}

impl Tally {
    /// Counts a hit that occurred so many times. The first ones are kept where `is_kept`, and the
    /// last one; says whether it is one of the first.
    pub(in crate::log) fn add(&mut self, hit: &Hit<'_>, times: u64, is_kept: bool) -> bool {
        self.count += times;
        if let Some(at) = hit.at_ms {
            self.first_ms = Some(self.first_ms.map_or(at, |first| first.min(at)));
            self.last_ms = Some(self.last_ms.map_or(at, |last| last.max(at)));
            self.add_slot(at, times);
        }
        let own = || hit.values().map(|(name, value)| (name, value.to_owned())).collect();
        self.add_values(hash_of(hit.values()), times, |values| hit.has(values), own);
        let is_first = self.hits.is_empty() || (is_kept && self.hits.len() < Signal::KEPT - 1);
        if is_first {
            let mut seen = Seen::default();
            seen.set(hit);
            self.hits.push(seen);
        } else {
            self.last.get_or_insert_default().set(hit);
        }
        is_first
    }

    /// Counts values of a hash; those that are no more told apart count under no values at all.
    fn add_values(
        &mut self,
        hash: u64,
        count: u64,
        is_same: impl Fn(&Values) -> bool,
        own: impl FnOnce() -> Values,
    ) {
        let same = self.hashes.iter().position(|&known| known == hash);
        let same = same.filter(|&at| is_same(&self.values[at].0));
        let is_told_apart = self.values.len() < Signal::KEPT - 1;
        let rest = || self.values.iter().position(|(values, _)| values.is_empty());
        match same.or_else(|| if is_told_apart { None } else { rest() }) {
            Some(at) => self.values[at].1 += count,
            None => {
                let (hash, values) = if is_told_apart {
                    (hash, own())
                } else {
                    (hash_of([].into_iter()), Values::new())
                };
                self.hashes.push(hash);
                self.values.push((values, count));
            }
        }
    }

    fn add_slot(&mut self, at: i64, count: u64) {
        let start = at - at.rem_euclid(SLOTS_MS[self.width]);
        *self.slots.entry(start).or_default() += count;
        while self.slots.len() > SLOTS_MAX && self.width + 1 < SLOTS_MS.len() {
            self.width += 1;
            let narrow = std::mem::take(&mut self.slots);
            for (at, count) in narrow {
                let start = at - at.rem_euclid(SLOTS_MS[self.width]);
                *self.slots.entry(start).or_default() += count;
            }
        }
        while self.slots.len() > SLOTS_MAX {
            // Thousands of years apart: the last slot takes them all.
            if let (Some((_, count)), Some(mut last)) =
                (self.slots.pop_last(), self.slots.last_entry())
            {
                *last.get_mut() += count;
            }
        }
    }

    /// Moves all times by so many milliseconds.
    pub(in crate::log) fn shift(&mut self, by_ms: i64) {
        for at in [&mut self.first_ms, &mut self.last_ms] {
            *at = at.map(|at| at.saturating_add(by_ms));
        }
        for seen in self.hits.iter_mut().chain(&mut self.last) {
            seen.at_ms = seen.at_ms.map(|at| at.saturating_add(by_ms));
        }
        let slots = std::mem::take(&mut self.slots);
        for (at, count) in slots {
            self.add_slot(at.saturating_add(by_ms), count);
        }
    }

    /// Adds what another file's tally counted, but for its hits.
    pub(in crate::log) fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.first_ms = [self.first_ms, other.first_ms].into_iter().flatten().min();
        self.last_ms = [self.last_ms, other.last_ms].into_iter().flatten().max();
        for ((values, count), hash) in other.values.iter().zip(&other.hashes) {
            self.add_values(*hash, *count, |known| known == values, || values.clone());
        }
        if other.width > self.width {
            self.width = other.width;
            let narrow = std::mem::take(&mut self.slots);
            for (at, count) in narrow {
                self.add_slot(at, count);
            }
        }
        for (&at, &count) in &other.slots {
            self.add_slot(at, count);
        }
    }

    /// Value combinations, the most frequent first, in the order of appearance among equals.
    pub(in crate::log) fn values(&self) -> Vec<(BTreeMap<&'static str, String>, u64)> {
        let mut values: Vec<_> = self
            .values
            .iter()
            .map(|(values, count)| (values.iter().cloned().collect(), *count))
            .collect();
        values.sort_by_key(|(_, count): &(_, u64)| std::cmp::Reverse(*count));
        values
    }

    /// Slots and their width.
    pub(in crate::log) fn slots(&self) -> (Vec<(i64, u64)>, i64) {
        (self.slots.iter().map(|(&at, &count)| (at, count)).collect(), SLOTS_MS[self.width])
    }
}
