//! Faults on processes of this machine: by signal, by starting them again, by cgroup.

mod cgroup;
mod guard;
mod launch;
pub(crate) mod mark;
pub(crate) mod proc;

use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::inject::{EndWith, ProcessFault, ResolvedTarget};
use crate::undo::Outcome;
use cgroup::{Change, Hierarchies};
use launch::Start;
use proc::{Boot, Identity, Presence};

/// How long a process may take to end after SIGTERM, and to be stopped after SIGSTOP.
const ENDS: Duration = Duration::from_secs(10);
const STOPS: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// A program that cannot work ends soon after it was started.
const STANDS: Duration = Duration::from_millis(150);

/// What undoes a fault on a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process_undo", rename_all = "kebab-case")]
pub(crate) enum ProcessUndo {
    /// SIGCONT.
    Continue { process: Identity },
    /// Out of the group, or the old value back.
    Cgroup { process: Identity, change: Change },
    /// Started, if it has ended and was not started already.
    Start {
        process: Identity,
        start: Start,
        /// Milliseconds since the boot: only what was started later can have taken its place.
        since_ms: u64,
        /// It was started by the run, and is not to outlive it.
        ends_with_run: bool,
    },
    /// All that carry the mark of a run in their environment are ended when the run is gone.
    End { mark: String, boot: Boot },
}

/// A fault on a process, ready to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: ResolvedTarget,
    process: Identity,
    /// `None` where there is nothing to undo.
    pub(crate) undo: Option<ProcessUndo>,
}

/// Looks at the process without touching it; says why the fault cannot be done.
///
/// `name` is for what the fault makes, `allow_foreign` permits processes that we did not start;
/// `run` is ours: what carries its mark is not to outlive it.
pub(crate) fn plan(
    fault: &ProcessFault,
    name: &str,
    allow_foreign: bool,
    run: &str,
) -> Result<Plan, String> {
    let pid = fault.pid();
    if let Some(why) = guard::refusal(pid, std::process::id(), allow_foreign) {
        return Err(why);
    }
    let process = Identity::of(pid).ok_or_else(|| format!("process {pid} has ended"))?;
    let undo = undo_of(fault, &process, name, run)?;
    let target = ResolvedTarget { name: format!("pid {pid}"), detail: proc::command_line(pid) };
    Ok(Plan { target, process, undo })
}

fn undo_of(
    fault: &ProcessFault,
    process: &Identity,
    name: &str,
    run: &str,
) -> Result<Option<ProcessUndo>, String> {
    let pid = process.pid;
    let ends_with_run = mark::is_on(pid, run);
    let process = process.clone();
    let since_ms = proc::since_boot_ms().map_err(|error| error.to_string())?;
    let undo = match fault {
        ProcessFault::Terminate { comes_back: false, .. }
        | ProcessFault::Kill { comes_back: false, .. } => return Ok(None),
        ProcessFault::Terminate { .. }
        | ProcessFault::Kill { .. }
        | ProcessFault::Restart { command: None, .. } => {
            ProcessUndo::Start { process, start: Start::of(pid)?, since_ms, ends_with_run }
        }
        ProcessFault::Restart { command: Some(launch), .. } => {
            let mark = ends_with_run.then(|| run.to_owned());
            let start = Start { launch: launch.clone(), called: None, mark };
            ProcessUndo::Start { process, start, since_ms, ends_with_run }
        }
        ProcessFault::Pause { .. } => {
            if let Some(state @ ('T' | 't')) = process.stat().map(|stat| stat.state) {
                return Err(format!("process {pid} is stopped already (state {state})"));
            }
            ProcessUndo::Continue { process }
        }
        ProcessFault::CpuQuota { share, .. } => {
            if !(0.01..=1024.0).contains(share) {
                return Err(format!("a share of {share} processors is not between 0.01 and 1024"));
            }
            let change = Hierarchies::detect().quota(pid, *share, name)?;
            ProcessUndo::Cgroup { process, change }
        }
        ProcessFault::Freeze { .. } => {
            let change = Hierarchies::detect().freeze(pid, name)?;
            ProcessUndo::Cgroup { process, change }
        }
    };
    Ok(Some(undo))
}

impl Plan {
    /// Does it; says what was seen of it, `None` where it was done and nothing came of it.
    pub(crate) async fn act(&self, fault: &ProcessFault) -> Result<Option<String>, String> {
        let pid = self.process.pid;
        match (fault, &self.undo) {
            (ProcessFault::Terminate { .. }, _) => self.end(Signal::TERM).await,
            (ProcessFault::Kill { .. }, _) => self.end(Signal::KILL).await,
            (ProcessFault::Pause { .. }, _) => {
                self.signal(Signal::STOP)?;
                let stopped = self.comes_true(STOPS, |state| state == Some('T')).await;
                Ok(stopped.then(|| format!("pid {pid} is stopped (state T)")))
            }
            (ProcessFault::Restart { end_with, .. }, Some(ProcessUndo::Start { start, .. })) => {
                let signal = match end_with {
                    EndWith::Terminate => Signal::TERM,
                    EndWith::Kill => Signal::KILL,
                };
                if self.end(signal).await?.is_none() {
                    self.end(Signal::KILL).await?;
                }
                let new = start.start()?;
                Ok(Some(format!("pid {pid} ended, pid {} took its place", new.pid)))
            }
            (_, Some(ProcessUndo::Cgroup { change, .. })) => {
                change.make(&self.process).await.map(Some)
            }
            _ => Err("it has no way back".to_owned()),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        self.process.signal(signal).map_err(|error| error.to_string())
    }

    async fn end(&self, signal: Signal) -> Result<Option<String>, String> {
        self.signal(signal)?;
        let ended = self.comes_true(ENDS, |state| state.is_none()).await;
        Ok(ended.then(|| format!("pid {} has ended", self.process.pid)))
    }

    /// Waits until the state is one; it is none when the process has ended.
    async fn comes_true(&self, at_most: Duration, is_it: impl Fn(Option<char>) -> bool) -> bool {
        becomes(&self.process, at_most, is_it).await
    }
}

async fn becomes(
    process: &Identity,
    at_most: Duration,
    is_it: impl Fn(Option<char>) -> bool,
) -> bool {
    let begin = Instant::now();
    loop {
        if is_it(process.stat().map(|stat| stat.state)) {
            return true;
        }
        if begin.elapsed() > at_most {
            return false;
        }
        sleep(LOOK_AGAIN).await;
    }
}

impl ProcessUndo {
    /// Undoes the fault and looks whether it is undone; may be called at any moment and again.
    /// Whether the run that did it is gone decides about processes that end with it.
    pub(crate) async fn heal(&self, run_is_gone: bool) -> Result<Outcome, String> {
        let presence = match self {
            Self::End { boot, .. } => boot.presence(),
            Self::Continue { process }
            | Self::Cgroup { process, .. }
            | Self::Start { process, .. } => process.presence(),
        };
        match presence {
            Presence::EarlierBoot => {
                return Ok(Outcome::whole("the machine was started again since"));
            }
            Presence::OtherNamespace => {
                return Err(
                    "it was done in another process namespace, where it must be undone".to_owned()
                );
            }
            Presence::Here | Presence::Ended => {}
        }
        match self {
            Self::Continue { process } => continue_(process).await,
            Self::Cgroup { change, .. } => change.undo().await,
            Self::Start { ends_with_run: true, .. } if run_is_gone => {
                Ok(Outcome::whole("it was to end with its run"))
            }
            Self::Start { process, start, since_ms, .. } => {
                start_again(process, start, *since_ms).await
            }
            Self::End { mark, .. } => mark::end(mark).await,
        }
    }
}

async fn continue_(process: &Identity) -> Result<Outcome, String> {
    let pid = process.pid;
    let Some(stat) = process.stat() else {
        return Ok(Outcome::whole(format!("pid {pid} has ended")));
    };
    // Sent in any case: a stop that was sent may not show yet, and SIGCONT takes it back.
    match process.signal(Signal::CONT) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Outcome::whole(format!("pid {pid} has ended")));
        }
        Err(error) => return Err(format!("pid {pid} cannot be continued: {error}")),
        Ok(()) => {}
    }
    if !becomes(process, STOPS, |state| state != Some('T')).await {
        return Err(format!("pid {pid} is still stopped"));
    }
    if stat.state == 'T' {
        Ok(Outcome::healed(format!("pid {pid} runs again")))
    } else {
        Ok(Outcome::whole(format!("pid {pid} was not stopped")))
    }
}

async fn start_again(process: &Identity, start: &Start, since_ms: u64) -> Result<Outcome, String> {
    // It may have been told to end and still be at it.
    if !becomes(process, ENDS, |state| state.is_none()).await {
        return Ok(Outcome::whole(format!("pid {} still runs", process.pid)));
    }
    // One that was just being started has not yet got its command line.
    sleep(STANDS).await;
    if let Some(pid) = start.is_running(since_ms) {
        return Ok(Outcome::whole(format!("pid {pid} has taken its place")));
    }
    let new = start.start()?;
    sleep(STANDS).await;
    if new.stat().is_none() {
        return Err(format!("{} was started and ended at once", start.launch.program.display()));
    }
    Ok(Outcome::healed(format!("pid {} took its place", new.pid)))
}
