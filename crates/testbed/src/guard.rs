//! What has to be undone even if the test is killed.
//!
//! A shell waits for the end of a pipe whose other end only this process holds. When the process
//! ends, however it ends, the shell runs what was registered and not yet undone, the latest first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use std::os::unix::process::CommandExt;

/// Waits for the end of the pipe, undoes, removes the folder. It ignores the signals of a terminal,
/// which go to the tests, and has its own group.
const WATCH: &str = r#"trap '' INT TERM HUP
cat > /dev/null
for undo in $(ls -r "$1/undo"); do sh "$1/undo/$undo"; done
rm -rf --one-file-system "$1"
"#;

struct Guard {
    folder: PathBuf,
    next: AtomicU32,
    /// Holds the writing end of the pipe until the process ends.
    _watcher: Child,
}

static GUARD: OnceLock<Guard> = OnceLock::new();

fn guard() -> &'static Guard {
    GUARD.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("wonin-testbed-{}", std::process::id()));
        // An earlier process of the same number may have been ended with its watcher.
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("undo")).expect("a folder for temporary files");
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        Guard { folder, next: AtomicU32::new(1), _watcher: watcher }
    })
}

/// A mark that children of this process carry in their environment: a number of a process may
/// belong to somebody else later.
pub(crate) fn mark() -> (&'static str, String) {
    ("WONIN_TESTBED", format!("run-{}-", std::process::id()))
}

/// A new folder that is removed at the latest when this process ends.
pub(crate) fn folder(name: &str) -> PathBuf {
    let guard = guard();
    let number = guard.next.fetch_add(1, Ordering::Relaxed);
    let folder = guard.folder.join(format!("{name}-{number}"));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// A registered undo command. Forgetting it is the business of whoever has undone it.
#[derive(Debug)]
pub(crate) struct Undo(PathBuf);

impl Undo {
    /// Registers shell text that is run when this process ends before [`Undo::done`].
    pub(crate) fn register(script: &str) -> Self {
        let guard = guard();
        let number = guard.next.fetch_add(1, Ordering::Relaxed);
        let path = guard.folder.join("undo").join(format!("{number:08}"));
        fs::write(&path, script).expect("the folder for temporary files can be written to");
        Self(path)
    }

    /// Ends a process that carries this run's mark, if it still exists.
    pub(crate) fn kill(pid: u32) -> Self {
        let (name, value) = mark();
        Self::register(&format!("grep -qs '{name}={value}' /proc/{pid}/environ && kill -9 {pid}\n"))
    }

    /// It has been undone.
    pub(crate) fn done(&self) {
        // Twice is as good as once.
        _ = fs::remove_file(&self.0);
    }
}

/// Removes a folder that [`folder`] made.
pub(crate) fn remove(folder: &Path) {
    // What cannot be removed now is removed when the process ends.
    _ = fs::remove_dir_all(folder);
}
