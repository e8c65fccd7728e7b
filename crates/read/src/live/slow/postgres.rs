//! PostgreSQL's log with `log_min_duration_statement` or `auto_explain`, whatever the prefix of its
//! lines; also its CSV and JSON forms.
//!
//! Times are those of the end. `auto_explain` tells a statement again, before the server's own line
//! or, in the extended protocol, behind it: of two neighbouring lines of one process within a
//! millisecond of the same duration, or of the same statement, one counts.

use std::collections::BTreeMap;

use super::summary::Summary;
use super::template::{self, Template};
use super::{Event, TimeIs, address_in, time_us};
use crate::live::LineReader;
use crate::live::found::{Found, beginning};

const MARK: &str = "duration: ";
/// Bytes of a statement that are kept while its lines come in.
const STATEMENT_BYTES_MAX: usize = 8 << 10;
/// Processes whose last lines are remembered.
const PROCESSES_MAX: usize = 1_000;
/// Difference of two durations of the same statement, in microseconds.
const SAME_US: u64 = 1_000;

/// Whether a text begins like such a log.
pub(super) fn accepts(head: &str) -> bool {
    let words = ["LOG:  ", "ERROR:  ", "FATAL:  ", "STATEMENT:  ", ",LOG,0", "\"error_severity\":"];
    words.iter().any(|word| head.contains(word))
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct Postgres {
    summary: Summary,
    open: Option<Open>,
    processes: BTreeMap<String, Process>,
}

/// What the last lines of a process said.
#[derive(Debug, Default)]
struct Process {
    /// A plan that no statement has followed yet.
    plan: Option<Open>,
    /// Duration and template of a statement that no plan has followed yet.
    statement: Option<(u64, String)>,
    /// How long it waited for locks.
    waited_us: Option<u64>,
}

impl Default for Postgres {
    fn default() -> Self {
        let summary = Summary::new("postgresql", TimeIs::End);
        Self { summary, open: None, processes: BTreeMap::new() }
    }
}

/// A statement whose lines come in.
#[derive(Clone, Debug)]
struct Open {
    at_us: Option<i64>,
    duration_us: u64,
    /// `statement`, `execute`, `parse`, `bind`, `plan`.
    kind: &'static str,
    process: String,
    client: Option<String>,
    statement: String,
    parameters: String,
    /// Whether a message of the CSV form goes on in the next line.
    in_quotes: bool,
    line: u64,
    shown: String,
}

impl LineReader for Postgres {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        let in_quotes = self.open.as_ref().is_some_and(|open| open.in_quotes);
        if in_quotes || text.starts_with('\t') {
            self.goes_on(text);
            return;
        }
        if let Some(at) = text.find(MARK) {
            if let Some(open) = open(number, text, at) {
                self.end();
                self.open = Some(open);
                return;
            }
        } else if let Some(at) = text.find("DETAIL:  ")
            && let Some(open) = &mut self.open
        {
            let detail = &text[at + "DETAIL:  ".len()..];
            if let Some(parameters) =
                detail.get(1..).and_then(|rest| rest.strip_prefix("arameters: "))
            {
                open.parameters.push_str(beginning(parameters, STATEMENT_BYTES_MAX));
                return;
            }
        }
        self.end();
        if let Some((process, waited_us)) = waited(text) {
            let process = self.process(process);
            process.waited_us = Some(process.waited_us.unwrap_or(0).saturating_add(waited_us));
        }
    }

    fn finish(mut self: Box<Self>, found: &mut Found) {
        self.end();
        for process in std::mem::take(&mut self.processes).into_values() {
            if let Some(plan) = process.plan {
                let template = plan.template();
                self.count(&plan, template, None);
            }
        }
        self.summary.finish(found);
    }
}

impl Postgres {
    fn goes_on(&mut self, text: &str) {
        let Some(open) = &mut self.open else {
            return;
        };
        let is_last = open.in_quotes && ends_in_quotes(text);
        let unquoted = if open.in_quotes { unquoted(text) } else { String::new() };
        let text = if open.in_quotes { &unquoted } else { text };
        open.in_quotes &= !is_last;
        let text = if open.kind == "plan" {
            // Only what stands behind `Query Text:` is the statement, up to the tree of the plan.
            let text = text.trim_start_matches('\t');
            match text.strip_prefix("Query Text: ") {
                Some(first) => first,
                None if open.statement.is_empty() || open.parameters == "plan" => return,
                None if text.contains("(cost=") || text.starts_with("Query Parameters") => {
                    "plan".clone_into(&mut open.parameters);
                    return;
                }
                None => text,
            }
        } else {
            text
        };
        if open.statement.len() < STATEMENT_BYTES_MAX {
            open.statement.push('\n');
            open.statement.push_str(beginning(text, STATEMENT_BYTES_MAX));
        }
    }

    fn process(&mut self, process: &str) -> &mut Process {
        if self.processes.len() >= PROCESSES_MAX && !self.processes.contains_key(process) {
            self.processes.pop_first();
        }
        self.processes.entry(process.to_owned()).or_default()
    }

    fn end(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let template = open.template();
        let process = self.process(&open.process);
        if open.kind == "plan" {
            let statement = process.statement.take();
            if statement.is_some_and(|(us, text)| is_same(us, open.duration_us, &text, &template)) {
                return;
            }
            if let Some(earlier) = process.plan.replace(open) {
                let template = earlier.template();
                self.count(&earlier, template, None);
            }
            return;
        }
        let waited_us = process.waited_us.take();
        let plan = process.plan.take();
        let told = plan.as_ref().map(|plan| (plan.duration_us, plan.template().text));
        let is_told =
            told.is_some_and(|(us, text)| is_same(us, open.duration_us, &text, &template));
        process.statement = (!is_told).then(|| (open.duration_us, template.text.clone()));
        if let Some(plan) = plan.filter(|_| !is_told) {
            let template = plan.template();
            self.count(&plan, template, None);
        }
        self.count(&open, template, waited_us);
    }

    fn count(&mut self, open: &Open, template: Template, lock_us: Option<u64>) {
        self.summary.add(&Event {
            template,
            client: open.client.as_deref(),
            at_us: open.at_us,
            duration_us: open.duration_us,
            lock_us,
            rows: None,
            line: open.line,
            text: &open.shown,
        });
    }
}

/// Whether two lines tell of one statement.
fn is_same(one_us: u64, other_us: u64, text: &str, template: &Template) -> bool {
    one_us.abs_diff(other_us) <= SAME_US || text == template.text
}

impl Open {
    fn template(&self) -> Template {
        let mut template = template::statement(&self.statement);
        if self.parameters.starts_with('$') {
            template.literals = template::statement(&self.parameters.replace(" = ", " ")).literals;
        }
        if matches!(self.kind, "parse" | "bind") {
            template.text = format!("{} {}", self.kind, template.text);
        }
        template
    }
}

/// `process 77 acquired ShareLock on transaction 771 after 764.990 ms` of `log_lock_waits`.
fn waited(text: &str) -> Option<(&str, u64)> {
    let rest = &text[text.find("process ")? + "process ".len()..];
    let (process, rest) = rest.split_once(" acquired ")?;
    let (_, after) = rest.rsplit_once(" after ")?;
    let ms: f64 = after.split_once(" ms")?.0.parse().ok()?;
    is_number(process).then_some((process, (ms * 1000.0).round() as u64))
}

/// Reads `2026-11-25 02:19:13.123 UTC [77] LOG:  duration: 153.608 ms  statement: SELECT 1`.
fn open(number: u64, text: &str, at: usize) -> Option<Open> {
    let (prefix, rest) = (&text[..at], &text[at + MARK.len()..]);
    let (millis, rest) = rest.split_once(" ms")?;
    let duration_us = (millis.trim().parse::<f64>().ok()? * 1000.0).round() as u64;
    let rest = rest.trim_start();
    let (kind, statement) = kind(rest)?;
    let (process, is_quoted) = match prefix.trim_start().as_bytes().first() {
        Some(b'{') => (field(text, "\"pid\":"), true),
        _ if text.contains("\",") || prefix.ends_with(",\"") => {
            (prefix.split(',').nth(3).map(str::to_owned), true)
        }
        _ => (bracketed(prefix), false),
    };
    let statement = match (is_quoted, kind) {
        (true, "plan") => plan_in_json(rest),
        (true, _) => unquoted(statement),
        (false, _) => statement.to_owned(),
    };
    let stamp = prefix.find(|c: char| c.is_ascii_digit()).and_then(|from| time_us(&prefix[from..]));
    Some(Open {
        at_us: stamp.map(|(us, _)| us),
        duration_us,
        kind,
        process: process.unwrap_or_default(),
        client: client(prefix, stamp.map_or(0, |(_, len)| len)),
        statement: beginning(&statement, STATEMENT_BYTES_MAX).to_owned(),
        parameters: String::new(),
        in_quotes: is_quoted && !text.starts_with('{') && ends_in_quotes(text),
        line: number,
        shown: beginning(text, 512).to_owned(),
    })
}

/// Whether a line of CSV ends within a quoted field.
fn ends_in_quotes(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1
}

/// The statement of a plan in a message of the JSON form.
fn plan_in_json(rest: &str) -> String {
    let text = rest.split_once("Query Text: ").map_or("", |(_, text)| text);
    unquoted(text.split("\\n").next().unwrap_or(""))
}

fn kind(rest: &str) -> Option<(&'static str, &str)> {
    if let Some(statement) = rest.strip_prefix("statement: ") {
        return Some(("statement", statement));
    }
    if rest.starts_with("plan:") {
        return Some(("plan", ""));
    }
    let named = ["execute", "parse", "bind"];
    named.into_iter().find_map(|kind| {
        // `execute <unnamed>: …`, `execute fetch from S_1/C_2: …`
        let (_, statement) = rest.strip_prefix(kind)?.split_once(": ")?;
        Some((kind, statement))
    })
}

/// The process number: the first number in brackets.
fn bracketed(prefix: &str) -> Option<String> {
    let parts = prefix.split('[').skip(1).filter_map(|part| part.split_once(']'));
    parts.map(|(inner, _)| inner).find(|inner| is_number(inner)).map(str::to_owned)
}

/// The client in a prefix: what is called so, an address, or `user@database`.
fn client(prefix: &str, from: usize) -> Option<String> {
    if let Some(host) = field(prefix, "client=").or_else(|| field(prefix, "\"remote_host\":")) {
        return Some(host);
    }
    let rest = prefix.get(from..).unwrap_or("");
    let user = || rest.split_whitespace().find(|word| word.contains('@') && !word.starts_with('@'));
    address_in(rest).or_else(user).map(str::to_owned)
}

/// What stands behind a key, up to the next separator.
fn field(text: &str, key: &str) -> Option<String> {
    let rest = text[text.find(key)? + key.len()..].trim_start_matches('"');
    let end = rest.find([',', ' ', '"', '}']).unwrap_or(rest.len());
    Some(rest[..end].to_owned()).filter(|value| !value.is_empty())
}

/// A message of the CSV or JSON form up to its closing quote, with the quotes in it as they were.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n' | 't' | 'r') => out.push(' '),
                Some(other) => out.push(other),
                None => {}
            },
            '"' if chars.peek() == Some(&'"') => {
                chars.next();
                out.push('"');
            }
            '"' => break,
            _ => out.push(char),
        }
    }
    out
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
