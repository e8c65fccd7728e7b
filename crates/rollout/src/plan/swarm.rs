//! A Swarm service update (rollout-semantics 5.4).

use super::DockerCheck;
use crate::draw::Draw;
use crate::startup::Startup;

/// Which of old and new task of a slot goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Old task stopped before the new one starts.
    #[default]
    StopFirst,
    /// New task running before the old one stops.
    StartFirst,
}

/// What happens when too many tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// The update stops where it is.
    #[default]
    Pause,
    /// The slots go back to the old version.
    Rollback,
    /// Failures are ignored.
    Continue,
}

/// A service update from running old tasks to a new version.
#[derive(Clone, Debug, PartialEq)]
pub struct SwarmPlan {
    /// Number of slots, 1 and above.
    pub replicas: u32,
    /// Slots at a time; 0 means all.
    pub parallelism: u32,
    /// Pause after each slot.
    pub delay_ms: u64,
    /// What happens when too many tasks fail.
    pub failure_action: FailureAction,
    /// A new task that fails within this time after RUNNING counts as failed; 5 s by default.
    pub monitor_ms: u64,
    /// Share of failed slots that is tolerated, 0 to 1.
    pub max_failure_ratio: f64,
    /// Which of old and new goes first.
    pub order: Order,
    /// Health check; with one a task is RUNNING only when healthy.
    pub check: Option<DockerCheck>,
    /// From SIGTERM to exit, cut at the stop grace period (10 s by default).
    pub stop: Draw,
    /// From the decision to start a task until its container runs.
    pub launch: Draw,
    /// Startup time of the new version.
    pub startup: Startup,
    /// The container exits this long after its start.
    pub exits_after_ms: Option<u64>,
    /// Pause before a failed task is restarted, 5 s by default.
    pub restart_delay_ms: u64,
}

impl SwarmPlan {
    /// An update with the engine's defaults.
    pub fn new(replicas: u32, startup: Startup) -> Self {
        Self {
            replicas,
            parallelism: 1,
            delay_ms: 0,
            failure_action: FailureAction::Pause,
            monitor_ms: 5_000,
            max_failure_ratio: 0.0,
            order: Order::StopFirst,
            check: None,
            stop: Draw::constant(0),
            launch: Draw::constant(1_000),
            startup,
            exits_after_ms: None,
            restart_delay_ms: 5_000,
        }
    }
}
