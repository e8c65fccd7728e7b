//! Slow statements and requests: each line or block becomes an [`Event`], and events are summed
//! over their templates. Memory is that of the templates, whatever the length of the file.

mod access;
mod inline;
mod json;
mod mysql;
mod postgres;
mod redis;
mod requests;
mod summary;
mod template;

pub(super) use redis::{accepts_json as accepts_redis_json, read_json as read_redis_json};
use template::Template;

use super::LineReader;
use crate::log::time;

/// One statement or request.
#[derive(Debug)]
struct Event<'a> {
    template: Template,
    client: Option<&'a str>,
    /// When it began or ended, in microseconds since 1970.
    at_us: Option<i64>,
    duration_us: u64,
    lock_us: Option<u64>,
    /// Rows or documents looked at, and given back.
    rows: Option<(u64, u64)>,
    /// The line that shows it.
    line: u64,
    text: &'a str,
}

/// Which end of an event the time of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeIs {
    Begin,
    End,
    /// Found from the times themselves: one server that takes requests one by one puts begins and
    /// ends into the same order.
    Unknown,
    /// Durations leave out all waiting, so that they are the service times.
    Service,
}

/// Lines of a head that are looked at.
const LINES_SEEN: usize = 50;

/// Whether most of the first lines are such: one in five may be something else, and one or two
/// lines alone say nothing.
fn most_lines(head: &str, is_such: impl Fn(&str) -> bool) -> bool {
    let lines = head.lines().take(LINES_SEEN).filter(|line| !line.is_empty());
    let (all, fit) =
        lines.fold((0, 0), |(all, fit), line| (all + 1, fit + usize::from(is_such(line))));
    all >= 3 && fit * 5 >= all * 4
}

/// The readers that want a file which begins like this; `is_log` where it is a log, in which
/// statements may turn up at any time.
pub(super) fn readers(path: &str, head: &str, is_log: bool) -> Vec<Box<dyn LineReader>> {
    let mut readers: Vec<Box<dyn LineReader>> = Vec::new();
    if postgres::accepts(head) {
        readers.push(Box::new(postgres::Postgres::default()));
    }
    if mysql::accepts(head) {
        readers.push(Box::new(mysql::Mysql::default()));
    }
    if redis::accepts(head) {
        readers.push(Box::new(redis::Redis::default()));
    }
    if access::accepts(head) {
        readers.push(Box::new(access::Access::of(path)));
    } else if json::accepts(head) {
        readers.push(Box::new(json::JsonLines::default()));
    } else if inline::tells(head) {
        readers.push(Box::new(inline::Inline::default()));
    } else if let Some(reader) = requests::Requests::of(head) {
        readers.push(Box::new(reader));
    } else if is_log || inline::accepts(head) {
        readers.push(Box::new(inline::Inline::default()));
    }
    readers
}

/// A time with microseconds and how many bytes spell it. The general reader of times keeps
/// milliseconds, which is too coarse for a queue of short statements.
fn time_us(text: &str) -> Option<(i64, usize)> {
    let stamp = time::parse(text.as_bytes(), time::Base::default())?;
    if stamp.date != time::Date::Full {
        return None;
    }
    let written = &text[..stamp.len];
    let dot = written.find(['.', ',']).map_or(written.len(), |at| at + 1);
    let digits = written[dot..].bytes().take_while(u8::is_ascii_digit).count();
    let below = written[dot..].get(3..digits.min(6)).unwrap_or("");
    let micros = below.parse::<i64>().unwrap_or(0) * [1, 100, 10, 1][below.len()];
    Some((stamp.ms.checked_mul(1000)?.checked_add(micros)?, stamp.len))
}

/// Seconds as text in microseconds: `0.200202`.
fn seconds_us(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| (seconds * 1e6).round() as u64)
}

/// Units of durations, in microseconds; the longest spelling first.
const UNITS: &[(&str, f64)] = &[
    ("milliseconds", 1e3),
    ("microseconds", 1.0),
    ("seconds", 1e6),
    ("msecs", 1e3),
    ("msec", 1e3),
    ("secs", 1e6),
    ("sec", 1e6),
    ("ms", 1e3),
    ("us", 1.0),
    ("µs", 1.0),
    ("ns", 1e-3),
    ("s", 1e6),
];

/// A number with its unit in microseconds: `412ms`, `412 ms`, `0.4s`, `35 µs`, and the rest behind
/// it.
fn with_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let rest = text[digits..].trim_start_matches(' ');
    // The unit first: most numbers have none, and need not be converted.
    if !rest.starts_with(['m', 's', 'u', 'µ', 'n']) {
        return None;
    }
    let (us, rest) = UNITS.iter().find_map(|(unit, us)| {
        let rest = rest.strip_prefix(unit)?;
        let ends = !rest.starts_with(|c: char| c.is_alphanumeric());
        ends.then_some((us, rest))
    })?;
    let number: f64 = text[..digits].parse().ok()?;
    Some(((number * us).round() as u64, rest))
}

/// The first word of a text that is an IPv4 address, with or without a port.
fn address_in(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    // Most texts hold no dot between digits and need not be split.
    if !memchr::memchr_iter(b'.', bytes).any(|at| is_digit(at.wrapping_sub(1)) && is_digit(at + 1))
    {
        return None;
    }
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | ',' | '=' | '@' | '"')
    })
    .map(|word| word.split(':').next().unwrap_or(word))
    .find(|word| word.parse::<std::net::Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_bear_their_units() {
        for (text, us) in [
            ("412ms", 412_000),
            ("412 ms", 412_000),
            ("0.4s", 400_000),
            ("35 µs", 35),
            ("1.5 seconds", 1_500_000),
        ] {
            assert_eq!(with_unit(text).unwrap().0, us, "{text}");
        }
        assert_eq!(with_unit("7 messages"), None);
        assert_eq!(with_unit("ms"), None);
    }

    #[test]
    fn times_keep_their_microseconds() {
        assert_eq!(time_us("2024-06-01T12:00:00.123456Z x").unwrap(), (1_717_243_200_123_456, 27));
        assert_eq!(time_us("2024-06-01 12:00:00").unwrap().0, 1_717_243_200_000_000);
        assert_eq!(time_us("12:00:00"), None);
    }
}
