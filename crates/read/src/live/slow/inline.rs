//! Slow statements within logs of applications: p6spy (single and multi-line), Hibernate, and lines
//! that call a statement or request slow and say how long it took.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::summary::Summary;
use super::{Event, TimeIs, address_in, most_lines, template, time_us, with_unit};
use crate::live::LineReader;
use crate::live::found::{Found, beginning};

/// Categories of p6spy that are calls to the database.
const CATEGORIES: &[&str] = &["statement", "batch", "commit", "rollback"];

/// Whether a text that need not be a log holds such lines: p6spy's own file has no levels.
pub(super) fn accepts(head: &str) -> bool {
    head.lines().take(20).any(|line| single(line).is_some() || multi(line).is_some())
}

/// Whether most of the first lines call something slow: a channel of alerts.
pub(super) fn tells(head: &str) -> bool {
    most_lines(head, |line| told(line).is_some())
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Inline {
    p6spy: Summary,
    slow: Summary,
    /// The first line of p6spy's multi-line form, whose statement comes next.
    open: Option<(Call, u64, String)>,
}

impl Default for Inline {
    fn default() -> Self {
        Self {
            p6spy: Summary::new("p6spy", TimeIs::End),
            slow: Summary::new("application", TimeIs::End),
            open: None,
        }
    }
}

impl LineReader for Inline {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        if let Some((call, line, shown)) = self.open.take() {
            count(&mut self.p6spy, &call, text, line, &shown);
            return;
        }
        // Cheap: most lines of a log hold no bar, and nothing slow.
        let has_bar = memchr::memchr(b'|', text.as_bytes()).is_some();
        if has_bar && let Some((call, statement)) = single(text) {
            count(&mut self.p6spy, &call, statement, number, text);
        } else if has_bar && let Some(call) = multi(text) {
            self.open = Some((call, number, beginning(text, 512).to_owned()));
        } else if let Some((call, statement)) = told(text) {
            count(&mut self.slow, &call, statement, number, text);
        }
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        self.p6spy.finish(found);
        self.slow.finish(found);
    }
}

/// What a line says besides the statement.
#[derive(Clone, Debug)]
struct Call {
    at_us: Option<i64>,
    duration_us: u64,
    client: Option<String>,
}

fn count(summary: &mut Summary, call: &Call, statement: &str, line: u64, text: &str) {
    let is_request = statement.split_whitespace().nth(1).is_some_and(|path| path.starts_with('/'));
    let template = if is_request { template::request } else { template::statement };
    summary.add(&Event {
        template: template(beginning(statement, 8 << 10)),
        client: call.client.as_deref(),
        at_us: call.at_us,
        duration_us: call.duration_us,
        lock_us: None,
        rows: None,
        line,
        text,
    });
}

/// `now|elapsed|category|connection N|url U|prepared|sql`, perhaps behind a logger's head.
fn single(text: &str) -> Option<(Call, &str)> {
    let at =
        CATEGORIES.iter().find_map(|category| text.find(&format!("|{category}|connection ")))?;
    let (front, ms) = text[..at].rsplit_once('|')?;
    let ms: u64 = ms.parse().ok()?;
    let now = front.rsplit([' ', ':']).next().filter(|now| now.len() == 13).unwrap_or(front);
    let mut fields = text[at + 1..].splitn(5, '|');
    let prepared = fields.nth(3)?;
    let effective = fields.next().unwrap_or(prepared);
    // Without `url U` the prepared statement is one field earlier.
    let statement = if effective.is_empty() { prepared } else { effective };
    let at_us = time_us(now).or_else(|| time_us(text)).map(|(us, _)| us);
    Some((Call { at_us, duration_us: ms.saturating_mul(1000), client: None }, statement))
}

/// `#now | took Nms | category | connection N| url U`.
fn multi(text: &str) -> Option<Call> {
    let (front, rest) = text.split_once(" | took ")?;
    let (duration_us, rest) = with_unit(rest)?;
    CATEGORIES.iter().any(|category| rest.starts_with(&format!(" | {category} |"))).then_some(())?;
    let now = front.rsplit_once('#').map_or(front, |(_, now)| now);
    Some(Call { at_us: time_us(now).map(|(us, _)| us), duration_us, client: None })
}

static LOW: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("low"));

/// `… SlowQuery: 812 milliseconds. SQL: '…'` of Hibernate; `slow query (812 ms): select …`.
fn told(text: &str) -> Option<(Call, &str)> {
    // Cheap: most lines of a log leave here.
    let at = LOW.find(text.as_bytes())?;
    let is_word = text[..at].ends_with(['s', 'S']) && at > 0;
    is_word.then_some(())?;
    let rest = text[at + 3..].trim_start_matches([' ', '-', '_']);
    let kinds = ["Query", "query", "SQL", "sql", "statement", "request", "Request", "call"];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let (duration_us, behind) = rest
        .match_indices(|c: char| c.is_ascii_digit())
        .map(|(at, _)| &rest[at..])
        .take(8)
        .find_map(with_unit)?;
    let statement = match behind.split_once("SQL: '") {
        Some((_, sql)) => sql.trim_end_matches('\''),
        None => behind.trim_start_matches([']', ')', ':', '.', ',', '-', ' ']),
    };
    let statement = statement.trim_matches('`');
    (statement.len() > 3).then_some(())?;
    let at_us = time_us(text).or_else(|| time_us(text.trim_start_matches('['))).map(|(us, _)| us);
    let client = address_in(&text[..at]).map(str::to_owned);
    Some((Call { at_us, duration_us, client }, statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6spy_and_hibernate_are_recognised() {
        let line = "1717243200123|812|statement|connection 3|url jdbc:p6spy:h2:mem:a|select * from t where id = ?|select * from t where id = 7";
        let (call, statement) = single(line).unwrap();
        assert_eq!((call.duration_us, call.at_us), (812_000, Some(1_717_243_200_123_000)));
        assert_eq!(statement, "select * from t where id = 7");
        let line = "2024-06-01 12:00:00.123  INFO 1 --- [main] p6spy : 1717243200123|5|commit|connection 0|url jdbc:x||";
        assert_eq!(single(line).unwrap().0.duration_us, 5_000);
        let call =
            multi("#1717243200123 | took 812ms | statement | connection 0| url jdbc:x").unwrap();
        assert_eq!(call.duration_us, 812_000);
        let line = "2024-06-01 12:00:00.123  INFO 1 --- [main] org.hibernate.SQL_SLOW : HHH000518: SlowQuery: 812 milliseconds. SQL: 'select 1'";
        let (call, statement) = told(line).unwrap();
        assert_eq!((call.duration_us, statement), (812_000, "select 1"));
        let line = "2024-06-01 12:00:00 WARN slow query (1204 ms) from 10.0.0.7: select from usage where device=42";
        assert_eq!(told(line).unwrap().0.duration_us, 1_204_000);
        assert!(told("the network is slow today: 7 ms").is_none());
        assert!(told("2024 INFO slowlog-max-len 128").is_none());
    }
}
