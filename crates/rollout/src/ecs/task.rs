//! One task of the service, and what its checks say.

use std::fmt;

use crate::alb::{AlbChecker, Verdict};
use crate::docker::DockerMonitor;
use crate::draw::{NEVER_MS, Stream};
use crate::plan::{AlbCheck, EcsPlan, MORE_TARGETS_MAX, Merge};

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

/// Checker number of the container check. Load balancer nodes are numbered from 0, the further
/// target groups after them.
pub(super) const CONTAINER: u8 = 255;
/// Number of slots for load balancer nodes.
const NODES: usize = crate::plan::NODES_MAX as usize;
/// Number of slots for all checkers of load balancers.
const CHECKERS: usize = NODES + MORE_TARGETS_MAX;
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
    pub(super) replacement: Option<(usize, u32)>,
    /// It is stopped to make room for its own replacement; only one may be at a time.
    pub(super) making_room: bool,
    /// Number of its availability zone.
    pub(super) zone: u32,
    /// Its zone is not enabled at the load balancer: its target stays `unused`.
    pub(super) unused: bool,
    pub(super) checkers: [AlbChecker; CHECKERS],
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
        survived: false,
        doomed: false,
        counted: false,
        replacement: None,
        making_room: false,
        zone: 0,
        unused: false,
        checkers: [AlbChecker::FRESH; CHECKERS],
        monitor: DockerMonitor::FRESH,
    };

    /// Counts towards the desired number: launching or running, and not on its way out.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Launching | Stage::Running)
    }

    /// Sets the checks up. Times in the checkers count from RUNNING.
    pub(super) fn begin_checks(&mut self, plan: &EcsPlan, stream: &mut Stream) {
        for checker in 0..checker_count(plan) {
            if let Some(check) = target_check(plan, checker) {
                self.checkers[checker] = AlbChecker::new(check, stream);
            }
        }
        if let Some(check) = &plan.container {
            self.monitor = DockerMonitor::new(check);
        }
    }

    /// When a check that can pass does, in task-local time.
    fn up_for(&self, can_pass: bool) -> u64 {
        if can_pass { self.up_ms } else { NEVER_MS }
    }

    /// Next result of one checker, in task-local time.
    pub(super) fn next_check(&self, plan: &EcsPlan, checker: u8) -> Option<(u64, bool)> {
        if checker == CONTAINER {
            let check = plan.container.as_ref()?;
            return self.monitor.next(check, self.up_for(check.can_pass));
        }
        let checker = usize::from(checker);
        let check = target_check(plan, checker).filter(|_| !self.unused)?;
        self.checkers[checker].next(check, self.up_for(check.can_pass))
    }

    /// Takes a result and gives the merged verdict that follows.
    pub(super) fn apply_check(&mut self, plan: &EcsPlan, checker: u8, passed: bool) -> Verdict {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                self.monitor.apply(check, passed);
            }
        } else if let Some(check) = target_check(plan, usize::from(checker)) {
            self.checkers[usize::from(checker)].apply(check, passed);
        }
        self.merged(plan)
    }

    /// Passes over checks that cannot change anything.
    pub(super) fn skip_checks(&mut self, plan: &EcsPlan, checker: u8) {
        if checker == CONTAINER {
            if let Some(check) = &plan.container {
                let up_ms = self.up_for(check.can_pass);
                self.monitor.skip(check, up_ms);
            }
        } else if let Some(check) = target_check(plan, usize::from(checker)) {
            let up_ms = self.up_for(check.can_pass);
            self.checkers[usize::from(checker)].skip(check, up_ms);
        }
    }

    /// What the load balancer reports: over all its nodes for the first target group, and over all
    /// groups. One that says unhealthy is enough; healthy are all or none (2.2, 2.4).
    pub(super) fn target_verdict(&self, plan: &EcsPlan) -> Verdict {
        let Some(check) = &plan.target else { return Verdict::Healthy };
        if self.unused {
            return Verdict::Initial;
        }
        let nodes = node_count(plan);
        let first = merge(&self.checkers[..nodes], check.merge);
        if plan.more_targets.is_empty() {
            return first;
        }
        let further = &self.checkers[nodes..checker_count(plan)];
        both(first, merge(further, Merge::AnyUnhealthy))
    }

    /// Healthy when every check says so, unhealthy when one does (2.2, 2.4).
    fn merged(&self, plan: &EcsPlan) -> Verdict {
        let target = self.target_verdict(plan);
        let container = match plan.container {
            Some(_) => self.monitor.verdict(),
            None => Verdict::Healthy,
        };
        both(target, container)
    }
}

fn both(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Unhealthy, _) | (_, Verdict::Unhealthy) => Verdict::Unhealthy,
        (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
        _ => Verdict::Initial,
    }
}

fn merge(checkers: &[AlbChecker], rule: Merge) -> Verdict {
    let any = |wanted| checkers.iter().any(|one| one.verdict() == wanted);
    let all = |wanted| checkers.iter().all(|one| one.verdict() == wanted);
    let (unhealthy, healthy) = match rule {
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

/// Load balancer nodes whose checks of the first target group are followed.
fn node_count(plan: &EcsPlan) -> usize {
    plan.target.map_or(0, |check| usize::from(check.nodes).clamp(1, NODES))
}

/// Checkers of load balancers: the nodes, and one for each further target group.
pub(super) fn checker_count(plan: &EcsPlan) -> usize {
    match plan.target {
        Some(_) => node_count(plan) + plan.more_targets.len().min(MORE_TARGETS_MAX),
        None => 0,
    }
}

/// The check that a checker makes.
fn target_check(plan: &EcsPlan, checker: usize) -> Option<&AlbCheck> {
    match checker.checked_sub(node_count(plan)) {
        Some(further) => plan.more_targets.get(further),
        None => plan.target.as_ref(),
    }
}
