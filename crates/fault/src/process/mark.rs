//! Processes that a run has started, and what those have started: they carry its mark in their
//! environment, so that they can be found and ended when the run is gone.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::proc::{Identity, all};
use crate::undo::Outcome;

/// The variable that holds the name of the run.
pub(crate) const VARIABLE: &str = "WONIN_RUN";
/// One that was just being started when the run was killed does not carry the mark yet.
const APPEARS: Duration = Duration::from_millis(150);
/// How long they may take to end by themselves, and then to end at all.
const TERMINATES: Duration = Duration::from_secs(1);
const ENDS: Duration = Duration::from_secs(4);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Whether a process carries the mark of a run.
pub(super) fn is_on(pid: u32, run: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|pair| {
        let value = pair.strip_prefix(VARIABLE.as_bytes());
        value.and_then(|rest| rest.strip_prefix(b"=")) == Some(run.as_bytes())
    })
}

fn marked(run: &str) -> Vec<Identity> {
    let pids = all().into_iter().filter(|pid| is_on(*pid, run));
    pids.filter_map(Identity::of).filter(|process| process.stat().is_some()).collect()
}

/// Asks all to end that carry the mark of a run, and ends those that do not.
pub(super) async fn end(run: &str) -> Result<Outcome, String> {
    let begin = Instant::now();
    let mut told: Vec<Identity> = Vec::new();
    loop {
        let left = marked(run);
        let waited = begin.elapsed();
        if left.is_empty() && waited >= APPEARS {
            return Ok(match told.len() {
                0 => Outcome::whole("none of them runs any more"),
                1 => Outcome::healed("one was ended"),
                count => Outcome::healed(format!("{count} were ended")),
            });
        }
        if waited > ENDS {
            let pids: Vec<String> = left.iter().map(|one| one.pid.to_string()).collect();
            return Err(format!("{} do not end", pids.join(", ")));
        }
        for process in left {
            let signal = if waited > TERMINATES { Signal::KILL } else { Signal::TERM };
            if signal == Signal::KILL || !told.contains(&process) {
                // Whether it has worked is looked at.
                _ = process.signal(signal);
            }
            if !told.contains(&process) {
                told.push(process);
            }
        }
        sleep(LOOK_AGAIN).await;
    }
}
