//! Points that the documentation leaves open, and whether a verdict rests on one of them
//! (rollout-semantics 8, 10).

use super::works::target_ms;
use crate::monte_carlo::{Sampling, Simulator, with_startup};
use crate::plan::{EcsPlan, Plan, UnhealthyPolicy};

/// A point that no document settles; see [`Switches`](crate::plan::Switches) and the assumed
/// latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// Replacement first or stop first.
    UnhealthyPolicy,
    /// Whether stopping tasks count towards the upper bound.
    CountStopping,
    /// Whether old tasks go at once as far as the lower bound allows.
    EagerStop,
    /// Whether the breaker counts a container that exits after RUNNING.
    CountExitAfterRunning,
    /// Whether an old task that dies is replaced by one of its own revision.
    SameRevisionReplacement,
    /// How long the scheduler takes to see a change of health.
    SchedulerLag,
    /// How long a target takes from its registration to the grid of its checks.
    RegistrationLatency,
}

/// A lag that is tried in place of none: half of the interval at which container health is sent.
const LAG_MS: u64 = 10_000;
/// A registration latency that is tried in place of none.
const REGISTRATION_MS: u64 = 5_000;

impl Switch {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::UnhealthyPolicy,
        Self::CountStopping,
        Self::EagerStop,
        Self::CountExitAfterRunning,
        Self::SameRevisionReplacement,
        Self::SchedulerLag,
        Self::RegistrationLatency,
    ];

    /// Those for which a proposal must hold either way. The smallest change rests on the latencies
    /// by its nature; that it has no reserve is told elsewhere.
    pub const OF_THE_SCHEDULER: &'static [Self] = &[Self::UnhealthyPolicy, Self::CountStopping];

    /// A stable snake_case word.
    pub fn id(self) -> &'static str {
        match self {
            Self::UnhealthyPolicy => "unhealthy_policy",
            Self::CountStopping => "count_stopping",
            Self::EagerStop => "eager_stop",
            Self::CountExitAfterRunning => "count_exit_after_running",
            Self::SameRevisionReplacement => "same_revision_replacement",
            Self::SchedulerLag => "scheduler_lag",
            Self::RegistrationLatency => "registration_latency",
        }
    }

    /// What is taken, and what was tried instead.
    pub fn reading(self) -> &'static str {
        match self {
            Self::UnhealthyPolicy => "a replacement first; otherwise the unhealthy task goes first",
            Self::CountStopping => "stopping tasks count towards the upper bound; otherwise not",
            Self::EagerStop => {
                "old tasks go at once as far as the lower bound allows; otherwise not"
            }
            Self::CountExitAfterRunning => "the breaker counts exits after RUNNING; otherwise not",
            Self::SameRevisionReplacement => {
                "an old task is replaced by its own revision; otherwise by the new one"
            }
            Self::SchedulerLag => "0 s until the scheduler sees a change of health; otherwise 10 s",
            Self::RegistrationLatency => "0 s from registration to the checks; otherwise 5 s",
        }
    }

    /// The plan with it in its other position.
    fn flipped(self, plan: &EcsPlan) -> Plan {
        let mut plan = plan.clone();
        self.flip(&mut plan);
        Plan::Ecs(plan)
    }

    fn flip(self, plan: &mut EcsPlan) {
        let switches = &mut plan.switches;
        match self {
            Self::UnhealthyPolicy => {
                switches.unhealthy_policy = match switches.unhealthy_policy {
                    UnhealthyPolicy::ReplaceFirst => UnhealthyPolicy::StopFirst,
                    UnhealthyPolicy::StopFirst => UnhealthyPolicy::ReplaceFirst,
                };
            }
            Self::CountStopping => switches.count_stopping ^= true,
            Self::EagerStop => switches.eager_stop ^= true,
            Self::CountExitAfterRunning => switches.count_exit_after_running ^= true,
            Self::SameRevisionReplacement => switches.same_revision_replacement ^= true,
            Self::SchedulerLag => plan.lag_ms += LAG_MS,
            Self::RegistrationLatency => {
                for check in plan.target.iter_mut().chain(&mut plan.more_targets) {
                    check.registration_ms += REGISTRATION_MS;
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

fn share((completed, total): (u32, u32)) -> Share {
    match completed {
        0 => Share::None,
        all if all == total => Share::All,
        _ => Share::Some,
    }
}

/// Rollouts that are simulated for each reading.
const RUNS: u32 = 200;

impl Simulator {
    /// Switches whose other position changes whether none, some or all of the extreme rollouts
    /// complete at the startup time that must be covered.
    pub fn switches_that_matter(&mut self, plan: &Plan) -> Vec<Switch> {
        let plan = &with_startup(plan, target_ms(plan));
        let Plan::Ecs(ecs) = plan else { return Vec::new() };
        let base = share(self.corners(plan));
        let matters = |switch: &Switch| share(self.corners(&switch.flipped(ecs))) != base;
        Switch::OF_THE_SCHEDULER.iter().copied().filter(matters).collect()
    }

    /// Switches with whose other position the verdict is another one.
    pub fn verdict_rests_on(&mut self, plan: &Plan, sampling: Sampling) -> Vec<Switch> {
        let Plan::Ecs(ecs) = plan else { return Vec::new() };
        let few = Sampling { runs: sampling.runs.min(RUNS), ..sampling };
        let base = self.outlook(plan, few);
        let matters = |switch: &Switch| self.outlook(&switch.flipped(ecs), few) != base;
        Switch::ALL.iter().copied().filter(matters).collect()
    }
}
