//! Which files lie below a directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder, WalkState};

/// Directories that hold what tools fetched or keep for themselves.
const NEVER_ENTERED: &[&str] = &[
    ".bzr",
    ".git",
    ".gradle",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".next",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".terraform",
    ".tox",
    ".venv",
    "__pycache__",
    "bower_components",
    "node_modules",
    "site-packages",
    "venv",
];

/// Directories that a build fills, where a build file lies beside them; a `build` directory of a
/// project without one is written by people.
const OUTPUT_NAMES: &[&str] = &["build", "dist", "out", "target", "vendor"];

const BUILD_FILES: &[&str] = &[
    "Cargo.toml",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "go.mod",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "settings.gradle",
    "settings.gradle.kts",
    "setup.py",
];

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Everything that is not a directory.
    pub(crate) files: Vec<PathBuf>,
    /// What could not be entered, and why.
    pub(crate) skipped: Vec<(PathBuf, String)>,
}

/// Everything below `root` that its own `.gitignore` files do not leave out, hidden files
/// included, in no order. Links to directories are not followed, so that no walk is endless and
/// none leaves the tree. Settings of the machine (a global ignore list) do not count: the same
/// tree gives the same answer everywhere.
pub(crate) fn walk(root: &Path) -> Walked {
    let found = Mutex::new(Walked::default());
    let walker = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .parents(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .filter_entry(is_entered)
        .build_parallel();
    walker.run(|| {
        Box::new(|entry| {
            // A poisoned list is as good as any: pushing cannot leave it half done.
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match entry {
                Ok(entry) => note(&mut found, entry),
                Err(error) => found.skipped.push(refused(root, &error)),
            }
            WalkState::Continue
        })
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn note(found: &mut Walked, entry: DirEntry) {
    let Some(kind) = entry.file_type() else {
        return;
    };
    if kind.is_dir() {
        return;
    }
    if kind.is_symlink() && entry.path().is_dir() {
        let why = "symbolic link to a directory: not followed".to_owned();
        found.skipped.push((entry.into_path(), why));
        return;
    }
    found.files.push(entry.into_path());
}

fn is_entered(entry: &DirEntry) -> bool {
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    if !is_dir || entry.depth() == 0 {
        return true;
    }
    let name = entry.file_name();
    let is_one_of = |names: &[&str]| names.iter().any(|known| name == OsStr::new(known));
    if is_one_of(NEVER_ENTERED) {
        return false;
    }
    !(is_one_of(OUTPUT_NAMES) && has_build_file(entry.path().parent()))
}

fn has_build_file(dir: Option<&Path>) -> bool {
    dir.is_some_and(|dir| BUILD_FILES.iter().any(|file| dir.join(file).is_file()))
}

/// Where and why the walk could not go on; the error's own text repeats the path.
fn refused(root: &Path, error: &ignore::Error) -> (PathBuf, String) {
    let mut path = root.to_path_buf();
    let mut inner = error;
    loop {
        match inner {
            ignore::Error::WithPath { path: at, err } => {
                path.clone_from(at);
                inner = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
                inner = err;
            }
            ignore::Error::Io(cause) => return (path, crate::failure::words(cause)),
            other => return (path, other.to_string()),
        }
    }
}
