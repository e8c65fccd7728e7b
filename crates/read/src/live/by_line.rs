//! Files that are read line by line: each service's lines for themselves, by all who want them.

use std::collections::BTreeMap;

use super::found::Found;
use super::{LineReader, certificates, dumps, metrics, registrations, slow};
use crate::log::envelope::{Envelope, service_of_container};
use crate::log::kind;

/// Services whose lines are told apart within one file.
const SERVICES_MAX: usize = 64;

/// The readers of one file.
pub(crate) struct ByLine {
    path: String,
    is_log: bool,
    envelope: Envelope,
    scratch: String,
    readers: BTreeMap<Option<String>, Vec<Box<dyn LineReader>>>,
    found: Found,
}

impl ByLine {
    /// Readers of a file that begins like this; `None` where nobody wants its lines.
    pub(crate) fn new(path: &str, head: &str) -> Option<Self> {
        let is_log = kind::by_name(path) == kind::Name::Log || kind::looks_like_log(head, true);
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
        let readers: BTreeMap<Option<String>, Vec<Box<dyn LineReader>>> = heads
            .into_iter()
            .take(SERVICES_MAX)
            .map(|(service, head)| (service, readers(path, &head, is_log)))
            .collect();
        let is_wanted = readers.values().any(|readers| !readers.is_empty());
        let (path, found) = (path.to_owned(), Found::default());
        is_wanted.then_some(Self { path, is_log, envelope, scratch, readers, found })
    }

    /// Takes a line, without its line break.
    pub(crate) fn line(&mut self, number: u64, text: &str) {
        let Some(inner) = self.envelope.open(text, &mut self.scratch) else {
            return;
        };
        if inner.service.is_none()
            && let Some(readers) = self.readers.get_mut(&None)
        {
            for reader in readers {
                reader.line(number, inner.text, &mut self.found);
            }
            return;
        }
        let key = inner.service.map(str::to_owned);
        if !self.readers.contains_key(&key) && self.readers.len() < SERVICES_MAX {
            self.readers.insert(key.clone(), readers(&self.path, inner.text, self.is_log));
        }
        for reader in self.readers.get_mut(&key).into_iter().flatten() {
            reader.line(number, inner.text, &mut self.found);
        }
    }

    /// Takes the end of the file; gives what was found, if anything.
    pub(crate) fn finish(self) -> Option<Found> {
        let mut found = self.found;
        for (service, readers) in self.readers {
            let (slow, loads, answers) = (found.slow.len(), found.loads.len(), found.answers.len());
            for reader in readers {
                reader.finish(&mut found);
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
        found.if_any()
    }
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
