//! One log file, line by line: events, their templates and signals.

mod counts;
mod stream;

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memchr;
use wonin_model::Level;

use super::envelope::{Envelope, service_of_container};
use super::event::cut;
use super::head::{Heads, Style, level_of, severity};
use super::lines::Lines;
use super::signals::{Known, Matcher, Tally};
use super::structured::{Fields, json, logfmt, unescape};
use super::time::{Base, Date, Stamp, parse};
use super::trace::{State, begins, cause, goes_on, is_exception_line, is_trace_line};
use counts::{Counted, Mined, Signals, Templates};
pub(super) use stream::Stream;

/// Services told apart within one file; lines of more count as the file's own.
const SERVICES_MAX: usize = 256;

/// Where times without a year lie until other logs tell it: a leap year, which has every day.
pub(super) const YEARLESS_BASE_MS: i64 = 1_704_067_200_000;

/// What one file said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(super) streams: Vec<Stream>,
    /// Templates, each with the stream it is of.
    pub(super) templates: Vec<(usize, Mined)>,
    /// Signals by name and stream.
    pub(super) signals: BTreeMap<(&'static str, usize), Tally>,
    /// The lines that templates and hits point to.
    pub(super) shown: BTreeMap<u64, String>,
    pub(super) cut_lines: u64,
    pub(super) not_utf8: u64,
    pub(super) broken_json: u64,
    pub(super) failure: Option<String>,
}

/// Reads one log, line by line.
pub(crate) struct LogReader {
    reader: Reader,
    scratch: String,
}

impl LogReader {
    /// Learns from the first lines; they are not taken yet.
    pub(super) fn new(head: &str, matcher: &'static Matcher) -> Self {
        Self { reader: Reader::new(head, matcher), scratch: String::new() }
    }

    /// Takes a line, without its line break.
    pub(crate) fn line(&mut self, number: u64, text: &str) {
        self.reader.line(number, text, &mut self.scratch);
    }

    /// Takes the end of the file, of which so many lines were no UTF-8.
    pub(crate) fn finish(self, lines: &mut Lines, not_utf8: u64) -> Told {
        let mut told = self.reader.finish();
        told.not_utf8 = not_utf8;
        told.cut_lines = lines.cut;
        told.failure = lines.failure.take();
        told
    }
}

/// One event that does not stand in a line of its own.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    /// The line with its text, from 1.
    pub(super) line: u64,
    pub(super) shown: String,
    pub(super) text: String,
    pub(super) level: Level,
    pub(super) at_ms: Option<i64>,
    /// How often it occurred.
    pub(super) times: u64,
    pub(super) service: Option<String>,
}

/// Takes events as they are.
pub(super) fn report(events: Vec<Reported>, matcher: &'static Matcher) -> Told {
    let mut reader = Reader::new("", matcher);
    for event in events {
        let index = event.service.as_deref().map_or(0, |name| reader.stream(name, name));
        let at = event.at_ms.map(|ms| Stamp { ms, len: 0, has_zone: true, date: Date::Full });
        let stream = &mut reader.told.streams[index];
        stream.lines += 1;
        stream.begin(event.line, &event.shown, &event.text, at);
        stream.event.level = Some(event.level);
        stream.event.style = Some(Style::Events);
        stream.event.times = event.times;
        reader.flush(index);
    }
    reader.finish()
}

struct Reader {
    envelope: Envelope,
    heads: Heads,
    told: Told,
    /// Streams by what stands in the envelope.
    by_name: BTreeMap<String, usize>,
    /// The name last looked up.
    last_name: (String, usize),
    known: Known,
    templates: Templates,
    signals: Signals,
}

impl Reader {
    fn new(head: &str, matcher: &'static Matcher) -> Self {
        let plain: Vec<Cow<'_, str>> = head.lines().take(1000).map(without_escapes).collect();
        let envelope = Envelope::of(plain.iter().map(AsRef::as_ref));
        let mut scratch = String::new();
        let inner: Vec<String> = plain
            .iter()
            .filter_map(|line| Some(envelope.open(line, &mut scratch)?.text.to_owned()))
            .collect();
        let base = Base::of(YEARLESS_BASE_MS);
        let heads = Heads::learn(inner.iter().map(String::as_str), base);
        let own = Stream { heads: Some(heads), ..Stream::default() };
        Self {
            envelope,
            heads,
            told: Told { streams: vec![own], ..Told::default() },
            by_name: BTreeMap::new(),
            last_name: (String::new(), 0),
            known: Known::new(matcher),
            templates: Templates::default(),
            signals: Signals::default(),
        }
    }

    fn line(&mut self, number: u64, raw: &str, scratch: &mut String) {
        let raw = without_escapes(raw);
        let raw = raw.trim_matches('\0').trim_end();
        let Some(inner) = self.envelope.open(raw, scratch) else {
            self.inner(number, raw, raw, 0, None);
            return;
        };
        let of = |name| self.stream(name, service_of_container(name));
        let stream = inner.service.map_or(0, of);
        self.inner(number, raw, inner.text, stream, inner.time);
    }

    /// The stream of a container, which runs a service.
    fn stream(&mut self, name: &str, service: &str) -> usize {
        if self.last_name.0 == name {
            return self.last_name.1;
        }
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None if self.by_name.len() >= SERVICES_MAX => 0,
            None => {
                let heads = Some(self.heads);
                self.told.streams.push(Stream {
                    service: Some(service.to_owned()),
                    heads,
                    ..Stream::default()
                });
                self.by_name.insert(name.to_owned(), self.told.streams.len() - 1);
                self.told.streams.len() - 1
            }
        };
        self.last_name = (name.to_owned(), index);
        index
    }

    fn inner(&mut self, number: u64, raw: &str, text: &str, index: usize, outer: Option<&str>) {
        let stream = &mut self.told.streams[index];
        stream.lines += 1;
        if text.is_empty() {
            return;
        }
        if text.starts_with('{')
            && let Some(fields) = json(text)
        {
            self.structured(number, raw, text, index, &fields, Style::Json);
            return;
        }
        if let Some(fields) = logfmt(text) {
            self.structured(number, raw, text, index, &fields, Style::Logfmt);
            return;
        }
        let stream = &mut self.told.streams[index];
        let is_indented = text.starts_with([' ', '\t']);
        if is_indented
            && stream.event.is_open()
            && let Some(state) = goes_on(text, stream.event.state)
        {
            stream.event.state = state;
            stream.event.add(number, raw, text);
            return;
        }
        let Some(heads) = &mut stream.heads else {
            return;
        };
        let mut head = heads.head(text);
        // A time within an exception's own words is not that of the event.
        if head.at.is_some() && is_trace_line(text) {
            head.at = None;
        }
        if head.at.is_none() && self.continues(text, head.level.is_some(), index) {
            self.told.streams[index].event.add(number, raw, text);
            return;
        }
        if head.continues && self.told.streams[index].event.at_ms.is_some() {
            self.told.streams[index].event.add(number, raw, text);
            return;
        }
        self.flush(index);
        let at = head.at.or_else(|| parse(outer?.as_bytes(), Base::default()));
        let stream = &mut self.told.streams[index];
        stream.begin(number, raw, text, at);
        stream.event.level = head.level;
        stream.event.style = Some(head.style);
        stream.event.message_start = head.message;
        stream.event.state =
            begins(text).or_else(|| begins(&text[head.message..])).unwrap_or_default();
    }

    /// Whether a line without a time goes on with the open event; sets its state.
    fn continues(&mut self, text: &str, has_level: bool, index: usize) -> bool {
        let event = &mut self.told.streams[index].event;
        if !event.is_open() {
            return false;
        }
        if let Some(state) = goes_on(text, event.state) {
            event.state = state;
            return true;
        }
        let is_timed = event.at_ms.is_some() && event.style.is_some();
        if let Some(state) = begins(text) {
            let joins = is_timed && state != State::Go || event.state == State::Go;
            if joins {
                event.state = state;
            }
            return joins;
        }
        if is_exception_line(text) {
            if is_timed && event.state == State::Plain {
                event.state = State::Frames;
                return true;
            }
            return false;
        }
        // Text over several lines: an error's words, or what follows a trace.
        let is_error = event.level == Some(Level::Error);
        is_timed && !has_level && is_error && event.state != State::AfterPython
    }

    fn structured(
        &mut self,
        number: u64,
        raw: &str,
        text: &str,
        index: usize,
        fields: &Fields<'_>,
        style: Style,
    ) {
        self.flush(index);
        let stamp = fields.time.and_then(|value| {
            let base = Base::of(YEARLESS_BASE_MS);
            parse(value.raw.trim().as_bytes(), base)
        });
        let stream = &mut self.told.streams[index];
        if stream.service.is_none()
            && let Some(service) = fields.service.filter(|service| !service.raw.is_empty())
        {
            stream.service = Some(cut(service.raw, 64).to_owned());
        }
        let mut plain = String::new();
        let body = if text.contains('\\') {
            unescape(text, &mut plain);
            plain.as_str()
        } else {
            text
        };
        stream.begin(number, raw, body, stamp);
        let event = &mut stream.event;
        event.level =
            fields.level.and_then(|level| level_of(level.raw).or_else(|| numeric(level.raw)));
        let is_mongo = fields.component.is_some() && style == Style::Json;
        event.style = Some(if is_mongo { Style::Mongo } else { style });
        let text_of = |value: super::structured::Value<'_>| {
            let mut out = String::new();
            unescape(value.raw, &mut out);
            out
        };
        let message = fields.message.or(fields.trace).map(text_of).unwrap_or_default();
        event.message = Some(message.lines().next().unwrap_or("").to_owned());
        event.trace = fields.trace.map(text_of);
        if !is_whole_enough(text) && style == Style::Json {
            self.told.broken_json += 1;
        }
    }

    /// Ends the open event of a stream and counts it.
    fn flush(&mut self, index: usize) {
        let stream = &mut self.told.streams[index];
        if !stream.event.is_open() {
            return;
        }
        let mut event = std::mem::take(&mut stream.event);
        let scan = self.known.scan(&event.text);
        let cause = if scan.may_have_exception {
            event.trace.as_deref().and_then(cause).or_else(|| cause(&event.text))
        } else {
            None
        };
        let has_trace = event.state != State::Plain || event.trace.is_some();
        let level = event.level.unwrap_or(match cause {
            Some(_) if has_trace => Level::Error,
            _ => Level::Info,
        });
        let times = event.times.max(1);
        stream.events += times;
        stream.errors += if level == Level::Error { times } else { 0 };
        *stream.styles.entry(event.style.unwrap_or(Style::Plain)).or_default() += 1;
        let at_ms = event.at_ms.or(stream.last_ms);
        let counted = Counted { event: &event, stream: index, level, cause, at_ms, scan };
        self.templates.add(counted);
        self.signals.add(counted);
        event.clear();
        self.told.streams[index].event = event;
    }

    fn finish(mut self) -> Told {
        for index in 0..self.told.streams.len() {
            self.flush(index);
        }
        self.signals.finish(&mut self.told);
        self.templates.finish(&mut self.told);
        self.told
    }
}

/// The levels of pino and bunyan (10 to 60) and of syslog (0 to 7).
fn numeric(level: &str) -> Option<Level> {
    let number: i64 = level.parse().ok()?;
    Some(match number {
        50.. => Level::Error,
        40.. => Level::Warning,
        8.. => Level::Info,
        other => severity(other),
    })
}

fn is_whole_enough(text: &str) -> bool {
    text.trim_end().ends_with('}')
}

/// A line without the escape sequences of terminals.
fn without_escapes(line: &str) -> Cow<'_, str> {
    if memchr(0x1b, line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\x1b') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(sequence) = rest.strip_prefix('[') {
            let end = sequence.find(|c: char| ('\x40'..='\x7e').contains(&c));
            rest = end.map_or("", |end| &sequence[end + 1..]);
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}
