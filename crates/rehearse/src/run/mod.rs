//! Runs a scenario: steady state, faults on the timeline, healing, recovery; and a verdict.
//!
//! Whatever happens, everything that was broken is healed again before this returns: at the end, at
//! an abort condition, at an error, when a person stops it. A run whose faults hit nobody, whose
//! clients went around the proxy, or whose steady state was never there is [`Verdict::Invalid`]: it
//! proves nothing, neither way.

mod drive;
mod faults;
mod judge;
mod plan;
mod predict;
mod probes;
mod reach;
mod records;
mod recovery;
mod stage;
mod verdict;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use wonin_fault::inject::InjectorOptions;
use wonin_model::rehearsal::{Rehearsal, Verdict};

use crate::scenario::{Run, Scenario};

pub use plan::plan;
pub use predict::{Nature, Target, diagnosed, predictions};
pub(crate) use stage::connects;

/// How scenarios are run here.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Instead of the scenario's own.
    pub seed: Option<u64>,
    /// Whether other machines may be talked to.
    pub allow_remote: bool,
    /// How processes and containers are broken, and who heals if this process is killed.
    pub injector: InjectorOptions,
    /// Tells runs of the same machine apart: `[a-z0-9-]`.
    pub run_id: String,
}

/// Why a scenario could not be run at all; nothing is left broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct CannotRun {
    /// What and why.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
    /// Who is to blame.
    pub blame: Blame,
}

/// Whose fault it is that something cannot be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blame {
    /// What surrounds the stack: an engine, a journal, a port, what was asked for.
    #[default]
    Surroundings,
    /// The stack: it does not start, or nothing can be sent to it.
    Stack,
    /// Something that was started is still there.
    Remains,
}

impl CannotRun {
    /// Says what and why.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, blame: Blame::default() }
    }

    /// The same in other words.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        let hint = self.hint.as_deref().map(&change);
        Self { what: change(&self.what), hint, ..self }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says who is to blame.
    #[must_use]
    pub fn blame(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }
}

/// What is going on right now, for whoever watches.
#[derive(Debug, Default)]
pub struct Status(Mutex<String>);

impl Status {
    /// In one line.
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn say(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

/// What is there to explain a run by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// What workloads and processes of the scenario wrote, by their names.
    pub texts: BTreeMap<String, String>,
    /// What its faults were aimed at.
    pub targets: Vec<Target>,
}

/// Does all runs of a scenario, one after the other, each from its own steady state; none after one
/// that was aborted. `stop` ends it early: what is broken is healed, and what was seen is told. The traces are those of the runs in
/// their order.
pub async fn rehearse(
    scenario: &Scenario,
    options: &RunOptions,
    status: &Status,
    stop: &CancellationToken,
) -> Result<(Rehearsal, Vec<Traces>), CannotRun> {
    let runs = scenario.runs();
    let (mut done, mut traces) = (Vec::new(), Vec::new());
    for (index, run) in runs.iter().enumerate() {
        if stop.is_cancelled() {
            break;
        }
        let head = match runs.len() {
            1 => String::new(),
            all => format!("run {} of {all} ({}): ", index + 1, run.label),
        };
        let mut options = options.clone();
        if runs.len() > 1 {
            options.run_id = format!("{}-{}", options.run_id, index + 1);
        }
        let watch = Watch { status, stop, head };
        let (rehearsal, left) = drive::drive(scenario, run, &options, &watch).await?;
        let is_aborted = rehearsal.verdict == Verdict::Aborted;
        done.push(rehearsal);
        traces.push(left);
        // What must not happen has happened: the next run would bring it about once more.
        if is_aborted {
            break;
        }
    }
    Ok((together(scenario, options, &runs, done), traces))
}

/// What a run tells and is told meanwhile.
pub(crate) struct Watch<'a> {
    status: &'a Status,
    stop: &'a CancellationToken,
    head: String,
}

impl Watch<'_> {
    pub(crate) fn say(&self, text: &str) {
        self.status.say(format!("{}{text}", self.head));
    }
}

/// One run is the rehearsal; several are its scenarios.
fn together(
    scenario: &Scenario,
    options: &RunOptions,
    runs: &[Run],
    mut done: Vec<Rehearsal>,
) -> Rehearsal {
    if let ([_], 1) = (done.as_slice(), runs.len()) {
        return done.remove(0);
    }
    let verdict = match done.iter().map(|run| run.verdict).max() {
        Some(verdict) if done.len() == runs.len() => verdict,
        _ => Verdict::Aborted,
    };
    let mut rehearsal = Rehearsal {
        name: scenario.name.clone(),
        verdict,
        seed: options.seed.unwrap_or(scenario.seed),
        why: verdict::of_several(verdict, &done, runs.len()),
        ..Rehearsal::default()
    };
    rehearsal.scenarios = done;
    rehearsal
}
