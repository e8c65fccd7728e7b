//! Runs a command, bounded in time and output, and ends all that it started.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use regex::Regex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::http::io_words;
use crate::said::Said;
use crate::scenario::spoken;

/// Bytes of output that are kept; the rest is read and dropped.
const OUTPUT_KEPT_BYTES: usize = 256 << 10;
/// Bytes of a line, at most; a longer one is cut.
const LINE_BYTES: u64 = 64 << 10;

/// A command that is ready to be run.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) command: Vec<String>,
    pub(crate) dir: Option<String>,
    pub(crate) env: Vec<(String, String)>,
}

impl Ready {
    /// Starts it in a process group of its own, so that all of it can be ended.
    pub(crate) fn spawn(&self, stdout: Stdio, stderr: Stdio) -> Result<Running, String> {
        let (program, args) = self.command.split_first().ok_or("there is no command")?;
        let mut command = Command::new(program);
        command.args(args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            // Else the system's words would be those for a program that is missing.
            if !Path::new(dir).is_dir() {
                return Err(format!("there is no directory `{dir}`"));
            }
            command.current_dir(dir);
        }
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command
            .spawn()
            .map_err(|error| format!("cannot run `{program}`: {}", io_words(&error)))?;
        let group = child.id();
        Ok(Running { child, group })
    }

    /// Runs it to its end, which must be with this exit code, and its output must match. What it
    /// writes is told to `said`, under a name.
    pub(crate) async fn succeeds(
        &self,
        timeout: Duration,
        exit: i32,
        output: Option<&Regex>,
        said: Option<(&Said, &str)>,
    ) -> Result<(), String> {
        let piped = |is_read| if is_read { Stdio::piped() } else { Stdio::null() };
        let stdout = piped(output.is_some() || said.is_some());
        let mut running = self.spawn(stdout, piped(said.is_some()))?;
        let mut out = running.child.stdout.take();
        if let Some((said, who)) = said {
            said.follow(who, running.child.stderr.take());
            if output.is_none() {
                said.follow(who, out.take());
            }
        }
        let all = async { tokio::join!(read(out), running.child.wait()) };
        let Ok((out, status)) = tokio::time::timeout(timeout, all).await else {
            running.end().await;
            return Err(format!("not finished within {}", spoken(timeout)));
        };
        // What it left behind is not to outlive it.
        running.end().await;
        if let Some((said, who)) = said {
            String::from_utf8_lossy(&out).lines().for_each(|line| said.note(who, line));
        }
        let status = status.map_err(|error| io_words(&error))?;
        if status.code() != Some(exit) {
            return Err(match status.code() {
                Some(code) => format!("exit code {code}"),
                None => "ended by a signal".to_owned(),
            });
        }
        match output {
            Some(regex) if !regex.is_match(&String::from_utf8_lossy(&out)) => {
                Err(format!("the output does not match `{regex}`"))
            }
            _ => Ok(()),
        }
    }
}

/// A process and its group; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Id of the process group.
    group: Option<u32>,
}

impl Running {
    /// Its id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks all of the group to end, and makes them after the grace.
    pub(crate) async fn end_gently(&mut self, grace: Duration) {
        self.signal_terminate();
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            self.end().await;
        } else {
            self.kill_group();
        }
    }

    /// Waits for its end, within the limit: whether it worked, and what it said, errors last.
    pub(crate) async fn output(mut self, limit: Duration) -> Result<(bool, String), String> {
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let all = async { tokio::join!(read(out), read(err), self.child.wait()) };
        let Ok((mut out, err, status)) = tokio::time::timeout(limit, all).await else {
            self.end().await;
            return Err(format!("not finished within {}", spoken(limit)));
        };
        let worked = status.map_err(|error| io_words(&error))?.success();
        out.extend(err);
        Ok((worked, String::from_utf8_lossy(&out).into_owned()))
    }

    /// Ends all of the group at once.
    pub(crate) async fn end(&mut self) {
        self.kill_group();
        // One that has ended already is as good.
        _ = self.child.kill().await;
    }

    #[cfg(unix)]
    fn signal_terminate(&self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(pid) = self.group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            // It may be gone.
            _ = kill_process_group(pid, Signal::TERM);
        }
    }

    #[cfg(unix)]
    fn kill_group(&self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(pid) = self.group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            // It may be gone.
            _ = kill_process_group(pid, Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn signal_terminate(&self) {}

    #[cfg(not(unix))]
    fn kill_group(&self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// The beginning of an output; all of it is read.
async fn read(out: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut out) = out else { return kept };
    let mut chunk = vec![0; 8 << 10];
    while let Ok(count @ 1..) = out.read(&mut chunk).await {
        let room = OUTPUT_KEPT_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
    kept
}

/// Every line of an output until it ends.
pub(crate) async fn lines(out: Option<impl AsyncRead + Unpin>, mut each: impl FnMut(&str)) {
    let Some(out) = out else { return };
    let mut reader = BufReader::new(out);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}
