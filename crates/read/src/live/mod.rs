//! What was found running: thread dumps, containers, registrations, slow statements, metrics.
//!
//! Files are known by their first bytes, not by their names. Some are parsed as a whole
//! ([`WHOLE`]); the others go by line by line past all readers that want them, so that a file may
//! be a slow log and a log at once and be as long as it likes.

mod certificates;
mod containers;
mod dumps;
mod found;
mod metrics;
mod registrations;
mod slow;
mod threads;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;

use rayon::prelude::*;
use wonin_model::ThreadDump;

use crate::log::envelope::{Envelope, service_of_container};
use crate::log::{Services, kind, lines};
use crate::pipeline::{Files, Joining};
pub(crate) use containers::workload_of;
use found::Found;

/// Bytes of a file that is parsed as a whole.
const WHOLE_BYTES_MAX: u64 = 64 << 20;

/// A kind of file that is parsed as a whole.
struct Whole {
    /// Name as shown under `read`.
    name: &'static str,
    /// Whether a file of this path that begins like this is of the kind.
    accepts: fn(path: &str, head: &str) -> bool,
    /// Reads it; places count in `text`.
    read: fn(text: &str, found: &mut Found),
}

/// All kinds of files that are parsed as a whole; the first that accepts a file gets it.
const WHOLE: [&[Whole]; 3] = [OWN, containers::WHOLE, registrations::WHOLE];

/// Those that need no module of their own.
const OWN: &[Whole] = &[
    Whole {
        name: "thread-dump",
        accepts: |_, head| dumps::json::accepts(head),
        read: dumps::json::read,
    },
    Whole {
        name: "redis",
        accepts: |_, head| slow::accepts_redis_json(head),
        read: slow::read_redis_json,
    },
];

/// A reader of lines.
trait LineReader {
    /// Takes a line, without its line break.
    fn line(&mut self, number: u64, text: &str, found: &mut Found);
    /// Takes the end of the file.
    fn finish(self: Box<Self>, found: &mut Found);
}

/// Reads all that the walk found and no format of configuration has understood.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let files = joining.files();
    let mut candidates: Vec<String> = joining
        .paths()
        .iter()
        .filter(|path| is_candidate(path) && (!joining.is_understood(path) || is_yaml(path)))
        .cloned()
        .collect();
    // So that `scrape-10` comes after `scrape-9`.
    candidates.sort_by_cached_key(|path| natural(path));
    let found: Vec<Result<Option<Found>, String>> =
        candidates.par_iter().map(|path| read_one(files, path)).collect();
    let mut dumps = Vec::new();
    for (path, found) in candidates.iter().zip(found) {
        match found {
            Ok(Some(found)) => add(joining, path, found, &mut dumps),
            Ok(None) => {}
            Err(why) => joining.skip_file(path, why),
        }
    }
    add_dumps(joining, dumps);
    metrics::join(&mut joining.evidence.series);
}

/// Manifests and what `kubectl get -o yaml` answers look alike: only the text tells.
fn is_yaml(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml")))
}

/// Whether a file of this name may hold something.
fn is_candidate(path: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "cer",
        "crt",
        "dump",
        "jstack",
        "metrics",
        "openmetrics",
        "pem",
        "prom",
        "tdump",
        "threads",
        "xml",
    ];
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    kind::by_name(path) != kind::Name::Other
        || is_yaml(path)
        || extension.is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

fn read_one(files: &dyn Files, path: &str) -> Result<Option<Found>, String> {
    // What cannot be opened is complained of by those who know that it should be there.
    let Ok(source) = files.open(path).and_then(lines::unpack) else {
        return Ok(None);
    };
    let mut lines = lines::Lines::new(source);
    let head = String::from_utf8_lossy(lines.head()).into_owned();
    if kind::is_binary(lines.head()) {
        return Ok(None);
    }
    let mut found = Found::default();
    if let Some(whole) = WHOLE.iter().copied().flatten().find(|whole| (whole.accepts)(path, &head))
    {
        let text = whole_text(files, path)?;
        (whole.read)(&text, &mut found);
        if !found.formats.contains(&whole.name) {
            found.formats.push(whole.name);
        }
        found.text = Some(text);
    } else if is_yaml(path) {
        return Ok(None);
    } else {
        let is_log = kind::by_name(path) == kind::Name::Log || kind::looks_like_log(&head, true);
        if !read_lines(&mut lines, path, &head, is_log, &mut found) {
            return Ok(None);
        }
    }
    Ok((!found.is_empty() || !found.problems.is_empty()).then_some(found))
}

/// Services whose lines are told apart within one file.
const SERVICES_MAX: usize = 64;

/// Reads line by line, each service's lines for themselves; says whether anybody wanted them.
fn read_lines(
    lines: &mut lines::Lines,
    path: &str,
    head: &str,
    is_log: bool,
    found: &mut Found,
) -> bool {
    let envelope = Envelope::of(head.lines().take(50));
    let mut scratch = String::new();
    let mut heads: BTreeMap<Option<String>, String> = BTreeMap::new();
    for line in head.lines() {
        if let Some(inner) = envelope.open(line, &mut scratch) {
            let head = heads.entry(inner.service.map(str::to_owned)).or_default();
            head.push_str(inner.text);
            head.push('\n');
        }
    }
    let mut readers: BTreeMap<Option<String>, Vec<Box<dyn LineReader>>> = heads
        .into_iter()
        .take(SERVICES_MAX)
        .map(|(service, head)| (service, readers(path, &head, is_log)))
        .collect();
    if readers.values().all(Vec::is_empty) {
        return false;
    }
    while let Some(line) = lines.next() {
        let text = match std::str::from_utf8(line.bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(line.bytes),
        };
        let Some(inner) = envelope.open(&text, &mut scratch) else {
            continue;
        };
        if inner.service.is_none()
            && let Some(readers) = readers.get_mut(&None)
        {
            for reader in readers {
                reader.line(line.number, inner.text, found);
            }
            continue;
        }
        let key = inner.service.map(str::to_owned);
        if !readers.contains_key(&key) && readers.len() < SERVICES_MAX {
            readers.insert(key.clone(), self::readers(path, inner.text, is_log));
        }
        for reader in readers.get_mut(&key).into_iter().flatten() {
            reader.line(line.number, inner.text, found);
        }
    }
    for (service, readers) in readers {
        let (slow, loads, answers) = (found.slow.len(), found.loads.len(), found.answers.len());
        for reader in readers {
            reader.finish(found);
        }
        let service = service.as_deref().map(|name| service_of_container(name).to_owned());
        for slow in &mut found.slow[slow..] {
            slow.service.clone_from(&service);
        }
        for load in &mut found.loads[loads..] {
            load.service.clone_from(&service);
        }
        for run in &mut found.answers[answers..] {
            run.service.clone_from(&service);
        }
    }
    true
}

/// The readers that want lines which begin like this.
fn readers(path: &str, head: &str, is_log: bool) -> Vec<Box<dyn LineReader>> {
    if metrics::accepts(head) {
        return vec![Box::new(metrics::Metrics::default())];
    }
    if certificates::accepts(head) {
        return vec![Box::new(certificates::Pem::default())];
    }
    if dumps::plain::accepts(head) {
        return vec![Box::new(dumps::plain::Plain::default())];
    }
    let mut readers: Vec<Box<dyn LineReader>> = slow::readers(path, head, is_log);
    readers.extend(registrations::readers(path, head, is_log));
    if is_log || dumps::text::accepts(head) {
        readers.push(Box::new(dumps::text::DumpText::default()));
    }
    readers
}

/// The text of a file that is parsed as a whole: unpacked, whatever its encoding.
fn whole_text(files: &dyn Files, path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let source = files.open(path).and_then(lines::unpack)?;
    source.take(WHOLE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > WHOLE_BYTES_MAX {
        return Err(format!("larger than {} MiB", WHOLE_BYTES_MAX >> 20));
    }
    Ok(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(_) => String::from_utf8(bytes).unwrap_or_default(),
        Cow::Owned(text) => text,
    })
}

/// A dump with the path of its file.
type Dump = (ThreadDump, String);

/// Puts what one file said into the evidence; dumps wait until all are there.
fn add(joining: &mut Joining<'_>, path: &str, mut found: Found, dumps: &mut Vec<Dump>) {
    for problem in std::mem::take(&mut found.problems) {
        joining.skip_file(path, problem);
    }
    if found.is_empty() {
        return;
    }
    let is_whole = found.text.is_some();
    let formats = std::mem::take(&mut found.formats);
    let file = joining.add_file(path, is_whole, |file| found.settle(file, path));
    for format in formats {
        joining.note_read(file, format);
    }
    dumps.extend(found.dumps.into_iter().map(|dump| (dump, path.to_owned())));
    let services = Services::of(joining, path);
    for slow in &mut found.slow {
        slow.service = services.of_stream(slow.service.as_deref());
    }
    for load in &mut found.loads {
        load.service = services.of_stream(load.service.as_deref());
    }
    for run in &mut found.answers {
        run.service = services.of_stream(run.service.as_deref());
    }
    let evidence = &mut joining.evidence;
    evidence.answers.extend(found.answers);
    evidence.containers.extend(found.containers);
    evidence.registrations.extend(found.registrations);
    evidence.certificates.extend(found.certificates);
    evidence.partitions.extend(found.partitions);
    evidence.voters.extend(found.voters);
    evidence.slow.extend(found.slow);
    evidence.loads.extend(found.loads);
    evidence.series.extend(found.series);
}

/// Orders dumps by time, or by the numbers in their paths where they have none, and adds up those
/// of each process.
fn add_dumps(joining: &mut Joining<'_>, mut dumps: Vec<Dump>) {
    dumps.sort_by_cached_key(|(dump, path)| {
        (dump.at_ms.is_none(), dump.at_ms, natural(path), dump.place.span)
    });
    let dir = |path: &str| path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned();
    let dirs: Vec<String> = dumps.iter().map(|(_, path)| dir(path)).collect();
    let dumps: Vec<ThreadDump> = dumps.into_iter().map(|(dump, _)| dump).collect();
    joining.evidence.threads = threads::sets(&dumps, &dirs);
    joining.evidence.dumps = dumps;
}

/// A path as a key by which `dump-10` comes after `dump-9`.
fn natural(path: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(digits);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        parts.push((text.to_owned(), after[..end].parse().unwrap_or(u64::MAX)));
        rest = &after[end..];
    }
    parts
}

#[cfg(test)]
mod tests;
