//! Files of a disk, under the names that the user gave.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use wonin_model::Skipped;
use wonin_read::Files;

use crate::failure::{Failure, words};
use crate::walk;

/// Bytes of one file that are read; configuration is smaller by orders of magnitude.
const FILE_LEN_MAX: u64 = 64 << 20;

/// Bytes of standard input that tell a log from configuration.
const HEAD_LEN: u64 = 64 << 10;

/// What a command looks at: a base directory and the paths below it.
#[derive(Debug, Default)]
pub(crate) struct DiskFiles {
    base: PathBuf,
    paths: Vec<String>,
    /// Texts that are not on the disk as such: standard input, edits not yet written.
    texts: BTreeMap<String, String>,
    /// The path that is standard input, and what was read of it to see what it is.
    streamed: Option<String>,
    head: Vec<u8>,
    /// What the walk could not enter.
    skipped: Vec<Skipped>,
    loaded: AtomicUsize,
}

impl DiskFiles {
    /// Walks the given paths. One directory: shown paths are relative to it. One file: its
    /// neighbours can be loaded, but only it is looked at. Several: shown paths begin with the
    /// path given.
    pub(crate) fn open(given: &[PathBuf]) -> Result<Self, Failure> {
        let mut files = Self::default();
        for path in given {
            let kind = fs::metadata(path).map_err(|cause| {
                Failure::new(format!("cannot read `{}`", path.display())).because(cause)
            })?;
            let base = match (given, kind.is_dir()) {
                ([_], true) => path.clone(),
                ([_], false) => parent(path),
                _ => PathBuf::new(),
            };
            files.base.clone_from(&base);
            if kind.is_dir() {
                let walked = walk::walk(path);
                files.paths.extend(walked.files.iter().map(|file| shown(&base, file)));
                files.skipped.extend(walked.skipped.into_iter().map(|(path, why)| Skipped {
                    path: shown(&base, &path),
                    place: None,
                    why,
                }));
            } else {
                files.paths.push(shown(&base, path));
            }
        }
        files.paths.sort_unstable();
        files.paths.dedup();
        files.skipped.sort_by(|a, b| (&a.path, &a.why).cmp(&(&b.path, &b.why)));
        files.skipped.dedup();
        Ok(files)
    }

    /// Standard input under a name; relative names are found in the working directory. A log is
    /// not held: it is read once, when it is opened, and its name is its own.
    pub(crate) fn from_stdin(name: &str) -> Result<Self, Failure> {
        let cannot = |why: String| Failure::new(format!("cannot read standard input: {why}"));
        let mut head = Vec::new();
        let taken = io::stdin().lock().take(HEAD_LEN).read_to_end(&mut head);
        taken.map_err(|error| cannot(words(&error)))?;
        if wonin_read::is_log_head(&head) {
            let name = "stdin.log".to_owned();
            let paths = vec![name.clone()];
            return Ok(Self { paths, streamed: Some(name), head, ..Self::default() });
        }
        let text = read_text(&mut head.chain(io::stdin().lock())).map_err(cannot)?;
        Ok(Self {
            paths: vec![name.to_owned()],
            texts: BTreeMap::from([(name.to_owned(), text)]),
            ..Self::default()
        })
    }

    /// What the walk could not enter.
    pub(crate) fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How many files were loaded so far.
    pub(crate) fn loaded(&self) -> usize {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Where a shown path lies on the disk.
    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The same files with some texts replaced, as they would be after the edits.
    pub(crate) fn with_texts(&self, texts: BTreeMap<String, String>) -> Self {
        Self {
            base: self.base.clone(),
            paths: self.paths.clone(),
            texts,
            streamed: self.streamed.clone(),
            head: self.head.clone(),
            skipped: self.skipped.clone(),
            loaded: AtomicUsize::new(0),
        }
    }
}

impl Files for DiskFiles {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn load(&self, path: &str) -> Result<String, String> {
        self.loaded.fetch_add(1, Ordering::Relaxed);
        if let Some(text) = self.texts.get(path) {
            return Ok(text.clone());
        }
        let at = self.on_disk(path);
        if regular(&at)?.len() > FILE_LEN_MAX {
            return Err(too_large());
        }
        read_text(&mut File::open(&at).map_err(|error| words(&error))?)
    }

    fn open(&self, path: &str) -> Result<Box<dyn io::Read + Send>, String> {
        self.loaded.fetch_add(1, Ordering::Relaxed);
        if let Some(text) = self.texts.get(path) {
            return Ok(Box::new(io::Cursor::new(text.clone())));
        }
        if self.streamed.as_deref() == Some(path) {
            let head = io::Cursor::new(self.head.clone());
            return Ok(Box::new(head.chain(io::stdin())));
        }
        let at = self.on_disk(path);
        regular(&at)?;
        Ok(Box::new(File::open(&at).map_err(|error| words(&error))?))
    }

    fn exists(&self, path: &str) -> bool {
        self.texts.contains_key(path) || fs::symlink_metadata(self.on_disk(path)).is_ok()
    }
}

/// What is known of a file, unless it is none. Asked before opening: a named pipe would wait for a
/// writer for ever.
fn regular(at: &Path) -> Result<fs::Metadata, String> {
    let kind = fs::metadata(at).map_err(|error| words(&error))?;
    if kind.is_dir() {
        return Err("is a directory".to_owned());
    }
    if !kind.is_file() {
        return Err("not a regular file".to_owned());
    }
    Ok(kind)
}

fn too_large() -> String {
    format!("larger than {} MiB, which no configuration is", FILE_LEN_MAX >> 20)
}

fn read_text(source: &mut impl io::Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    source.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes).map_err(|error| words(&error))?;
    if bytes.len() as u64 > FILE_LEN_MAX {
        return Err(too_large());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("UTF-16 text, and only UTF-8 is read".to_owned());
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8: byte {}", error.utf8_error().valid_up_to()))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The path as shown: relative to the base, `/` between parts, without `.` parts.
fn shown(base: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let mut out = String::new();
    for part in relative.components() {
        match part {
            Component::CurDir => continue,
            Component::RootDir => {
                out.push('/');
                continue;
            }
            _ => {}
        }
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(&part.as_os_str().to_string_lossy());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_paths_are_relative_and_plain() {
        assert_eq!(shown(Path::new("a"), Path::new("a/./b/c.yml")), "b/c.yml");
        assert_eq!(shown(Path::new(""), Path::new("./x/y.yml")), "x/y.yml");
        assert_eq!(shown(Path::new(""), Path::new("/x/y.yml")), "/x/y.yml");
        assert_eq!(shown(Path::new(""), Path::new("../y.yml")), "../y.yml");
    }

    #[test]
    fn what_is_no_text_says_why() {
        let read = |bytes: &[u8]| read_text(&mut &bytes[..]);
        assert_eq!(read(b"a: 1\n"), Ok("a: 1\n".to_owned()));
        assert_eq!(read(b"ab\xff"), Err("not UTF-8: byte 2".to_owned()));
        assert_eq!(read(b"\xff\xfea\0"), Err("UTF-16 text, and only UTF-8 is read".to_owned()));
    }
}
