//! Slow statements and requests as JSON lines: MongoDB's log, and access logs of nginx, Envoy,
//! Traefik, Caddy and web frameworks, as far as the unit of their durations is certain.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use wonin_syntax::Node;

use super::summary::Summary;
use super::template::{self, Template};
use super::{Event, TimeIs, seconds_us, time_us, with_unit};
use crate::live::LineReader;
use crate::live::found::Found;

/// Whether the first lines are objects.
pub(super) fn accepts(head: &str) -> bool {
    let mut lines = head.lines().filter(|line| !line.is_empty()).take(5);
    let is_object = |line: &str| line.starts_with('{') && line.len() > 2;
    lines.next().is_some_and(is_object) && lines.all(is_object)
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(super) struct JsonLines {
    mongodb: Summary,
    requests: Summary,
}

impl Default for JsonLines {
    fn default() -> Self {
        Self {
            mongodb: Summary::new("mongodb", TimeIs::End),
            requests: Summary::new("request-log", TimeIs::Unknown),
        }
    }
}

impl LineReader for JsonLines {
    fn line(&mut self, number: u64, text: &str, _: &mut Found) {
        // Cheap: most lines of a log leave here.
        if !WANTED.as_ref().is_none_or(|wanted| wanted.is_match(text)) {
            return;
        }
        let is_mongodb = text.contains(SLOW_QUERY);
        let tree = wonin_syntax::json::parse(text);
        let Some(node) = tree.documents.first() else {
            return;
        };
        if is_mongodb {
            if let Some(event) = mongodb(node, number, text) {
                self.mongodb.add(&event);
            }
        } else if let Some(event) = request(node, number, text) {
            self.requests.add(&event);
        }
    }

    fn finish(self: Box<Self>, found: &mut Found) {
        self.mongodb.finish(found);
        self.requests.finish(found);
    }
}

fn mongodb<'a>(node: &'a Node, line: u64, text: &'a str) -> Option<Event<'a>> {
    let attributes = node.get("attr")?;
    let ms: u64 = attributes.get("durationMillis")?.as_str()?.parse().ok()?;
    let at = node.at(&["t", "$date"]).and_then(Node::as_str);
    let client = attributes.get("remote").and_then(Node::as_str);
    let number = |key: &str| attributes.get(key)?.as_str()?.parse::<u64>().ok();
    Some(Event {
        template: command(attributes),
        client: client.map(|client| client.rsplit_once(':').map_or(client, |(host, _)| host)),
        at_us: at.and_then(time_us).map(|(us, _)| us),
        duration_us: ms.saturating_mul(1000),
        lock_us: None,
        rows: number("docsExamined").map(|examined| (examined, number("nreturned").unwrap_or(0))),
        line,
        text,
    })
}

/// `shop.orders find {customer, state} COLLSCAN`.
fn command(attributes: &Node) -> Template {
    let text = |key: &str| attributes.get(key).and_then(Node::as_str).unwrap_or("");
    let mut out = Template { text: text("ns").to_owned(), literals: Vec::new() };
    let command = attributes.get("command");
    let name = command.and_then(|command| command.entries().first()?.key.as_str());
    for word in [name.or(attributes.get("type").and_then(Node::as_str)), Some("")] {
        out.text.push(' ');
        out.text.push_str(word.unwrap_or(""));
    }
    let filters = ["filter", "query", "q", "pipeline", "updates", "deletes"];
    for filter in filters.iter().filter_map(|key| command?.get(key)) {
        shape(filter, &mut out, 0);
    }
    let plan = text("planSummary");
    if !plan.is_empty() {
        out.text.push(' ');
        out.text.push_str(plan);
    }
    out
}

/// The keys of a filter, without its values.
fn shape(node: &Node, out: &mut Template, depth: usize) {
    if depth > 4 || out.text.len() > 512 {
        return;
    }
    if node.is_mapping() {
        for (index, entry) in node.entries().iter().enumerate() {
            out.text.push_str(if index == 0 { "{" } else { ", " });
            out.text.push_str(entry.key.as_str().unwrap_or(""));
            if !entry.value.entries().is_empty() || !entry.value.items().is_empty() {
                out.text.push_str(": ");
            }
            shape(&entry.value, out, depth + 1);
        }
        out.text.push('}');
    } else if let Some(value) = node.as_str() {
        if out.literals.len() < 16 {
            out.literals.push(template::number_of(value));
        }
    } else {
        // All stages of a pipeline; of a list of values the first one stands for all.
        let stages = node.items().iter().take(8).filter(|item| item.is_mapping());
        let before = out.text.len();
        stages.for_each(|stage| shape(stage, out, depth + 1));
        if out.text.len() == before {
            out.text.push_str("[…]");
        }
    }
}

/// Names of durations whose unit is certain, and that unit in microseconds.
const KEYS: &[(&str, f64)] = &[
    ("\"request_time\"", 1e6),
    ("\"requestTimeSeconds\"", 1e6),
    ("\"duration_ms\"", 1e3),
    ("\"durationMs\"", 1e3),
    ("\"duration_seconds\"", 1e6),
    ("\"elapsed_ms\"", 1e3),
    ("\"elapsedMs\"", 1e3),
    ("\"latency_ms\"", 1e3),
    ("\"latencyMs\"", 1e3),
    ("\"response_time_ms\"", 1e3),
    ("\"responseTimeMs\"", 1e3),
    ("\"responseTime\"", 1e3),
    ("\"took_ms\"", 1e3),
    ("\"duration_us\"", 1.0),
    ("\"duration_ns\"", 1e-3),
    ("\"Duration\"", 1e-3),
    ("\"duration\"", 0.0),
    ("\"latency\"", 0.0),
    ("\"elapsed\"", 0.0),
];

/// What MongoDB says of a statement that took long.
const SLOW_QUERY: &str = "\"Slow query\"";

/// Finds the lines that may tell a duration.
static WANTED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(KEYS.iter().map(|(key, _)| *key).chain([SLOW_QUERY])).ok());

fn request<'a>(node: &'a Node, line: u64, text: &'a str) -> Option<Event<'a>> {
    let duration_us =
        KEYS.iter().find_map(|(key, us)| duration(node, key.trim_matches('"'), *us))?;
    let first = |keys: &[&str]| {
        keys.iter().find_map(|key| {
            let path: Vec<&str> = key.split('.').collect();
            node.at(&path).and_then(Node::as_str)
        })
    };
    let whole = first(&["request", "query", "sql", "statement", "RequestLine"]);
    let template = if let Some(whole) = whole {
        if whole.contains('/') && !whole.contains("select ") {
            template::request(whole)
        } else {
            template::statement(whole)
        }
    } else {
        let path = first(&[
            "uri",
            "request_uri",
            "path",
            "url",
            "RequestPath",
            "request.uri",
            "req.url",
            "httpRequest.requestUrl",
            "http.target",
        ])?;
        let method = first(&[
            "method",
            "request_method",
            "RequestMethod",
            "request.method",
            "req.method",
            "httpRequest.requestMethod",
        ]);
        template::request(&format!("{} {path}", method.unwrap_or("-")))
    };
    let client = first(&[
        "remote_addr",
        "client",
        "client_ip",
        "clientIp",
        "ClientHost",
        "remote_ip",
        "request.remote_ip",
        "req.remoteAddress",
        "downstream_remote_address",
        "ip",
        "user",
    ]);
    let at = first(&[
        "time",
        "timestamp",
        "ts",
        "@timestamp",
        "time_iso8601",
        "start_time",
        "StartUTC",
        "msec",
    ]);
    Some(Event {
        template,
        client,
        at_us: at.and_then(time_us).map(|(us, _)| us),
        duration_us,
        lock_us: None,
        rows: None,
        line,
        text,
    })
}

/// A duration under a key. Without a unit of the key itself, the value must have one, or the other
/// keys must tell whose log it is.
fn duration(node: &Node, key: &str, us: f64) -> Option<u64> {
    let value = node.get(key)?.as_str()?;
    if let Some((us, "")) = with_unit(value) {
        return Some(us);
    }
    let number: f64 = value.parse().ok()?;
    let unit = match key {
        "Duration" if node.get("OriginDuration").is_none() => return None,
        // Caddy writes seconds, Envoy milliseconds.
        "duration" if node.at(&["request", "uri"]).is_some() => 1e6,
        "duration" if node.get("start_time").is_some() => 1e3,
        _ if us == 0.0 => return None,
        _ => us,
    };
    let us = number * unit;
    if us < 0.0 {
        return None;
    }
    Some(us.round() as u64).or(seconds_us(value))
}
