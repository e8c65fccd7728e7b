//! What the events of a file are counted for: their templates and their signals.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::Level;

use super::Told;
use crate::log::drain::Miner;
use crate::log::event::{Event, cut};
use crate::log::hash::{hash_bytes, mix};
use crate::log::head::Style;
use crate::log::signals::{Found, Hit, Scan, Tally};

/// Tells templates of errors from those of other events.
const WENT_WRONG: u64 = 0xe4;
/// Classes of exceptions told apart within one file.
const CAUSES_MAX: usize = 512;
/// Signals of services told apart within one file.
const TALLIES_MAX: usize = 2048;
/// Hits kept of one file, besides the first and the last one of each signal.
const HITS_MAX: usize = 8192;
/// Bytes kept of a template's example.
const EXAMPLE_BYTES_MAX: usize = 1 << 10;

/// One template's events.
#[derive(Clone, Debug)]
pub(in crate::log) struct Mined {
    pub(in crate::log) text: String,
    pub(in crate::log) cause: Option<String>,
    pub(in crate::log) level: Level,
    pub(in crate::log) count: u64,
    pub(in crate::log) first_ms: Option<i64>,
    pub(in crate::log) last_ms: Option<i64>,
    pub(in crate::log) line: u64,
    shown: Box<str>,
    pub(in crate::log) signals: BTreeSet<&'static str>,
    stream: usize,
}

impl Mined {
    fn join(&mut self, other: Self) {
        self.level = self.level.max(other.level);
        self.count += other.count;
        self.first_ms = [self.first_ms, other.first_ms].into_iter().flatten().min();
        self.last_ms = [self.last_ms, other.last_ms].into_iter().flatten().max();
        self.signals.extend(other.signals);
        if other.line < self.line {
            self.line = other.line;
            self.shown = other.shown;
            self.cause = other.cause;
        }
    }
}

/// An event with what was found out about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    pub(super) event: &'a Event,
    /// The number of its stream.
    pub(super) stream: usize,
    pub(super) level: Level,
    /// Class and message of the deepest exception.
    pub(super) cause: Option<(&'a str, &'a str)>,
    pub(super) at_ms: Option<i64>,
    pub(super) scan: &'a Scan,
}

impl Counted<'_> {
    /// How often the event occurred.
    fn times(&self) -> u64 {
        self.event.times.max(1)
    }
}

/// Templates of one file.
#[derive(Debug, Default)]
pub(super) struct Templates {
    miner: Miner,
    mined: Vec<Mined>,
    causes: BTreeSet<u64>,
}

impl Templates {
    /// Counts an event for its template.
    pub(super) fn add(&mut self, counted: Counted<'_>) {
        let event = counted.event;
        let message = event.message();
        let status = (event.style == Some(Style::Access)).then(|| status_of(message)).flatten();
        let key = self.key(&counted, status);
        if self.miner.is_full() {
            self.lay_together();
        }
        let number = self.miner.learn(key, message) as usize;
        if number == self.mined.len() {
            let (line, shown) = event.first();
            self.mined.push(Mined {
                text: status.map_or_else(String::new, |status| format!("{status} ")),
                cause: counted.cause.map(|(class, message)| words_of(class, message)),
                level: counted.level,
                count: 0,
                first_ms: None,
                last_ms: None,
                line,
                shown: cut(shown, EXAMPLE_BYTES_MAX).into(),
                signals: BTreeSet::new(),
                stream: counted.stream,
            });
        }
        let mined = &mut self.mined[number];
        mined.level = mined.level.max(counted.level);
        mined.count += counted.times();
        if let Some(at) = counted.at_ms {
            mined.first_ms = Some(mined.first_ms.map_or(at, |first| first.min(at)));
            mined.last_ms = Some(mined.last_ms.map_or(at, |last| last.max(at)));
        }
        mined.signals.extend(counted.scan.found.iter().map(|found| found.name));
    }

    /// What tells templates apart besides their texts: stream, class of exception, failure, status.
    fn key(&mut self, counted: &Counted<'_>, status: Option<&str>) -> u64 {
        let mut key = counted.stream as u64;
        if let Some((class, _)) = counted.cause {
            let hash = hash_bytes(7, class.as_bytes());
            if self.causes.len() < CAUSES_MAX {
                self.causes.insert(hash);
            }
            if self.causes.contains(&hash) {
                key = mix(key, hash);
            }
        }
        // What went wrong is another kind than what went well under the same words.
        if counted.level == Level::Error {
            key = mix(key, WENT_WRONG);
        }
        status.map_or(key, |status| hash_bytes(key, status.as_bytes()))
    }

    fn lay_together(&mut self) {
        let numbers = self.miner.lay_together();
        let mut joined: BTreeMap<u32, Mined> = BTreeMap::new();
        for (mined, number) in std::mem::take(&mut self.mined).into_iter().zip(numbers) {
            match joined.entry(number) {
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(mined);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().join(mined);
                }
            }
        }
        self.mined = joined.into_values().collect();
    }

    /// Puts the templates into what the file said.
    pub(super) fn finish(mut self, told: &mut Told) {
        self.lay_together();
        for (number, mut mined) in self.mined.into_iter().enumerate() {
            let text = self.miner.text(number as u32);
            mined.text.push_str(if text.is_empty() { "<*>" } else { &text });
            told.shown.entry(mined.line).or_insert_with(|| mined.shown.to_string());
            told.templates.push((mined.stream, mined));
        }
    }
}

/// Signals of one file.
#[derive(Debug)]
pub(super) struct Signals {
    tallies: BTreeMap<(&'static str, usize), Tally>,
    /// Hits that may still be kept.
    hits_left: usize,
}

impl Default for Signals {
    fn default() -> Self {
        Self { tallies: BTreeMap::new(), hits_left: HITS_MAX }
    }
}

impl Signals {
    /// Counts what was found in an event.
    pub(super) fn add(&mut self, counted: Counted<'_>) {
        for found in &counted.scan.found {
            self.add_one(found, counted);
        }
    }

    fn add_one(&mut self, found: &Found, counted: Counted<'_>) {
        let (line, shown, within) = counted.event.locate(found.at.clone());
        let event = counted.event.text.as_str();
        let hit = Hit { line, shown, within, at_ms: counted.at_ms, event, values: &found.values };
        let mut key = (found.name, counted.stream);
        if self.tallies.len() >= TALLIES_MAX && !self.tallies.contains_key(&key) {
            key.1 = 0;
        }
        let tally = self.tallies.entry(key).or_default();
        if tally.add(&hit, counted.times(), self.hits_left > 0) {
            self.hits_left = self.hits_left.saturating_sub(1);
        }
    }

    /// Puts the signals into what the file said.
    pub(super) fn finish(self, told: &mut Told) {
        let hits = self.tallies.values().flat_map(|tally| tally.hits.iter().chain(&tally.last));
        for seen in hits {
            told.shown.entry(seen.line).or_insert_with(|| seen.shown.clone());
        }
        told.signals = self.tallies;
    }
}

/// Status of a request's line: the three digits behind its second quote.
fn status_of(message: &str) -> Option<&str> {
    let after = message[message.find('"')? + 1..].trim_start();
    after.get(..3)
}

fn words_of(class: &str, message: &str) -> String {
    let message = cut(message, 512);
    if message.is_empty() { class.to_owned() } else { format!("{class}: {message}") }
}
