//! From a list of files to evidence: load and parse on all cores, join in order.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use rayon::prelude::*;
use wonin_model::{Evidence, ReadFile, Skipped};
use wonin_text::{FileId, Place, SourceFile};

use crate::fragment::{FORMATS, Format, Fragment};
use crate::{apps, compose, kafka, kubernetes, nginx, scripts, servers, streams, terraform};

/// The files that may be read. Implemented over a disk by the command line and in memory by tests.
pub trait Files: Sync {
    /// Paths that a walk found: relative, `/` between parts, sorted, without duplicates.
    fn paths(&self) -> &[String];

    /// The text of a file, which need not be among [`Files::paths`] (an `extends` may point
    /// elsewhere, a `.env` is often left out of a walk); or why it cannot be had, in words for a
    /// person. The path is relative like those of the walk and may begin with `../`.
    fn load(&self, path: &str) -> Result<String, String>;

    /// The bytes of a file that may be too long to hold: a log, packed or not. Errors while
    /// reading end the file there.
    fn open(&self, path: &str) -> Result<Box<dyn Read + Send>, String> {
        self.load(path).map(|text| -> Box<dyn Read + Send> { Box::new(Cursor::new(text)) })
    }

    /// Whether there is such a file at all, found by the walk or not. A file that merely may be
    /// there (`.env`) is passed over in silence only where this says no.
    fn exists(&self, path: &str) -> bool {
        self.paths().binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }
}

/// One step that turns fragments into parts of the stack. To add one: write
/// `pub(crate) fn join(joining: &mut Joining<'_>)` in its module and its line in [`JOINERS`].
type Joiner = fn(&mut Joining<'_>);

/// All steps in their order; each may rely on what those before it have put into the stack:
/// Compose projects, servers behind their services, Kafka brokers, applications, code, Kafka
/// clients, gateways.
const JOINERS: &[Joiner] = &[
    compose::join,
    kafka::join_brokers,
    servers::join,
    apps::join,
    kafka::join_clients,
    nginx::join,
    scripts::join,
    terraform::join,
    kubernetes::join,
    streams::join,
];

/// The state of joining: what was parsed, and the evidence so far.
pub(crate) struct Joining<'a> {
    files: &'a dyn Files,
    /// What the formats understood, in the order of paths.
    pub(crate) fragments: Vec<Fragment>,
    /// The evidence so far: sources, stack, skipped.
    pub(crate) evidence: Evidence,
    /// Outcome of loading, by path, so that a file gets one number and one complaint.
    loaded: HashMap<String, Result<FileId, String>>,
}

impl<'a> Joining<'a> {
    /// The files themselves, for what is too long to load.
    pub(crate) fn files(&self) -> &'a dyn Files {
        self.files
    }

    /// Whether some format has understood the file of this path.
    pub(crate) fn is_understood(&self, path: &str) -> bool {
        matches!(self.loaded.get(path), Some(Ok(_)))
    }

    /// The number of a file whose text is needed and that no format may have claimed: an `extends`
    /// file outside the walk, an `env_file`, a mounted configuration. Loads it once.
    pub(crate) fn load(&mut self, path: &str) -> Result<FileId, String> {
        if let Some(outcome) = self.loaded.get(path) {
            return outcome.clone();
        }
        let outcome = self.files.load(path).map(|text| {
            let source = SourceFile::new(path, text);
            self.evidence.sources.add(source)
        });
        self.loaded.insert(path.to_owned(), outcome.clone());
        outcome
    }

    /// Whether there is a file of this path, loaded or not.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.files.exists(path)
    }

    /// The paths that the walk found.
    pub(crate) fn paths(&self) -> &[String] {
        self.files.paths()
    }

    /// The text of a loaded file.
    pub(crate) fn text(&self, file: FileId) -> &str {
        self.evidence.sources.file(file).text()
    }

    /// Adds a file whose places are known once it has its number. Where `is_whole`, nobody else
    /// need read it.
    pub(crate) fn add_file(
        &mut self,
        path: &str,
        is_whole: bool,
        make: impl FnOnce(FileId) -> SourceFile,
    ) -> FileId {
        if is_whole && let Some(Ok(id)) = self.loaded.get(path) {
            // Its text is there already.
            make(*id);
            return *id;
        }
        let id = FileId(self.evidence.sources.iter().count() as u32);
        let source = make(id);
        if is_whole {
            self.loaded.insert(path.to_owned(), Ok(id));
        }
        self.evidence.sources.add(source)
    }

    /// Notes that a file loaded here was understood.
    pub(crate) fn note_read(&mut self, file: FileId, format: &'static str) {
        self.evidence.read.push(ReadFile { file, format });
    }

    /// Notes a file that could not be read or does not count.
    pub(crate) fn skip_file(&mut self, path: &str, why: impl Into<String>) {
        let skipped = Skipped { path: path.to_owned(), place: None, why: why.into() };
        self.evidence.skipped.push(skipped);
    }

    /// Notes a part of a file that was not understood.
    pub(crate) fn skip(&mut self, place: Place, why: impl Into<String>) {
        let path = self.evidence.sources.file(place.file).path().to_owned();
        self.evidence.skipped.push(Skipped { path, place: Some(place), why: why.into() });
    }
}

/// Reads everything that some format claims.
pub fn read(files: &dyn Files) -> Evidence {
    let mut joining = parse_all(files);
    for join in JOINERS {
        join(&mut joining);
    }
    in_order(joining.evidence)
}

/// Loads and parses on all cores what some format claims.
fn parse_all(files: &dyn Files) -> Joining<'_> {
    let claimed: Vec<&String> = files
        .paths()
        .iter()
        .filter(|path| FORMATS.iter().any(|format| (format.claims)(path)))
        .collect();
    let parsed: Vec<Parsed> = claimed
        .par_iter()
        .enumerate()
        .map(|(index, path)| parse_one(files, FileId(index as u32), path))
        .collect();

    let mut evidence = Evidence::default();
    let mut fragments = Vec::new();
    let mut loaded = HashMap::new();
    for parsed in parsed {
        let path = parsed.source.path().to_owned();
        let file = evidence.sources.add(parsed.source);
        evidence.skipped.extend(parsed.skipped);
        match parsed.outcome {
            Outcome::Understood(fragment) => {
                evidence.read.push(ReadFile { file, format: fragment.format });
                fragments.push(fragment);
                loaded.insert(path, Ok(file));
            }
            Outcome::Unreadable(why) => {
                loaded.insert(path, Err(why));
            }
            Outcome::OfNoInterest => {}
        }
    }
    Joining { files, fragments, evidence, loaded }
}

/// Files by path, complaints by path and place, each once.
fn in_order(mut evidence: Evidence) -> Evidence {
    let sources = &evidence.sources;
    evidence.read.sort_by_key(|read| (sources.file(read.file).path(), read.format));
    evidence.read.dedup();
    evidence.skipped.sort_by(|a, b| {
        (&a.path, a.place.map(|p| p.span), &a.why).cmp(&(&b.path, b.place.map(|p| p.span), &b.why))
    });
    evidence.skipped.dedup();
    evidence
}

/// One loaded file; a file that is of no interest keeps its number but not its text.
struct Parsed {
    source: SourceFile,
    outcome: Outcome,
    skipped: Vec<Skipped>,
}

enum Outcome {
    Understood(Fragment),
    OfNoInterest,
    Unreadable(String),
}

fn parse_one(files: &dyn Files, id: FileId, path: &str) -> Parsed {
    let empty = |outcome, skipped| Parsed { source: SourceFile::new(path, ""), outcome, skipped };
    let text = match files.load(path) {
        Ok(text) => text,
        Err(why) => {
            let skipped = Skipped { path: path.to_owned(), place: None, why: why.clone() };
            return empty(Outcome::Unreadable(why), vec![skipped]);
        }
    };
    let is_right = |format: &&Format| (format.claims)(path) && (format.accepts)(path, &text);
    let Some(format) = FORMATS.iter().find(is_right) else {
        return empty(Outcome::OfNoInterest, Vec::new());
    };
    let source = SourceFile::new(path, text);
    let mut skipped = Vec::new();
    let content = (format.parse)(id, &source, &mut skipped);
    if content.is_hollow()
        && let Some(first) = skipped.first()
    {
        let outcome = Outcome::Unreadable(first.why.clone());
        return Parsed { source, outcome, skipped };
    }
    let fragment = Fragment { file: id, path: path.to_owned(), format: format.name, content };
    Parsed { source, outcome: Outcome::Understood(fragment), skipped }
}
