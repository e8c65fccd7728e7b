//! Request logs of no particular program: a time, a client, a request, and how long it took. Either
//! a table with a heading (comma, semicolon, tab), or lines that all have a time in front and a
//! duration with its unit.

use super::summary::Summary;
use super::template::{self, Template};
use super::{Event, TimeIs, address_in, most_lines, seconds_us, time_us, with_unit};
use crate::live::LineReader;
use crate::live::found::Found;

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Requests {
    summary: Summary,
    /// Columns of a table.
    table: Option<Table>,
}

impl Requests {
    /// A reader, where a text begins like such a log.
    pub(super) fn of(head: &str) -> Option<Self> {
        let first = head.lines().next()?;
        if let Some(table) = Table::of(first) {
            let time_is = table.time_is;
            return Some(Self {
                summary: Summary::new("request-log", time_is),
                table: Some(table),
            });
        }
        most_lines(head, |line| free(line).is_some())
            .then(|| Self { summary: Summary::new("request-log", TimeIs::Unknown), table: None })
    }
}

impl LineReader for Requests {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        let parts = match &self.table {
            Some(table) => table.parts(text),
            None => free(text),
        };
        let Some(parts) = parts else {
            return;
        };
        self.summary.add(&Event {
            template: parts.template(),
            client: parts.client,
            at_us: Some(parts.at_us),
            duration_us: parts.duration_us,
            lock_us: None,
            rows: None,
            line: number,
            text,
        });
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        self.summary.finish(found);
    }
}

/// One line.
struct Parts<'a> {
    at_us: i64,
    client: Option<&'a str>,
    request: &'a str,
    duration_us: u64,
}

impl Parts<'_> {
    fn template(&self) -> Template {
        let text = self.request.trim();
        let is_request = text.starts_with('/')
            || text.split_whitespace().nth(1).is_some_and(|path| path.starts_with('/'));
        if is_request { template::request(text) } else { template::statement(text) }
    }
}

/// `2022-04-18T03:00:00.012Z 10.0.4.17 "GET /usage?device=1042" 412ms`; the duration may stand in
/// front, and may be named: `took 412 ms`, `duration=412ms`.
fn free(line: &str) -> Option<Parts<'_>> {
    let line = line.trim();
    let open = usize::from(line.starts_with('['));
    let (at_us, len) = time_us(&line[open..])?;
    let rest = line[open + len..].trim_start_matches([']', ' ', '\t', ',', '|']);
    if is_error(rest) {
        return None;
    }
    let (duration_us, start, end) = duration(rest)?;
    let (before, behind) = (&rest[..start], &rest[end..]);
    // The longer side is the request.
    let text = if before.len() >= behind.len() { before } else { behind };
    let text = text.trim().trim_end_matches(['|', '-', ',', '(', '[', ' ']);
    let client = address_in(text);
    if let Some(request) = named(text) {
        return Some(Parts { at_us, client, request, duration_us });
    }
    let text = match client {
        Some(client) => {
            let at = text.find(client)? + client.len();
            // The port, too.
            text[at..].trim_start_matches(|c: char| c == ':' || c.is_ascii_digit())
        }
        None => text,
    };
    let request = text.trim().trim_start_matches([']', '|', '-', ',', ' ']).trim_matches('"');
    // An answer's code behind the request is none of its words.
    let quote = memchr::memmem::find(request.as_bytes(), b"\" ");
    let request = quote.map_or(request, |quote| &request[..quote]);
    (request.len() > 2).then_some(Parts { at_us, client, request, duration_us })
}

/// Whether a program tells of an error: the time in such a line is one that it gave up after, and
/// no request's.
fn is_error(text: &str) -> bool {
    let words = text.split(' ').take(2).map(|word| word.trim_matches(['[', ']', '|', ':', ',']));
    words.into_iter().any(|word| matches!(word, "ERROR" | "FATAL" | "SEVERE" | "CRITICAL"))
}

/// `query="select …"`: the request in a field of its own.
fn named(text: &str) -> Option<&str> {
    const NAMES: &[&str] =
        &["query", "sql", "statement", "request", "command", "cmd", "uri", "path"];
    text.match_indices("=\"").find_map(|(at, sign)| {
        let name = text[..at].rsplit([' ', '\t', ',', '{']).next()?;
        let value = &text[at + sign.len()..];
        let end = value.find('"')?;
        (NAMES.contains(&name) && end > 2).then_some(&value[..end])
    })
}

/// A duration in a text, with where it stands; of several the last one.
fn duration(text: &str) -> Option<(u64, usize, usize)> {
    let mut found = None;
    let mut at = 0;
    while let Some(digit) = text.as_bytes()[at..].iter().position(u8::is_ascii_digit) {
        let start = at + digit;
        let is_word =
            text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let digits = text[start..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        if !is_word && let Some((us, rest)) = with_unit(&text[start..]) {
            let end = text.len() - rest.len();
            let begin = text[..start].trim_end();
            let named = ["took", "in", "duration", "elapsed", "time"];
            let begin = begin.trim_end_matches(['=', ':', '"']);
            let word = begin.rsplit([' ', '\t', ',', '(']).next().unwrap_or("");
            let from = if named.contains(&word) { begin.len() - word.len() } else { start };
            found = Some((us, from, end));
        }
        at = start + digits.max(1);
    }
    found
}

/// A table with a heading.
#[derive(Debug)]
struct Table {
    separator: char,
    time: usize,
    time_is: TimeIs,
    client: Option<usize>,
    request: usize,
    duration: usize,
    /// Microseconds of the duration's unit; 0 where each value has its own.
    unit_us: f64,
}

impl Table {
    fn of(heading: &str) -> Option<Self> {
        let separator = ['\t', ';', ','].into_iter().find(|sign| heading.contains(*sign))?;
        let names: Vec<String> = heading
            .split(separator)
            .map(|name| name.trim().trim_matches('"').to_ascii_lowercase())
            .collect();
        let column = |known: &[&str]| {
            known.iter().find_map(|known| names.iter().position(|name| name == known))
        };
        let ends = column(&["end", "end_time", "finished", "finished_at", "completed_at"]);
        let begins = column(&["start", "start_time", "started", "started_at", "begin"]);
        let plain = column(&["time", "timestamp", "ts", "@timestamp", "date", "datetime", "at"]);
        let (time, time_is) = begins
            .map(|at| (at, TimeIs::Begin))
            .or(ends.map(|at| (at, TimeIs::End)))
            .or(plain.map(|at| (at, TimeIs::Unknown)))?;
        let units: &[(&[&str], f64)] = &[
            (
                &["duration_ms", "elapsed_ms", "latency_ms", "took_ms", "response_time_ms", "ms"],
                1e3,
            ),
            (&["duration_us", "elapsed_us", "latency_us", "us"], 1.0),
            (&["duration_s", "elapsed_s", "seconds", "duration_seconds", "request_time"], 1e6),
            (&["duration", "elapsed", "latency", "took", "response_time"], 0.0),
        ];
        let (duration, unit_us) =
            units.iter().find_map(|(known, us)| Some((column(known)?, *us)))?;
        Some(Self {
            separator,
            time,
            time_is,
            client: column(&[
                "client",
                "client_ip",
                "ip",
                "remote",
                "remote_addr",
                "user",
                "caller",
                "host",
            ]),
            request: column(&[
                "request",
                "query",
                "statement",
                "sql",
                "path",
                "url",
                "uri",
                "endpoint",
                "command",
            ])?,
            duration,
            unit_us,
        })
    }

    fn parts<'a>(&self, line: &'a str) -> Option<Parts<'a>> {
        let cells = cells(line, self.separator);
        let cell = |index: usize| cells.get(index).copied();
        let duration = cell(self.duration)?;
        let duration_us = match self.unit_us {
            0.0 => with_unit(duration)?.0,
            us => seconds_us(duration).map(|seconds| (seconds as f64 / 1e6 * us).round() as u64)?,
        };
        Some(Parts {
            at_us: time_us(cell(self.time)?)?.0,
            client: self.client.and_then(cell),
            request: cell(self.request)?,
            duration_us,
        })
    }
}

/// The cells of a line; quoted ones may hold the separator.
fn cells(line: &str, separator: char) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut rest = line;
    while cells.len() < 64 {
        let quoted = rest.strip_prefix('"').and_then(|inner| {
            let end = inner
                .find(&format!("\"{separator}"))
                .or_else(|| inner.strip_suffix('"').map(str::len))?;
            Some((&inner[..end], &inner[end + 1..]))
        });
        let (cell, behind) = quoted.unwrap_or_else(|| {
            let end = rest.find(separator).unwrap_or(rest.len());
            (&rest[..end], &rest[end..])
        });
        cells.push(cell.trim());
        match behind.strip_prefix(separator) {
            Some(next) => rest = next,
            None => break,
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_lines_have_a_time_a_request_and_a_duration() {
        for (line, client, template, us) in [
            (
                "2022-04-18T03:00:00.012Z 10.0.4.17 \"GET /usage?device=1042\" 412ms",
                Some("10.0.4.17"),
                "GET /usage?device=*",
                412_000,
            ),
            (
                "2022-04-18 03:00:00,012 10.0.4.17:5512 select from usage where device=42 took 0.4 s",
                Some("10.0.4.17"),
                "select from usage where device=?",
                400_000,
            ),
            (
                "[2022-04-18 03:00:00.012] 35 ms | 10.0.4.17 | .api.usage[42;2022.03.01]",
                Some("10.0.4.17"),
                ".api.usage[?;?]",
                35_000,
            ),
            (
                "2022.04.18D03:00:00.012345678 handle=12 ip=10.0.4.17 query=\"select from usage where device=42\" duration=412ms",
                Some("10.0.4.17"),
                "select from usage where device=?",
                412_000,
            ),
        ] {
            let parts = free(line).unwrap();
            assert_eq!((parts.client, parts.duration_us), (client, us), "{line}");
            assert_eq!(parts.template().text, template);
        }
        assert!(free("2022-04-18 03:00:00 INFO started").is_none());
        assert!(free("2022-04-18 03:00:00 INFO 10.0.4.17 GET /usage took 412 ms").is_some());
        for line in [
            "2022-04-18 03:00:00 ERROR pool-1 - Connection is not available after 30000ms",
            "2022-04-18 03:00:00 [ERROR] [main] gave up after 5000 ms",
        ] {
            assert!(free(line).is_none(), "{line}");
        }
    }

    #[test]
    fn tables_name_their_columns() {
        let head = "start,client,request,duration_ms\n2022-04-18T03:00:00Z,10.0.4.17,\"usage(42, 7)\",412\n";
        let table = Table::of(head.lines().next().unwrap()).unwrap();
        let parts = table.parts(head.lines().nth(1).unwrap()).unwrap();
        assert_eq!((parts.request, parts.duration_us), ("usage(42, 7)", 412_000));
        assert_eq!(table.time_is, TimeIs::Begin);
        assert!(Table::of("a,b,c").is_none());
    }
}
