//! `SLOWLOG GET` of Redis as `redis-cli --no-raw` and `redis-cli --json` print it. Its durations
//! leave out all waiting: they are service times already.

use wonin_syntax::Node;

use super::summary::Summary;
use super::template::{Template, number_of};
use super::{Event, TimeIs};
use crate::live::LineReader;
use crate::live::found::Found;

/// Whether a text begins like the printed form: ` 1) 1) (integer) 14`.
pub(super) fn accepts(head: &str) -> bool {
    let mut lines = head.lines().map(str::trim_start);
    lines.next().is_some_and(|line| line.starts_with("1) 1) (integer) "))
        && lines.next().is_some_and(|line| line.starts_with("2) (integer) "))
}

/// Reads the printed form.
#[derive(Debug)]
pub(super) struct Redis {
    summary: Summary,
    /// The fields of the open entry: time, duration, arguments, the rest.
    time: Option<i64>,
    duration_us: Option<u64>,
    arguments: Vec<String>,
    client: Option<String>,
    line: (u64, String),
    /// Number of the field that lines are of, and the column of such numbers; deeper ones are of
    /// arguments.
    field: u32,
    column: usize,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            summary: Summary::new("redis", TimeIs::Service),
            time: None,
            duration_us: None,
            arguments: Vec::new(),
            client: None,
            line: (0, String::new()),
            field: 0,
            column: 0,
        }
    }
}

impl LineReader for Redis {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        let Some((column, index, rest)) = numbered(text) else {
            return;
        };
        let inner = numbered(rest);
        if let Some((ahead, 1, value)) = inner
            && value.starts_with("(integer) ")
        {
            self.end();
            self.line = (number, text.to_owned());
            self.column = text.len() - rest.len() + ahead;
        } else if column == self.column {
            self.field = index;
            self.value(inner.map_or(rest, |(_, _, value)| value));
        } else if column > self.column {
            self.value(rest);
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.end();
        self.summary.finish(found);
    }
}

/// The number that a line begins with: its column, itself, what stands behind it.
fn numbered(text: &str) -> Option<(usize, u32, &str)> {
    let trimmed = text.trim_start_matches(' ');
    let (digits, rest) = trimmed.split_once(") ")?;
    Some((text.len() - trimmed.len(), digits.parse().ok()?, rest))
}

impl Redis {
    fn value(&mut self, rest: &str) {
        let number = rest.strip_prefix("(integer) ").and_then(|number| number.parse::<i64>().ok());
        match self.field {
            2 => self.time = number,
            3 => self.duration_us = number.and_then(|number| u64::try_from(number).ok()),
            4 => self.arguments.push(rest.trim_matches('"').to_owned()),
            5 => self.client = Some(rest.trim_matches('"').to_owned()),
            _ => {}
        }
    }

    fn end(&mut self) {
        let arguments = std::mem::take(&mut self.arguments);
        let (time, duration) = (self.time.take(), self.duration_us.take());
        let client = self.client.take();
        if let Some(duration_us) = duration.filter(|_| !arguments.is_empty()) {
            let (line, text) = &self.line;
            let client = client
                .as_deref()
                .map(|client| client.rsplit_once(':').map_or(client, |(host, _)| host));
            self.summary.add(&Event {
                template: command(&arguments),
                client,
                at_us: time.and_then(|time| time.checked_mul(1_000_000)),
                duration_us,
                lock_us: None,
                rows: None,
                line: *line,
                text,
            });
        }
        self.field = 0;
    }
}

/// Whether a text is the JSON form: `[[14,1309448221,15,["ping"],"127.0.0.1:58217",""]]`.
pub(in crate::live) fn accepts_json(head: &str) -> bool {
    let compact: String = head.chars().take(200).filter(|c| !c.is_whitespace()).collect();
    let Some(fields) = compact.strip_prefix("[[") else {
        return false;
    };
    let mut fields = fields.split(',');
    let is_number = |field: Option<&str>| field.is_some_and(|field| field.parse::<u64>().is_ok());
    (0..3).all(|_| is_number(fields.next()))
        && fields.next().is_some_and(|field| field.starts_with("[\""))
}

/// Reads the JSON form.
pub(in crate::live) fn read_json(text: &str, found: &mut Found) {
    let tree = wonin_syntax::json::parse(text);
    let mut summary = Summary::new("redis", TimeIs::Service);
    for entry in tree.documents.iter().flat_map(Node::items) {
        let field = |index: usize| entry.items().get(index);
        let number = |index| field(index)?.as_str()?.parse::<i64>().ok();
        let Some(duration) = number(2).and_then(|number| u64::try_from(number).ok()) else {
            continue;
        };
        let arguments: Vec<String> = field(3)
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|argument| argument.as_str().map(str::to_owned))
            .collect();
        let client = field(4).and_then(Node::as_str);
        summary.add(&Event {
            template: command(&arguments),
            client: client.map(|client| client.rsplit_once(':').map_or(client, |(host, _)| host)),
            at_us: number(1).and_then(|time| time.checked_mul(1_000_000)),
            duration_us: duration,
            lock_us: None,
            rows: None,
            line: u64::from(entry.span.start),
            text: text.get(entry.span.range()).unwrap_or(""),
        });
    }
    summary.finish(found);
    found.places_by_offset();
}

/// A command with the shape of its first key: `KEYS session:*`, `GET session:#`, `HSET cart:# …`.
fn command(arguments: &[String]) -> Template {
    let mut words = arguments.iter();
    let name = words.next().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    let mut text = name;
    if let Some(key) = words.next() {
        text.push(' ');
        text.push_str(&crate::live::threads::pattern(key));
    }
    if arguments.len() > 2 {
        text.push_str(" …");
    }
    let literals = arguments.iter().skip(1).take(8).map(|argument| number_of(argument)).collect();
    Template { text, literals }
}
