//! What was found running: thread dumps, containers, registrations, slow statements, metrics.
//!
//! Files are known by their first bytes, not by their names. Some are parsed as a whole
//! ([`WHOLE`]); the others go by line by line past all readers that want them, so that a file may
//! be a slow log and a log at once and be as long as it likes.

mod by_line;
mod certificates;
mod containers;
mod dumps;
mod found;
mod metrics;
mod registrations;
mod slow;
mod threads;

use wonin_model::ThreadDump;

use crate::log::{Services, kind};
use crate::pipeline::Joining;
pub(crate) use by_line::ByLine;
pub(crate) use containers::{swarm, workload_of};
pub(crate) use found::Found;

/// Bytes of a file that is parsed as a whole.
pub(crate) const WHOLE_BYTES_MAX: u64 = 64 << 20;

/// A kind of file that is parsed as a whole.
pub(crate) struct Whole {
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

/// Whether a file that the walk found may hold something, and no format of configuration has
/// understood it.
pub(crate) fn is_candidate(joining: &Joining<'_>, path: &str) -> bool {
    may_hold(path) && (!joining.is_understood(path) || is_yaml(path))
}

/// What one file holds, if anything.
pub(crate) type Outcome = Result<Option<Found>, String>;

/// Puts what was found into the evidence, in an order in which `scrape-10` comes after `scrape-9`.
pub(crate) fn join(joining: &mut Joining<'_>, mut found: Vec<(&str, Outcome)>) {
    found.sort_by_cached_key(|(path, _)| natural(path));
    let mut dumps = Vec::new();
    for (path, found) in found {
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
pub(crate) fn is_yaml(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml")))
}

/// Whether a file of this name may hold something.
fn may_hold(path: &str) -> bool {
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

/// The kind of a file that is parsed as a whole, if it is of one.
pub(crate) fn whole(path: &str, head: &str) -> Option<&'static Whole> {
    WHOLE.iter().copied().flatten().find(|whole| (whole.accepts)(path, head))
}

impl Whole {
    /// Reads a file of this kind: unpacked, whatever its encoding.
    pub(crate) fn read(&self, bytes: &[u8]) -> Outcome {
        if bytes.len() as u64 > WHOLE_BYTES_MAX {
            return Err(format!("larger than {} MiB", WHOLE_BYTES_MAX >> 20));
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut found = Found::default();
        (self.read)(&text, &mut found);
        if !found.formats.contains(&self.name) {
            found.formats.push(self.name);
        }
        found.text = Some(text);
        Ok(found.if_any())
    }
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
    // What Swarm calls a service bears the name of its stack, too.
    for container in found.containers.iter_mut().filter(|one| one.source == "swarm") {
        container.service = services.of_stream(container.service.as_deref());
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
