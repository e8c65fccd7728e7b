//! Texts that say what went wrong, and with which numbers.
//!
//! A table with one row per text: a literal that must occur, which one pass over the event finds
//! for all rows together, and a pattern whose named groups become the values of a hit.

mod client;
mod cloud;
mod database;
mod gateway;
mod host;
mod jvm;
mod kafka;
mod platform;
mod registry;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

pub(in crate::log) use tally::{Seen, Tally};

/// One text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// The signal's name; several texts may share one.
    name: &'static str,
    /// Occurs in every such text, on the line where the pattern begins.
    literal: &'static str,
    /// The text; named groups are values.
    pattern: &'static str,
}

/// A row of the table.
const fn text(name: &'static str, literal: &'static str, pattern: &'static str) -> Text {
    Text { name, literal, pattern }
}

/// The families of the table.
const TABLES: &[&[Text]] = &[
    kafka::TEXTS,
    client::TEXTS,
    database::TEXTS,
    gateway::TEXTS,
    registry::TEXTS,
    cloud::TEXTS,
    jvm::TEXTS,
    platform::TEXTS,
    host::TEXTS,
];

/// Names of all signals, each once, ascending.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = TABLES.iter().flat_map(|table| *table).map(|t| t.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Bytes from a literal's line on in which its pattern is looked for.
const WINDOW_BYTES: usize = 16 << 10;

/// One text found in an event.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: &'static str,
    /// Where in the event.
    pub(super) at: Range<usize>,
    pub(super) values: BTreeMap<&'static str, String>,
}

/// Literals that tell of an exception, which is no signal by itself.
const EXCEPTION_LITERALS: &[&str] =
    &["Exception", "Error", "Caused by", "panic: ", "Throwable", "Failure"];

/// Finds signals in events.
#[derive(Debug)]
pub(super) struct Matcher {
    literals: AhoCorasick,
    texts: Vec<Row>,
}

/// A row with its pattern, which is made at the first use.
#[derive(Debug)]
struct Row {
    text: Text,
    /// Whether the pattern begins with the literal, so that nothing need be searched.
    begins: bool,
    regex: OnceLock<Option<Regex>>,
}

impl Row {
    fn of(text: Text) -> Self {
        // With several ways to match, one may begin elsewhere.
        let begins =
            text.pattern.starts_with(&regex::escape(text.literal)) && !text.pattern.contains('|');
        Self { text, begins, regex: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        let make = || {
            let pattern = self.text.pattern;
            if self.begins {
                Regex::new(&format!("^(?:{pattern})")).ok()
            } else {
                Regex::new(pattern).ok()
            }
        };
        self.regex.get_or_init(make).as_ref()
    }
}

static MATCHER: LazyLock<Option<Matcher>> = LazyLock::new(Matcher::new);

/// The matcher, built at the first use.
pub(super) fn matcher() -> Option<&'static Matcher> {
    MATCHER.as_ref()
}

impl Matcher {
    fn new() -> Option<Self> {
        let texts: Vec<Text> = TABLES.iter().flat_map(|table| *table).copied().collect();
        let literals =
            texts.iter().map(|text| text.literal).chain(EXCEPTION_LITERALS.iter().copied());
        let literals = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)
            .ok()?;
        let texts = texts.into_iter().map(Row::of).collect();
        Some(Self { literals, texts })
    }

    /// Finds what an event says, each signal once, and whether it may hold an exception.
    pub(super) fn scan(&'static self, event: &str, found: &mut Vec<Found>) -> bool {
        found.clear();
        let mut may_have_exception = false;
        let mut tried: Vec<usize> = Vec::new();
        for hit in self.literals.find_overlapping_iter(event) {
            let index = hit.pattern().as_usize();
            let Some(row) = self.texts.get(index) else {
                may_have_exception = true;
                continue;
            };
            // A literal that occurs often is tried a few times only.
            if tried.iter().filter(|&&other| other == index).count() >= 4
                || found.iter().any(|found| found.name == row.text.name && !found.values.is_empty())
            {
                continue;
            }
            tried.push(index);
            let Some(regex) = row.regex() else {
                continue;
            };
            let start = if row.begins {
                hit.start()
            } else {
                event[..hit.start()].rfind('\n').map_or(0, |at| at + 1)
            };
            let mut end = event.len().min(start + WINDOW_BYTES).max(hit.end());
            while !event.is_char_boundary(end) {
                end -= 1;
            }
            let Some(here) = capture(regex, row.text.name, &event[start..end], start) else {
                continue;
            };
            // Of two texts for one signal the one with values counts.
            match found.iter_mut().find(|found| found.name == row.text.name) {
                None => found.push(here),
                Some(known) if !here.values.is_empty() => *known = here,
                Some(_) => {}
            }
        }
        // How a probe was answered is a matter of the probe.
        let is_probe =
            |one: &Found| one.name.starts_with("kubernetes.") && one.name.ends_with("-failed");
        if found.iter().any(is_probe) {
            found.retain(|one| !one.name.starts_with("client."));
        }
        may_have_exception
    }
}

fn capture(regex: &'static Regex, name: &'static str, window: &str, start: usize) -> Option<Found> {
    let captures = regex.captures(window)?;
    let whole = captures.get(0)?;
    let values = regex
        .capture_names()
        .flatten()
        .filter_map(|name| Some((name, captures.name(name)?.as_str().to_owned())))
        .collect();
    Some(Found { name, at: start + whole.start()..start + whole.end(), values })
}
