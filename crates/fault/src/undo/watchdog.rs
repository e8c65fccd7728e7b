//! The process that heals when the run cannot.
//!
//! It is the same program once more, started before the first fault acts, in a session of its own,
//! so that what ends the run (a key, a hang-up, a signal to its group) does not reach it. Its
//! standard input is a pipe that the run holds: when the run is gone, however it went, the pipe
//! ends. Then it undoes what is left and ends. Before that, it undoes faults that last longer than
//! they were to.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep};

use super::{Healer, Journal, RunLock, heal_all, heal_one};
use crate::process::{mark, proc::since_boot_ms};

/// The run is to undo its faults in time itself; this is how long it may be late.
const LATE_MS: u64 = 500;
/// What cannot be undone now (an engine that is down) is tried again for so long.
const PATIENCE: Duration = Duration::from_mins(2);
/// From one look at the journal to the next, where nothing is said.
const LOOK: Duration = Duration::from_secs(5);
const READY: Duration = Duration::from_secs(20);
const READY_BYTE: u8 = b'r';

/// The run's end of the pipe to its watchdog.
#[derive(Debug)]
pub(crate) struct Leash {
    pipe: ChildStdin,
}

impl Leash {
    /// Starts the watchdog and waits until it watches.
    pub(crate) async fn start(
        program: &Path,
        args: &[String],
        journal: &Journal,
        run: &str,
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(args).arg("--journal").arg(journal.dir()).arg("--run").arg(run);
        // Its own group from its first moment on: no key reaches it.
        command.process_group(0).env_remove(mark::VARIABLE);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let cannot = |error: io::Error| format!("{} cannot be started: {error}", program.display());
        let mut child = command.spawn().map_err(cannot)?;
        let pipe = child.stdin.take().ok_or("it has no input")?;
        let mut answer = child.stdout.take().ok_or("it has no output")?;
        let said = tokio::task::spawn_blocking(move || {
            let mut byte = [0];
            let said = answer.read_exact(&mut byte).is_ok_and(|()| byte == [READY_BYTE]);
            // What was started has started another and ends: the other one watches.
            said && child.wait().is_ok()
        });
        match tokio::time::timeout(READY, said).await {
            Ok(Ok(true)) => Ok(Self { pipe }),
            Ok(_) => Err(format!("{} ended before it was ready", program.display())),
            Err(_) => Err(format!("{} was not ready after {READY:?}", program.display())),
        }
    }

    /// Makes it look at the journal. An error says that it is gone.
    pub(crate) fn tug(&mut self) -> io::Result<()> {
        self.pipe.write_all(b".")
    }
}

/// Watches over a run and undoes what it leaves; returns when nothing is left to do.
///
/// For the command that [`crate::inject::Watchdog::Command`] names. Standard input is the run's
/// pipe. Called as the leader of a process group, as the run starts it, it starts the same command
/// once more, which takes its place in a session of its own.
pub fn watch(journal: &Path, run: &str) -> io::Result<()> {
    if rustix::process::getpgrp() == rustix::process::getpid() {
        // The leader of a group cannot have a session of its own.
        let mut again = Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1)).stderr(Stdio::null()).spawn()?;
        return Ok(());
    }
    rustix::process::setsid()?;
    let journal = Journal::at(&std::path::absolute(journal)?);
    // No directory of the user's stays in use by it.
    std::env::set_current_dir("/")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let mut leash = pipe::Receiver::from_owned_fd(input)?;
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        output.write_all(&[READY_BYTE])?;
        drop(output);
        while_alive(&mut leash, &journal, run).await;
        afterwards(&journal, run).await;
        Ok(())
    })
}

/// Undoes what lasts too long, until the run is gone.
async fn while_alive(leash: &mut pipe::Receiver, journal: &Journal, run: &str) {
    let mut bytes = [0; 64];
    loop {
        let next = expire(journal, run).await;
        tokio::select! {
            ready = leash.readable() => {
                let read = ready.and_then(|()| leash.try_read(&mut bytes));
                match read {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return,
                }
            }
            () = sleep(next) => {}
        }
    }
}

/// Undoes faults that are over; gives how long it is until the next one is.
async fn expire(journal: &Journal, run: &str) -> Duration {
    let Ok(now_ms) = since_boot_ms() else { return LOOK };
    let mut next = LOOK;
    for name in journal.records(run) {
        let Some(Ok(record)) = journal.read(&name) else { continue };
        let left_ms = record.expires_ms.saturating_add(LATE_MS).saturating_sub(now_ms);
        if left_ms == 0 {
            // If it fails, the next look tries again.
            _ = heal_one(journal, &name, Healer::Run).await;
        } else {
            next = next.min(Duration::from_millis(left_ms));
        }
    }
    next
}

/// Undoes what the run left.
async fn afterwards(journal: &Journal, run: &str) {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(20);
    while begin.elapsed() < PATIENCE {
        // A journal that somebody removed asks for nothing any more.
        let found = std::fs::metadata(journal.dir());
        if found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return;
        }
        // Held by another, the run is being recovered; then there is nothing left.
        if let Ok(Some(lock)) = RunLock::try_take(journal, run) {
            let healed = heal_all(journal, journal.records(run), Healer::Successor).await;
            if healed.iter().all(|one| one.outcome.is_ok()) {
                journal.clear(run);
                drop(lock);
                return;
            }
            pause = (pause * 2).clamp(Duration::from_millis(200), Duration::from_secs(5));
        }
        sleep(pause).await;
    }
}
