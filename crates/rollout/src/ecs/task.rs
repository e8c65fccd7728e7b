//! One task of the service, and what its checks say.

use std::fmt;

use crate::alb::{AlbChecker, Verdict};
use crate::docker::DockerMonitor;
use crate::draw::{NEVER_MS, Stream};
use crate::plan::{EcsPlan, Merge};

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

/// Checker number of the container check; load balancer nodes are numbered from 0.
pub(super) const CONTAINER: u8 = 255;
/// Number of slots for load balancer nodes.
const NODES: usize = crate::plan::NODES_MAX as usize;
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
    /// The decision has fallen and takes effect after the scheduler's lag.
    pub(super) doomed: bool,
    /// The breaker has counted it.
    pub(super) counted: bool,
    /// The task started to take its place.
    pub(super) replacement: Option<(usize, u32)>,
    /// It is stopped to make room for its own replacement; only one may be at a time.
    pub(super) making_room: bool,
    pub(super) nodes: [AlbChecker; NODES],
    pub(super) monitor: DockerMonitor,
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
        doomed: false,
        counted: false,
        replacement: None,
        making_room: false,
        nodes: [AlbChecker::FRESH; NODES],
        monitor: DockerMonitor::FRESH,
    };

    /// Counts towards the desired number: launching or running, and not on its way out.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Launching | Stage::Running)
    }

    /// Sets the checks up. Times in the checkers count from RUNNING.
    pub(super) fn begin_checks(&mut self, plan: &EcsPlan, stream: &mut Stream) {
        if let Some(check) = &plan.target {
            for node in 0..node_count(plan) {
                let phase_ms = check.phase.sample(check.interval_ms, stream);
                self.nodes[node] = AlbChecker::new(check, phase_ms);
            }
        }
        if let Some(check) = &plan.container {
            self.monitor = DockerMonitor::new(check);
        }
    }

    /// Next result of one checker, in task-local time.
    pub(super) fn next_check(&self, plan: &EcsPlan, checker: u8) -> Option<(u64, bool)> {
        if checker == CONTAINER {
            let check = plan.container.as_ref()?;
            return self.monitor.next(check, if check.can_pass { self.up_ms } else { NEVER_MS });
        }
        let check = plan.target.as_ref()?;
        let up_ms = if check.can_pass { self.up_ms } else { NEVER_MS };
        self.nodes[usize::from(checker)].next(check, up_ms)
    }

    /// Takes a result and gives the merged verdict that follows.
    pub(super) fn apply_check(&mut self, plan: &EcsPlan, checker: u8, passed: bool) -> Verdict {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                self.monitor.apply(check, passed);
            }
        } else if let Some(check) = &plan.target {
            self.nodes[usize::from(checker)].apply(check, passed);
        }
        self.merged(plan)
    }

    /// Passes over checks that cannot change anything.
    pub(super) fn skip_checks(&mut self, plan: &EcsPlan, checker: u8) {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                let up_ms = if check.can_pass { self.up_ms } else { NEVER_MS };
                self.monitor.skip(check, up_ms);
            }
        } else if let Some(check) = &plan.target {
            let up_ms = if check.can_pass { self.up_ms } else { NEVER_MS };
            self.nodes[usize::from(checker)].skip(check, up_ms);
        }
    }

    /// What the load balancer reports, over all its nodes.
    pub(super) fn target_verdict(&self, plan: &EcsPlan) -> Verdict {
        let Some(check) = &plan.target else { return Verdict::Healthy };
        let nodes = &self.nodes[..node_count(plan)];
        let any = |wanted| nodes.iter().any(|node| node.verdict() == wanted);
        let all = |wanted| nodes.iter().all(|node| node.verdict() == wanted);
        let (unhealthy, healthy) = match check.merge {
            Merge::AnyUnhealthy => (any(Verdict::Unhealthy), all(Verdict::Healthy)),
            Merge::AllUnhealthy => (all(Verdict::Unhealthy), any(Verdict::Healthy)),
        };
        if unhealthy {
            Verdict::Unhealthy
        } else if healthy {
            Verdict::Healthy
        } else {
            Verdict::Initial
        }
    }

    /// Healthy when every check says so, unhealthy when one does (2.2, 2.4).
    fn merged(&self, plan: &EcsPlan) -> Verdict {
        let target = self.target_verdict(plan);
        let container = match plan.container {
            Some(_) => self.monitor.verdict(),
            None => Verdict::Healthy,
        };
        match (target, container) {
            (Verdict::Unhealthy, _) | (_, Verdict::Unhealthy) => Verdict::Unhealthy,
            (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
            _ => Verdict::Initial,
        }
    }
}

/// Load balancer nodes whose checks are followed.
pub(super) fn node_count(plan: &EcsPlan) -> usize {
    plan.target.map_or(0, |check| usize::from(check.nodes).clamp(1, NODES))
}
