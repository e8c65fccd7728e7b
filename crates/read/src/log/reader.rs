//! One log file, line by line: events, their templates and signals.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use memchr::memchr;
use wonin_model::Level;

use super::drain::{Miner, hash_bytes, mix};
use super::envelope::{Envelope, service_of_container};
use super::event::{Event, cut};
use super::head::{Heads, Style, level_of, severity};
use super::lines::Lines;
use super::signals::{Found, Matcher, Seen, Tally};
use super::structured::{Fields, json, logfmt, unescape};
use super::time::{Base, DAY_MS, Date, Stamp, parse};
use super::trace::{State, begins, cause, goes_on, is_exception_line, is_trace_line};

/// Services told apart within one file; lines of more count as the file's own.
const SERVICES_MAX: usize = 256;
/// Tells templates of errors from those of other events.
const WENT_WRONG: u64 = 0xe4;
/// Classes of exceptions told apart within one file.
const CAUSES_MAX: usize = 512;
/// Signals of services told apart within one file.
const TALLIES_MAX: usize = 2048;
/// Hits kept of one file, besides the first and the last one of each signal.
const HITS_MAX: usize = 8192;
/// Bytes kept of a template's example.
const EXAMPLE_BYTES_MAX: usize = 1 << 10;
/// Backward steps of the time from which on the clock jumped.
const JUMP_MS: i64 = 60_000;

/// What one file said.
#[derive(Debug, Default)]
pub(super) struct Told {
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

/// One service's lines.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) service: Option<String>,
    pub(super) lines: u64,
    pub(super) events: u64,
    pub(super) errors: u64,
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    pub(super) zone_assumed: bool,
    /// Whether times lack the year, or the whole date.
    pub(super) date: Option<Date>,
    pub(super) clock_jumps: u64,
    pub(super) silence: Option<(i64, i64)>,
    styles: BTreeMap<Style, u64>,
    heads: Option<Heads>,
    event: Event,
}

impl Stream {
    /// What most of its lines look like.
    pub(super) fn style(&self) -> Style {
        let known = self.styles.iter().filter(|(style, _)| **style != Style::Plain);
        let best = known.max_by_key(|(style, count)| (**count, std::cmp::Reverse(**style)));
        let plain = self.styles.get(&Style::Plain).copied().unwrap_or(0);
        match best {
            Some((style, count)) if *count * 10 >= plain => *style,
            _ => Style::Plain,
        }
    }

    /// Moves all times by so many milliseconds.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for at in [&mut self.first_ms, &mut self.last_ms] {
            *at = at.map(|at| at.saturating_add(by_ms));
        }
        self.silence =
            self.silence.map(|(a, b)| (a.saturating_add(by_ms), b.saturating_add(by_ms)));
    }
}

/// One template's events.
#[derive(Clone, Debug)]
pub(super) struct Mined {
    pub(super) text: String,
    pub(super) cause: Option<String>,
    pub(super) level: Level,
    pub(super) count: u64,
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: Option<i64>,
    pub(super) line: u64,
    shown: Box<str>,
    pub(super) signals: BTreeSet<&'static str>,
    stream: usize,
}

impl Mined {
    fn join(&mut self, other: Self) {
        self.level = self.level.max(other.level);
        self.count += other.count;
        self.first_ms = [self.first_ms, other.first_ms].into_iter().flatten().min();
        self.last_ms = [self.last_ms, other.last_ms].into_iter().flatten().max();
        self.signals.extend(other.signals);
        if other.line < self.line {
            self.line = other.line;
            self.shown = other.shown;
            self.cause = other.cause;
        }
    }
}

/// Reads a file to its end.
pub(super) fn read(lines: &mut Lines, matcher: &'static Matcher) -> Told {
    let head = String::from_utf8_lossy(lines.head()).into_owned();
    let mut reader = Reader::new(&head, matcher);
    drop(head);
    let mut scratch = String::new();
    while let Some(line) = lines.next() {
        let text = match std::str::from_utf8(line.bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                reader.told.not_utf8 += 1;
                String::from_utf8_lossy(line.bytes)
            }
        };
        reader.line(line.number, &text, &mut scratch);
    }
    let mut told = reader.finish();
    told.cut_lines = lines.cut;
    told.failure = lines.failure.take();
    told
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
    matcher: &'static Matcher,
    envelope: Envelope,
    heads: Heads,
    told: Told,
    /// Streams by what stands in the envelope.
    by_name: BTreeMap<String, usize>,
    /// The name last looked up.
    last_name: (String, usize),
    miner: Miner,
    mined: Vec<Mined>,
    causes: BTreeSet<u64>,
    found: Vec<Found>,
    /// Hits that may still be kept.
    hits_left: usize,
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
            matcher,
            envelope,
            heads,
            told: Told { streams: vec![own], ..Told::default() },
            by_name: BTreeMap::new(),
            last_name: (String::new(), 0),
            miner: Miner::default(),
            mined: Vec::new(),
            causes: BTreeSet::new(),
            found: Vec::new(),
            hits_left: HITS_MAX,
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

    /// Ends the open event of a stream.
    fn flush(&mut self, index: usize) {
        let stream = &mut self.told.streams[index];
        if !stream.event.is_open() {
            return;
        }
        let event = std::mem::take(&mut stream.event);
        let may_have_cause = self.matcher.scan(&event.text, &mut self.found);
        let cause = if may_have_cause {
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
        self.count(&event, index, level, cause, at_ms);
        for found in self.found.drain(..) {
            let (line, shown, within) = event.locate(found.at);
            let seen = Seen { line, shown: shown.into(), within, at_ms, values: found.values };
            let mut key = (found.name, index);
            if self.told.signals.len() >= TALLIES_MAX && !self.told.signals.contains_key(&key) {
                key.1 = 0;
            }
            let tally = self.told.signals.entry(key).or_default();
            if tally.add(seen, times, self.hits_left > 0) {
                self.hits_left = self.hits_left.saturating_sub(1);
            }
        }
        let mut event = event;
        event.clear();
        self.told.streams[index].event = event;
    }

    /// Counts the event for its template.
    fn count(
        &mut self,
        event: &Event,
        index: usize,
        level: Level,
        cause: Option<(&str, &str)>,
        at_ms: Option<i64>,
    ) {
        let mut key = index as u64;
        if let Some((class, _)) = cause {
            let hash = hash_bytes(7, class.as_bytes());
            if self.causes.len() < CAUSES_MAX {
                self.causes.insert(hash);
            }
            if self.causes.contains(&hash) {
                key = mix(key, hash);
            }
        }
        // What went wrong is another kind than what went well under the same words.
        if level == Level::Error {
            key = mix(key, WENT_WRONG);
        }
        let message = event.message();
        let status = (event.style == Some(Style::Access)).then(|| status_of(message)).flatten();
        if let Some(status) = status {
            key = hash_bytes(key, status.as_bytes());
        }
        if self.miner.is_full() {
            self.lay_together();
        }
        let number = self.miner.learn(key, message) as usize;
        if number == self.mined.len() {
            let (line, shown) = event.first();
            self.mined.push(Mined {
                text: status.map_or_else(String::new, |status| format!("{status} ")),
                cause: cause.map(|(class, message)| words_of(class, message)),
                level,
                count: 0,
                first_ms: None,
                last_ms: None,
                line,
                shown: cut(shown, EXAMPLE_BYTES_MAX).into(),
                signals: BTreeSet::new(),
                stream: index,
            });
        }
        let mined = &mut self.mined[number];
        mined.level = mined.level.max(level);
        mined.count += event.times.max(1);
        if let Some(at) = at_ms {
            mined.first_ms = Some(mined.first_ms.map_or(at, |first| first.min(at)));
            mined.last_ms = Some(mined.last_ms.map_or(at, |last| last.max(at)));
        }
        for found in &self.found {
            mined.signals.insert(found.name);
        }
    }

    fn lay_together(&mut self) {
        let numbers = self.miner.lay_together();
        let mut joined: BTreeMap<u32, Mined> = BTreeMap::new();
        for (mined, number) in std::mem::take(&mut self.mined).into_iter().zip(numbers) {
            match joined.entry(number) {
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(mined);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().join(mined);
                }
            }
        }
        self.mined = joined.into_values().collect();
    }

    fn finish(mut self) -> Told {
        for index in 0..self.told.streams.len() {
            self.flush(index);
        }
        self.lay_together();
        for seen in
            self.told.signals.values().flat_map(|tally| tally.hits.iter().chain(&tally.last))
        {
            self.told.shown.entry(seen.line).or_insert_with(|| seen.shown.to_string());
        }
        for (number, mut mined) in self.mined.into_iter().enumerate() {
            let text = self.miner.text(number as u32);
            mined.text.push_str(if text.is_empty() { "<*>" } else { &text });
            self.told.shown.entry(mined.line).or_insert_with(|| mined.shown.to_string());
            self.told.templates.push((mined.stream, mined));
        }
        self.told
    }
}

/// Where times without a year lie until other logs tell it: a leap year, which has every day.
pub(super) const YEARLESS_BASE_MS: i64 = 1_704_067_200_000;

impl Stream {
    /// Begins an event and notes its time.
    fn begin(&mut self, number: u64, raw: &str, text: &str, at: Option<Stamp>) {
        self.event.add(number, raw, text);
        let Some(stamp) = at else {
            return;
        };
        let mut ms = stamp.ms;
        self.zone_assumed |= !stamp.has_zone;
        if stamp.date != Date::Full {
            self.date = Some(stamp.date);
            self.turn(&mut ms, stamp.date);
        }
        self.event.at_ms = Some(ms);
        if let Some(last) = self.last_ms {
            if ms < last - JUMP_MS {
                self.clock_jumps += 1;
            }
            let longest = self.silence.map_or(0, |(begin, end)| end - begin);
            if ms - last > longest {
                self.silence = Some((last, ms));
            }
        }
        self.first_ms = self.first_ms.or(Some(ms));
        self.last_ms = Some(ms);
    }

    /// Midnight or New Year lies between two times that go back by more than half their period.
    fn turn(&mut self, ms: &mut i64, date: Date) {
        let Some(heads) = &mut self.heads else {
            return;
        };
        let Some(last) = self.last_ms else {
            return;
        };
        if date == Date::None && last - *ms > DAY_MS / 2 {
            heads.base.day += 1;
            *ms += DAY_MS;
        } else if date == Date::NoYear && last - *ms > 183 * DAY_MS {
            let year = heads.base.year;
            let step = super::time::days(year + 1, 1, 1) - super::time::days(year, 1, 1);
            heads.base.year += 1;
            *ms += step * DAY_MS;
        }
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

/// Status of a request's line: the three digits behind its second quote.
fn status_of(message: &str) -> Option<&str> {
    let after = message[message.find('"')? + 1..].trim_start();
    after.get(..3)
}

fn words_of(class: &str, message: &str) -> String {
    let message = cut(message, 512);
    if message.is_empty() { class.to_owned() } else { format!("{class}: {message}") }
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
