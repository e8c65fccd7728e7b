//! Logs after the fact: what they said, in templates and signals.
//!
//! A log of any length is read once, as a stream, and costs its templates and not its lines. The
//! evidence keeps an excerpt: the lines that templates and hits point to.

pub(crate) mod answers;
mod drain;
pub(crate) mod envelope;
mod event;
mod hash;
mod head;
pub(crate) mod kind;
pub(crate) mod lines;
mod mask;
mod reader;
mod signals;
mod structured;
#[cfg(test)]
mod tests;
pub(crate) mod time;
mod trace;

use std::collections::BTreeMap;

use wonin_model::{Assumed, Hit, Log, Signal, Template};
use wonin_text::{FileId, Place, SourceFile, Span};

use crate::pipeline::Joining;
use head::Style;
pub(crate) use reader::{LogReader, Told};
pub use signals::names as signal_names;

/// Whether text of unknown name, of which these are the first bytes, is a log, or a message that
/// was cut out of one.
pub fn is_log_head(head: &[u8]) -> bool {
    let Ok(source) = lines::unpack(Box::new(std::io::Cursor::new(head.to_vec()))) else {
        return false;
    };
    let mut lines = lines::Lines::new(source);
    let head = lines.head();
    kind::by_head(kind::Name::Perhaps, head).is_ok() || is_message(&String::from_utf8_lossy(head))
}

/// Whether a text holds a message of failure and nothing that looks like configuration.
fn is_message(text: &str) -> bool {
    let is_key = |line: &str| line.trim_end().ends_with([':', '{', ';']) || line.contains(" = ");
    let is_found = || {
        let mut scan = signals::Scan::default();
        signals::matcher().is_some_and(|matcher| {
            matcher.scan(text, &mut scan);
            !scan.found.is_empty()
        })
    };
    !text.lines().any(is_key) && is_found()
}

/// Which messages are of one template: a number for each, equal for equal templates. For
/// measuring how well templates are found.
pub fn group_messages(messages: &[&str]) -> Vec<usize> {
    let mut miner = drain::Miner::default();
    let mut numbers: Vec<usize> = Vec::new();
    for message in messages {
        if miner.is_full() {
            let new = miner.lay_together();
            for number in &mut numbers {
                *number = new[*number] as usize;
            }
        }
        numbers.push(miner.learn(0, message) as usize);
    }
    let new = miner.lay_together();
    numbers.into_iter().map(|number| new[number] as usize).collect()
}

/// Whether a file that the walk found may be a log.
pub(crate) fn is_candidate(joining: &Joining<'_>, path: &str) -> bool {
    kind::by_name(path) != kind::Name::Other && !joining.is_understood(path)
}

/// What one file said; `Err(None)` where it is no log.
pub(crate) type Outcome = Result<Told, Option<String>>;

/// Puts answers of orchestrators, whoever else has read these, and logs into the evidence.
pub(crate) fn join<'p>(
    joining: &mut Joining<'_>,
    answers: Vec<(&'p str, Told)>,
    told: Vec<(&'p str, Outcome)>,
) {
    let mut logs = answers;
    for (path, told) in told {
        match told {
            Ok(told) => logs.push((path, told)),
            Err(Some(why)) => joining.skip_file(path, why),
            Err(None) => {}
        }
    }
    date(&mut logs);
    let mut tallies = Tallies::new();
    for (path, told) in logs {
        add(joining, path, told, &mut tallies);
    }
    joining
        .evidence
        .signals
        .extend(tallies.into_iter().map(|((name, service), joined)| joined.signal(name, service)));
    extend_silence(&mut joining.evidence.logs);
}

/// Begins to read a file, if it is a log.
pub(crate) fn begin(path: &str, lines: &mut lines::Lines) -> Result<LogReader, Option<String>> {
    let name = kind::by_name(path);
    let is_sure = name == kind::Name::Log;
    let head = lines.head();
    if head.is_empty() {
        return Err(lines.failure.take());
    }
    kind::by_head(name, head)
        .map_err(|why| (is_sure && why == "not text").then(|| why.to_owned()))?;
    let matcher = signals::matcher().ok_or(None)?;
    Ok(LogReader::new(&String::from_utf8_lossy(head), matcher))
}

/// Gives times without a year the year of the other logs, and times without a date their day.
fn date(logs: &mut [(&str, Told)]) {
    let dated = logs.iter().flat_map(|(_, told)| &told.streams).filter(|s| s.date.is_none());
    let Some(last) = dated.filter_map(|stream| stream.last_ms).max() else {
        return;
    };
    let known = time::Base::of(last);
    for (_, told) in logs {
        let mut shifts = vec![0; told.streams.len()];
        for (stream, shift) in told.streams.iter_mut().zip(&mut shifts) {
            let Some((date, stream_last)) = stream.date.zip(stream.last_ms) else {
                continue;
            };
            let base = time::Base::of(stream_last);
            let days = match date {
                time::Date::None => known.day - base.day,
                _ => time::days_between_years(base, known.year),
            };
            *shift = days * time::DAY_MS;
            stream.shift(*shift);
        }
        for (stream, mined) in &mut told.templates {
            for at in [&mut mined.first_ms, &mut mined.last_ms] {
                *at = at.map(|at| at.saturating_add(shifts[*stream]));
            }
        }
        for ((_, stream), tally) in &mut told.signals {
            if shifts[*stream] != 0 {
                tally.shift(shifts[*stream]);
            }
        }
    }
}

/// Signals by name and service.
type Tallies = BTreeMap<(&'static str, Option<String>), Joined>;

/// One signal over all files.
#[derive(Debug, Default)]
struct Joined {
    tally: signals::Tally,
    hits: Vec<Hit>,
    assumed: Assumed,
}

impl Joined {
    fn signal(mut self, name: &'static str, service: Option<String>) -> Signal {
        self.hits.sort_by_key(|hit| (hit.at_ms.is_none(), hit.at_ms));
        if self.hits.len() > Signal::KEPT {
            let last = self.hits.pop();
            self.hits.truncate(Signal::KEPT - 1);
            self.hits.extend(last);
        }
        let (slots, slot_ms) = self.tally.slots();
        Signal {
            name,
            service,
            count: self.tally.count,
            first_ms: self.tally.first_ms,
            last_ms: self.tally.last_ms,
            hits: self.hits,
            values: self.tally.values(),
            slots,
            slot_ms,
            assumed: self.assumed,
        }
    }
}

/// Puts one file into the evidence.
fn add(joining: &mut Joining<'_>, path: &str, told: Told, tallies: &mut Tallies) {
    let lines: Vec<(u64, String)> = told.shown.into_iter().collect();
    let mut starts = BTreeMap::new();
    let mut at = 0;
    for (number, text) in &lines {
        starts.insert(*number, (at, text.len()));
        at += text.len() + 1;
    }
    let file = joining.evidence.sources.add(SourceFile::excerpt(path, &lines));
    let is_answer =
        told.streams.iter().all(|stream| stream.lines == 0 || stream.style() == Style::Events);
    joining.note_read(file, if is_answer { "events" } else { "log" });
    let excerpt = Excerpt { file, starts };
    note_oddities(
        joining,
        path,
        [
            (told.cut_lines, "lines are longer than 64 KiB; only their beginnings were read"),
            (told.not_utf8, "lines are not UTF-8; what is no text in them was replaced"),
            (told.broken_json, "lines are broken JSON; their beginnings were read"),
        ],
    );
    if let Some(why) = told.failure {
        joining.skip_file(path, format!("reading ended early: {why}"));
    }
    let services = Services::of(joining, path);
    let mut logs: Vec<Log> = told
        .streams
        .iter()
        .map(|stream| Log {
            file,
            format: stream.style().name(),
            service: services.of_stream(stream.service.as_deref()),
            lines: stream.lines,
            events: stream.events,
            errors: stream.errors,
            first_ms: stream.first_ms,
            last_ms: stream.last_ms,
            zone_assumed: stream.zone_assumed,
            date_assumed: stream.date.is_some(),
            clock_jumps: stream.clock_jumps,
            silence_ms: stream.silence,
            templates: Vec::new(),
        })
        .collect();
    for (stream, mined) in told.templates {
        logs[stream].templates.push(Template {
            text: mined.text,
            cause: mined.cause,
            level: mined.level,
            count: mined.count,
            first_ms: mined.first_ms,
            last_ms: mined.last_ms,
            example: excerpt.line(mined.line),
            signals: mined.signals.into_iter().collect(),
        });
    }
    for log in &mut logs {
        log.templates.sort_by(|a, b| (b.count, a.example.span).cmp(&(a.count, b.example.span)));
    }
    for ((name, stream), tally) in told.signals {
        let joined = tallies.entry((name, logs[stream].service.clone())).or_default();
        joined.tally.join(&tally);
        joined.assumed = joined.assumed.max(match told.streams[stream].date {
            None | Some(time::Date::Full) => Assumed::Nothing,
            Some(time::Date::NoYear) => Assumed::Year,
            Some(time::Date::None) => Assumed::Day,
        });
        joined.hits.extend(tally.hits.into_iter().chain(tally.last).map(|seen| Hit {
            place: excerpt.part(seen.line, seen.within),
            at_ms: seen.at_ms,
            values: seen.values.into_iter().collect(),
        }));
    }
    let is_empty = |log: &Log| log.events == 0;
    joining.evidence.logs.extend(logs.into_iter().filter(|log| !is_empty(log)));
}

fn note_oddities(joining: &mut Joining<'_>, path: &str, counts: [(u64, &str); 3]) {
    for (count, what) in counts {
        if count > 0 {
            joining.skip_file(path, format!("{count} {what}"));
        }
    }
}

/// The kept lines of a file.
struct Excerpt {
    file: FileId,
    /// Where each line begins, and its bytes.
    starts: BTreeMap<u64, (usize, usize)>,
}

impl Excerpt {
    fn line(&self, number: u64) -> Place {
        self.part(number, 0..usize::MAX)
    }

    fn part(&self, number: u64, within: std::ops::Range<usize>) -> Place {
        let (start, len) = self.starts.get(&number).copied().unwrap_or((0, 0));
        let (from, to) = (within.start.min(len), within.end.min(len));
        Place { file: self.file, span: Span::new(start + from, start + to) }
    }
}

/// Which services the lines of a file may be of.
pub(crate) struct Services {
    /// Names of all services of the stack, the longest first.
    names: Vec<String>,
    /// The service that the file's path names.
    of_path: Option<String>,
}

impl Services {
    pub(crate) fn of(joining: &Joining<'_>, path: &str) -> Self {
        let stack = &joining.evidence.stack;
        let mut names: Vec<String> = stack.services.iter().map(|s| s.name.value.clone()).collect();
        names.sort_by(|a, b| (b.len(), a).cmp(&(a.len(), b)));
        names.dedup();
        let parts: Vec<&str> = path.rsplit('/').take(3).collect();
        let of_path = parts.iter().enumerate().find_map(|(depth, part)| {
            let stem = if depth == 0 { part.split('.').next().unwrap_or(part) } else { part };
            names.iter().find(|name| is_of(stem, name)).cloned()
        });
        Self { names, of_path }
    }

    pub(crate) fn of_stream(&self, container: Option<&str>) -> Option<String> {
        let Some(container) = container else {
            return self.of_path.clone();
        };
        let known = self.names.iter().find(|name| is_of(container, name));
        Some(known.cloned().unwrap_or_else(|| container.to_owned()))
    }
}

/// Whether a container or file of this name is of the service: `kafka`, `kafka-1`,
/// `shop-kafka-1`.
fn is_of(name: &str, service: &str) -> bool {
    let bare = envelope::service_of_container(name);
    [name, bare].iter().any(|name| {
        *name == service
            || name
                .strip_suffix(service)
                .is_some_and(|project| project.len() > 1 && project.ends_with(['-', '_']))
    })
}

/// A log that ended before the others is silent from then on.
fn extend_silence(logs: &mut [Log]) {
    let Some(end) = logs.iter().filter(|log| !log.date_assumed).filter_map(|log| log.last_ms).max()
    else {
        return;
    };
    for log in logs.iter_mut().filter(|log| !log.date_assumed) {
        let Some(last) = log.last_ms else {
            continue;
        };
        let longest = log.silence_ms.map_or(0, |(begin, end)| end - begin);
        if end - last > longest {
            log.silence_ms = Some((last, end));
        }
    }
}
