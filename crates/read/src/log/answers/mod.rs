//! What orchestrators say happened, in their answers: events of Kubernetes and of ECS services,
//! reasons why tasks of ECS and of Swarm stopped. Each is an event as if it stood in a log, of the
//! service that it is about.

mod ecs;
mod kubernetes;
mod swarm;
mod table;

use wonin_model::Level;
use wonin_text::{SourceFile, Span};

use super::reader::{self, Reported, Told};
use super::signals;

/// Bytes of an answer.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Events of one answer.
const ENTRIES_MAX: usize = 200_000;

/// One event of an answer.
#[derive(Debug, Default)]
struct Entry {
    /// Where its text stands.
    span: Span,
    text: String,
    /// Whether it tells of trouble.
    is_warning: bool,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    /// How often it occurred.
    times: u64,
    service: Option<String>,
}

/// A form of answer.
pub(crate) struct Form {
    /// Whether an answer begins like this.
    accepts: fn(head: &str) -> bool,
    /// Finds its events.
    read: fn(text: &str, entries: &mut Vec<Entry>),
}

const FORMS: &[Form] =
    &[kubernetes::EVENTS, ecs::SERVICES, ecs::TASKS, table::EVENTS, table::DESCRIBED, swarm::TASKS];

/// Whether a file of this path may be an answer.
pub(crate) fn is_candidate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "" | "json" | "yaml" | "yml" | "txt" | "log" | "out" | "events")
}

/// The form of an answer that begins like this.
pub(crate) fn form(head: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| (form.accepts)(head))
}

/// The events of an answer; `None` where there are none.
pub(crate) fn read(form: &Form, path: &str, bytes: &[u8]) -> Option<Told> {
    if bytes.len() as u64 > ANSWER_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut entries = Vec::new();
    (form.read)(&text, &mut entries);
    entries.truncate(ENTRIES_MAX);
    if entries.is_empty() {
        return None;
    }
    let file = SourceFile::new(path, text);
    Some(reader::report(reported(&file, entries), signals::matcher()?))
}

/// Events in the order of time. What occurred several times is there for the first time, and then
/// for all others at once.
fn reported(file: &SourceFile, entries: Vec<Entry>) -> Vec<Reported> {
    let mut reported = Vec::new();
    for entry in entries {
        let line = file.position(entry.span.start as usize).line;
        let shown = file.line(line).map_or("", |span| file.slice(span));
        // A whole answer on one line shows nothing: then the text stands for it.
        let shown = if shown.len() > super::event::SHOWN_BYTES_MAX { &entry.text } else { shown };
        let one = Reported {
            line: u64::from(line),
            shown: shown.to_owned(),
            text: entry.text,
            level: if entry.is_warning { Level::Warning } else { Level::Info },
            at_ms: entry.first_ms.or(entry.last_ms),
            times: 1,
            service: entry.service,
        };
        if entry.times > 1 {
            let at_ms = entry.last_ms.or(one.at_ms);
            reported.push(Reported { at_ms, times: entry.times - 1, ..one.clone() });
        }
        reported.push(one);
    }
    reported.sort_by_key(|one| (one.at_ms.is_none(), one.at_ms, one.line));
    reported
}

#[cfg(test)]
mod tests;
