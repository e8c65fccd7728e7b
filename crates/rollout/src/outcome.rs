//! What a simulated rollout came to.

use std::fmt;

use crate::event::{CapacityPoint, Event};

/// How one simulated rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Every task runs the new revision and is healthy.
    Completed,
    /// The circuit breaker gave up; for Swarm the update paused or rolled back; for Compose a
    /// dependency failed.
    CircuitBreaker,
    /// An alarm that watches the deployment was raised.
    Alarm,
    /// The progress deadline or the pipeline's patience ran out.
    Deadline,
    /// Still going on when the simulation stopped.
    Never,
    /// Nothing could start or stop any more.
    Deadlock,
}

impl Ending {
    /// The word of `wonin.rollout/1`; a deadlock ends never.
    pub fn id(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CircuitBreaker => "circuit-breaker",
            Self::Alarm => "alarm",
            Self::Deadline => "deadline",
            Self::Never | Self::Deadlock => "never",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// Result of one simulated rollout. Times in milliseconds since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// When: completion, trip of the breaker, deadline, or the end of the simulation.
    pub ended_ms: u64,
    /// When nothing moved any more; after a rollback later than `ended_ms`.
    pub settled_ms: u64,
    /// Whether the rollback came to its end; `None` when there was none to follow.
    pub rolled_back: Option<bool>,
    /// The deadline had passed when it completed (Kubernetes goes on after its deadline).
    pub completed_late: bool,
    /// Fewest tasks that served at any time.
    pub lowest_capacity: u32,
    /// Fewest tasks by traffic weight, in thousandths; below the count during a slow start (E26).
    pub lowest_weight_milli: u64,
    /// How long no healthy task existed but others were registered, so that the load balancer
    /// sent requests to tasks that could not answer (E27).
    pub fail_open_ms: u64,
    /// How long no target was registered at all: 503.
    pub no_target_ms: u64,
    /// New tasks started.
    pub started: u32,
    /// New tasks that became healthy.
    pub survived: u32,
    /// New tasks found unhealthy, exited or not launched.
    pub failed: u32,
}

impl Run {
    pub(crate) const EMPTY: Self = Self {
        ending: Ending::Never,
        ended_ms: 0,
        settled_ms: 0,
        rolled_back: None,
        completed_late: false,
        lowest_capacity: 0,
        lowest_weight_milli: 0,
        fail_open_ms: 0,
        no_target_ms: 0,
        started: 0,
        survived: 0,
        failed: 0,
    };

    /// How long requests were refused or sent to tasks that could not answer, in milliseconds.
    pub fn dropped_ms(&self) -> u64 {
        self.fail_open_ms + self.no_target_ms
    }
}

/// What can be said about a configuration (`wonin.rollout/1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// Every phase and every startup time that can be drawn completes.
    Completes,
    /// Luck decides.
    Depends,
    /// No phase and no startup time completes.
    Never,
    /// Nothing can start or stop.
    Deadlock,
}

impl Outlook {
    /// The word of `wonin.rollout/1`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Completes => "completes",
            Self::Depends => "depends",
            Self::Never => "never",
            Self::Deadlock => "deadlock",
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The most frequent ending and when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// How most runs end.
    pub how: Ending,
    /// Median time of that ending, in milliseconds.
    pub p50_ms: u64,
    /// 99 % of the runs with that ending are over by then, in milliseconds.
    pub p99_ms: u64,
}

/// Everything known about a configuration after many simulated rollouts.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Verdict over every phase and startup time.
    pub verdict: Outlook,
    /// P(one new task becomes healthy before it is killed), 0 to 1.
    pub task_success: f64,
    /// P(the new revision completes), 0 to 1.
    pub rollout_success: f64,
    /// P(the rollback completes | it begins); `None` when no run rolled back.
    pub rollback_success: Option<f64>,
    /// Share of all runs that complete after the pipeline has given up (E15); `None` when it is
    /// not known how long that takes.
    pub late_for_pipeline: Option<f64>,
    /// The most frequent ending.
    pub ends: Ends,
    /// Fewest serving tasks over all runs.
    pub lowest_capacity: u32,
    /// Longest time with requests refused or sent to tasks that cannot answer, in milliseconds.
    pub dropped_ms: u64,
    /// Capacity curve of the run that `seed` names.
    pub capacity: Vec<CapacityPoint>,
    /// Timeline of the same run.
    pub timeline: Vec<Event>,
    /// That run.
    pub example: Run,
    /// Number of simulated rollouts.
    pub runs: u32,
    /// Seed of the first; the others follow from it.
    pub seed: u64,
}
