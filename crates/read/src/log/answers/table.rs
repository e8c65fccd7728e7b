//! Events of Kubernetes as tables for people: `kubectl get events`, and what stands below `Events:`
//! in `kubectl describe`. Their ages are of the moment of asking, which nobody wrote down.

use wonin_text::Span;

use super::kubernetes::service;
use super::{Entry, Form};

pub(super) const EVENTS: Form = Form {
    accepts: |head| {
        let heading = head.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
            .iter()
            .all(|word| heading.contains(word))
    },
    read: |text, entries| {
        let mut columns = Columns::default();
        for (start, line) in lines(text) {
            if line.contains("LAST SEEN") {
                columns = Columns::of(line, &["TYPE", "REASON", "OBJECT", "MESSAGE", "SUBOBJECT"]);
                continue;
            }
            let Some((object, message)) =
                columns.cell(line, "OBJECT").zip(columns.rest(line, "MESSAGE"))
            else {
                continue;
            };
            let (kind, name) = object.split_once('/').unwrap_or(("pod", object));
            let about = service(kind, name);
            entries.extend(entry(start, line, &columns, message, about));
        }
    },
};

pub(super) const DESCRIBED: Form = Form {
    accepts: |head| head.starts_with("Name:") && head.contains("\nNamespace:"),
    read: |text, entries| {
        let (mut name, mut kind) = ("", "pod");
        let mut columns: Option<Columns> = None;
        for (start, line) in lines(text) {
            if let Some(value) = line.strip_prefix("Name:") {
                (name, kind, columns) = (value.trim(), "pod", None);
            } else if line.starts_with("Replicas:") || line.starts_with("StrategyType:") {
                kind = "deployment";
            } else if line.starts_with("Events:") {
                columns = Some(Columns::default());
            } else if let Some(columns) = &mut columns {
                let is_heading =
                    line.contains("Type") && line.contains("Reason") && line.contains("Message");
                if is_heading {
                    *columns = Columns::of(line, &["Type", "Reason", "Age", "From", "Message"]);
                } else if !line.trim_start().starts_with("----")
                    && let Some(message) = columns.rest(line, "Message")
                {
                    entries.extend(entry(start, line, columns, message, service(kind, name)));
                }
            }
        }
    },
};

fn entry(
    start: usize,
    line: &str,
    columns: &Columns,
    message: &str,
    service: Option<String>,
) -> Option<Entry> {
    let kind = columns.cell(line, "Type").or_else(|| columns.cell(line, "TYPE"))?;
    let reason = columns.cell(line, "Reason").or_else(|| columns.cell(line, "REASON"))?;
    let age = columns.cell(line, "Age").unwrap_or("");
    let at = start + line.len() - message.len();
    Some(Entry {
        span: Span::new(at, at + message.len()),
        text: format!("{reason}: {message}"),
        is_warning: kind == "Warning",
        times: times(age),
        service,
        ..Entry::default()
    })
}

/// `2m (x12 over 9m)` is twelve times.
fn times(age: &str) -> u64 {
    let count = age.split_once("(x").and_then(|(_, rest)| rest.split([' ', ')']).next());
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Lines with the offsets of their first bytes.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end()))
    })
}

/// Where the columns of a table begin, in bytes.
#[derive(Debug, Default)]
struct Columns {
    starts: Vec<(&'static str, usize)>,
}

impl Columns {
    fn of(heading: &str, names: &[&'static str]) -> Self {
        let mut starts: Vec<(&str, usize)> =
            names.iter().filter_map(|name| Some((*name, column(heading, name)?))).collect();
        starts.sort_by_key(|(_, at)| *at);
        Self { starts }
    }

    /// What a line has in a column; nothing where the line is shorter.
    fn cell<'l>(&self, line: &'l str, name: &str) -> Option<&'l str> {
        let index = self.starts.iter().position(|(known, _)| *known == name)?;
        let start = self.starts[index].1;
        let end = self.starts.get(index + 1).map_or(line.len(), |(_, at)| *at);
        let cell = line.get(start..end.min(line.len()))?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    /// The same up to the end of the line.
    fn rest<'l>(&self, line: &'l str, name: &str) -> Option<&'l str> {
        let (_, start) = self.starts.iter().find(|(known, _)| *known == name)?;
        let rest = line.get(*start..)?.trim_start();
        (!rest.is_empty()).then_some(rest)
    }
}

/// Where a word stands in a heading, and not as the end of another one (`OBJECT`, `SUBOBJECT`).
fn column(heading: &str, name: &str) -> Option<usize> {
    heading
        .match_indices(name)
        .map(|(at, _)| at)
        .find(|&at| at == 0 || heading.as_bytes()[at - 1] == b' ')
}
