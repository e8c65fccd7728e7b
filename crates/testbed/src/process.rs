//! Programs with a bound: run to their end, or kept in the background with a log.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::guard::{Undo, mark};

/// How often something is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a program to its end, at the latest until `limit`; then its whole group is killed and the
/// end of `stderr` says so. Standard input is empty.
pub fn run(command: &mut Command, limit: Duration) -> Output {
    let (name, value) = mark();
    let mut child = command
        .env(name, value)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let undo = Undo::kill(child.id());
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let ended = wait_child(&mut child, limit);
    if ended.is_none() {
        signal_group(child.id(), Signal::KILL);
    }
    let status = child.wait().expect("a child can be waited for");
    undo.done();
    let bytes = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    let (stdout, mut stderr) = (bytes(stdout), bytes(stderr));
    if ended.is_none() {
        stderr.extend(format!("\nkilled after {} s\n", limit.as_secs_f64()).bytes());
    }
    Output { status, stdout, stderr }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is what there is.
        _ = from.read_to_end(&mut bytes);
        bytes
    })
}

fn wait_child(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(limit, || {
        status = child.try_wait().expect("a child can be asked");
        status.is_some()
    });
    status
}

/// Waits until `met` says true; `false` when `limit` has passed without it.
pub fn wait_until(limit: Duration, mut met: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if met() {
            return true;
        }
        if begin.elapsed() > limit {
            return false;
        }
        sleep(LOOK);
    }
}

/// The last `lines` of a log, for messages.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(id.cast_signed())
}

fn signal_group(id: u32, signal: Signal) {
    if let Some(group) = pid(id) {
        // It may just have ended.
        _ = kill_process_group(group, signal);
    }
}

/// A program in the background. Its output goes to a log; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    undo: Undo,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; both of its outputs are added to `log`. It gets a process group of its
    /// own, so that a terminal's signals do not reach it.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        Self::spawn(name, command.stdin(Stdio::null()), log)
    }

    /// The same for a program that is told things by [`Process::tell`].
    pub fn start_listening(name: &str, command: &mut Command, log: &Path) -> Self {
        Self::spawn(name, command.stdin(Stdio::piped()), log)
    }

    fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let (key, value) = mark();
        let child = command
            .env(key, value)
            .stdout(file.try_clone().expect("an open file can be shared"))
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let undo = Undo::kill(child.id());
        Self { name: name.to_owned(), child, log: log.to_owned(), undo, ended: None }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with all that it wrote.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Writes a line to its standard input; it was started by [`Process::start_listening`].
    pub fn tell(&mut self, line: &str) {
        let name = &self.name;
        let input = self.child.stdin.as_mut().unwrap_or_else(|| panic!("{name} does not listen"));
        writeln!(input, "{line}").unwrap_or_else(|error| panic!("{name} does not listen: {error}"));
    }

    /// How many lines of its log contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until a line of its log contains `text`; fails with the end of the log otherwise.
    pub fn wait_logged(&self, text: &str, limit: Duration) {
        let met = wait_until(limit, || self.logged(text) > 0);
        let name = &self.name;
        assert!(
            met,
            "{name} did not write `{text}` within {limit:?}; the end of its log:\n{}",
            tail(&self.log, 40)
        );
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be asked");
            if self.ended.is_some() {
                self.undo.done();
            }
        }
        self.ended
    }

    /// Sends a signal, unless it is known to have ended.
    fn signal(&self, signal: Signal) {
        if self.ended.is_none()
            && let Some(pid) = pid(self.child.id())
        {
            // It may just have ended; its number stays its own until it has been waited for.
            _ = kill_process(pid, signal);
        }
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL to it and to what it has started; waits until it is gone.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            signal_group(self.child.id(), Signal::KILL);
            self.ended = self.child.wait().ok();
            self.undo.done();
        }
    }

    /// SIGSTOP: it stays, and answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits for its end; `None` when it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        wait_until(limit, || self.ended().is_some());
        self.ended
    }

    /// Waits until `ready` says true. Fails with the end of the log when `limit` passes or the
    /// program ends before.
    pub fn wait_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) {
        let met = wait_until(limit, || ready() || self.ended().is_some());
        if !met || self.ended.is_some() {
            let how = self
                .ended
                .map_or_else(|| format!("not ready after {limit:?}"), |how| how.to_string());
            panic!("{}: {how}; the end of its log:\n{}", self.name, tail(&self.log, 40));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
