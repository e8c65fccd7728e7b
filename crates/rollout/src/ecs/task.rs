//! One task of the service. What its checks say is in `checks`: the scheduler looks at all tasks
//! again and again, and finds them faster where they are small.

use std::fmt;

use crate::alb::Verdict;

/// Which revision a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    Old,
    New,
}

/// Where a task is in its life (rollout-semantics 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The slot is free.
    Gone,
    /// Decided, not yet RUNNING.
    Launching,
    Running,
    /// Deregistering or waiting for its exit.
    Stopping,
}

/// `O1`, `N2`, `R1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) letter: char,
    pub(super) number: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.letter, self.number)
    }
}

/// Without any check a task counts as healthy this long after RUNNING (2.2).
pub(super) const UNCHECKED_HEALTHY_MS: u64 = 40_000;

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states of one thing")]
pub(super) struct Task {
    /// Tells events of this task from those of an earlier one in the same slot.
    pub(super) generation: u32,
    pub(super) name: Name,
    pub(super) revision: Revision,
    pub(super) stage: Stage,
    /// It ran before the deployment and is not checked again.
    pub(super) veteran: bool,
    pub(super) running_ms: u64,
    /// `S`, after RUNNING.
    pub(super) up_ms: u64,
    /// `K`.
    pub(super) stop_ms: u64,
    /// What the checks say now, merged.
    pub(super) health: Verdict,
    /// It serves: healthy for the load balancer.
    pub(super) serving: bool,
    /// When it began to serve.
    pub(super) serving_ms: u64,
    /// The scheduler has seen it healthy.
    pub(super) healthy: bool,
    /// The scheduler holds it for unhealthy (`bad(x)` in 2.4).
    pub(super) bad: bool,
    /// It was healthy once.
    pub(super) survived: bool,
    /// The decision has fallen and takes effect after the scheduler's lag.
    pub(super) doomed: bool,
    /// The breaker has counted it.
    pub(super) counted: bool,
    /// The task started to take its place.
    pub(super) replacement: Option<(u32, u32)>,
    /// It is stopped to make room for its own replacement; only one may be at a time.
    pub(super) making_room: bool,
    /// Number of its availability zone.
    pub(super) zone: u32,
    /// Its zone is not enabled at the load balancer: its target stays `unused`.
    pub(super) unused: bool,
}

impl Task {
    pub(super) const GONE: Self = Self {
        generation: 0,
        name: Name { letter: '-', number: 0 },
        revision: Revision::Old,
        stage: Stage::Gone,
        veteran: false,
        running_ms: 0,
        up_ms: 0,
        stop_ms: 0,
        health: Verdict::Initial,
        serving: false,
        serving_ms: 0,
        healthy: false,
        bad: false,
        survived: false,
        doomed: false,
        counted: false,
        replacement: None,
        making_room: false,
        zone: 0,
        unused: false,
    };

    /// Counts towards the desired number: launching or running, and not on its way out.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Launching | Stage::Running)
    }
}
