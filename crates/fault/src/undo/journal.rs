//! Undo records on disk: one file for each fault on each target.
//!
//! A run has a name, a lock file `RUN.run` that it holds locked as long as it lives, and records
//! `RUN.NUMBER.json`. A record is written beside its place, flushed, and renamed, so that it is
//! there whole or not at all. Who acts on a record, or heals it, holds a lock on it. Files are for
//! their owner alone: what starts a process again includes its environment.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::Undo;

/// The form of records that this program writes and understands.
const FORMAT: u32 = 1;
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Longer than any healing takes.
const CLAIM: Duration = Duration::from_secs(90);

/// What undoes one fault on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    /// Which run did it.
    pub(crate) run: String,
    /// The how many-th of its run.
    pub(crate) number: u32,
    /// What was done, for people.
    pub(crate) fault: String,
    /// To whom; faults on the same target are undone one after the other, the last one first.
    pub(crate) target: String,
    /// Whether it acts already.
    pub(crate) stage: Stage,
    /// The boot that `expires_ms` counts from.
    pub(crate) boot: String,
    /// Milliseconds since the boot after which it must be undone.
    pub(crate) expires_ms: u64,
    pub(crate) undo: Undo,
}

/// How far an injection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// It may be under way: what was asked of others may still be carried out.
    Intended,
    /// It was seen to act.
    Acts,
}

impl Record {
    pub(crate) fn new(run: &str, number: u32, fault: String, target: String, undo: Undo) -> Self {
        Self {
            format: FORMAT,
            run: run.to_owned(),
            number,
            fault,
            target,
            stage: Stage::Intended,
            boot: String::new(),
            expires_ms: 0,
            undo,
        }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        format!("{}.{:04}.json", self.run, self.number)
    }
}

/// The directory of records.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
}

impl Journal {
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the directory, for its owner alone.
    pub(crate) fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        self.is_trusted().map(drop)
    }

    /// Whether there is a directory, which is an error where others may write to it: what records
    /// say is done, with the rights of who reads them.
    pub(crate) fn is_trusted(&self) -> io::Result<bool> {
        let seen = match fs::metadata(&self.dir) {
            Ok(seen) => seen,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let us = rustix::process::geteuid().as_raw();
        if seen.uid() != us || seen.mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "it belongs to another user, or others may write to it (it must be for its owner \
                 alone: mode 700)",
            ));
        }
        Ok(true)
    }

    /// Writes a record so that it is on disk when this returns.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let name = record.name();
        let beside = self.dir.join(format!("{name}.new"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.sync_all()?;
        fs::rename(&beside, self.dir.join(name))?;
        self.sync()
    }

    /// Removes a record; not being there is as good.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// Names alone are flushed with their directory.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Whether there is no directory any more: somebody removed it.
    pub(crate) fn is_gone(&self) -> bool {
        fs::metadata(&self.dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    fn names(&self) -> Vec<String> {
        self.list().unwrap_or_default()
    }

    /// The names of all files, in order.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The runs that left anything, alive or not.
    pub(crate) fn runs(&self) -> Vec<String> {
        let names = self.names();
        let of = |name: &String| {
            let (run, rest) = name.split_once('.')?;
            let ours = rest == "run" || ends_in(rest, "json") || ends_in(rest, "new");
            ours.then(|| run.to_owned())
        };
        let mut runs: Vec<String> = names.iter().filter_map(of).collect();
        runs.dedup();
        runs
    }

    /// Names of the records of a run, in the order they were made.
    pub(crate) fn records(&self, run: &str) -> Vec<String> {
        let is_of = |name: &String| {
            name.strip_prefix(run).is_some_and(|rest| rest.starts_with('.'))
                && ends_in(name, "json")
        };
        self.names().into_iter().filter(is_of).collect()
    }

    /// What a file holds; what is torn or of another program is told apart from what is gone.
    pub(crate) fn read(&self, name: &str) -> Option<Result<Record, String>> {
        let text = match fs::read(self.dir.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(error.to_string())),
        };
        Some(understand(&text))
    }

    /// Takes the lock of a record for as long as the claim lives; `None` where it is gone.
    pub(crate) async fn claim(&self, name: &str) -> Option<Result<Claim, String>> {
        let begin = Instant::now();
        loop {
            match Claim::try_take(&self.dir.join(name)) {
                Ok(Some(claim)) => return Some(Ok(claim)),
                Ok(None) if begin.elapsed() < CLAIM => sleep(LOOK_AGAIN).await,
                Ok(None) => {
                    return Some(Err("another process is at it and does not end".to_owned()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    }

    /// Removes what a run leaves besides its records: its lock file and what was never renamed.
    /// The caller holds the lock of the run.
    pub(crate) fn clear(&self, run: &str) {
        for name in self.names() {
            let Some(rest) = name.strip_prefix(run) else { continue };
            if rest == ".run" || rest.starts_with('.') && ends_in(rest, "new") {
                // It tells nothing; who comes next tries again.
                _ = fs::remove_file(self.dir.join(&name));
            }
        }
    }
}

fn ends_in(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|its| its == extension)
}

fn understand(text: &[u8]) -> Result<Record, String> {
    let value: serde_json::Value = serde_json::from_slice(text)
        .map_err(|error| format!("the record cannot be understood: {error}"))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        format => {
            return Err(format!("the record has format {format:?}, this program knows {FORMAT}"));
        }
    }
    serde_json::from_value(value)
        .map_err(|error| format!("the record cannot be understood: {error}"))
}

/// Whether a locked file is still the one of that name.
fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let (mine, there) = (file.metadata()?, fs::metadata(path)?);
    Ok(mine.ino() == there.ino() && mine.dev() == there.dev())
}

/// The right to act on a record.
#[derive(Debug)]
pub(crate) struct Claim {
    file: File,
}

impl Claim {
    /// `Ok(None)` where another has it, or the record was just written anew.
    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(is_still(&file, path)?.then_some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The record as it is now.
    pub(crate) fn record(&mut self) -> Result<Record, String> {
        let mut text = Vec::new();
        self.file.read_to_end(&mut text).map_err(|error| error.to_string())?;
        understand(&text)
    }
}

/// Held by a run for as long as it lives: the system lets go of it however the run ends.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run; `Ok(None)` where another process has it.
    pub(crate) fn try_take(journal: &Journal, run: &str) -> io::Result<Option<Self>> {
        let path = journal.dir.join(format!("{run}.run"));
        // Who clears up may remove the file between the two steps: then it is made again.
        for _ in 0..100 {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            match is_still(&file, &path) {
                Ok(true) => return Ok(Some(Self { _file: file })),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessUndo;
    use crate::process::proc::Identity;

    fn record(run: &str, number: u32) -> Record {
        let process = Identity::of(std::process::id()).unwrap();
        let undo = Undo::Process(ProcessUndo::Continue { process });
        Record::new(run, number, "pause of pid 7".to_owned(), "pid 7".to_owned(), undo)
    }

    fn journal() -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::at(&dir.path().join("state/undo"));
        journal.create().unwrap();
        (dir, journal)
    }

    #[test]
    fn a_record_reads_as_it_was_written_and_belongs_to_its_owner() {
        let (_dir, journal) = journal();
        let record = record("a1", 3);
        journal.write(&record).unwrap();
        assert_eq!(journal.records("a1"), ["a1.0003.json"]);
        assert_eq!(journal.read("a1.0003.json").unwrap().unwrap(), record);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&journal.dir().join("a1.0003.json")), 0o600);
        assert_eq!(mode(journal.dir()), 0o700);
        journal.remove("a1.0003.json").unwrap();
        journal.remove("a1.0003.json").unwrap();
        assert!(journal.read("a1.0003.json").is_none());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_not_trusted() {
        let (_dir, journal) = journal();
        assert!(journal.is_trusted().unwrap());
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(journal.dir(), mode).unwrap();
        let why = journal.is_trusted().unwrap_err().to_string();
        assert!(why.contains("mode 700"), "{why}");
        assert!(journal.create().is_err());
        assert!(!Journal::at(&journal.dir().join("none")).is_trusted().unwrap());
    }

    #[test]
    fn what_was_never_renamed_is_no_record() {
        let (_dir, journal) = journal();
        let whole = serde_json::to_vec(&record("a1", 1)).unwrap();
        for length in 0..whole.len() {
            fs::write(journal.dir().join("a1.0001.json.new"), &whole[..length]).unwrap();
            assert!(journal.records("a1").is_empty());
        }
        assert_eq!(journal.runs(), ["a1"]);
        journal.clear("a1");
        assert!(journal.runs().is_empty());
    }

    #[test]
    fn a_torn_record_is_told_and_never_half_understood() {
        let (_dir, journal) = journal();
        let whole = serde_json::to_vec(&record("a1", 1)).unwrap();
        for length in 0..whole.len() {
            fs::write(journal.dir().join("a1.0001.json"), &whole[..length]).unwrap();
            let why = journal.read("a1.0001.json").unwrap().unwrap_err();
            assert!(why.contains("cannot be understood"), "{why}");
        }
        let newer = serde_json::json!({"format": 2, "run": "a1"});
        fs::write(journal.dir().join("a1.0001.json"), newer.to_string()).unwrap();
        let why = journal.read("a1.0001.json").unwrap().unwrap_err();
        assert!(why.contains("format Some(2)"), "{why}");
    }

    #[test]
    fn one_run_and_one_record_have_one_holder() {
        let (_dir, journal) = journal();
        let lock = RunLock::try_take(&journal, "a1").unwrap();
        assert!(lock.is_some());
        assert!(RunLock::try_take(&journal, "a1").unwrap().is_none());
        assert!(RunLock::try_take(&journal, "a2").unwrap().is_some());
        drop(lock);
        assert!(RunLock::try_take(&journal, "a1").unwrap().is_some());

        journal.write(&record("a1", 1)).unwrap();
        let path = journal.dir().join("a1.0001.json");
        let claim = Claim::try_take(&path).unwrap();
        assert!(claim.is_some());
        assert!(Claim::try_take(&path).unwrap().is_none());
        // Written anew it is another file, which nobody holds.
        journal.write(&record("a1", 1)).unwrap();
        assert!(Claim::try_take(&path).unwrap().is_some());
        drop(claim);
        journal.remove("a1.0001.json").unwrap();
        assert_eq!(Claim::try_take(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn records_of_a_run_whose_name_begins_alike_are_its_own() {
        let (_dir, journal) = journal();
        journal.write(&record("a1", 1)).unwrap();
        journal.write(&record("a11", 1)).unwrap();
        assert_eq!(journal.records("a1"), ["a1.0001.json"]);
        assert_eq!(journal.runs(), ["a1", "a11"]);
    }
}
