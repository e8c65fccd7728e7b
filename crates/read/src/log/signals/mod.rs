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
mod known;
mod platform;
mod registry;
mod tally;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

pub(in crate::log) use known::Known;
pub(in crate::log) use tally::{Hit, Tally};

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
    /// Where the values are in the event, by name, ascending.
    pub(super) values: Vec<(&'static str, Range<usize>)>,
}

/// What one event says.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Each signal once.
    pub(super) found: Vec<Found>,
    pub(super) may_have_exception: bool,
    /// Whether another digit in the place of one could have led to something else.
    depends_on_digits: bool,
}

/// Literals that tell of an exception, which is no signal by itself.
const EXCEPTION_LITERALS: &[&str] =
    &["Exception", "Error", "Caused by", "panic: ", "Throwable", "Failure"];

/// Finds signals in events.
#[derive(Debug)]
pub(super) struct Matcher {
    literals: AhoCorasick,
    texts: Vec<Row>,
    /// The literals that hold digits, as [`known::mask`] makes them.
    masked_literals: AhoCorasick,
}

/// A row with its pattern, which is made at the first use.
#[derive(Debug)]
struct Row {
    text: Text,
    /// Whether the pattern begins with the literal, so that nothing need be searched.
    begins: bool,
    /// Whether literal or pattern name a digit, so that not every number would do.
    names_digits: bool,
    pattern: OnceLock<Option<Pattern>>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Names of the groups with their numbers, ascending.
    names: Vec<(&'static str, usize)>,
}

impl Row {
    fn of(text: Text) -> Self {
        // With several ways to match, one may begin elsewhere.
        let begins =
            text.pattern.starts_with(&regex::escape(text.literal)) && !text.pattern.contains('|');
        let names_digits = holds_digits(text.literal) || holds_digits(text.pattern);
        Self { text, begins, names_digits, pattern: OnceLock::new() }
    }

    fn pattern(&self) -> Option<&Pattern> {
        self.pattern.get_or_init(|| Pattern::of(self.text.pattern, self.begins)).as_ref()
    }
}

impl Pattern {
    fn of(pattern: &'static str, begins: bool) -> Option<Self> {
        let regex =
            if begins { Regex::new(&format!("^(?:{pattern})")) } else { Regex::new(pattern) };
        let regex = regex.ok()?;
        let groups = regex.capture_names().enumerate();
        let mut names: Vec<(&str, usize)> = groups
            .filter_map(|(number, name)| Some((in_pattern(pattern, name?)?, number)))
            .collect();
        names.sort_unstable();
        Some(Self { regex, names })
    }

    /// Matches within a window of an event, which begins at `start`.
    fn find(&self, name: &'static str, window: &str, start: usize) -> Option<Found> {
        let captures = self.regex.captures(window)?;
        let place = |number: usize| {
            let part = captures.get(number)?;
            Some(start + part.start()..start + part.end())
        };
        let values = self.names.iter().filter_map(|&(name, number)| Some((name, place(number)?)));
        Some(Found { name, at: place(0)?, values: values.collect() })
    }
}

/// The name of a group as it stands in the pattern, which lives as long as the program.
fn in_pattern(pattern: &'static str, name: &str) -> Option<&'static str> {
    let at = pattern.find(&format!("<{name}>"))? + 1;
    pattern.get(at..at + name.len())
}

fn holds_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

static MATCHER: LazyLock<Option<Matcher>> = LazyLock::new(Matcher::new);

/// The matcher, built at the first use.
pub(super) fn matcher() -> Option<&'static Matcher> {
    MATCHER.as_ref()
}

impl Matcher {
    fn new() -> Option<Self> {
        let texts: Vec<Text> = TABLES.iter().flat_map(|table| *table).copied().collect();
        let literals = texts.iter().map(|text| text.literal);
        let with_digits = literals.clone().filter(|literal| holds_digits(literal)).map(known::mask);
        let masked_literals = AhoCorasick::new(with_digits).ok()?;
        let literals = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals.chain(EXCEPTION_LITERALS.iter().copied()))
            .ok()?;
        let texts = texts.into_iter().map(Row::of).collect();
        Some(Self { literals, texts, masked_literals })
    }

    /// Finds what an event says.
    pub(super) fn scan(&self, event: &str, scan: &mut Scan) {
        scan.found.clear();
        scan.may_have_exception = false;
        scan.depends_on_digits = false;
        let mut tried: Vec<usize> = Vec::new();
        for hit in self.literals.find_overlapping_iter(event) {
            let index = hit.pattern().as_usize();
            let Some(row) = self.texts.get(index) else {
                scan.may_have_exception = true;
                continue;
            };
            let name = row.text.name;
            scan.depends_on_digits |= row.names_digits;
            // A literal that occurs often is tried a few times only.
            if tried.iter().filter(|&&other| other == index).count() >= 4
                || scan.found.iter().any(|found| found.name == name && !found.values.is_empty())
            {
                continue;
            }
            tried.push(index);
            let Some(pattern) = row.pattern() else {
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
            let Some(here) = pattern.find(name, &event[start..end], start) else {
                continue;
            };
            // Of two texts for one signal the one with values counts.
            match scan.found.iter_mut().find(|found| found.name == name) {
                None => scan.found.push(here),
                Some(known) if !here.values.is_empty() => *known = here,
                Some(_) => {}
            }
        }
        // How a probe was answered is a matter of the probe.
        let is_probe =
            |one: &Found| one.name.starts_with("kubernetes.") && one.name.ends_with("-failed");
        if scan.found.iter().any(is_probe) {
            scan.found.retain(|one| !one.name.starts_with("client."));
        }
    }
}
