//! Files as they were at a revision of a git repository.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use wonin_read::Files;

use crate::failure::Failure;

/// The files below a directory, or one file of it, at a commit.
#[derive(Debug)]
pub(crate) struct GitFiles {
    dir: PathBuf,
    commit: String,
    paths: Vec<String>,
}

impl GitFiles {
    /// Asks git which files lie below `path` (a directory or a file that exists today) at a
    /// revision. Shown paths are relative to the directory.
    pub(crate) fn open(path: &Path, revision: &str) -> Result<Self, Failure> {
        let (dir, only) = if path.is_dir() {
            (path.to_path_buf(), None)
        } else {
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            (parent.unwrap_or(Path::new(".")).to_path_buf(), path.file_name())
        };
        let unknown = |why: &str| {
            Failure::new(format!("`{revision}` is neither a path nor a revision here: {why}"))
                .hint("give the directory with the settings before, or a commit, tag or branch")
        };
        // A revision that looks like an option would be taken for one.
        if revision.is_empty() || revision.starts_with('-') {
            return Err(unknown("no such name"));
        }
        let mut files = Self { dir, commit: String::new(), paths: Vec::new() };
        let wanted = format!("{revision}^{{commit}}");
        let found = files.ask(&["rev-parse", "--verify", "--quiet", &wanted])?;
        if !found.status.success() {
            let why = String::from_utf8_lossy(&found.stderr);
            let why = why.lines().next().unwrap_or("git knows no such commit");
            return Err(unknown(why.trim_start_matches("fatal: ")));
        }
        let commit = String::from_utf8_lossy(&found.stdout);
        commit.trim().clone_into(&mut files.commit);
        let listed = files.ask(&["ls-tree", "-r", "-z", "--name-only", &files.commit])?;
        if !listed.status.success() {
            return Err(unknown(String::from_utf8_lossy(&listed.stderr).trim()));
        }
        let names = String::from_utf8_lossy(&listed.stdout);
        let names = names.split('\0').filter(|name| !name.is_empty());
        files.paths = match only {
            Some(only) => {
                let only = only.to_string_lossy();
                names.filter(|name| *name == only).map(str::to_owned).collect()
            }
            None => names.map(str::to_owned).collect(),
        };
        files.paths.sort_unstable();
        if files.paths.is_empty() {
            return Err(Failure::new(format!(
                "at `{revision}` there is no file in `{}`",
                path.display()
            )));
        }
        Ok(files)
    }

    fn ask(&self, args: &[&str]) -> Result<Output, Failure> {
        self.git(args).map_err(|cause| Failure::new("cannot run `git`").because(cause))
    }

    fn git(&self, args: &[&str]) -> io::Result<Output> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.dir).args(args).stdin(Stdio::null());
        command.output()
    }
}

impl Files for GitFiles {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn load(&self, path: &str) -> Result<String, String> {
        let name = format!("{}:./{path}", self.commit);
        let found = self.git(&["cat-file", "blob", &name]).map_err(|error| error.to_string())?;
        if !found.status.success() {
            return Err("no such file at that revision".to_owned());
        }
        String::from_utf8(found.stdout)
            .map_err(|error| format!("not UTF-8: byte {}", error.utf8_error().valid_up_to()))
    }
}
