//! Lines that are JSON objects or logfmt: the few fields that every logger has, whatever it calls
//! them.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use memchr::memchr2;

use super::hash::Text;

/// A value as it stands in the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// Without quotes, escapes as written.
    pub(super) raw: &'a str,
    /// Whether there are escapes.
    pub(super) is_escaped: bool,
}

/// The fields that matter, each with its rank: of two names for one thing the better one counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) time: Option<Value<'a>>,
    pub(super) level: Option<Value<'a>>,
    pub(super) message: Option<Value<'a>>,
    pub(super) trace: Option<Value<'a>>,
    pub(super) service: Option<Value<'a>>,
    /// `stream`, which Docker's own files have beside `log`.
    pub(super) stream: Option<Value<'a>>,
    /// MongoDB names a component.
    pub(super) component: Option<Value<'a>>,
    ranks: [u8; 5],
}

impl<'a> Fields<'a> {
    /// Notes a value under its whole name (`error.stack_trace`).
    fn note(&mut self, parent: &str, key: &str, value: Value<'a>) {
        let Some((field, rank)) = meaning(parent, key) else {
            return;
        };
        let (slot, index) = match field {
            Field::Time => (&mut self.time, 0),
            Field::Level => (&mut self.level, 1),
            Field::Message => (&mut self.message, 2),
            Field::Trace => (&mut self.trace, 3),
            Field::Service => (&mut self.service, 4),
            Field::Stream => {
                self.stream = Some(value);
                return;
            }
            Field::Component => {
                self.component = Some(value);
                return;
            }
        };
        if slot.is_none() || rank < self.ranks[index] {
            *slot = Some(value);
            self.ranks[index] = rank;
        }
    }

    fn is_log(&self) -> bool {
        self.message.is_some() || (self.time.is_some() && self.level.is_some())
    }
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Time,
    Level,
    Message,
    Trace,
    Service,
    Stream,
    Component,
}

/// Keys with what they mean and how well (0 is best), each with the key of the object around it.
/// Names of ECS, logstash, Docker, pino, zap, logrus, Serilog, MongoDB, GELF, log4j 2 and Python
/// loggers.
const MEANINGS: &[(Field, u8, &str, &[&str])] = &[
    (Field::Time, 0, "", &["@timestamp"]),
    (Field::Time, 1, "", &["timestamp", "time", "ts", "@t", "Timestamp", "timeMillis"]),
    (Field::Time, 2, "", &["datetime", "asctime", "date", "eventTime", "t"]),
    (Field::Time, 2, "t", &["$date"]),
    (Field::Time, 2, "time", &["$date"]),
    (Field::Time, 3, "instant", &["epochSecond"]),
    (Field::Level, 0, "", &["level", "log.level", "severity", "lvl", "loglevel", "levelname"]),
    (Field::Level, 1, "", &["Level", "@l", "LogLevel", "severity_text", "severityText", "s"]),
    (Field::Level, 1, "log", &["level"]),
    (Field::Message, 0, "", &["message", "msg", "Message"]),
    (Field::Message, 1, "", &["@m", "RenderedMessage", "short_message", "MESSAGE", "textPayload"]),
    // Google Cloud Logging, tracing-subscriber.
    (Field::Message, 1, "jsonPayload", &["message", "msg"]),
    (Field::Message, 1, "fields", &["message", "msg"]),
    (Field::Trace, 1, "jsonPayload", &["error", "err", "exception"]),
    (Field::Message, 2, "", &["@mt", "MessageTemplate", "body", "event", "log"]),
    (Field::Trace, 0, "", &["stack_trace", "error.stack_trace", "stacktrace", "@x", "exception"]),
    (Field::Trace, 0, "", &["Exception", "stack", "exc_info", "extendedStackTrace"]),
    (Field::Trace, 0, "", &["errorVerbose"]),
    (Field::Trace, 0, "error", &["stack_trace", "stack"]),
    (Field::Trace, 0, "err", &["stack_trace", "stack"]),
    (Field::Trace, 0, "exception", &["stacktrace", "stackTrace", "extendedStackTrace"]),
    (Field::Trace, 0, "thrown", &["stacktrace", "stackTrace", "extendedStackTrace"]),
    (Field::Trace, 1, "", &["error", "err", "error.message"]),
    (Field::Trace, 1, "error", &["message"]),
    (Field::Trace, 1, "err", &["message"]),
    (Field::Trace, 1, "exception", &["message"]),
    (Field::Service, 0, "", &["service.name", "service_name", "serviceName"]),
    (Field::Service, 0, "service", &["name"]),
    (Field::Service, 1, "", &["service", "app", "application", "appname", "applicationName"]),
    (Field::Service, 2, "", &["container_name", "name"]),
    (Field::Stream, 0, "", &["stream"]),
    (Field::Component, 0, "", &["c"]),
];

/// Meanings by outer and own key.
type ByKeys = HashMap<(&'static str, &'static str), (Field, u8), BuildHasherDefault<Text>>;

static BY_KEYS: LazyLock<ByKeys> = LazyLock::new(|| {
    let rows = MEANINGS.iter();
    rows.flat_map(|&(field, rank, parent, keys)| {
        keys.iter().map(move |&key| ((parent, key), (field, rank)))
    })
    .collect()
});

fn meaning(parent: &str, key: &str) -> Option<(Field, u8)> {
    BY_KEYS.get(&(parent, key)).copied()
}

/// The fields of a JSON object; a broken or cut one gives what comes before the break.
pub(super) fn json(line: &str) -> Option<Fields<'_>> {
    let mut scanner = Scanner { text: line, at: 0 };
    let mut fields = Fields::default();
    scanner.space();
    scanner.object("", 0, &mut fields)?;
    fields.is_log().then_some(fields)
}

/// Whether a line is a whole object and nothing else.
pub(super) fn is_whole(line: &str) -> bool {
    let mut scanner = Scanner { text: line, at: 0 };
    scanner.space();
    let whole = scanner.object("", 0, &mut Fields::default()) == Some(true);
    scanner.space();
    whole && scanner.at == line.len()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

const DEPTH_MAX: usize = 3;

impl<'a> Scanner<'a> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == byte;
        self.at += usize::from(is_there);
        is_there
    }

    /// One object; `None` where none begins, `Some(false)` where it is broken.
    fn object(&mut self, parent: &str, depth: usize, fields: &mut Fields<'a>) -> Option<bool> {
        if !self.take(b'{') {
            return None;
        }
        self.space();
        if self.take(b'}') {
            return Some(true);
        }
        loop {
            self.space();
            let Some(key) = self.string() else {
                return Some(false);
            };
            self.space();
            if !self.take(b':') {
                return Some(false);
            }
            self.space();
            let whole = match self.peek() {
                b'"' => match self.string() {
                    Some(value) => {
                        fields.note(parent, key.raw, value);
                        true
                    }
                    None => false,
                },
                b'{' if depth < DEPTH_MAX && parent.is_empty() => {
                    self.object(key.raw, depth + 1, fields) == Some(true)
                }
                b'{' | b'[' => self.nested(),
                _ => self.scalar(parent, key, fields),
            };
            self.space();
            if !whole {
                return Some(false);
            }
            if self.take(b'}') {
                return Some(true);
            }
            if !self.take(b',') {
                return Some(false);
            }
        }
    }

    fn scalar(&mut self, parent: &str, key: Value<'a>, fields: &mut Fields<'a>) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let len =
            rest.iter().position(|byte| matches!(byte, b',' | b'}' | b' ')).unwrap_or(rest.len());
        let raw = &self.text[self.at..self.at + len];
        self.at += len;
        if raw != "null" {
            fields.note(parent, key.raw, Value { raw, is_escaped: false });
        }
        len > 0
    }

    /// A string; one that is cut off gives what there is.
    fn string(&mut self) -> Option<Value<'a>> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        let mut is_escaped = false;
        let bytes = self.text.as_bytes();
        loop {
            match memchr2(b'"', b'\\', &bytes[self.at..]) {
                Some(found) if bytes[self.at + found] == b'"' => {
                    let raw = &self.text[start..self.at + found];
                    self.at += found + 1;
                    return Some(Value { raw, is_escaped });
                }
                Some(found) if self.at + found + 2 <= bytes.len() => {
                    is_escaped = true;
                    self.at += found + 2;
                }
                _ => {
                    self.at = bytes.len();
                    return Some(Value { raw: &self.text[start..], is_escaped });
                }
            }
        }
    }

    /// Passes over an object or a list of any depth.
    fn nested(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        while self.at < bytes.len() {
            match bytes[self.at] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    if self.string().is_none() {
                        return false;
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return true;
            }
        }
        false
    }
}

/// The fields of a logfmt line: at least two pairs, the first at the line's beginning.
pub(super) fn logfmt(line: &str) -> Option<Fields<'_>> {
    let bytes = line.as_bytes();
    let mut fields = Fields::default();
    let mut at = 0;
    let mut pairs = 0;
    while at < bytes.len() && pairs < 64 {
        let key_len =
            bytes[at..].iter().position(|byte| !is_key(*byte)).unwrap_or(bytes.len() - at);
        if key_len == 0 || bytes.get(at + key_len) != Some(&b'=') {
            if pairs == 0 {
                return None;
            }
            at += bytes[at..].iter().position(|byte| *byte == b' ').unwrap_or(bytes.len() - at) + 1;
            continue;
        }
        let key = &line[at..at + key_len];
        at += key_len + 1;
        let value = if bytes.get(at) == Some(&b'"') {
            let mut scanner = Scanner { text: line, at };
            let value = scanner.string()?;
            at = scanner.at;
            value
        } else {
            let rest = &bytes[at..];
            let len = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            let raw = &line[at..at + len];
            at += len;
            Value { raw, is_escaped: false }
        };
        fields.note("", key, value);
        pairs += 1;
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
    }
    let is_log = pairs >= 2 && fields.is_log() && (fields.level.is_some() || fields.time.is_some());
    is_log.then_some(fields)
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'-' | b'/')
}

/// Appends text with JSON's escapes resolved; broken ones stay as they are.
pub(super) fn unescape(raw: &str, into: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        into.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let mut used = 1;
        match escape.as_bytes().first() {
            Some(b'n') => into.push('\n'),
            Some(b't') => into.push('\t'),
            Some(b'r' | b'b' | b'f') => {}
            Some(b'u') => {
                let code = escape.get(1..5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code {
                    Some(code) => {
                        into.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                        used = 5;
                    }
                    None => into.push_str("\\u"),
                }
            }
            Some(b'"' | b'\\' | b'/') => into.push(char::from(escape.as_bytes()[0])),
            _ => {
                into.push('\\');
                used = 0;
            }
        }
        rest = &escape[used..];
    }
    into.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> [String; 4] {
        let fields = json(line).or_else(|| logfmt(line)).unwrap();
        [fields.time, fields.level, fields.message, fields.trace].map(|value| {
            let mut out = String::new();
            unescape(value.map_or("", |value| value.raw), &mut out);
            out
        })
    }

    #[test]
    fn every_logger_has_its_own_names() {
        for (line, expected) in [
            (
                r#"{"@timestamp":"2024-06-01T12:00:00Z","log.level":"ERROR","message":"no \"x\"","error.stack_trace":"a.B: c\n\tat d"}"#,
                ["2024-06-01T12:00:00Z", "ERROR", "no \"x\"", "a.B: c\n\tat d"],
            ),
            (
                r#"{"@timestamp":"t1","log":{"level":"warn"},"message":"m","error":{"message":"e","stack_trace":"s"}}"#,
                ["t1", "warn", "m", "s"],
            ),
            (
                r#"{"level":50,"time":1717243200000,"pid":1,"err":{"type":"Error","message":"x","stack":"Error: x\n at y"},"msg":"failed"}"#,
                ["1717243200000", "50", "failed", "Error: x\n at y"],
            ),
            (
                r#"{"level":"error","ts":1717243200.12,"caller":"a/b.go:1","msg":"m","error":"dial tcp"}"#,
                ["1717243200.12", "error", "m", "dial tcp"],
            ),
            (
                r#"{"@t":"t1","@mt":"Hello {Name}","@l":"Error","@x":"System.X: y"}"#,
                ["t1", "Error", "Hello {Name}", "System.X: y"],
            ),
            (
                r#"{"t":{"$date":"t1"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query","attr":{"msg":"no"}}"#,
                ["t1", "I", "Slow query", ""],
            ),
            (r#"{"log":"line\n","stream":"stdout","time":"t1"}"#, ["t1", "", "line\n", ""]),
            (r#"time="t1" level=warning msg="a \"b\"" err=x"#, ["t1", "warning", "a \"b\"", "x"]),
            ("ts=t1 caller=main.go:1 level=info msg=started", ["t1", "info", "started", ""]),
        ] {
            assert_eq!(fields(line), expected, "{line}");
        }
    }

    #[test]
    fn a_cut_object_gives_what_it_has() {
        let fields = json(r#"{"level":"info","message":"a long o"#).unwrap();
        assert_eq!(fields.message.unwrap().raw, "a long o");
        assert!(json("{").is_none());
        assert!(json(r#"{"a":1}"#).is_none());
        assert!(logfmt("user=1 logged in").is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in r#"[{}\[\]",:\\nu a=0é-]{0,60}"#) {
            json(&text);
            logfmt(&text);
            is_whole(&text);
            unescape(&text, &mut String::new());
        }
    }
}
