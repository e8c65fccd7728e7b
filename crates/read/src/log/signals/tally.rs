//! Counting hits in bounded memory.

use std::collections::BTreeMap;

use wonin_model::Signal;

use crate::log::drain::hash_bytes;

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

/// Values of one hit by name.
pub(in crate::log) type Values = BTreeMap<&'static str, String>;

fn hash_of(values: &Values) -> u64 {
    values.iter().fold(1, |hash, (name, value)| {
        hash_bytes(hash_bytes(hash, name.as_bytes()), value.as_bytes())
    })
}

/// A hit as the reader of one file sees it.
#[derive(Clone, Debug)]
pub(in crate::log) struct Seen {
    /// Line, and the bytes of the text within it.
    pub(in crate::log) line: u64,
    /// The line itself.
    pub(in crate::log) shown: Box<str>,
    pub(in crate::log) within: std::ops::Range<usize>,
    pub(in crate::log) at_ms: Option<i64>,
    pub(in crate::log) values: Values,
}

/// What one signal said so far in one file.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Tally {
    pub(in crate::log) count: u64,
    pub(in crate::log) first_ms: Option<i64>,
    pub(in crate::log) last_ms: Option<i64>,
    pub(in crate::log) hits: Vec<Seen>,
    pub(in crate::log) last: Option<Seen>,
    /// Each with its hash, so that most are told apart without a look.
    values: Vec<(u64, Values, u64)>,
    slots: BTreeMap<i64, u64>,
    width: usize,
}

impl Tally {
    /// Counts a hit that occurred so many times. The first ones are kept where `is_kept`, and the last one; says whether it
    /// is one of the first.
    pub(in crate::log) fn add(&mut self, mut seen: Seen, times: u64, is_kept: bool) -> bool {
        for value in seen.values.values_mut() {
            let mut end = value.len().min(VALUE_BYTES_MAX);
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            value.truncate(end);
        }
        self.count += times;
        if let Some(at) = seen.at_ms {
            self.first_ms = Some(self.first_ms.map_or(at, |first| first.min(at)));
            self.last_ms = Some(self.last_ms.map_or(at, |last| last.max(at)));
            self.add_slot(at, times);
        }
        self.add_values(&seen.values, times);
        let is_first = self.hits.is_empty() || (is_kept && self.hits.len() < Signal::KEPT - 1);
        if is_first {
            self.hits.push(seen);
        } else {
            self.last = Some(seen);
        }
        is_first
    }

    fn add_values(&mut self, values: &Values, count: u64) {
        let hash = hash_of(values);
        let same = |one: &&mut (u64, Values, u64)| one.0 == hash && one.1 == *values;
        if let Some((_, _, known)) = self.values.iter_mut().find(same) {
            *known += count;
        } else if self.values.len() < Signal::KEPT - 1 {
            self.values.push((hash, values.clone(), count));
        } else if let Some((_, _, rest)) = self.values.iter_mut().find(|one| one.1.is_empty()) {
            *rest += count;
        } else {
            let rest = Values::new();
            self.values.push((hash_of(&rest), rest, count));
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
        for (_, values, count) in &other.values {
            self.add_values(values, *count);
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
    pub(in crate::log) fn values(&self) -> Vec<(Values, u64)> {
        let mut values: Vec<(Values, u64)> =
            self.values.iter().map(|(_, values, count)| (values.clone(), *count)).collect();
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        values
    }

    /// Slots and their width.
    pub(in crate::log) fn slots(&self) -> (Vec<(i64, u64)>, i64) {
        (self.slots.iter().map(|(&at, &count)| (at, count)).collect(), SLOTS_MS[self.width])
    }
}
