//! What logs said, condensed: a log of any length costs its templates and signals, not its lines.

use std::collections::BTreeMap;

use wonin_text::{FileId, Place};

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Trace, debug, info, or no level at all.
    Info,
    /// Warning.
    Warning,
    /// Error, fatal, panic, or a line with an exception.
    Error,
}

/// One log file, or one service of a combined one.
#[derive(Debug)]
pub struct Log {
    /// An excerpt of the file: the lines that places point to.
    pub file: FileId,
    /// What wrote it, as far as the lines tell: `spring-boot`, `kafka`, `postgresql`, `nginx-error`.
    pub format: &'static str,
    /// The service that wrote it: a Compose prefix, a file name that a service bears.
    pub service: Option<String>,
    /// Lines read.
    pub lines: u64,
    /// Events: lines, with their stack traces and continuations counted as one.
    pub events: u64,
    /// Events of [`Level::Error`].
    pub errors: u64,
    /// Time of the first event, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Time of the last event.
    pub last_ms: Option<i64>,
    /// Whether a time was written without its zone and taken as UTC.
    pub zone_assumed: bool,
    /// Whether times lack the year or the whole date and it was taken from other logs.
    pub date_assumed: bool,
    /// How often the time went back by more than a minute.
    pub clock_jumps: u64,
    /// Longest time without a line while the log went on before and after, or up to the end of the
    /// other logs: begin and end.
    pub silence_ms: Option<(i64, i64)>,
    /// Templates, the most frequent first.
    pub templates: Vec<Template>,
}

/// Lines that differ only in their variables.
#[derive(Clone, Debug)]
pub struct Template {
    /// The words, `<*>` for a variable.
    pub text: String,
    /// Deepest exception of its events, class and message of the first; events of different
    /// classes are different templates.
    pub cause: Option<String>,
    /// Highest level seen.
    pub level: Level,
    /// Events.
    pub count: u64,
    /// First and last time, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Last time.
    pub last_ms: Option<i64>,
    /// The first event's line.
    pub example: Place,
    /// Names of the signals recognised in events of this template.
    pub signals: Vec<&'static str>,
}

/// What times do not say themselves, and was taken from elsewhere: nothing to show as a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumed {
    /// The whole date is written.
    #[default]
    Nothing,
    /// The year is not.
    Year,
    /// Neither is the day.
    Day,
}

/// Everything one recognised text said, over all logs.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Name of the text: `kafka.not-present-in-metadata`; the reader's table has them all.
    pub name: &'static str,
    /// The log's service, where known.
    pub service: Option<String>,
    /// Events.
    pub count: u64,
    /// First time, Unix milliseconds.
    pub first_ms: Option<i64>,
    /// Last time.
    pub last_ms: Option<i64>,
    /// The first hits and the last one; at most [`Signal::KEPT`].
    pub hits: Vec<Hit>,
    /// How often each combination of values occurred; at most [`Signal::KEPT`], the rest under
    /// an empty map.
    pub values: Vec<(BTreeMap<&'static str, String>, u64)>,
    /// Events per time slot, ascending: start in Unix milliseconds and count. Slots widen so that
    /// there are at most 256.
    pub slots: Vec<(i64, u64)>,
    /// Width of a slot in milliseconds.
    pub slot_ms: i64,
    /// What some of the times do not say.
    pub assumed: Assumed,
}

impl Signal {
    /// How many hits and value combinations are kept.
    pub const KEPT: usize = 64;

    /// The values seen under one name, each once, most frequent first.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for (values, count) in &self.values {
            if let Some(value) = values.get(name) {
                *counted.entry(value).or_default() += count;
            }
        }
        let mut ordered: Vec<(&str, u64)> = counted.into_iter().collect();
        ordered.sort_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
        ordered.into_iter().map(|(value, _)| value).collect()
    }
}

/// One event in which a signal was recognised.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The text recognised, in its log.
    pub place: Place,
    /// Unix milliseconds.
    pub at_ms: Option<i64>,
    /// The variable parts by name: `ms`, `topic`, `address`.
    pub values: BTreeMap<&'static str, String>,
}
